"""A salt between two electrodes of its cation: closed forms of concentrated-solution theory at rest.

J. Newman, K. E. Thomas-Alyea, Electrochemical Systems (2004), chapters 11 and 12.
"""

from __future__ import annotations

import numpy as np

from miecsim.circuit.diffusion import warburg_short
from miecsim.constants import FARADAY, thermal_voltage
from miecsim.errors import InputError
from miecsim.typing import Array, Complex


def salt_cell_impedance(
    omega: Array,
    conductivity: float,
    diffusivity: float,
    transference: float,
    concentration: float,
    length: float,
    *,
    thermodynamic_factor: float = 1.0,
    porosity: float = 1.0,
    temperature: float = 298.15,
    area: float = 1.0,
) -> Complex:
    """Impedance [ohm] (n_f,) of Li | Li+ X- in a separator | Li, electrodes without a resistance of their own.

    With a current I through a salt whose anions are blocked at both ends, 1D,

        I = -kappa Phi' + kappa (1 - t) m',   i w eps c = D c'',   -F D c' = (1 - t) I at the ends,
        m = 2 V_T (1 + dlnf/dlnc) c/c_0  [V]:

        Z = L/(kappa A) + R_D tanh(s)/s,   s^2 = i w eps L^2/(4 D),   R_D = (1 - t)^2 (2 RT/(F^2 c_0)) (TDF) L/(D A).

    omega [rad/s] (n_f,) >= 0; conductivity [S/m] and diffusivity [m2/s] effective in the separator (D_eff of the flux,
    not of the front: that is D_eff/porosity); transference number t of the cation [-]; concentration c_0 [mol/m3];
    length [m]; area [m2]. Of an ideal salt after Nernst and Einstein R_D = (L/kappa A)(1 - t)/t. InputError for what
    cannot be.
    """
    given = {
        "conductivity": conductivity,
        "diffusivity": diffusivity,
        "concentration": concentration,
        "length": length,
        "thermodynamic_factor": thermodynamic_factor,
        "porosity": porosity,
        "temperature": temperature,
        "area": area,
    }
    for name, value in given.items():
        if not (np.isfinite(value) and value > 0):
            raise InputError(f"{name}: read {value!r}; expected a positive number")
    per_concentration = 2 * thermal_voltage(temperature) * thermodynamic_factor / concentration
    R_D = (1 - transference) ** 2 * per_concentration * length / (FARADAY * diffusivity * area)
    tau = porosity * length**2 / (4 * diffusivity)
    w = np.atleast_1d(np.asarray(omega, dtype=np.float64))
    return length / (conductivity * area) + warburg_short(w, R_D, tau)
