"""Oxygen through a mixed conductor between two gases at open circuit: the flux and the voltage of a leaky electrolyte.

Electrodes at both sides pass electrons and holes freely and draw no net current; each surface exchanges oxygen with its
gas through a resistance. In equilibrium with a gas Phi_ion - Phi_electron = -(R T/4F) ln p, for oxygen vacancies and
for oxide ions alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp, isfinite, log

import numpy as np
from scipy.optimize import brentq

from miecsim.constants import ATMOSPHERE, FARADAY, GAS_CONSTANT, thermal_voltage
from miecsim.errors import InputError
from miecsim.grid.stack import Mesh
from miecsim.physics.elements import Lumped, Reversible
from miecsim.physics.layers import ChargedLayer
from miecsim.physics.models import Model, mixed_conductor
from miecsim.physics.recombination import recombining
from miecsim.physics.terminals import Contact, Terminal, Wiring
from miecsim.solvers.steady import OperatingPoint, Progress, solve_steady
from miecsim.system import System, build_system, terminal_currents
from miecsim.techniques.checks import array, not_negative, positive
from miecsim.techniques.formulas_polarisation import open_circuit_voltage, oxygen_flux
from miecsim.techniques.record import Compared, Table, TechniqueRecord
from miecsim.typing import Array
from miecsim.units import format_quantity

HIGH, LOW = "high", "low"
GRADING = 30.0  # largest over smallest cell, the small ones at both sides
RECOMBINES = 1e-4  # of the thickness: the length on which electrons and holes come to one level, were both like ions
FEW = 0.01  # share of the ions' charge from which electrons and holes are not dilute


def oxygen_membrane(
    model: Model,
    high: float,
    low: float,
    *,
    surface_resistance: float | tuple[float, float] = 0.0,
    thicknesses: Sequence[float] | Array | None = None,
    reference: float = ATMOSPHERE,
    ion: str = "ion",
    area: float | None = None,
    cells: int = 60,
    progress: Progress | None = None,
) -> TechniqueRecord:
    """Oxygen flux and open-circuit voltage against Wagner's integrals, over the thickness of the membrane.

    model: one electroneutral ChargedLayer of dilute carriers, the mobile `ion` (oxygen vacancies, +2, or oxide ions,
    -2), electrons (-1), holes (+1) or both, whose reference state is in equilibrium with pO2 `reference` [Pa]. high and
    low [Pa]: pO2 at the left and the right. surface_resistance R_s [ohm m2] of the exchange at the high and low side, k
    = 1/(R_s c_chem) (one number: both). thicknesses [m] in turn (None: that of the model). area A [m2] (None: per m2):
    fluxes are of the whole membrane, mol/s.

    Textbook: j_W = R T/(16 F^2 L) int sigma_ion sigma_e/(sigma_ion + sigma_e) d ln p and E = (R T/4F) int t_ion d ln p
    between the gases; with surfaces j = j_W/(1 + 2 L_c/L), L_c = D/k = <sigma_amb> (R_high + R_low)/2 (H. J. M.
    Bouwmeester, H. Kruidhof, A. J. Burggraaf, Solid State Ionics 72 (1994) 185), whose straight line 1/j over L gives
    L_c and <sigma_amb>. True: the steady state of the model at each thickness; for the line, the mean over ln p between
    the gases with sigma_ion of the reference state, as in Wagner's integrals. Table "membrane", one row per thickness;
    column "integral": Wagner's integrals between the pressures that the flux itself leaves at the surfaces. Electrons
    and holes are at one level inside (they recombine at once).

    InputError for a model or pressures that make no such membrane.
    """
    leak = _membrane(model, high, low, surface_resistance, reference, ion)
    lengths = np.array([model.thickness]) if thicknesses is None else array(thicknesses).ravel()
    positive("oxygen membrane", thicknesses=lengths, area=1.0 if area is None else area)
    if lengths.size == 0:
        raise InputError("oxygen membrane: no thickness is given")
    wiring = _wiring(leak, ion)
    flux, voltage = np.zeros(lengths.size), np.zeros(lengths.size)
    for k, length in enumerate(lengths):
        membrane = _as_thick(model, float(length), leak)
        system = build_system(membrane, wiring, mesh=Mesh(cells=cells, grading=GRADING))
        point = solve_steady(system, {LOW: 0.0}, currents={HIGH: 0.0})
        flux[k], voltage[k] = _oxygen(point, ion), point.voltages[0]
        if progress is not None:
            progress(f"oxygen membrane: {k + 1} of {lengths.size} thicknesses")
    table = _table(leak, lengths, flux, voltage, area)
    compared, remarks = _each(table, leak.resistance > 0), _remarks(leak, model, ion)
    if lengths.size > 2 and leak.resistance > 0:
        compared += _line(leak, lengths, flux)
        remarks += (
            "the line of 1/j over L is held against sigma_ion of the reference state, "
            f"{leak.sigma_ion:.4g} S/m, at all pressures",
        )
    return TechniqueRecord("oxygen_membrane", {"membrane": table}, tuple(compared), remarks)


@dataclass(frozen=True)
class _Leak:
    """What the integrals know: pressures in units of the reference, conductivities at it [S/m], R_s of both surfaces
    [ohm m2], T [K]."""

    high: float
    low: float
    sigma_ion: float
    sigma_p: float
    sigma_n: float
    surfaces: tuple[float, float]
    carriers: tuple[str, ...]
    temperature: float

    @property
    def resistance(self) -> float:
        return sum(self.surfaces)

    @property
    def span(self) -> float:
        """(R T/4F) ln(high/low) [V]."""
        return thermal_voltage(self.temperature) / 4 * log(self.high / self.low)

    @property
    def ambipolar(self) -> float:
        """Mean of sigma_amb over ln p between the gases [S/m]: j = <sigma_amb> (R T/16F^2) ln(high/low)/L."""
        return self.flux(1.0, self.high, self.low) * 4 * FARADAY / self.span

    def flux(self, length: float, high: float, low: float) -> float:
        """Wagner's flux [mol/(m2 s)] between pressures at the surfaces."""
        return float(oxygen_flux(high, low, self.sigma_ion, self.sigma_p, self.sigma_n, length, self.temperature))

    def voltage(self, high: float, low: float) -> float:
        """Wagner's open-circuit voltage [V] between pressures at the surfaces."""
        return float(open_circuit_voltage(high, low, self.sigma_ion, self.sigma_p, self.sigma_n, self.temperature))

    def inside(self, flux: float) -> tuple[float, float]:
        """Pressures at the two surfaces: each falls by R_s 4 F j of the gas's (R T/4F) ln p."""
        scale = 16 * FARADAY**2 * flux / (GAS_CONSTANT * self.temperature)
        return self.high * exp(-scale * self.surfaces[0]), self.low * exp(scale * self.surfaces[1])

    def between_surfaces(self, length: float) -> tuple[float, float]:
        """Flux and voltage with the surfaces at the pressures that the flux leaves there."""
        if self.resistance == 0:
            return self.flux(length, self.high, self.low), self.voltage(self.high, self.low)
        most = self.span / (4 * FARADAY * self.resistance)
        found = brentq(lambda j: self.flux(length, *self.inside(j)) - j, 0.0, most, xtol=1e-15 * abs(most), rtol=1e-14)
        return float(found), self.voltage(*self.inside(found))


def _membrane(
    model: Model, high: float, low: float, resistance: float | tuple[float, float], reference: float, ion: str
) -> _Leak:
    """InputError where the model or the gases make no membrane."""
    positive("oxygen membrane", high=high, low=low, reference=reference)
    if high == low:
        raise InputError(f"oxygen membrane: both gases are at {high:g} Pa; nothing drives the oxygen")
    surfaces = resistance if isinstance(resistance, tuple) else (resistance, resistance)
    not_negative("oxygen membrane", surface_resistance=surfaces)
    layer = model.layers[0]
    if len(model.layers) != 1 or not isinstance(layer, ChargedLayer) or layer.permittivity is not None:
        raise InputError("oxygen membrane: the model is one electroneutral layer given by its carriers")
    mobile = {c.name: c for c in layer.carriers if c.mobile}
    if ion not in mobile or abs(mobile[ion].charge) != 2:
        raise InputError(
            f"oxygen membrane: needs a mobile carrier {ion!r} of charge +2 or -2; read {', '.join(mobile)}"
        )
    if any(isfinite(c.site_density) or c.thermodynamic_factor != 1 or c.ln_gamma for c in mobile.values()):
        raise InputError("oxygen membrane: the carriers must be dilute, without activity coefficients")
    rest = {c.charge: c for name, c in mobile.items() if name != ion}
    if len(rest) != len(mobile) - 1 or not rest or not set(rest) <= {-1, 1}:
        raise InputError("oxygen membrane: beside the ion, needs electrons (charge -1), holes (charge +1) or both")
    T = model.temperature
    of = {name: layer.sigma(layer.carriers.index(c), T) for name, c in mobile.items()}
    sigma_p, sigma_n = (of[rest[z].name] if z in rest else 0.0 for z in (1, -1))
    names = tuple(rest[z].name for z in sorted(rest))  # electrons first
    return _Leak(high / reference, low / reference, of[ion], sigma_p, sigma_n, surfaces, names, T)


def _wiring(leak: _Leak, ion: str) -> Wiring:
    poles = []
    for name, side, p, R in ((HIGH, "left", leak.high, leak.surfaces[0]), (LOW, "right", leak.low, leak.surfaces[1])):
        emf = -thermal_voltage(leak.temperature) / 4 * log(p)
        law = Lumped(R=R) if R > 0 else Reversible()
        free = tuple(Contact(side, carrier, Reversible()) for carrier in leak.carriers)
        poles.append(Terminal(name, (Contact(side, ion, law, emf), *free)))
    return Wiring(tuple(poles))


def _as_thick(model: Model, length: float, leak: _Leak) -> Model:
    """The membrane of another thickness, with electrons and holes at one level where there are both."""
    (layer,) = model.layers
    assert isinstance(layer, ChargedLayer)
    slab = mixed_conductor([replace(layer, thickness=length)], temperature=model.temperature)
    if len(leak.carriers) == 1:
        return slab
    electron, hole = leak.carriers
    return recombining(slab, electron, hole, RECOMBINES**2 * length**2 / leak.sigma_ion)


def _oxygen(point: OperatingPoint, ion: str) -> float:
    """O2 from the high to the low side [mol/(m2 s)]: -1/4F of the ions' current into the membrane at the high side."""
    system = point.system
    row = system.laws.state_map.row(ion)
    only: System = replace(system, ports=tuple(p for p in system.ports if p.row == row))
    return float(-terminal_currents(only, point.u, point.voltages)[0] / (4 * FARADAY))


def _each(table: Table, surfaces: bool) -> list[Compared]:
    """Wagner's flux and voltage between the gases at every thickness, and the flux that knows of the surfaces."""
    unit, places = table["flux"][1], [format_quantity(float(length), "m") for length in table["thickness"][0]]
    readings = [("oxygen flux", "flux", "wagner", unit, "Wagner's integral")]
    if surfaces:
        readings.append(("oxygen flux", "flux", "with_surfaces", unit, "with 2 L_c/L"))
    readings.append(("open-circuit voltage", "voltage", "wagner_voltage", "V", "Wagner"))
    return [
        Compared(quantity, float(table[read][0][k]), float(table[true][0][k]), unit, f"{how}, {place}")
        for quantity, true, read, unit, how in readings
        for k, place in enumerate(places)
    ]


def _table(leak: _Leak, lengths: Array, flux: Array, voltage: Array, area: float | None) -> Table:
    wagner = leak.flux(1.0, leak.high, leak.low) / lengths
    both = leak.ambipolar * leak.resistance
    integral = np.array([leak.between_surfaces(float(length)) for length in lengths])
    scale, unit = (1.0, "mol/(m^2 s)") if area is None else (area, "mol/s")
    return {
        "thickness": (lengths, "m"),
        "flux": (scale * flux, unit),
        "wagner": (scale * wagner, unit),
        "with_surfaces": (scale * wagner / (1 + both / lengths), unit),
        "integral": (scale * integral[:, 0], unit),
        "voltage": (voltage, "V"),
        "wagner_voltage": (np.full(lengths.size, leak.voltage(leak.high, leak.low)), "V"),
        "integral_voltage": (integral[:, 1], "V"),
    }


def _line(leak: _Leak, lengths: Array, flux: Array) -> list[Compared]:
    """L_c and <sigma_amb> from 1/j = (L + 2 L_c) 4F/(<sigma_amb> span), by least squares of the relative error."""
    weight = np.abs(flux)
    rows = np.stack([weight, lengths * weight], axis=1) / np.sign(flux)[:, None]
    scale = np.abs(rows).max(axis=0)
    cut, slope = np.linalg.lstsq(rows / scale, np.ones(lengths.size))[0] / scale
    how = "line of 1/j over L"
    true = leak.ambipolar * leak.resistance / 2
    return [
        Compared("characteristic thickness", float(cut / slope / 2), true, "m", how),
        Compared("ambipolar conductivity", float(4 * FARADAY / (slope * leak.span)), leak.ambipolar, "S/m", how),
    ]


def _remarks(leak: _Leak, model: Model, ion: str) -> tuple[str, ...]:
    """What limits the formulas at this membrane."""
    (layer,) = model.layers
    assert isinstance(layer, ChargedLayer)
    out = []
    content = {c.name: abs(c.charge) * c.concentration for c in layer.carriers}
    sign = {c.name: c.charge for c in layer.carriers}
    for side, p in (("high", leak.high), ("low", leak.low)):
        share = max(content[name] * p ** (sign[name] / 4) for name in leak.carriers) / content[ion]
        if share > FEW:
            out.append(
                f"at the {side} side electrons or holes would hold {100 * share:.3g} % of the ions' charge: they are "
                "not dilute there, and Wagner's integral with a constant sigma_ion is off"
            )
        leaks = leak.sigma_p * p**0.25 + leak.sigma_n * p**-0.25
        t = leak.sigma_ion / (leak.sigma_ion + leaks)
        if t < 0.5:
            out.append(
                f"the {side} side is outside the electrolytic domain: t_ion = {t:.3g} in equilibrium with its gas"
            )
    if leak.resistance > 0:
        out.append(f"surfaces limit below the thickness 2 L_c = {leak.ambipolar * leak.resistance:.3g} m")
    return tuple(out)
