"""Numbers and units as figures show them: prefixes, ohm cm^2, micrometres, decades."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from matplotlib.axis import Axis
from matplotlib.ticker import FixedFormatter, FixedLocator, MaxNLocator, NullFormatter, NullLocator

from miecsim.typing import Array

PREFIXES = {-12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}
# Unit of the file -> (factor, unit of the figure). Area-specific impedances are quoted per cm^2.
Z_DISPLAY = {"ohm": (1.0, "Ω"), "ohm m^2": (1e4, "Ω cm²")}
SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Display:
    """Multiply a figure in SI by `factor` to show it in `unit`."""

    factor: float
    unit: str


def impedance_display(unit: str, largest: float | None = None) -> Display:
    """How to show Z stored in `unit`; with the `largest` value shown [`unit`], a prefix keeps the numbers short."""
    factor, symbol = Z_DISPLAY[unit]
    if largest is None:
        return Display(factor, symbol)
    power = prefix_power(largest * factor)
    return Display(factor * 10.0**-power, PREFIXES[power] + symbol)


def length_display(largest: float) -> Display:
    """How to show positions up to `largest` [m]: m, mm, µm or nm."""
    power = min(0, prefix_power(largest))
    return Display(10.0**-power, PREFIXES[power] + "m")


def prefix_power(value: float) -> int:
    """Power of ten of the SI prefix that brings |value| between 1.2 and 1200, as far as there are prefixes."""
    if not (math.isfinite(value) and value != 0.0):
        return 0
    power = 3 * math.floor((math.log10(abs(value)) - math.log10(1.2)) / 3)
    return min(max(power, min(PREFIXES)), max(PREFIXES))


def with_prefix(value: float, unit: str) -> str:
    """Three significant figures with an SI prefix: 1 mHz, 12.3 kΩ."""
    power = 0
    if value:
        power = min(max(3 * math.floor(math.log10(abs(value)) / 3 + 1e-9), min(PREFIXES)), max(PREFIXES))
    return f"{value / 10.0**power:.3g} {PREFIXES[power]}{unit}"


def superscript(power: int) -> str:
    """10⁻³ and the like, in plain text."""
    return "10" + str(power).translate(SUPERSCRIPT)


def decades(axis: Axis, low: float, high: float, *, labels: int = 6) -> None:
    """Ticks of a logarithmic axis shown from low to high: a label every few decades, small ticks between."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    step = max(1, math.ceil((last - first + 1) / labels))
    # multiples of the step, so that 10^0 keeps its label whatever the range
    major = [p for p in range(first, last + 1) if p % step == 0]
    if len(major) < 2:
        major = list(range(first, last + 1))
    if step == 1 and last - first <= 3:
        minor = [m * 10.0**p for p in range(first - 1, last + 1) for m in range(2, 10)]
    else:
        minor = [10.0**p for p in range(first, last + 1) if p not in major]
    axis.set_major_locator(FixedLocator([10.0**p for p in major]))
    axis.set_major_formatter(FixedFormatter([superscript(p) for p in major]))
    axis.set_minor_locator(FixedLocator([m for m in minor if low <= m <= high]) if minor else NullLocator())
    axis.set_minor_formatter(NullFormatter())


def scaled(largest: float, unit: str) -> Display:
    """How to show values up to `largest` [`unit`]: as they are between 0.1 and 100 000, with an SI prefix otherwise.

    Volts always take their prefix. `unit` begins with a symbol that a prefix can precede.
    """
    power = prefix_power(largest)
    if power == 0 or (unit != "V" and 0.1 <= abs(largest) < 1e5):
        return Display(1.0, unit)
    return Display(10.0**-power, PREFIXES[power] + unit)


def log_values(axis: Axis, low: float, high: float) -> None:
    """Ticks of a logarithmic axis that spans about a decade: round numbers, written out."""
    ticks = [float(t) for t in MaxNLocator(nbins=5).tick_values(low, high) if low <= t <= high]
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_major_formatter(FixedFormatter([f"{t:g}" for t in ticks]))
    axis.set_minor_locator(NullLocator())


def round_values(low: float, high: float, mantissas: tuple[int, ...] = (1, 2, 5)) -> list[float]:
    """Multiples of powers of ten within a range, 1, 2 and 5 of them: ticks of a logarithmic axis."""
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    return [m * 10.0**p for p in powers for m in mantissas if low <= m * 10.0**p <= high]


def decade_limits(values: Array) -> tuple[float, float]:
    """Limits of a logarithmic axis around positive values: a little air, never less than a factor of two."""
    low, high = float(np.min(values)), float(np.max(values))
    wider = max(1.0, math.sqrt(2.0 / (high / low)))
    air = wider * 10.0 ** (0.04 * math.log10(high / low))
    return low / air, high * air


def value_limits(low: float, high: float, *, smallest: float) -> tuple[float, float]:
    """Limits of a linear axis around [low, high], never closer together than `smallest`."""
    span = max(high - low, smallest)
    middle = 0.5 * (low + high)
    return middle - 0.55 * span, middle + 0.55 * span
