"""From a case of porous layers to the engine's cell: materials at the temperature, sizes, and the state at rest."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from miecsim.case import laws
from miecsim.case.cell_data import CellState, ElectrolyteIn, ParticlesIn, Porous
from miecsim.case.load import Case
from miecsim.constants import FARADAY
from miecsim.errors import InputError
from miecsim.physics.cells import porous_cell
from miecsim.physics.electrolytes import BinarySalt, Electrolyte, SingleIon
from miecsim.physics.elements import Lumped
from miecsim.physics.hosts import Host
from miecsim.physics.kinetics import ExchangeCurrent, Kinetics, MassAction, rate_constant
from miecsim.physics.models import Model
from miecsim.physics.porous import ActiveParticles, PorousLayer
from miecsim.run.materials import number_at, of_salt_and_stoichiometry, property_at

CLASS_MARK = " #"  # between the name of a kind of particle and the number of a class of size
_LOW, _HIGH = 1e-6, 1 - 1e-6  # where an electrode's stoichiometry is looked for
_SOC = (-0.2, 1.2)  # and a cell's state of charge


def cell_model(case: Case) -> Model:
    """The engine's model of a case of porous layers."""
    return porous_cell(porous_layers(case), temperature=case.temperature)


def porous_layers(case: Case) -> tuple[PorousLayer, ...]:
    """The layers at the temperature and in the state of the case.

    InputError where no such state exists: a voltage that the cell does not have, or has twice.
    """
    T = case.temperature
    electrodes = [_electrode(layer.name, layer.material, T) for layer in case.layers]
    _settle(electrodes, case.state)
    salt: Electrolyte | None = None
    out = []
    for layer, electrode in zip(case.layers, electrodes, strict=True):
        m = layer.material
        assert isinstance(m, Porous)  # a case of this model has no other layers
        salt = salt or _electrolyte(m.electrolyte, T)
        kinds = [one for kind, x in zip(electrode.kinds, electrode.x, strict=True) for one in _classes(kind, x, T)]
        pores = (m.porosity, m.transport, m.sigma_eon)
        out.append(PorousLayer(layer.name, layer.thickness, salt, *pores, tuple(kinds)))
    return tuple(out)


def _electrolyte(e: ElectrolyteIn, temperature: float) -> Electrolyte:
    if e.concentration is None or e.diffusivity is None or e.transference_number is None:
        return SingleIon(number_at(e.conductivity, temperature))
    conductivity, diffusivity = property_at(e.conductivity, temperature), property_at(e.diffusivity, temperature)
    t_cation = property_at(e.transference_number, temperature)
    factor = 1.0 if e.thermodynamic_factor is None else property_at(e.thermodynamic_factor, temperature)
    return BinarySalt(e.concentration, conductivity, diffusivity, t_cation, factor)


# ------------------------------------------------------------------------------------------------ state at rest


@dataclass
class _Electrode:
    """The kinds of particle of a layer, their hosts, and the stoichiometry that is found for each."""

    name: str
    kinds: tuple[ParticlesIn, ...]
    hosts: list[Host]
    x: list[float]
    potential: float | None

    def content(self, x: Sequence[float]) -> float:
        """Lithium [mol per m3 of electrode]."""
        each = zip(self.kinds, x, strict=True)
        return math.fsum(k.volume_fraction * k.maximum_concentration * at for k, at in each)

    def charged_to(self, soc: float) -> list[float]:
        """Stoichiometries at a state of charge: its share of the lithium, spread so that all kinds agree."""
        given = []
        for k in self.kinds:
            assert k.discharged is not None and k.charged is not None  # the schema asks for both
            given.append(k.discharged + soc * (k.charged - k.discharged))
        if len(given) == 1:
            return given
        wanted = self.content(given)
        try:
            return self.at(self._level(wanted))
        except (InputError, ValueError):
            raise InputError(
                f"layer {self.name}: its kinds of particle have no common potential at a state of charge of {soc:.4g}; "
                "give potential, or the stoichiometry of each"
            ) from None

    def at(self, potential: float) -> list[float]:
        """Stoichiometries of all kinds at a potential [V] against lithium."""
        return [host.stoichiometry(potential, _LOW, _HIGH) for host in self.hosts]

    def _level(self, content: float) -> float:
        """The potential at which the kinds hold so much lithium together."""
        from scipy.optimize import brentq

        ends = [[float(np.real(h.potential(np.array([x]))[0])) for h in self.hosts] for x in (_LOW, _HIGH)]
        low, high = max(ends[1]), min(ends[0])
        return float(brentq(lambda U: self.content(self.at(U)) - content, low + 1e-9, high - 1e-9, xtol=1e-13))

    def open_circuit(self, x: Sequence[float]) -> float:
        """U [V] of the first kind."""
        return float(np.real(self.hosts[0].potential(np.array([x[0]]))[0]))


def _electrode(name: str, material: object, temperature: float) -> _Electrode:
    assert isinstance(material, Porous)
    hosts = [_host(kind, temperature) for kind in material.particles]
    x = [kind.stoichiometry or 0.0 for kind in material.particles]
    return _Electrode(name, material.particles, hosts, x, material.potential)


def _settle(electrodes: Sequence[_Electrode], state: CellState | None) -> None:
    """Stoichiometries of every electrode, from the state of the cell or from its own."""
    active = [e for e in electrodes if e.kinds]
    if state is None:
        for electrode in active:
            if electrode.potential is not None:
                electrode.x = electrode.at(electrode.potential)
        return
    soc = state.soc if state.soc is not None else _soc_of(active, state.voltage or 0.0)
    for electrode in active:
        electrode.x = electrode.charged_to(soc)
        out = [x for x in electrode.x if not 0 < x < 1]
        if out:
            raise InputError(f"layer {electrode.name}: stoichiometry {out[0]:.4g} at a state of charge of {soc:.4g}")


def _soc_of(active: Sequence[_Electrode], voltage: float) -> float:
    """State of charge at which the cell has an open-circuit voltage [V]: U right minus U left."""
    from scipy.optimize import brentq

    def excess(soc: float) -> float:
        U = [e.open_circuit(e.charged_to(soc)) for e in active]
        return (U[-1] - U[0] if len(U) > 1 else U[0]) - voltage

    grid, found_at = [], []
    for soc in np.linspace(*_SOC, 141):
        if _inside(active, float(soc)):
            with suppress(InputError):  # kinds without a common potential
                found_at.append(excess(float(soc)))
                grid.append(float(soc))
    values = np.array(found_at)
    crossings = np.flatnonzero(np.diff(values >= 0))
    if crossings.size != 1:
        span = f"{values.min() + voltage:.4g} to {values.max() + voltage:.4g} V" if values.size else "none"
        found = f"{crossings.size} times" if crossings.size else "nowhere"
        raise InputError(
            f"state.voltage: the open-circuit voltage ({span}) passes {voltage:.6g} V {found}; give the state of charge"
        )
    i = int(crossings[0])
    return float(brentq(excess, grid[i], grid[i + 1], xtol=1e-14))


def _inside(active: Sequence[_Electrode], soc: float) -> bool:
    """Whether all stoichiometries exist at a state of charge."""
    ends = [(k.discharged or 0.0, k.charged or 0.0) for e in active for k in e.kinds]
    return all(_LOW < x0 + soc * (x1 - x0) < _HIGH for x0, x1 in ends)


# ---------------------------------------------------------------------------------------------------- particles


def _host(kind: ParticlesIn, temperature: float) -> Host:
    U, D = property_at(kind.potential, temperature), property_at(kind.diffusivity, temperature)
    sigma = None if kind.electronic_conductivity is None else property_at(kind.electronic_conductivity, temperature)
    return Host(kind.name, kind.maximum_concentration, U, D, kind.self_diffusion, sigma)


def _classes(kind: ParticlesIn, x: float, temperature: float) -> list[ActiveParticles]:
    """One kind of particle of the engine for each class of size."""
    host, kinetics = _host(kind, temperature), _kinetics(kind, temperature)
    several = len(kind.sizes.radii) > 1
    out = []
    for i, (radius, share) in enumerate(zip(kind.sizes.radii, kind.sizes.shares, strict=True)):
        label = f"{kind.name}{CLASS_MARK}{i + 1}" if several else kind.name
        body = (label, host, radius, kind.volume_fraction * share, kinetics, x, kind.shape)
        surface = (_surface(kind.double_layer), _surface(kind.film))
        out.append(ActiveParticles(*body, *surface, kind.contact_resistance, kind.shells, kind.grading))  # type: ignore[arg-type]
    return out


def _surface(law: laws.Law | None) -> Lumped | None:
    match law:
        case laws.Capacitor(C=C):
            return Lumped(C=C)
        case laws.CPE(Q=Q, alpha=alpha):
            return Lumped(Q=Q, alpha=alpha)
        case laws.Resistance(R=R):
            return Lumped(R=R)
        case laws.RC(R=R, C=C):
            return Lumped(R=R, C=C)
    return None


def _kinetics(kind: ParticlesIn, temperature: float) -> Kinetics:
    k, i0 = kind.kinetics, kind.kinetics.exchange_current
    law: float | ExchangeCurrent
    if i0.kind == "given":
        law = of_salt_and_stoichiometry(i0.value, temperature)
        return Kinetics(law, k.alpha, k.reorganisation_energy)
    figure = number_at(i0.value, temperature)
    if i0.kind in ("rate", "current_rate"):
        per_charge = figure if i0.kind == "rate" else figure / FARADAY
        law = rate_constant(per_charge, kind.maximum_concentration)
    elif i0.kind == "flux":
        law = MassAction(0.5 * FARADAY * figure, i0.concentration or 1.0, 0.5, k.alpha)
    else:
        law = MassAction(figure, i0.concentration or 1.0, i0.stoichiometry or 0.5, k.alpha)
    return Kinetics(law, k.alpha, k.reorganisation_energy)
