"""Cases on pictures: contacts on patches of a side, carriers in their own field, and how large a picture must be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from miecsim.case import Case, case_from_text
from miecsim.circuit.extract import netlist_of
from miecsim.circuit.nodal import netlist_impedance
from miecsim.commands.files import figures_of
from miecsim.errors import InputError
from miecsim.grid.patches import Patch
from miecsim.microstructure.resolved import phase, resolved_system
from miecsim.microstructure.structure import Microstructure
from miecsim.physics.elements import Lumped, Reversible
from miecsim.physics.layers import ConductorLayer
from miecsim.physics.models import mixed_conductor
from miecsim.physics.terminals import Contact, Terminal, Wiring
from miecsim.plot.technique_volumes import technique_volumes
from miecsim.results import RunRecord
from miecsim.run.build import system_of
from miecsim.run.microstructure import picture_grid
from miecsim.run.run import operating_point, run_case
from miecsim.solvers.impedance import impedance
from miecsim.solvers.rest import rest_point

EXAMPLES = Path(__file__).parent / "case_examples"
FREQUENCY = np.logspace(-1, 7, 9)
h = 1.3e-6


BOTH = {"sigma_ion": 0.07, "sigma_eon": 2.1, "chemical_capacitance": 3.3e6}
PHASES = [phase("a", **BOTH), phase("b", 0.31, 0.004, 1.7e5), phase("pore")]


def wired(left: tuple[str, ...], law: Lumped | Reversible) -> Wiring:
    ions = tuple(Contact(side, "ion", law) for side in left)
    return Wiring((Terminal("A", ions), Terminal("B", (Contact("right", "electron", Reversible()),))))


def mixed_picture() -> Microstructure:
    """Two mixed conductors at random."""
    return Microstructure(np.random.default_rng(5).choice(2, size=(9, 8)), (h, 0.9e-6), ("a", "b", "pore"))


def spectrum(structure: Microstructure, wiring: Wiring, *patches: Patch, more: tuple[ConductorLayer, ...] = ()) -> Any:
    model = mixed_conductor([*PHASES, *more])
    return impedance(rest_point(resolved_system(structure, model, wiring, area=2.2, patches=patches)), FREQUENCY).Z


# ----------------------------------------------------------------------------------------------- patches


def test_a_patch_on_half_a_side_is_a_side_half_blocked_by_a_phase() -> None:
    """In place of the patch a column of voxels before the whole left side: one half pores, the other so conductive that
    it is one electrode."""
    own = mixed_picture()
    film = np.full((1, 8), 2)
    film[0, 4:] = 3
    covered = Microstructure(np.concatenate([film, own.labels]), own.voxel, (*own.names, "film"))
    conductive = phase("film", sigma_ion=1e9)
    blocked = spectrum(covered, wired(("left",), Reversible()), more=(conductive,))
    half = Patch("half", "left", 4 * own.voxel[1], 8 * own.voxel[1])
    patched = spectrum(own, wired(("half",), Reversible()), half)
    np.testing.assert_allclose(patched, blocked, rtol=1e-8)
    assert np.max(np.abs(patched / spectrum(own, wired(("left",), Reversible())) - 1)) > 0.1


def test_patches_that_make_up_a_side_are_the_side() -> None:
    law, own = Lumped(R=0.002, C=0.3), mixed_picture()
    patches = Patch("low", "left", 0.0, 3 * own.voxel[1]), Patch("high", "left", 6 * own.voxel[1], 8 * own.voxel[1])
    whole = spectrum(own, wired(("left",), law))
    parts = spectrum(own, wired(("low", "left", "high"), law), *patches)
    np.testing.assert_allclose(parts, whole, rtol=1e-12)


def test_a_patch_on_a_side_that_the_picture_does_not_have() -> None:
    wiring = wired(("left",), Lumped(R=1.0))
    wrapped = Microstructure(mixed_picture().labels, (h, h), ("a", "b", "pore"), (1,))
    with pytest.raises(InputError, match="patch tip: the grid has no top side; it has left, right$"):
        spectrum(wrapped, wiring, Patch("tip", "top", h, 2 * h))
    with pytest.raises(InputError, match="patch tip: the front of a grid of dimension 2 cannot hold a patch"):
        spectrum(mixed_picture(), wiring, Patch("tip", "front", h, 2 * h))


HEAD = """
title = "a picture"
model = "microstructure"
source = "made up"
temperature = "25 degC"
area = "per area"
"""
STUDY = """
[[study]]
name = "s"
terminals = "custom"
frequency = { from = "10 MHz", to = "1 Hz", points_per_decade = 1 }
profiles = ["10 Hz", "1 kHz", "1 MHz"]
reference = "none"
attribution = true
"""


def contacts(side: str, *carriers: str) -> str:
    each = ", ".join(f'{{ side = "{side}", carrier = "{carrier}", law = "reversible" }}' for carrier in carriers)
    return f'[[study.terminal]]\nname = "{side}"\ncontacts = [{each}]\n'


SITES = """
[microstructure]
kind = "random_sites"
voxels = [12, 10]
voxel = "0.5 um"
matrix = "SE"
particle = "AM"
fraction = 0.4
seed = 2
[[phase]]
name = "SE"
sigma_ion = "0.31 S/m"
[[phase]]
name = "AM"
sigma_ion = "0.02 S/m"
[[patch]]
name = "tip"
side = "left"
start = "1 um"
stop = "2.5 um"
"""
PATCHED = HEAD + SITES + STUDY + contacts("tip", "ion") + contacts("right", "ion")


def test_contacts_of_a_case_lie_on_its_patches() -> None:
    case = case_from_text(PATCHED, "case.toml")
    sides = picture_grid(case).sides
    assert (sides["tip"].cells.size, sides["left"].cells.size) == (3, 7)
    study = run_case(case).studies[0]
    i_x = study.fields["current_ion_x_10Hz"][0].reshape((12, 10), order="F")
    np.testing.assert_allclose(i_x[1:-1].mean(axis=1), 1 / study.summary["R_dc"].value, rtol=1e-9)
    assert np.argmax(i_x[0]) in (2, 3, 4)
    whole = PATCHED.replace("1 um", "0 um").replace('stop = "2.5 um"', 'stop = "4.5 um"')  # nine voxels of ten
    assert study.Z[0].real > 1.04 * run_case(case_from_text(whole, "case.toml")).studies[0].Z[0].real


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('side = "left"', 'side = "lefft"', 'patch.tip.side: read "lefft"; expected one of left, right, bottom, top,'),
        ('"2.5 um"', '"0.5 um"', 'patch.tip.stop: read "0.5 um"; expected an end after the start, "1 um"'),
        ('"2.5 um"', '["2.5 um", "1 um"]', "patch.tip.stop: read 2 ends; expected as many as start has, 1"),
        ('name = "tip"', 'name = "left"', 'patch.left.name: read "left"; expected another name (left has a meaning'),
        (
            'side = "tip"',
            'side = "tipp"',
            'study.s.terminal.tip.contacts.0.side: read "tipp"; expected one of left, right, bottom, top, front, back, '
            "tip, or the name of a [[patch]]; did you mean tip?",
        ),
    ],
)
def test_a_mistake_about_a_patch_is_one_clear_line(old: str, new: str, told: str) -> None:
    assert old in PATCHED
    with pytest.raises(InputError) as error:
        case_from_text(PATCHED.replace(old, new, 1), "case.toml")
    assert any(line.startswith(f"case.toml: {told}") for line in str(error.value).split("\n")), str(error.value)


def test_a_patch_that_does_not_fit_the_picture_is_told_when_it_runs() -> None:
    with pytest.raises(InputError, match="^case.toml: patch tip: read an end at 2.6e-06 m; ends lie between cells"):
        run_case(case_from_text(PATCHED.replace("2.5 um", "2.6 um"), "case.toml"))


# -------------------------------------------------------------------------------- carriers in their own field


def medium(kind: str, name: str, ions: float, more: str = "") -> str:
    """A layer or a phase of ions on sites and of electrons."""
    carrier = f"""
[[{kind}.carrier]]
name = "{{}}"
charge = {{}}
concentration = "{ions} mol/m^3"
mobile = true
"""
    lattice = 'diffusivity = "7e-13 m^2/s"\nstatistics = "lattice_gas"\nsite_density = "11 mol/m^3"\n'
    dilute = 'diffusivity = "2e-12 m^2/s"\nstatistics = "dilute"\n'
    head = f'[[{kind}]]\nname = "{name}"\nfixed_charge = "neutralise"\npermittivity = "3e-10 F/m"\n{more}'
    return head + carrier.format("ion", 1) + lattice + carrier.format("electron", -1) + dilute


ACROSS = """
[[interface]]
between = ["A", "B"]
carrier = "ion"
law = "r_c"
R = "2e-3 ohm*m^2"
C = "3e-2 F/m^2"
"""
ALL = ("potential", "ion", "electron")
SLABS = """
[microstructure]
kind = "laminate"
voxels = [20, 3]
voxel = "4 nm"
phases = ["A", "B"]
fractions = [0.5, 0.5]
period = "80 nm"
"""


WIRES = contacts("left", *ALL) + contacts("right", *ALL)
PHASED = HEAD + SLABS + medium("phase", "A", 5.0) + medium("phase", "B", 3.0) + ACROSS + STUDY


@pytest.fixture(scope="module")
def slabs() -> Case:
    return case_from_text(PHASED + WIRES, "case.toml")


@pytest.fixture(scope="module")
def record(slabs: Case) -> RunRecord:
    return run_case(slabs)


@pytest.mark.parametrize("bias", ["", 'bias = { left = "0.08 V" }\n'])
def test_slabs_are_the_layers_of_a_line(bias: str) -> None:
    """At rest, and under a bias of several thermal voltages, where the steady state is solved for."""
    solved = run_case(case_from_text(PHASED + bias + WIRES, "case.toml")).studies[0]
    thick = 'thickness = "40 nm"\n'
    layers = medium("layer", "A", 5.0, thick) + medium("layer", "B", 3.0, thick)
    head = HEAD.replace("microstructure", "nernst_planck_poisson")
    line = head + "[grid]\ndimension = 1\ncells = 10\n" + layers + ACROSS + STUDY
    other = run_case(case_from_text(line + bias + WIRES, "line.toml")).studies[0]
    np.testing.assert_allclose(solved.Z, other.Z, rtol=1e-11)
    assert bias == "" or solved.summary["current.left"].value > 1.0
    for name in ("R_dc", "debye_length.A", "chemical_capacitance.B", *(["current.left"] if bias else [])):
        assert solved.summary[name].value == pytest.approx(other.summary[name].value, rel=1e-9)
    for name, (values, unit) in other.steady.items():
        found, its_unit = solved.steady[name]
        assert its_unit == unit
        assert np.nanmin(found) == pytest.approx(np.nanmin(values), rel=1e-9, abs=1e-15), name


def test_carriers_and_displacement_carry_the_same_current_through_every_section(record: RunRecord) -> None:
    solved = record.studies[0]
    for f in solved.profile_frequency:
        mark = f"{f:.4g}Hz"
        flows = [solved.fields[f"current_{word}_x_{mark}"][0] for word in ("ion", "electron", "displacement")]
        through = sum(flows).reshape((20, 3), order="F")[1:-1]
        Z = solved.Z[np.argmin(np.abs(np.log(solved.frequency / f)))]
        np.testing.assert_allclose(through, (1 / Z).real, rtol=1e-9)
        assert np.min(np.abs(flows[0])) < 0.5 * (1 / Z).real  # it is the sum that is the same
        assert np.sum(solved.fields[f"share_{mark}"][0]) == pytest.approx(1.0, abs=1e-9)


def test_the_circuit_of_carriers_on_a_picture_is_its_discretisation(slabs: Case) -> None:
    point = operating_point(system_of(slabs, slabs.studies[0], None), None)
    f = np.array([3.0, 2e3, 7e5])
    found = netlist_impedance(netlist_of(point), f)
    np.testing.assert_allclose(found, impedance(point, f, method="sparse").Z, rtol=1e-8)


def test_currents_of_carriers_and_of_displacement_are_drawn(record: RunRecord) -> None:
    axes = figures_of(record)["s_currents"]().axes
    assert len(axes) == 3 * 3 + 1  # at three frequencies, and the colours
    words = [text.get_text() for each in axes for text in each.texts]
    assert words == ["ions", "electrons", "displacement"]


def test_a_case_of_carriers_with_pores_and_a_patch_runs() -> None:
    case = case_from_text((EXAMPLES / "microstructure_carriers.toml").read_text(encoding="utf-8"), "case.toml")
    plates, tip = run_case(case).studies
    assert np.all(plates.Z.real > 0) and np.all(tip.Z.real > 0)
    # between plates that block every carrier Z is a capacitor's at low frequency
    assert np.angle(plates.Z[np.argmin(plates.frequency)], deg=True) < -89
    assert "debye_length.void" not in plates.summary and plates.summary["debye_length.grain"].value > 0


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            'name = "B"',
            'name = "B"\nsigma_ion = "1 S/m"',
            "phase.B.sigma_ion: read an unknown key; expected one of name,",
        ),
        (
            'carrier = "ion"\nlaw',
            'carrier = "iom"\nlaw',
            'interface.0.carrier: read "iom"; expected a mobile carrier of A: one of ion, electron; did you mean ion?',
        ),
        ('"3e-10 F/m"', '"3e-10 F/m"\nrelative_permittivity = 3.0', "phase.A: read relative_permittivity beside"),
        (
            "mobile = true",
            "mobile = true\ncharg = 1",
            "phase.A.carrier.ion.charg: read an unknown key; expected one of",
        ),
        (
            "[[study]]",
            '[[experiment]]\nname = "e"\ntechnique = "effective_transport"\n[[study]]',
            'experiment.e.technique: read "effective_transport" of carriers in their own field; expected phases',
        ),
        (
            "[[study]]",
            '[[experiment]]\nname = "e"\ntechnique = "homogenise"\nterminals = "blocking"\n'
            'frequency = { values = ["1 Hz"] }\n[[study]]',
            'experiment.e.technique: read "homogenise" of carriers in their own field; expected phases',
        ),
    ],
)
def test_a_mistake_about_carriers_is_one_clear_line(old: str, new: str, told: str) -> None:
    text = PHASED + WIRES
    assert old in text
    with pytest.raises(InputError) as error:
        case_from_text(text.replace(old, new, 1), "case.toml")
    assert any(line.startswith(f"case.toml: {told}") for line in str(error.value).split("\n")), str(error.value)


# ------------------------------------------------------------------------------------------ sub-volumes

RANDOM = """
[microstructure]
kind = "random_sites"
voxels = [120, 96]
voxel = ["1 um", "1.25 um"]
matrix = "B"
particle = "A"
fraction = 0.35
seed = 3
[[phase]]
name = "B"
sigma_ion = "1.3 S/m"
[[phase]]
name = "A"
[[experiment]]
name = "size"
technique = "effective_transport"
parts = [12, 4, 8, 6]
variation = 0.01
"""


@pytest.fixture(scope="module")
def sampled() -> RunRecord:
    return run_case(case_from_text(HEAD + RANDOM, "case.toml"))


def test_sub_volumes_of_independent_sites(sampled: RunRecord) -> None:
    """The fraction of N sites varies by sqrt((1 - p)/(p N)), p = 0.65: an edge of 82 um for 1 %."""
    record = sampled.experiments[0].record
    sizes, fit = record.tables["volumes_B"], record.tables["decay_B"]
    np.testing.assert_allclose(sizes["edge"][0], 120e-6 / np.array([12, 8, 6, 4]), rtol=1e-12)
    sites = sizes["edge"][0] ** 2 / 1.25e-12
    exact = np.sqrt(0.35 / (0.65 * sites))
    off = (sizes["variation_fraction"][0] / exact - 1) * np.sqrt(2 * sizes["count"][0])
    assert np.max(np.abs(off)) < 3
    edge = np.sqrt(0.35 / 0.65 * 1.25e-12) / 0.01
    assert record.figure("representative_edge, B, fraction").true == pytest.approx(edge, rel=0.3)
    assert record.figure("representative_edge, B, fraction").textbook == pytest.approx(120e-6)
    assert fit["exponent_fraction"][0][0] == pytest.approx(1.0, abs=0.25)
    at_edge = fit["variation_fraction"][0][0] * (fit["edge_fraction"][0][0] / 120e-6) ** -fit["exponent_fraction"][0][0]
    assert at_edge == pytest.approx(0.01, rel=1e-9)
    # near the threshold conduction varies more than the fraction, and needs a larger picture
    assert np.all(sizes["variation_conductivity"][0] > sizes["variation_fraction"][0])
    assert not any("volumes_A" in name for name in record.tables)  # which conducts nothing


def test_the_figure_of_sub_volumes_is_there_where_they_are(sampled: RunRecord) -> None:
    figures = figures_of(sampled)
    (axes,) = figures["size_effective_transport_volumes"]().axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("edge of the sub-volume / µm", "coefficient of variation")
    without = RANDOM.replace("parts = [12, 4, 8, 6]\nvariation = 0.01\n", "").replace("[120, 96]", "[12, 8]")
    record = run_case(case_from_text(HEAD + without, "case.toml"))
    assert set(figures_of(record)) == {"size_effective_transport"}
    with pytest.raises(InputError, match="the record of effective transport has none; give parts"):
        technique_volumes(record.experiments[0].record)


def test_parts_that_a_picture_cannot_be_cut_into() -> None:
    with pytest.raises(InputError, match="parts: read 60; a picture of .* is not cut into so many pieces"):
        run_case(case_from_text(HEAD + RANDOM.replace("12, 4", "60, 4"), "case.toml"))
    with pytest.raises(InputError, match="experiment.size.parts: read a number twice; expected each number once"):
        case_from_text(HEAD + RANDOM.replace("12, 4", "8, 4"), "case.toml")
