"""The chain kernels against dense solves, 50-digit elimination and the exact finite ladder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import mpmath as mp
import numpy as np
import pytest

from miecsim.solvers import chain as plain
from miecsim.solvers.chain import Chain, Ends, Junctions

ROOT = Path(__file__).resolve().parents[1]
mp.mp.dps = 50


def random_problem(n, m, p, q, n_f, seed=0, junctions=True):
    """A well-posed chain with every ingredient: cross terms, extras, ends with complex S, up to three junctions."""
    rng = np.random.default_rng(seed)

    def noise(*shape):
        return rng.normal(size=shape)

    def cnoise(*shape):
        return noise(*shape) + 1j * noise(*shape)

    one = np.eye(m)
    K = 3 * one * np.exp(noise(n - 1, m, 1)) + 0.2 * noise(n - 1, m, m)
    chain = Chain(
        K_left=K,
        K_right=K + 0.05 * noise(n - 1, m, m),
        S_g=0.05 * one + 0.001 * noise(n, m, m),
        S_c=0.05 * one + 0.005 * noise(n, m, m),
        extra_index=rng.integers(-1, 2, size=n),
        extra_matrix=0.1 * one + 0.01 * noise(n, m, m),
    )
    ends = Ends(*(2 * one + 0.3 * cnoise(2, n_f, m, m)), *cnoise(2, n_f, m, p), *cnoise(2, n_f, q, m))
    omega = np.logspace(-3, 3, n_f)
    extra = (1j * omega) ** np.array([[0.5], [0.8]])
    faces = np.unique([0, (n - 1) // 2, n - 2]) if junctions and n > 1 else np.empty(0, dtype=int)
    joined = Junctions(faces, *(2 * one + 0.3 * cnoise(2, n_f, len(faces), m, m)))
    return chain, ends, omega, extra, joined if len(faces) else None


def assembled(problem, f, number=complex):
    """Matrix and right-hand side of frequency f, as arrays of `number` (complex or mp.mpc)."""
    chain, ends, omega, extra, junctions = problem
    n, m, _ = chain.S_g.shape
    convert = np.frompyfunc(lambda v: number(complex(v)), 1, 1)
    jw = number(1j) * (complex(omega[f]) if number is complex else mp.mpf(float(omega[f])))
    A, b = (convert(np.zeros((n * m, k))) for k in (n * m, ends.b_first.shape[2]))
    at = [slice(i * m, (i + 1) * m) for i in range(n)]
    for i in range(n):
        A[at[i], at[i]] += convert(chain.S_g[i]) + jw * convert(chain.S_c[i])
        if chain.extra_index[i] >= 0:
            A[at[i], at[i]] += number(complex(extra[chain.extra_index[i], f])) * convert(chain.extra_matrix[i])
    A[at[0], at[0]] += convert(ends.S_first[f])
    A[at[-1], at[-1]] += convert(ends.S_last[f])
    b[at[0]] += convert(ends.b_first[f])
    b[at[-1]] += convert(ends.b_last[f])
    for i in range(n - 1):
        left, right = chain.K_left[i], chain.K_right[i]
        if junctions is not None and i in junctions.faces:
            j = list(junctions.faces).index(i)
            left, right = junctions.K_left[f, j], junctions.K_right[f, j]
        for row, sign in ((at[i], 1), (at[i + 1], -1)):
            A[row, at[i]] += sign * convert(left)
            A[row, at[i + 1]] -= sign * convert(right)
    return A, b


def dense(problem, f):
    """Profile (n, m, p) and measurement (q, p) by a dense solve of the assembled matrix."""
    A, b = assembled(problem, f)
    x = np.linalg.solve(A.astype(complex), b.astype(complex))
    ends, m = problem[1], problem[0].S_g.shape[1]
    return x.reshape(-1, m, x.shape[1]), ends.c_first[f] @ x[:m] + ends.c_last[f] @ x[-m:]


def exact(problem, f):
    """Measurement of one excitation and one port, by a 50-digit dense solve with pivoting."""
    A, b = assembled(problem, f, mp.mpc)
    x = mp.lu_solve(mp.matrix(A.tolist()), mp.matrix(b[:, 0].tolist()))
    ends, m = problem[1], problem[0].S_g.shape[1]
    n = len(A)
    total = mp.mpf(0)
    for k in range(m):
        total += mp.mpc(complex(ends.c_first[f, 0, k])) * x[k] + mp.mpc(complex(ends.c_last[f, 0, k])) * x[n - m + k]
    return total


def relative(value, reference):
    return float(abs(mp.mpmathify(complex(value)) - reference) / abs(reference))


def two_rails(n, R1, R2, C, omega):
    """Two rails of n cells with half-cell contacts: ion rail at the left (1 V), electron rail at the right (0 V).

    The measurement is the current that leaves the electron rail, so Z is its inverse.
    """
    g1, g2, n_f = n / R1, n / R2, len(omega)

    def zeros(*shape):
        return np.zeros((n_f, *shape), dtype=complex)

    ends = Ends(zeros(2, 2), zeros(2, 2), zeros(2, 1), zeros(2, 1), zeros(1, 2), zeros(1, 2))
    ends.S_first[:, 0, 0] = ends.b_first[:, 0, 0] = 2 * g1
    ends.S_last[:, 1, 1] = ends.c_last[:, 0, 1] = 2 * g2
    K = np.tile(np.diag([g1, g2]), (n - 1, 1, 1))
    storage = np.tile(C / n * np.array([[1.0, -1.0], [-1.0, 1.0]]), (n, 1, 1))
    none = np.zeros((n, 2, 2))
    chain = Chain(K, K, none, storage, np.full(n, -1), none)
    return chain, ends, np.asarray(omega), np.empty((0, n_f), dtype=complex), None


# ---------------------------------------------------------------- against dense solves


@pytest.mark.parametrize("junctions", [False, True])
@pytest.mark.parametrize(("p", "q"), [(1, 1), (2, 2), (1, 2), (2, 1)])
@pytest.mark.parametrize("m", [1, 2, 3, 4, 6])
def test_response_and_profile_equal_a_dense_solve(m, p, q, junctions):
    problem = random_problem(17, m, p, q, 6, seed=m, junctions=junctions)
    z, x = plain.response(*problem), plain.profile(*problem)
    assert z.shape == (6, q, p)
    assert x.shape == (6, 17, m, p)
    for f in range(6):
        u, measured = dense(problem, f)
        assert np.abs(z[f] - measured).max() <= 1e-12 * np.abs(measured).max()
        assert np.abs(x[f] - u).max() <= 1e-12 * np.abs(u).max()


@pytest.mark.parametrize("n", [1, 2, 31, 32, 33, 70])
def test_any_number_of_nodes(n):
    problem = random_problem(n, 2, 1, 1, 3, seed=n)
    z = plain.response(*problem)
    for f in range(3):
        assert np.abs(z[f] - dense(problem, f)[1]).max() <= 1e-12 * np.abs(z[f]).max()


def test_frequencies_do_not_mix():
    """More frequencies than are eliminated together give what each gives alone."""
    problem = random_problem(5, 2, 2, 2, 300)
    z, x = plain.response(*problem), plain.profile(*problem)
    for f in (0, 127, 128, 255, 256, 299):
        u, measured = dense(problem, f)
        assert np.abs(z[f] - measured).max() <= 1e-12 * np.abs(measured).max()
        assert np.abs(x[f] - u).max() <= 1e-12 * np.abs(u).max()


def test_padded_field_changes_nothing():
    """A field that does not live here (S = 1, K = 0) leaves the others untouched to the last bit."""
    chain, ends, omega, extra, _ = random_problem(9, 2, 1, 1, 4, junctions=False)

    def pad(a, diagonal):
        out = np.zeros((*a.shape[:-2], 3, 3), dtype=a.dtype)
        out[..., ::2, ::2] = a
        out[..., 1, 1] = diagonal
        return out

    K_left, K_right, S_g = pad(chain.K_left, 0.0), pad(chain.K_right, 0.0), pad(chain.S_g, 1.0)
    wide = Chain(K_left, K_right, S_g, pad(chain.S_c, 0.0), chain.extra_index, pad(chain.extra_matrix, 0.0))
    b = [np.insert(a, 1, 0.0, axis=1) for a in (ends.b_first, ends.b_last)]
    c = [np.insert(a, 1, 0.0, axis=2) for a in (ends.c_first, ends.c_last)]
    padded = (wide, Ends(pad(ends.S_first, 0.0), pad(ends.S_last, 0.0), *b, *c), omega, extra)
    np.testing.assert_allclose(plain.response(*padded), plain.response(chain, ends, omega, extra), rtol=1e-14)
    assert np.all(plain.profile(*padded)[:, :, 1] == 0.0)


# ---------------------------------------------------------------- exact ladders: T cells, half resistances at both ends


def ladder(n, z_s, z_f):
    """theta and Z_T of n cells of unit total length: sinh(theta/2) = sqrt(z_s h^2/z_f)/2."""
    h = mp.mpf(1) / n
    theta = 2 * mp.asinh(mp.sqrt(z_s * h**2 / z_f) / 2)
    return theta, mp.sqrt(z_f * z_s) * mp.sqrt(1 + z_s * h**2 / (4 * z_f))


@pytest.mark.parametrize("n", [2, 7, 200])
def test_one_rail_ladder(n):
    """Blocking pore of n cells driven by a current: Z = Z_T coth(n theta), half a cell in front of the first node."""
    R, C, omega = 30.0, 2e-3, np.logspace(-6, 6, 13)
    one, zero = np.ones((13, 1, 1), dtype=complex), np.zeros((13, 1, 1), dtype=complex)
    K = np.full((n - 1, 1, 1), n / R)
    S_c, none = np.full((n, 1, 1), C / n), np.zeros((n, 1, 1))
    chain = Chain(K, K, none, S_c, np.full(n, -1), none)
    z = plain.response(chain, Ends(zero, zero, one, zero, one, zero), omega, np.empty((0, 13), dtype=complex))
    for f in range(13):
        theta, Z_T = ladder(n, mp.mpf(R), 1 / (mp.mpc(0, omega[f]) * C))
        assert relative(z[f, 0, 0] + R / (2 * n), Z_T * mp.coth(n * theta)) <= 1e-12


@pytest.mark.parametrize("n", [2, 7, 200])
def test_two_rail_ladder(n):
    """Ions left, electrons right: Z = z_p (1 + 2 l/sinh x) + l (z1^2 + z2^2)/z_s coth x, l = Z_T/z_s, x = n theta."""
    R1, R2, C, omega = 30.0, 7.0, 2e-3, np.logspace(-6, 6, 13)
    z = 1.0 / plain.response(*two_rails(n, R1, R2, C, omega))[:, 0, 0]
    z1, z2 = mp.mpf(R1), mp.mpf(R2)
    for f in range(13):
        theta, Z_T = ladder(n, z1 + z2, 1 / (mp.mpc(0, omega[f]) * C))
        length = Z_T / (z1 + z2)
        x = n * theta
        reference = z1 * z2 / (z1 + z2) * (1 + 2 * length / mp.sinh(x))
        reference += length * (z1**2 + z2**2) / (z1 + z2) * mp.coth(x)
        assert relative(z[f], reference) <= 1e-12


# ---------------------------------------------------------------- digits at 1e-9 rad/s


@pytest.mark.parametrize(("R1", "R2"), [(100.0, 100.0), (100.0, 1e14), (1e14, 100.0), (100.0, 1e-10), (1e-10, 100.0)])
def test_blocked_rails_at_very_low_frequency(R1, R2):
    """Both rails blocked, 1e-9 rad/s, conductivities apart by 1e12: |Z| and Re Z keep 11 digits."""
    problem = two_rails(20, R1, R2, 1e-3, [1e-9])
    reference = exact(problem, 0)
    y = plain.response(*problem)[0, 0, 0]
    assert relative(y, reference) <= 1e-11
    assert abs(float(((1 / mp.mpmathify(complex(y))).real - (1 / reference).real) / (1 / reference).real)) <= 1e-11
    x, error = plain.refined_profile(*problem)
    assert error[0] <= 1e-14
    assert relative(problem[1].c_last[0, 0, 1] * x[0, -1, 1, 0], reference) <= 1e-11


def floating_rail(R1, seed):
    """Electron contacts at both ends; the ion rail hangs on its capacitors. Measured: the ion potential at the left."""
    chain, _, omega, extra, _ = two_rails(20, R1, 100.0, 1e-3, [1e-9])
    rng = np.random.default_rng(seed)
    K = chain.K_left * np.exp(2 * rng.normal(size=(19, 2, 1)))
    chain = replace(chain, K_left=K, K_right=K, S_c=chain.S_c * rng.uniform(0.1, 1.0, size=(20, 1, 1)))
    S, b, c = (np.zeros((1, *shape), dtype=complex) for shape in ((2, 2), (2, 1), (1, 2)))
    S[0, 1, 1] = b[0, 1, 0] = 0.4
    c[0, 0, 0] = 1.0
    return chain, Ends(S, S, b, 0 * b, c, 0 * c), omega, extra, None


@pytest.mark.parametrize("R1", [100.0, 1e14, 1e-10])
def test_floating_rail_at_very_low_frequency(R1):
    """The potential of a rail that only capacitors of 1e-14 S hold; rail conductivities apart by 1e12 either way."""
    for seed in range(2):
        problem = floating_rail(R1, seed)
        reference = exact(problem, 0)
        assert relative(plain.response(*problem)[0, 0, 0], reference) <= 1e-11
        x, error = plain.refined_profile(*problem)
        assert relative(x[0, 0, 0, 0], reference) <= 1e-11
        assert error[0] <= 1e-14


def test_the_assembled_matrix_has_lost_those_digits():
    """Why the diagonal is never summed: a pivoting dense solve of the same systems is wrong at once."""
    for R1, loss in ((100.0, 1e-5), (1e-10, 0.1)):
        problem = floating_rail(R1, 0)
        assert relative(dense(problem, 0)[1][0, 0], exact(problem, 0)) > loss


# ---------------------------------------------------------------- electroneutrality


def electroneutral(n, omega, z=(2.0, -1.0)):
    """Two carriers and phi, row of phi: sum z c = 0, without K; contacts exchange the first carrier only."""
    V_T, h = 0.0257, 1e-5 / n
    diffusivity, c0 = np.array([1e-10, 4e-12]), np.array([1.0, 2.0]) * 800.0
    F, n_f = 96485.0, len(omega)
    K = np.zeros((n - 1, 3, 3))
    for k in range(2):
        K[:, k, k] = z[k] * F * diffusivity[k] / h
        K[:, k, 2] = z[k] ** 2 * F * diffusivity[k] * c0[k] / (V_T * h)
    S_g, S_c = np.zeros((n, 3, 3)), np.zeros((n, 3, 3))
    S_g[:, 2, :2] = z
    for k in range(2):
        S_c[:, k, k] = z[k] * F * h
    contact = 100.0 * np.array([V_T / (z[0] * c0[0]), 0.0, 1.0])
    ends = Ends(*(np.zeros((n_f, *s), dtype=complex) for s in ((3, 3), (3, 3), (3, 1), (3, 1), (1, 3), (1, 3))))
    ends.S_first[:, 0] = ends.S_last[:, 0] = ends.c_last[:, 0] = contact
    ends.b_first[:, 0] = 100.0
    chain = Chain(K, K, S_g, S_c, np.full(n, -1), np.zeros((n, 3, 3)))
    return chain, ends, np.asarray(omega), np.empty((0, n_f), dtype=complex), None


def test_neutrality_row_needs_no_pivoting():
    problem = electroneutral(12, [1e-9, 1e-2, 1e2, 1e6])
    y = plain.response(*problem)[:, 0, 0]
    for f in range(4):
        assert relative(y[f], exact(problem, f)) <= 1e-11
    x, error = plain.refined_profile(*problem)
    assert error.max() <= 1e-14
    charge = 2.0 * x[:, :, 0, 0] - x[:, :, 1, 0]
    assert np.abs(charge).max() <= 1e-14 * np.abs(x[:, :, :2]).max()


def drift_and_diffusion(n, omega):
    """Poisson's row instead of neutrality, both carriers blocked at both ends; the plates couple by capacitance.

    Measured: the concentration of the first carrier at the far end, which blocking holds by a balance of drift and
    diffusion that cancel in every flux. Fluxes under bias are unlike in their two nodes, so K_right differs.
    """
    chain, _, omega, extra, _ = electroneutral(n, omega)
    rng = np.random.default_rng(3)
    F, h, eps = 96485.0, 1e-5 / n, 1e-4
    K, S_g = chain.K_left.copy(), chain.S_g.copy()
    K[:, 2, 2] = eps / h
    K *= np.exp(rng.normal(size=(n - 1, 1, 1)))
    K_right = K * (1 + 0.1 * rng.uniform(size=K.shape) * np.array([[1, 0, 1], [0, 1, 1], [0, 0, 0]]))
    S_g[:, 2, :2] = -F * h * np.array([2.0, -1.0])
    S, b, c = (np.zeros((len(omega), *shape), dtype=complex) for shape in ((3, 3), (3, 1), (1, 3)))
    S[:, 2, 2] = b[:, 2, 0] = 0.7 * eps / h
    c[:, 0, 0] = 1.0
    chain = replace(chain, K_left=K, K_right=K_right, S_g=S_g)
    return chain, Ends(S, S, b, 0 * b, 0 * c, c), omega, extra, None


@pytest.mark.parametrize("kernel", ["plain", "compiled"])
def test_blocked_carriers_between_drift_and_diffusion(kernel):
    """What a blocked carrier passes on is not read from its flux, a difference that must vanish."""
    problem = drift_and_diffusion(12, [1e-9, 1e-3, 1.0, 1e4])
    response = plain.response if kernel == "plain" else compiled().response
    references = [exact(problem, f) for f in range(4)]
    chain, ends, *others = problem
    z = response(chain, twice(ends), *others)[:, 0, 0]
    assert max(relative(*pair) for pair in zip(z, references, strict=True)) <= 1e-12
    if kernel == "plain":
        x, error = plain.refined_profile(*problem)
        assert error.max() <= 1e-14
        assert max(relative(*pair) for pair in zip(x[:, -1, 0, 0], references, strict=True)) <= 1e-12
        assert relative(dense(problem, 0)[1][0, 0], references[0]) > 1e-4  # what an assembled matrix makes of it


# ---------------------------------------------------------------- profiles and their error


@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_profile_satisfies_the_balance(m):
    problem = random_problem(60, m, 2, 1, 5, seed=10 + m)
    assert plain.backward_error(*problem, plain.profile(*problem)).max() <= 1e-14


def test_backward_error_sees_one_wrong_value():
    problem = random_problem(20, 2, 1, 1, 3)
    x = plain.profile(*problem)
    x[1, 7, 1, 0] *= 1 + 1e-9
    error = plain.backward_error(*problem, x)
    assert error[1] > 1e-12
    assert error[[0, 2]].max() <= 1e-14
    x[2, 3, 0, 0] = np.nan
    assert np.isnan(plain.backward_error(*problem, x)[2])


def test_refinement_restores_digits_lost_to_weak_pivots():
    """Rows of a block exchanged against the rule: pivots of 1e-6 cost six digits, and one refinement restores them."""
    chain, ends, omega, extra, _ = random_problem(20, 2, 1, 1, 4, junctions=False)
    one = np.eye(2)  # no cross terms, so that a swapped diagonal is really weak
    swap = np.array([[1e-6, 1.0], [1.0, 1e-6]])
    inner = ("K_left", "K_right", "S_g", "S_c", "extra_matrix")
    straight = replace(chain, **{k: one * getattr(chain, k) for k in inner})
    outer = replace(ends, S_first=one * ends.S_first, S_last=one * ends.S_last)
    problem = (
        replace(straight, **{k: swap @ getattr(straight, k) for k in inner}),
        replace(outer, **{k: swap @ getattr(outer, k) for k in ("S_first", "S_last", "b_first", "b_last")}),
        omega,
        extra,
        None,
    )
    poor = plain.backward_error(*problem, plain.profile(*problem))
    x, error = plain.refined_profile(*problem)
    assert poor.max() > 1e-12
    assert error.max() <= 1e-14
    np.testing.assert_array_equal(error, plain.backward_error(*problem, x))
    np.testing.assert_allclose(x, plain.profile(straight, outer, omega, extra), rtol=1e-9)


@pytest.mark.parametrize("kernel", ["plain", "compiled"])
def test_floating_chain_is_not_finite_and_does_not_raise(kernel):
    response = plain.response if kernel == "plain" else compiled().response
    K, none = np.ones((4, 1, 1)), np.zeros((5, 1, 1))
    one, zero = np.ones((1, 1, 1), dtype=complex), np.zeros((1, 1, 1), dtype=complex)
    chain = Chain(K, K, none, none, np.full(5, -1), none)
    ends = Ends(zero, zero, one, zero, one, zero)
    assert not np.isfinite(response(chain, ends, np.zeros(1), np.empty((0, 1), dtype=complex))).any()


@pytest.mark.parametrize("kernel", ["plain", "compiled"])
def test_frequency_that_is_not_finite_spoils_no_other(kernel):
    response = plain.response if kernel == "plain" else compiled().response
    chain, ends, omega, extra, joined = random_problem(9, 3, 1, 2, 150)
    good = response(chain, ends, omega, extra, joined)
    spoilt = extra.copy()
    spoilt[:, 3] = np.nan
    z = response(chain, ends, omega, spoilt, joined)
    assert np.isnan(z[3]).all()
    np.testing.assert_array_equal(np.delete(z, 3, axis=0), np.delete(good, 3, axis=0))


# ---------------------------------------------------------------- the compiled twin


def twice(ends):
    """With a second measurement, equal to the first: of a shape that is compiled for other tests."""
    return replace(ends, c_first=np.repeat(ends.c_first, 2, axis=1), c_last=np.repeat(ends.c_last, 2, axis=1))


def compiled():
    return pytest.importorskip("miecsim.solvers.chain_compiled", exc_type=ImportError)


@pytest.mark.parametrize("junctions", [False, True])
@pytest.mark.parametrize(
    ("m", "p", "q"),
    # every shape is a kernel to compile, for half a minute: by default those that other tests need, too
    [(1, 1, 1), (2, 1, 2), (2, 2, 3), (3, 1, 2), pytest.param(4, 2, 1, marks=pytest.mark.slow)],
)
def test_compiled_equals_numpy(m, p, q, junctions):
    for n, n_f in ((1, 1), (40, 60), (9, 130)):
        problem = random_problem(n, m, p, q, n_f, seed=m, junctions=junctions)
        reference = plain.response(*problem)
        z = compiled().response(*problem)
        assert z.shape == reference.shape
        scale = np.abs(reference).max(axis=(1, 2), keepdims=True)
        assert (np.abs(z - reference) / scale).max() <= 1e-13


@pytest.mark.parametrize("R1", [100.0, 1e14, 1e-10])
def test_compiled_keeps_the_digits(R1):
    chain, ends, omega, extra, _ = problem = floating_rail(R1, 0)
    z = compiled().response(chain, twice(ends), omega, extra)
    assert relative(z[0, 0, 0], exact(problem, 0)) <= 1e-11
    assert z[0, 0, 0] == z[0, 1, 0]
