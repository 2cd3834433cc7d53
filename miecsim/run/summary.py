"""Headline figures of a study: what its layers say, and what its spectrum says."""

from __future__ import annotations

import numpy as np

from miecsim.case import data
from miecsim.case.contacts import MICROSTRUCTURE
from miecsim.case.load import Case
from miecsim.physics.layers import ChargedLayer, ConductorLayer
from miecsim.physics.models import AnyLayer, debye_length
from miecsim.physics.porous import PorousLayer
from miecsim.results import Quantity
from miecsim.run.particles import cell_figures, slow_spectrum
from miecsim.solvers.direct_current import dc_admittance
from miecsim.solvers.impedance import Spectrum
from miecsim.solvers.steady import OperatingPoint
from miecsim.units import format_quantity

ELECTRONIC = ("electron", "hole", "polaron")
# Every figure that a study can have; those of a layer end in .layer where there are several, those of an operating
# point away from rest in .terminal, those of the part of Z behind a reference plane in .plane.
FIGURES = (
    *("sigma_ion", "sigma_eon", "transference_number_ion", "transference_number_eon", "sigma_amb"),
    *("chemical_capacitance", "D_chem", "debye_length", "R_ion", "R_eon"),
    *("R_high", "R_low", "C_low", "R_dc", "shortcut_ratio", "reference_error"),
    *("voltage", "current"),
    *("open_circuit_voltage", "potential", "stoichiometry", "capacity", "area_density", "R_ct", "diffusion_time"),
    "R_total",
    *(
        "volume_fraction",
        "percolating",
        "isolated",
        "staircase_ratio",
        "active_share",
        "reaction_depth",
    ),  # of a microstructure
)


def summarise(case: Case, study: data.Study, point: OperatingPoint, spectrum: Spectrum) -> dict[str, Quantity]:
    """Figures of one study by name: transport of the layers, then R_dc, R_high, R_low of the spectrum."""
    layers = point.system.model.layers
    out: dict[str, Quantity] = {}
    cell = any(isinstance(layer, PorousLayer) for layer in layers)
    if cell:
        out |= cell_figures(case, point)
    pictured = case.model == MICROSTRUCTURE
    if pictured:
        from miecsim.run.microstructure import picture_figures

        out |= picture_figures(case, study)
    for layer in layers if not cell else ():
        suffix = "" if len(layers) == 1 else f".{layer.name}"
        for name, quantity in _layer_figures(layer, case.temperature).items():
            out[name + suffix] = quantity
    out |= {} if pictured else _rail_resistances(layers, case)
    out |= _spectrum_figures(point, spectrum)
    out |= _operating_point(study, point)
    if (
        not (cell or pictured)
        and study.preset == "battery"
        and len(layers) == 1
        and {"R_ion", "R_eon", "C_low"} <= out.keys()
    ):
        out["shortcut_ratio"] = _shortcut(out)
    return out


def _shortcut(figures: dict[str, Quantity]) -> Quantity:
    """What R_ion is read as when R_eon is forgotten, over R_ion: (1 + beta) - 3 beta/(1 + beta) for ideal capacitors
    and beta = R_eon/R_ion (10.1149/2.0331711jes)."""
    low, high, ion = (figures[name].value for name in ("R_low", "R_high", "R_ion"))
    return Quantity(3 * (low - high) / ion, "1", "3 (R_low - R_high) / R_ion")


def partial_conductivities(layer: AnyLayer, temperature: float) -> tuple[float, float]:
    """(sigma_ion, sigma_eon) [S/m]; carriers called electron, hole or polaron count as electronic."""
    if not isinstance(layer, ChargedLayer):
        return layer.sigma_ion, layer.sigma_eon
    total = [0.0, 0.0]
    for i, c in enumerate(layer.carriers):
        if c.mobile:
            total[c.name in ELECTRONIC] += layer.sigma(i, temperature)
    return total[0], total[1]


def _layer_figures(layer: AnyLayer, temperature: float) -> dict[str, Quantity]:
    ion, eon = partial_conductivities(layer, temperature)
    out = {"sigma_ion": Quantity(ion, "S/m"), "sigma_eon": Quantity(eon, "S/m")}
    if ion > 0 and eon > 0:
        ambipolar = ion * eon / (ion + eon)
        out["transference_number_ion"] = Quantity(ion / (ion + eon), "1")
        out["transference_number_eon"] = Quantity(eon / (ion + eon), "1")
        out["sigma_amb"] = Quantity(ambipolar, "S/m", "1/(1/sigma_i + 1/sigma_e)")
        c_chem = _chemical_capacitance(layer, temperature)
        if c_chem:
            out["chemical_capacitance"] = Quantity(c_chem, "F/m^3")
            out["D_chem"] = Quantity(ambipolar / c_chem, "m^2/s", "sigma_amb / capacitance")
    if isinstance(layer, ChargedLayer) and np.isfinite(debye_length(layer, temperature)):
        out["debye_length"] = Quantity(debye_length(layer, temperature), "m")
    return {name: q for name, q in out.items() if q.value > 0}


def _chemical_capacitance(layer: AnyLayer, temperature: float) -> float | None:
    """Of two carriers [F/m3], None where it is not defined."""
    if isinstance(layer, ConductorLayer):
        a, b = layer.capacitance_ion, layer.capacitance_eon
        return layer.chemical_capacitance if layer.permittivity is None else a * b / (a + b)
    if isinstance(layer, ChargedLayer) and sum(c.mobile for c in layer.carriers) == 2:
        return layer.chemical_capacitance(temperature)
    return None


def _rail_resistances(layers: tuple[AnyLayer, ...], case: Case) -> dict[str, Quantity]:
    """R_ion, R_eon: sum of L/(sigma A) over the layers in which the carrier is present."""
    area, unit = (1.0, "ohm m^2") if case.area is None else (case.area, "ohm")
    if case.grid.coordinates != "cartesian":
        return {}
    out = {}
    for i, name in enumerate(("R_ion", "R_eon")):
        sigma = [partial_conductivities(layer, case.temperature)[i] for layer in layers]
        present = [(layer.thickness, s) for layer, s in zip(layers, sigma, strict=True) if s > 0]
        if present:
            note = "" if len(present) == len(layers) else "layers that have it"
            out[name] = Quantity(sum(L / s for L, s in present) / area, unit, note)
    return out


def _spectrum_figures(point: OperatingPoint, spectrum: Spectrum) -> dict[str, Quantity]:
    order = np.argsort(spectrum.frequency)
    Z, f = spectrum.Z[order], spectrum.frequency[order]
    unit = spectrum.unit
    high, how = _high_intercept(Z.real, Z.imag, f)
    out = {
        "R_high": Quantity(high, unit, how),
        "R_low": Quantity(float(Z[0].real), unit, f"Re Z at {format_quantity(f[0], 'Hz')}"),
    }
    if not np.all(np.isfinite(Z)):
        return {name: Quantity(found.value, unit, "nothing joins the terminals") for name, found in out.items()}
    slow = slow_spectrum(point)
    out |= _plane_figures(spectrum, slow)
    if slow is not None:
        out["R_total"] = Quantity(float(slow.Z[0].real), unit, f"Re Z at {format_quantity(slow.frequency[0], 'Hz')}")
    conductance = 0.0 if slow is not None else _two_terminal_dc(point)
    if conductance > 0:
        out["R_dc"] = Quantity(1 / conductance, unit, "slope of steady current")
    elif Z[0].imag < 0:
        capacitance = float(-1 / (2 * np.pi * f[0] * Z[0].imag))
        out["C_low"] = Quantity(capacitance, _farad(unit), f"-1/(w Im Z) at {format_quantity(f[0], 'Hz')}")
    return out


def _plane_figures(spectrum: Spectrum, slow: Spectrum | None) -> dict[str, Quantity]:
    """Of each reference plane, what lies between it and the second terminal: Re Z at the ends of the sweep, and where
    all diffusion has come to its end."""
    order = np.argsort(spectrum.frequency)
    out = {}
    for name in spectrum.planes:
        part = spectrum.plane(name)
        note = f"from {name} to {spectrum.terminals[1]}"
        out[f"R_high.{name}"] = Quantity(float(part[order[-1]].real), spectrum.unit, note)
        out[f"R_low.{name}"] = Quantity(float(part[order[0]].real), spectrum.unit, note)
        if slow is not None:
            out[f"R_total.{name}"] = Quantity(float(slow.plane(name)[0].real), spectrum.unit, note)
    return out


def _operating_point(study: data.Study, point: OperatingPoint) -> dict[str, Quantity]:
    """Voltage and current of every terminal, where the study imposes some or an electrode has an emf."""
    if study.bias is None and not any(c.shifted for t in study.terminals for c in t.contacts):
        return {}
    bias = study.bias or data.Bias((), ())
    imposed = {"voltage": dict(bias.voltages), "current": dict(bias.currents)}
    ampere = "A/m^2" if point.system.per_area else "A"
    out = {}
    for i, name in enumerate(point.system.terminals):
        for kind, values, unit in (("voltage", point.voltages, "V"), ("current", point.currents, ampere)):
            note = "imposed" if name in imposed[kind] else "follows"
            out[f"{kind}.{name}"] = Quantity(float(values[i]), unit, note)
    return out


def _farad(unit: str) -> str:
    return "F/m^2" if unit == "ohm m^2" else "F"


def _high_intercept(re: np.ndarray, im: np.ndarray, f: np.ndarray) -> tuple[float, str]:
    """Re Z where -Im Z first vanishes coming from high frequency, else Re Z at the top of the band."""
    for i in range(f.size - 1, 0, -1):
        if im[i] > 0 >= im[i - 1]:
            share = im[i] / (im[i] - im[i - 1])
            return float(re[i] + share * (re[i - 1] - re[i])), "Re Z where Im Z = 0"
    return float(re[-1]), f"Re Z at {format_quantity(f[-1], 'Hz')}"


def _two_terminal_dc(point: OperatingPoint) -> float:
    """Steady conductance between the first two terminals, others open [S]; zero where the cell blocks."""
    Y = dc_admittance(point)
    scale = np.abs(Y).max()
    others = list(range(2, Y.shape[0]))
    if scale == 0:
        return 0.0
    reduced = Y[:2, :2]
    if others:
        reduced = reduced - Y[:2, others] @ np.linalg.pinv(Y[np.ix_(others, others)], rcond=1e-13) @ Y[others, :2]
    return float(-reduced[1, 0])
