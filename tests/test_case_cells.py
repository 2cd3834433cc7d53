"""Cells of porous layers in case files: every key comes through to the engine, states are where they must be, and the
whole run agrees with cells built by hand and with closed forms."""

from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from chen_case import CHEN, chen
from published_cells import build, chen2020, with_meshes

from miecsim.case import Case, case_from_dict, load_case
from miecsim.case.cell_layers import log_normal
from miecsim.commands.files import figures_of
from miecsim.constants import ELEMENTARY_CHARGE, FARADAY, GAS_CONSTANT, thermal_voltage
from miecsim.errors import InputError
from miecsim.physics.electrolytes import BinarySalt, SingleIon
from miecsim.physics.porous import PorousLayer
from miecsim.run.build import system_of
from miecsim.run.cells import porous_layers
from miecsim.run.run import run_case
from miecsim.solvers.impedance import impedance
from miecsim.solvers.rest import rest_point

EXAMPLES = Path(__file__).parent / "case_examples"
ROOT = Path(__file__).resolve().parent.parent


def example(name: str) -> dict[str, Any]:
    return copy.deepcopy(load_case(EXAMPLES / f"{name}.toml").raw)


def layers_of(raw: dict[str, Any]) -> tuple[PorousLayer, ...]:
    case = case_from_dict(raw, "case.toml")
    return porous_layers(case.for_study(case.studies[0].name))


def lines_of(raw: dict[str, Any]) -> list[str]:
    with pytest.raises(InputError) as caught:
        case_from_dict(raw, "case.toml")
    return [line.removeprefix("case.toml: ") for line in str(caught.value).split("\n")]


# ------------------------------------------------------------------------------------------ what the file says


def test_every_key_of_the_blend_reaches_the_engine() -> None:
    negative, separator, positive = layers_of(example("porous_cell"))
    hot = math.exp(35e3 / GAS_CONSTANT * (1 / 298.15 - 1 / 313.15))
    (graphite,) = negative.particles
    assert negative.transport == pytest.approx(0.31**1.6)
    assert negative.sigma_eon == pytest.approx(80 * 0.62**1.5)
    assert (separator.transport, separator.particles, separator.sigma_eon) == (0.32, (), 0.0)
    assert positive.transport == pytest.approx(0.29 / 2.2)
    assert graphite.shape == "planar" and graphite.host.self_diffusion and graphite.shells == 8
    assert graphite.double_layer is not None and (graphite.double_layer.Q, graphite.double_layer.alpha) == (0.1, 0.9)
    assert graphite.film is not None and (graphite.film.R, graphite.film.C) == (pytest.approx(2e-3), 0.01)
    assert graphite.kinetics.alpha == 0.45 and graphite.kinetics.reorganisation == pytest.approx(0.4)
    x = graphite.stoichiometry
    assert x == pytest.approx(0.03 + 0.62 * 0.87)
    i0 = FARADAY * 5.2e-6 * hot * (1100 / 1000) ** 0.45 * (1 - x) ** 0.45 * x**0.55
    assert float(graphite.kinetics.i0(np.array([1100.0]), np.array([x]))[0]) == pytest.approx(i0, rel=1e-12)
    # dU/dT over 15 K
    U = 0.09 - 0.06 * x + 0.7 * math.exp(-25 * x) - 1e-4 * 15
    assert graphite.open_circuit == pytest.approx(U, rel=1e-12)
    large = [p for p in positive.particles if p.name.startswith("large")]
    rods = [p for p in positive.particles if p.name.startswith("rods")]
    assert [p.name for p in large] == ["large #1", "large #2"] and [p.shape for p in rods] == ["cylinder"] * 2
    assert rods[1].radius == pytest.approx(0.4e-6 / math.log(2)) and rods[1].volume_fraction == pytest.approx(0.075)
    assert float(large[0].kinetics.i0(np.array([1000.0]), np.array([0.5]))[0]) == pytest.approx(2.1)
    assert float(rods[0].kinetics.i0(np.array([810.0]), np.array([0.3]))[0]) == pytest.approx(0.9 * 0.9)


def test_electrolyte_has_its_temperature() -> None:
    salt = layers_of(example("porous_cell"))[1].electrolyte
    assert isinstance(salt, BinarySalt) and callable(salt.conductivity)
    c, factor = 0.8, math.exp(17.1e3 / GAS_CONSTANT * (1 / 298.15 - 1 / 313.15))
    expected = factor * (0.13 * c**3 - 2.51 * c**1.5 + 3.33 * c)
    assert float(salt.conductivity(np.array([800.0]))[0]) == pytest.approx(expected, rel=1e-12)
    assert salt.diffusivity == pytest.approx(3.1e-10 * math.exp(17e3 / GAS_CONSTANT * (1 / 298.15 - 1 / 313.15)))
    assert callable(salt.thermodynamic_factor)
    assert float(salt.thermodynamic_factor(np.array([500.0]))[0]) == pytest.approx(1.2)


def test_a_formula_may_know_the_temperature() -> None:
    raw = chen()
    raw["temperature"] = "50 degC"
    raw["layer"][2]["particles"][0]["diffusivity"] = {"expression": "4e-15*(T/300)*(1 + x)", "unit": "m^2/s"}
    (nmc,) = layers_of(raw)[2].particles
    x = nmc.stoichiometry
    expected = 4e-15 * 323.15 / 300 * (1 + x)
    assert nmc.host.chemical_diffusivity(x, thermal_voltage(323.15)) == pytest.approx(expected)


@pytest.mark.parametrize(
    "written",
    [
        {"rate_constant": "6.48e-7 A*m^2.5/mol^1.5"},
        {"rate_constant": f"{6.48e-7 / FARADAY!r} m^2.5/mol^0.5/s"},
        {"rate_constant": f"{6.48e-7 / FARADAY * 33133 * 20!r} mol/m^2/s", "concentration": "400 mol/m^3"},
        {
            "at": f"{6.48e-7 * 33133 * math.sqrt(900 * 0.2 * 0.8)!r} A/m^2",
            "stoichiometry": 0.2,
            "concentration": "0.9 mol/L",
        },
        {"expression": "6.48e-7*33133*sqrt(c*x*(1 - x))", "unit": "A/m^2"},
    ],
    ids=["with charge", "without charge", "relative", "at a reference", "formula"],
)
def test_one_exchange_current_written_in_five_ways(written: dict[str, Any]) -> None:
    raw = chen()
    raw["layer"][0]["particles"][0]["kinetics"]["exchange_current"] = written
    (graphite,) = layers_of(raw)[0].particles
    for c, x in ((1000.0, 0.9), (430.0, 0.21)):
        i0 = 6.48e-7 * math.sqrt(c * x * (1 - x)) * 33133
        assert float(graphite.kinetics.i0(np.array([c]), np.array([x]))[0]) == pytest.approx(i0, rel=1e-10)


def test_marcus_energy_in_electronvolt() -> None:
    raw = chen()
    raw["layer"][0]["particles"][0]["kinetics"]["reorganisation_energy"] = f"{0.37 * ELEMENTARY_CHARGE!r} J"
    assert layers_of(raw)[0].particles[0].kinetics.reorganisation == pytest.approx(0.37)


@pytest.mark.parametrize(("spread", "classes"), [(0.3, 6), (0.8, 12)])
def test_classes_of_a_log_normal_distribution(spread: float, classes: int) -> None:
    """Moments of the radius by volume against the integral over its density."""
    sizes = log_normal(3.7e-6, spread, classes)
    z = np.linspace(-9, 9, 4001)
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    r = 3.7e-6 * np.exp(spread * z)
    for power in (-1, 1, 2):
        integral = float(np.trapezoid(density * r**power, z))
        assert float(np.dot(sizes.shares, np.array(sizes.radii) ** power)) == pytest.approx(integral, rel=1e-8)


def test_a_particle_may_be_a_mixed_conductor() -> None:
    """With electrons that are everywhere at once it is the particle that has none of its own."""
    raw = chen()
    kind = raw["layer"][2]["particles"][0]
    kind |= {"self_diffusion": True, "diffusivity": "1e-15 m^2/s"}
    plain = run_case(case_from_dict(copy.deepcopy(raw), "case.toml")).studies[0]
    kind["electronic_conductivity"] = {"expression": "50 - 10*x", "unit": "S/m"}
    told = "layer.positive.particles.NMC.contact_resistance: read nothing (the key is missing); expected both"
    assert lines_of(raw)[0].startswith(told)
    kind["contact_resistance"] = "1e-9 ohm*m^2"
    mixed = run_case(case_from_dict(raw, "case.toml")).studies[0]
    np.testing.assert_allclose(mixed.Z, plain.Z, rtol=1e-5)
    kind["contact_resistance"] = "0.02 ohm*m^2"
    poor = run_case(case_from_dict(raw, "case.toml")).studies[0]
    assert poor.summary["R_total"].value > plain.summary["R_total"].value + 0.9 * 0.02 / (382184 * 75.6e-6 * 0.1027)


# ------------------------------------------------------------------------------------------------------ states


def with_ends(raw: dict[str, Any]) -> dict[str, Any]:
    for layer, ends in ((0, (0.0279, 0.9014)), (2, (0.9084, 0.27))):
        kind = raw["layer"][layer]["particles"][0]
        del kind["stoichiometry"]
        kind["stoichiometry_discharged"], kind["stoichiometry_charged"] = ends
    return raw


@pytest.mark.parametrize("soc", [0.0, 0.37, 1.0])
def test_state_of_charge_and_voltage_are_one_thing(soc: float) -> None:
    raw = with_ends(chen())
    raw["state"] = {"soc": soc}
    negative, _, positive = layers_of(raw)
    assert negative.particles[0].stoichiometry == pytest.approx(0.0279 + soc * (0.9014 - 0.0279))
    volts = positive.particles[0].open_circuit - negative.particles[0].open_circuit
    raw["state"] = {"voltage": f"{volts!r} V"}
    again = layers_of(raw)
    for one, other in ((negative, again[0]), (positive, again[2])):
        assert other.particles[0].stoichiometry == pytest.approx(one.particles[0].stoichiometry, abs=1e-9)


def test_kinds_of_a_blend_agree_and_hold_their_share() -> None:
    """At a state of charge a blend holds that share of its lithium, at one potential."""
    raw = example("porous_cell")
    positive = layers_of(raw)[2]
    kinds = {p.name.split(" #")[0]: p for p in positive.particles}
    large, rods = kinds["large"], kinds["rods"]
    assert large.open_circuit == pytest.approx(rods.open_circuit, abs=1e-9)
    held = 0.4 * 46000 * large.stoichiometry + 0.1 * 40000 * rods.stoichiometry
    wanted = 0.4 * 46000 * (0.93 + 0.62 * (0.3 - 0.93)) + 0.1 * 40000 * (0.8 + 0.62 * (0.2 - 0.8))
    assert held == pytest.approx(wanted, rel=1e-9)


def test_an_electrode_by_its_potential() -> None:
    raw = chen()
    raw["layer"][2]["potential"] = "3.9 V"
    del raw["layer"][2]["particles"][0]["stoichiometry"]
    (nmc,) = layers_of(raw)[2].particles
    assert nmc.open_circuit == pytest.approx(3.9, abs=1e-9)


def test_a_voltage_that_the_cell_does_not_have() -> None:
    raw = with_ends(chen())
    raw["state"] = {"voltage": "5.6 V"}
    with pytest.raises(InputError, match=r"state.voltage: .* passes 5.6 V nowhere; give the state of charge"):
        layers_of(raw)


# ------------------------------------------------------------------------------------------------------- files


def test_columns_of_a_file_become_part_of_the_case(tmp_path: Path) -> None:
    """A table beside the case is read once; its numbers are in the case, its hash and its record."""
    x = np.linspace(0.02, 0.98, 60)
    rows = "\n".join(f"{a:.6f}, {1000 * (4.3 - 0.7 * a):.6f}" for a in x)
    (tmp_path / "ocp.csv").write_text(f"# measured\nx, U / mV\n{rows}\n", encoding="utf-8")
    text = (CHEN / "case.toml").read_text(encoding="utf-8")
    at = text.rindex("[layer.particles.open_circuit_potential]")
    end = text.index("[[study]]", at)
    table = 'table = "ocp.csv"\nx = "x"\ny = "U / mV"\nunit = "mV"\n\n'
    path = tmp_path / "case.toml"
    path.write_text(text[:at] + "[layer.particles.open_circuit_potential]\n" + table + text[end:], encoding="utf-8")
    case = load_case(tmp_path)
    (nmc,) = porous_layers(case)[2].particles
    assert nmc.open_circuit == pytest.approx(4.3 - 0.7 * nmc.stoichiometry, abs=1e-6)
    assert case_from_dict(case.resolved, case.file).input_hash == case.input_hash
    (tmp_path / "ocp.csv").write_text(f"x, U / mV\n{rows}0\n", encoding="utf-8")
    assert load_case(tmp_path).input_hash == case.input_hash  # the same numbers
    (tmp_path / "ocp.csv").write_text(f"x, U / mV\n{rows}\n0.99, 3600\n", encoding="utf-8")
    assert load_case(tmp_path).input_hash != case.input_hash
    for wrong, told in (
        ('y = "U"', 'open_circuit_potential.y: read "U"; expected a column of ocp.csv: one of x, U / mV'),
        ('table = "ocp2.csv"', 'open_circuit_potential.table: read "ocp2.csv", which cannot be read; expected a CSV'),
        ('table = "../ocp.csv"', 'open_circuit_potential.table: read "../ocp.csv" (outside the directory'),
    ):
        key = wrong.split(" = ")[0]
        spoilt = "\n".join(wrong if line.startswith(f"{key} = ") else line for line in table.split("\n"))
        path.write_text(
            text[:at] + "[layer.particles.open_circuit_potential]\n" + spoilt + text[end:], encoding="utf-8"
        )
        with pytest.raises(InputError) as caught:
            load_case(tmp_path)
        assert "\n" not in str(caught.value) and told in str(caught.value)
    (tmp_path / "ocp.csv").write_text("x, U / mV\n0.1, 4\n0.2, none\n0.3, 2\n", encoding="utf-8")
    path.write_text(text[:at] + "[layer.particles.open_circuit_potential]\n" + table + text[end:], encoding="utf-8")
    with pytest.raises(InputError, match='y: read "none" in row 2 of ocp.csv; expected a finite number'):
        load_case(tmp_path)


# ---------------------------------------------------------------------------------------------------- mistakes


def spoil(raw: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    node: Any = raw
    *way, last = path.split(".")
    for part in way:
        node = node[int(part)] if isinstance(node, list) else node[part]
    if value is None:
        del node[last]
    else:
        node[last] = value
    return raw


P = "layer.2.particles.0"
MISTAKES = [
    (("electrolyte", None), "electrolyte: read nothing (the key is missing); expected a table: kind"),
    (("electrolyte.kind", "salt"), 'electrolyte.kind: read "salt"; expected one of single_ion, binary_salt'),
    (("electrolyte.kind", "single_ion"), "electrolyte.concentration: read an unknown key; expected one of kind, "),
    (("electrolyte.diffusivity", None), "electrolyte.diffusivity: read nothing (the key is missing); expected a diff"),
    (("electrolyte.conductivity.unit", "mS"), 'electrolyte.conductivity.unit: read "mS" (a conductance); expected a c'),
    (
        ("electrolyte.conductivity.expression", "1.3*x"),
        'electrolyte.conductivity.expression: read the variable "x" in a formula; expected one of c, T, pi',
    ),
    (
        ("electrolyte.conductivity.expression", "-0.3*c"),
        "electrolyte.conductivity.expression: read a value of -300 at c = 1000, T = 298.15; expected a conductivity",
    ),
    (("layer.0.bruggeman", None), "layer.negative: read no tortuosity_factor; expected one of tortuosity_factor, brug"),
    (("layer.0.transport_efficiency", 0.2), "layer.negative: read bruggeman beside transport_efficiency; expected one"),
    (("layer.0.electron", None), "layer.negative.electron: read nothing (the key is missing); expected a table: cond"),
    (("layer.0.porosity", 0.5), "layer.negative: read porosity and particles that fill 1.25 of the volume; expected a"),
    (("layer.1.electron", {"conductivity": "2 S/m"}), "layer.separator.particles: read nothing (the key is missing);"),
    (("interface", [{"between": ["negative", "separator"]}]), "interface: read interface beside model = "),
    (("state", {"soc": 0.3}), "layer.negative.particles.graphite.stoichiometry: read stoichiometry beside [state]; ex"),
    (("state", {}), "state: read an empty table; expected either soc or voltage"),
    (("layer.2.potential", "3.8 V"), "layer.positive.particles.NMC.stoichiometry: read stoichiometry beside potential"),
    ((f"{P}.stoichiometry", None), "layer.positive.particles.NMC.stoichiometry: read nothing (the key is missing); e"),
    ((f"{P}.stoichiometry", 1.0), "layer.positive.particles.NMC.stoichiometry: read 1.0; expected a stoichiometry be"),
    ((f"{P}.stoichiometry_charged", 0.3), "layer.positive.particles.NMC.stoichiometry_discharged: read nothing"),
    ((f"{P}.radius", {"median": "1 um", "spread": 0.3}), "layer.positive.particles.NMC.radius.classes: read nothing"),
    (
        (f"{P}.radius", {"values": ["1 um", "2 um"], "fractions": [0.2, 0.7]}),
        "layer.positive.particles.NMC.radius.fractions: read fractions that add up to 0.9; expected a sum of 1",
    ),
    (
        (f"{P}.radius", {"edges": ["1 um", "3 um", "2 um"], "fractions": [0.2, 0.8]}),
        "layer.positive.particles.NMC.radius.edges: read edges that do not rise; expected rising radii",
    ),
    (
        (f"{P}.open_circuit_potential", {"x": [0.1, 0.3, 0.2, 0.5], "y": [4.0, 3.8, 3.7, 3.6], "unit": "V"}),
        "layer.positive.particles.NMC.open_circuit_potential.x: read 4 and 4 numbers; expected as many y as x, x",
    ),
    (
        (f"{P}.film", {"law": "r_c", "R": "1 ohm*m^2", "C": "1 F/m^2", "Rs": "1 ohm*m^2"}),
        "layer.positive.particles.NMC",
    ),
    (
        (f"{P}.kinetics.exchange_current", {"at": "1 A/m^2", "stoichiometry": 0.5}),
        "layer.positive.particles.NMC.kinetics.exchange_current.concentration: read nothing (the key is missing); ex",
    ),
    (
        (f"{P}.kinetics.exchange_current", {"rate_constant": "1 A/m^2"}),
        'layer.positive.particles.NMC.kinetics.exchange_current.rate_constant: read "1 A/m^2" (a current density); ex',
    ),
    (
        (f"{P}.kinetics.alpha", 0.4),
        "layer.positive.particles.NMC.kinetics.alpha: read 0.4; expected 0.5 (the unit of t",
    ),
]


@pytest.mark.parametrize(("change", "told"), MISTAKES, ids=[f"{i}-{c[0]}" for i, (c, _) in enumerate(MISTAKES)])
def test_a_mistake_is_one_clear_line(change: tuple[str, Any], told: str) -> None:
    lines = lines_of(spoil(chen(), *change))
    assert lines[0].startswith(told), lines


def test_what_a_cell_has_is_refused_in_other_models() -> None:
    raw = example("composite_cathode")
    raw["state"] = {"soc": 0.5}
    assert lines_of(raw) == [
        'state: read state beside model = "composite_electrode"; expected model = "porous_cell" beside it'
    ]


# ------------------------------------------------------------------------------------------------------ results


def test_chen2020_is_the_cell_built_by_hand() -> None:
    """The shipped case, coarse, against the published cell put together from the engine's own classes."""
    record = run_case(case_from_dict(chen(), "case.toml")).studies[0]
    by_hand = build(with_meshes(chen2020(), 12, 20.0, double_layer=True), 8)
    Z = impedance(rest_point(by_hand), record.frequency).Z
    np.testing.assert_allclose(record.Z, Z, rtol=1e-9)
    summary = {name: q.value for name, q in record.summary.items()}
    assert summary["open_circuit_voltage"] == pytest.approx(4.180941, abs=1e-6)
    assert summary["sigma_ion.separator"] == pytest.approx(0.47**1.5 * 0.9487, rel=1e-9)
    assert summary["capacity"] == pytest.approx(
        FARADAY * 0.75 * 33133 * 85.2e-6 * 0.1027, rel=1e-12
    )  # less than the other
    assert summary["diffusion_time.positive"] == pytest.approx(5.22e-6**2 / 4e-15)
    assert summary["R_total"] > summary["R_low"] > summary["R_ct.negative"] + summary["R_ct.positive"]


@pytest.fixture(scope="module")
def blend() -> Case:
    return load_case(EXAMPLES / "porous_cell.toml")


def test_profiles_hold_the_cell_and_not_its_particles(blend: Case) -> None:
    record = run_case(blend)
    study = record.studies[0]
    assert set(study.profile_rails) == {"ion", "electron", "anion"}
    assert study.profile_position.size < 40 and np.all(np.diff(study.profile_position) > 0)
    _, unit = study.steady["surface_stoichiometry_rods"]
    names = {name for name in study.steady if "stoichiometry" in name}
    assert unit == "1" and len(names) == 6
    surface, mean = (study.steady[f"{of}_stoichiometry_graphite"][0] for of in ("surface", "mean"))
    known = ~np.isnan(mean)
    assert 0 < known.sum() < mean.size  # the negative electrode alone
    np.testing.assert_allclose(mean[known], 0.03 + 0.62 * 0.87, rtol=1e-12)
    np.testing.assert_allclose(surface[known], mean[known], rtol=1e-12)
    assert study.reference_planes == ("middle",) and np.all(np.isfinite(study.Z_reference))
    for draw in figures_of(record).values():
        draw()


def test_three_electrodes_add_up(blend: Case) -> None:
    """What the reference electrode sees of both sides is the whole cell."""
    own = blend.for_study("half_charged")
    spectrum = impedance(rest_point(system_of(own, own.studies[0], None)), np.array([0.01, 3.0, 4e3]))
    seen = spectrum.plane("middle")
    assert np.all((seen.real > 0) & (seen.real < spectrum.Z.real))


def test_half_cell_with_kinetics_of_lithium() -> None:
    """Against an ideal lithium electrode it adds RT/(F i0), with its double layer short."""
    raw = chen()
    raw["layer"] = raw["layer"][1:]
    raw["area"] = "per area"
    raw["study"][0] |= {"terminals": "half_cell", "frequency": {"values": ["1 Hz", "3 Hz", "10 Hz"]}}
    raw["study"][0]["profiles"] = ["1 Hz", "3 Hz", "10 Hz"]
    ideal = run_case(case_from_dict(copy.deepcopy(raw), "case.toml")).studies[0]
    lithium = {"side": "left", "carrier": "ion", "law": "butler_volmer", "exchange_current": "19 A/m^2", "alpha": 0.5}
    raw["study"][0]["terminals"] = "custom"
    raw["study"][0]["terminal"] = [
        {"name": "lithium", "contacts": [lithium | {"C": "0 F/m^2"}]},
        {"name": "positive", "contacts": [{"side": "right", "carrier": "electron", "law": "reversible"}]},
    ]
    real = run_case(case_from_dict(raw, "case.toml")).studies[0]
    np.testing.assert_allclose(real.Z - ideal.Z, thermal_voltage(298.15) / 19, rtol=1e-8)
    assert real.summary["open_circuit_voltage"].value == pytest.approx(4.272961, abs=1e-6)


def test_closed_form_refuses_what_it_does_not_describe() -> None:
    raw = chen()
    raw["study"][0]["reference"] = "porous_electrode"
    with pytest.raises(InputError, match="a salt has gradients; it needs a single-ion conductor"):
        run_case(case_from_dict(raw, "case.toml"))


def test_single_ion_conductor_has_no_composition() -> None:
    case = load_case(ROOT / "cases" / "306_composite_cathode_soc")
    layers = porous_layers(case.for_study("soc_30"))
    assert isinstance(layers[0].electrolyte, SingleIon) and layers[0].electrolyte.conductivity == 0.2334
