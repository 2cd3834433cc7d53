"""The closed form of a porous electrode of particles, from what the case says: its wall between the two rails."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from miecsim.case.cell_data import ParticlesIn, Porous
from miecsim.case.data import Layer
from miecsim.circuit.particles import Particle, lognormal_particles, particle_wall
from miecsim.constants import thermal_voltage
from miecsim.physics.electrolytes import SingleIon
from miecsim.physics.porous import ActiveParticles, PorousLayer
from miecsim.run.cells import CLASS_MARK
from miecsim.typing import Array, Complex

_CLASSES = 60  # of a log-normal distribution; 2 classes - 1 moments are exact


class NoClosedFormError(ValueError):
    """The layer is not one that the closed form describes; the text says why."""


def wall_of(layer: object, given: Layer, omega: Array, temperature: float, area: float) -> Callable[[], Complex]:
    """z_f [ohm m] (n_f,) of a layer of porous cells, given by its model and by the case."""
    if not isinstance(layer, PorousLayer) or not isinstance(given.material, Porous):
        raise NoClosedFormError("its layers are not those of a porous cell")
    if not isinstance(layer.electrolyte, SingleIon):
        raise NoClosedFormError("a salt has gradients; it needs a single-ion conductor")
    populations = [one for kind in given.material.particles for one in _populations(layer, kind, temperature)]
    return lambda: particle_wall(omega, populations, area) if populations else np.full(omega.size, np.inf + 0j)


def _populations(layer: PorousLayer, kind: ParticlesIn, temperature: float) -> list[tuple[Particle, float]]:
    """(particle, surface per volume) of each class of size of one kind."""
    own = [p for p in layer.particles if p.name.partition(CLASS_MARK)[0] == kind.name]
    if kind.sizes.log_normal is not None:
        median, spread = kind.sizes.log_normal
        return lognormal_particles(_particle(own[0], median, temperature), spread, kind.volume_fraction, _CLASSES)
    return [(_particle(p, p.radius, temperature), p.area_density) for p in own]


def _particle(p: ActiveParticles, radius: float, temperature: float) -> Particle:
    x = np.array([p.stoichiometry])
    slope, v_t = p.host.slope(p.stoichiometry), thermal_voltage(temperature)
    if not slope < 0:
        raise NoClosedFormError(f"the open-circuit potential of {p.name} does not fall there")
    if p.host.sigma_eon is not None:
        raise NoClosedFormError(f"{p.name} has an electron rail of its own")
    if p.double_layer is not None and p.double_layer.C is None:
        raise NoClosedFormError("a constant phase element on the particles; it needs a capacitor")
    R_ct = v_t / float(np.real(p.kinetics.i0(np.ones(1), x)[0]))
    film = p.film
    return Particle(
        p.shape,
        radius,
        p.host.chemical_diffusivity(p.stoichiometry, v_t),
        -slope / p.host.c_max,
        R_ct=R_ct,
        C_dl=0.0 if p.double_layer is None else float(p.double_layer.C or 0.0),
        R_film=0.0 if film is None else float(film.R or 0.0),
        C_film=0.0 if film is None else float(film.C or 0.0),
    )
