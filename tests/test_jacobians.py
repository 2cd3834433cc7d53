"""Every Jacobian against central differences on random states far from rest, for every law and contact, in 1D and
2D."""

from __future__ import annotations

import numpy as np
import pytest
import systems

from miecsim.linearise import linearise, potential_jacobian
from miecsim.solvers.bordered import assemble
from miecsim.system import System, balance, field_potential, is_phi

CASES = [(name, dimension) for name in systems.ALL for dimension in (1, 2)]


def _difference(law, u: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Central differences of order six of law(u) (flattened) in every unknown: truncation below round-off at a step
    of 2 %."""
    columns = []
    weights = {1: 45 / 60, 2: -9 / 60, 3: 1 / 60}
    for node in range(u.shape[1]):
        for row in range(u.shape[0]):
            h = 2e-3 * scale[row, node]
            total = 0.0
            for step, weight in weights.items():
                for sign in (1, -1):
                    shifted = u.copy()
                    shifted[row, node] += sign * step * h
                    total = total + sign * weight * law(shifted)
            columns.append(np.asarray(total).T.reshape(-1) / h)
    return np.array(columns).T


def _scale(system: System, u: np.ndarray) -> np.ndarray:
    out = np.full_like(u, systems.V_T)
    for k, carrier in enumerate(system.laws.state_map.carriers):
        if carrier.stored:
            out[k] = u[k]
    return out


def _close(exact: np.ndarray, difference: np.ndarray, scale: np.ndarray) -> None:
    """Every entry to 1e-7 of the largest in its row, with columns weighted by the size of their unknown."""
    weighted, reference = exact * scale.T.reshape(-1), difference * scale.T.reshape(-1)
    size = np.abs(reference).max(axis=1, keepdims=True)
    assert np.all(np.abs(weighted - reference) <= 1e-7 * size)


@pytest.mark.parametrize(("name", "dimension"), CASES)
def test_steady_matrix_is_the_derivative_of_the_residual(name: str, dimension: int) -> None:
    system = systems.ALL[name](dimension)
    u = systems.random_state(system, 3)
    voltages = np.linspace(0.05, -0.02, system.n_ports)
    exact = assemble(linearise(system, u, voltages)).toarray()
    scale = _scale(system, u)
    difference = _difference(lambda x: balance(system, x, voltages), u, scale)
    absent = ~system.laws.active.reshape(-1)
    difference[absent, absent] = 1.0  # the row of an absent field is the identity
    _close(exact, difference, scale)


def _charge(system: System, u: np.ndarray) -> np.ndarray:
    """Stored charge of every balance row (m, N), from the laws themselves."""
    out = np.zeros_like(u)
    for store in system.laws.stores:
        held = store.storage(system.laws.state_map.at(u[:, store.nodes], store.nodes))
        if held is not None:
            for row, values in zip(store.rows, held * store.measure, strict=True):
                np.add.at(out[row], store.nodes, values)
    for b in system.branches:
        v = field_potential(system, u, b.row_a, b.nodes_a) - field_potential(system, u, b.row_b, b.nodes_b)
        np.add.at(out[b.row_a], b.nodes_a, b.element.charge(v) * b.weight)
        np.add.at(out[b.row_b], b.nodes_b, -b.element.charge(v) * b.weight)
    return out


def _storage_matrix(system: System, u: np.ndarray, voltages: np.ndarray) -> np.ndarray:
    """The i w part of the blocks without contacts, assembled densely."""
    blocks = linearise(system, u, voltages)
    n, m = blocks.n_nodes, blocks.n_fields
    dense = np.zeros((n, m, n, m))
    for i in range(n):
        dense[i, :, i] += blocks.S_c[i]
    for junction in blocks.junctions:
        for j, face in enumerate(junction.faces):
            a, b = blocks.left[face], blocks.right[face]
            dense[a, :, a] += junction.left_c[j]
            dense[a, :, b] -= junction.right_c[j]
            dense[b, :, a] -= junction.left_c[j]
            dense[b, :, b] += junction.right_c[j]
    return dense.reshape(n * m, n * m)


@pytest.mark.parametrize(("name", "dimension"), CASES)
def test_storage_matrix_is_the_derivative_of_the_charge(name: str, dimension: int) -> None:
    system = systems.ALL[name](dimension)
    u = systems.random_state(system, 5)
    scale = _scale(system, u)
    exact = _storage_matrix(system, u, np.zeros(system.n_ports))
    difference = _difference(lambda x: _charge(system, x), u, scale)
    _close(exact, difference, scale)


@pytest.mark.parametrize(("name", "dimension"), CASES)
def test_contact_admittance_is_the_derivative_of_its_law(name: str, dimension: int) -> None:
    """dI/dV, dq/dV of each contact and its potential's gradient t, on a random state."""
    system = systems.ALL[name](dimension)
    u = systems.random_state(system, 7)
    voltages = np.linspace(-0.03, 0.04, system.n_ports)
    for branch, contact in zip(system.ports, linearise(system, u, voltages).contacts, strict=True):
        assert contact.charge_row == is_phi(system, branch.row)
        if contact.strong:
            continue
        v = voltages[branch.port] - field_potential(system, u, branch.row, branch.nodes)
        h = 1e-4 * systems.V_T
        for law, read in ((branch.element.current, contact.conductance), (branch.element.charge, contact.capacitance)):
            slope = (8 * (law(v + h) - law(v - h)) - (law(v + 2 * h) - law(v - 2 * h))) / (12 * h) * branch.weight
            np.testing.assert_allclose(read, slope, rtol=1e-7, atol=1e-30)


@pytest.mark.parametrize("name", list(systems.ALL))
def test_potential_map_is_differentiated(name: str) -> None:
    system = systems.ALL[name](1)
    u = systems.random_state(system, 11)
    exact = potential_jacobian(system, u)
    nodes = np.arange(u.shape[1])
    scale = _scale(system, u)
    for j in range(system.n_fields):
        h = 1e-4 * scale[j]
        parts = []
        for k in (-2, -1, 1, 2):
            shifted = u.copy()
            shifted[j] += k * h
            state = system.laws.state_map.at(shifted, nodes)
            parts.append(np.vstack([state.Phi, state.phi])[: system.n_fields])
        slope = (8 * (parts[2] - parts[1]) - (parts[3] - parts[0])) / (12 * h)
        slope = np.where(system.laws.active[:, j], slope, 0.0)  # an unknown that is no field there moves nothing
        np.testing.assert_allclose(exact[:, :, j].T * scale[j], slope * scale[j], rtol=1e-7, atol=1e-9 * systems.V_T)
