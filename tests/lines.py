"""Terminals, the nodal route and exact multiprecision results of two-rail lines, for the tests."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from miecsim.circuit import tlm

OMEGA = 2 * np.pi * np.logspace(-6, 9, 31)

# rail ends at pole A (port 0) and pole B (port 1)
TERMINALS = {
    "ie": ([(0, 0, "left", 0), (1, 1, "right", 0)], []),
    "ee": ([(0, 1, "left", 0), (1, 1, "right", 0)], []),
    "ii": ([(0, 0, "left", 0), (1, 0, "right", 0)], []),
    "ie_same": ([(0, 0, "left", 0), (1, 1, "left", 0)], []),
    "ie_same_short": ([(0, 0, "left", 0), (1, 1, "left", 0)], [("right", 0)]),
    "i_both": ([(0, 0, "left", 0), (1, 0, "right", 0), (1, 1, "right", 0)], []),
    "e_both": ([(0, 1, "left", 0), (1, 0, "right", 0), (1, 1, "right", 0)], []),
    "both_both": ([(0, 0, "left", 0), (0, 1, "left", 0), (1, 0, "right", 0), (1, 1, "right", 0)], []),
    "ii_ee": ([(0, 0, "left", 0), (0, 0, "right", 0), (1, 1, "left", 0), (1, 1, "right", 0)], []),
}


# twelve decades, six either side of 1; a passive element between a resistance and a capacitance
decades = st.floats(-6.0, 6.0).map(lambda exponent: 10.0**exponent)
passive = st.builds(lambda size, turn: size * np.exp(-0.5e-3j * np.pi * turn), decades, st.integers(0, 1000))


def effort(few):
    """A test of `examples` random cases: few each time, twenty times as many where long checks are asked for."""
    return pytest.mark.parametrize("examples", [few, pytest.param(20 * few, marks=pytest.mark.slow)])


def hold(check, examples, **strategies):
    """check(**drawn) for so many random cases."""
    settings(max_examples=examples)(given(**strategies)(check))()


def close(value, exact, bound=1e-10):
    """Every entry of `value` is finite and within `bound` of the multiprecision `exact`, relative."""
    value = np.ravel(value)
    exact = [exact] if not isinstance(exact, list) else exact
    assert len(value) == len(exact)
    for v, e in zip(value, exact, strict=True):
        assert np.isfinite(v), (v, e)
        assert abs(mp.mpc(complex(v)) - e) <= bound * abs(e), (v, mp.nstr(e, 17))


def precise(*values):
    """Floats and complex numbers as they are, in multiprecision."""
    return [mp.mpmathify(complex(v)) if np.iscomplexobj(v) else mp.mpf(float(v)) for v in values]


def nodal(admittance, configuration, common=0.0):
    contacts, links = TERMINALS[configuration]
    return tlm.two_terminal(tlm.terminate(admittance, contacts, links, common))


def relative(value, reference):
    return np.max(np.abs(value - reference) / np.abs(reference))


def formula(z1, z2, z_f, length, configuration):
    """The table of two-rail impedances as printed, in multiprecision."""
    z1, z2, z_f, length = (mp.mpmathify(complex(value)) for value in (z1, z2, z_f, length))
    z_s = z1 + z2
    lam, z_c, z_p = mp.sqrt(z_f / z_s), mp.sqrt(z_f * z_s), z1 * z2 / z_s
    x = length / lam
    return {
        "ie": lambda: z_p * (length + 2 * lam / mp.sinh(x)) + lam * (z1**2 + z2**2) / z_s * mp.coth(x),
        "ee": lambda: z_p * length + 2 * lam * z2**2 / z_s * mp.tanh(x / 2),
        "ii": lambda: z_p * length + 2 * lam * z1**2 / z_s * mp.tanh(x / 2),
        "ie_same": lambda: z_c * mp.coth(x),
        "ie_same_short": lambda: z_c * mp.tanh(x),
        "i_both": lambda: z_p * length + lam * z1**2 / z_s * mp.tanh(x),
        "e_both": lambda: z_p * length + lam * z2**2 / z_s * mp.tanh(x),
        "both_both": lambda: z_p * length,
        "ii_ee": lambda: z_c / 2 * mp.coth(x / 2),
    }[configuration]()


def exact_network(layers, contacts, links, n_ports, interfaces=()):
    """Impedance between ports 0 and 1 from exp(A L) of d(Phi_1, Phi_2, i_1, i_2)/dx = A (..), by one linear system.

    layers: (z1, z2, z12, z_f, L). Unknowns: the state at the left, the ports' potentials, the contacts' and links'
    currents.
    """
    transfer = mp.eye(4)
    for number, (z1, z2, z12, z_f, length) in enumerate(layers):
        y = 1 / mp.mpmathify(complex(z_f))
        r1, r2, r12 = (mp.mpmathify(complex(value)) for value in (z1, z2, z12))
        a = mp.matrix([[0, 0, -r1 - r12, -r12], [0, 0, -r12, -r2 - r12], [-y, y, 0, 0], [y, -y, 0, 0]])
        transfer = mp.expm(a * mp.mpf(float(length))) * transfer
        if number < len(interfaces):
            jump = mp.eye(4)
            jump[0, 2], jump[1, 3] = (-mp.mpmathify(complex(value)) for value in interfaces[number])
            transfer = jump * transfer
    return terminated(transfer, contacts, links, n_ports)


def terminated(transfer, contacts, links, n_ports):
    """Impedance between ports 0 and 1 of what carries (Phi_1, Phi_2, i_1, i_2) from the left to `transfer` times it."""
    n = 4 + n_ports + len(contacts) + len(links)
    matrix, rhs = mp.zeros(n, n), mp.zeros(n, 1)
    ends = {"left": mp.eye(4), "right": transfer}
    # Kirchhoff at the four rail ends: what the contacts and links bring, minus what the line takes
    for s, side in enumerate(("left", "right")):
        for rail in (0, 1):
            for column in range(4):
                matrix[2 * s + rail, column] = ends[side][2 + rail, column] * (-1 if side == "left" else 1)
    for c, (port, rail, side, impedance) in enumerate(contacts):
        row = 4 + n_ports + c
        for column in range(4):
            matrix[row, column] = ends[side][rail, column]
        matrix[row, 4 + port] = -1
        matrix[row, row] = mp.mpmathify(complex(impedance))
        matrix[(0 if side == "left" else 2) + rail, row] = 1
        matrix[4 + port, row] = 1
    for c, (side, impedance) in enumerate(links):
        row = 4 + n_ports + len(contacts) + c
        for column in range(4):
            matrix[row, column] = ends[side][0, column] - ends[side][1, column]
        matrix[row, row] = -mp.mpmathify(complex(impedance))
        matrix[0 if side == "left" else 2, row] = -1
        matrix[1 if side == "left" else 3, row] = 1
    rhs[4] = 1
    # port 1 is the ground: its row says so, its current follows
    for column in range(n):
        matrix[5, column] = 0
    matrix[5, 5] = 1
    return complex(mp.lu_solve(matrix, rhs)[4])


def modal_network(layers, contacts, links, n_ports, interfaces=()):
    """`exact_network` from the modes exp(-y/lambda), exp(-(L - y)/lambda), 1 and y, for lines of any length.

    Unknowns: four amplitudes per layer, the ports' potentials, the contacts' and links' currents.
    """
    n = 4 * len(layers) + n_ports + len(contacts) + len(links)
    ends = [_modes(*layer) for layer in layers]
    matrix, rhs, row = mp.zeros(n, n), mp.zeros(n, 1), 0

    def add(state, k, layer, factor=1):
        for column in range(4):
            matrix[row, 4 * layer + column] += factor * ends[layer][state][k, column]

    for layer in range(len(layers) - 1):
        jump = interfaces[layer] if layer < len(interfaces) else (0, 0)
        for k in range(4):
            add(1, k, layer)
            if k < 2:
                add(1, 2 + k, layer, -mp.mpmathify(complex(jump[k])))
            add(0, k, layer + 1, -1)
            row += 1
    ports, currents = 4 * len(layers), 4 * len(layers) + n_ports
    corner = {"left": (0, 0), "right": (1, len(layers) - 1)}
    # Kirchhoff at the four rail ends, then Ohm along contacts and links, then the ports' currents
    for side, (state, layer) in corner.items():
        for rail in (0, 1):
            add(state, 2 + rail, layer, 1 if side == "left" else -1)
            for c, (_, of_rail, of_side, _) in enumerate(contacts):
                if (of_rail, of_side) == (rail, side):
                    matrix[row, currents + c] -= 1
            for c, (of_side, _) in enumerate(links):
                if of_side == side:
                    matrix[row, currents + len(contacts) + c] += 1 if rail == 0 else -1
            row += 1
    for c, (port, rail, side, impedance) in enumerate(contacts):
        state, layer = corner[side]
        add(state, rail, layer)
        matrix[row, ports + port] -= 1
        matrix[row, currents + c] += mp.mpmathify(complex(impedance))
        row += 1
    for c, (side, impedance) in enumerate(links):
        state, layer = corner[side]
        add(state, 0, layer)
        add(state, 1, layer, -1)
        matrix[row, currents + len(contacts) + c] -= mp.mpmathify(complex(impedance))
        row += 1
    for port in range(n_ports):
        if port == 1:
            matrix[row, ports + 1] = 1
        else:
            for c, contact in enumerate(contacts):
                matrix[row, currents + c] += 1 if contact[0] == port else 0
            rhs[row] = 1 if port == 0 else 0
        row += 1
    return mp.lu_solve(matrix, rhs)[ports]


def _modes(z1, z2, z12, z_f, length):
    """(Phi_1, Phi_2, i_1, i_2) at both ends per amplitude of the four modes."""
    z1, z2, z12, z_f, length = (mp.mpmathify(complex(value)) for value in (z1, z2, z12, z_f, length))
    z_s = z1 + z2
    t1, t2, z_c, x = z2 / z_s, z1 / z_s, mp.sqrt(z_s * z_f), length * mp.sqrt(z_s / z_f)
    drop = z1 * z2 / z_s + z12
    far = mp.exp(-x)
    found = []
    for forth, back, y in ((1, far, mp.mpf(0)), (far, 1, length)):
        found.append(
            mp.matrix(
                [
                    [t2 * forth, t2 * back, 1, -drop * y],
                    [-t1 * forth, -t1 * back, 1, -drop * y],
                    [forth / z_c, -back / z_c, 0, t1],
                    [-forth / z_c, back / z_c, 0, t2],
                ]
            )
        )
    return found
