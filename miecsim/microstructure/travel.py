"""How far a carrier gets in a given time.

In the literature of battery electrodes L* stands for two lengths. One is geometric, the shortest path inside a phase:
`miecsim.microstructure.paths`. The other, here, is that over which storage can keep up with a discharge of given
duration (Zhu, Usiskin, Yu and Maier 2017): a particle, or the gap between two wires, should not be larger. The first
should be short, the second long.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from miecsim.errors import InputError


@dataclass(frozen=True)
class TravelLengths:
    """Lengths [m] that storage reaches in a time, by what is wired, that is, at one potential throughout.

    ion_wired: ions are at hand everywhere, electrons travel; electron_wired: electrons are at hand everywhere, ions
    travel; both: both are at hand at the surface only, and travel inwards as a neutral component.
    """

    ion_wired: float
    electron_wired: float
    both: float


def travel_length(D_chem: float, t: float) -> float:
    """L_travel = sqrt(D_chem t)  [m], D_chem [m^2/s], t [s].

    A scale, not a front: of a step at the surface of a half-space, what has entered is 2/sqrt(pi) L_travel times the
    change at the surface. Raises InputError for what is not positive.
    """
    if not all(np.isfinite(value) and value > 0 for value in (D_chem, t)):
        raise InputError(f"travel length: read D_chem = {D_chem}, t = {t}; both must be positive")
    return float(np.sqrt(D_chem * t))


def travel_lengths(sigma_ion: float, sigma_eon: float, c_chem: float, t: float) -> TravelLengths:
    """`travel_length` in a mixed conductor for each way of wiring it, with

        ion-wired:       D = sigma_eon/c_chem
        electron-wired:  D = sigma_ion/c_chem
        both:            D = D_chem = sigma_amb/c_chem,   1/sigma_amb = 1/sigma_ion + 1/sigma_eon

    Conductivities [S/m], chemical capacitance c_chem [F/m^3], t [s]. From q_ion = c_chem (Phi_ion - Phi_eon) with the
    wired carrier's Phi uniform. Raises InputError for what is not positive.
    """
    given = {"sigma_ion": sigma_ion, "sigma_eon": sigma_eon, "c_chem": c_chem}
    for name, value in given.items():
        if not (np.isfinite(value) and value > 0):
            raise InputError(f"travel length: read {name} = {value}; expected a positive number")
    sigma_amb = 1.0 / (1.0 / sigma_ion + 1.0 / sigma_eon)
    D = (sigma / c_chem for sigma in (sigma_eon, sigma_ion, sigma_amb))
    return TravelLengths(*(travel_length(each, t) for each in D))
