"""Circuits fitted to the same data, and how well each model explains them: where circuit and continuum disagree."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from miecsim.case.fits import FitTable, FittedCircuit
from miecsim.case.messages import nearest, one_of, sentence
from miecsim.circuit.compose import Circuit
from miecsim.errors import InputError
from miecsim.fitting.record import Agreement, CircuitRecord
from miecsim.inverse.closed_forms import ClosedForm, circuit_formula, read_circuit
from miecsim.inverse.comparison import compare
from miecsim.inverse.fit import Fit, fit
from miecsim.inverse.forward import FitData, FreeParameter
from miecsim.units import quoted

STARTS = 4  # of a circuit, whose spectra cost next to nothing
LEAST_EXPONENT = 0.3  # of a constant phase element


def agreement(model: str, parameters: int, found: Fit, i: int) -> Agreement:
    """How far a fit with so many values is from the i-th of its data, and whether what is left is more than noise."""
    data, Z = found.data[i], found.Z[i]
    residual = (data.Z - Z) / np.abs(data.Z)
    worst = int(np.argmax(np.abs(residual)))
    rms = float(np.sqrt(np.mean(np.abs(residual) ** 2)))
    figures = (rms, float(np.abs(residual[worst])), float(data.frequency[worst]))
    return Agreement(data.name, model, parameters, *figures, _systematic(found, i))


def _systematic(found: Fit, i: int) -> str:
    """What is said where the residuals of one of the data are not those of noise."""
    points = sum(one.frequency.size for one in found.data)
    data, residual = found.data[i], found.residuals[i]
    chi2, dof = float(np.sum(np.abs(residual) ** 2)), found.dof * residual.size / points
    own = replace(found, data=(data,), Z=(found.Z[i],), residuals=(residual,), chi2=chi2, dof=dof)
    (row,) = compare({"": own})
    if not row.systematic:
        return ""
    said = f"neighbouring residuals correlate by {row.autocorrelation:.2f}"
    return said + (f", and chi2 is {chi2 / dof:.3g} times what the noise gives" if data.known else "")


def circuits_of(fit: FitTable, file: str) -> tuple[Circuit, ...]:
    """The circuits of a fit, as they are composed. Raises InputError where a string is none, or has no such element."""
    out = []
    for one in fit.circuits:
        at = f"{file}: fit.circuit.{one.name}"
        try:
            circuit = read_circuit(one.string)
        except InputError as error:
            raise InputError(f"{at}.string: {error}") from None
        names = list(circuit.parameters())
        for name in one.bounds:
            if name not in names:
                told = sentence(quoted(name), f"an element value: {one_of(names)}", nearest(name, names))
                raise InputError(f"{at}.bounds: {told}")
        out.append(circuit)
    return tuple(out)


def fit_circuit(
    table: FittedCircuit, circuit: Circuit, data: FitData, starts: int, seed: int
) -> tuple[CircuitRecord, Agreement]:
    """A circuit fitted to one of the data, from at least STARTS starts. Raises SolveError where none led to a fit."""
    parameters = _parameters(table, circuit, data)
    forward = ClosedForm((circuit_formula(circuit),), (data.frequency,))
    found = fit(forward, parameters, [data], starts=max(starts, STARTS), seed=seed)
    record = CircuitRecord(
        table.name,
        table.string,
        data.name,
        found.names,
        tuple(p.unit for p in parameters),
        found.values,
        found.error,
        found.Z[0],
        found.chi2,
        float(found.dof),
        found.aic,
        found.report(),
    )
    return record, agreement(table.name, len(parameters), found, 0)


def _parameters(table: FittedCircuit, circuit: Circuit, data: FitData) -> list[FreeParameter]:
    """Every value of a circuit, between bounds that the case gives or that follow from what was measured."""
    units, limits, out = circuit.units(), circuit.bounds(), []
    for name, value in circuit.parameters().items():
        known = value if isinstance(value, float) else None
        if np.isfinite(limits[name][1]):
            low, high = table.bounds.get(name, (LEAST_EXPONENT, limits[name][1]))
            out.append(
                FreeParameter(name, _inside(known, low, high, 0.9 * high), low, high, log=False, unit=units[name])
            )
            continue
        low, high = table.bounds.get(name) or _range(units[name], data)
        out.append(FreeParameter(name, _inside(known, low, high, np.sqrt(low * high)), low, high, unit=units[name]))
    return out


def _inside(value: float | None, low: float, high: float, other: float) -> float:
    """A start: the value of the string where it lies between the bounds."""
    return value if value is not None and low <= value <= high else float(min(max(other, low), high))


def _range(unit: str, data: FitData) -> tuple[float, float]:
    """Between which values an element of this unit shows in a spectrum."""
    Z, w = np.abs(data.Z), 2 * np.pi * data.frequency
    z0, z1, w0, w1 = float(Z.min()), float(Z.max()), float(w.min()), float(w.max())
    ranges = {
        "ohm": (1e-3 * z0, 10 * z1),
        "F": (0.1 / (w1 * z1), 10 / (w0 * z0)),
        "F s^(alpha-1)": (0.1 / (w1 * z1), 10 / (min(w0, 1.0) * z0)),
        "H": (1e-3 * z0 / w1, 10 * z1 / w0),
        "s": (0.1 / w1, 10 / w0),
    }
    return ranges.get(unit, (1e-3 * z0 * min(1.0, w0**0.5), 10 * z1 * max(1.0, w1**0.5)))
