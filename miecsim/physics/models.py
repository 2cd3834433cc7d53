"""The three models: each composes the same transport, storage and interface laws on the nodes that it is given."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from miecsim.constants import FARADAY, thermal_voltage
from miecsim.errors import InputError
from miecsim.grid.nodes import Nodes
from miecsim.physics.branches import Branch
from miecsim.physics.electrolytes import ConcentratedSolution
from miecsim.physics.elements import Element
from miecsim.physics.fluxes import Displacement, Drift, Ohmic, left_share, series_conductance
from miecsim.physics.hosts import HostDiffusion, MixedDiffusion
from miecsim.physics.kinetics import Insertion
from miecsim.physics.layers import ChargedLayer, CompositeLayer, ConductorLayer, Junction, thermodynamic_factor
from miecsim.physics.porous import PorousLayer
from miecsim.physics.seams import Seams, seam_pairs
from miecsim.physics.state import Activity, Carrier, StateMap
from miecsim.physics.storage import ChemicalCapacitor, Density, NeutralContent, RailCapacitor, SpaceCharge
from miecsim.typing import Array, Bools, Ints

Transport = Ohmic | Drift | Displacement | ConcentratedSolution | HostDiffusion | MixedDiffusion | Insertion
Storage = Density | SpaceCharge | ChemicalCapacitor | RailCapacitor | NeutralContent
AnyLayer = CompositeLayer | ConductorLayer | ChargedLayer | PorousLayer


def _bare(nodes: Nodes, region: Ints) -> Nodes:
    return nodes


@dataclass(frozen=True)
class Laws:
    """A model on given nodes: the terms whose sum is the residual, the rest state and where each field lives.

    transports come with the faces they act on; rest (m, N) are the unknowns of the flat reference state. closed: sets
    of carriers whose balances, summed over the cell, gain only what contacts pass; None: those that no branch couples.
    """

    state_map: StateMap
    transports: tuple[tuple[Transport, Ints], ...]
    stores: tuple[Storage, ...]
    branches: tuple[Branch, ...]
    rest: Array
    active: Bools
    closed: tuple[tuple[int, ...], ...] | None = None


@dataclass(frozen=True)
class Model:
    """A stack of layers with its physics. `laws(nodes, region)` puts it on a grid; `decay_length(i, omega)` is the
    shortest length [m] on which layer i changes at angular frequency omega, by which default meshes are graded."""

    name: str
    layers: tuple[AnyLayer, ...]
    carriers: tuple[Carrier, ...]
    has_phi: bool
    temperature: float
    junctions: tuple[Junction, ...]
    laws: Callable[[Nodes, Ints], Laws]
    decay_length: Callable[[int, float], float]
    # hangs particles on the nodes, where the model has any
    grow: Callable[[Nodes, Ints], Nodes] = _bare

    @property
    def thickness(self) -> float:
        return float(sum(layer.thickness for layer in self.layers))

    def junction_pairs(self) -> list[tuple[int, int]]:
        """Indices of the layers that have an interface law between them, each once. InputError for an unknown name."""
        names = [layer.name for layer in self.layers]
        for a, b in seam_pairs(self.junctions):
            for name in (a, b):
                if name not in names:
                    raise InputError(f"interface between {a} and {b}: {name!r} is none of {', '.join(names)}")
        return [(names.index(a), names.index(b)) for a, b in seam_pairs(self.junctions)]


def composite_electrode(
    layers: Sequence[CompositeLayer], *, temperature: float = 298.15, junctions: Sequence[Junction] = ()
) -> Model:
    """Two rails with an interface law (Paasch 1993, 10.1016/0013-4686(93)85083-B; Bisquert 2000, 10.1021/jp993148h):

        div(sigma_ion grad Phi_ion) = a_v i(Phi_ion - Phi_eon) = -div(sigma_eon grad Phi_eon)   [A/m3]

    with i the interface law [A/m2] and a_v the interface area per volume [1/m].
    """
    stack = tuple(layers)
    for layer in stack:
        _refuse_impossible(layer)

    def decay(i: int, omega: float) -> float:
        layer = stack[i]
        if layer.interface is None:
            return float("inf")
        y = layer.area_density * abs(small_signal_admittance(layer.interface, omega))
        return _rail_length(layer, y)

    def laws(nodes: Nodes, region: Ints) -> Laws:
        interfaces = []
        for i, layer in enumerate(stack):
            if layer.interface is not None:
                inside = np.flatnonzero((region == i) & (nodes.volume > 0))
                area = layer.area_density * nodes.volume[inside]
                interfaces.append(Branch(layer.interface, 1, inside, 0, inside, area, "charge transfer"))
        return _rail_laws(nodes, region, stack, temperature, junctions, tuple(interfaces), stores=())

    return Model("composite_electrode", stack, _RAILS, False, temperature, tuple(junctions), laws, decay)


def _refuse_impossible(layer: CompositeLayer) -> None:
    """InputError for what is negative, and for an interface to a rail that is not there."""
    for name in ("sigma_ion", "sigma_eon", "area_density"):
        value = getattr(layer, name)
        if not value >= 0:
            raise InputError(f"layer {layer.name}: read {name} = {value!r}; expected zero or a positive number")
    if layer.interface is not None and layer.area_density > 0 and not (layer.sigma_ion > 0 and layer.sigma_eon > 0):
        raise InputError(f"layer {layer.name}: an interface joins ions and electrons, and both must conduct")


def mixed_conductor(
    layers: Sequence[ConductorLayer] | Sequence[ChargedLayer],
    *,
    temperature: float = 298.15,
    junctions: Sequence[Junction] = (),
) -> Model:
    """Electroneutral transport by electrochemical potential (Jamnik and Maier 1999, 10.1149/1.1392611; 2001,
    10.1039/b100180i), from coefficients or from carriers:

        dq_k/dt = div(sigma_k grad Phi_k),   q_ion = -q_eon = c_chem (Phi_ion - Phi_eon)

    A permittivity adds the dielectric rail, and with carriers makes it Poisson-Nernst-Planck.
    """
    stack = tuple(layers)
    if all(isinstance(layer, ChargedLayer) for layer in stack):
        charged = tuple(layer for layer in stack if isinstance(layer, ChargedLayer))
        return _charged_model("mixed_conductor", charged, temperature, tuple(junctions))
    rails = tuple(layer for layer in stack if isinstance(layer, ConductorLayer))
    if len(rails) != len(stack):
        raise InputError("mixed_conductor: layers given by coefficients and by carriers cannot be stacked together")
    dielectric = [layer.permittivity is not None for layer in rails]
    if any(dielectric) != all(dielectric):
        raise InputError("mixed_conductor: give a permittivity for every layer, or for none")
    for layer in rails:
        if layer.chemical_capacitance > 0 and not (layer.sigma_ion > 0 and layer.sigma_eon > 0):
            raise InputError(f"layer {layer.name}: a chemical capacitance needs ions and electrons that conduct")

    def decay(i: int, omega: float) -> float:
        layer = rails[i]
        if layer.permittivity is None:
            return _rail_length(layer, omega * layer.chemical_capacitance)
        both = layer.capacitance_ion + layer.capacitance_eon
        series = layer.capacitance_ion * layer.capacitance_eon / both
        debye = float(np.sqrt(layer.permittivity / both))
        return min(debye, _rail_length(layer, omega * series))

    def laws(nodes: Nodes, region: Ints) -> Laws:
        stores = np.array([layer.chemical_capacitance > 0 or any(dielectric) for layer in rails])
        cells = np.flatnonzero((nodes.volume > 0) & stores[region])
        volume = nodes.volume[cells]

        def of(name: str) -> Array:
            return np.array([getattr(layer, name) or 0.0 for layer in rails])[region[cells]]

        if not any(dielectric):
            store: tuple[Storage, ...] = (ChemicalCapacitor((0, 1), of("chemical_capacitance"), cells, volume),)
        else:
            store = (
                RailCapacitor(0, 2, of("capacitance_ion"), cells, volume),
                RailCapacitor(1, 2, of("capacitance_eon"), cells, volume),
            )
        permittivity = [layer.permittivity for layer in rails] if any(dielectric) else None
        return _rail_laws(nodes, region, rails, temperature, junctions, (), store, permittivity)

    return Model("mixed_conductor", rails, _RAILS, any(dielectric), temperature, tuple(junctions), laws, decay)


def nernst_planck_poisson(
    layers: Sequence[ChargedLayer], *, temperature: float = 298.15, junctions: Sequence[Junction] = ()
) -> Model:
    """Any number of carriers k of charge z_k in a dielectric:

        d(z_k F c_k)/dt + div i_k = 0,  i_k = -z_k F D_k c_k grad eta_k,  -div(eps grad phi) = sum_k z_k F c_k + fixed

    with eta_k = ln a_k + z_k F phi / (R T). Every layer needs a permittivity.
    """
    for layer in layers:
        if layer.permittivity is None:
            raise InputError(f"layer {layer.name}: nernst_planck_poisson needs a permittivity")
    return _charged_model("nernst_planck_poisson", tuple(layers), temperature, tuple(junctions))


_RAILS = (Carrier("ion", 1, False), Carrier("electron", -1, False))


def small_signal_admittance(element: Element, omega: float) -> complex:
    """y(w) [S/m2] of an element about zero voltage, at one angular frequency [rad/s]."""
    step = 1e-30
    probe = np.array([1j * step])
    g, c = (float(law(probe).imag[0]) / step for law in (element.current, element.charge))
    excess = 0.0 if element.excess is None else complex(element.excess(np.array([omega]))[0])
    return g + 1j * omega * c + excess


def _rail_length(layer: CompositeLayer | ConductorLayer, y: float) -> float:
    """lambda = sqrt(z_f / (z_1 + z_2)) [m] of two rails joined by y [S/m3]; z_k = rho_kk - rho_12 with a cross term."""
    s1, s2, cross = layer.sigma_ion, layer.sigma_eon, layer.sigma_cross
    if s1 == 0 or s2 == 0:
        return float("inf")
    z_sum = (s1 + s2 + 2 * cross) / (s1 * s2 - cross**2) if cross else 1 / s1 + 1 / s2
    return float(1 / np.sqrt(z_sum * y)) if y > 0 else float("inf")


def _rail_laws(
    nodes: Nodes,
    region: Ints,
    layers: Sequence[CompositeLayer | ConductorLayer],
    temperature: float,
    junctions: Sequence[Junction],
    interfaces: tuple[Branch, ...],
    stores: tuple[Storage, ...],
    permittivity: Sequence[float | None] | None = None,
) -> Laws:
    """Laws of two rails that store their potentials: Ohm's law, optional dielectric rail, interfaces and junctions."""
    sigma = np.zeros((len(layers), 2, 2))
    for i, layer in enumerate(layers):
        if layer.sigma_cross != 0 and layer.sigma_cross**2 >= layer.sigma_ion * layer.sigma_eon:
            raise InputError(f"layer {layer.name}: cross conductivity must be below sqrt(sigma_ion sigma_eon)")
        sigma[i] = np.diag([layer.sigma_ion, layer.sigma_eon])
        sigma[i, 0, 1] = sigma[i, 1, 0] = layer.sigma_cross
    if junctions and np.any(sigma[:, 0, 1] != 0):
        raise InputError("cross conductivity and an interface law between layers cannot be combined")
    active = np.ones((nodes.n, 3 if permittivity is not None else 2), dtype=bool)
    diagonal = sigma[:, [0, 1], [0, 1]]
    seams = Seams(nodes, region, junctions, [la.name for la in layers], [c.name for c in _RAILS], diagonal > 0)
    active[:, :2] = seams.active
    all_faces = np.arange(nodes.left.size)
    transports: list[tuple[Transport, Ints]] = []
    if np.any(sigma[:, 0, 1] != 0):
        at_left, at_right = sigma[region[nodes.left]], sigma[region[nodes.right]]
        rho = _reciprocal(diagonal).T
        share = left_share(nodes.d_left * rho[:, region[nodes.left]], nodes.d_right * rho[:, region[nodes.right]])
        g = series_conductance(at_left, at_right, nodes.d_left, nodes.d_right)
        transports.append((Ohmic((0, 1), g, "coupled transport", share), all_faces))
    else:
        transports += [(law, faces) for law, faces in (_rail(nodes, seams, k, diagonal[:, k]) for k in range(2))]
    if permittivity is not None:
        transports.append((_displacement(nodes, region, permittivity, 2), all_faces))
    state_map = StateMap(
        _RAILS, permittivity is not None, thermal_voltage(temperature), np.ones((2, nodes.n)), (None, None)
    )
    branches = interfaces + tuple(seams.branches())
    rest = np.zeros((state_map.n_fields, nodes.n))
    return Laws(state_map, tuple(transports), stores, branches, rest, active)


def _rail(nodes: Nodes, seams: Seams, k: int, sigma: Array) -> tuple[Ohmic, Ints]:
    """Ohm's law of one rail with conductivities (L,) of the materials, and the faces on which it acts."""
    d_l, d_r, conducts = seams.distances(k)
    faces = np.flatnonzero(conducts & seams.active[nodes.left, k] & seams.active[nodes.right, k])
    rho = _reciprocal(sigma)[seams.home[k]]
    left, right = d_l[faces] * rho[nodes.left[faces]], d_r[faces] * rho[nodes.right[faces]]
    law = Ohmic((k,), (1 / (left + right))[:, None, None], f"{_RAILS[k].name} transport", left_share(left, right)[None])
    return law, faces


def _displacement(nodes: Nodes, region: Ints, permittivity: Sequence[float | None], row: int) -> Displacement:
    eps = np.array([p or 0.0 for p in permittivity])
    d_l, d_r, _ = nodes.distances(())
    left, right = d_l / eps[region[nodes.left]], d_r / eps[region[nodes.right]]
    return Displacement(row, 1 / (left + right), share=left_share(left, right)[None])


def _reciprocal(values: Array) -> Array:
    """1/values, zero where they are zero."""
    return np.asarray(np.divide(1.0, values, out=np.zeros(values.shape), where=values > 0))


def _charged_model(
    name: str, layers: tuple[ChargedLayer, ...], temperature: float, junctions: tuple[Junction, ...]
) -> Model:
    """Stored carriers with phi from Poisson's equation, or from electroneutrality where no layer has a permittivity."""
    dielectric = [layer.permittivity is not None for layer in layers]
    if any(dielectric) != all(dielectric):
        raise InputError(f"{name}: give a permittivity for every layer, or for none")
    carriers = _mobile_carriers(layers)

    def decay(i: int, omega: float) -> float:
        mobile = [c for c in layers[i].carriers if c.mobile]
        slowest = min((c.diffusivity * c.thermodynamic_factor for c in mobile), default=np.inf)
        diffusion = float(np.sqrt(slowest / omega))
        return min(diffusion, debye_length(layers[i], temperature))

    def laws(nodes: Nodes, region: Ints) -> Laws:
        return _charged_laws(nodes, region, layers, carriers, temperature, junctions)

    return Model(name, layers, carriers, True, temperature, junctions, laws, decay)


def debye_length(layer: ChargedLayer, temperature: float) -> float:
    """lambda_D = sqrt(eps V_T / (F sum z^2 c / W))  [m] over the mobile carriers; inf for an electroneutral layer, and
    where nothing moves."""
    if layer.permittivity is None or not any(c.mobile for c in layer.carriers):
        return float("inf")
    strength = sum(c.charge**2 * c.concentration / thermodynamic_factor(c) for c in layer.carriers if c.mobile)
    return float(np.sqrt(layer.permittivity * thermal_voltage(temperature) / (FARADAY * strength)))


def _mobile_carriers(layers: Sequence[ChargedLayer]) -> tuple[Carrier, ...]:
    """Every mobile carrier of the stack, in order of appearance; InputError where its charge differs between layers."""
    found: dict[str, Carrier] = {}
    for layer in layers:
        for c in layer.carriers:
            if not c.mobile:
                continue
            if not (c.concentration > 0 and c.diffusivity > 0):
                raise InputError(
                    f"layer {layer.name}, carrier {c.name}: concentration and diffusivity must be positive"
                )
            known = found.setdefault(c.name, Carrier(c.name, c.charge, True))
            if known.charge != c.charge:
                raise InputError(f"carrier {c.name}: charge {c.charge} in layer {layer.name}, {known.charge} elsewhere")
    if not found:
        raise InputError("no mobile carrier in any layer")
    return tuple(found.values())


def _charged_laws(
    nodes: Nodes,
    region: Ints,
    layers: tuple[ChargedLayer, ...],
    carriers: tuple[Carrier, ...],
    temperature: float,
    junctions: tuple[Junction, ...],
) -> Laws:
    k_n, v_t = len(carriers), thermal_voltage(temperature)
    poisson = layers[0].permittivity is not None
    table = {(i, c.name): c for i, layer in enumerate(layers) for c in layer.carriers if c.mobile}

    present = np.array([[(i, c.name) in table for c in carriers] for i in range(len(layers))])
    names = [c.name for c in carriers]
    seams = Seams(nodes, region, junctions, [la.name for la in layers], names, present)
    active = np.ones((nodes.n, k_n + 1), dtype=bool)
    active[:, :k_n] = seams.active

    def of(carrier: Carrier, name: str, absent: float) -> Array:
        """Per-node values of one property of a carrier."""
        values = [getattr(table.get((i, carrier.name)), name, absent) for i in range(len(layers))]
        return np.asarray(np.array(values, dtype=float)[seams.home[names.index(carrier.name)]])

    reference = np.array([of(c, "concentration", 1.0) for c in carriers])
    activity = []
    for k, c in enumerate(carriers):
        own = [
            ((seams.home[k] == i).astype(float), spec.ln_gamma)
            for i in range(len(layers))
            if (spec := table.get((i, c.name))) is not None and spec.ln_gamma is not None
        ]
        activity.append(Activity(of(c, "site_density", np.inf), of(c, "thermodynamic_factor", 1.0), tuple(own)))
    state_map = StateMap(carriers, True, v_t, reference, tuple(activity))

    transports: list[tuple[Transport, Ints]] = []
    stores: list[Storage] = []
    cells = np.flatnonzero(nodes.volume > 0)
    for k, c in enumerate(carriers):
        d_l, d_r, conducts = seams.distances(k)
        diffusivity = of(c, "diffusivity", 0.0)
        faces = np.flatnonzero(conducts & active[nodes.left, k] & active[nodes.right, k])
        near, far = d_l[faces] / diffusivity[nodes.left[faces]], d_r[faces] / diffusivity[nodes.right[faces]]
        share = left_share(near, far)[None]
        transports.append((Drift(k, c.charge, 1 / (near + far), v_t, (k, k_n), f"{c.name} transport", share), faces))
        live = cells[active[cells, k]]
        stores.append(Density(k, c.charge, live, nodes.volume[live]))
    stores.append(_space_charge(nodes, region, layers, carriers, active, poisson))
    if poisson:
        transports.append(
            (_displacement(nodes, region, [la.permittivity for la in layers], k_n), np.arange(nodes.left.size))
        )
    rest = np.vstack([reference, np.zeros((1, nodes.n))])
    return Laws(state_map, tuple(transports), tuple(stores), tuple(seams.branches()), rest, active)


def _space_charge(
    nodes: Nodes,
    region: Ints,
    layers: tuple[ChargedLayer, ...],
    carriers: tuple[Carrier, ...],
    active: Bools,
    poisson: bool,
) -> SpaceCharge:
    """Poisson's source in every cell, or the neutrality constraint on every node (faces included: they store
    nothing)."""
    fixed = []
    for layer in layers:
        own = sum(c.charge * FARADAY * c.concentration for c in layer.carriers if not c.mobile)
        mobile = sum(c.charge * FARADAY * c.concentration for c in layer.carriers if c.mobile)
        fixed.append(-mobile if layer.fixed_charge is None else layer.fixed_charge + own)
    where = np.flatnonzero(nodes.volume > 0) if poisson else np.arange(nodes.n)
    measure = nodes.volume[where] if poisson else np.full(nodes.n, nodes.volume.max())
    charges = np.array([c.charge for c in carriers])[:, None] * active[where, : len(carriers)].T
    return SpaceCharge(len(carriers), charges.astype(float), np.array(fixed)[region[where]], where, measure)
