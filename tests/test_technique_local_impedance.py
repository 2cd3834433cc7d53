"""Local impedance spectroscopy: scans over uniform films, over a step of conductivity and over a grain boundary."""

from __future__ import annotations

from math import log, pi

import numpy as np
import pytest

import miecsim as mx
from miecsim.errors import InputError
from miecsim.physics.elements import Lumped
from miecsim.physics.layers import ConductorLayer, Junction
from miecsim.physics.models import Model
from miecsim.plot.technique_local_impedance import technique_local_impedance
from miecsim.techniques.local_impedance import RULE, STRIP, local_impedance
from miecsim.techniques.record import TechniqueRecord

T, W, SIGMA, OTHER = 1.1e-6, 0.7e-3, 0.037, 0.0083
R_GB, C_GB = 2.3e-5, 0.03
HALF = 7e-6


def sample(right: float | None = OTHER, boundary: bool = False) -> Model:
    layers = [ConductorLayer("left", HALF, SIGMA, 0.0), ConductorLayer("right", HALF, right or SIGMA, 0.0)]
    law = [Junction(("left", "right"), "ion", Lumped(R=R_GB, C=C_GB))] if boundary else []
    return mx.mixed_conductor(layers if right is not None else layers[:1], junctions=law)


def scan(model: Model, positions: list[float], breadth: float = 0.21e-6, **more: object) -> TechniqueRecord:
    arguments = {"breadth": breadth, "positions": positions, "thickness": T, "width": W, "frequency": [1e3]}
    return local_impedance(model, **(arguments | {"fineness": 0.7} | more))  # type: ignore[arg-type]


def test_a_uniform_film_reads_its_conductivity_closer_by_the_square_of_the_fineness() -> None:
    errors = [scan(sample(None), [3.6e-6], fineness=n).figure("conductivity", STRIP).error for n in (0.7, 1.4)]
    assert -0.009 < errors[0] < 0
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2.0, abs=0.25)


def test_far_from_the_step_a_contact_reads_its_own_side_and_on_it_the_mean() -> None:
    record = scan(sample(), [2.5e-6, HALF, 11.5e-6])
    read = record.tables["scan"]["conductivity"][0]
    assert read[0] == pytest.approx(SIGMA, rel=0.012) and read[2] == pytest.approx(OTHER, rel=0.012)
    # by symmetry no current crosses the joint: two half films in parallel, exactly
    assert read[1] == pytest.approx((SIGMA + OTHER) / 2, rel=0.009)


def test_the_width_of_a_step_is_of_the_thickness_and_not_of_the_contact() -> None:
    places = (HALF + T * np.array([-2.4, -0.8, -0.4, -0.22, 0.05, 0.22, 0.4, 0.8, 2.4])).tolist()
    widths = []
    for breadth in (0.1e-6, 0.2e-6):
        record = scan(sample(), places, breadth, fineness=0.5)
        row = record.figure("resolution")
        assert row.how == RULE and row.textbook == pytest.approx(2 * breadth)
        widths.append(row.true)
    # a disc's four radii would double with the contact
    assert 1.0 < widths[1] / widths[0] < 1.45
    assert 0.3 * T < widths[0] < 1.2 * T


def test_a_boundary_between_like_grains_shows_an_arc_where_the_contact_is_near() -> None:
    f = np.array([1e-4, 1e4]) / (2 * pi * R_GB * C_GB)
    places = (HALF + T * np.array([-2.5, -0.7, -0.35, -0.14, 0.0, 0.14, 0.35, 0.7, 2.5])).tolist()
    record = scan(sample(SIGMA, boundary=True), places, frequency=f, fineness=0.5)
    arc = record.tables["scan"]["arc"][0]
    np.testing.assert_allclose(arc, arc[::-1], rtol=1e-4)
    assert np.all(np.diff(arc[:4]) > 0)
    assert arc[4] < 1e-6 * arc[3]  # across it, half on each grain: no current crosses
    # no more than a boundary that lets nothing through: mirror image at the thickness' range, and none far away
    assert arc[0] < 2e-3 * arc[3]
    blocked = scan(sample(1e-9 * SIGMA), places[3:4], fineness=0.5).tables["scan"]["R_low"][0][0]
    low = record.tables["scan"]["R_low"][0]
    assert low[0] < low[3] < blocked
    assert 0.2 * T < record.figure("resolution").true < 1.5 * T
    np.testing.assert_allclose(record.tables["scan"]["conductivity"][0], SIGMA, rtol=0.02)


def test_the_depth_that_is_seen_goes_with_the_logarithm_of_thickness_over_breadth() -> None:
    """Half of ln(16 t/pi b) lies within R where ln(R/c) is half of it, c = b/4 the radius of the strip's own circle."""
    b = 0.004e-6
    deep = scan(sample(None), [3.6e-6], b).tables["scan"]["depth of 50 %"][0][0]
    assert deep == pytest.approx(b / 4 * np.exp(log(16 * T / (pi * b)) / 2), rel=0.05)


@pytest.mark.parametrize(
    ("positions", "more", "words"),
    [([1e-8], {}, "does not lie on a film"), ([3e-6], {"breadth": 0.0}, "breadth must be positive")],
)
def test_impossible_scans_are_refused(positions: list[float], more: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        scan(sample(), positions, **more)


def test_remarks_say_what_limits_a_scan() -> None:
    record = scan(sample(), [1e-6, 2e-6], contact=Lumped(R=1e-7, C=0.1), fineness=0.5)
    words = " ".join(record.remarks)
    assert "an end of the film" in words and "arc of its own" in words and "no width" in words


def test_the_figure_draws_scan_and_section() -> None:
    places = [HALF - 0.5e-6, HALF - 0.2e-6, HALF + 0.3e-6]
    record = scan(sample(boundary=True), places, frequency=[1e3, 1e6], fineness=0.5)
    figure = technique_local_impedance(record)
    conductivity, arc, depth, spectra, section = figure.axes[:5]
    assert "S m⁻¹" in conductivity.get_ylabel() and "Ω" in arc.get_ylabel() and "nm" in depth.get_ylabel()
    assert section.get_aspect() == 1.0 and section.get_xlim() == (-6.0, 6.0)
    assert spectra.get_aspect() == 1.0 and len(spectra.lines) == 3
    with pytest.raises(InputError, match="local impedance"):
        technique_local_impedance(TechniqueRecord("other", {}, ()))
