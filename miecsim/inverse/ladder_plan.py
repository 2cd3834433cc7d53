"""Lines of two rails whose spectra a batch computes together: what depends on the grid, and what on the parameters.

A plan exists for a composite electrode or a mixed conductor given by coefficients, in one dimension and at rest, with
two terminals: one at each side with a contact to one or both rails, or both at one side with a contact to one rail
each. Laws between layers act across the seam on one rail each. See `miecsim.solvers.batch_compiled` for the equations.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from miecsim.inverse.parameters import OF_THE_GRID, Parts, Path, parts_of
from miecsim.physics.elements import Admittance, ButlerVolmer, Element, Lumped, Reversible
from miecsim.physics.layers import CompositeLayer, ConductorLayer
from miecsim.physics.seams import Seams
from miecsim.physics.terminals import Contact
from miecsim.system import System
from miecsim.typing import Array, Bools, Complex, Ints

RAILS, SIDES = ("ion", "electron"), ("left", "right")
SIGMA = ("sigma_ion", "sigma_eon", "sigma_cross")


@dataclass(frozen=True)
class Plan:
    """parts: the system's. layer (n,), distance (2, 2, n-1), area (n-1,), row (n,), size (n,): see the kernel; rows of
    the table are those of the layers, then those numbered in end_rows and shift_rows, -1 where there is none, and two
    for each of the `seams`: its face, and paths of the laws across it by rail.

    contacts: paths of those at the left and at the right, by rail; end_area [m2]; links: their paths. J: whether the
    current passes the line from end to end; enters, leaves: see the kernel.
    """

    parts: Parts
    layer: Ints
    distance: Array
    area: Array
    row: Ints
    size: Array
    contacts: tuple[dict[int, Path], dict[int, Path]]
    end_area: tuple[float, float]
    links: tuple[tuple[Path, ...], tuple[Path, ...]]
    end_rows: tuple[int, int]
    shift_rows: tuple[int, int]
    seams: tuple[tuple[int, dict[int, list[Path]]], ...]
    seam_row: Ints
    J: int
    enters: int
    leaves: int

    @property
    def n_rows(self) -> int:
        return 1 + max(len(self.parts.layers) - 1, *self.end_rows, *self.shift_rows, int(self.seam_row.max()) + 1)

    @property
    def ends(self) -> Ints:
        """As the kernel wants them."""
        shorts = [is_short(self, side) for side in range(2)]
        return np.array([self.J, self.enters, self.leaves, *shorts, *self.shift_rows], dtype=np.int64)


def plan_of(system: System) -> Plan | None:
    """The plan of a system; None where its spectra are not of this form."""
    parts, nodes = parts_of(system), system.nodes
    found = _contacts(parts) if _is_plain_line(system, parts) else None
    if found is None:
        return None
    contacts, J, enters, leaves = found
    links = tuple(tuple(("links", k) for k, link in enumerate(parts.links) if link.side == side) for side in SIDES)
    shared = [_is_shared(parts, contacts[side], J) for side in range(2)]
    free, row, size = len(parts.layers), system.region.copy(), nodes.volume.copy()
    end_rows, shift_rows = [-1, -1], [-1, -1]
    for side in range(2):
        if links[side] or shared[side]:
            end_rows[side], free = free, free + 1
            row[-side], size[-side] = end_rows[side], 1.0
        if shared[side]:
            shift_rows[side], free = free, free + 1
    distance, seams = _seams(system)
    seam_row = np.full(nodes.n, -1)
    seam_row[[face for face, _ in seams]] = free + 2 * np.arange(len(seams))
    return Plan(
        parts,
        system.region,
        distance,
        nodes.area,
        row,
        size,
        contacts,
        (float(nodes.side_area["left"][0]), float(nodes.side_area["right"][0])),
        (links[0], links[1]),
        (end_rows[0], end_rows[1]),
        (shift_rows[0], shift_rows[1]),
        seams,
        seam_row,
        J,
        enters,
        leaves,
    )


def _seams(system: System) -> tuple[Array, tuple[tuple[int, dict[int, list[Path]]], ...]]:
    """Distances (2, 2, n-1) of both rails; faces across which a law acts, with the laws of either rail."""
    nodes, junctions = system.nodes, system.model.junctions
    names = [layer.name for layer in system.model.layers]
    known = Seams(nodes, system.region, junctions, names, RAILS, np.ones((len(names), 2), dtype=bool))
    out = []
    for face in np.flatnonzero(nodes.junction >= 0):
        laws: dict[int, list[Path]] = {}
        for j, junction in enumerate(junctions):
            if junction.between == known.pairs[nodes.junction[face]]:
                of_rail = laws.setdefault(RAILS.index(junction.carrier), [])
                of_rail += [("junctions", j, "law")] if junction.law is not None else []
        out.append((int(face), laws))
    return np.stack([np.stack(known.distances(k)[:2]) for k in range(2)]), tuple(out)


def _is_plain_line(system: System, parts: Parts) -> bool:
    """Whether a system is a line of two rails between two ports, and all laws between layers act across."""
    nodes = system.nodes
    line = nodes.chain and not nodes.trees and not system.islands.any() and bool(np.all(nodes.area > 0))
    laws = [junction.to is None for junction in parts.junctions]
    laws += [not isinstance(link.law, Reversible) for link in parts.links]
    return line and all(laws) and _are_rails(parts) and system.n_fields == 2 and system.n_ports == 2


def _are_rails(parts: Parts) -> bool:
    """Whether all layers are two rails without a dielectric one."""
    for layer in parts.layers:
        if not isinstance(layer, CompositeLayer | ConductorLayer):
            return False
        if isinstance(layer, ConductorLayer) and layer.permittivity is not None:
            return False
    return True


def _contacts(parts: Parts) -> tuple[tuple[dict[int, Path], dict[int, Path]], int, int, int] | None:
    """Contacts by rail at either side, whether current passes from end to end, and what enters rail 1 at the left and
    leaves it at the right."""
    ends: tuple[dict[int, Path], dict[int, Path]] = ({}, {})
    sides: list[set[str]] = [set(), set()]
    for t, terminal in enumerate(parts.terminals):
        for c, contact in enumerate(terminal.contacts):
            rail, at = RAILS.index(contact.carrier), ends[SIDES.index(contact.side)]
            if rail in at:
                return None
            at[rail] = ("terminals", t, "contacts", c)
            sides[t].add(contact.side)
    if any(len(of_terminal) != 1 for of_terminal in sides):
        return None
    if sides[0] != sides[1]:
        enters, leaves = (int(list(end) == [0]) for end in ends)
        return ends, 1, enters, leaves
    at_left = sides[0] == {"left"}
    return ends, 0, int(at_left), 0 if at_left else -1


def _is_shared(parts: Parts, contacts: Mapping[int, Path], J: int) -> bool:
    """Whether one terminal feeds both rails at a side, through something."""
    laws = [contact_at(parts, path).law for path in contacts.values()]
    return J == 1 and len(laws) == 2 and not all(isinstance(law, Reversible) for law in laws)


def is_short(plan: Plan, side: int) -> bool:
    """Whether one terminal imposes the same potential on both rails at a side."""
    return plan.J == 1 and len(plan.contacts[side]) == 2 and plan.shift_rows[side] < 0


def contact_at(parts: Parts, path: Path) -> Contact:
    contact = _holder(parts, (*path, "law"))
    assert isinstance(contact, Contact)
    return contact


# ---------------------------------------------------------------- numbers of many sets


class Numbers:
    """Numbers of B sets by path, (B, 1), or (1, 1) where all sets have the same: values (B,) by path, and the others
    as the parts have them."""

    def __init__(self, parts: Parts, values: Mapping[Path, Array]) -> None:
        self.parts = parts
        self.given = {path: v[:, None] for path, v in values.items()}
        self.heated = self.given.get(("temperature",), np.full((1, 1), parts.temperature)) / parts.temperature

    def at(self, *path: str | int) -> Array:
        """The number at a path."""
        if path in self.given:
            return self.given[path]
        value = np.full((1, 1), getattr(_holder(self.parts, path), str(path[-1])), dtype=float)
        return self.heated * value if path[-1] == "thermal_voltage" else value


def covers(plan: Plan, path: Path) -> bool:
    """Whether the plan serves spectra of other numbers at a path (which is one of the parts)."""
    if path[-1] in (*OF_THE_GRID, "emf", "capacitance_ion", "capacitance_eon"):
        return False
    return not isinstance(_holder(plan.parts, path), Admittance)


def _holder(parts: Parts, path: Path) -> object:
    part: object = parts
    for step in path[:-1]:
        part = part[step] if isinstance(step, int) else getattr(part, step)  # type: ignore[index]
    return part


def resistivities(plan: Plan, numbers: Numbers, sets: int) -> tuple[Array, Bools]:
    """rho (B, L, 3) [ohm m]: rho_1, rho_2, rho_12 of every layer, inf where a rail is absent; and which sets (B,) the
    ladder serves: it would not notice what a model refuses."""
    rho, good = np.zeros((sets, len(plan.parts.layers), 3)), np.ones(sets, dtype=bool)
    for i, layer in enumerate(plan.parts.layers):
        s1, s2, s12 = (np.broadcast_to(numbers.at("layers", i, name)[:, 0], sets) for name in SIGMA)
        determinant = s1 * s2 - s12 * s12
        good &= (s1 >= 0) & (s2 >= 0) & ((s12 == 0) | ((determinant > 0) & (not plan.parts.junctions)))
        if isinstance(layer, CompositeLayer) and layer.interface is not None:
            good &= (numbers.at("layers", i, "area_density")[:, 0] == 0) | ((s1 > 0) & (s2 > 0))
        if isinstance(layer, ConductorLayer):
            good &= (numbers.at("layers", i, "chemical_capacitance")[:, 0] <= 0) | ((s1 > 0) & (s2 > 0))
        with np.errstate(all="ignore"):
            crossed = s12 != 0
            rho[:, i, 0] = np.where(crossed, s2 / determinant, 1 / s1)
            rho[:, i, 1] = np.where(crossed, s1 / determinant, 1 / s2)
            rho[:, i, 2] = np.where(crossed, -s12 / determinant, 0.0)
    for side in range(2):
        for rail in (0, 1) if plan.links[side] else plan.contacts[side]:
            good &= np.isfinite(rho[:, plan.layer[-side], rail])
    for face, laws in plan.seams:
        for rail in (rail for rail, paths in laws.items() if paths):
            good &= np.isfinite(rho[:, plan.layer[face : face + 2], rail]).all(axis=1)
    return rho, good


# ---------------------------------------------------------------- admittances


def admittances(plan: Plan, numbers: Numbers, rho: Array, omega: Array) -> tuple[dict[int, Complex], Complex]:
    """Rows of the table of the kernel by number, each (B or 1, n_f), and what stands in series with the line, of the
    same shape [ohm]; rho as of `resistivities`."""
    rows = {i: _of_layer(plan, numbers, omega, i) for i in range(len(plan.parts.layers))}
    series = np.zeros((1, 1), dtype=complex)
    for side in range(2):
        z = {r: _of_contact(plan, numbers, omega, side, r) for r in plan.contacts[side]}
        y = np.zeros((1, 1), dtype=complex)
        for path in plan.links[side]:
            y = y + plan.end_area[side] * admittance(plan.parts, numbers, (*path, "law"), omega)
        if plan.shift_rows[side] >= 0:
            kappa = 1 / (z[0] + z[1])
            y, series = y + kappa, series + z[0] * z[1] * kappa
            rows[plan.shift_rows[side]] = z[1] * kappa * (-1 if side == 0 else 1)
        elif not is_short(plan, side):
            series = np.asarray(series + sum(z.values()))
        if plan.end_rows[side] >= 0:
            rows[plan.end_rows[side]] = y
    for face, laws in plan.seams:
        row = int(plan.seam_row[face])
        rows[row], rows[row + 1], R = _across(plan, numbers, rho, omega, face, laws)
        series = np.asarray(series + plan.J * R)
    return rows, series


def _across(
    plan: Plan, numbers: Numbers, rho: Array, omega: Array, face: int, laws: Mapping[int, list[Path]]
) -> tuple[Complex, Complex, Complex]:
    """kappa, B and the resistance without interface current of a face across which laws act, each (B or 1, n_f); with
    infinite resistances in the place of absent rails."""
    R: list[Complex] = []
    for rail in range(2):
        (near, far), sides = plan.distance[rail, :, face], rho[:, plan.layer[[face, face + 1]], rail]
        if rail in laws:
            y = sum((admittance(plan.parts, numbers, path, omega) for path in laws[rail]), np.zeros((1, 1)))
            z = 1 / y if laws[rail] else np.full((1, 1), np.inf)
        else:
            z = (near * sides[:, :1] + far * sides[:, 1:]).astype(complex)
        passable = np.isfinite(sides[:, :1]) & np.isfinite(sides[:, 1:])
        R.append(np.where(passable, z / plan.area[face], np.inf + 0j))
    present = [np.isfinite(r) for r in R]
    both = present[0] & present[1]
    kappa = np.where(both, 1 / (R[0] + R[1]), 0.0)
    t1, t2 = (np.where(both, R[1 - k] * kappa, present[k].astype(complex)) for k in range(2))
    alone = np.where(present[0], R[0], R[1])
    B = (t2 if plan.enters else -t1) if plan.J else np.full((1, 1), plan.enters, dtype=complex)
    return kappa, B, np.where(both, R[0] * R[1] * kappa, alone)


def _of_contact(plan: Plan, numbers: Numbers, omega: Array, side: int, rail: int) -> Complex:
    """z [ohm] of a contact."""
    path = plan.contacts[side][rail]
    if isinstance(contact_at(plan.parts, path).law, Reversible):
        return np.zeros((1, 1), dtype=complex)
    return np.asarray(1 / (plan.end_area[side] * admittance(plan.parts, numbers, (*path, "law"), omega)))


def _of_layer(plan: Plan, numbers: Numbers, omega: Array, i: int) -> Complex:
    """Admittance between the rails of a layer, per volume [S/m3]."""
    layer, path = plan.parts.layers[i], ("layers", i)
    if isinstance(layer, ConductorLayer):
        return np.asarray(1j * omega * numbers.at(*path, "chemical_capacitance"))
    assert isinstance(layer, CompositeLayer)
    if layer.interface is None:
        return np.zeros((1, 1), dtype=complex)
    return np.asarray(numbers.at(*path, "area_density") * admittance(plan.parts, numbers, (*path, "interface"), omega))


def admittance(parts: Parts, numbers: Numbers, path: Path, omega: Array) -> Complex:
    """y(w) [S/m2] of an element at rest, (B or 1, n_f)."""
    law = _holder(parts, (*path, "any"))
    assert isinstance(law, Element)
    if isinstance(law, Admittance):
        return np.asarray(law.conductance + law.excess(omega))[None]

    def p(name: str) -> Array:
        return numbers.at(*path, name)

    if isinstance(law, ButlerVolmer):
        return np.asarray(p("exchange_current") / p("thermal_voltage") + 1j * omega * p("C"))
    assert isinstance(law, Lumped)
    y = np.zeros((1, 1), dtype=complex)
    if law.R is not None:
        y = y + 1 / p("R")
    if law.C is not None:
        y = y + 1j * omega * p("C")
    if law.Q is not None:
        y = y + p("Q") * _power(omega, p("alpha"))
    return y if np.all(p("Rs") == 0.0) else np.asarray(y / (1 + p("Rs") * y))


def _power(omega: Array, alpha: Array) -> Complex:
    """(i w)^alpha."""
    turn = np.pi / 2 * alpha
    return np.asarray(np.exp(alpha * np.log(omega)) * (np.cos(turn) + 1j * np.sin(turn)))
