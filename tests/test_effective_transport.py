"""Conduction through pictures: against laminates, checkerboards, neutral inclusions, dense matrices and bounds."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miecsim.circuit import media
from miecsim.errors import InputError
from miecsim.microstructure.bounds import conductivity_bounds
from miecsim.microstructure.conduction import conduct, voxel_network
from miecsim.microstructure.networks import Network, through
from miecsim.microstructure.structure import Microstructure
from miecsim.microstructure.transport import (
    blocking_electrode,
    effective_conductivity,
    effective_tensor,
    tortuosity_factor,
)
from miecsim.microstructure.volumes import representative_volume

DATA = Path(os.environ.get("MIECSIM_DATA", "../shared/data")) / "micro"


def picture(labels, voxel=None, names=("a", "b", "c"), periodic=()):
    labels = np.asarray(labels)
    return Microstructure(labels, voxel or (1e-6,) * labels.ndim, names[: labels.max() + 1], periodic)


def smooth(shape, fraction, width, seed):
    """Phase b where smoothed noise exceeds its quantile, periodic."""
    wave = np.sqrt(sum(k**2 for k in np.meshgrid(*[np.fft.fftfreq(n) for n in shape], indexing="ij")))
    noise = np.fft.fftn(np.random.default_rng(seed).normal(size=shape)) * np.exp(-((2 * np.pi * wave * width) ** 2) / 2)
    field = np.fft.ifftn(noise).real
    return (field > np.quantile(field, 1 - fraction)).astype(np.uint8)


def layers(shape, axis, seed):
    phases = np.random.default_rng(seed).permutation(np.arange(shape[axis]) % 3)
    return np.moveaxis(np.broadcast_to(phases, (*np.delete(shape, axis), shape[axis])), -1, axis)


@pytest.mark.parametrize("sigma", [(1.7, 3.1e-6, 0.29), (1.7 + 0.1j, 3e-4j, 0.3)])
@pytest.mark.parametrize(("shape", "axis"), [((13, 9), 0), ((13, 9), 1), ((7, 5, 8), 0), ((7, 5, 8), 2)])
def test_laminates_are_exact(shape, axis, sigma):
    voxel = (1.1e-6, 0.37e-6, 2.9e-6)[: len(shape)]
    labels = layers(shape, axis, 3)
    phi = (np.bincount(labels.ravel()) / labels.size).tolist()
    exact = media.laminate(phi, sigma, np.eye(len(shape))[axis])
    named = dict(zip("abc", sigma, strict=True))
    for periodic in ((), tuple(range(len(shape)))):
        s = picture(labels, voxel, periodic=periodic)
        np.testing.assert_allclose(effective_tensor(s, named), exact, rtol=1e-11, atol=1e-13 * abs(exact).max())
        for d in range(len(shape)):
            for method in ("direct", "iterative"):
                found = effective_conductivity(s, named, d, method)
                assert found == pytest.approx(exact[d, d], rel=1e-10), (d, method)


def board(half):
    """One square of each phase along each axis, cut through the middle of squares: the mirrored checkerboard."""
    side = np.arange(2 * half) // half
    return picture(np.add.outer(side, side) % 2)


@pytest.mark.parametrize(
    ("contrast", "error"), [(2, -6.3e-5), (4, -1.06e-3), (10, -1.49e-2)], ids=["two", "four", "ten"]
)
def test_checkerboards_converge_at_their_orders(contrast, error):
    exact = media.checkerboard(1.0, contrast)
    found = [effective_conductivity(board(n), {"a": 1.0, "b": contrast}) / exact - 1 for n in (16, 32, 64)]
    order = np.log2(found[1] / found[2])
    assert order == pytest.approx(media.checkerboard_order(contrast), abs=0.012)
    assert found[2] == pytest.approx(error, rel=0.02)  # from below


@pytest.mark.slow
@pytest.mark.parametrize(("contrast", "error"), [(2, -2e-5), (4, -5e-4), (10, -0.9e-2)])
def test_checkerboards_at_128_voxels(contrast, error):
    exact = media.checkerboard(1.0, contrast)
    found = effective_conductivity(board(128), {"a": 1.0, "b": contrast}) / exact - 1
    assert found == pytest.approx(error, rel=0.1)


def test_checkerboard_of_resistor_and_capacitor_is_a_constant_phase_element():
    """sqrt(i w), 45 degrees at every w. The voxels keep s(i/w) = (i/w) conj(s(i w)): exactly 45 degrees at w = 1."""
    w = np.array([0.8, 1.0, 1 / 0.8])
    off = []
    for half in (8, 16, 32):
        s = np.array([effective_conductivity(board(half), {"a": 1.0, "b": 1j * each}) for each in w])
        assert abs(np.angle(s[1]) - np.pi / 4) < 1e-12
        assert s[2] == pytest.approx(1j / 0.8 * np.conj(s[0]), rel=1e-12)
        off.append(abs(s / np.sqrt(1j * w) - 1))
    off = np.array(off)
    assert np.all(off[2] < 6e-4) and np.all(off[2] < 0.2 * off[0])


def test_rotated_laminate():
    """Layers at 45 degrees drawn as staircases: the tensor of the tilted laminate, first order in the voxel."""
    errors = []
    for step in (2, 4, 8):
        i, j = np.indices((10 * step, 10 * step))
        s = picture(((i + j) % (10 * step) < 3 * step) * 1, (1e-6, 1e-6), periodic=(0, 1))
        phi = [s.fraction("a"), s.fraction("b")]
        exact = media.laminate(phi, [1.0, 3.3], [1, 1])
        found = effective_tensor(s, {"a": 1.0, "b": 3.3})
        assert found[0, 1] == pytest.approx(found[1, 0], rel=1e-12)
        assert found[0, 1] < 0 and exact[0, 1] < 0
        errors.append(np.abs(found - exact).max() / exact[0, 0])
    assert np.log2(errors[0] / errors[1]) == pytest.approx(1, abs=0.1)
    assert np.log2(errors[1] / errors[2]) == pytest.approx(1, abs=0.05)
    assert errors[2] < 0.02


@pytest.mark.parametrize(("n", "dim", "limit"), [(128, 2, 2.5e-3), (32, 3, 1.1e-2)])
def test_coated_spheres(n, dim, limit):
    """A coated sphere leaves a medium of Hashin and Shtrikman's conductivity as it was, in a box of any size."""
    centre = (np.arange(n) + 0.5) / n * 2 - 1
    r = np.sqrt(sum(np.meshgrid(*[centre**2] * dim, indexing="ij")))
    s = picture(np.where(r < 0.9 * 0.4 ** (1 / dim), 0, np.where(r < 0.9, 1, 2)), (2e-6,) * dim)
    around = media.maxwell([0.4, 0.6], [10.0, 1.0], 1.0, dim)
    assert around == pytest.approx(media.hashin_shtrikman([0.4, 0.6], [10.0, 1.0], dim)[0])
    found = effective_conductivity(s, {"a": 10.0, "b": 1.0, "c": around}, dim - 1)
    assert found == pytest.approx(around, rel=limit)
    plain = effective_conductivity(s, {"a": 1.0, "b": 1.0, "c": around}, dim - 1)
    assert abs(plain / around - 1) > 20 * limit  # what the core is worth


def dense(labels, voxel, sigma, axis):
    """Conductance between two sides by loops and a dense matrix, 1 V at the first side."""
    size, shape = labels.size, labels.shape
    A, b, ends = np.zeros((size, size), complex), np.zeros(size, complex), []
    for here in np.ndindex(shape):
        for d in range(labels.ndim):
            face = np.prod(voxel) / voxel[d]
            there = tuple(np.add(here, np.eye(labels.ndim, dtype=int)[d]))
            p = np.ravel_multi_index(here, shape)
            if there[d] < shape[d]:
                q = np.ravel_multi_index(there, shape)
                g = face / (voxel[d] / 2 / sigma[labels[here]] + voxel[d] / 2 / sigma[labels[there]])
                A[p, p], A[q, q], A[p, q], A[q, p] = A[p, p] + g, A[q, q] + g, A[p, q] - g, A[q, p] - g
            if d == axis and here[d] in (0, shape[d] - 1):
                g = face / (voxel[d] / 2 / sigma[labels[here]])
                A[p, p] += g
                if here[d] == 0:
                    b[p] += g
                    ends.append((p, g))
    phi = np.linalg.solve(A, b)
    return sum(g * (1 - phi[p]) for p, g in ends), phi.reshape(shape)


@pytest.mark.parametrize(("shape", "axis"), [((9, 7), 0), ((9, 7), 1), ((5, 4, 6), 1)])
def test_against_a_dense_matrix(shape, axis):
    labels, voxel = np.random.default_rng(5).integers(0, 3, shape), (1.3e-6, 0.7e-6, 2.2e-6)[: len(shape)]
    for sigma in ((1.7, 0.003, 0.2), (1.7, 0.003j, 0.2 + 0.1j)):
        G, phi = dense(labels, voxel, sigma, axis)
        s = picture(labels, voxel)
        named = dict(zip("abc", sigma, strict=True))
        for method in ("direct", "iterative"):
            found = conduct(s, named, axis, method)
            assert found.conductance == pytest.approx(G, rel=1e-12)
            np.testing.assert_allclose(found.potential, phi, atol=1e-6 if method == "iterative" else 1e-12)
            assert found.method == method and found.error < 1e-10
            j = found.current_density()
            mean = np.mean(j[axis]) * s.extent[axis]  # per volt
            assert mean == pytest.approx(found.conductivity, rel=1e-6 if method == "iterative" else 1e-12)
        per_voxel = conduct(s, np.array(sigma)[labels], axis)
        assert per_voxel.conductance == pytest.approx(G, rel=1e-12)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10**6),
    share=st.floats(0.1, 0.9),
    contrast=st.floats(-6, 6),
    shape=st.sampled_from([(8, 11), (4, 6, 5)]),
    wrap=st.booleans(),
)
def test_wieners_bounds_hold_of_voxels(seed, share, contrast, shape, wrap):
    labels = (np.random.default_rng(seed).random(shape) < share).astype(int)
    labels.flat[0], labels.flat[-1] = 0, 1
    s = picture(labels, (1.0, 1.7, 0.6)[: len(shape)], periodic=tuple(range(len(shape))) if wrap else ())
    sigma = {"a": 1.0, "b": 10.0**contrast}
    bounds = conductivity_bounds(s, sigma)
    tensor = effective_tensor(s, sigma)
    eigenvalues = np.linalg.eigvalsh(tensor)
    np.testing.assert_allclose(tensor, tensor.T, atol=1e-9 * np.trace(tensor))
    assert bounds.series * (1 - 1e-9) <= eigenvalues[0] and eigenvalues[-1] <= bounds.parallel * (1 + 1e-9)
    order = [bounds.series, bounds.lower, bounds.symmetric, bounds.upper, bounds.parallel]
    assert np.all(np.diff(order) >= -1e-12 * bounds.parallel)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("contrast", [0.0, 0.05, 20.0])
def test_hashin_shtrikmans_bounds_hold_of_isotropic_pictures(seed, contrast):
    """Random pictures made symmetric under reflections and exchange of axes, whose tensor is isotropic."""
    quarter = smooth((20, 20), 0.5, 2.0, seed)
    quarter = np.triu(quarter) + np.triu(quarter, 1).T
    whole = np.block([[quarter, quarter[:, ::-1]], [quarter[::-1], quarter[::-1, ::-1]]])
    s = picture(whole, periodic=(0, 1))
    sigma = {"a": contrast, "b": 1.0}
    tensor, bounds = effective_tensor(s, sigma), conductivity_bounds(s, sigma)
    np.testing.assert_allclose(tensor, tensor[0, 0] * np.eye(2), atol=1e-9)
    assert bounds.lower * (1 - 1e-9) <= tensor[0, 0] <= bounds.upper * (1 + 1e-9)
    mirrored = effective_tensor(picture(quarter), sigma)  # mirroring is what contacts and insulated sides amount to
    np.testing.assert_allclose(mirrored, tensor, atol=1e-9)


def test_current_of_a_periodic_picture_moves_with_it():
    labels, sigma = smooth((12, 10), 0.5, 1.0, 6), {"a": 0.1, "b": 1.0}
    one = conduct(picture(labels, periodic=(1,)), sigma)
    other = conduct(picture(np.roll(labels, 3, axis=1), periodic=(1,)), sigma)
    j = one.current_density()
    np.testing.assert_allclose(other.current_density(), np.roll(j, 3, axis=2), atol=1e-12 * abs(j).max())
    assert other.conductivity == pytest.approx(one.conductivity, rel=1e-13)


def test_islands_and_dead_ends_take_no_part():
    labels = np.zeros((9, 7), int)
    labels[:, 1], labels[3:6, 2], labels[4, 4:6], labels[:4, 6] = 1, 1, 1, 1
    s = picture(labels, (1e-6, 1e-6))
    found = conduct(s, {"b": 2.1})
    assert np.isnan(found.potential[4, 4]) and np.all(found.potential[:4, 6] == 1.0)
    assert found.carrying.sum() == 12 and not np.any(found.current_density()[:, 4, 4:])
    t = tortuosity_factor(s, "b")
    assert t.fraction == pytest.approx(18 / 63) and t.percolating == pytest.approx(12 / 18)
    assert 1 / 7 < t.relative < 1.5 / 7 and t.macmullin == pytest.approx(t.tau / t.fraction)
    stopped = tortuosity_factor(s, "b", axis=1)
    assert stopped.tau == np.inf and stopped.relative == 0 and stopped.percolating == 0 and stopped.macmullin == np.inf
    assert conduct(s, {"b": 2.1}, axis=1).method == "none"
    labels[3:6, 2] = 0
    straight = tortuosity_factor(picture(labels, (3e-6, 1e-6)), "b")
    assert straight.tau == pytest.approx(straight.fraction * 7, rel=1e-13)  # dead ends count in the fraction


def test_periodic_islands_of_a_cell():
    """An island that crosses a seam without closing on itself carries nothing; one that closes does."""
    labels = np.zeros((8, 6), int)
    labels[[0, 1, 7], 2] = 1  # over the seam along x
    labels[4, :] = 1  # around along y
    tensor = effective_tensor(picture(labels, (1e-6, 2e-6), periodic=(0, 1)), {"b": 3.3})
    np.testing.assert_allclose(tensor, [[0, 0], [0, 3.3 / 8]], atol=1e-15)
    one = effective_tensor(picture(np.array([[0, 1, 1, 0]]), (1e-6, 1e-6), periodic=(0, 1)), {"a": 1.0, "b": 3.3})
    np.testing.assert_allclose(one, np.diag([2.15, 2 / (1 + 1 / 3.3)]), rtol=1e-13)


def test_complex_multigrid_agrees_with_a_factorisation():
    s = picture(smooth((16, 16, 16), 0.4, 1.5, 2))
    sigma = {"a": 0.02 + 0.4j, "b": 1.3}
    assert effective_conductivity(s, sigma, 1, "iterative") == pytest.approx(
        effective_conductivity(s, sigma, 1, "direct"), rel=1e-12
    )


@pytest.mark.parametrize("far_end", [False, True])
def test_blocking_pore_is_a_ladder(far_end):
    """A pore one voxel wide: a chain of resistors, each node with two walls, worked out from its end."""
    n, sigma, C, h, b = 37, 0.83, 0.21, 1.3e-6, 0.4e-6
    labels = np.zeros((n, 3), int)
    labels[:, 1] = 1
    electrode = blocking_electrode(picture(labels, (h, b)), "b", sigma, far_end=far_end)
    w = np.logspace(-2, 7, 19)
    wall = 2 / (b / 2 / (sigma * h) + 1 / (1j * w * C * h))
    z = 1 / (wall + (1 / (h / 2 / (sigma * b) + 1 / (1j * w * C * b)) if far_end else 0))
    for _ in range(n - 1):
        z = 1 / (wall + 1 / (h / (sigma * b) + z))
    np.testing.assert_allclose(electrode.impedance(w, C), z + h / 2 / (sigma * b), rtol=1e-12)
    assert electrode.impedance(w[:1], C)[0].real == pytest.approx(electrode.resistance(), rel=1e-9)
    assert electrode.area == pytest.approx(2 * n * h + b * far_end) and electrode.reached == 1
    if not far_end:  # a uniform line: R_ion/3 and the known errors of its cells and half voxels
        line = n * h / (sigma * b) * (1 / 3 + 1 / (6 * n * n)) + b / 2 / sigma / (2 * n * h)
        assert electrode.resistance() == pytest.approx(line, rel=1e-12)
        assert electrode.tortuosity() == pytest.approx(3 * line * sigma * b / (n * h), rel=1e-12)


def test_blocking_electrode_of_a_random_picture():
    """Low-frequency limit of Z, by multigrid, too; independent of capacitance; unlike the through-tortuosity."""
    s = picture(smooth((40, 44), 0.7, 2.0, 4), (1e-6, 0.8e-6), periodic=(1,))
    electrode = blocking_electrode(s, "b", 0.013)
    limit = electrode.resistance()
    assert electrode.resistance("iterative") == pytest.approx(limit, rel=1e-9)
    for C in (0.05, 5.0):
        w = 1e-4 / (limit * C * electrode.area)
        found = electrode.impedance(np.array([w]), C)[0]
        assert found.real == pytest.approx(limit, rel=1e-6)
        assert found.imag == pytest.approx(-1 / (w * C * electrode.area), rel=1e-6)
    assert 1 < electrode.tortuosity() < 20
    assert abs(electrode.tortuosity() / tortuosity_factor(s, "b").tau - 1) > 0.02


def test_spread_of_uncorrelated_volumes():
    """Sites of probability p: the fraction of n^2 of them spreads by sqrt(p (1 - p))/n."""
    sites = (np.random.default_rng(3).random((120, 120)) < 0.4).astype(int)
    volumes = representative_volume(picture(sites, (2e-6, 2e-6)), "b", (15, 12, 10, 8, 6), most=10**6)
    np.testing.assert_array_equal(volumes.count, np.array([15, 12, 10, 8, 6]) ** 2)
    expected = np.sqrt(0.4 * 0.6) * 2e-6 / volumes.length
    off = (volumes.fraction.spread / expected - 1) * np.sqrt(2 * volumes.count)
    assert np.max(np.abs(off)) < 3.5
    assert volumes.fraction.exponent == pytest.approx(1, abs=0.15)
    size = volumes.fraction.length_for(0.02)
    assert size == pytest.approx(np.sqrt(0.6 / 0.4) * 2e-6 / 0.02, rel=0.25)
    assert np.all(volumes.tortuosity.missing > 0.9)  # far below the threshold


def test_representative_volume_of_a_conductor():
    s = picture(smooth((120, 120), 0.85, 1.5, 8), (1e-7, 1e-7))
    volumes = representative_volume(s, "b", (10, 5, 3), most=30, seed=1)
    assert volumes.count.tolist() == [30, 25, 9] and np.all(np.diff(volumes.length) > 0)
    whole = tortuosity_factor(s, "b")
    assert volumes.conductivity.mean[-1] == pytest.approx(whole.relative, rel=0.15)
    assert volumes.fraction.mean[1] == pytest.approx(whole.fraction, rel=1e-12)  # every voxel
    tiles = s.where("b").reshape(5, 24, 5, 24).mean(axis=(1, 3))
    assert volumes.fraction.spread[1] == pytest.approx(np.std(tiles, ddof=1), rel=1e-12)
    assert np.all(volumes.conductivity.variation > volumes.fraction.variation)
    assert volumes.conductivity.variation[2] < 0.6 * volumes.conductivity.variation[0]


def test_electrode_of_data():
    path = DATA / "taufactor" / "electrode.tiff"
    if not path.is_file():
        pytest.skip("no pictures at MIECSIM_DATA")
    from PIL import Image

    with Image.open(path) as image:
        frames = []
        for k in range(image.n_frames):
            image.seek(k)
            frames.append(np.array(image))
    labels = np.searchsorted([0, 85, 170], np.array(frames))
    s = Microstructure(labels, (1e-6,) * 3, ("pore", "active", "carbon"))
    assert [round(s.fraction(name), 4) for name in s.names] == [0.4499, 0.4005, 0.1496]
    corner = Microstructure(labels[:40, :40, :40], (1e-6,) * 3, s.names)
    assert tortuosity_factor(corner, "pore").tau == pytest.approx(1.72026, rel=1e-4)  # TauFactor 1.2.1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda s: conduct(s, {"z": 1.0}), 'phase "z"'),
        (lambda s: conduct(s, {"a": 1.0}, axis=2), "axes 0 to 1"),
        (lambda s: conduct(s, {"a": -1.0}), "at least 0"),
        (lambda s: conduct(s, {"a": np.nan}), "finite"),
        (lambda s: conduct(s, np.ones((2, 2))), "of shape"),
        (lambda s: conduct(s, {"a": 1.0}, method="fast"), "expected one of auto"),
        (lambda s: tortuosity_factor(s, "c"), "fills no voxel"),
        (lambda s: blocking_electrode(s, "b", -1.0), "positive number"),
        (lambda s: blocking_electrode(s, "b", axis=1), "no voxel at the first side"),
        (lambda s: blocking_electrode(picture(np.zeros((3, 3), int)), "a"), "no wall"),
        (lambda s: blocking_electrode(s, "a").impedance(np.array([0.0]), 1.0), "above 0"),
        (lambda s: representative_volume(s, "a", (40,)), "read 40"),
        (lambda s: representative_volume(s, "a", (2, 1)), "read 1"),
        (lambda s: conductivity_bounds(s, {"d": 1.0}), 'phase "d"'),
    ],
)
def test_impossible_questions(call, words):
    labels = np.zeros((6, 6), int)
    labels[3, 3] = 1
    s = Microstructure(labels, (1e-6, 1e-6), ("a", "b", "c"))
    with pytest.raises(InputError, match=words):
        call(s)


def test_negative_conductances_are_refused():
    s = picture(np.zeros((3, 3), int))
    network = voxel_network(s, np.ones(s.shape), 0)
    bad = Network(network.n, network.left, network.right, -network.g, network.node, network.side, network.g_contact)
    with pytest.raises(InputError, match="negative"):
        through(bad)


@pytest.mark.parametrize("shape", [(23, 19), (9, 8, 7)])
def test_a_reduced_spectrum_of_a_blocking_electrode_is_the_direct_one(shape):
    labels = (np.random.default_rng(4).random(shape) < 0.75).astype(int)
    electrode = blocking_electrode(Microstructure(labels, (0.7e-6,) * len(shape), ("solid", "pore")), "pore", 0.31)
    omega = np.logspace(-3, 9, 25)
    direct = electrode.impedance(omega, 0.2)
    np.testing.assert_allclose(electrode.impedance(omega, 0.2, tolerance=1e-6), direct, rtol=1e-6)
