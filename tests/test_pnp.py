"""Linear Poisson-Nernst-Planck cells against worked figures, a modal solution at 120 digits, and exact limits."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from golden import BY_CASE
from hypothesis import given, settings
from hypothesis import strategies as st
from lines import relative

from miecsim.circuit import mixed, pnp
from miecsim.constants import FARADAY, GAS_CONSTANT
from miecsim.errors import InputError

BLOCKING = pnp.FlatContact()
OMEGA = 2 * np.pi * np.logspace(-9, 9, 37)


def golden(case):
    figures = BY_CASE[case]
    p, z = figures["params"], figures["expected"]["Z"]
    return p, 2 * np.pi * np.array(p["freq_hz"]), np.array(z["re"]) + 1j * np.array(z["im"]), figures["rtol"]


# --- worked figures -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("case", "species"),
    [
        ("P010", lambda p: ([p["z"], -p["z"]], [p["c0"]] * 2, [p["D"]] * 2)),
        ("P011", lambda p: ([p["z"]], [p["c"]], [p["D"]])),
        ("P012", lambda p: (p["z"], p["c"], p["D"])),
    ],
)
def test_blocking_cells(case, species):
    p, omega, expected, rtol = golden(case)
    charges, concentrations, diffusivities = species(p)
    cell = (p["eps"], p["L"], p["T"])
    general = pnp.linear_pnp_impedance(omega, charges, concentrations, diffusivities, *cell, BLOCKING, BLOCKING)
    assert relative(general / p["area"], expected) < rtol
    if len(set(diffusivities)) == 1:
        closed = pnp.macdonald_impedance(omega, charges, concentrations, diffusivities[0], *cell)
        assert relative(closed / p["area"], expected) < rtol
        assert relative(general, closed) < 1e-13


# --- multiprecision -------------------------------------------------------------------------------


def modal(omega, sigma, kappa, eps, length, contacts):
    """Impedance from the eigenvectors of chi'' = M chi, chi_k = Phi_k - phi, as decaying exponentials from both ends.

    M = j w diag(kappa/sigma) + 1 kappa^T/eps, phi = -(kappa . v)/(eps k^2) exp(-k x) + a + b x; contacts (C_S, g_k).
    """
    m = len(sigma)
    jw, eps, length = mp.mpc(0, float(omega)), mp.mpf(float(eps)), mp.mpf(float(length))
    sigma, kappa = ([mp.mpf(float(v)) for v in values] for values in (sigma, kappa))
    matrix = mp.matrix(m, m)
    for i in range(m):
        for j in range(m):
            matrix[i, j] = kappa[j] / eps + (jw * kappa[i] / sigma[i] if i == j else 0)
    squares, vectors = mp.eig(matrix)
    one, none = [mp.mpf(1)] * (m + 1), [mp.mpf(0)] * (m + 1)
    # each basis function: values and slopes of (Phi_1..m, phi) at 0, then at L
    basis = [(one, none, one, none), (none, [v / length for v in one], one, [v / length for v in one])]
    for e in range(m):
        k = mp.sqrt(squares[e])
        phi = -sum(kappa[i] * vectors[i, e] for i in range(m)) / (eps * squares[e])
        v = [*(vectors[i, e] + phi for i in range(m)), phi]
        far = mp.exp(-k * length)
        basis.append((v, [-k * x for x in v], [far * x for x in v], [-k * far * x for x in v]))
        basis.append(([far * x for x in v], [k * far * x for x in v], v, [k * x for x in v]))
    conductivity = [*sigma, jw * eps]
    a, b = mp.zeros(2 * m + 2, 2 * m + 2), mp.zeros(2 * m + 2, 1)
    for side, (stern, conductances) in enumerate(contacts):
        admittances = [*conductances, np.inf if stern is None else jw * mp.mpf(float(stern))]
        for r, y in enumerate(admittances):
            row = side * (m + 1) + r
            ideal = y == np.inf
            y = mp.mpf(1) if ideal else mp.mpmathify(y)
            for column, function in enumerate(basis):
                inward = 0 if ideal else conductivity[r] * function[2 * side + 1][r] * (2 * side - 1)
                a[row, column] = y * function[2 * side][r] + inward
            scale = max(abs(a[row, column]) for column in range(2 * m + 2))
            for column in range(2 * m + 2):
                a[row, column] /= scale
            b[row] = y / scale if side == 0 else 0
    x = mp.lu_solve(a, b)
    current = -sum(conductivity[r] * x[c] * basis[c][1][r] for c in range(2 * m + 2) for r in range(m + 1))
    return 1 / current


contact = st.tuples(
    st.one_of(st.none(), st.floats(-3, 1).map(lambda e: 10.0**e)),
    st.lists(
        st.one_of(st.sampled_from([0.0, np.inf]), st.floats(-8, 6).map(lambda e: 10.0**e)), min_size=4, max_size=4
    ),
)
species = st.tuples(st.sampled_from([-3, -2, -1, 1, 2, 3]), st.floats(-4, 4), st.floats(-16, -7))


@settings(max_examples=150)
@given(
    st.lists(species, min_size=1, max_size=4),
    st.floats(-11, -8),
    st.floats(-2, 6),
    st.floats(-9, 9),
    contact,
    contact,
    st.sampled_from(["as drawn", "equal D", "blocking", "binary"]),
)
def test_any_cell_against_multiprecision(drawn, eps, size, frequency, left, right, variant):
    """One to four species, L/Debye length from 1e-2 to 1e6, 1e-9 to 1e9 Hz, contacts of every kind."""
    charges, concentrations, diffusivities = (np.array(v, dtype=float) for v in zip(*drawn, strict=True))
    concentrations, diffusivities, eps = 10**concentrations, 10**diffusivities, 10**eps
    m = len(drawn)
    left, right = ((stern, g[:m]) for stern, g in (left, right))
    if variant in ("equal D", "binary"):
        diffusivities[:] = diffusivities[0]
    if variant == "binary":
        charges, concentrations[:] = np.resize([1.0, -1.0], m), concentrations[0]
    if variant == "blocking":
        left, right = (left[0], [0.0] * m), (right[0], [0.0] * m)
    length = pnp.debye_length(charges, concentrations, eps, 600.0) * 10**size
    omega = np.array([2 * np.pi * 10**frequency])
    contacts = [pnp.FlatContact(stern, g) for stern, g in (left, right)]
    z = pnp.linear_pnp_impedance(omega, charges, concentrations, diffusivities, eps, length, 600.0, *contacts)
    kappa = (FARADAY * charges) ** 2 * concentrations / (GAS_CONSTANT * 600.0)
    with mp.workdps(120):
        exact = modal(omega[0], kappa * diffusivities, kappa, eps, length, (left, right))
        assert abs(mp.mpc(complex(z[0])) - exact) < 2e-14 * abs(exact)


def test_the_whole_spectrum_of_a_blocking_cell():
    """One call from 1e-9 to 1e9 Hz, unequal diffusivities: real and imaginary part each keep their digits."""
    kappa, sigma = np.array([3.7e6, 3.7e6]), np.array([3.7e-3, 1.1e-4])
    z = pnp.rails_impedance(OMEGA, sigma, kappa, 7e-10, 1e-4, BLOCKING, BLOCKING)
    with mp.workdps(120):
        exact = np.array([complex(modal(w, sigma, kappa, 7e-10, 1e-4, [(None, [0.0, 0.0])] * 2)) for w in OMEGA])
    assert relative(z, exact) < 1e-14
    # at the lowest frequencies |Im Z| is 1e10 times Re Z
    assert np.abs(exact[0].imag) > 1e10 * exact[0].real and relative(z.real, exact.real) < 1e-11


def test_coalescing_modes():
    """Where both wave numbers are equal the eigenvectors of the coupling matrix fail; the impedance does not."""
    d, eps, c, temperature, length = np.array([1e-9, 3e-9]), 7e-10, 1.0, 300.0, 1e-7
    kappa = np.full(2, FARADAY**2 * c / (GAS_CONSTANT * temperature))
    exceptional = 2 * kappa[0] / (eps * abs(1 / d[0] - 1 / d[1]))
    right = (0.2, [1e3, 0.0])
    for offset in (0.0, 1e-12, 1e-8):
        omega = exceptional * (1 + offset)
        z = pnp.rails_impedance([omega], d * kappa, kappa, eps, length, BLOCKING, pnp.FlatContact(*right))
        with mp.workdps(120):
            exact = complex(modal(omega, d * kappa, kappa, eps, length, [(None, [0.0, 0.0]), right]))
        assert relative(z, exact) < 1e-13


# --- exact limits ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("charges", "concentrations"), [([1, -1], [3.0, 3.0]), ([2], [0.4]), ([1, -2, 3, -1], [1, 2, 3, 4])]
)
@pytest.mark.parametrize("stern", [None, 0.3])
def test_macdonald(charges, concentrations, stern):
    """Equal diffusivities: the charge obeys one equation, whatever the species."""
    cell = (2e-10, 3e-5, 320.0)
    contact = pnp.FlatContact(stern)
    general = pnp.linear_pnp_impedance(OMEGA, charges, concentrations, [2e-11] * len(charges), *cell, contact, contact)
    closed = pnp.macdonald_impedance(OMEGA, charges, concentrations, 2e-11, *cell, stern)
    assert relative(general, closed) < 2e-14


def test_macdonald_limits():
    charges, c, d, eps, length, temperature = [1, -1], [10.0, 10.0], 1e-9, 7e-10, 1e-6, 298.15
    debye = pnp.debye_length(charges, c, eps, temperature)
    assert debye == pytest.approx(np.sqrt(eps * GAS_CONSTANT * temperature / (2 * FARADAY**2 * 10.0)), rel=1e-14)
    sigma = 2 * FARADAY**2 * 10.0 * d / (GAS_CONSTANT * temperature)
    omega = np.array([1e-6, 1e14])
    z = pnp.macdonald_impedance(omega, charges, c, d, eps, length, temperature)
    capacitance = eps / (2 * debye) / np.tanh(length / (2 * debye))
    assert z[0].imag == pytest.approx(-1 / (omega[0] * capacitance), rel=1e-12)
    assert z[0].real == pytest.approx(length / sigma * (1 - 3 * debye / length), rel=1e-4)
    assert z[1] == pytest.approx(length / (sigma + 1j * omega[1] * eps), rel=1e-4)


def test_all_species_reversible():
    """Nothing accumulates: conduction and displacement in parallel, at every frequency."""
    charges, c, d, eps, length = [1, -2, -1], [2.0, 0.5, 3.0], [1e-9, 1e-10, 1e-12], 3e-10, 2e-5
    contact = pnp.FlatContact(None, [np.inf] * 3)
    z = pnp.linear_pnp_impedance(OMEGA, charges, c, d, eps, length, 300.0, contact, contact)
    scale = FARADAY**2 / (GAS_CONSTANT * 300.0)
    sigma = scale * sum(q * q * n * diff for q, n, diff in zip(charges, c, d, strict=True))
    assert relative(z, length / (sigma + 1j * OMEGA * eps)) < 1e-14


def test_electroneutral_limit_is_the_mixed_conductor():
    """L >> Debye length and frequencies below relaxation: the two-rail line with c_chem in series over both species."""
    charges, c, d, temperature, length = [2, -1], [1500.0, 100.0], [5e-11, 2e-9], 1000.0, 1e-4
    m = mixed.mixed_conductor_parameters(charges, c, d, temperature)
    omega = np.logspace(-2, 2, 9) * m.D_chem / length**2
    errors = []
    for debye in (1e-9, 1e-10):
        eps = (debye / pnp.debye_length(charges, c, 1.0, temperature)) ** 2
        # ions blocked, electrons reversible, metal without a Stern layer on phi
        contact = pnp.FlatContact(0.0, [0.0, np.inf])
        z = pnp.linear_pnp_impedance(omega, charges, c, d, eps, length, temperature, contact, contact)
        line = mixed.symmetric_mixed_conductor(omega, m.sigma_ion, m.sigma_eon, m.c_chem, length, 1.0, np.inf, 0.0)
        errors.append(relative(z, line))
    assert errors[1] < 1e-8 and errors[0] / errors[1] == pytest.approx(100, rel=1e-3)


def test_rails_need_not_be_dilute():
    """In its own capacitances the cell is a network: halves in series, contacts scaled, give twice the impedance."""
    sigma, kappa, eps = np.array([0.3, 2.0]), np.array([4e7, 1e9]), 3e-10
    half = pnp.rails_admittance(OMEGA, sigma, kappa, eps, 1e-6)
    assert half.shape == (OMEGA.size, 6, 6)
    assert np.max(np.abs(half.sum(axis=2)) / np.abs(half).max(axis=2)) < 1e-14
    assert np.max(np.abs(half - half.transpose(0, 2, 1))) < 1e-15 * np.max(np.abs(half))
    whole = pnp.rails_impedance(OMEGA, sigma, kappa, eps, 2e-6, BLOCKING, BLOCKING)
    # antisymmetry grounds the middle of a symmetric cell
    ground = pnp.FlatContact(None, [np.inf, np.inf])
    assert relative(2 * pnp.rails_impedance(OMEGA, sigma, kappa, eps, 1e-6, BLOCKING, ground), whole) < 1e-13


def test_direct_current():
    reversible = pnp.FlatContact(None, [np.inf, 0.0])
    z = pnp.linear_pnp_impedance([0.0], [1, -1], [1.0, 1.0], [1e-9, 1e-9], 7e-10, 1e-4, 300.0, reversible, reversible)
    # only the cation carries a steady current
    expected = 1e-4 * GAS_CONSTANT * 300.0 / (FARADAY**2 * 1.0 * 1e-9)
    assert z[0].imag == 0 and z[0].real == pytest.approx(expected, rel=1e-13)
    cell = ([1, -1], [1.0, 1.0], [1e-9, 1e-9], 7e-10, 1e-4, 300.0)
    assert np.isinf(pnp.linear_pnp_impedance([0.0], *cell, BLOCKING, reversible)[0])


def test_contacts_that_depend_on_frequency():
    cell = ([1, -1], [1.0, 1.0], [1e-9, 3e-9], 7e-10, 1e-6, 300.0)
    adsorption = 1j * OMEGA * 0.5
    left = pnp.FlatContact(0.1, [adsorption, 0.0])
    z = pnp.linear_pnp_impedance(OMEGA, *cell, left, BLOCKING)
    one = [
        pnp.linear_pnp_impedance([w], *cell, pnp.FlatContact(0.1, [y, 0.0]), BLOCKING)[0]
        for w, y in zip(OMEGA, adsorption, strict=True)
    ]
    assert relative(z, np.array(one)) < 1e-13


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"concentrations": [1.0, 0.0]}, "must be positive"),
        ({"permittivity": -1.0}, "must be positive"),
        ({"omega": [-1.0]}, "frequency not negative"),
        ({"charges": [1]}, "differ in number"),
        ({"left": pnp.FlatContact(None, [1.0])}, "2 species with 1 conductances"),
    ],
)
def test_impossible_input_is_refused(change, message):
    arguments = {
        **{"omega": [1.0], "charges": [1, -1], "concentrations": [1.0, 1.0], "diffusivities": [1e-9, 1e-9]},
        **{"permittivity": 7e-10, "length": 1e-6, "temperature": 300.0, "left": BLOCKING, "right": BLOCKING},
    }
    with pytest.raises(InputError, match=message):
        pnp.linear_pnp_impedance(**(arguments | change))
