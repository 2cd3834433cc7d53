"""Small-signal problems given as blocks, and exact answers to them: closed ladders and multiprecision."""

from __future__ import annotations

import mpmath as mp
import numpy as np

from miecsim.blocks import Blocks, NodeExtra, PortContact
from miecsim.constants import FARADAY, VACUUM_PERMITTIVITY, thermal_voltage

H = 1e-6  # cell size of the two-rail grids [m]
JOINED = np.array([[1.0, -1.0], [-1.0, 1.0]])
IE, II, EE = (("left", 0, 0), ("right", 1, 1)), (("left", 0, 0), ("right", 0, 1)), (("left", 1, 0), ("right", 1, 1))


# ---------------------------------------------------------------- problems


def rails(sigma, C, contacts, strong=True, g=0.0, extra=None):
    """Two rails on a grid, sigma (2, ny, nx) [S/m], joined in each cell by g + i w C [S/m3]; unit depth.

    contacts: (side, rail, port), over half a cell: a strong contact on a node of zero volume, or its conductance.
    """
    _, ny, nx = sigma.shape
    cell, m = np.arange(ny * nx).reshape(ny, nx), 2
    left, right, K = [], [], []

    def join(a, b, conductance):
        left.append(a.ravel())
        right.append(b.ravel())
        K.append(np.einsum("rf,rs->frs", conductance.reshape(m, -1), np.eye(m)))

    def series(a, b):
        return 2 * a * b / (a + b)

    join(cell[:, :-1], cell[:, 1:], series(sigma[:, :, :-1], sigma[:, :, 1:]))
    join(cell[:-1], cell[1:], series(sigma[:, :-1], sigma[:, 1:]))
    n, used, active = ny * nx, [], [np.ones((ny * nx, m), dtype=bool)]
    for side, rail, port in contacts:
        column = 0 if side == "left" else nx - 1
        half, t, none = 2 * sigma[rail, :, column], np.zeros((ny, m)), np.zeros(ny)
        t[:, rail] = 1.0
        if strong:
            wall, n = np.arange(n, n + ny), n + ny
            join(cell[:, column], wall, np.where(np.arange(m)[:, None] == rail, half, 0.0))
            active.append(t > 0)
            used.append(PortContact(port, rail, wall, t, True, False, none, none, none, None))
        else:
            used.append(PortContact(port, rail, cell[:, column], t, False, False, half, none, none, None))
    storage = np.zeros((n, m, m))
    storage[: ny * nx] = H * H * JOINED
    extras = () if extra is None else (NodeExtra(extra, np.arange(ny * nx), storage[: ny * nx]),)
    K = np.concatenate(K)
    return Blocks(
        *(np.concatenate(ends) for ends in (left, right)),
        *(K, K.copy(), g * storage, C * storage, np.concatenate(active), 2, tuple(used), extras),
    )


def uniform(n, sigma_1, sigma_2):
    return np.stack([np.full((n, n), sigma_1), np.full((n, n), sigma_2)])


def nernst_planck_poisson(nx, ny, h, c=1000.0, D=(1e-12, 1e-14), eps_r=10.0, reversible=(), reaction=0.0, bias=0.0):
    """Two carriers (+1, -1) and phi in (c1, c2, phi), Scharfetter-Gummel about uniform c; unit depth, SI units.

    Both ends have metal plates behind half a cell of dielectric; `reversible` lists the (port, carrier) that pass too.
    `reaction` [mol/m3/s] recombines the carriers; bias [thermal voltages] is the step of phi from cell to cell.
    """
    V_T, z = thermal_voltage(298.15), (1.0, -1.0)
    cell = np.arange(nx * ny).reshape(ny, nx)
    left = np.concatenate([cell[:, :-1].ravel(), cell[:-1].ravel()])
    right = np.concatenate([cell[:, 1:].ravel(), cell[1:].ravel()])
    along = np.arange(len(left)) < ny * (nx - 1)
    K_left, K_right = np.zeros((2, len(left), 3, 3))
    S_g, S_c = np.zeros((2, nx * ny, 3, 3))
    for k in range(2):
        step = np.where(along, z[k] * bias, 0.0)
        forward, back = (np.where(s == 0, 1.0, s / np.expm1(np.where(s == 0, 1.0, s))) for s in (step, -step))
        K_left[:, k, k], K_right[:, k, k] = z[k] * FARADAY * D[k] * forward, z[k] * FARADAY * D[k] * back
        K_left[:, k, 2] = K_right[:, k, 2] = FARADAY * D[k] * c / V_T
        S_c[:, k, k], S_g[:, 2, k] = z[k] * FARADAY * h * h, -z[k] * FARADAY * h * h
        S_g[:, 0, k], S_g[:, 1, k] = FARADAY * h * h * reaction / c * np.array([1.0, -1.0])
    K_left[:, 2, 2] = K_right[:, 2, 2] = eps_r * VACUUM_PERMITTIVITY
    contacts, none = [], np.zeros(ny)
    for port, at in enumerate((cell[:, 0], cell[:, -1])):
        t = np.tile([0.0, 0.0, 1.0], (ny, 1))
        plate = np.full(ny, 2 * eps_r * VACUUM_PERMITTIVITY)
        contacts.append(PortContact(port, 2, at, t, False, True, none, plate, none, None))
        for k in (k for p, k in reversible if p == port):
            t = np.tile([0.0, 0.0, 1.0], (ny, 1))
            t[:, k] = V_T / (z[k] * c)
            half = np.full(ny, 2 * FARADAY * D[k] * c / V_T)
            contacts.append(PortContact(port, k, at, t, False, False, half, none, none, None))
    active = np.ones((nx * ny, 3), dtype=bool)
    return Blocks(left, right, K_left, K_right, S_g, S_c, active, 2, tuple(contacts), has_phi=True)


# ---------------------------------------------------------------- references


def ladder(sigma_1, sigma_2, C, n, omega, contacts, g=0.0):
    """Z of n cells with half resistances at both ends: the continuum formulas with Z_c -> Z_T, x -> n theta."""
    mp.mp.dps = 60
    z_1, z_2, h = 1 / mp.mpf(sigma_1), 1 / mp.mpf(sigma_2), mp.mpf(H)
    z_s, z_f = z_1 + z_2, 1 / (mp.mpf(g) + mp.mpc(0, float(omega)) * mp.mpf(C))
    x = 2 * n * mp.asinh(mp.sqrt(z_s * h * h / z_f) / 2)
    scale, parallel = mp.sqrt(z_f / z_s) * mp.sqrt(1 + z_s * h * h / (4 * z_f)), z_1 * z_2 / z_s
    if contacts == IE:
        Z = parallel * (n * h + 2 * scale / mp.sinh(x)) + scale * (z_1**2 + z_2**2) / z_s * mp.coth(x)
    else:
        own = z_1 if contacts == II else z_2
        Z = parallel * n * h + 2 * scale * own**2 / z_s * mp.tanh(x / 2)
    return complex(Z)


def exact(blocks, omega, digits=70):
    """Y (P, P) and x (N m, P) by a dense solve in multiprecision; the sums over faces lose nothing there."""
    mp.mp.dps = digits
    n, m, jw = blocks.n_nodes * blocks.n_fields, blocks.n_fields, mp.mpc(0, float(omega))
    A, ports = {}, range(blocks.n_ports)

    def add(row, column, values, factor=1):
        for i in range(m):
            for j in range(m):
                if values[i, j] != 0.0:
                    key = (int(row) * m + i, int(column) * m + j)
                    A[key] = A.get(key, 0) + factor * mp.mpf(float(values[i, j]))

    def law(element):
        return mp.mpc(complex(element.law(np.array([omega]))[0]))

    def face(f, K_left, K_right, factor=1):
        for node, sign in ((blocks.left[f], 1), (blocks.right[f], -1)):
            add(node, blocks.left[f], K_left, sign * factor)
            add(node, blocks.right[f], K_right, -sign * factor)

    for f in range(len(blocks.left)):
        face(f, blocks.K_left[f], blocks.K_right[f])
    for j in blocks.junctions:
        for k, f in enumerate(j.faces):
            face(f, j.left_c[k], j.right_c[k], jw)
            if j.law is not None:
                face(f, j.left_e[k], j.right_e[k], law(j))
    for node in range(blocks.n_nodes):
        add(node, node, blocks.S_g[node])
        add(node, node, blocks.S_c[node], jw)
    for extra in blocks.extras:
        for node, values in zip(extra.nodes, extra.matrix, strict=True):
            add(node, node, values, law(extra))
    balance, b, held, contacts = dict(A), mp.zeros(n, len(ports)), {}, []
    for c in blocks.contacts:
        for e, node in enumerate(c.nodes):
            row, y = int(node) * m + c.row, None
            t = [(int(node) * m + j, mp.mpf(float(c.t[e, j]))) for j in range(m)]
            if c.strong:
                held[row] = t
                b[row, c.port] = 1
            else:
                y = mp.mpf(float(c.conductance[e])) + (1 if c.charge_row else jw) * mp.mpf(float(c.capacitance[e]))
                y += law(c) * mp.mpf(float(c.weight[e])) if c.law is not None else 0
                for column, value in t:
                    A[row, column] = A.get((row, column), 0) + y * value
                b[row, c.port] += y
            contacts.append((c, row, t, y))
    held |= {int(row): [(int(row), mp.mpf(1))] for row in np.flatnonzero(~blocks.active.ravel())}
    M = mp.zeros(n, n)
    for (row, column), value in A.items():
        M[row, column] = value if row not in held else 0
    for row, t in held.items():
        for column, value in t:
            M[row, column] = value
    lu, swaps = mp.mp.LU_decomp(M)
    x = [mp.mp.U_solve(lu, mp.mp.L_solve(lu, b[:, p], swaps)) for p in ports]
    Y = np.zeros((len(ports), len(ports)), dtype=complex)
    for p in ports:
        total = [mp.mpf(0) for _ in ports]
        for c, row, t, y in contacts:
            if c.strong:
                current = mp.fsum(v * x[p][j] for (i, j), v in balance.items() if i == row)
            else:
                current = y * ((p == c.port) - mp.fsum(v * x[p][j] for j, v in t))
            total[c.port] += current * (jw if c.charge_row else 1)
        Y[:, p] = [complex(v) for v in total]
    return Y, np.array([[complex(v) for v in column] for column in x]).T
