"""Linearised flux laws as circuit elements: what carries current from one node of the grid to the next.

A current that follows potentials through a conductance that depends on concentrations is

    dI = g (dPhi_left - dPhi_right) + a (dPhi - dphi)_left + b (dPhi - dphi)_right,

with a and b the driving force times the derivative of the conductance: controlled sources, none of them at rest. The
concentration of a salt is read as Phi_ion - Phi_anion, that of lithium in a host as Phi_p - Phi_eon (`numbering`).

**A concentrated solution** is two rails with Onsager's conductances (`physics.electrolytes`), drawn as two networks in
parallel: conduction, kappa [[t^2, t t'], [t t', t'^2]], and salt diffusion, g [[1, -1], [-1, 1]], each a resistor on
either rail and a mutual pair. With the salt of the pores as a chemical capacitor between the rails this is a
transmission line of Zelic, Gaberscek and Katrasnik's kind: the concentrated-solution equations, term by term. Where
g = kappa t t' (Nernst and Einstein) the mutual conductances cancel, and the rails meet in the capacitors only.

**A particle** is a ladder: the charge transfer resistance from the ion rail to its surface, diffusion resistances
d/(F D dc/dPhi A) from shell to shell, and from each shell a capacitor F V dc/dPhi to the electrons.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from miecsim.circuit.netlist import Elements, Place
from miecsim.circuit.numbering import CircuitNodes, at_faces, source
from miecsim.linearise import face_jacobians
from miecsim.physics.electrolytes import ConcentratedSolution
from miecsim.physics.fluxes import Displacement, Drift, Ohmic
from miecsim.physics.hosts import HostDiffusion, MixedDiffusion
from miecsim.physics.kinetics import Insertion
from miecsim.physics.models import Transport
from miecsim.system import System
from miecsim.typing import Array, Ints

# A controlled source below this part of the conductance beside it is round-off of the operating point.
ROUND_OFF = 1e-12


@dataclass(frozen=True)
class _Faces:
    """One law's faces: its current is K[0] du_left - K[1] du_right, each (n, m, m); direction (N, m, m) is du/dPhi."""

    nodes: CircuitNodes
    names: tuple[str, ...]
    sides: tuple[Ints, Ints]
    K: tuple[Array, Array]
    direction: Array
    places: tuple[Place, ...]  # one for each row of the law

    def ends(self, row: int) -> tuple[Ints, Ints]:
        return self.nodes.of[self.sides[0], row], self.nodes.of[self.sides[1], row]

    def slope(self, side: int, row: int, column: int, potential: int | None = None) -> Array:
        """K of (row, column), per volt of `potential` (default: of the column's own) where the column is stored."""
        at = self.direction[self.sides[side], column, column if potential is None else potential]
        return np.asarray(self.K[side][:, row, column] * at)


def flux_elements(
    system: System, nodes: CircuitNodes, law: Transport, faces: Ints, u: Array, direction: Array
) -> list[Elements]:
    """Elements of one transport law at unknowns u (m, N), with direction (N, m, m) = du/dPhi."""
    K_left, K_right = face_jacobians(system, law, faces, u)
    share = np.broadcast_to(law.share, (len(law.rows), faces.size))
    at = _Faces(
        nodes,
        system.laws.state_map.names,
        (system.nodes.left[faces], system.nodes.right[faces]),
        (K_left, -K_right),
        direction,
        tuple(at_faces(system, faces, part) for part in share),
    )
    match law:
        case Displacement():
            (row,) = law.rows
            return [Elements("C", law.process, at.names[row], *at.ends(row), K_left[:, row, row], at.places[0])]
        case Ohmic():
            return _ohmic(at, law)
        case Drift():
            return _drift(at, law.process, law.carrier, len(system.laws.state_map.carriers), at.places[0])
        case ConcentratedSolution():
            return _solution(at, law)
        case HostDiffusion():
            return _fick(at, law)
        case MixedDiffusion():
            ions = _drift(at, law.process, law.row, law.electron, at.places[0])
            return ions + _electrons(at, law)
        case Insertion():
            return _insertion(at, law)


def _ohmic(at: _Faces, law: Ohmic) -> list[Elements]:
    groups: list[Elements] = []
    for row, place in zip(law.rows, at.places, strict=True):
        process = law.process if len(law.rows) == 1 else f"{at.names[row]} transport"
        groups.append(Elements("R", process, at.names[row], *at.ends(row), at.K[0][:, row, row], place))
        for other in (o for o in law.rows if o != row):
            value = at.K[0][:, row, other]
            groups.append(source(process, at.names[row], at.ends(row), at.ends(other), value, place, mutual=True))
    return groups


def _drift(at: _Faces, process: str, k: int, phi: int, place: Place) -> list[Elements]:
    """g from a shift of all potentials of one side at constant concentration; a and b from what is left of dI/dPhi."""
    g = at.K[0][:, k, phi]
    groups = [Elements("R", process, at.names[k], *at.ends(k), g, place)]
    for side, sign in ((0, 1.0), (1, -1.0)):
        value = _without_round_off(sign * (at.slope(side, k, k) - g), g)
        node = at.sides[side]
        control = at.nodes.of[node, k], at.nodes.of[node, phi]
        groups.append(source(process, at.names[k], at.ends(k), control, value, place))
    return groups


def _without_round_off(value: Array, beside: Array) -> Array:
    return np.asarray(np.where(np.abs(value) <= ROUND_OFF * np.abs(beside), 0.0, value))


def _solution(at: _Faces, law: ConcentratedSolution) -> list[Elements]:
    """Conduction and diffusion. kappa t and kappa t' are the currents that a shift of the potentials of one side drives
    at constant concentration; L_ion,anion = kappa t t' - g the mean of the four derivatives that are one at rest."""
    ion, anion = law.rows
    of_ion, of_anion = at.K[0][:, ion, ion], at.K[0][:, anion, ion]
    kappa = of_ion + of_anion
    by_anion = [at.slope(side, ion, anion) for side in (0, 1)]
    by_ion = [
        at.K[side][:, anion, ion] + at.slope(side, anion, anion, ion) for side in (0, 1)
    ]  # through c as well, which Phi_ion moves where Phi_anion stands
    mutual = 0.25 * (by_anion[0] + by_anion[1] + by_ion[0] + by_ion[1])
    together = of_ion * of_anion / kappa
    g = together - mutual
    conduction = of_ion**2 / kappa, of_anion**2 / kappa, together
    groups: list[Elements] = []
    for process, (L_ion, L_anion, L_both) in (("ion transport", conduction), ("salt diffusion", (g, g, -g))):
        for (row, other), L, place in zip(((ion, anion), (anion, ion)), (L_ion, L_anion), at.places, strict=True):
            groups.append(Elements("R", process, at.names[row], *at.ends(row), L, place))
            groups.append(source(process, at.names[row], at.ends(row), at.ends(other), L_both, place, mutual=True))
    for row, values, place in (
        (ion, (mutual - by_anion[0], by_anion[1] - mutual), at.places[0]),
        (anion, (by_ion[0] - mutual, mutual - by_ion[1]), at.places[1]),
    ):
        for node, value in zip(at.sides, values, strict=True):
            control = at.nodes.of[node, ion], at.nodes.of[node, anion]
            value = _without_round_off(value, kappa)
            groups.append(source("salt diffusion", at.names[row], at.ends(row), control, value, place))
    return groups


def _fick(at: _Faces, law: HostDiffusion) -> list[Elements]:
    """g the mean of the two sides, which are one where the concentration is level; half their difference at either."""
    row, electron = law.row, at.names.index("electron")
    k = at.slope(0, row, row), at.slope(1, row, row)
    g = 0.5 * (k[0] + k[1])
    value = _without_round_off(0.5 * (k[0] - k[1]), g)
    groups = [Elements("R", law.process, at.names[row], *at.ends(row), g, at.places[0])]
    for node in at.sides:
        control = at.nodes.of[node, row], at.nodes.of[at.nodes.home[node], electron]
        groups.append(source(law.process, at.names[row], at.ends(row), control, value, at.places[0]))
    return groups


def _electrons(at: _Faces, law: MixedDiffusion) -> list[Elements]:
    """Electrons inside a host, their conductivity a function of its composition."""
    row, electron, process = law.row, law.electron, "electron transport in particles"
    g, place = at.K[0][:, electron, electron], at.places[1]
    groups = [Elements("R", process, at.names[electron], *at.ends(electron), g, place)]
    for side, sign in ((0, 1.0), (1, -1.0)):
        node = at.sides[side]
        control = at.nodes.of[node, row], at.nodes.of[node, electron]
        value = _without_round_off(sign * at.slope(side, electron, row), g)
        groups.append(source(process, at.names[electron], at.ends(electron), control, value, place))
    return groups


def _insertion(at: _Faces, law: Insertion) -> list[Elements]:
    """From the surface to the ions around it: i = i0(c_e, c_s) f(eta), eta = Phi_p - Phi_ion."""
    lithium, electron = law.lithium, law.electron
    parent, surface = at.sides
    # lithium's row counts what enters the surface, the opposite of an anodic current
    row, column = -at.K[0][:, lithium], at.K[1][:, lithium]
    g = column[:, electron] if law.mixed else row[:, electron]
    ions = at.nodes.of[parent, law.ion] if law.film is None else at.nodes.of[surface, law.film]
    ends, place = (at.nodes.of[surface, lithium], ions), at.places[0]
    rail = f"{at.names[lithium]}-{at.names[law.ion if law.film is None else law.film]}"
    groups = [Elements("R", law.process, rail, *ends, g, place)]
    by_lithium = _without_round_off(column[:, lithium] * at.direction[surface, lithium, lithium] - g, g)
    control = ends[0], at.nodes.of[at.nodes.home[surface], electron]
    groups.append(source(law.process, rail, ends, control, by_lithium, place))
    if law.anion is not None:
        by_salt = _without_round_off(row[:, law.anion] * at.direction[parent, law.anion, law.ion], g)
        control = at.nodes.of[parent, law.ion], at.nodes.of[parent, law.anion]
        groups.append(source(law.process, rail, ends, control, by_salt, place))
    return groups
