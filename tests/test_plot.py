"""Figures: what they show, where they cut, that labels can be read, and that files are whole."""

from __future__ import annotations

import itertools
import subprocess
import sys
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
import synthetic_result as synthetic
from hypothesis import example, given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.axis import XAxis
from matplotlib.figure import Figure
from PIL import Image

from miecsim.errors import InputError
from miecsim.plot import bode, nyquist, rail_profiles, save, scales, steady
from miecsim.plot.marks import decades_of
from miecsim.plot.profiles import phase_along
from miecsim.plot.window import nyquist_window, tail_start
from miecsim.results import layer_spans

RISING = synthetic.FREQUENCY[::-1].copy()
S = 2j * np.pi * RISING
SPECTRA = {
    "blocked line": synthetic.battery(RISING),
    "arc": synthetic.ion_blocking(RISING),
    "semicircle": 20 + 100 / (1 + S * 1e-4),
    "resistance": np.full(RISING.size, 82.5 + 0j),
    "R and C": 50 + 1 / (S * 1e-6),
    "capacitor": 1 / (S * 1e-6),
    "Warburg": 1 / (1e-3 * S**0.5),
    "arc and CPE": 30 + 200 / (1 + S * 1e-5) + 1 / (1e-4 * S**0.85),
    "coil and arcs": 5 + S * 1e-6 + 50 / (1 + S * 1e-4) + 100 / (1 + S * 1e-1),
    "megohms": 2e6 + 1e7 / (1 + S * 1e-2),
}


def record(name, unit="ohm", reference=True):
    Z = SPECTRA[name]
    n = Z.size
    return replace(
        synthetic.study(),
        name=name,
        frequency=RISING,
        Z=Z,
        unit=unit,
        references={"exact": Z} if reference else {},
        Z_matrix=np.zeros((n, 2, 2), dtype=complex),
        Z_reference=np.zeros((n, 1), dtype=complex),
    )


def lines(axes, *, dashed):
    """Data lines of an axes: closed forms (dashed black) or not; decade marks and the real axis left out."""
    found = [line for line in axes.lines if len(line.get_xdata()) > 2]
    return [line for line in found if (line.get_color() == "black") is dashed]


# ---- what part of the complex plane is shown


@pytest.mark.parametrize("name", ["arc", "semicircle", "Warburg", "capacitor", "coil and arcs", "megohms"])
def test_a_spectrum_without_a_long_tail_is_shown_whole(name):
    window = nyquist_window([(RISING, SPECTRA[name])])
    assert not window.clipped and window.holds(SPECTRA[name]).all()


def test_tail_of_a_blocked_line_starts_below_its_diffusive_part():
    """The 45 degree part belongs to the electrode; the tail is where -Im Z has left R/3 behind."""
    Z = SPECTRA["blocked line"]
    tail = tail_start(RISING, Z)
    span = (synthetic.R_ION + synthetic.R_EON) / 3
    assert 0 < tail and -Z[tail].imag < 0.6 * span < -Z[tail - 3].imag
    assert tail_start(RISING, SPECTRA["semicircle"]) == 0 == tail_start(RISING, SPECTRA["Warburg"])


@pytest.mark.parametrize("name", ["blocked line", "arc and CPE", "R and C"])
def test_a_long_tail_is_cut_and_the_arcs_fill_the_window(name):
    Z = SPECTRA[name]
    window = nyquist_window([(RISING, Z)])
    arcs = Z[tail_start(RISING, Z) :]
    assert window.clipped and window.holds(arcs).all() and not window.holds(Z).all()
    if name != "R and C":
        assert np.ptp(arcs.real) > 0.5 * (window.x[1] - window.x[0])
    assert nyquist_window([(RISING, Z)], whole=True).holds(Z).all()


def test_rounding_noise_on_a_resistance_is_not_magnified():
    noise = 1e-12 * np.sin(np.arange(RISING.size))
    Z = SPECTRA["resistance"] * (1 + noise + 1j * noise)
    window = nyquist_window([(RISING, Z)])
    assert window.x[0] < 0 and window.x[1] > 82.5 and window.holds(Z).all()


def test_window_of_two_spectra_holds_the_arcs_of_both():
    window = nyquist_window([(RISING, SPECTRA["blocked line"]), (RISING, SPECTRA["semicircle"])])
    assert window.clipped and window.holds(SPECTRA["semicircle"]).all()


positive = st.floats(-3, 7).map(lambda power: 10.0**power)


@example(R0=1.0, R=10.0**1.5, tau=-1.0, C=0.75, alpha=0.75, tail=True)
@settings(max_examples=60, deadline=None)
@given(R0=positive, R=positive, tau=st.floats(-5, 2), C=st.floats(-9, 1), alpha=st.floats(0.3, 1.0), tail=st.booleans())
def test_windows_of_any_circuit_are_readable(R0, R, tau, C, alpha, tail):
    Z = R0 + R / (1 + (S * 10.0**tau) ** alpha) + (1 / (10.0**C * S**alpha) if tail else 0)
    for shapes in ((0.5, 1.0), (0.3, 0.55)):
        window = nyquist_window([(RISING, Z)], shapes=shapes)
        width, height = window.x[1] - window.x[0], window.y[1] - window.y[0]
        assert np.isfinite([*window.x, *window.y]).all() and width > 0
        assert shapes[0] * (1 - 1e-9) <= height / width <= shapes[1] * (1 + 1e-9)
        assert window.holds(Z).any() and (window.clipped or window.holds(Z).all())


# ---- Nyquist figures


@pytest.mark.parametrize("columns", [1, 2])
@pytest.mark.parametrize("name", SPECTRA)
def test_marks_are_legible(name, columns):
    """By the renderer's own measure: no label overlaps another, a marker of the data, or the edge of the axes."""
    figure = nyquist([record(name), record("arc")], columns=columns)
    figure.canvas.draw()
    (axes,) = figure.axes
    labels = [text for text in axes.texts if text.get_text().endswith("Hz") and text.get_ha() == "center"]
    assert len(labels) >= 2
    boxes = [text.get_window_extent() for text in labels]
    assert not any(a.overlaps(b) for a, b in itertools.combinations(boxes, 2))
    frame = axes.get_window_extent().padded(1)
    assert all(frame.containsx(b.x0) and frame.containsx(b.x1) for b in boxes)
    assert all(frame.containsy(b.y0) and frame.containsy(b.y1) for b in boxes)
    for line in lines(axes, dashed=False):
        points = axes.transData.transform(line.get_xydata())
        assert not any(box.contains(*point) for box in boxes for point in points)


@pytest.mark.parametrize("name", SPECTRA)
def test_axes_are_equal_and_data_are_those_of_the_study(name):
    figure = nyquist(record(name))
    (axes,) = figure.axes
    figure.canvas.draw()
    box = axes.get_window_extent()
    per_x = box.width / np.ptp(axes.get_xlim())
    assert per_x == pytest.approx(box.height / np.ptp(axes.get_ylim()), rel=1e-6)
    unit = axes.get_xlabel().removeprefix("Z′ / ")
    factor = {"Ω": 1.0, "kΩ": 1e-3, "MΩ": 1e-6}[unit]
    assert axes.get_ylabel() == f"−Z″ / {unit}"
    (line,) = lines(axes, dashed=False)
    np.testing.assert_allclose(line.get_xdata(), factor * SPECTRA[name].real, rtol=1e-12)
    np.testing.assert_allclose(line.get_ydata(), -factor * SPECTRA[name].imag, rtol=1e-12)


def test_closed_forms_lie_under_the_markers_as_black_dashes():
    (axes,) = nyquist([synthetic.study("battery"), synthetic.study("ion_blocking")]).axes
    dashed, computed = lines(axes, dashed=True), lines(axes, dashed=False)
    assert len(dashed) == len(computed) == 2
    assert all(line.is_dashed() and line.get_marker() in ("None", "", None) for line in dashed)
    assert max(line.get_zorder() for line in dashed) < min(line.get_zorder() for line in computed)
    assert {line.get_marker() for line in computed} == {"o", "s"}
    assert len({line.get_color() for line in computed}) == 2


def test_a_cut_tail_is_owned_up_to():
    def remarks(figure):
        return [text.get_text() for text in figure.axes[0].texts if "cut" in text.get_text()]

    assert remarks(nyquist(synthetic.study("battery"))) == ["tail cut off: −Z″ rises to 79.6 kΩ at 1 mHz"]
    assert remarks(nyquist(synthetic.study("battery"), whole=True)) == []
    assert remarks(nyquist(synthetic.study("ion_blocking"))) == []


def test_area_specific_impedance_is_shown_per_square_centimetre():
    study = synthetic.study("ion_blocking", area=7.85e-5)
    (axes,) = nyquist(study).axes
    assert axes.get_xlabel() == "Z′ / Ω cm²"
    (line,) = lines(axes, dashed=False)
    np.testing.assert_allclose(line.get_xdata(), 1e4 * study.Z.real[::-1], rtol=1e-12)
    assert bode(study).axes[0].get_ylabel() == "|Z| / Ω cm²"


def test_a_pure_resistance_is_one_point_with_its_range_of_frequencies():
    (axes,) = nyquist(record("resistance")).axes
    assert [text.get_text() for text in axes.texts] == ["1 mHz to 1 MHz"]
    assert axes.get_xlim()[0] < 0 < 82.5 < axes.get_xlim()[1]


def test_decades_are_interpolated_between_stored_frequencies():
    frequency = np.array([0.5, 2.0, 50.0])
    Z = np.array([4 - 1j, 2 - 2j, 1 - 0.5j])
    found = decades_of(frequency, Z)
    assert [d.text for d in found] == ["1 Hz", "10 Hz"]
    assert (found[0].x, found[0].y) == pytest.approx((3.0, 1.5))  # 1 Hz is midway in log f


def test_studies_in_any_order_of_frequency_look_the_same():
    down = synthetic.study()
    up = synthetic.study(frequency=RISING)
    for a, b in zip(nyquist(down).axes + bode(down).axes, nyquist(up).axes + bode(up).axes, strict=True):
        for one, other in zip(a.lines, b.lines, strict=True):
            np.testing.assert_allclose(one.get_xydata(), other.get_xydata(), rtol=1e-12)


@pytest.mark.parametrize("draw", [nyquist, bode])
def test_units_that_differ_or_nothing_to_draw_are_refused(draw):
    with pytest.raises(InputError, match="ohm and ohm m\\^2 cannot share a figure"):
        draw([synthetic.study(), synthetic.study(area=1e-4)])
    with pytest.raises(InputError, match="at least one study"):
        draw([])
    with pytest.raises(InputError, match="1 labels for 2 studies"):
        draw([synthetic.study(), synthetic.study("ion_blocking")], labels=["one"])


# ---- Bode figures


@pytest.mark.parametrize("name", SPECTRA)
def test_bode_shows_every_modulus_and_phase_inside_its_axes(name):
    modulus, phase = bode(record(name)).axes
    (line,) = lines(modulus, dashed=False)
    factor = {"Ω": 1.0, "kΩ": 1e-3, "MΩ": 1e-6}[modulus.get_ylabel().removeprefix("|Z| / ")]
    np.testing.assert_allclose(line.get_ydata(), factor * np.abs(SPECTRA[name]), rtol=1e-12)
    (angle,) = lines(phase, dashed=False)
    np.testing.assert_allclose(angle.get_ydata(), np.angle(SPECTRA[name], deg=True), atol=1e-12)
    for axes, drawn in ((modulus, line), (phase, angle)):
        low, high = axes.get_ylim()
        assert low <= drawn.get_ydata().min() and drawn.get_ydata().max() <= high
        assert axes.get_xscale() == "log" and axes.get_xlim()[0] <= 1e-3 and axes.get_xlim()[1] >= 1e6
    shown = [t for t in modulus.get_yticks() if modulus.get_ylim()[0] <= t <= modulus.get_ylim()[1]]
    assert len(shown) >= 2


@pytest.mark.parametrize("frequency", [[20.0], [20.0, 50.0], [0.9, 1.1]])
def test_few_frequencies_still_have_axes_with_numbers(frequency):
    study = synthetic.study(frequency=np.array(frequency))
    for axes in bode(study).axes + nyquist(study).axes:
        low, high = axes.get_xlim()
        assert len([tick for tick in axes.get_xticks() if low <= tick <= high]) >= 2


# ---- profiles


def test_rail_profiles_have_a_column_per_frequency_and_a_line_per_rail():
    study = synthetic.study()
    figure = rail_profiles(study, layers=layer_spans(synthetic.grid()))
    upper, lower = figure.axes[::2], figure.axes[1::2]
    assert [axes.get_title(loc="left") for axes in upper] == ["1 mHz", "1 Hz", "1 kHz"]
    for k, (modulus, phase) in enumerate(zip(upper, lower, strict=True)):
        for axes, part in ((modulus, np.abs), (phase, phase_along)):
            drawn = [line for line in axes.lines if len(line.get_xdata()) == 48]
            assert len(drawn) == 2
            for line, rail in zip(drawn, study.profile_rails.values(), strict=True):
                np.testing.assert_array_equal(line.get_ydata(), part(rail[k]))
                np.testing.assert_allclose(line.get_xdata(), 1e6 * study.profile_position)
            assert len({str(line.get_linestyle()) + line.get_color() for line in drawn}) == 2
            border = [line for line in axes.lines if len(line.get_xdata()) == 2]
            assert [line.get_xdata()[0] for line in border] == [pytest.approx(1e6 * synthetic.grid().faces[0][4])]


def test_phase_is_continuous_and_absent_where_nothing_moves():
    turning = np.exp(1j * np.linspace(0, 4 * np.pi, 50))
    np.testing.assert_allclose(phase_along(turning), np.linspace(0, 720, 50), atol=1e-9)
    values = np.array([1.0, np.nan, 1j, 1e-14 * (1 + 1j)])
    np.testing.assert_allclose(phase_along(values), [0, np.nan, 90, np.nan], atol=1e-12)
    assert np.isnan(phase_along(np.full(3, np.nan, dtype=complex))).all()


def test_rail_that_is_absent_in_a_layer_leaves_a_gap():
    study = synthetic.study()
    electron = study.profile_rails["electron"].copy()
    electron[:, :10] = np.nan
    figure = rail_profiles(replace(study, profile_rails={"ion": study.profile_rails["ion"], "electron": electron}))
    drawn = figure.axes[0].lines[1].get_ydata()
    assert np.isnan(drawn[:10]).all() and np.isfinite(drawn[10:]).all()


def test_steady_has_a_panel_per_unit_and_names_the_layers():
    figure = steady(synthetic.study(), layers=layer_spans(synthetic.grid()))
    potential, concentration = figure.axes
    assert potential.get_ylabel() == "Φ / mV" and concentration.get_ylabel() == "c / mol m⁻³"
    assert [text.get_text() for text in potential.texts] == ["separator", "cathode"]
    np.testing.assert_allclose(potential.lines[1].get_ydata()[0], 10.0)
    assert concentration.get_xlabel() == "x / µm"


def test_steady_scales_suit_the_values():
    study = synthetic.study()
    x = study.steady_position

    def axes_of(values, unit="mol/m^3"):
        return steady(replace(study, steady={"c": (values, unit)})).axes[0]

    wide = axes_of(np.logspace(-3, 3, 48))
    assert wide.get_yscale() == "log"
    small = axes_of(2e4 + 0.01 * x / x[-1])
    assert small.get_ylabel() == "(c − 20000) / mmol m⁻³"
    np.testing.assert_allclose(small.lines[0].get_ydata(), 10 * x / x[-1], atol=1e-6)
    same = axes_of(2e4 * (1 + 1e-15 * np.sin(np.arange(48))))
    assert np.ptp(same.get_ylim()) > 1000  # rounding is not a profile
    zero = axes_of(np.zeros(48), "V")
    assert zero.get_ylim()[0] < 0 < zero.get_ylim()[1]


def test_studies_without_profiles_are_refused():
    study = synthetic.study()
    with pytest.raises(InputError, match="battery stores no profiles"):
        rail_profiles(replace(study, profile_rails={}))
    with pytest.raises(InputError, match="battery stores no steady profiles"):
        steady(replace(study, steady={}))


# ---- numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1e-3, "1 mHz"),
        (1.0, "1 Hz"),
        (1e3, "1 kHz"),
        (1e6, "1 MHz"),
        (0.0123, "12.3 mHz"),
        (0.0, "0 Hz"),
        (1e15, "1e+03 THz"),
    ],
)
def test_prefixes(value, text):
    assert scales.with_prefix(value, "Hz") == text


@given(st.floats(1e-9, 1e12))
def test_displayed_numbers_are_short(value):
    shown = value * 10.0 ** -scales.prefix_power(value)
    assert 1.19 <= shown <= 1201


AN_AXIS = XAxis(Axes(Figure(), (0, 0, 1, 1)))


@settings(max_examples=40, deadline=None)
@given(st.floats(-9, 9), st.floats(0.01, 14))
def test_decade_axes_have_few_labels_that_say_their_value(low, span):
    axis = AN_AXIS
    scales.decades(axis, 10.0**low, 10.0 ** (low + span))
    ticks = axis.get_major_locator()()
    assert len(ticks) <= 8
    if span >= 2:
        assert len(ticks) >= 2
    labels = axis.get_major_formatter().format_ticks(ticks)
    plain = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
    assert [10.0 ** int(text[2:].translate(plain)) for text in labels] == pytest.approx(list(ticks))


# ---- files


def test_save_writes_both_files_whole_and_the_same_each_time(tmp_path):
    figure = nyquist(synthetic.study())
    png, svg = save(figure, tmp_path / "figures" / "nyquist.v1")
    assert (png.name, svg.name) == ("nyquist.v1.png", "nyquist.v1.svg")
    with Image.open(png) as image:
        assert image.size[0] == pytest.approx(8.5 / 2.54 * 200, abs=1)
    text = svg.read_text(encoding="utf-8")
    assert "Z′ / Ω" in text and "10 Hz" in text  # text stays text
    first = png.read_bytes(), svg.read_bytes()
    save(nyquist(synthetic.study()), tmp_path / "figures" / "nyquist.v1")
    assert (png.read_bytes(), svg.read_bytes()) == first
    assert sorted(p.name for p in png.parent.iterdir()) == ["nyquist.v1.png", "nyquist.v1.svg"]


def test_settings_of_matplotlib_are_left_alone(tmp_path):
    before = dict(mpl.rcParams)
    save(steady(synthetic.study()), tmp_path / "s")
    assert dict(mpl.rcParams) == before


def test_names_with_dollars_and_underscores_are_drawn_as_they_are(tmp_path):
    study = replace(synthetic.study(), name="cost_$5$")
    _, svg = save(nyquist(study), tmp_path / "n")
    assert ">cost $5$</text>" in svg.read_text(encoding="utf-8")


def test_pyplot_is_never_loaded():
    code = "import miecsim.plot, sys; assert 'matplotlib.pyplot' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_speed_of_four_figures(benchmark, tmp_path):
    pair = [synthetic.study("battery"), synthetic.study("ion_blocking")]

    def draw():
        for name, figure in {
            "nyquist": nyquist(pair),
            "bode": bode(pair),
            "rails": rail_profiles(pair[0]),
            "steady": steady(pair[0]),
        }.items():
            save(figure, tmp_path / name)

    benchmark(draw)
