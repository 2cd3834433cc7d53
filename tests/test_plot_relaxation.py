"""Figures of relaxation times and of the Kramers-Kronig check: they show the numbers, all of them, and can be read."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from numpy.testing import assert_allclose

from miecsim.errors import InputError
from miecsim.inverse.kramers_kronig import filter_points
from miecsim.inverse.measured import Measured
from miecsim.inverse.poles import Poles
from miecsim.inverse.relaxation_times import relaxation_times
from miecsim.plot import save
from miecsim.plot.attribution import process_colours
from miecsim.plot.measured import kramers_kronig_residuals
from miecsim.plot.relaxation import owner_parts, relaxation

F = np.geomspace(1e-2, 1e5, 64)
TAU = np.array([3e-12, 1.1e-5, 4.7e-4, 2.3e-3, 0.031, 0.37])
R = np.array([0.9, 4.1, 13.0, 7.3, 1e-5, 2.2])
NAMES = ("ion transport", "charge transfer", "electron transport in particles")
OWNERS = np.array([1, 0, 1, 1, 0, 2])
SHARES = np.full((6, 3), 0.1) + 0.7 * np.eye(3)[OWNERS]
MODEL = Poles(TAU, R, 5.3, np.inf, SHARES, SHARES, NAMES, "ohm m^2", True, 0.0)


def noisy(Z, level=2e-3, seed=4):
    rng = np.random.default_rng(seed)
    return Z * (1 + level * (rng.standard_normal(len(Z)) + 1j * rng.standard_normal(len(Z))))


DATA = relaxation_times(F, noisy(MODEL.Z(F)))
SHOWN = MODEL.seen(DATA)


def inside_paper(figure):
    """Legend, remarks and labels lie within the figure and off each other and the axes."""
    figure.canvas.draw()
    paper = figure.bbox
    for axes in figure.axes:
        box = axes.get_tightbbox()
        assert box.x0 >= paper.x0 and box.x1 <= paper.x1 and box.y0 >= paper.y0 and box.y1 <= paper.y1
    (key,) = figure.legends
    box = key.get_window_extent()
    assert box.x0 >= paper.x0 and box.x1 <= paper.x1 and box.y1 <= paper.y1
    assert not any(box.overlaps(axes.get_window_extent()) for axes in figure.axes)
    small = [text for text in figure.axes[0].texts if text.get_text() and not text.get_text().endswith("Hz")]
    assert not any(box.overlaps(text.get_window_extent()) for text in small)
    assert all(text.get_window_extent().x1 <= paper.x1 for text in small)
    assert not any(a.get_window_extent().overlaps(b.get_window_extent()) for a, b in itertools.combinations(small, 2))
    return [text.get_text() for text in key.get_texts()], [text.get_text() for text in small]


# ---- relaxation times


@pytest.mark.parametrize("columns", [1, 2])
def test_data_and_model_are_drawn_together(columns):
    figure = relaxation(MODEL, SHOWN, DATA, columns=columns)
    labels, remarks = inside_paper(figure)
    owners = ["charge transfer", "ion transport", "electron transport in particles"]  # the largest first
    assert labels == ["data", "model", *owners]
    assert remarks == ["beyond: 1 faster (9 kΩ cm²)"]
    upper, lower = figure.axes
    assert upper.get_ylabel() == "γ(ln τ) / kΩ cm²" and lower.get_ylabel() == "Rₖ / kΩ cm²"
    assert lower.get_xlabel() == "relaxation time τ / s" and lower.get_xscale() == "log"
    dashed, whole = sorted(upper.lines, key=lambda line: line.get_linewidth())
    for line, result in ((dashed, SHOWN), (whole, DATA)):
        assert_allclose(line.get_xdata(), result.tau)
        assert_allclose(line.get_ydata(), result.gamma * 10, rtol=1e-12)


def test_areas_add_up_to_the_model_and_have_the_owners_colours():
    figure = relaxation(MODEL, SHOWN)
    upper = figure.axes[0]
    colours = process_colours(["charge transfer", "ion transport", "electron transport in particles"])
    parts = owner_parts(MODEL, SHOWN.tau, tuple(colours))
    assert_allclose(sum(parts.values()), 1.0, rtol=1e-12)
    total = np.zeros(SHOWN.tau.size)
    bands = [band for band in upper.collections if band.get_hatch() is not None or band.get_facecolor()[0, 3] == 0.75]
    assert len(bands) == 3
    for band, (name, colour) in zip(bands, colours.items(), strict=True):
        assert_allclose(band.get_facecolor()[0], to_rgba(colour, 0.75))
        x, y = band.get_paths()[0].vertices.T
        height = np.array([np.ptp(y[np.isclose(x, tau, rtol=1e-12)]) for tau in SHOWN.tau])
        assert_allclose(height, parts[name] * SHOWN.gamma * 10, atol=1e-9)
        total += height
    assert_allclose(total, SHOWN.gamma * 10, atol=1e-9)
    near = np.argmin(np.abs(SHOWN.tau - 4.7e-4))
    assert parts["charge transfer"][near] > 0.99
    assert len(upper.lines) == 1  # no data


def test_every_pole_within_four_decades_has_a_stem_in_its_owners_colour():
    figure = relaxation(MODEL, SHOWN, DATA)
    lower = figure.axes[1]
    tops = {line.get_label(): line for line in lower.lines}
    for name, at in (
        ("charge transfer", [2, 3]),
        ("ion transport", [1]),
        ("electron transport in particles", [5]),
    ):
        assert_allclose(tops[name].get_xdata(), TAU[at])
        assert_allclose(tops[name].get_ydata(), 10 * R[at])
    assert len({line.get_marker() for line in lower.lines}) == 3
    stems = [len(c.get_segments()) for c in lower.collections]
    assert stems == [2, 1, 1]
    low, high = lower.get_ylim()
    assert low == pytest.approx(13.0 * 10 * 1e-4) and high > 130


def test_what_was_not_measured_is_grey():
    figure = relaxation(MODEL, SHOWN, DATA)
    left, right = sorted(figure.axes[0].patches, key=lambda patch: patch.get_x())
    assert left.get_x() + left.get_width() == pytest.approx(1 / (2 * np.pi * 1e5))
    assert right.get_x() == pytest.approx(1 / (2 * np.pi * 1e-2))
    assert_allclose(figure.axes[0].get_xlim(), SHOWN.tau[[0, -1]])


def test_a_ridge_that_turns_negative_is_shown_below_zero(tmp_path):
    data = relaxation_times(F, noisy(MODEL.Z(F), 0.02), non_negative=False)
    figure = relaxation(MODEL, MODEL.seen(data, non_negative=False), data)
    assert data.gamma.min() < 0 and figure.axes[0].get_ylim()[0] < 10 * data.gamma.min()
    assert all(path.stat().st_size > 5000 for path in save(figure, tmp_path / "relaxation"))


def test_without_poles_there_is_no_figure():
    none = np.zeros(0)
    with pytest.raises(InputError, match="the model has no poles"):
        relaxation(Poles(none, none, 1.0, np.inf, none[:, None], none[:, None], ("x",), "ohm", True, 0.0), SHOWN)


# ---- the Kramers-Kronig check

SPECTRUM = 5.3 + 13.0 / (1 + (2j * np.pi * F * 4.7e-4) ** 0.87) + 9.1 / (1 + (2j * np.pi * F * 0.31) ** 0.93)


def spoilt():
    Z = noisy(SPECTRUM)
    Z[17] *= 1.035
    Z[29] *= 1 - 0.3j
    Z[40] *= 0.6
    return Measured(F, Z, source="a.csv")


@pytest.mark.parametrize("columns", [1, 2])
def test_points_kept_and_left_out(columns):
    data = spoilt()
    filtered = filter_points(data.frequency, data.Z, 0.01, high=5e4)
    assert {17, 29, 40} <= {point.index for point in filtered.dropped}
    figure = kramers_kronig_residuals(data, filtered, columns=columns)
    labels, remarks = inside_paper(figure)
    assert labels == ["Kramers-Kronig fit", "threshold", "residual of Z′", "residual of Z″", "left out"]
    assert remarks[0].startswith(f"{len(filtered.dropped)} of 64 points left out")
    upper, lower = figure.axes
    assert upper.get_aspect() == 1.0 and any("Hz" in text.get_text() for text in upper.texts)
    assert upper.get_xlabel() == "Z′ / Ω" and upper.get_ylabel() == "−Z″ / Ω"
    circles = next(line for line in upper.lines if line.get_marker() == "o")
    kept = data.Z[filtered.mask]
    assert_allclose(np.sort(circles.get_xdata()), np.sort(kept.real), rtol=1e-12)
    crosses = next(line for line in upper.lines if line.get_marker() == "x")
    assert_allclose(crosses.get_ydata(), -data.Z[~filtered.mask].imag, rtol=1e-12)


def test_residuals_are_those_of_the_check():
    data = spoilt()
    filtered = filter_points(data.frequency, data.Z, 0.01, high=5e4)
    lower = kramers_kronig_residuals(data, filtered).axes[1]
    limit = lower.get_ylim()[1]
    assert lower.get_ylabel() == "residual / %" and lower.get_xlabel() == "frequency / Hz"
    for marker, part in (("o", filtered.check.residual.real), ("s", filtered.check.residual.imag)):
        (line,) = (one for one in lower.lines if one.get_marker() == marker)
        assert_allclose(line.get_xdata(), data.frequency[filtered.mask])
        assert_allclose(line.get_ydata(), 100 * part, atol=1e-9)
    gone = np.array([[100 * d.residual.real, 100 * d.residual.imag] for d in filtered.dropped])
    crosses = np.concatenate([line.get_ydata() for line in lower.lines if line.get_marker() == "x"])
    assert_allclose(np.sort(crosses), np.sort(gone[np.abs(gone) <= limit]), atol=1e-9)
    up, down = (sum(len(line.get_xdata()) for line in lower.lines if line.get_marker() == m) for m in "^v")
    assert (up, down) == (np.sum(gone > limit), np.sum(gone < -limit)) and up + down >= 2
    band = next(patch for patch in lower.patches)
    assert [band.get_y(), band.get_height()] == pytest.approx([-1.0, 2.0])


def test_a_good_spectrum_and_one_beyond_repair():
    data = Measured(F, noisy(SPECTRUM), area=1e-4).in_units("ohm m^2")
    figure = kramers_kronig_residuals(data, filter_points(data.frequency, data.Z, 0.01))
    labels, remarks = inside_paper(figure)
    assert labels[-1] == "residual of Z″" and remarks == []
    assert figure.axes[0].get_xlabel() == "Z′ / Ω cm²"
    drifting = Measured(F, noisy(SPECTRUM, 0.05))
    filtered = filter_points(drifting.frequency, drifting.Z, 0.01, most=0.05)
    assert not filtered.consistent
    _, remarks = inside_paper(kramers_kronig_residuals(drifting, filtered))
    assert "points kept exceed the threshold" in remarks[0]
    with pytest.raises(InputError, match="63 points, but the filter had 64"):
        kramers_kronig_residuals(Measured(F[1:], SPECTRUM[1:]), filtered)
