"""One fit of six parameters to a spectrum of 60 points: time and success, with exact gradients, by finite differences,
and by a peer.

Truths are drawn from three decades of each parameter, noise is 0.5 %, every fit starts in the middle. A fit has
succeeded when it ends as deep as the truth lies. Times are those of one core (of the process, so that others on the
machine count little), told and not asserted. The peer (pyimpspec and its two-rail element, run as a program of its
own) fits the same element with the same starts and weights: the environment variable MIECSIM_PEERS names a Python that
has it. A model is a line in MODELS. The line does not tell which rail is which, so that equal starts of both would
lie on a ridge between two valleys.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

import miecsim as mx
from miecsim.circuit import elements, tlm
from miecsim.inverse.closed_forms import ClosedForm, Formula, circuit_formula
from miecsim.inverse.fit import fit
from miecsim.inverse.forward import FitData, Forward, FreeParameter

FREQUENCY = np.logspace(-2, 4, 60)
NOISE = 0.005
FITS = 12
pytestmark = pytest.mark.slow  # a minute
ALIKE = 1.0  # of chi2: no data tell such minima apart
ELEMENTS = ("R", "Q", "alpha")
MIDDLE = {"R0": 9.0, "Rails1.R_ion": 21.0, "Rails1.R_eon": 44.0, "R1": 31.0, "CPE1.Q": 1.3e-3, "CPE1.alpha": 0.85}
PEER = """
import json, sys, time
import numpy as np
from pyimpspec import DataSet, fit_circuit, parse_cdc
given = json.load(sys.stdin)
frequency = np.array(given["frequency"])
told = []
for re, im in given["spectra"]:
    data = DataSet(frequency[::-1], (np.array(re) + 1j * np.array(im))[::-1])
    start = time.process_time()
    try:
        circuit = fit_circuit(
            parse_cdc(given["cdc"]), data, method=given["method"], weight="modulus", num_procs=1
        ).circuit
        z = circuit.get_impedances(frequency)
    except Exception:
        z = np.full(frequency.size, 1e30 + 0j)
    told.append([time.process_time() - start, z.real.tolist(), z.imag.tolist()])
print(json.dumps(told))
"""


@dataclass
class Differences:
    """The same model with slopes by forward differences, as a fit makes them that has no others."""

    forward: Forward

    @property
    def names(self):
        return self.forward.names

    def spectra(self, values):
        return self.forward.spectra(values)

    def gradients(self, values):
        base, moved = self.forward.spectra(values), []
        for i, value in enumerate(values):
            step = 1.5e-8 * value
            other = self.forward.spectra(values + step * (np.arange(values.size) == i))
            moved.append([(b - a) / step for a, b in zip(base, other, strict=True)])
        return tuple((Z, np.array([dZ[k] for dZ in moved])) for k, Z in enumerate(base))


def closed_form() -> Forward:
    """R0 and a line with R_ion, R_eon, and R1 beside a CPE between its rails, ions in, electrons out."""

    def impedance(p, f):
        wall = 1 / (1 / p["R1"] + p["CPE1.Q"] * (2j * np.pi * f) ** p["CPE1.alpha"])
        return p["R0"] + tlm.two_rail_impedance(p["Rails1.R_ion"], p["Rails1.R_eon"], wall, 1.0, "ie")

    return ClosedForm((Formula(tuple(MIDDLE), impedance, analytic=True, arrays=True),), (FREQUENCY,))


def circuit() -> Forward:
    """The same as a circuit."""
    return ClosedForm((circuit_formula("R0-Rails1{interface=p(R1,CPE1)}"),), (FREQUENCY,))


@dataclass
class Resistances:
    """A model of conductivities, asked for resistances: of a line of unit length and cross section."""

    forward: Forward
    names = tuple(MIDDLE)
    inverted = np.array(["Rails" in name for name in MIDDLE])

    def _own(self, values):
        return np.where(self.inverted, 1 / values, values)

    def spectra(self, values):
        return self.forward.spectra(self._own(values))

    def gradients(self, values):
        inner = np.where(self.inverted, -1 / values**2, 1.0)
        return tuple((Z, inner[:, None] * dZ) for Z, dZ in self.forward.gradients(self._own(values)))


def continuum() -> Forward:
    """The same as a composite cathode in finite volumes."""
    wall = mx.Lumped(R=31.0, Q=1.3e-3, alpha=0.85)
    layer = mx.CompositeLayer("cathode", 1.0, 0.05, 0.02, wall, 1.0)
    left = mx.Terminal("A", (mx.Contact("left", "ion", mx.Lumped(R=9.0)),))
    right = mx.Terminal("B", (mx.Contact("right", "electron", mx.Reversible()),))
    mesh = mx.Mesh(cells=100, grading=300.0)
    system = mx.build_system(mx.composite_electrode([layer]), mx.Wiring((left, right)), area=1.0, mesh=mesh)
    numbers = ("A.ion.R", "cathode.sigma_ion", "cathode.sigma_eon", *(f"cathode.interface.{n}" for n in ELEMENTS))
    family = mx.addressed(system, dict(zip(MIDDLE, numbers, strict=True)))
    return Resistances(mx.Continuum(tuple(MIDDLE), [family], [FREQUENCY]))


# Name -> the model of these six parameters, named and ordered as MIDDLE
MODELS: dict[str, Callable[[], Forward]] = {"closed form": closed_form, "circuit": circuit, "continuum": continuum}


def _truths() -> list[dict[str, float]]:
    rng = np.random.default_rng(21)
    out = []
    for _ in range(FITS):
        drawn = {name: middle * 10 ** rng.uniform(-1.5, 1.5) for name, middle in MIDDLE.items()}
        out.append({**drawn, "CPE1.alpha": rng.uniform(0.72, 0.98)})
    return out


def _spectra() -> list[tuple[np.ndarray, FitData]]:
    """Z without noise, and with it, by the formula in other words."""
    rng, out = np.random.default_rng(22), []
    for p in _truths():
        wall = elements.lumped(2 * np.pi * FREQUENCY, R=p["R1"], Q=p["CPE1.Q"], alpha=p["CPE1.alpha"])
        Z = p["R0"] + tlm.two_rail_impedance(p["Rails1.R_ion"], p["Rails1.R_eon"], wall, 1.0, "ie")
        noise = rng.standard_normal(60) + 1j * rng.standard_normal(60)
        out.append((Z, FitData("spectrum", FREQUENCY, Z + NOISE * np.abs(Z) * noise, NOISE * np.abs(Z))))
    return out


def _free() -> tuple[FreeParameter, ...]:
    out = [FreeParameter(n, m, m / 300, m * 300) for n, m in MIDDLE.items() if n != "CPE1.alpha"]
    return (*out, FreeParameter("CPE1.alpha", MIDDLE["CPE1.alpha"], 0.4, 1.0, log=False))


def _chi2(data: FitData, Z: np.ndarray) -> float:
    return float(np.sum(np.abs((data.Z - Z) / data.sigma) ** 2))


def _told(name: str, seconds: list[float], success: list[bool]) -> str:
    return (
        f"{name}: {sum(success)} of {len(success)} as deep as the truth, median {np.median(seconds) * 1e3:.0f} ms, "
        f"longest {max(seconds) * 1e3:.0f} ms"
    )


def _ours(forward: Forward) -> tuple[list[float], list[bool]]:
    seconds, success = [], []
    for Z, data in _spectra():
        start = time.process_time()
        found = fit(forward, _free(), [data], profiled=False)
        seconds.append(time.process_time() - start)
        success.append(found.chi2 <= _chi2(data, Z) + ALIKE)
    return seconds, success


def _peer(python: str, method: str) -> tuple[list[float], list[bool]]:
    m = MIDDLE
    cdc = f"R{{R={m['R0']}}}Tlm{{L=1F, X_1=[R{{R={m['Rails1.R_ion']}}}], X_2=[R{{R={m['Rails1.R_eon']}}}], "
    cdc += f"Zeta=[(R{{R={m['R1']}}}Q{{Y={m['CPE1.Q']},n={m['CPE1.alpha']}}})], Z_A=open, Z_B=open}}"
    spectra = _spectra()
    shown = [[data.Z.real.tolist(), data.Z.imag.tolist()] for _, data in spectra]
    given = json.dumps({"cdc": cdc, "method": method, "frequency": FREQUENCY.tolist(), "spectra": shown})
    done = subprocess.run([python, "-c", PEER], input=given, capture_output=True, text=True, timeout=600)
    if "No module named 'pyimpspec'" in done.stderr:
        pytest.skip(f"{python} has no pyimpspec; set MIECSIM_PEERS to a Python that has it")
    assert done.returncode == 0, done.stderr
    seconds, success = [], []
    for (Z, data), (took, re, im) in zip(spectra, json.loads(done.stdout), strict=True):
        seconds.append(took)
        success.append(_chi2(data, np.array(re) + 1j * np.array(im)) <= _chi2(data, Z) + ALIKE)
    return seconds, success


@pytest.mark.parametrize("name", MODELS)
def test_six_parameters_from_sixty_points(name: str, record_property) -> None:
    forward = MODELS[name]()
    assert forward.names == tuple(p.name for p in _free())
    (exact, found), (differences, also) = _ours(forward), _ours(Differences(forward))
    told = [_told(f"{name}, exact gradients", exact, found), _told(f"{name}, finite differences", differences, also)]
    print("\n".join(told))
    record_property("fits", told)
    assert all(found)


def test_beside_a_peers_fits(record_property) -> None:
    python = os.environ.get("MIECSIM_PEERS", sys.executable)
    told, best = [], 0
    for method in ("leastsq", "least_squares"):
        seconds, success = _peer(python, method)
        told.append(_told(f"pyimpspec, {method}", seconds, success))
        best = max(best, sum(success))
    print("\n".join(told))
    record_property("peer", told)
    assert sum(_ours(closed_form())[1]) >= best, told
