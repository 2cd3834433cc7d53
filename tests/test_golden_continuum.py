"""Worked figures of sections 1 to 4 and 11 from the continuum on default meshes, at the tolerance of a discretised
solution."""

from __future__ import annotations

import numpy as np
import pytest
from golden import BY_CASE

import miecsim as mx
from miecsim.constants import FARADAY, thermal_voltage

PRESET = {
    "ie": "battery",
    "ee": "ion_blocking",
    "ii": "electron_blocking",
    "both_both": "symmetric",
    "i_both": "ion_both",
    "e_both": "electron_both",
    "ie_same": "both_rails_left",
    "ii_ee": "both_rails_each_pole",
}


# Tolerance suggested for a discretised solution, by the section of the formula.
DISCRETISED = {"S1": 1e-3, "S2": 1e-3, "S3": 2e-3, "S4": 5e-3}


def _tolerance(case: dict) -> float:
    return DISCRETISED[case["formula"].split(".")[0]]


def _expected(case: dict) -> np.ndarray:
    Z = case["expected"]["Z"]
    return np.array(Z["re"]) + 1j * np.array(Z["im"])


def _spectrum(model: mx.System, wiring: mx.Wiring, params: dict, **mesh: object) -> np.ndarray:
    f = np.array(params["freq_hz"])
    system = mx.build_system(model, wiring, area=params.get("area"), mesh=mx.Mesh(resolve=f.max(), **mesh))
    return mx.impedance(mx.solve_steady(system), f).Z


def _composite(p: dict, name: str = "electrode") -> mx.CompositeLayer:
    interface = mx.Lumped(R=p["R_ct"], Q=p["Q"], alpha=p["alpha"])
    return mx.CompositeLayer(name, p["L"], p["sigma_ion"], p["sigma_eon"], interface, p["a_v"])


def _contact(spec: object, area: float) -> mx.Lumped | mx.Reversible | None:
    """The per-area element of a lumped specification of the golden file (None blocking, 0 reversible)."""
    if spec is None:
        return None
    if spec == 0:
        return mx.Reversible()
    if isinstance(spec, int | float):
        return mx.Lumped(R=spec * area)
    parts = {key: spec.get(key) for key in ("R", "C", "Q")}
    scale = {"R": area, "C": 1 / area, "Q": 1 / area}
    scaled = {key: None if value is None else value * scale[key] for key, value in parts.items()}
    return mx.Lumped(**scaled, alpha=spec.get("alpha", 1.0), Rs=spec.get("Rs", 0.0) * area)


def _wired(area: float, ends: list[tuple[str, str, str, object]], links: list[tuple[str, object]] = ()) -> mx.Wiring:
    """Terminals from (pole, side, carrier, specification)."""
    poles: dict[str, list[mx.Contact]] = {}
    for pole, side, carrier, spec in ends:
        law = _contact(spec, area)
        poles.setdefault(pole, [])
        if law is not None:
            poles[pole].append(mx.Contact(side, carrier, law))
    joined = tuple(
        mx.Link(side, ("ion", "electron"), law) for side, spec in links if (law := _contact(spec, area)) is not None
    )
    return mx.Wiring(tuple(mx.Terminal(name, tuple(contacts)) for name, contacts in poles.items()), joined)


def de_levie() -> np.ndarray:
    """P001: totals spread over an arbitrary length away from 1 m; the wall conducts 1e12 times better than the pore."""
    p, length = BY_CASE["P001"]["params"], 83e-6
    sigma = length / p["R_ion"]
    wall = mx.Lumped(R=p["R_ct"], C=p["C"])
    layer = mx.CompositeLayer("pore", length, sigma, 1e12 * sigma, wall, 1 / length)
    return _spectrum(mx.composite_electrode([layer]), mx.preset("battery"), p)


def two_rail(name: str) -> np.ndarray:
    p = BY_CASE[name]["params"]
    return _spectrum(mx.composite_electrode([_composite(p)]), mx.preset(PRESET[p["config"]]), p)


def general() -> np.ndarray:
    p = BY_CASE["P005"]["params"]
    ends = [
        ("A", "left", "ion", p["ZiL"]),
        ("A", "left", "electron", p["ZeL"]),
        ("B", "right", "ion", p["ZiR"]),
        ("B", "right", "electron", p["ZeR"]),
    ]
    wiring = _wired(p["area"], ends, [("left", p["XL"]), ("right", p["XR"])])
    return _spectrum(mx.composite_electrode([_composite(p)]), wiring, p)


def graded() -> np.ndarray:
    p = BY_CASE["P006"]["params"]
    layers = [_composite(q, f"layer{i}") for i, q in enumerate(p["layers"])]
    return _spectrum(mx.composite_electrode(layers), mx.preset("battery"), p)


def mixed(from_carriers: bool) -> np.ndarray:
    p = BY_CASE["P007"]["params"]
    ends = [
        (pole, side, carrier, spec)
        for pole, side, key in (("A", "left", "left"), ("B", "right", "right"))
        for carrier, spec in zip(("ion", "electron"), p[key], strict=True)
    ]
    v_t = thermal_voltage(p["T"])
    if from_carriers:
        carriers = tuple(
            mx.CarrierIn(name, z, c, D)
            for name, z, c, D in zip(("ion", "electron"), p["z"], p["c"], p["D"], strict=True)
        )
        layer: mx.ChargedLayer | mx.ConductorLayer = mx.ChargedLayer("oxide", p["L"], carriers)
    else:
        sigma = [z * z * FARADAY * D * c / v_t for z, c, D in zip(p["z"], p["c"], p["D"], strict=True)]
        c_chem = FARADAY / v_t / sum(1 / (z * z * c) for z, c in zip(p["z"], p["c"], strict=True))
        layer = mx.ConductorLayer("oxide", p["L"], sigma[0], sigma[1], c_chem)
    return _spectrum(mx.mixed_conductor([layer], temperature=p["T"]), _wired(p["area"], ends), p)


def charged(name: str) -> np.ndarray:
    p = BY_CASE[name]["params"]
    if name == "P010":
        rows = [(p["z"], p["c0"], p["D"]), (-p["z"], p["c0"], p["D"])]
    elif name == "P011":
        rows = [(p["z"], p["c"], p["D"])]
    else:
        rows = list(zip(p["z"], p["c"], p["D"], strict=True))
    carriers = tuple(mx.CarrierIn(f"carrier{i}", *row) for i, row in enumerate(rows))
    layer = mx.ChargedLayer("electrolyte", p["L"], carriers, permittivity=p["eps"], fixed_charge=None)
    return _spectrum(mx.nernst_planck_poisson([layer], temperature=p["T"]), mx.metal_plates(), p)


ROUTES = {
    "P001": de_levie,
    "P002": lambda: two_rail("P002"),
    "P003": lambda: two_rail("P003"),
    "P004": lambda: two_rail("P004"),
    "P005": general,
    "P006": graded,
    "P007 carriers": lambda: mixed(True),
    "P007 coefficients": lambda: mixed(False),
    "P010": lambda: charged("P010"),
    "P011": lambda: charged("P011"),
    "P012": lambda: charged("P012"),
}


@pytest.mark.parametrize("name", list(ROUTES))
def test_default_mesh_reaches_the_worked_figure(name: str) -> None:
    case = BY_CASE[name.split()[0]]
    expected = _expected(case)
    error = np.abs(ROUTES[name]() - expected) / np.abs(expected)
    assert error.max() < _tolerance(case)


def test_ladder_is_met_to_round_off() -> None:
    """P025: the discretisation on 200 equal cells is the finite ladder itself."""
    case = BY_CASE["P025"]
    p = case["params"]
    Z = _spectrum(mx.composite_electrode([_composite(p)]), mx.preset(PRESET[p["config"]]), p, cells=p["N"])
    assert np.max(np.abs(Z / _expected(case) - 1)) < 1e-12


def test_finite_space_warburg_is_a_mixed_conductor_with_one_short_rail() -> None:
    """P009: R coth(s)/s is an ion rail of resistance R and capacitance tau/R against an electron rail without
    resistance."""
    case = BY_CASE["P009"]
    p, length = case["params"], 31e-9
    sigma, c_chem = length / p["R"], p["tau"] / p["R"] / length
    layer = mx.ConductorLayer("film", length, sigma, 1e12 * sigma, c_chem)
    expected = _expected(case)
    Z = _spectrum(mx.mixed_conductor([layer]), mx.preset("battery"), p)
    assert np.max(np.abs(Z - expected) / np.abs(expected)) < _tolerance(case)


def test_dilute_mixed_conductor_properties() -> None:
    """P008: chemical capacitance, ambipolar conductivity and chemical diffusivity from the layer."""
    case = BY_CASE["P008"]
    p, expected = case["params"], case["expected"]
    carriers = tuple(mx.CarrierIn(name, z, c, D) for name, z, c, D in zip("ab", p["z"], p["c"], p["D"], strict=True))
    layer = mx.ChargedLayer("oxide", p["L"], carriers)
    sigma = [layer.sigma(i, p["T"]) for i in (0, 1)]
    ambipolar = sigma[0] * sigma[1] / sum(sigma)
    c_chem = layer.chemical_capacitance(p["T"])
    np.testing.assert_allclose(
        [c_chem, ambipolar / c_chem, ambipolar],
        [expected["c_chem"], expected["D_chem"], expected["sigma_amb"]],
        rtol=1e-9,
    )
