"""Frequency marks on a Nyquist plot: a filled marker at each decade, labelled where a label fits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from miecsim.plot.scales import with_prefix
from miecsim.plot.window import POINT
from miecsim.typing import Array, Complex

HEIGHT, WIDTH = 1.0, 0.66  # of a label's line and of one character, in units of the font size
SPACING = 13.0  # pt between labelled marks of one spectrum
# Where a label may sit around its mark: unit steps right and up, the most readable first.
AROUND = ((0, 1), (1, 1), (-1, 1), (1, 0), (-1, 0), (1, -1), (-1, -1), (0, -1))
REACH = (5.0, 9.0, 14.0)  # pt from mark to label


@dataclass(frozen=True)
class Decade:
    """A frequency [Hz] of a spectrum, where it lies (same lengths as the axes), and what its label would say."""

    frequency: float
    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Mark:
    """A decade of one spectrum in points on paper; `label` is "" where no label fits, else centred at (tx, ty)."""

    spectrum: int
    x: float
    y: float
    label: str
    tx: float
    ty: float


def decades_of(frequency: Array, Z: Complex) -> list[Decade]:
    """Z at each power of ten within the rising frequencies, interpolated linearly in log f, lowest first.

    A spectrum that is one point gives one entry that names the whole range.
    """
    if np.max(np.abs(Z - Z[0])) <= POINT * np.max(np.abs(Z)):
        ends = " to ".join(with_prefix(float(f), "Hz") for f in frequency[[0, -1]])
        return [Decade(float(frequency[0]), float(Z[0].real), -float(Z[0].imag), ends)]
    logs = np.log10(frequency)
    powers = range(math.ceil(logs[0] - 1e-6), math.floor(logs[-1] + 1e-6) + 1)
    x, y = np.interp(powers, logs, Z.real), np.interp(powers, logs, -Z.imag)
    found = zip((10.0**p for p in powers), x.tolist(), y.tolist(), strict=True)
    return [Decade(f, a, b, with_prefix(f, "Hz")) for f, a, b in found]


def place(
    decades: Sequence[Sequence[Decade]], curves: Sequence[Array], box: tuple[float, float], size: float
) -> list[Mark]:
    """Put labels of `size` pt on the decades of several spectra, in a box (width, height); all lengths in pt.

    A label overlaps neither another label, nor a mark, nor a curve (points (n, 2)), nor leaves the box; it is left out
    rather than forced. Lowest frequencies come first, so that where decades crowd the lowest of them carries the name.
    """
    obstacles = np.concatenate([*(_dense(curve) for curve in curves), np.zeros((0, 2))])
    taken: list[tuple[float, float, float, float]] = []
    marks: list[Mark] = []
    queue = sorted(((number, d) for number, found in enumerate(decades) for d in found), key=lambda e: e[1].frequency)
    for number, decade in queue:
        x, y, text = decade.x, decade.y, decade.text
        crowded = any(m.label and m.spectrum == number and math.hypot(m.x - x, m.y - y) < SPACING for m in marks)
        spot = None if crowded else _spot(x, y, WIDTH * size * len(text), HEIGHT * size, obstacles, taken, box)
        if spot is None:
            marks.append(Mark(number, x, y, "", x, y))
        else:
            taken.append(spot)
            marks.append(Mark(number, x, y, text, 0.5 * (spot[0] + spot[2]), 0.5 * (spot[1] + spot[3])))
    return marks


def _spot(
    x: float,
    y: float,
    width: float,
    height: float,
    obstacles: Array,
    taken: Sequence[tuple[float, float, float, float]],
    box: tuple[float, float],
) -> tuple[float, float, float, float] | None:
    """The first free rectangle (x0, y0, x1, y1) around (x, y), or None."""
    for reach in REACH:
        for right, up in AROUND:
            slant = 0.75 if right and up else 1.0
            cx = x + right * (0.5 * width + slant * reach)
            cy = y + up * (0.5 * height + slant * reach)
            spot = (cx - 0.5 * width, cy - 0.5 * height, cx + 0.5 * width, cy + 0.5 * height)
            if spot[0] < 0 or spot[1] < 0 or spot[2] > box[0] or spot[3] > box[1]:
                continue
            if any(spot[0] < t[2] and spot[2] > t[0] and spot[1] < t[3] and spot[3] > t[1] for t in taken):
                continue
            near = 3.0  # pt: a little more than half a marker
            inside = (obstacles[:, 0] > spot[0] - near) & (obstacles[:, 0] < spot[2] + near)
            inside &= (obstacles[:, 1] > spot[1] - near) & (obstacles[:, 1] < spot[3] + near)
            if not inside.any():
                return spot
    return None


def _dense(curve: Array) -> Array:
    """Points along a polyline (n, 2), no further apart than about 3 pt."""
    steps = np.hypot(*np.diff(curve, axis=0).T) if len(curve) > 1 else np.zeros(0)
    pieces = [
        a + np.linspace(0, 1, min(200, int(s / 3.0) + 1), endpoint=False)[:, None] * (b - a)
        for a, b, s in zip(curve[:-1], curve[1:], steps, strict=True)
    ]
    return np.concatenate([*pieces, curve[-1:]])
