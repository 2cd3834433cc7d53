"""Cases 403 and 405, and the techniques they are made of: conductivity over fraction, and the line of a picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from miecsim.case import load_case
from miecsim.case.technique_composites import FractionSweep
from miecsim.errors import InputError
from miecsim.microstructure.generators import random_sites
from miecsim.microstructure.homogenise import line_of
from miecsim.microstructure.percolation import spanning_probability
from miecsim.microstructure.resolved import phase, resolved_system
from miecsim.microstructure.structure import Microstructure
from miecsim.physics.elements import Lumped
from miecsim.physics.layers import Junction
from miecsim.physics.models import mixed_conductor
from miecsim.physics.terminals import preset
from miecsim.plot.technique_fraction_sweep import technique_fraction_sweep
from miecsim.plot.technique_homogenise import technique_homogenise
from miecsim.run.experiments import run_experiment
from miecsim.run.microstructure import picture_of
from miecsim.system import System
from miecsim.techniques.fraction_sweep import fraction_sweep, power_law, spanning_half
from miecsim.techniques.homogenise import homogenise
from miecsim.techniques.record import TechniqueRecord

CASES = Path(__file__).resolve().parent.parent / "cases"
PERCOLATION, IMAGE = CASES / "403_percolation", CASES / "405_electrode_image"
SIGMA_EON, SIGMA_ION, R_CT = 1.9, 0.31, 0.013
SIGMA = {"ion": {"SE": SIGMA_ION}, "electron": {"AM": SIGMA_EON}}
FREQUENCY = np.array([1e4, 1e-2, 1.0, 3e2])  # in no order


def sites(shape: tuple[int, ...]) -> object:
    return lambda p, seed: random_sites(shape, 1e-6, p, seed, names=("AM", "SE"))


def bands(fraction: float, seed: int) -> Microstructure:
    """Straight bands from left to right: SE along the lower part."""
    labels = np.zeros((7, 20), dtype=int)
    labels[:, : round(20 * fraction)] = 1
    return Microstructure(labels, (1.3e-6, 0.7e-6), ("AM", "SE"))


def electrode(structure: Microstructure) -> System:
    phases = [phase("AM", sigma_eon=SIGMA_EON), phase("SE", sigma_ion=SIGMA_ION), phase("pore")]
    law = Junction(("AM", "SE"), "electron", Lumped(R=R_CT, C=0.2), to="ion")
    return resolved_system(structure, mixed_conductor(phases, junctions=(law,)), preset("battery"))


def strips(with_stump: bool) -> Microstructure:
    """Strips of AM and SE from left to right, a layer of pore below; in it, perhaps, a stump of AM at the right."""
    labels = np.tile(np.r_[2, 2, 2, np.zeros(4, int), np.ones(3, int)], (12, 1))
    if with_stump:
        labels[-3:, 1] = 0
    return Microstructure(labels, (1.7e-6, 0.7e-6), ("AM", "SE", "pore"))


# ------------------------------------------------------------------------------------------- conductivity over fraction


def test_pictures_span_as_often_as_the_exact_polynomial_says() -> None:
    fractions, seeds = (0.47, 0.63), range(250)
    record = fraction_sweep(sites((4, 4)), fractions, seeds, {"ion": {"SE": 1.0}})
    exact = spanning_probability(np.array(fractions), 4)
    error = np.sqrt(exact * (1 - exact) / len(seeds))
    assert np.all(np.abs(record.tables["ion"]["spanning"][0] - exact) < 3.5 * error)
    assert record.figure("threshold, ion").textbook == 0.5


def test_bands_conduct_in_proportion_and_have_no_threshold() -> None:
    record = fraction_sweep(bands, (0.2, 0.55, 0.9), (3, 4), SIGMA)
    for carrier, of in SIGMA.items():
        table = {name: values for name, (values, _) in record.tables[carrier].items()}
        pure = next(iter(of.values()))
        np.testing.assert_allclose(table["sigma"], pure * table["conducting"], rtol=1e-12)
        assert np.all(table["sigma error"] == 0) and np.all(table["spanning"] == 1) and np.all(table["dead_end"] == 0)
    np.testing.assert_allclose(record.tables["ion"]["conducting"][0], (0.2, 0.55, 0.9))
    np.testing.assert_allclose(record.tables["electron"]["conducting"][0], (0.8, 0.45, 0.1))
    assert not [c for c in record.compared if c.quantity.startswith(("threshold", "exponent"))]
    # bands lie on the parallel bound, above what the effective medium allows
    assert all(c.true > c.textbook for c in record.compared if c.quantity.startswith("sigma"))


def test_threshold_and_power_of_given_curves() -> None:
    x = np.array([0.7, 0.4, 0.6, 0.5])  # in no order, as those of the matrix
    assert spanning_half(x, np.array([1.0, 0.0, 0.75, 0.25])) == pytest.approx(0.55)
    assert spanning_half(x, np.ones(4)) is None and spanning_half(x, np.zeros(4)) is None
    phi = np.linspace(0.3, 0.9, 25)
    sigma = 2.7 * np.maximum(phi - 0.43, 0.0) ** 1.83
    found = power_law(phi, sigma, 0.43, (0.05, 0.3))
    assert found == pytest.approx((1.83, 2.7), rel=1e-9)
    assert power_law(phi, sigma, 0.43, (0.05, 0.09)) is None


def test_islands_and_dead_ends_are_counted() -> None:
    labels = np.zeros((6, 5), dtype=int)
    labels[:, 0] = 1  # through
    labels[2, 1] = 1  # dead end
    labels[3, 4] = labels[4, 4] = 1  # island
    record = fraction_sweep(lambda p, seed: Microstructure(labels, (1e-6,) * 2, ("AM", "SE")), (0.2, 0.3), (0,), SIGMA)
    table = {name: values[0] for name, (values, _) in record.tables["ion"].items()}
    assert (table["percolating"], table["dead_end"], table["isolated"]) == pytest.approx((7 / 9, 1 / 9, 2 / 9))
    assert table["sigma"] == pytest.approx(SIGMA_ION / 5)


@pytest.mark.parametrize(("fractions", "seeds"), [((0.5,), (1,)), ((0.6, 0.5), (1,)), ((0.5, 0.6), ())])
def test_a_sweep_needs_rising_fractions_and_seeds(fractions: tuple[float, ...], seeds: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="two rising fractions or more, and one seed"):
        fraction_sweep(bands, fractions, seeds, SIGMA)


# ------------------------------------------------------------------------------------------------ the line of a picture


def test_the_record_of_strips_in_closed_form() -> None:
    """On n = cells/2 voxels of a strip the mean drop of even currents is n h/sigma (1/3 + 1/(6 n^2))."""
    h, labels = 0.7e-6, np.tile(np.r_[np.zeros(4, int), np.ones(6, int)], (12, 1))
    structure = Microstructure(labels, (1.7e-6, h), ("AM", "SE", "pore"), (1,))
    record = homogenise(electrode(structure), structure, SIGMA, FREQUENCY)
    spread = sum(n * h / s * (1 / 3 + 1 / (6 * n**2)) for n, s in ((2, SIGMA_EON), (3, SIGMA_ION)))
    transfer = record.figure("charge_transfer")
    assert transfer.textbook == pytest.approx(R_CT, rel=1e-6)
    assert transfer.true - transfer.textbook == pytest.approx(spread, rel=1e-4)
    assert record.figure("sigma_ion").true == pytest.approx(0.6 * SIGMA_ION)
    assert record.figure("sigma_ion").textbook == pytest.approx(0.2 * SIGMA_ION)  # an effective medium, 2 phi - 1
    assert record.figure("area_density").true == pytest.approx(2 / (10 * h))
    table = {name: values for name, (values, _) in record.tables["spectrum"].items()}
    assert list(table["frequency"]) == sorted(FREQUENCY)
    Z, line = (table[f"{name} real"] + 1j * table[f"{name} imaginary"] for name in ("Z", "line"))
    np.testing.assert_allclose(table["error"], np.abs(line / Z - 1), rtol=1e-12)
    largest = record.figure("largest_error", "line with the closure")
    assert largest.error == largest.textbook == table["error closure"].max()
    assert table["error closure"][0] < 0.1 * table["error"][0]


def test_what_touches_a_side_alone_has_no_part_in_the_spreading() -> None:
    """A stump of active material at the collector that meets no electrolyte draws no current: nothing changes."""
    lines = [line_of(electrode(s), s) for s in (strips(False), strips(True))]
    np.testing.assert_allclose(
        lines[1].constriction(np.array([1.0, 1e5])), lines[0].constriction(np.array([1.0, 1e5])), rtol=1e-6
    )
    assert lines[0].constriction(np.array([1.0]))[0].real > 0
    assert lines[1].fraction_eon > lines[0].fraction_eon


# ---------------------------------------------------------------------------------------------------------- the figures


def sponge_record() -> TechniqueRecord:
    structure = strips(True)
    return homogenise(electrode(structure), structure, SIGMA, np.logspace(-2, 5, 15))


def test_the_figure_of_a_line_is_a_nyquist_plot_over_errors() -> None:
    upper, lower = technique_homogenise(sponge_record()).axes
    assert upper.get_aspect() == 1.0 and lower.get_xscale() == lower.get_yscale() == "log"
    assert lower.get_xlim() == pytest.approx((1e-2, 1e5))
    assert len(lower.get_lines()) == 2 and "Ω cm²" in upper.get_xlabel()


def test_the_figure_of_a_sweep_has_both_carriers() -> None:
    record = fraction_sweep(sites((14, 14)), (0.3, 0.5, 0.62, 0.7, 0.8, 0.95), range(3), SIGMA, threshold=0.592746)
    upper, lower, scaling = technique_fraction_sweep(record).axes
    assert len(lower.get_lines()) == 6 and upper.get_ylim()[1] > 1.0
    assert scaling.get_xscale() == "log" and upper.get_ylabel() == "σ / σ of the pure phase"


def test_figures_refuse_the_record_of_another_technique() -> None:
    with pytest.raises(InputError, match='figure of a sweep of fractions: read a record of "homogenise"'):
        technique_fraction_sweep(sponge_record())
    with pytest.raises(InputError, match="figure of homogenisation"):
        technique_homogenise(fraction_sweep(bands, (0.2, 0.3), (0,), SIGMA))


# ------------------------------------------------------------------------------------------------------------ the cases


def spoilt(tmp_path: Path, *changes: tuple[str, str]) -> Path:
    text = (PERCOLATION / "case.toml").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    (tmp_path / "case.toml").write_text(text, encoding="utf-8")
    return tmp_path


LINE = """[[experiment]]
name = "line"
technique = "homogenise"
terminals = "battery"
frequency = { values = ["1 Hz"] }

[[check]]"""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ([("fractions = [0.2, 0.3,", "fractions = [0.3, 0.2,")], "square.fractions: read fractions that do not rise"),
        ([("window = [0.04, 0.2]", "window = [0.2, 0.04]")], "cubic.window: read an end at or below the beginning"),
        (
            [('kind = "random_sites"', 'kind = "graded"'), ("fraction = 0.68", "profile = [0.5, 0.7]")],
            '"fraction_sweep" of kind "graded"; expected a picture of random_sites',
        ),
        (
            [("[[check]]", LINE + "\n[[check]]"), ('to = "ion"\n', ""), ('"electron"\nlaw', '"ion"\nlaw')],
            "laws from car",
        ),
    ],
)
def test_mistakes_in_these_experiments_are_told(tmp_path: Path, changes: list[tuple[str, str]], message: str) -> None:
    with pytest.raises(InputError) as told:
        load_case(spoilt(tmp_path, *changes))
    assert any(message in line for line in str(told.value).splitlines())


def test_seeds_of_a_sweep_begin_with_that_of_the_picture() -> None:
    """Fractions of one seed are nested, and the first is the picture of the case itself."""
    overrides = ["experiment.square.fractions=[0.6,0.68]", "experiment.square.seeds=1", "microstructure.voxels=[9,9]"]
    case = load_case(PERCOLATION, overrides)
    assert isinstance(case.experiments[0].parameters, FractionSweep)
    record = run_experiment(case, "square", lambda *_: None)[0].record
    own = picture_of(case.for_experiment("square"))
    assert record.tables["ion"]["conducting"][0][1] == pytest.approx(own.fraction("SE"))
    assert record.tables["ion"]["conducting"][0][0] <= own.fraction("SE")


def test_without_the_picture_the_case_says_so_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIECSIM_DATA", str(tmp_path))
    with pytest.raises(InputError) as told:
        load_case(IMAGE)
    lines = str(told.value).splitlines()
    assert "which is not there" in lines[0] and "electrode.tiff" in lines[0]
    monkeypatch.delenv("MIECSIM_DATA")
    with pytest.raises(InputError, match="while MIECSIM_DATA is not set"):
        load_case(IMAGE)


def test_section_and_volume_are_those_that_the_readme_describes(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not (data_dir / "micro" / "taufactor" / "electrode.tiff").is_file():
        pytest.skip("no electrode.tiff in the folder of data")
    monkeypatch.setenv("MIECSIM_DATA", str(data_dir))
    case = load_case(IMAGE)
    section, volume = (picture_of(case.for_experiment(name)) for name in ("section_transport", "volume_transport"))
    assert (section.shape, volume.shape) == ((128, 128), (18, 18, 18))
    assert section.extent == pytest.approx((100e-6, 100e-6)) and volume.extent == pytest.approx((28.125e-6,) * 3)
    for structure, shares in ((section, (0.554897, 0.625711)), (volume, (0.998839, 0.998461))):
        for names, share in zip((("pore",), ("NMC", "CBD")), shares, strict=True):
            mask = np.isin(structure.labels, [structure.index(name) for name in names])
            number = ndimage.label(mask)[0]
            through = np.setdiff1d(np.intersect1d(number[0], number[-1]), [0])
            assert np.isin(number, through).sum() / mask.sum() == pytest.approx(share, abs=2e-6)
