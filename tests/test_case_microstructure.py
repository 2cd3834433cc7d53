"""Cases on a microstructure: what the file may say, what runs, what is stored and drawn."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from miecsim.case import Case, case_from_text, load_case
from miecsim.commands.files import figures_of
from miecsim.errors import InputError
from miecsim.microstructure.images import write_image
from miecsim.microstructure.structure import Microstructure
from miecsim.results import RunRecord, read_result, write_result
from miecsim.results.summary import summary_dict
from miecsim.run.microstructure import picture_of
from miecsim.run.run import run_case
from miecsim.techniques.record import TechniqueRecord

HEAD = """
title = "a picture"
model = "microstructure"
source = "made up"
temperature = "25 degC"
area = "per area"
"""
LAMINATE = """
[microstructure]
kind = "laminate"
voxels = [26, 6]
voxel = ["1.7 um", "0.9 um"]
phases = ["AM", "SE"]
fractions = [0.5, 0.5]
period = "1.8 um"
angle = 90.0
periodic = ["y"]
"""
DISCS = """
[microstructure]
kind = "packed_discs"
voxels = [40, 30]
voxel = "0.5 um"
matrix = "SE"
particle = "AM"
fraction = 0.55
diameter = "4 um"
overlap = 0.3
seed = 11
periodic = ["y"]
left = { phase = "SE", thickness = "2 um" }
right = { phase = "AM", thickness = "1 um" }
"""
PHASES = """
[[phase]]
name = "AM"
sigma_eon = "1.9 S/m"

[[phase]]
name = "SE"
sigma_ion = "0.31 S/m"

[[interface]]
between = ["AM", "SE"]
carrier = "electron"
to = "ion"
law = "r_c"
R = "0.013 ohm*m^2"
C = "0.2 F/m^2"
"""
STUDY = """
[[study]]
name = "battery"
terminals = "battery"
frequency = { from = "100 kHz", to = "10 mHz", points_per_decade = 1 }
profiles = ["10 mHz", "10 Hz", "100 kHz"]
reference = "none"
method = "sparse"
attribution = true
"""


def case_of(*parts: str, file: str = "case.toml") -> Case:
    return case_from_text("\n".join((HEAD, *parts)), file)


@pytest.fixture(scope="module")
def discs() -> RunRecord:
    paths = '[[experiment]]\nname = "paths"\ntechnique = "optimal_paths"'
    transport = '[[experiment]]\nname = "flow"\ntechnique = "effective_transport"\naxes = ["x", "y"]'
    return run_case(case_of(DISCS, PHASES, STUDY, transport, paths))


def test_layers_of_one_voxel_are_the_line_of_a_composite() -> None:
    """A laminate along x, each layer one voxel thick and repeated along y, is a two-rail line: every element of the
    one is an element of the other, the halves of a voxel in series with the interface."""
    h, hy = 1.7e-6, 0.9e-6
    series = hy / 2 * (1 / 1.9 + 1 / 0.31)
    line = f"""
title = "the line"
model = "composite_electrode"
source = "made up"
temperature = "25 degC"
area = "per area"
[grid]
dimension = 1
cells = 26
[[layer]]
name = "composite"
thickness = "{26 * h!r} m"
ion = {{ conductivity = "0.155 S/m" }}
electron = {{ conductivity = "0.95 S/m" }}
[layer.interface]
area_density = "{1 / hy!r} 1/m"
law = "r_c"
R = "0.013 ohm*m^2"
C = "0.2 F/m^2"
Rs = "{series!r} ohm*m^2"
"""
    study = STUDY.replace('method = "sparse"\n', "")
    one = run_case(case_of(LAMINATE, PHASES, STUDY)).studies[0]
    other = run_case(case_from_text(line + study, "line.toml")).studies[0]
    np.testing.assert_allclose(one.Z, other.Z, rtol=1e-9)
    assert one.summary["R_dc"].value == pytest.approx(other.summary["R_dc"].value, rel=1e-9)
    # all of the direct current passes from electrons to ions, half of each interface counted to either voxel
    electrons = one.fields["phase"][0] == 0
    reaction = np.sum(one.fields["reaction_0.01Hz"][0][electrons]) * h / 6  # a voxel of six, per m2
    assert reaction == pytest.approx(1 / one.summary["R_dc"].value, rel=1e-5)


def test_currents_are_the_same_through_every_cross_section(discs: RunRecord) -> None:
    study = discs.studies[0]
    shape = (46, 30)
    for f, Z in zip(study.profile_frequency, _at(study.frequency, study.Z, study.profile_frequency), strict=True):
        total = sum(
            study.fields[f"current_{rail}_x_{f:.4g}Hz"][0].reshape(shape, order="F") for rail in ("ion", "electron")
        )
        np.testing.assert_allclose(total.mean(axis=1)[1:-1], (1 / Z).real, rtol=1e-9)
        size = np.hypot(*(study.fields[f"current_ion_{x}_{f:.4g}Hz"][0] for x in "xy"))
        assert np.all(size <= study.fields[f"current_ion_{f:.4g}Hz"][0] * (1 + 1e-12))


def test_shares_of_the_voxels_add_up_to_one(discs: RunRecord) -> None:
    study = discs.studies[0]
    for f in study.profile_frequency:
        assert np.sum(study.fields[f"share_{f:.4g}Hz"][0]) == pytest.approx(1.0, abs=1e-9)


def test_reaction_is_where_phases_meet_and_carries_the_current(discs: RunRecord) -> None:
    """With direct current all of it passes from electrons to ions; half of each interface belongs to either voxel."""
    study = discs.studies[0]
    phase = study.fields["phase"][0].reshape((46, 30), order="F")
    reaction = study.fields["reaction_0.01Hz"][0].reshape((46, 30), order="F")
    beside = np.zeros(phase.shape, dtype=bool)
    for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
        moved = np.roll(phase, step, axis)
        differs = moved != phase
        if axis == 0:
            differs[0 if step == 1 else -1] = False
        beside |= differs
    assert not np.any(reaction[~beside])
    volume = (0.5e-6) ** 2 / 15e-6  # of a voxel, per m2 of the electrode
    through = 1 / study.summary["R_dc"].value
    in_phase = float(np.sum(reaction[phase == 0])) * volume
    assert in_phase >= through * (1 - 1e-6)  # the moduli of local currents, of both signs, on floating particles


def test_figures_of_the_picture(discs: RunRecord) -> None:
    summary = discs.studies[0].summary
    labels = discs.studies[0].fields["phase"][0]
    assert summary["volume_fraction.AM"].value == pytest.approx(np.mean(labels == 0), abs=1e-15)
    assert summary["volume_fraction.AM"].value + summary["volume_fraction.SE"].value == pytest.approx(1.0)
    assert 1.0 < summary["staircase_ratio.AM-SE"].value < 1.45
    assert 0.0 < summary["active_share.AM-SE"].value <= 1.0
    assert "R_ion" not in summary


def test_run_is_stored_and_read_back(discs: RunRecord, tmp_path: Path) -> None:
    write_result(tmp_path / "result.h5", discs)
    found = read_result(tmp_path / "result.h5")
    assert found.experiments[1].record.figure("L_ion").true == discs.experiments[1].record.figure("L_ion").true
    with h5py.File(tmp_path / "result.h5") as file:
        cells = file["VTKHDF/CellData"]
        for name in ("phase", "reaction_10Hz", "share_10Hz", "current_ion_10Hz", "ion_real_10Hz"):
            assert cells[f"battery:{name}"].shape == (46 * 30,)
        assert file["VTKHDF/NumberOfCells"][0] == 46 * 30
    assert summary_dict(found)["studies"]["battery"]["summary"]["percolating.ion"]["unit"] == "1"


def test_every_figure_can_be_drawn(discs: RunRecord) -> None:
    figures = figures_of(discs)
    names = {"battery_picture", "battery_currents", "battery_reaction", "battery_shares", "flow_effective_transport"}
    names |= {"paths_optimal_paths", "paths_optimal_paths_maps"}
    assert names <= set(figures)
    for name in ("battery_picture", "battery_currents", "flow_effective_transport"):
        figure = figures[name]()
        assert all(axes.get_xlabel() for axes in figure.axes[-1:])


def test_checkerboards_converge_at_their_known_orders() -> None:
    """(8/pi) atan(contrast^-1/2), from below: 1.57, 1.18, 0.78."""
    for contrast, allowed in ((2, 0.05), (4, 0.03), (10, 0.06)):
        errors = [np.sqrt(contrast) - _checkerboard(contrast, pixels) for pixels in (8, 16, 32)]
        order = 8 / np.pi * np.arctan(contrast**-0.5)
        found = np.log2(np.array(errors[:-1]) / errors[1:])
        assert np.all(np.array(errors) > 0) and np.all(np.diff(np.abs(found - order)) < 0)
        assert found[-1] == pytest.approx(order, abs=allowed)


def test_a_laminate_at_45_degrees_approaches_its_exact_tensor_at_first_order() -> None:
    """The error is in the stairs alone, and exactly proportional to the voxel: two pictures give the tensor."""
    found = {n: _turned(n) for n in (20, 60)}
    across, along = 1 / (0.4 / 1.3 + 0.6 / 0.17), 0.4 * 1.3 + 0.6 * 0.17
    for what, exact in (("sigma_ion, x", (across + along) / 2), ("sigma_ion, xy", (across - along) / 2)):
        coarse, fine = (found[n].figure(what).true for n in (20, 60))
        assert (3 * fine - coarse) / 2 == pytest.approx(exact, rel=1e-10)
        assert abs(fine - exact) > 1e-3 * abs(exact)


def _turned(n: int) -> TechniqueRecord:
    text = f"""
[microstructure]
kind = "laminate"
voxels = [{n}, {n}]
voxel = "1 um"
phases = ["A", "B"]
fractions = [0.4, 0.6]
period = "{n / 2**0.5!r} um"
angle = 45.0
offset = 0.003
[[phase]]
name = "A"
sigma_ion = "1.3 S/m"
[[phase]]
name = "B"
sigma_ion = "0.17 S/m"
[[experiment]]
name = "cell"
technique = "effective_transport"
cell_problem = true
"""
    return run_case(case_of(text)).experiments[0].record


def _checkerboard(contrast: float, pixels: int) -> float:
    text = f"""
[microstructure]
kind = "checkerboard"
voxels = [{2 * pixels}, {2 * pixels}]
voxel = "1 um"
phases = ["A", "B"]
pixels = {pixels}
[[phase]]
name = "A"
sigma_ion = "1 S/m"
[[phase]]
name = "B"
sigma_ion = "{contrast} S/m"
[[experiment]]
name = "cell"
technique = "effective_transport"
cell_problem = true
"""
    (experiment,) = run_case(case_of(text)).experiments
    return experiment.record.figure("sigma_ion, x").true


def _at(frequency: Any, Z: Any, wanted: Any) -> list[complex]:
    return [complex(Z[np.argmin(np.abs(np.log(frequency / f)))]) for f in wanted]


# ------------------------------------------------------------------------------------------------ pictures

IMAGE = """
[microstructure]
kind = "image"
file = "picture.png"
voxel = "0.5 um"
grey = { AM = 255, SE = 0 }
"""


def picture(folder: Path, seed: int = 3) -> Microstructure:
    labels = (np.random.default_rng(seed).random((12, 8)) < 0.5).astype(np.uint8)
    found = Microstructure(labels, (0.5e-6, 0.5e-6), ("SE", "AM"))
    write_image(found, folder / "picture.png")
    return found


def test_images_are_read_and_edited(tmp_path: Path) -> None:
    source = picture(tmp_path)
    edits = 'crop = [[2, 12], [0, 6]]\nmirrored = ["y"]\nright = { phase = "AM", thickness = "1 um" }'
    own = case_of(IMAGE, edits, PHASES, STUDY, file=str(tmp_path / "case.toml"))
    found = picture_of(own)
    assert found.names == ("AM", "SE") and found.periodic == (1,) and found.shape == (12, 12)
    np.testing.assert_array_equal(found.labels[:10, :6], 1 - source.labels[2:, :6])
    np.testing.assert_array_equal(found.labels[:10, :5:-1], found.labels[:10, :6])
    assert np.all(found.labels[10:] == 0)


def test_an_image_with_other_contents_is_another_input(tmp_path: Path) -> None:
    picture(tmp_path)
    (tmp_path / "case.toml").write_text(HEAD + IMAGE + PHASES + STUDY, encoding="utf-8")
    before = load_case(tmp_path).input_hash
    assert load_case(tmp_path).input_hash == before
    picture(tmp_path, seed=4)
    assert load_case(tmp_path).input_hash != before


def test_data_folder_is_named_by_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "micro").mkdir()
    picture(tmp_path / "micro")
    text = IMAGE.replace("picture.png", "$MIECSIM_DATA/micro/picture.png")
    monkeypatch.setenv("MIECSIM_DATA", str(tmp_path))
    assert picture_of(case_of(text, PHASES, STUDY)).shape == (12, 8)
    monkeypatch.delenv("MIECSIM_DATA")
    with pytest.raises(InputError, match="while MIECSIM_DATA is not set; expected that variable"):
        case_of(text, PHASES, STUDY)


def test_coats_and_cracks() -> None:
    shell = PHASES + '[[phase]]\nname = "film"\nsigma_ion = "1e-4 S/m"\n[[phase]]\nname = "void"\n'
    edits = 'coating = { phase = "AM", shell = "film", thickness = "0.6 um" }\n'
    edits += 'cracks = { phase = "AM", filled_with = "void", fragment = "2 um", width = "0.5 um", seed = 5 }'
    bare, made = (picture_of(case_of(DISCS, e, shell, STUDY)) for e in ("", edits))
    assert made.fraction("film") > 0.1 and made.fraction("void") > 0.05 and bare.fraction("film") == 0.0
    assert not np.any(made.where("film") & bare.where("AM")) and not np.any(made.where("void") & bare.where("SE"))


# ------------------------------------------------------------------------------------------------ mistakes

BASE = HEAD + DISCS + PHASES + STUDY
MISTAKES = [
    (
        'kind = "packed_discs"',
        'kind = "packed_disks"',
        'microstructure.kind: read "packed_disks"; expected one of image,',
    ),
    ('particle = "AM"', 'particle = "MA"', 'microstructure.particle: read "MA"; expected the name of a phase'),
    ('phase = "SE", thickness', 'phase = "SEE", thickness', 'microstructure.left.phase: read "SEE"; expected the name'),
    ("voxels = [40, 30]", "voxels = [40, 30, 9]", "microstructure.voxels: read 3 numbers; expected 2 for packed_discs"),
    ("voxels = [40, 30]", "voxels = [40000, 30000]", "microstructure.voxels: read 1200000000 voxels in all; expected"),
    ('periodic = ["y"]', 'periodic = ["x"]', 'microstructure.periodic: read "x"; expected "y" or "z"'),
    ("overlap = 0.3", "overlapp = 0.3", "microstructure.overlapp: read an unknown key; expected one of"),
    ('sigma_eon = "1.9 S/m"', 'sigma_eon = "1.9 S"', 'phase.AM.sigma_eon: read "1.9 S" (a conductance); expected'),
    (
        'sigma_eon = "1.9 S/m"',
        "",
        "phase.AM.sigma_eon: read nothing (the key is missing); expected a conductivity, for",
    ),
    ('to = "ion"', "", "interface.0.to: read nothing (the key is missing); expected the carrier of SE to which"),
    ('between = ["AM", "SE"]', 'between = ["AM", "SO"]', 'interface.0.between.1: read "SO"; expected one of AM, SE'),
    ('R = "0.013 ohm*m^2"', 'R = "0.013 ohm"', 'interface.0.R: read "0.013 ohm" (a resistance); expected a resistance'),
    ('reference = "none"', 'reference = "two_rail"', 'study.battery.reference: read "two_rail"; expected "none"'),
    ('method = "sparse"', 'method = "spars"', 'study.battery.method: read "spars"; expected one of auto, sparse,'),
    ('terminals = "battery"', 'terminals = "full_cell"', 'study.battery.terminals: read "full_cell"; expected one of'),
    (
        "[microstructure]",
        "[grid]\ndimension = 2\n[microstructure]",
        "grid: read an unknown key; expected one of title,",
    ),
]


@pytest.mark.parametrize(("old", "new", "told"), MISTAKES, ids=[told.split(":")[0] for *_, told in MISTAKES])
def test_a_mistake_is_one_clear_line(old: str, new: str, told: str) -> None:
    assert old in BASE
    with pytest.raises(InputError) as error:
        case_from_text(BASE.replace(old, new, 1), "case.toml")
    lines = str(error.value).split("\n")
    assert any(line.startswith(f"case.toml: {told}") for line in lines), lines


def test_contact_where_the_carrier_is_not_there_is_told_when_it_runs() -> None:
    text = BASE.replace('left = { phase = "SE", thickness = "2 um" }', 'left = { phase = "AM", thickness = "2 um" }')
    with pytest.raises(InputError, match="contact of ion at the left side: this carrier is absent there"):
        run_case(case_from_text(text, "case.toml"))


def test_missing_image_is_told_with_the_nearest_file(tmp_path: Path) -> None:
    picture(tmp_path)
    text = HEAD + IMAGE.replace("picture.png", "pictur.png") + PHASES + STUDY
    told = (
        'microstructure.file: read "pictur.png", which is not there; expected an image in .*; did you mean picture.png'
    )
    with pytest.raises(InputError, match=told):
        case_from_text(text, str(tmp_path / "case.toml"))
    with pytest.raises(InputError, match="outside the directory of the case"):
        case_from_text(text.replace("pictur.png", "../picture.png"), str(tmp_path / "case.toml"))
