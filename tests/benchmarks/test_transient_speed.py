"""Time: our layers against a script that knows nothing but its one problem, and against FiPy's own implicit steps."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import numpy as np

import miecsim as mx
from miecsim.circuit.steps import pore_charging_current
from miecsim.constants import FARADAY, thermal_voltage
from miecsim.solvers.transient.protocol import Step, log_times, voltage
from miecsim.solvers.transient.run import Tolerance, solve_transient

CELLS = 200
RTOL = 1e-6
V_T = thermal_voltage(298.15)


def best(run: Callable[[], object], repeats: int = 3) -> float:
    """Shortest of several runs, s."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        run()
        times.append(time.perf_counter() - started)
    return min(times)


# --- a binary electrolyte between blocking plates, written by hand for IDA -------------------------

L, C0, D, EPS, STEP, DURATION = 53e-9, 11.0, (2.1e-10, 7.7e-10), 6.1e-10, 0.05, 2e-5


def at_rest() -> mx.OperatingPoint:
    carriers = tuple(mx.CarrierIn(n, z, C0, d) for n, z, d in (("cation", 1, D[0]), ("anion", -1, D[1])))
    layer = mx.ChargedLayer("electrolyte", L, carriers, permittivity=EPS)
    mesh = mx.Mesh(cells=CELLS)
    return mx.solve_steady(mx.build_system(mx.nernst_planck_poisson([layer]), mx.metal_plates(), mesh=mesh))


def ours(point: mx.OperatingPoint) -> np.ndarray:
    trace = solve_transient(point, [Step("step", {"A": voltage(STEP)}, DURATION)], tolerance=Tolerance(RTOL))
    return trace.state[-1][0]


def by_hand() -> np.ndarray:
    """The same equations, scheme, tolerances and banded exact Jacobian, in one function each."""
    from sksundae.ida import IDA

    h, n = L / CELLS, CELLS
    z = np.array([1.0, -1.0])
    k = np.array(D) / h

    def bernoulli(x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        small = np.abs(x) < 1e-4
        s = np.where(small, 1.0, x)
        e = np.expm1(s)
        b = np.where(small, 1 - x / 2 + x * x / 12, s / e)
        slope = np.where(small, -0.5 + x / 6, (e - s * (e + 1)) / e**2)
        return b, slope

    # unknowns scaled: c/C0 and phi/V_T; rows: c' balance, Poisson over F C0 h
    poisson = EPS * V_T / (FARADAY * C0 * h * h)

    def residual(t: float, y: np.ndarray, yp: np.ndarray, out: np.ndarray) -> None:
        u, up = y.reshape(n, 3), yp.reshape(n, 3)
        phi, dphi = u[:, 2], np.diff(u[:, 2])
        r = out.reshape(n, 3)
        for i in range(2):
            b = bernoulli(z[i] * dphi)[0]
            flux = k[i] * (b * u[:-1, i] - (b + z[i] * dphi) * u[1:, i])
            flux *= -1.0
            r[:, i] = up[:, i] * h
            r[:-1, i] -= flux
            r[1:, i] += flux
        r[:, 2] = u[:, 0] - u[:, 1]
        r[1:-1, 2] += poisson * (phi[2:] - 2 * phi[1:-1] + phi[:-2])
        r[0, 2] += poisson * (dphi[0] - 2 * (phi[0] - STEP / V_T))
        r[-1, 2] += poisson * (-dphi[-1] - 2 * phi[-1])

    def jacobian(t: float, y: np.ndarray, yp: np.ndarray, res: np.ndarray, cj: float, JJ: np.ndarray) -> None:
        JJ[:] = 0.0
        u, dphi = y.reshape(n, 3), np.diff(y.reshape(n, 3)[:, 2])
        left, right = 3 * np.arange(n - 1), 3 * np.arange(1, n)
        for i in range(2):
            b, slope = bernoulli(z[i] * dphi)
            d_phi = -k[i] * z[i] * (slope * u[:-1, i] - (slope + 1) * u[1:, i])
            parts = (
                (left + i, -k[i] * b),
                (right + i, k[i] * (b + z[i] * dphi)),
                (right + 2, d_phi),
                (left + 2, -d_phi),
            )
            JJ[3 * np.arange(n) + i, 3 * np.arange(n) + i] += cj * h
            for column, value in parts:
                JJ[left + i, column] -= value
                JJ[right + i, column] += value
        at = 3 * np.arange(n) + 2
        JJ[at, at - 2] += 1.0
        JJ[at, at - 1] -= 1.0
        JJ[at, at] -= 2 * poisson
        JJ[at[[0, -1]], at[[0, -1]]] -= poisson
        JJ[at[1:], at[:-1]] += poisson
        JJ[at[:-1], at[1:]] += poisson

    y = np.tile([1.0, 1.0, 0.0], n).astype(float)
    x = (np.arange(n) + 0.5) / n
    y[2::3] = STEP / V_T * (1 - x)
    options = {"rtol": RTOL, "atol": 1e-9, "linsolver": "band", "lband": 5, "uband": 5, "jacfn": jacobian}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        ida = IDA(residual, first_step=1e-9 * DURATION, max_num_steps=100_000, **options)
    out = np.zeros_like(y)
    residual(0.0, y, np.zeros_like(y), out)
    yp = np.zeros_like(y)
    for i in range(2):
        yp[i::3] = -out[i::3] / h
    ida.init_step(0.0, y, yp)
    return C0 * np.array(ida.step(DURATION, tstop=DURATION).y)[0::3]


def test_transient_against_a_script_by_hand() -> None:
    point = at_rest()
    one, other = ours(point)[1:-1], by_hand()
    assert np.max(np.abs(one / other - 1)) < 1e-4
    ratio = min(best(lambda: ours(point)) / best(by_hand) for _ in range(3))
    print(f"\ntransient, {CELLS} cells x 3: {ratio:.1f} times a script written for it alone")
    assert ratio < 5


def test_transient_against_fipy() -> None:
    """Charging of a pore to 5e-4: FiPy's implicit steps, as many as that takes, and ours."""
    sigma, a_v, C, length = 0.037, 2.7e5, 0.23, 47e-6
    capacity = C * a_v * length
    tau = length / sigma * capacity
    layer = mx.CompositeLayer("pore", length, sigma, sigma * 1e9, mx.Lumped(C=C), a_v)
    system = mx.build_system(mx.composite_electrode([layer]), mx.preset("battery"), mesh=mx.Mesh(cells=CELLS))
    point = mx.solve_steady(system)
    times = log_times(tau, 0.1 * tau, 6)
    exact = pore_charging_current(times, length / sigma, capacity, 0.01)

    def ours() -> float:
        step = Step("step", {"A": voltage(0.01)}, tau, outputs=times)
        trace = solve_transient(point, [step], tolerance=Tolerance(1e-5))
        at = np.searchsorted(trace.time, times * (1 - 1e-12))
        return float(np.max(np.abs(trace.current[at, 0] / exact - 1)))

    def fipy_steps(count: int) -> float:
        from fipy import CellVariable, DiffusionTerm, Grid1D, TransientTerm

        mesh = Grid1D(nx=CELLS, dx=length / CELLS)
        phi = CellVariable(mesh=mesh, value=0.0, hasOld=True)
        phi.constrain(0.01, mesh.facesLeft)
        equation = TransientTerm(C * a_v) == DiffusionTerm(sigma)
        now, worst = 0.0, 0.0
        for target, value in zip(times, exact, strict=True):
            steps = max(1, round(count * (target - now) / tau))
            for _ in range(steps):
                phi.updateOld()
                equation.solve(var=phi, dt=(target - now) / steps)
            now = target
            current = sigma * (0.01 - float(phi.value[0])) / (0.5 * length / CELLS)
            worst = max(worst, abs(current / value - 1))
        return worst

    error, tried = ours(), 200
    assert error < 5e-4
    # first order in time: as many steps as bring its error to ours
    started = time.perf_counter()
    count = tried * fipy_steps(tried) / error
    ratio = (time.perf_counter() - started) * count / tried / best(ours)
    print(f"\npore to {error:.1e}: FiPy would take {count:.0f} steps and {ratio:.0f} times as long")
    assert ratio > 20
