"""What is doubtful in measured spectra: noise and sign by the Kramers-Kronig relations, outliers, priors that
the data contradict, one measurement given twice; and the grid of a model that is too coarse for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

import numpy as np

from miecsim.case.fits import BEYOND, THRESHOLD
from miecsim.errors import InputError
from miecsim.inverse.fit import Fit
from miecsim.inverse.forward import Forward
from miecsim.inverse.kramers_kronig import N_ENDS, KramersKronig, kramers_kronig
from miecsim.inverse.misfit import checked
from miecsim.typing import Array, Complex

_MOST_NOISE = 0.02  # of |Z|, that the filter takes for noise: beyond, a spectrum is not what it should be
_A_DECADE = 3  # elements, with which the sign is tried
_CLEAR = 3.0  # times nearer is the conjugate of a spectrum whose sign is wrong
_LIKELY = 0.1  # of |Z|: how near it must be
_GRID = 0.5  # standard errors
_SURPRISE = 3.0  # spreads of a prior
_FAR, _FEW = 7.0, 0.1  # robust standard deviations, and the share of the points: further out are outliers


def threshold_of(frequency: Array, Z: Complex) -> float:
    """Share of |Z| beyond which a Kramers-Kronig residual is more than the noise, as the check itself finds it.

    The median of the residuals is what few spoilt points do not move.
    """
    check = kramers_kronig(frequency, Z)
    rows, terms = 2 * Z.size, N_ENDS + check.elements
    noise = _robust(check.residual) * float(np.sqrt(rows / (rows - terms)))
    return float(f"{max(THRESHOLD, BEYOND * min(noise, _MOST_NOISE)):.2g}")


def _robust(residual: Complex) -> float:
    """Standard deviation of real and imaginary parts by their median."""
    return 1.4826 * float(np.median(np.abs([residual.real, residual.imag])))


def sign_doubt(frequency: Array, Z: Complex) -> list[str]:
    """What is said where the conjugate of a spectrum obeys the Kramers-Kronig relations and the spectrum does not."""
    if Z.size < 8 or np.ptp(np.log10(frequency)) < 0.5:
        return []
    count = min(Z.size // 2, max(3, ceil(_A_DECADE * float(np.ptp(np.log10(frequency))))))
    own, other = (_distance(kramers_kronig(frequency, z, elements=count)) for z in (Z, Z.conj()))
    if other > min(_LIKELY, own / _CLEAR):
        return []
    return [
        f"Kramers-Kronig: Im Z seems to have the wrong sign, for its conjugate comes within {100 * other:.2g} % of the "
        f'relations, and this to {100 * own:.2g} %; imaginary = "Im" or "-Im" of [[fit.data]] says what the file holds'
    ]


def _distance(check: KramersKronig) -> float:
    return float(np.sqrt(np.median(np.abs(check.residual) ** 2)))


def outliers(found: Fit) -> list[str]:
    """A line for each of the data of which a few points lie far off where the others are near."""
    out = []
    for one, residual in zip(found.data, found.residuals, strict=True):
        far = np.maximum(np.abs(residual.real), np.abs(residual.imag)) / max(_robust(residual), np.finfo(float).tiny)
        at = np.flatnonzero(far > _FAR)
        if 0 < at.size <= _FEW * far.size:
            where = ", ".join(f"{one.frequency[i]:.4g}" for i in at[np.argsort(-far[at])][:5])
            said = f"{at.size} of {far.size} points {'lies' if at.size == 1 else 'lie'}"
            said += f" {far[at].min():.0f} times the usual distance from the fit or more ({where} Hz)"
            so = "what lies so far widens every error, and kramers_kronig = true leaves out what is spoilt"
            out.append(f"{one.name}: {said}; {so}")
    return out


def contradicted(found: Fit) -> list[str]:
    """A line for each prior that the best value is far from."""
    out = []
    for p, value in zip(found.parameters, found.values, strict=True):
        if p.prior is not None:
            off = abs(p.scaled(float(value)) - p.scaled(p.prior[0])) / p.prior[1]
            if off > _SURPRISE:
                mean = f"{p.prior[0]:.4g} {p.unit}".rstrip()
                out.append(f"{p.name}: the data contradict its prior, {off:.1f} of whose spreads it is from {mean}")
    return out


def moved_by_grid(forward: Forward, finer: Sequence[Complex], found: Fit) -> list[str]:
    """A line for the parameters that the grid moves by more than half of their standard error.

    finer: the spectra at the best values with every cell cut in two. To first order the fit would follow them by
    C J^T (Z - Z_finer)/sigma, and an error of second order is 4/3 of what one such step shows.
    """
    misfit = replace(checked(forward, found.parameters, found.data), noise=found.noise)
    jacobian = misfit.jacobian(misfit.slopes(misfit.scaled(found.values)))
    change = [
        (Z - own) / (one.sigma * s) for Z, own, one, s in zip(finer, found.Z, found.data, misfit.factors, strict=True)
    ]
    rows = np.concatenate([half for part in change for half in (part.real, part.imag)])
    shift = 4 / 3 * found.covariance @ (jacobian[: rows.size].T @ rows)
    errors = np.abs(shift) / np.sqrt(np.diagonal(found.covariance))
    far = [f"{p.name} by {e:.1g}" for p, e in zip(found.parameters, errors, strict=True) if e > _GRID]
    if not far:
        return []
    return [
        f'the grid is too coarse for these data: it moves {", ".join(far)} standard errors; cells = "auto", or more'
    ]


def check_once(data: Sequence[tuple[str, str, object]]) -> None:
    """InputError where two of the data, (name, SHA-256, how it is read), are one and the same measurement."""
    for i, (name, digest, how) in enumerate(data):
        for other, same, read in data[:i]:
            if digest == same and how == read:
                raise InputError(
                    f"fit.data.{name}.file: the same file as that of {other}; expected another measurement "
                    "(or another loop, columns or frequencies of it), for one counts once"
                )
