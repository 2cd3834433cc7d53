"""10,000 spectra of 100 cells, two rails and 60 frequencies at once, beside what their arithmetic alone would take.

The floor is the time of so many operations at the rate of fused multiply-adds that a loop compiled in the same way
reaches on numbers in the first-level cache, measured in turns with the batch. Counted are the operations of the ladder
itself (a division as one), and the 232 a cell and frequency of an elimination of two unknowns a cell. Shortest of
several turns each, in one run; a busy machine gets a few more attempts.
"""

from __future__ import annotations

import time

import numpy as np
import pytest
from stopwatch import shortest

import miecsim as mx
from miecsim.constants import thermal_voltage
from miecsim.inverse.batches import spectra
from miecsim.inverse.parameters import value_of

ATTEMPTS = 6
SETS, CELLS, FREQUENCY = 10_000, 100, np.logspace(-2, 6, 60)
TURNS, PAIRS = 300, 16
GENERAL = 232  # operations a cell and frequency, of two unknowns
INTERFACES = {
    "Butler-Volmer": (mx.ButlerVolmer(1.7, thermal_voltage(298.15), 0.4, C=0.13), ("exchange_current", "C")),
    "R || CPE": (mx.Lumped(R=0.02, Q=0.3, alpha=0.83), ("R", "Q", "alpha")),
}


def _multiply_and_add(numba):
    """TURNS rounds over 1024 numbers, each multiplied and added to PAIRS times, in four chains side by side."""

    def run(x, y):
        for _ in range(TURNS):
            for f in range(256):
                a, b, c, d = x[f], y[f], x[f + 256], y[f + 256]
                for _ in range(PAIRS):
                    a, b = a * 0.999 + 1e-3, b * 0.999 + 1e-3
                    c, d = c * 0.999 + 1e-3, d * 0.999 + 1e-3
                x[f], y[f], x[f + 256], y[f + 256] = a, b, c, d

    return numba.njit(run, fastmath={"contract"})


@pytest.mark.parametrize("name", INTERFACES)
def test_beside_the_arithmetic(name, record_property):
    numba = pytest.importorskip("numba")
    kernel = pytest.importorskip("miecsim.solvers.batch_compiled", exc_type=ImportError)
    law, varied = INTERFACES[name]
    layer = mx.CompositeLayer("cathode", 71e-6, 0.021, 0.4, law, 3e5)
    mesh = mx.Mesh(cells=CELLS, grading=3.0)
    system = mx.build_system(mx.composite_electrode([layer]), mx.preset("ion_blocking"), area=3e-5, mesh=mesh)
    rng, sets = np.random.default_rng(1), {}
    for address in ("cathode.sigma_ion", "cathode.sigma_eon", *(f"cathode.interface.{v}" for v in varied)):
        scale = rng.uniform(0.8, 1.1, SETS) if address.endswith("alpha") else 10 ** rng.uniform(-1.5, 1.5, SETS)
        sets[address] = value_of(system, address) * scale
    few = {address: v[:4] for address, v in sets.items()}
    begun = time.perf_counter()
    plain = spectra(system, few, FREQUENCY, method="plain").Z
    alone = (time.perf_counter() - begun) / 4
    np.testing.assert_allclose(spectra(system, few, FREQUENCY, method="compiled").Z, plain, rtol=1e-9)
    x, y, fma = np.ones(512), np.ones(512), _multiply_and_add(numba)
    fma(x, y)
    for _ in range(ATTEMPTS):
        arithmetic, batch = shortest([lambda: fma(x, y), lambda: spectra(system, sets, FREQUENCY)], least=0.2)
        rate = TURNS * 1024 * PAIRS * 2 / arithmetic
        per_set = FREQUENCY.size * rate**-1 * np.array([kernel.FLOPS * (CELLS + 2), GENERAL * CELLS])
        ladder, general = batch / SETS / per_set
        if ladder <= 4 and general <= 4:
            break
    told = f"{name}: {SETS / batch:.0f} spectra a second, {alone * SETS / batch:.0f} times as many as one by one; "
    told += f"{ladder:.1f} times the arithmetic of the ladder, {general:.2f} times that of two unknowns a cell, "
    told += f"at {rate / 1e9:.0f} billion operations a second"
    print(told)
    record_property("batch", told)
    assert general <= 4, told
    assert ladder <= 4, told
