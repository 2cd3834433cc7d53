"""Gradients of two-rail lines by moving their numbers in a batch, against the adjoint and against closed forms."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

import miecsim as mx
from miecsim.circuit import tlm
from miecsim.constants import thermal_voltage
from miecsim.errors import InputError, SolveError
from miecsim.inverse.parameters import numbers_of, parts_of
from miecsim.inverse.rails import by_rails

FREQUENCY = np.array([2e-3, 0.7, 31.0, 4.1e3, 2.3e5])
MESH = mx.Mesh(cells=14, grading=5.0)
BATTERY = {"L": 71e-6, "ion": 0.021, "eon": 0.4, "i0": 1.7, "C": 0.13, "a": 3e5, "R": 4e-4}


def battery(p: Mapping[str, float], area: float = 3e-5) -> mx.System:
    wall = mx.ButlerVolmer(p["i0"], thermal_voltage(298.15), 0.4, p["C"])
    layers = [
        mx.CompositeLayer("separator", 2e-5, 0.3),
        mx.CompositeLayer("cathode", p["L"], p["ion"], p["eon"], wall, p["a"]),
    ]
    left = mx.Terminal("A", (mx.Contact("left", "ion", mx.Lumped(R=p["R"], Q=0.3, alpha=0.9)),))
    right = mx.Terminal("B", (mx.Contact("right", "electron", mx.Reversible()),))
    return mx.build_system(mx.composite_electrode(layers), mx.Wiring((left, right)), area=area, mesh=MESH)


ADDRESSES = {
    "ion": "cathode.sigma_ion",
    "eon": "cathode.sigma_eon",
    "i0": "cathode.interface.exchange_current",
    "C": "cathode.interface.C",
    "a": "cathode.area_density",
    "R": "A.ion.R",
}


def numbers(p: Mapping[str, float]) -> dict:
    return numbers_of(parts_of(battery(p)))


def close(found: mx.Family, other: mx.Family, values: Mapping[str, float]) -> None:
    rails, line = (mx.gradients(f, values, FREQUENCY, method=m) for f, m in ((found, "rails"), (other, "line")))
    np.testing.assert_allclose(rails.Z, line.Z, rtol=1e-11)
    size = np.maximum(np.abs(line.dZ), 1e-3 * np.abs(line.Z) / line.values[:, None])
    assert np.max(np.abs(rails.dZ - line.dZ) / size) < 1e-8


def test_moved_numbers_give_what_the_adjoint_gives() -> None:
    """Products too: the interface per volume is a i0, and both are free."""
    still = {name: value for name, value in BATTERY.items() if name != "L"}
    close(mx.addressed(battery(BATTERY), ADDRESSES), mx.Family(lambda p: battery({**BATTERY, **p})), still)


def test_parameters_act_through_the_numbers_of_a_system() -> None:
    """A porosity in two conductivities and an area at once, by the rule of Bruggeman."""

    def values(p: Mapping[str, float]) -> dict[str, float]:
        share = p["share"]
        return {**BATTERY, "ion": p["ion"] * share**1.5, "eon": 0.9 * (1 - share) ** 2, "a": 3 * (1 - share) / p["r"]}

    family = mx.Family(lambda p: battery(values(p)), numbers=lambda p: numbers(values(p)))
    close(family, mx.Family(family.system), {"share": 0.42, "ion": 0.08, "r": 6e-6})


def test_what_is_no_number_of_the_line_is_left_to_the_adjoint() -> None:
    """A thickness moves the grid: the gradient is that of the adjoint, by itself and beside others."""
    family = mx.Family(battery, numbers=numbers)
    assert by_rails(family, BATTERY, FREQUENCY) is None
    with pytest.raises(InputError, match="method 'rails'"):
        mx.gradients(family, BATTERY, FREQUENCY, method="rails")
    found, line = (mx.gradients(f, BATTERY, FREQUENCY) for f in (family, mx.Family(battery)))
    np.testing.assert_allclose(found.dZ, line.dZ, rtol=1e-12)


def test_a_value_beyond_what_a_number_may_be_has_no_spectrum() -> None:
    model = mx.Continuum(("ion",), [mx.addressed(battery(BATTERY), {"ion": "cathode.sigma_ion"})], [FREQUENCY])
    assert np.all(np.isfinite(model.spectra(np.array([0.02]))[0]))
    with pytest.raises(SolveError, match="sigma_ion"):
        model.spectra(np.array([-0.02]))
    family = mx.addressed(battery(BATTERY), {"R": "A.ion.R", "i0": "cathode.interface.exchange_current"})
    assert np.all(np.isfinite(mx.gradients(family, {"R": 4e-4, "i0": 1.7}, FREQUENCY).dZ))
    for wrong in ({"R": -4e-4, "i0": 1.7}, {"R": 4e-4, "i0": -1.7}):
        with pytest.raises(InputError, match="expected a positive number"):
            mx.gradients(family, wrong, FREQUENCY)
    with pytest.raises(InputError, match="did you mean cathode.sigma_ion"):
        mx.addressed(battery(BATTERY), {"ion": "cathode.sigma_iom"})
    with pytest.raises(InputError, match="decides the grid"):
        mx.addressed(battery(BATTERY), {"L": "cathode.thickness"})


def test_a_continuum_is_fitted_to_both_blocking_cells() -> None:
    """Data by the closed form, 0.3 % noise: every parameter within three standard errors, and those a few per cent."""
    truth = {"ion": 0.034, "eon": 0.21, "Q": 0.05, "alpha": 0.83}
    f, area, thickness, density = np.logspace(-2, 6, 41), 0.8e-4, 400e-6, 4e5
    wall = mx.Lumped(Q=0.02, alpha=0.9)
    layer = mx.CompositeLayer("pellet", thickness, 0.1, 0.1, wall, density)
    paths = {"ion": "pellet.sigma_ion", "eon": "pellet.sigma_eon", "Q": "pellet.interface.Q"}
    families, data, rng = [], [], np.random.default_rng(5)
    for cell, ends in (("ion_blocking", "ee"), ("electron_blocking", "ii")):
        mesh = mx.Mesh(cells=60, grading=300.0)
        system = mx.build_system(mx.composite_electrode([layer]), mx.preset(cell), area=area, mesh=mesh)
        families.append(mx.addressed(system, {**paths, "alpha": "pellet.interface.alpha"}))
        R = [thickness / (truth[k] * area) for k in ("ion", "eon")]
        y = truth["Q"] * (2j * np.pi * f) ** truth["alpha"] * density * area * thickness
        Z = tlm.two_rail_impedance(*R, 1 / y, 1.0, ends)
        Z = Z * (1 + 0.003 * (rng.standard_normal(f.size) + 1j * rng.standard_normal(f.size)))
        data.append(mx.FitData(cell, f, Z, np.abs(Z)))
    free = [mx.FreeParameter(n, 0.1, 1e-3, 10.0) for n in ("ion", "eon")]
    free += [mx.FreeParameter("Q", 0.02, 1e-4, 1.0), mx.FreeParameter("alpha", 0.9, 0.5, 1.0, log=False)]
    found = mx.fit(mx.Continuum(tuple(truth), families, [f, f]), free, data)
    assert found.identified.all()
    off = [p.scaled(v) - p.scaled(t) for p, v, t in zip(free, found.values, truth.values(), strict=True)]
    assert np.all(np.abs(off) < 3 * found.error) and np.all(found.error < 0.03)
    assert found.noise == pytest.approx(0.003, rel=0.2)
