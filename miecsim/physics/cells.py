"""Batteries from particle to cell: porous electrodes whose control volumes carry insertion particles.

    electrolyte   d(eps c)/dt, i_ion, i_anion: `physics.electrolytes`, in pores with kappa_eff = B kappa, D_eff = B D
    electrons     div(sigma_eon grad Phi_eon) = a_v i            [A/m3]
    particles     dc/dt = div(D grad c), F D grad c = -i at the surface
    interface     i = i0 f(eta) + C_dl d(Phi_eon - Phi_ion)/dt, eta = Phi_eon - Phi_ion - U

Every particle hangs as a chain of shells from its control volume, so that the same residual gives the discharge, the
spectrum at any instant of it, and the circuit (Doyle, Fuller, Newman 1993, 10.1149/1.2221597; its small-signal form:
Meyers, Doyle, Darling, Newman 2000, 10.1149/1.1393627).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from miecsim.constants import thermal_voltage
from miecsim.errors import InputError
from miecsim.grid.nodes import Nodes
from miecsim.grid.pendants import Particles, Tree, hang, shell_edges
from miecsim.physics.branches import Branch
from miecsim.physics.curves import curve
from miecsim.physics.electrolytes import (
    BinarySalt,
    ConcentratedSolution,
    OfSalt,
)
from miecsim.physics.fluxes import Ohmic, left_share
from miecsim.physics.hosts import HostDiffusion, InHost, MixedDiffusion
from miecsim.physics.kinetics import Insertion
from miecsim.physics.models import Laws, Model, Storage, Transport
from miecsim.physics.porous import ActiveParticles, PorousLayer
from miecsim.physics.state import Carrier, StateMap
from miecsim.physics.storage import Density, NeutralContent
from miecsim.typing import Array, Bools, Ints


def porous_cell(layers: Sequence[PorousLayer], *, temperature: float = 298.15) -> Model:
    """A cell, half cell or electrode of porous layers (see the module). Carriers 'ion', 'electron', with a salt
    'anion', and 'lithium' in the particles. At rest Phi_ion is zero and Phi_eon the open-circuit potential.

    InputError where layers differ in what their electrolyte is, or two layers have a name in common.
    """
    stack = tuple(layers)
    salt = _common_salt(stack)
    if len({layer.name for layer in stack}) < len(stack):
        raise InputError(f"layers: names must differ; read {', '.join(layer.name for layer in stack)}")
    carriers = _carriers(stack, salt)

    def grow(nodes: Nodes, region: Ints) -> Nodes:
        return hang(nodes, [k for i, layer in enumerate(stack) for k in _kinds(nodes, region == i, layer)])

    def laws(nodes: Nodes, region: Ints) -> Laws:
        return _Assembly(nodes, region, stack, salt, carriers, temperature).laws()

    def decay(i: int, omega: float) -> float:
        return _shortest(stack[i], omega, temperature)

    return Model("porous_cell", stack, carriers, False, temperature, (), laws, decay, grow)


def _common_salt(layers: Sequence[PorousLayer]) -> BinarySalt | None:
    salts = [layer.electrolyte for layer in layers if isinstance(layer.electrolyte, BinarySalt)]
    if not salts:
        return None
    if len(salts) < len(layers) or any(salt != salts[0] for salt in salts):
        raise InputError("electrolyte: a salt must be the same in all layers, and cannot meet a single-ion conductor")
    return salts[0]


def _carriers(layers: Sequence[PorousLayer], salt: BinarySalt | None) -> tuple[Carrier, ...]:
    out = [Carrier("ion", 1, False), Carrier("electron", -1, False)]
    if salt is not None:
        out.append(Carrier("anion", -1, True))
    if any(layer.particles for layer in layers):
        out.append(Carrier("lithium", 1, True))
    if any(p.film is not None for layer in layers for p in layer.particles):
        out.append(Carrier("film", 1, False))
    return tuple(out)


def _kinds(nodes: Nodes, inside: Bools, layer: PorousLayer) -> list[Particles]:
    """The particles of a layer, on every control volume of it."""
    parents = np.flatnonzero(inside & (nodes.volume > 0))
    out = []
    for p in layer.particles:
        edges = shell_edges(p.radius, p.shells, p.grading)
        volume = p.volume_fraction * nodes.volume[parents]
        out.append(Particles(f"{layer.name}: {p.name}", p.shape, p.radius, parents, volume, edges))
    return out


def _shortest(layer: PorousLayer, omega: float, temperature: float) -> float:
    """Shortest length [m] on which a layer changes: reaction zone, or diffusion of the salt."""
    lengths = [float("inf")]
    if isinstance(layer.electrolyte, BinarySalt):
        c = np.array([layer.electrolyte.concentration])
        D = layer.transport / layer.porosity * float(np.real(curve(layer.electrolyte.diffusivity)(c)[0]))
        lengths.append(float(np.sqrt(D / omega)))
    y = 0.0
    for p in layer.particles:
        c_e = layer.electrolyte.concentration if isinstance(layer.electrolyte, BinarySalt) else 1.0
        i0 = float(np.real(p.kinetics.i0(np.array([c_e]), np.array([p.stoichiometry]))[0]))
        C = 0.0 if p.double_layer is None else float(p.double_layer.C or 0.0)
        y += p.area_density * abs(i0 / thermal_voltage(temperature) + 1j * omega * C)
    if y > 0:
        lengths.append(float(1 / np.sqrt((1 / layer.sigma_ion + 1 / layer.sigma_eon) * y)))
    return min(lengths)


class _Assembly:
    """The laws of a cell on its nodes, put together field by field."""

    def __init__(
        self,
        nodes: Nodes,
        region: Ints,
        layers: tuple[PorousLayer, ...],
        salt: BinarySalt | None,
        carriers: tuple[Carrier, ...],
        temperature: float,
    ) -> None:
        self.nodes, self.region, self.layers, self.salt, self.carriers = nodes, region, layers, salt, carriers
        self.v_t = thermal_voltage(temperature)
        self.row = {c.name: k for k, c in enumerate(carriers)}
        self.trunk = np.arange(nodes.n) < nodes.trunk
        # trees lie in the order of layers and of the particles in each
        self.trees: list[tuple[PorousLayer, ActiveParticles, Tree]] = [
            (layer, p, tree)
            for (layer, p), tree in zip(
                [(layer, p) for layer in layers for p in layer.particles], nodes.trees, strict=True
            )
        ]

    def laws(self) -> Laws:
        rest, reference, state_map = self._state()
        transports: list[tuple[Transport, Ints]] = [*self._electrolyte(), self._electrons()]
        stores: list[Storage] = []
        branches: list[Branch] = []
        if self.salt is not None:
            cells = np.flatnonzero(self.trunk & (self.nodes.volume > 0))
            pores = self._per_layer("porosity")[cells] * self.nodes.volume[cells]
            salt = (self.row["ion"], self.row["anion"])
            stores.append(NeutralContent(salt, self.row["anion"], cells, pores, "electrolyte storage"))
        for _, p, tree in self.trees:
            transports += self._particles(p, tree)
            shells = tree.shells.ravel()
            volume = self.nodes.volume[shells]
            if p.host.sigma_eon is None:
                stores.append(Density(self.row["lithium"], 1, shells, volume))
            else:
                lithium, electron = self.row["lithium"], self.row["electron"]
                stores.append(NeutralContent((lithium, electron), lithium, shells, volume, "particle storage"))
            branches += self._interface(p, tree)
        return Laws(state_map, tuple(transports), tuple(stores), tuple(branches), rest, self._active(), self._closed())

    def _closed(self) -> tuple[tuple[int, ...], ...]:
        """Lithium in whatever form, anions, and charge: lithium's row counts it where electrons have one beside it."""
        lithium = [self.row[name] for name in ("ion", "lithium", "film") if name in self.row]
        charge = [self.row[name] for name in ("ion", "electron", "anion", "film") if name in self.row]
        mixed = {p.host.sigma_eon is not None for _, p, _ in self.trees}
        sets = [lithium, *([[self.row["anion"]]] if self.salt is not None else [])]
        if mixed != {True, False}:
            sets.append([*charge, self.row["lithium"]] if mixed == {True} else charge)
        return tuple(map(tuple, sets))

    def _per_layer(self, name: str) -> Array:
        return np.array([getattr(layer, name) for layer in self.layers], dtype=float)[self.region]

    def _active(self) -> Bools:
        active = np.zeros((self.nodes.n, len(self.carriers)), dtype=bool)
        active[self.trunk, self.row["ion"]] = True
        active[:, self.row["electron"]] = self.trunk & (self._per_layer("sigma_eon") > 0)
        if self.salt is not None:
            active[self.trunk, self.row["anion"]] = True
        for _, p, tree in self.trees:
            active[tree.ids, self.row["lithium"]] = True
            active[tree.ids, self.row["electron"]] = p.host.sigma_eon is not None
            if p.film is not None:
                active[tree.surface, self.row["film"]] = True
        return active

    def _state(self) -> tuple[Array, Array, StateMap]:
        """Rest unknowns, reference concentrations (K, N) and the state map."""
        n, k_n = self.nodes.n, len(self.carriers)
        rest, reference = np.zeros((k_n, n)), np.ones((k_n, n))
        potentials: list[OfSalt | InHost | None] = [None] * k_n
        for i, layer in enumerate(self.layers):
            if layer.particles:
                rest[self.row["electron"], self.trunk & (self.region == i)] = layer.particles[0].open_circuit
        if self.salt is not None:
            k = self.row["anion"]
            rest[k] = reference[k] = self.salt.concentration
            potentials[k] = OfSalt(self.salt, self.row["ion"], self.v_t, self.trunk)
        if self.trees:
            k, c_max, hosts = self.row["lithium"], np.full(n, np.inf), []
            for layer, p, tree in self.trees:
                mask = np.zeros(n, dtype=bool)
                mask[tree.ids] = True
                hosts.append((mask, p.host))
                c_max[tree.ids] = p.host.c_max
                rest[self.row["electron"], tree.ids] = layer.particles[0].open_circuit
                rest[k, tree.ids] = reference[k, tree.ids] = p.stoichiometry * p.host.c_max
            potentials[k] = InHost(tuple(hosts), c_max)
        return rest, reference, StateMap(self.carriers, False, self.v_t, reference, tuple(potentials))

    def _electrolyte(self) -> list[tuple[Transport, Ints]]:
        nodes, ion = self.nodes, self.row["ion"]
        faces = np.flatnonzero(self.trunk[nodes.left] & self.trunk[nodes.right])
        factor = self._per_layer("transport")
        left = nodes.d_left[faces] / factor[nodes.left[faces]]
        right = nodes.d_right[faces] / factor[nodes.right[faces]]
        if self.salt is not None:
            law = ConcentratedSolution(ion, self.row["anion"], self.salt, left, right, share=_twice(left, right))
            return [(law, faces)]
        kappa = np.array([layer.sigma_ion / layer.transport for layer in self.layers])[self.region]
        left, right = left / kappa[nodes.left[faces]], right / kappa[nodes.right[faces]]
        g = (1 / (left + right))[:, None, None]
        return [(Ohmic((ion,), g, "ion transport", left_share(left, right)[None]), faces)]

    def _electrons(self) -> tuple[Transport, Ints]:
        nodes, sigma = self.nodes, self._per_layer("sigma_eon")
        conducts = self.trunk & (sigma > 0)
        faces = np.flatnonzero(conducts[nodes.left] & conducts[nodes.right])
        left = nodes.d_left[faces] / sigma[nodes.left[faces]]
        right = nodes.d_right[faces] / sigma[nodes.right[faces]]
        g = (1 / (left + right))[:, None, None]
        return Ohmic((self.row["electron"],), g, "electron transport", left_share(left, right)[None]), faces

    def _particles(self, p: ActiveParticles, tree: Tree) -> list[tuple[Transport, Ints]]:
        """The reaction at the surfaces, and diffusion inwards."""
        film = None if p.film is None else self.row["film"]
        anion = self.row.get("anion")
        lithium, electron, mixed = self.row["lithium"], self.row["electron"], p.host.sigma_eon is not None
        reaction = Insertion(electron, self.row["ion"], lithium, anion, film, p.host.c_max, p.kinetics, self.v_t, mixed)
        inner = tree.faces[:, 1:].ravel()
        d_left, d_right = self.nodes.d_left[inner], self.nodes.d_right[inner]
        share = left_share(d_left, d_right)[None]
        surface, along = tree.faces[:, 0].copy(), 1 / (d_left + d_right)
        if p.contact_resistance is None:
            return [(reaction, surface), (HostDiffusion(lithium, p.host, along, self.v_t, share=share), inner)]
        contact = Ohmic((electron,), np.full((surface.size, 1, 1), 1 / p.contact_resistance), "electron contact")
        diffusion = MixedDiffusion(lithium, electron, p.host, along, self.v_t, share=np.vstack([share, share]))
        return [(reaction, surface), (contact, surface), (diffusion, inner)]

    def _interface(self, p: ActiveParticles, tree: Tree) -> list[Branch]:
        """Double layer, and the film in front of it. Beneath a film it is charged by the host's own electrons where
        they have a rail; without one, by those of the electrode, beside the contact."""
        ion, electron, area = self.row["ion"], self.row["electron"], tree.particles.surface
        parents, surface = tree.particles.parents, tree.surface
        out = []
        beneath = (ion, parents) if p.film is None else (self.row["film"], surface)
        if p.double_layer is not None:
            mixed = p.film is not None and p.host.sigma_eon is not None
            out.append(
                Branch(p.double_layer, electron, surface if mixed else parents, *beneath, area, "charge transfer")
            )
        if p.film is not None:
            out.append(Branch(p.film, self.row["film"], surface, ion, parents, area, "film"))
        return out


def _twice(left: Array, right: Array) -> Array:
    share = left_share(left, right)
    return np.stack([share, share])
