"""Terminals, the nodal route and exact multiprecision results of two-rail lines, for the tests."""

from __future__ import annotations

import mpmath as mp
import numpy as np

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
