"""Textbook answers of a conductor under direct current: blocking cells, membranes, polarised electrolytes.

The voltage of a galvanostatic polarisation in time is `miecsim.circuit.steps.polarisation_voltage`.
"""

from __future__ import annotations

from math import pi, sqrt

import numpy as np
import numpy.typing as npt
from scipy.special import exprel

from miecsim.constants import FARADAY, GAS_CONSTANT, thermal_voltage
from miecsim.errors import InputError
from miecsim.techniques.checks import array, finite, not_negative, positive
from miecsim.typing import Array

# ---- Hebb-Wagner cells ----


def hebb_wagner_current(
    voltage: npt.ArrayLike, sigma_n: float, sigma_p: float, length: float, temperature: float
) -> Array:
    """Steady electronic current density [A/m2] (the shape of `voltage`) with ions blocked at one side.

    i = (R T/F L) [sigma_n (exp(F E/R T) - 1) + sigma_p (1 - exp(-F E/R T))], E [V] > 0 where the blocking side is the
    reducing one; sigma_n, sigma_p [S/m] of electrons and holes at the reversible side; L [m], T [K]. Electrons and
    holes dilute against the ions, so that the ions' potential is flat. M. H. Hebb, J. Chem. Phys. 20 (1952) 185;
    C. Wagner, Z. Elektrochem. 60 (1956) 4.
    """
    _electronic(sigma_n, sigma_p, length, temperature)
    finite("Hebb-Wagner", voltage=voltage)
    v_t = thermal_voltage(temperature)
    u = array(voltage) / v_t
    return np.asarray(v_t / length * (sigma_n * np.expm1(u) - sigma_p * np.expm1(-u)))


def hebb_wagner_voltage(
    current: npt.ArrayLike, sigma_n: float, sigma_p: float, length: float, temperature: float
) -> Array:
    """Voltage [V] at a current density [A/m2]: `hebb_wagner_current` solved for E, the positive root of its quadratic.

    InputError beyond a plateau that the current cannot pass: sigma_p R T/F L without electrons, -sigma_n R T/F L
    without holes.
    """
    _electronic(sigma_n, sigma_p, length, temperature)
    finite("Hebb-Wagner", current=current)
    v_t = thermal_voltage(temperature)
    k = np.atleast_1d(array(current) * (length / v_t))
    if (sigma_n == 0 and np.any(k >= sigma_p)) or (sigma_p == 0 and np.any(k <= -sigma_n)):
        limit = (sigma_p if sigma_n == 0 else -sigma_n) * v_t / length
        raise InputError(
            f"Hebb-Wagner: the current must stay short of its plateau {limit:.6g} A/m2, read {array(current)}"
        )
    rise, fall = sigma_n + sigma_p - k, sigma_p - sigma_n - k
    # both orders of the same discriminant are sums of positive terms on their side
    root = np.sqrt(np.where(k > 0, rise**2 + 4 * sigma_n * k, fall**2 + 4 * sigma_n * sigma_p))
    with np.errstate(divide="ignore", invalid="ignore"):
        beyond = np.where(rise > 0, 2 * k / (rise + root), (root - rise) / (2 * sigma_n))  # exp(u) - 1
        whole = np.where(fall > 0, 2 * sigma_p / (fall + root), (root - fall) / (2 * sigma_n))  # exp(u)
        u = np.where(beyond < -0.5, np.log(whole), np.log1p(np.maximum(beyond, -0.5)))
    return np.asarray(v_t * u.reshape(np.shape(current)))


def hebb_wagner_fit(
    voltage: npt.ArrayLike, current: npt.ArrayLike, length: float, temperature: float
) -> tuple[float, float]:
    """(sigma_n, sigma_p) [S/m] of `hebb_wagner_current` by least squares of the relative error of a measured curve.

    voltage [V], current density [A/m2], both (n,). Points at E = 0 say nothing and are left out. InputError where
    fewer than two points remain. A coefficient below what the data resolve can come out negative.
    """
    positive("Hebb-Wagner fit", length=length, temperature=temperature)
    finite("Hebb-Wagner fit", voltage=voltage, current=current)
    E, i = array(voltage).ravel(), array(current).ravel()
    if E.shape != i.shape:
        raise InputError(f"Hebb-Wagner fit: {E.size} voltages but {i.size} currents")
    used = (E != 0) & (i != 0)
    if used.sum() < 2:
        raise InputError("Hebb-Wagner fit: needs at least two points away from zero")
    v_t = thermal_voltage(temperature)
    u = E[used] / v_t
    rows = np.stack([np.expm1(u), -np.expm1(-u)], axis=1) * (v_t / length / i[used])[:, None]
    scale = np.abs(rows).max(axis=0)
    sigma = np.linalg.lstsq(rows / scale, np.ones(u.size))[0] / scale
    return float(sigma[0]), float(sigma[1])


def electronic_conductivity(voltage: npt.ArrayLike, current: npt.ArrayLike, length: float) -> Array:
    """sigma_e(E) = L di/dE [S/m] (n,) at the blocking side, by second-order differences of a measured curve.

    voltage [V] (n,) increasing, n >= 3; current density [A/m2] (n,). Holds for any electronic law, dilute or not.
    """
    positive("Hebb-Wagner", length=length)
    E, i = array(voltage), array(current)
    if E.ndim != 1 or E.shape != i.shape or E.size < 3 or np.any(np.diff(E) <= 0):
        raise InputError("Hebb-Wagner: needs at least three voltages, increasing, and one current for each")
    return np.asarray(length * np.gradient(i, E, edge_order=2))


def _electronic(sigma_n: float, sigma_p: float, length: float, temperature: float) -> None:
    positive("Hebb-Wagner", length=length, temperature=temperature)
    not_negative("Hebb-Wagner", sigma_n=sigma_n, sigma_p=sigma_p)
    if sigma_n + sigma_p == 0:
        raise InputError("Hebb-Wagner: sigma_n and sigma_p are both 0")


# ---- membranes between two oxygen pressures ----


def mean_transference(
    high: npt.ArrayLike, low: npt.ArrayLike, sigma_ion: float, sigma_p: float, sigma_n: float
) -> Array:
    """int t_ion d ln p [-] from p = `low` to `high`, sigma_e = sigma_p p^(1/4) + sigma_n p^(-1/4).

    With x = p^(1/4): 4 sigma_ion int dx/(sigma_p x^2 + sigma_ion x + sigma_n); its logarithmic form, d^2 = sigma_ion^2
    - 4 sigma_p sigma_n > 0, and the arctangent where d^2 < 0 are written by their addition theorems, which pass
    through d = 0 and vanishing sigma_p or sigma_n. Pressures in units of the reference that sigma_p, sigma_n [S/m]
    stand for; sigma_ion [S/m] constant.
    """
    positive("membrane", high=high, low=low, sigma_ion=sigma_ion)
    not_negative("membrane", sigma_p=sigma_p, sigma_n=sigma_n)
    x1, x2, step, sign = _quarter_powers(high, low)
    total = 2 * (sigma_n + sigma_p * x1 * x2) + sigma_ion * (x1 + x2)
    square = sigma_ion**2 - 4 * sigma_p * sigma_n
    d = sqrt(abs(square))
    if d == 0:
        return np.asarray(sign * 8 * sigma_ion * step / total)
    if square < 0:
        return np.asarray(sign * 8 * sigma_ion / d * np.arctan(d * step / total))
    lesser = 4 * sigma_p * sigma_n / (sigma_ion + d)  # sigma_ion - d
    # total - d step, term by term positive
    rest = 2 * (sigma_n + sigma_p * x1 * x2) + lesser * x1 + (sigma_ion + d) * x2
    return np.asarray(sign * 4 * sigma_ion / d * np.log1p(2 * d * step / rest))


def _quarter_powers(high: npt.ArrayLike, low: npt.ArrayLike) -> tuple[Array, Array, Array, Array]:
    """x_1 >= x_2 = p^(1/4) of both sides, x_1 - x_2, and the sign of ln(high/low).

    Ordered, since log1p of what goes to -1 would lose the digits that it keeps upwards.
    """
    p1, p2 = np.maximum(high, low), np.minimum(high, low)
    x1, x2 = p1**0.25, p2**0.25
    near = x1 < 1.1 * x2
    step = np.where(near, x2 * np.expm1(0.25 * np.log1p(np.where(near, (p1 - p2) / p2, 0))), x1 - x2)
    return x1, x2, step, np.sign(array(high) - array(low))


def open_circuit_voltage(
    high: npt.ArrayLike, low: npt.ArrayLike, sigma_ion: float, sigma_p: float, sigma_n: float, temperature: float
) -> Array:
    """E = (R T/4F) int t_ion d ln p [V] of an electrolyte that leaks electrons, between pO2 `high` and `low`.

    Electrodes at equilibrium with their gas; see `mean_transference`. C. Wagner, Z. Phys. Chem. B 21 (1933) 25.
    """
    positive("membrane", temperature=temperature)
    return thermal_voltage(temperature) / 4 * mean_transference(high, low, sigma_ion, sigma_p, sigma_n)


def oxygen_flux(
    high: npt.ArrayLike,
    low: npt.ArrayLike,
    sigma_ion: float,
    sigma_p: float,
    sigma_n: float,
    length: float,
    temperature: float,
) -> Array:
    """Permeation j_O2 = R T/(16 F^2 L) int sigma_ion sigma_e/(sigma_ion + sigma_e) d ln p [mol O2/(m2 s)].

    Same law of sigma_e as `mean_transference`; surfaces at equilibrium with their gas (L far above D/k). For sigma_e
    << sigma_ion it tends to R T/(4 F^2 L) [sigma_p (p1^1/4 - p2^1/4) + sigma_n (p2^-1/4 - p1^-1/4)], and keeps its
    digits there. C. Wagner, Prog. Solid State Chem. 10 (1975) 3.
    """
    positive("membrane", length=length, temperature=temperature)
    through = mean_transference(high, low, sigma_ion, sigma_p, sigma_n)
    x1, x2, step, sign = _quarter_powers(high, low)
    square = sigma_ion**2 - 4 * sigma_p * sigma_n
    if square > sigma_ion**2 / 4:
        leak = sign * _electronic_share(x1, x2, step, sigma_ion, sigma_p, sigma_n, sqrt(square))
    else:  # t_ion is nowhere near 1
        leak = sign * 4 * np.log1p(step / x2) - through
    return np.asarray(GAS_CONSTANT * temperature * sigma_ion / (16 * FARADAY**2 * length) * leak)


def _electronic_share(
    x1: Array, x2: Array, step: Array, sigma_ion: float, sigma_p: float, sigma_n: float, d: float
) -> Array:
    """int (1 - t_ion) d ln p, by partial fractions about the real roots, without the ln p that would cancel."""
    q = (sigma_ion + d) / 2
    shift, excess = sigma_n / q, 2 * sigma_p * sigma_n / (q * d)  # (sigma_ion - d)/d
    n_type = np.log1p(shift * step / (x2 * (x1 + shift)))
    p_type = np.log1p(sigma_p * step / (sigma_p * x2 + q))
    return np.asarray(4 * (n_type - excess * np.log1p(step / (x2 + shift)) + sigma_ion / d * p_type))


# ---- polymer and liquid electrolytes ----


def bruce_vincent_number(
    voltage: float, initial_current: float, steady_current: float, initial_resistance: float, steady_resistance: float
) -> float:
    """t_+ = I_s (V - I_0 R_0)/[I_0 (V - I_s R_s)] [-] from a small step V [V] on a cell with reversible electrodes.

    I_0, I_s [A] at first and at last; R_0, R_s [ohm] the interfaces' resistance then. J. Evans, C. A. Vincent, P. G.
    Bruce, Polymer 28 (1987) 2324. Holds for V << R T/F, an ideal dilute salt and steady interfaces; without ideality it
    reads the current fraction, not the transference number. InputError where the interfaces would take all of V.
    """
    positive("Bruce-Vincent", voltage=voltage, initial_current=initial_current, steady_current=steady_current)
    not_negative("Bruce-Vincent", initial_resistance=initial_resistance, steady_resistance=steady_resistance)
    initial, steady = voltage - initial_current * initial_resistance, voltage - steady_current * steady_resistance
    if not (initial > 0 and steady > 0):
        raise InputError("Bruce-Vincent: I R of the interfaces must be below the voltage of the step, first and last")
    return steady_current * initial / (initial_current * steady)


def limiting_current(diffusivity: float, concentration: float, length: float) -> float:
    """i_lim = 4 F D_+ c_0/L [A/m2] of an electroneutral 1:1 salt of mean c_0 [mol/m3], anions blocked at both sides."""
    positive("limiting current", diffusivity=diffusivity, concentration=concentration, length=length)
    return 4 * FARADAY * diffusivity * concentration / length


def polarised_salt_current(voltage: npt.ArrayLike, limit: float, temperature: float) -> Array:
    """Steady i = i_lim tanh(F V/4 R T) [A/m2] (the shape of `voltage`) between electrodes reversible to the cation.

    Dilute, electroneutral 1:1 salt whose amount is fixed; D_- does not enter. J. Newman, N. P. Balsara,
    Electrochemical Systems (Wiley, 2021).
    """
    positive("limiting current", limit=limit, temperature=temperature)
    finite("limiting current", voltage=voltage)
    return np.asarray(limit * np.tanh(array(voltage) / (4 * thermal_voltage(temperature))))


def polarised_salt_voltage(current: npt.ArrayLike, limit: float, temperature: float) -> Array:
    """V = (4 R T/F) artanh(i/i_lim) [V]; InputError for a current at or beyond the limiting one."""
    positive("limiting current", limit=limit, temperature=temperature)
    if not np.all(np.abs(array(current)) < limit):
        raise InputError(f"limiting current: |i| must stay below {limit:.6g} A/m2, read {array(current)}")
    return np.asarray(4 * thermal_voltage(temperature) * np.arctanh(array(current) / limit))


def constant_field_flux(
    voltage: npt.ArrayLike,
    charge_number: int,
    diffusivity: float,
    left: npt.ArrayLike,
    right: npt.ArrayLike,
    length: float,
    temperature: float,
) -> Array:
    """Flux [mol/(m2 s)] from left to right in a uniform field: N = (D u/L) (c_1 e^u - c_2)/(e^u - 1), u = z F V/R T.

    V [V] left less right, concentrations [mol/m3], D [m2/s], L [m]. D. E. Goldman, J. Gen. Physiol. 27 (1943) 37. A
    Scharfetter-Gummel flux reproduces it on any mesh.
    """
    positive("constant field", diffusivity=diffusivity, length=length, temperature=temperature)
    not_negative("constant field", left=left, right=right)
    finite("constant field", voltage=voltage)
    u = charge_number * array(voltage) / thermal_voltage(temperature)
    # exprel overflows to infinity, whose reciprocal is the right 0
    return np.asarray(diffusivity / length * (array(left) / exprel(-u) - array(right) / exprel(u)))


def partial_conductivities(
    length: float, area: float, ion_blocked: float, electron_blocked: float
) -> tuple[float, float]:
    """(sigma_ion, sigma_eon) [S/m] from direct-current resistances [ohm]: L/(A R) of the cell that blocks the other.

    ion_blocked is between electrodes that pass electrons only; electron_blocked between ones that pass ions only.
    Contacts themselves are taken as free of resistance.
    """
    positive("blocking cells", length=length, area=area, ion_blocked=ion_blocked, electron_blocked=electron_blocked)
    return length / (area * electron_blocked), length / (area * ion_blocked)


def polarisation_diffusivity(slope: float, length: float) -> float:
    """D = -(L/pi)^2 d ln(U_inf - U)/dt [m2/s] from the tail of a galvanostatic polarisation, slope [1/s] negative.

    One ion-blocking contact on each side; t > 0.1 L^2/D. I. Yokota, J. Phys. Soc. Japan 16 (1961) 2213.
    """
    positive("polarisation", length=length)
    if not slope < 0:
        raise InputError(f"polarisation: d ln(U_inf - U)/dt must be negative, read {slope}")
    return -slope * (length / pi) ** 2
