"""A fit in words and short figures, as the terminal and the page show them."""

from __future__ import annotations

import math

from miecsim.fitting.record import FitRecord, FurtherRecord, ParameterRecord, Prediction
from miecsim.inverse.fit import BEFOREHAND
from miecsim.units import format_quantity

WORSE = 1.3  # times the best error: what is told as a range


def value_cells(p: ParameterRecord) -> tuple[str, str, str]:
    """Value, standard error and 95 % limits of a parameter, for reading."""
    if not p.identified:
        return "not identified", "-", _limits(p)
    return format_quantity(p.value, p.unit, 4), _error(p), _limits(p)


def _error(p: ParameterRecord) -> str:
    return _spread(p.error, p)


def _spread(error: float, p: ParameterRecord | Prediction) -> str:
    """Relative where the parameter is sought along its logarithm."""
    if not math.isfinite(error):
        return "-"
    percent = 100 * error
    return (f"{percent:.2g} %" if percent < 99 else f"{percent:.0f} %") if p.log else format_quantity(error, p.unit, 2)


def _limits(p: ParameterRecord) -> str:
    """The 95 % limits, in the unit (with its prefix) of the value."""
    low = p.low > 0 if p.log else math.isfinite(p.low)
    high = math.isfinite(p.high)
    number, _, unit = format_quantity(p.value, p.unit, 4).partition(" ")
    power = round(math.log10(float(number) / p.value)) if unit and p.value else 0
    texts = [f"{end * 10.0**power:.4g}" for end in (p.low, p.high)]
    tail = "" if p.identified or not unit else f" {unit}"
    if low and high:
        return f"{texts[0]} to {texts[1]}{tail}"
    if low:
        return f"above {texts[0]}{tail}"
    return f"below {texts[1]}{tail}" if high else "none"


def bounds_of(p: ParameterRecord) -> tuple[str, str]:
    """The bounds between which a parameter was sought."""
    return format_quantity(p.bounds[0], p.unit), format_quantity(p.bounds[1], p.unit)


def agreement_rows(record: FitRecord) -> list[tuple[str, ...]]:
    """Data, model, number of values, residual (root mean square and largest), where, and of what kind it is."""
    return [
        (
            a.data,
            a.model,
            str(a.parameters),
            f"{100 * a.rms:.2g} %",
            f"{100 * a.largest:.2g} %",
            format_quantity(a.at, "Hz"),
            "systematic" if a.systematic else "like noise",
        )
        for a in record.agreements
    ]


def _identification(record: FitRecord) -> list[str]:
    """What is not identified, and what a prior says rather than the data; else that all is."""
    told = [p.statement for p in record.parameters if not p.identified or p.statement.endswith(BEFOREHAND)]
    if told:
        return told
    count = len(record.parameters)
    line = f"all {count} parameters are identified" if count > 1 else "the parameter is identified"
    line += " by these data"
    if _misses(record):
        return [f"{line}, if the model is right; it misses data (below), and the errors count on noise alone"]
    return [line]


def _misses(record: FitRecord) -> bool:
    """Whether the continuum leaves more than noise of some of the data."""
    return any(a.systematic for a in record.agreements[: len(record.spectra)])


def statements(record: FitRecord) -> list[str]:
    """In words: what is not identified and why, pairs that go together, what was left out, and further remarks."""
    out = _identification(record)
    out += [f"the data leave open: {line}" for line in record.open_combinations]
    out += [f"{a} and {b} go together: correlation {r:.3f}" for a, b, r in record.correlated]
    for one in record.spectra:
        if one.removed:
            total = len(one.removed) + one.frequency.size
            why = dict.fromkeys(r.why.partition(" (")[0] for r in one.removed)
            out.append(f"{one.name}: {len(one.removed)} of {total} points left out ({'; '.join(why)})")
        out += [f"{one.name}: {remark}" for remark in one.remarks if remark.startswith("Kramers-Kronig")]
    out += [f"{a.data}: the {a.model} misses it: {a.systematic}" for a in record.agreements if a.systematic]
    if all(not one.known for one in record.spectra) and record.weighting != "measured":
        of = "of |Z|" if record.weighting == "modulus" else "of the root mean square of |Z|"
        what = "residuals, taken as noise" if _misses(record) else "noise estimated from the residuals"
        out.append(f"{what}: {100 * record.noise:.2g} % {of}, real and imaginary part each")
    else:
        ratio = record.chi2 / record.dof
        far = " (the model does not explain the data within the noise)" if ratio > 2 else ""
        out.append(f"χ² over degrees of freedom: {ratio:.3g}{far}")
    return out + list(record.remarks)


def further_lines(record: FitRecord) -> list[str]:
    """Each of the best further experiments and what it would fix, or that none would."""
    if not record.weighed:
        return []
    lines = [_further_line(one) for one in record.further if one.fixes]
    if lines:
        return lines
    wanted = ", ".join(p.name for p in record.further[0].predictions)
    return [f"none of the {record.weighed} further experiments that were weighed would fix {wanted}"]


def _further_line(one: FurtherRecord) -> str:
    sure = [f"{p.name} ({_reach(p)})" for p in one.fixes if p.sure]
    perhaps = [f"{p.name} ({_reach(p)})" for p in one.fixes if not p.sure]
    left = [p.name for p in one.predictions if not p.fixed]
    told = [f"fixes {', '.join(sure)}"] if sure else []
    told += [f"may fix {', '.join(perhaps)}"] if perhaps else []
    told += [f"leaves open {', '.join(left)}"] if left else []
    return f"{one.name}: {'; '.join(told)}"


def _reach(p: Prediction) -> str:
    """The error that is expected: where the fit ends, or a range where it depends on what is still open."""
    if p.worst < WORSE * p.best:
        return f"to {_spread(p.error, p)}"
    if not math.isfinite(p.worst):
        return f"to {_spread(p.best, p)} at best"
    best, worst = _spread(p.best, p), _spread(p.worst, p)
    return f"to {best.removesuffix(' %')}–{worst}"
