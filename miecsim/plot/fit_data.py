"""Figures of what was fitted: the check of the data, and their relaxation times beside those of the model."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from miecsim.errors import InputError, SolveError
from miecsim.fitting.record import SpectrumRecord
from miecsim.inverse.kramers_kronig import filter_points
from miecsim.inverse.measured import Measured
from miecsim.inverse.relaxation_times import relaxation_times
from miecsim.plot.measured import kramers_kronig_residuals
from miecsim.plot.relaxation import LAMBDA, relaxation

FILTERED = "Kramers-Kronig"  # how the reason begins for which the filter left a point out


def fit_kramers_kronig(spectrum: SpectrumRecord) -> Figure:
    """The points that the filter was given, and their residuals: `miecsim.plot.measured.kramers_kronig_residuals`."""
    out = [r for r in spectrum.removed if r.why.startswith(FILTERED)]
    f = np.concatenate([spectrum.frequency, [r.frequency for r in out]])
    Z = np.concatenate([spectrum.Z, np.array([r.Z for r in out], dtype=complex)])
    order = np.argsort(-f, kind="stable")
    data = Measured(f[order], Z[order], units=spectrum.unit, source=spectrum.name)
    return kramers_kronig_residuals(data, filter_points(data.frequency, data.Z, spectrum.threshold))


def fit_relaxation(spectrum: SpectrumRecord) -> Figure | None:
    """Relaxation times of the data, as regularised, beside the exact ones of the fitted model with their owners, seen
    as bluntly: `miecsim.plot.relaxation.relaxation`. None where the model has none, or the data allow no inversion."""
    if spectrum.poles is None or not spectrum.poles.tau.size:
        return None
    blocked = bool(np.isfinite(spectrum.poles.C_dc))
    try:
        sigma = spectrum.sigma
        data = relaxation_times(spectrum.frequency, spectrum.Z, deviation=sigma, capacitance=blocked)
        if data.regularisation < LAMBDA:  # cross-validation takes what the model misses for structure
            how = (spectrum.frequency, spectrum.Z)
            data = relaxation_times(*how, deviation=sigma, capacitance=blocked, regularisation=LAMBDA)
        return relaxation(spectrum.poles, spectrum.poles.seen(data, deviation=sigma, capacitance=blocked), data)
    except (InputError, SolveError):
        return None
