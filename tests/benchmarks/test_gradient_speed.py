"""What all derivatives of a spectrum cost together, in compiled spectra of the same operating point.

Only ratios of times taken in one run are asserted, each the best of several, the contenders taking turns. A compiled
spectrum is `impedance(point, frequency, method="compiled")` of a solved point; the ratio to its bare kernel is told,
too. Finite differences of Z would cost two states and two spectra for each parameter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
import pytest
from stopwatch import shortest

import miecsim as mx
from miecsim.constants import thermal_voltage
from miecsim.inverse.slopes import by_line
from miecsim.solvers import line

FREQUENCY = np.logspace(-2, 6, 60)
V_T = thermal_voltage(298.15)


def composite(zones: int) -> tuple[mx.Family, dict[str, float]]:
    """Five parameters in each of some zones of a cathode, at rest."""

    def system(p: Mapping[str, float]) -> mx.System:
        layers = [
            mx.CompositeLayer(
                f"zone{z}",
                71e-6 / zones,
                p[f"sigma_ion {z}"],
                p[f"sigma_eon {z}"],
                mx.ButlerVolmer(p[f"i0 {z}"], V_T, 0.4, p[f"C {z}"]),
                p[f"a {z}"],
            )
            for z in range(zones)
        ]
        mesh = mx.Mesh(cells=200 // zones)
        return mx.build_system(mx.composite_electrode(layers), mx.preset("battery"), area=3e-5, mesh=mesh)

    means = {"sigma_ion": 0.021, "sigma_eon": 0.4, "i0": 1.7, "C": 0.13, "a": 3e5}
    return mx.Family(system), _spread(means, zones)


def salt(zones: int) -> tuple[mx.Family, dict[str, float]]:
    """Nernst-Planck-Poisson at a bias that depletes, three parameters in each of some zones, and the bias itself."""

    def system(p: Mapping[str, float]) -> mx.System:
        layers = []
        for z in range(zones):
            ions = (mx.CarrierIn("cation", 1, 4.0, p[f"D+ {z}"]), mx.CarrierIn("anion", -1, 4.0, p[f"D- {z}"]))
            layers.append(mx.ChargedLayer(f"zone{z}", 3e-7 / zones, ions, permittivity=p[f"eps {z}"]))
        model = mx.nernst_planck_poisson(layers)
        return mx.build_system(model, mx.metal_plates(("cation",)), mesh=mx.Mesh(cells=200 // zones))

    values = _spread({"D+": 3e-12, "D-": 7e-12, "eps": 3e-10}, zones)
    return mx.Family(system, lambda p: {"A": p["bias"]}), {**values, "bias": 0.05}


def _spread(means: Mapping[str, float], zones: int) -> dict[str, float]:
    rng = np.random.default_rng(0)
    return {f"{name} {z}": mean * float(rng.uniform(0.8, 1.2)) for z in range(zones) for name, mean in means.items()}


@pytest.mark.parametrize(("make", "zones", "limit"), [(composite, 2, 30), (composite, 10, 40), (salt, 3, 30)])
def test_all_derivatives_cost_a_few_spectra(make, zones, limit, record_property):  # type: ignore[no-untyped-def]
    family, values = make(zones)
    point = family(values)
    told = _beside(make.__name__, lambda: by_line(family, values, FREQUENCY, point, True), point, len(values), limit)
    record_property("cost", told)


def _beside(name: str, together: Callable[[], object], point: mx.OperatingPoint, count: int, limit: float) -> str:
    """What a gradient costs in compiled spectra of the point, below `limit` of them, and in their bare kernels."""
    ready = line.prepare(point.small_signal.blocks, 2 * np.pi * FREQUENCY, [0])
    seconds, spectrum, kernel = shortest(
        [
            together,
            lambda: mx.impedance(point, FREQUENCY, method="compiled"),
            lambda: line.port_response(ready, [0], True),
        ]
    )
    told = f"{name}: {count} parameters cost {seconds / spectrum:.2f} compiled spectra"
    told += f" ({seconds * 1e3:.1f} ms; {seconds / kernel:.0f} bare kernels)"
    print(told)
    assert seconds < limit * spectrum, told
    return told


@pytest.mark.parametrize(("zones", "limit"), [(2, 30), (10, 40)])
def test_two_rail_lines_cost_less_still(zones: int, limit: int, record_property) -> None:
    """The same composite whose parameters are numbers of it, by address: one batch."""
    family, values = composite(zones)
    system, point = family.system(values), family(values)
    words = {"sigma_ion": "", "sigma_eon": "", "i0": "interface.", "C": "interface.", "a": ""}
    ends = {"i0": "exchange_current", "a": "area_density"}
    addresses = {
        name: f"zone{name.split()[1]}.{words[name.split()[0]]}{ends.get(name.split()[0], name.split()[0])}"
        for name in values
    }
    batch = mx.addressed(system, addresses)
    gradients = partial(mx.gradients, batch, values, FREQUENCY, method="rails")
    record_property("cost", _beside("two rails", gradients, point, len(values), limit))
    found, exact = (mx.gradients(one, values, FREQUENCY[::20]) for one in (batch, family))
    size = np.maximum(np.abs(exact.dZ), 1e-3 * np.abs(exact.Z) / exact.values[:, None])
    assert np.max(np.abs(found.dZ - exact.dZ) / size) < 1e-7
