"""TauFactor's tortuosity factors, through and of a blocking electrode, on the same pictures, and what they cost.

Where the environment variable MIECSIM_TAUFACTOR names a Python interpreter that has TauFactor (1.2.1), else skipped.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from peers.asking import environment

from miecsim.microstructure.structure import Microstructure
from miecsim.microstructure.transport import blocking_electrode, tortuosity_factor

SCRIPT = Path(__file__).parent / "peers" / "taufactor_peer.py"
pytestmark = pytest.mark.slow


def ask(**question):
    python = os.environ.get("MIECSIM_TAUFACTOR", "")
    if not python:
        pytest.skip("MIECSIM_TAUFACTOR is not set: it names the Python interpreter of an environment with taufactor")
    done = subprocess.run(
        [python, str(SCRIPT)],
        input=json.dumps(question),
        capture_output=True,
        text=True,
        env=environment(),
        timeout=900,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def pore(shape, fraction, seed):
    """Noise smoothed over two voxels and cut at its quantile."""
    noise = np.random.default_rng(seed).normal(size=shape)
    for axis in range(len(shape)):
        noise = sum(np.exp(-(k**2) / 8) * np.roll(noise, k, axis) for k in range(-6, 7))
    return (noise > np.quantile(noise, 1 - fraction)).astype(int)


def picture(labels):
    return Microstructure(labels, (1.0,) * labels.ndim, ("solid", "pore"))


def drawn_as_theirs(labels):
    """TauFactor's blocking electrode: walls at the sides and the far end, and a whole voxel before the entrance."""
    walled = np.pad(labels, [(0, 1)] + [(1, 1)] * (labels.ndim - 1))
    ours = blocking_electrode(picture(walled), "pore")
    half = ours.entrance / 2
    return replace(ours, entrance=half, matrix=sp.csr_matrix(ours.matrix - sp.diags(half)))


@pytest.mark.parametrize(("shape", "fraction"), [((96, 80), 0.75), ((30, 28, 26), 0.5)])
def test_through(shape, fraction):
    labels = pore(shape, fraction, 3)
    theirs = ask(what="through", image=labels.tolist(), criterion=1e-4)
    start = time.perf_counter()
    ours = tortuosity_factor(picture(labels), "pore")
    seconds = time.perf_counter() - start
    print(f"tau: ours {ours.tau:.6f} in {seconds:.2f} s, TauFactor's {theirs['tau']:.6f} in {theirs['seconds']:.2f} s")
    assert theirs["tau"] == pytest.approx(ours.tau, rel=1e-3)  # theirs in single precision


@pytest.mark.parametrize(("shape", "fraction"), [((48, 44), 0.75), ((18, 17, 16), 0.5)])
def test_blocking_electrode(shape, fraction):
    labels = pore(shape, fraction, 3)
    theirs = ask(what="electrode", image=labels.tolist(), criterion=1e-5)
    start = time.perf_counter()
    walled = drawn_as_theirs(labels)
    R = walled.resistance()
    seconds = time.perf_counter() - start
    # they divide by the number of voxels and two of padding, and by the share of pore in the picture as given
    ours = labels.mean() * 3 * R * labels[0].size / (shape[0] + 2)
    print(f"tau_e: ours {ours:.6f} in {seconds:.2f} s, TauFactor's {theirs['tau_e']:.6f} in {theirs['seconds']:.2f} s")
    # they stop where tau_e wanders by less than 1e-5 in 100 sweeps, and by 1e-3 from one frequency to the next
    assert theirs["tau_e"] == pytest.approx(ours, rel=1e-4)
    assert seconds < theirs["seconds"]


def test_a_spectrum_of_a_blocking_electrode_costs_less_than_their_one_number():
    """250 x 250 voxels: sixty frequencies over eight decades and tau_e, beside their solver for tau_e."""
    labels = pore((250, 250), 0.75, 3)
    theirs = ask(what="electrode", image=labels.tolist(), criterion=1e-5)
    walled = drawn_as_theirs(labels)
    start = time.perf_counter()
    omega = np.logspace(-8, 0, 60)
    Z = walled.impedance(omega, 1.0, tolerance=1e-6)
    seconds = time.perf_counter() - start
    scale = labels.mean() * 3 * labels[0].size / 252
    print(
        f"tau_e: {scale * Z[0].real:.6f} by a spectrum in {seconds:.1f} s, exact {scale * walled.resistance():.6f}; "
        f"TauFactor's {theirs['tau_e']:.6f} in {theirs['seconds']:.1f} s"
    )
    assert Z[0].real == pytest.approx(walled.resistance(), rel=1e-5)
    assert theirs["tau_e"] == pytest.approx(scale * walled.resistance(), rel=3e-4)
    assert seconds < theirs["seconds"]
