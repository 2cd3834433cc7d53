"""Textbook answers of a body with diffusion to a current pulse, a potential step or a step of the atmosphere.

The body is a slab fed on one side (or on both: `size` is then the half thickness), a long cylinder or a sphere of
radius `size` a. Lengths are counted in a and times in a^2/D: tau = D t/a^2. D is the chemical diffusivity of the
neutral component, constant over the step; the interface is sharp and the body uniform at the start. What an interface
or a series resistance adds is the ratio Lambda = a k/D (Biot), infinite for a surface that follows at once.

Every series of modes is summed only from the time on where a few of them are exact to rounding; earlier the expansion
for short times takes over.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, pi
from typing import Literal

import numpy as np
import numpy.typing as npt
from scipy.special import erf, erfcx, gamma, jn_zeros, spherical_jn

from miecsim.constants import FARADAY
from miecsim.errors import InputError
from miecsim.techniques.checks import array, finite, not_negative, positive
from miecsim.typing import Array

Shape = Literal["planar", "cylinder", "sphere"]

_DIMENSION = {"planar": 1, "cylinder": 2, "sphere": 3}
# A pulse's modes are summed from this tau on
_PULSE_LATE = {"planar": 0.25, "cylinder": 2e-3, "sphere": 0.025}
_PULSE_MODES = {"planar": 4, "cylinder": 46, "sphere": 13}
_PULSE_TERMS = 26
_STEP_LATE = 0.025  # a step's modes are summed from this tau on; before, the far side is unfelt to exp(-40)
_STEP_MODES = 14


def _known(shape: Shape, allowed: Sequence[str] = tuple(_DIMENSION)) -> None:
    if shape not in allowed:
        raise InputError(f'shape: read "{shape}"; allowed: {", ".join(allowed)}')


# ---- current pulses (GITT) ----


def pulse_modes(shape: Shape, count: int) -> Array:
    """The `count` lowest wave numbers x a of a body closed at its surface (count,).

    n pi (planar), J1(x) = 0 (cylinder), tan x = x (sphere), zero left out.
    """
    _known(shape)
    n = np.arange(1, count + 1)
    if shape == "planar":
        return np.asarray(n * pi)
    if shape == "cylinder":
        return np.asarray(jn_zeros(1, count))
    roots = (n + 0.5) * pi
    for _ in range(14):  # contracts by 1/(1 + x^2) < 0.05
        roots = (n + 0.5) * pi - np.arctan(1 / roots)
    return np.asarray(roots)


def _short_coefficients(shape: Shape) -> Array:
    """a_k of the surface's answer sum_k a_k s^-k, s^2 = p/D a^2: 1; I0/I1 (by its Riccati equation); 1/(1 - 1/s)."""
    a = np.zeros(_PULSE_TERMS)
    a[0] = 1
    for k in range(1, _PULSE_TERMS):
        if shape == "cylinder":
            a[k] = (k * a[k - 1] - a[1:k] @ a[1:k][::-1]) / 2
        elif shape == "sphere":
            a[k] = 1
    return a


def _short_excess(tau: Array, shape: Shape) -> Array:
    """p(tau) sqrt(pi/(4 tau)) - 1 at short times."""
    if shape == "planar":
        z = np.arange(1, 4).reshape(-1, *[1] * tau.ndim) / np.sqrt(np.where(tau > 0, tau, 1e-9))
        return np.asarray(2 * (np.exp(-z * z) * (1 - np.sqrt(pi) * z * erfcx(z))).sum(axis=0))
    k = np.arange(1, _PULSE_TERMS)
    series = _short_coefficients(shape)[1:] * gamma(1.5) / gamma((k + 3) / 2)
    root = np.sqrt(tau)
    total = np.zeros_like(root)
    for coefficient in series[::-1]:
        total = (total + coefficient) * root
    return total


@np.errstate(under="ignore")
def _relaxing(tau: Array, shape: Shape) -> tuple[Array, Array]:
    """p(tau) - dimension x tau, the part that a rest undoes, and p's excess over 2 sqrt(tau/pi)."""
    d = _DIMENSION[shape]
    late = tau > _PULSE_LATE[shape]
    slow, fast = np.where(late, tau, 1), np.where(late, _PULSE_LATE[shape], tau)
    squares = pulse_modes(shape, _PULSE_MODES[shape]).reshape(-1, *[1] * tau.ndim) ** 2
    long = 1 / (d + 2) - 2 * (np.exp(-squares * slow) / squares).sum(axis=0)
    root, excess = 2 * np.sqrt(fast / pi), _short_excess(fast, shape)
    relaxing = np.where(late, long, root * (1 + excess) - d * fast)
    return relaxing, np.where(late, (long + d * slow) / (2 * np.sqrt(slow / pi)) - 1, excess)


def pulse_response(tau: npt.ArrayLike, shape: Shape) -> Array:
    """Surface concentration p(tau) [-] under a constant flux from tau = D t/a^2 = 0 on, in units of J a/D; any shape.

    p = d tau + 1/(d + 2) - 2 sum_n exp(-x_n^2 tau)/x_n^2, d = 1, 2, 3 (slab, cylinder, sphere), x_n of `pulse_modes`;
    p = 2 sqrt(tau/pi) [1 + `square_root_excess`] at short times. J. Crank, The Mathematics of Diffusion (Oxford, 1975).
    InputError for a tau that is negative or not finite.
    """
    _known(shape)
    not_negative("current pulse", tau=tau)
    t = array(tau)
    return np.asarray(_relaxing(t, shape)[0] + _DIMENSION[shape] * t)


def square_root_excess(tau: npt.ArrayLike, shape: Shape) -> Array:
    """How far the law dc = 2 J sqrt(t/(pi D)) is from the truth: p(tau)/(2 sqrt(tau/pi)) - 1 [-], never negative.

    Below 0.1 % up to tau = 0.2 in a slab, but 0.9 % at 1e-4 and 9.6 % at 0.01 in a sphere (about sqrt(pi tau)/2), half
    as much in a cylinder. A diffusivity read from the law is low by (1 + excess)^2.
    """
    _known(shape)
    not_negative("current pulse", tau=tau)
    return np.asarray(_relaxing(array(tau), shape)[1])


def flux_steps_response(
    time: npt.ArrayLike, starts: npt.ArrayLike, fluxes: npt.ArrayLike, shape: Shape, diffusivity: float, size: float
) -> Array:
    """Change of the surface concentration [mol/m3] (the shape of `time`) under a flux in steps, by superposition.

    dc(t) = (a/D) sum_k (J_k - J_{k-1}) p(D (t - t_k)/a^2) over t_k <= t. time [s]; starts t_k [s] (m,) increasing;
    fluxes J_k [mol/(m2 s)] (m,) into the body from t_k to t_{k+1}, 0 at rest; D [m2/s], size a [m]. The mean
    content is summed apart, so that long trains keep their digits. InputError for starts that do not increase.
    """
    _known(shape)
    positive("current pulses", diffusivity=diffusivity, size=size)
    finite("current pulses", time=time, starts=starts, fluxes=fluxes)
    t, begin, flux = array(time), np.atleast_1d(array(starts)), np.atleast_1d(array(fluxes))
    if begin.shape != flux.shape or begin.ndim != 1 or np.any(np.diff(begin) <= 0):
        raise InputError("current pulses: needs one flux for each start, the starts increasing")
    relaxing, passed = np.zeros_like(t), np.zeros_like(t)
    lengths = np.append(np.diff(begin), inf)
    for start, length, value, jump in zip(begin, lengths, flux, np.diff(flux, prepend=0.0), strict=True):
        since = np.maximum(t - start, 0)
        relaxing += jump * _relaxing(since * (diffusivity / size**2), shape)[0]
        passed += value * np.minimum(since, length)
    return np.asarray(size / diffusivity * relaxing + _DIMENSION[shape] / size * passed)


def pulse_train(flux: float, pulse: float, rest: float, count: int) -> tuple[Array, Array]:
    """Starts [s] and fluxes (2 count,) of `count` pulses of length `pulse` [s], each followed by `rest` [s]."""
    positive("current pulses", pulse=pulse, rest=rest, count=count)
    begin = np.arange(count) * (pulse + rest)
    return np.stack([begin, begin + pulse], axis=1).ravel(), np.tile([flux, 0.0], count)


def short_pulse_response(time: npt.ArrayLike, flux: float, diffusivity: float) -> Array:
    """2 J sqrt(t/(pi D)) [mol/m3], the answer of any shape before it feels its size or curvature."""
    positive("current pulse", diffusivity=diffusivity)
    not_negative("current pulse", time=time)
    return np.asarray(2 * flux * np.sqrt(array(time) / (pi * diffusivity)))


def weppner_huggins(
    current: float, molar_volume: float, charge_number: int, area: float, slope_content: float, slope_root_time: float
) -> float:
    """D = (4/pi) (I V_m/(n F S))^2 [(dE/dx)/(dE/d sqrt t)]^2 [m2/s] from a current pulse.

    I [A], V_m [m3/mol], n electrons per inserted ion, S [m2] the area that is fed, dE/dx [V] of the equilibrium curve,
    dE/d sqrt(t) [V s^-1/2] of the pulse, free of ohmic drop. W. Weppner, R. A. Huggins, J. Electrochem. Soc. 124 (1977)
    1569. Holds for a flat front: t << a^2/D, in a slab to 0.1 % up to 0.2 a^2/D, in spheres only far below 1e-3 a^2/D
    (`square_root_excess`); and while dE/dx is constant over the pulse.
    """
    positive("Weppner-Huggins", molar_volume=molar_volume, charge_number=charge_number, area=area)
    finite("Weppner-Huggins", current=current, slope_content=slope_content, slope_root_time=slope_root_time)
    if slope_root_time == 0:
        raise InputError("Weppner-Huggins: dE/d sqrt(t) is 0; the pulse shows no diffusion")
    flux = current * molar_volume / (charge_number * FARADAY * area)
    return float(4 / pi * (flux * slope_content / slope_root_time) ** 2)


def weppner_huggins_steps(pulse: float, size: float, step_rest: float, step_pulse: float, shape: Shape) -> float:
    """D = (4/(pi t_p)) (V/S)^2 (dE_s/dE_t)^2 [m2/s], the two-step form, V/S = a/1, a/2, a/3 (slab, cylinder, sphere).

    t_p [s] the pulse; dE_s [V] between the rests before and after it, dE_t [V] along it, free of ohmic drop. Same
    source and validity as `weppner_huggins`.
    """
    _known(shape)
    positive("Weppner-Huggins", pulse=pulse, size=size)
    finite("Weppner-Huggins", step_rest=step_rest, step_pulse=step_pulse)
    if step_pulse == 0:
        raise InputError("Weppner-Huggins: the step along the pulse is 0; the pulse shows no diffusion")
    return float(4 / (pi * pulse) * (size / _DIMENSION[shape] * step_rest / step_pulse) ** 2)


# ---- steps of the surface with exchange (PITT, conductivity relaxation) ----


def _biot(value: float) -> None:
    if not value > 0:
        raise InputError(f"surface exchange: Lambda = a k/D must be positive (or infinite), read {value}")


def exchange_roots(biot: float, count: int, shape: Shape = "planar") -> Array:
    """The `count` lowest roots b (count,) of b tan b = Lambda (planar) or 1 - b cot b = Lambda (sphere), Lambda > 0.

    To rounding for any Lambda up to infinity, by bisection on the phase, which is bracketed: b in (n pi, n pi + pi/2)
    or (n pi, n pi + pi), n = 0, 1, ... The lowest goes as sqrt(Lambda) or sqrt(3 Lambda). J. Crank, as above.
    """
    _known(shape, ("planar", "sphere"))
    _biot(biot)
    exchange, transport = (1.0, 1 / biot) if biot > 1 else (biot, 1.0)
    n = np.arange(count)
    sign = 1 - 2 * (n % 2)
    low, high = np.zeros(count), np.full(count, pi / 2 if shape == "planar" else pi)
    for _ in range(90):
        middle = (low + high) / 2
        b = n * pi + middle
        if shape == "planar":
            below = transport * b * np.sin(middle) < exchange * np.cos(middle)
        else:  # b^2 j1(b) = sin b - b cos b, without cancellation at small b
            below = sign * transport * b * b * spherical_jn(1, b) < exchange * np.sin(middle)
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray(n * pi + (low + high) / 2)


def _planar_step(tau: Array, biot: float) -> Array:
    """L erfcx(L sqrt(tau)), or 1/sqrt(pi tau) for a surface that follows at once."""
    root = np.sqrt(tau)
    return np.asarray(1 / (np.sqrt(pi) * root) if np.isinf(biot) else biot * erfcx(biot * root))


def _sphere_step(tau: Array, biot: float) -> Array:
    """3 L [L erfcx(g sqrt(tau)) - 1]/g with g = L - 1, regular at g = 0."""
    root = np.sqrt(tau)
    if np.isinf(biot):
        return np.asarray(3 * (1 / (np.sqrt(pi) * root) - 1))
    x = (biot - 1) * root
    small = np.abs(x) < 0.5
    near, far = np.where(small & (x != 0), x, 0.1), np.where(small, 1, x)
    slope = np.where(small, (np.expm1(near**2) - np.exp(near**2) * erf(near)) / near, (erfcx(far) - 1) / far)
    return np.asarray(3 * biot * (erfcx(x) + root * np.where(x == 0, -2 / np.sqrt(pi), slope)))


@np.errstate(under="ignore")
def pitt_current(
    time: npt.ArrayLike,
    charge: float,
    diffusivity: float,
    size: float,
    biot: float = inf,
    shape: Literal["planar", "sphere"] = "planar",
) -> Array:
    """Current [A] (the shape of `time`) after a potential step that passes `charge` Q [C] in all.

    planar: I = (2 Q D/L^2) sum Lambda^2/(Lambda^2 + Lambda + b^2) exp(-b^2 tau), b tan b = Lambda;
    sphere: I = (6 Q D/a^2) sum Lambda^2/(Lambda^2 - Lambda + b^2) exp(-b^2 tau), 1 - b cot b = Lambda;
    Lambda = R_d/(R_ct + R_ohm), R_d = |dE/dc| a/(F D S) [ohm] of the fed area S; infinite: the
    surface follows at once, b = (n + 1/2) pi and (n + 1) pi. time [s] > 0, D [m2/s], size [m] (slab: one-sided
    thickness). C. J. Wen et al., J. Electrochem. Soc. 126 (1979) 2258; C. Montella, J. Electroanal. Chem. 518 (2002)
    61. InputError for a time that is not positive.
    """
    _known(shape, ("planar", "sphere"))
    _biot(biot)
    positive("potential step", time=time, diffusivity=diffusivity, size=size)
    tau = array(time) * (diffusivity / size**2)
    late = tau > _STEP_LATE
    slow, fast = np.where(late, tau, 1), np.where(late, _STEP_LATE, tau)
    b = exchange_roots(biot, _STEP_MODES, shape).reshape(-1, *[1] * tau.ndim)
    if shape == "planar":
        long, short = 2 / (1 + 1 / biot + (b / biot) ** 2), _planar_step(fast, biot)
    else:
        long, short = 6 / (1 - 1 / biot + (b / biot) ** 2), _sphere_step(fast, biot)
    modes = (long * np.exp(-b * b * slow)).sum(axis=0)
    return np.asarray(charge * diffusivity / size**2 * np.where(late, modes, short))


def cottrell_current(time: npt.ArrayLike, charge: float, diffusivity: float, size: float) -> Array:
    """(Q/L) sqrt(D/(pi t)) [A]: the slab at short times, surface following at once; 1e-3 off at t = 0.13 L^2/D."""
    positive("Cottrell", time=time, diffusivity=diffusivity, size=size)
    return np.asarray(charge / size * np.sqrt(diffusivity / (pi * array(time))))


def cottrell_diffusivity(slope: float, charge: float, size: float) -> float:
    """D = pi (L slope/Q)^2 [m2/s] from slope = dI/d(t^-1/2) [A s^1/2] of a slab at short times; low if Lambda < inf."""
    positive("Cottrell", size=size)
    if charge == 0:
        raise InputError("Cottrell: the charge of the step is 0")
    return float(pi * (size * slope / charge) ** 2)


def long_step_diffusivity(
    slope: float, size: float, biot: float = inf, shape: Literal["planar", "sphere"] = "planar"
) -> float:
    """D = -(a/b_1)^2 d ln I/dt [m2/s] from the tail of a potential step (t > 0.3 a^2/D), b_1 of `exchange_roots`.

    b_1 = pi/2 (slab) or pi (sphere) for a surface that follows at once; taken so where Lambda is finite, the D is low.
    """
    positive("potential step", size=size)
    if not slope < 0:
        raise InputError(f"potential step: d ln I/dt must be negative in the tail, read {slope}")
    return float(-slope * (size / exchange_roots(biot, 1, shape)[0]) ** 2)


def _short_uptake(tau: Array, biot: float) -> Array:
    """2 sqrt(tau/pi) - [1 - erfcx(L sqrt(tau))]/L, by its power series where the difference would cancel."""
    root = np.sqrt(tau)
    if np.isinf(biot):
        return np.asarray(2 * root / np.sqrt(pi))
    x = biot * root
    small = x < 1
    near, far = np.where(small, x, 0), np.where(small, 1, x)
    series = np.zeros_like(near)
    for n in range(40, 1, -1):
        series = near * ((-1) ** n / gamma(n / 2 + 1) + series)
    return np.asarray(root * np.where(small, series, 2 / np.sqrt(pi) - (1 - erfcx(far)) / far))


def _first_mode_rest(b: float) -> float:
    """1 - w_0 of the lowest mode: [x^2/4 + (x/4) sin x - 1 + cos x]/(b^2 + b sin b cos b), x = 2 b, as a series."""
    square, term, total = (2 * b) ** 2, 1.0, 0.0
    for k in range(1, 20):
        term *= -square / ((2 * k - 1) * (2 * k))
        if k > 2:
            total -= (k / 2 - 1) * term
    return float(total / (b * b + b * np.sin(b) * np.cos(b)))


@np.errstate(under="ignore")
def slab_uptake(tau: npt.ArrayLike, biot: float) -> tuple[Array, Array]:
    """Share g [-] of its final uptake that a slab has reached at tau = D t/h^2, and 1 - g, each to its own digits.

    1 - g = sum 2 Lambda^2 exp(-b^2 tau)/[b^2 (b^2 + Lambda^2 + Lambda)], b tan b = Lambda = h k/D. J. Crank, as above.
    """
    _biot(biot)
    not_negative("surface exchange", tau=tau)
    t = array(tau)
    late = t > _STEP_LATE
    slow, fast = np.where(late, t, 1), np.where(late, _STEP_LATE, t)
    b = exchange_roots(biot, _STEP_MODES)
    weight = 2 / (b * b * (1 + 1 / biot + (b / biot) ** 2))
    column = (slice(None), *[None] * t.ndim)
    others = (weight[1:][column] * np.exp(-(b[1:][column] ** 2) * slow)).sum(axis=0)
    first, short = b[0] ** 2, _short_uptake(fast, biot)
    reached = _first_mode_rest(float(b[0])) - weight[0] * np.expm1(-first * slow) - others
    remaining = weight[0] * np.exp(-first * slow) + others
    reached = np.where(late, reached, short)
    remaining = np.where(late, remaining, 1 - short)
    return np.where(remaining < 0.5, 1 - remaining, reached), remaining


def conductivity_relaxation(
    time: npt.ArrayLike, half_thickness: Sequence[float], diffusivity: float, exchange: float
) -> tuple[Array, Array]:
    """Normalised conductivity g(t) [-] of a bar after a step of the atmosphere, and 1 - g (each the shape of `time`).

    1 - g = prod_i sum_n 2 L_i^2 exp(-b^2 D t/h_i^2)/[b^2 (b^2 + L_i^2 + L_i)], b tan b = L_i = h_i k/D: one factor for
    each side that exchanges (1 to 3). time [s] >= 0, half thicknesses h_i [m], D [m2/s], k [m/s]. Below h = D/k (L < 1)
    only k is felt, far above only D. The conductivity must follow the content linearly: small steps of pO2.
    J. Crank, as above; roots: M. W. den Otter et al., Solid State Ionics 134 (2000) 259.
    """
    sides = np.atleast_1d(array(half_thickness))
    if sides.ndim != 1 or not 1 <= sides.size <= 3:
        raise InputError(f"conductivity relaxation: needs 1 to 3 half thicknesses, read {half_thickness}")
    positive("conductivity relaxation", half_thickness=sides, diffusivity=diffusivity, exchange=exchange)
    not_negative("conductivity relaxation", time=time)
    t = array(time)
    reached, remaining = np.zeros_like(t), np.ones_like(t)
    for h in sides:
        g, left = slab_uptake(t * (diffusivity / h**2), float(h * exchange / diffusivity))
        reached, remaining = reached + g * remaining, remaining * left
    return reached, remaining
