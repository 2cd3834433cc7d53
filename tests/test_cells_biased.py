"""Cells under current and after a discharge: spectra against slopes and steps in time, and what is conserved."""

from __future__ import annotations

import numpy as np
import pytest

import miecsim as mx
from miecsim.solvers.transient.protocol import current, log_times, voltage

SALT = mx.BinarySalt(1100.0, lambda c: 1.3e-3 * c * np.exp(-c / 1400), 2.6e-10, 0.31, lambda c: 1 + c / 1900)
WIRING = mx.Wiring(
    (
        mx.Terminal("positive", (mx.Contact("right", "electron", mx.Reversible()),)),
        mx.Terminal("negative", (mx.Contact("left", "electron", mx.Reversible()),)),
    )
)


def particles(U: object, x: float, i0: object, diffusivity: object, shells: int = 10) -> mx.ActiveParticles:
    host = mx.Host("host", 4.1e4, U, diffusivity)  # type: ignore[arg-type]
    kinetics = mx.Kinetics(i0, alpha=0.42)  # type: ignore[arg-type]
    return mx.ActiveParticles("p", host, 3.3e-6, 0.52, kinetics, x, shells=shells, grading=8.0)


def cell(linear: bool, cells: int = 6) -> mx.System:
    """A full cell; `linear`: open-circuit potentials that fall straight, constant D and i0, so that the overpotential
    under current settles while the state of charge moves on."""
    if linear:
        neg = particles(lambda x: 0.5 - 0.4 * x, 0.75, 0.9, 2e-14)
        pos = particles(lambda x: 4.2 - 0.5 * x, 0.3, 1.7, 1.1e-14)
    else:
        neg = particles(
            lambda x: 0.1 + 0.6 * np.exp(-9 * x) - 0.03 * np.tanh(8 * (x - 0.6)),
            0.8,
            mx.MassAction(0.9, 1000.0, alpha=0.42),
            lambda x: 2e-14 * (1.2 - x),
        )
        pos = particles(
            lambda x: 4.3 - 0.9 * x - 0.1 * np.tanh(6 * (x - 0.45)), 0.33, mx.MassAction(1.7, 1000.0, alpha=0.42), 1e-14
        )
    layers = [
        mx.PorousLayer("anode", 61e-6, SALT, 0.37, 0.37**1.6, 90.0, (neg,)),
        mx.PorousLayer("separator", 19e-6, SALT, 0.51, 0.51**1.5),
        mx.PorousLayer("cathode", 57e-6, SALT, 0.34, 0.34**1.7, 4.0, (pos,)),
    ]
    return mx.build_system(mx.porous_cell(layers, temperature=305.0), WIRING, mesh=mx.Mesh(cells=cells))


def step(name: str, i_app: float, seconds: float, start: mx.OperatingPoint, outputs: object = ()) -> mx.Step:
    controls = {"positive": current(i_app), "negative": voltage(float(start.voltages[1]))}
    return mx.Step(name, controls, seconds, outputs=outputs)  # type: ignore[arg-type]


def test_resistance_under_current_is_the_slope_of_the_settled_overpotential() -> None:
    system = cell(linear=True, cells=4)
    rest = mx.rest_point(system)
    tight = mx.Tolerance(1e-8)
    # long enough for salt and particles to settle (slowest: 0.1 a^2/D); charge in equal amounts, so that the mean
    # compositions are the same and cancel
    charge, i_app, h = -50e3, -15.0, 0.15

    def settled(i_app: float) -> mx.Trace:
        return mx.solve_transient(rest, [step("discharge", i_app, charge / i_app, rest)], tolerance=tight)

    low, mid, high = (settled(value) for value in (i_app - h, i_app, i_app + h))
    V = [trace.of("positive")[0][-1] for trace in (low, mid, high)]
    slope = (V[2] - V[0]) / (2 * h)
    f = np.array([1e-7])
    Z = mx.impedance(mx.snapshot(mid), f).Z[0]
    at_rest = mx.impedance(rest, f).Z[0]
    assert Z.real == pytest.approx(slope, rel=5e-5)
    assert abs(at_rest.real / slope - 1) > 0.005  # the current changes it: rest would not do
    assert mid.conservation < 1e-10


@pytest.mark.parametrize("rested", [False, True], ids=["under current", "after a discharge"])
def test_spectrum_is_the_transform_of_a_small_step_of_current(rested: bool) -> None:
    system = cell(linear=False, cells=4 if rested else 6)
    rest = mx.rest_point(system)
    tight = mx.Tolerance(1e-8)
    i_app, dI, seconds, window = -25.0, 5e-3, 700.0, 400.0
    before = [step("discharge", i_app, seconds, rest)]
    if rested:
        before, i_app = [*before, step("rest", 0.0, 4000.0, rest)], 0.0
    after = log_times(window, 1e-4, 12)[:-1]
    on = [step("on", i_app + d, window, rest, after) for d in (0.0, dI)]
    runs = [mx.solve_transient(rest, [*before, last], tolerance=tight) for last in on]
    assert max(run.conservation for run in runs) < 1e-10
    first = len(before) - 1
    base, moved = runs
    node = system.ports[0].nodes[0]
    time = base.state_time[first + 1 :] - base.state_time[first]
    dV, rate = (
        moved_part[first + 1 :] - base_part[first + 1 :]
        for base_part, moved_part in (
            (base.state_voltage[:, 0], moved.state_voltage[:, 0]),
            (base.state_rate[:, 1, node], moved.state_rate[:, 1, node]),
        )
    )
    f = np.logspace(-1.5, 3, 10)
    Z = mx.impedance(mx.snapshot(base, first), f).Z
    found = mx.step_impedance(time, dV, rate, dI, f)
    assert np.max(np.abs(found / Z - 1)) < 1e-3


def test_lithium_is_conserved_over_cycles() -> None:
    """Discharge, rest and charge: cations in salt and particles, and anions, come back to within round-off."""
    system = cell(linear=False, cells=4)
    rest = mx.rest_point(system)
    steps = [step("d", -40.0, 900.0, rest), step("r", 0.0, 300.0, rest), step("c", 40.0, 900.0, rest)]
    trace = mx.solve_transient(rest, steps)
    assert trace.conservation < 1e-12
    names = system.laws.state_map.names
    lithium = trace.stored[:, names.index("ion")] + trace.stored[:, names.index("lithium")]
    passed = np.max(np.abs(trace.charge))
    assert np.max(np.abs(lithium)) < 1e-10 * passed
    assert (
        np.max(np.abs(trace.stored[:, names.index("lithium")])) < 1e-2 * passed
    )  # what one side loses the other gains
