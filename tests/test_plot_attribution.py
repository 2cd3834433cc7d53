"""Figures of attribution: they show the parts, and the parts make the spectrum."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import synthetic_result as synthetic
from test_plot import record as spectrum

from miecsim.errors import InputError
from miecsim.plot import attribution_map, parts_nyquist, parts_stacked


def record(name):
    study = spectrum(name)
    return replace(study, attribution=synthetic.attribution(study.Z))


@pytest.mark.parametrize("name", ["blocked line", "arc", "resistance", "capacitor", "coil and arcs"])
def test_stacks_meet_the_spectrum(name):
    """What stands above zero less what hangs below is the black line, in both panels; names that stay in the axes."""
    study = record(name)
    figure = parts_stacked(study)
    for axes, component in zip(figure.axes, (study.Z.real, -study.Z.imag), strict=True):
        tops = np.zeros(study.frequency.size)
        for band in axes.collections:
            x, y = band.get_paths()[0].vertices.T
            for i, f in enumerate(study.frequency):
                ends = y[np.isclose(x, f, rtol=1e-12)]
                at = ends[np.argmax(np.abs(ends))]
                tops[i] += (ends.max() - ends.min()) * np.sign(at) if ends.size else 0.0
        line = next(one for one in axes.lines if one.get_color() == "black")
        np.testing.assert_allclose(tops, line.get_ydata(), atol=1e-9 * np.abs(line.get_ydata()).max())
        if component.any():
            most = np.abs(component).argmax()
            np.testing.assert_allclose(
                line.get_ydata() / line.get_ydata()[most], component / component[most], rtol=1e-12
            )
    assert "Z′" in figure.axes[0].get_ylabel() and "frequency / Hz" in figure.axes[1].get_xlabel()
    labels = [text.get_text() for text in figure.legends[0].get_texts()]
    assert labels == ["ion transport", "charge transfer", "interface capacitance", "terminals", "Z"]
    layered = parts_stacked(study, by="layer")
    assert [text.get_text() for text in layered.legends[0].get_texts()] == ["separator", "cathode", "Z"]


def test_points_take_the_colour_of_the_largest_part():
    study = record("arc and CPE")
    figure = parts_nyquist(study)
    parts = study.attribution.processes
    largest = np.stack([np.abs(p) for p in parts.values()]).argmax(axis=0)
    drawn = [line for line in figure.axes[0].lines if line.get_linestyle() == "None" and line.get_marker() != "+"]
    drawn = drawn[: len(parts)]
    assert [line.get_xdata().size for line in drawn] == [int(np.sum(largest == i)) for i in range(len(parts))]
    for axes in figure.axes:
        assert axes.get_aspect() == 1.0
        assert any("Hz" in text.get_text() for text in axes.texts)


def test_map_shows_density_along_the_cell():
    study = record("arc")
    figure = attribution_map(study, layers=[("separator", 0.0, 2e-5), ("cathode", 2e-5, synthetic.LENGTH)])
    titles = [axes.get_title(loc="left") for axes in figure.axes[:8:2]]
    assert titles[0] == "all processes" and "terminals" not in titles and len(set(titles)) == 4
    whole = figure.axes[0].collections[0].get_array()
    # parts per length of a cell whose places share Z alike: Re Z / |Z| everywhere
    expected = (study.Z.real / np.abs(study.Z))[:, None] * np.ones(12)
    np.testing.assert_allclose(whole, expected, rtol=1e-9)
    assert figure.axes[-1].get_xlabel() == "part per length × L / |Z|"


def test_without_attribution_there_is_no_figure_of_it():
    study = replace(record("arc"), attribution=None)
    for draw in (parts_stacked, parts_nyquist, attribution_map):
        with pytest.raises(InputError, match="no attribution"):
            draw(study)
