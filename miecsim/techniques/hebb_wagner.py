"""Hebb-Wagner polarisation: the minority electrons and holes of an ion conductor between a reversible reference and an
electrode that blocks ions.

No ion flows in the steady state, so that the ions' electrochemical potential is flat and the electronic current alone
is measured. The voltage E of the reference against the blocking electrode is positive where the latter is the reducing
one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log

import numpy as np
from scipy.optimize import brentq

from miecsim.constants import thermal_voltage
from miecsim.errors import InputError
from miecsim.grid.stack import Mesh
from miecsim.physics.elements import Reversible
from miecsim.physics.layers import CarrierIn, ChargedLayer
from miecsim.physics.models import Model
from miecsim.physics.recombination import recombining
from miecsim.physics.terminals import Contact, Terminal, Wiring
from miecsim.solvers.steady import Progress
from miecsim.solvers.sweep import current_voltage, sweep_steady
from miecsim.system import System, build_system
from miecsim.techniques.checks import array, finite, positive
from miecsim.techniques.formulas_polarisation import electronic_conductivity, hebb_wagner_current, hebb_wagner_fit
from miecsim.techniques.record import Compared, Table, TechniqueRecord
from miecsim.typing import Array, Bools

REFERENCE, BLOCKING = "reference", "blocking"
FAILED = 0.01  # error of the formula from which it no longer holds
SEEN = 0.01  # of the current: a carrier that nowhere carries this share is not resolved
RECOMBINES = 1e-4  # of the thickness: the length on which electrons and holes come to one level, were both like ions
BEYOND = 30  # thermal voltages past twice the dilute estimate up to which the electrolytic domain's end is sought
PANEL = 0.5  # thermal voltages
NOTHING = 1e-12  # V: what rounding leaves of a voltage that was meant to be 0


def hebb_wagner(
    model: Model,
    voltages: Sequence[float] | Array,
    *,
    ion: str = "ion",
    fit_up_to: float | None = None,
    reference: float | None = None,
    area: float | None = None,
    cells: int = 60,
    progress: Progress | None = None,
) -> TechniqueRecord:
    """sigma_n and sigma_p that the textbook reads from a steady I-V curve, against those of the model.

    model: one electroneutral ChargedLayer of dilute carriers: the mobile `ion`, electrons (charge -1), holes (+1) or
    both; its reference state is that of the reversible electrode. voltages E [V], at least three, increasing; the
    curve is followed from the E nearest to 0 outwards. fit_up_to: largest |E| [V] of the fit (None: all). reference
    [Pa]: pO2 of the reversible electrode, where known. area A [m2] (None: per m2, i in A/m2). cells are graded towards
    both sides.

    Textbook: i = (RT/FL) [sigma_n (exp(FE/RT) - 1) + sigma_p (1 - exp(-FE/RT))], its coefficients by least squares of
    the relative error, and sigma_e = L di/dE at the blocking side by differences. True: the coefficients of the model
    in its reference state, and sigma_e(E) of the neutral material in equilibrium with the blocking electrode. Tables:
    curve (E, i, i of the textbook with the true coefficients, i = (1/L) int sigma_e dE of any neutral material with
    np constant, both errors); conductivity (by differences, true, sigma_ion); profile at the largest E. Electrons and
    holes are at one level inside (they recombine at once).

    The electrolytic domain ends where sigma_n, or sigma_p, reaches sigma_ion. Textbook: E = (RT/F) ln(sigma_ion/
    sigma_n) and -(RT/F) ln(sigma_ion/sigma_p) of the fit, sigma_ion as at the reference; true: of the neutral material.
    With `reference` also its pressure, reference exp(-4FE/RT).

    M. H. Hebb, J. Chem. Phys. 20 (1952) 185; C. Wagner, Z. Elektrochem. 60 (1956) 4. InputError for a model that is no
    such sample, or for voltages that are too few, not finite or not increasing.
    """
    sample = _sample(model, ion)
    E = _asked(voltages, fit_up_to)
    positive("Hebb-Wagner", area=1.0 if area is None else area, reference=1.0 if reference is None else reference)
    system = build_system(_levelled(model, sample), _wiring(sample), mesh=Mesh(cells=cells, grading=4.0))
    i, u = _measured(system, E, progress)
    used = np.abs(E) <= (np.inf if fit_up_to is None else fit_up_to)
    sigma = hebb_wagner_fit(E[used], i[used], sample.length, model.temperature)
    textbook = hebb_wagner_current(E, sample.sigma_n, sample.sigma_p, sample.length, model.temperature)
    exact = sample.current(E)
    apparent, true = electronic_conductivity(E, i, sample.length), sample.conductivity(E)
    tables = {
        "curve": _curve(E, i, textbook, exact, area),
        "conductivity": {
            "voltage": (E, "V"),
            "differences": (apparent, "S/m"),
            "true": (true, "S/m"),
            "ion": (sample.ionic_conductivity(E), "S/m"),
        },
        "profile": _profile(system, u),
    }
    compared = [
        Compared(f"sigma_{name}", read, own, "S/m", "least squares of the curve")
        for name, read, own in zip("np", sigma, (sample.sigma_n, sample.sigma_p), strict=True)
        if own > 0
    ]
    compared.append(Compared("sigma_e", float(apparent[-2]), float(true[-2]), "S/m", f"L di/dE at {E[-2]:.4g} V"))
    compared += _domain(sample, sigma, reference)
    remarks = _remarks(sample, E, tables["curve"]["textbook_error"][0], used)
    return TechniqueRecord("hebb_wagner", tables, tuple(compared), remarks)


@dataclass(frozen=True)
class _Sample:
    """The carriers (None where absent), the thickness [m] and RT/F [V]. Phi of the ion is 0 throughout."""

    ion: CarrierIn
    electron: CarrierIn | None
    hole: CarrierIn | None
    length: float
    v_t: float
    sigma_ion: float
    sigma_n: float
    sigma_p: float

    @property
    def electronic(self) -> tuple[CarrierIn, ...]:
        return tuple(c for c in (self.electron, self.hole) if c is not None)

    def _levels(self, phi: float, E: float) -> tuple[float, float]:
        """n/n_0 and p/p_0 at the potential phi [V] where the electrons are at -E [V]."""
        return float(np.exp((phi + E) / self.v_t)), float(np.exp(-(phi + E) / self.v_t))

    def _phi(self, E: float) -> float:
        """Electrostatic potential [V] of the neutral material against the reference side."""

        def excess(phi: float) -> float:
            n, p = self._levels(phi, E)
            charge = self.ion.charge * self.ion.concentration * np.expm1(-self.ion.charge * phi / self.v_t)
            for c, level in ((self.electron, n), (self.hole, p)):
                charge += 0.0 if c is None else c.charge * c.concentration * (level - 1)
            return float(charge)

        low, high = min(0.0, -E), max(0.0, -E)
        return 0.0 if E == 0 else float(brentq(excess, low, high, xtol=1e-15 * self.v_t, rtol=1e-15))

    def conductivity(self, E: Array) -> Array:
        """sigma_e [S/m] of the neutral material whose electrons are at -E against those at the reference side."""
        out = []
        for each in E:
            n, p = self._levels(self._phi(float(each)), float(each))
            out.append(self.sigma_n * n + self.sigma_p * p)
        return np.array(out)

    def ionic_conductivity(self, E: Array) -> Array:
        """sigma_ion [S/m] of the same material."""
        phi = np.array([self._phi(float(each)) for each in E])
        return np.asarray(self.sigma_ion * np.exp(-self.ion.charge * phi / self.v_t))

    def leaves(self, sigma: float, sign: int) -> float | None:
        """E [V] at which electrons (sign 1) or holes (-1) of conductivity `sigma` at the reference side reach
        sigma_ion(E); None where they never do."""

        def excess(E: float) -> float:
            phi = self._phi(E)
            return log(sigma / self.sigma_ion) + (sign * (phi + E) + self.ion.charge * phi) / self.v_t

        short = log(self.sigma_ion / sigma)  # thermal voltages to where they would, were they dilute
        step = sign * self.v_t * (1 if short > 0 else -1)
        # outwards from the reference: on its other side the second carrier can displace the ions and end the domain too
        for k in range(int(2 * abs(short)) + BEYOND):
            if excess(k * step) * excess((k + 1) * step) <= 0:
                return float(brentq(excess, k * step, (k + 1) * step, xtol=1e-14))
        return None

    def current(self, E: Array) -> Array:
        """i = (1/L) int_0^E sigma_e dE' [A/m2] by Gauss's rule."""
        nodes, weights = np.polynomial.legendre.leggauss(12)
        out = []
        for each in E:
            panels = max(1, int(np.ceil(abs(each) / self.v_t / PANEL)))
            at = (np.arange(panels)[:, None] + (nodes + 1) / 2) * (each / panels)
            sigma = self.conductivity(at.ravel()).reshape(at.shape)
            out.append(float(np.sum(weights * sigma)) * each / panels / 2 / self.length)
        return np.array(out)


def _sample(model: Model, ion: str) -> _Sample:
    """The carriers by their part in the experiment. InputError where the model is no ion conductor with minorities."""
    layer = model.layers[0]
    if len(model.layers) != 1 or not isinstance(layer, ChargedLayer) or layer.permittivity is not None:
        raise InputError("Hebb-Wagner: the model is one electroneutral layer given by its carriers")
    by_name = {c.name: c for c in layer.carriers if c.mobile}
    if ion not in by_name:
        raise InputError(f"Hebb-Wagner: read ion {ion!r}; the mobile carriers are {', '.join(by_name)}")
    if any(np.isfinite(c.site_density) or c.thermodynamic_factor != 1 or c.ln_gamma for c in by_name.values()):
        raise InputError("Hebb-Wagner: the carriers must be dilute, without activity coefficients")
    rest = [c for c in by_name.values() if c.name != ion]
    if sorted(c.charge for c in rest) not in ([-1], [1], [-1, 1]):
        raise InputError("Hebb-Wagner: beside the ion, needs electrons (charge -1), holes (charge +1) or one of each")
    electron = next((c for c in rest if c.charge == -1), None)
    hole = next((c for c in rest if c.charge == 1), None)
    T = model.temperature
    parts = (by_name[ion], electron, hole)
    sigma = (0.0 if c is None else layer.sigma(layer.carriers.index(c), T) for c in parts)
    return _Sample(*parts, layer.thickness, thermal_voltage(T), *sigma)


def _levelled(model: Model, sample: _Sample) -> Model:
    """The model with electrons and holes at one level where there are both."""
    if sample.electron is None or sample.hole is None:
        return model
    layer = model.layers[0]
    assert isinstance(layer, ChargedLayer)  # _sample saw to it
    resistance = (RECOMBINES * sample.length) ** 2 / sample.sigma_ion
    return recombining(model, sample.electron.name, sample.hole.name, resistance)


def _asked(voltages: Sequence[float] | Array, fit_up_to: float | None) -> Array:
    finite("Hebb-Wagner", voltages=voltages)
    E = array(voltages)
    if E.ndim != 1 or E.size < 3 or np.any(np.diff(E) <= 0):
        raise InputError("Hebb-Wagner: needs at least three voltages, increasing")
    if fit_up_to is not None and np.count_nonzero((E != 0) & (np.abs(E) <= fit_up_to)) < 2:
        raise InputError(f"Hebb-Wagner: fewer than two voltages between 0 and fit_up_to = {fit_up_to:g} V")
    return np.where(np.abs(E) < NOTHING, 0.0, E)


def _wiring(sample: _Sample) -> Wiring:
    """The reference passes every carrier, the blocking electrode electrons and holes only."""
    electronic = [c.name for c in sample.electronic]
    left = tuple(Contact("left", name, Reversible()) for name in (sample.ion.name, *electronic))
    right = tuple(Contact("right", name, Reversible()) for name in electronic)
    return Wiring((Terminal(REFERENCE, left), Terminal(BLOCKING, right)))


def _measured(system: System, E: Array, progress: Progress | None) -> tuple[Array, Array]:
    """Current into the reference [A/m2] at each E, and the unknowns at the largest; outwards from E = 0 both ways."""
    middle = int(np.argmin(np.abs(E)))
    upper = sweep_steady(system, REFERENCE, E[middle:], progress=progress)
    lower = sweep_steady(system, REFERENCE, E[middle::-1], start=upper[0], progress=progress)[1:]
    points = lower[::-1] + upper
    return current_voltage(points, REFERENCE)[1], points[-1].u


def _curve(E: Array, i: Array, textbook: Array, exact: Array, area: float | None) -> Table:
    scale, unit = (1.0, "A/m^2") if area is None else (area, "A")
    return {
        "voltage": (E, "V"),
        "current": (scale * i, unit),
        "textbook": (scale * textbook, unit),
        "integral": (scale * exact, unit),
        "textbook_error": (_off(textbook, i, E), "1"),
        "integral_error": (_off(exact, i, E), "1"),
    }


def _domain(sample: _Sample, fitted: tuple[float, float], reference: float | None) -> list[Compared]:
    """Where the electrolytic domain ends by the fitted coefficients, against where it does."""
    voltages, pressures = [], []
    own = (sample.sigma_n, sample.sigma_p)
    for name, carrier, sign, sigma, read in zip("np", ("electrons", "holes"), (1, -1), own, fitted, strict=True):
        true = sample.leaves(sigma, sign) if sigma > 0 else None
        if true is None or read <= 0:
            continue
        E, how = sign * sample.v_t * log(sample.sigma_ion / read), f"sigma_{name} of the fit"
        voltages.append(Compared(f"domain boundary, {carrier}", E, true, "V", how))
        if reference is not None:
            p, p_true = (reference * exp(-4 * each / sample.v_t) for each in (E, true))
            pressures.append(Compared(f"pO2 of the domain boundary, {carrier}", p, p_true, "Pa", how))
    return voltages + pressures


def _off(value: Array, measured: Array, E: Array) -> Array:
    """value/measured - 1, zero at rest."""
    rest = E == 0
    return np.where(rest, 0.0, value / np.where(rest, 1.0, measured) - 1)


def _profile(system: System, u: Array) -> dict[str, tuple[Array, str]]:
    """Concentrations of the mobile carriers in the cells."""
    cells = np.flatnonzero(system.nodes.volume > 0)
    x = np.cumsum(system.nodes.volume[cells]) - system.nodes.volume[cells] / 2
    out: dict[str, tuple[Array, str]] = {"position": (x, "m")}
    for row, carrier in enumerate(system.laws.state_map.carriers):
        out[carrier.name] = (u[row, cells], "mol/m^3")
    return out


def _remarks(sample: _Sample, E: Array, error: Array, used: Bools) -> tuple[str, ...]:
    """Where the formula stops, and what the curve cannot tell."""
    out = []
    failed = np.abs(error) > FAILED
    for side, which in ((failed & (E > 0), "above"), (failed & (E < 0), "below")):
        if np.any(side):
            edge, worst = (float(v[side][k(np.abs(v[side]))]) for v, k in ((E, np.argmin), (error, np.argmax)))
            out.append(
                f"{which} E = {edge:.4g} V electrons and holes are not dilute against the ions: the formula is more "
                f"than {100 * FAILED:g} % off there, by {100 * worst:+.3g} % at most"
            )
    u = E[used] / sample.v_t
    parts = sample.sigma_n * np.expm1(u), -sample.sigma_p * np.expm1(-u)
    whole = np.where(E[used] == 0, 1.0, parts[0] + parts[1])
    for name, part in zip(("sigma_n", "sigma_p"), parts, strict=True):
        if 0 < np.max(np.abs(part / whole)) < SEEN:
            out.append(f"{name} carries less than {100 * SEEN:g} % of the current at any voltage of the fit")
    return tuple(out)
