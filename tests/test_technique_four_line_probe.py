"""The four-line probe on slabs of every thickness, near an end of the slab, with broad lines, and at frequencies."""

from __future__ import annotations

from math import log, pi

import numpy as np
import pytest

import miecsim as mx
from miecsim.physics.models import Model
from miecsim.plot.technique_four_line_probe import technique_four_line_probe
from miecsim.techniques.four_line_probe import four_line_probe
from miecsim.techniques.record import TechniqueRecord

S, W, SIGMA = 1.3e-3, 7.1e-3, 0.37


def slab(length: float, sigma: float = SIGMA) -> Model:
    return mx.composite_electrode([mx.CompositeLayer("slab", length, sigma_ion=0.0, sigma_eon=sigma)])


def error(record: TechniqueRecord, how: str = "slab") -> float:
    return record.figure("conductivity", how).error


@pytest.mark.parametrize("ratio", [0.31, 0.9, 3.1])
def test_lines_on_a_wide_slab_read_its_conductivity(ratio: float) -> None:
    """The exact formula of the endless slab: within 1e-3, closer by the square of the cell size."""
    length = (3 + 8 * max(1, ratio)) * S
    errors = [
        error(four_line_probe(slab(length), spacing=S, thickness=ratio * S, width=W, line=S / 20 / n, fineness=n))
        for n in (1, 2, 4)
    ]
    assert abs(errors[0]) < 1e-3 and abs(errors[2]) < 7e-5
    assert abs(errors[1]) < 0.4 * abs(errors[0])
    assert np.log2(abs(errors[1] / errors[2])) == pytest.approx(2.0, abs=0.1)


def test_the_limits_are_off_by_what_theory_says() -> None:
    """Thin: x/ln(2 cosh x) - 1, thick: ln 2/ln(2 cosh x) - 1 with x = pi s/2t; V/I itself by hand."""
    ratios = np.array([0.2, 0.71, 1.9, 6.3])
    record = four_line_probe(slab(100 * S), spacing=S, thickness=ratios * S, width=W)
    x = pi / (2 * ratios)
    exact = np.log(2 * np.cosh(x))
    table = record.tables["readings"]
    np.testing.assert_allclose(table["resistance"][0], 2 / (pi * W * SIGMA) * exact, rtol=1e-3)
    for how, unit in (("thin slab", x), ("thick slab", log(2))):
        np.testing.assert_allclose(table[f"conductivity, {how}"][0] / SIGMA, unit / exact, rtol=1e-3)
    assert record.figure("conductivity", "thick slab, reading 2").error == pytest.approx(
        log(2) / exact[1] - 1, abs=1e-3
    )
    assert record.conservation == 0.0
    assert any("thin slab" in remark for remark in record.remarks)


def images(length: float, thickness: float, first: float) -> float:
    """sigma w V/I of four lines on a slab with two insulating ends: mirror images of every line in both ends.

    phi(x) = -ln|2 sinh(pi x/2t)| (I/pi sigma w) around each; `first` is the distance of the first line from an end.
    """
    at = first + S * np.arange(4)

    def potential(x: float) -> float:
        total = 0.0
        for line, current in ((at[0], 1.0), (at[3], -1.0)):
            n = 2 * length * np.arange(-40, 41)
            for mirrored in (line, -line):
                u = pi * np.abs(x - n - mirrored) / (2 * thickness)
                total -= current * np.sum(u + np.log(-np.expm1(-2 * u)))
        return total / pi

    return float(potential(at[1]) - potential(at[2]))


def test_an_end_of_the_slab_close_by() -> None:
    """Against the images of the lines in the ends: what the formulas of the endless slab miss."""
    length, t = 11.3 * S, 1.7 * S
    offsets = S * np.array([0.0, 2.9, 3.9, 4.05])
    record = four_line_probe(slab(length), spacing=S, thickness=t, width=W, offset=offsets, line=S / 60, fineness=1.4)
    exact = np.array([images(length, t, length / 2 - abs(o) - 1.5 * S) for o in offsets]) / (SIGMA * W)
    np.testing.assert_allclose(record.tables["readings"]["resistance"][0], exact, rtol=5e-4)
    off = np.abs([one.error for one in record.compared if one.how.startswith("slab")])
    assert np.all(np.diff(off) > 0) and off[0] < 1e-3 and off[-1] > 0.04
    assert any("an end of the slab lies" in remark for remark in record.remarks)
    mirrored = four_line_probe(slab(length), spacing=S, thickness=t, width=W, offset=-offsets[2:3])
    straight = four_line_probe(slab(length), spacing=S, thickness=t, width=W, offset=offsets[2:3])
    assert error(mirrored) == pytest.approx(error(straight), rel=1e-7)


def test_broad_lines_short_the_slab() -> None:
    """Strips of one potential read too high a conductivity, by the square of their breadth."""
    broad = [
        error(four_line_probe(slab(20 * S), spacing=S, thickness=0.8 * S, width=W, line=b * S, line_cells=16))
        for b in (0.05, 0.1)
    ]
    assert broad[0] > 3e-4
    assert broad[1] / broad[0] == pytest.approx(4.0, rel=0.15)


def test_direct_current_reads_electrons_and_high_frequencies_read_all() -> None:
    """Ions cannot leave through the lines: V/I goes from that of sigma_eon to that of sigma_ion + sigma_eon."""
    s_i, s_e, c = 0.23, 0.41, 3.1e6
    layer = mx.ConductorLayer("slab", 20 * S, s_i, s_e, chemical_capacitance=c)
    D = s_i * s_e / (s_i + s_e) / c
    t = 0.9 * S
    f = np.array([1e-6, 400.0]) * D / S**2
    record = four_line_probe(mx.mixed_conductor([layer]), spacing=S, thickness=t, width=W, frequency=f, line=S / 30)
    assert record.figure("conductivity", "slab").true == s_e
    assert abs(error(record)) < 1e-3
    Z = record.tables["impedance"]["Z real"][0] + 1j * record.tables["impedance"]["Z imaginary"][0]
    R = record.tables["readings"]["resistance"][0][0]
    assert Z[0] == pytest.approx(R, rel=1e-3)
    assert abs(Z[1] / R * (s_i + s_e) / s_e - 1) < 3e-3


def test_carriers_and_layers() -> None:
    """The ions of a charged layer, and two layers of which the probe stands on the second."""
    salt = mx.ChargedLayer(
        "salt", 18 * S, (mx.CarrierIn("cation", 2, 310.0, 3.1e-10), mx.CarrierIn("anion", -1, 620.0, 4.7e-10))
    )
    one = four_line_probe(mx.mixed_conductor([salt]), spacing=S, thickness=0.7 * S, width=W, carrier="cation")
    assert one.figure("conductivity", "slab").true == pytest.approx(salt.sigma(0, 298.15))
    assert abs(error(one)) < 1e-3
    layers = [mx.CompositeLayer("a", 9 * S, sigma_eon=3.1), mx.CompositeLayer("b", 21 * S, sigma_eon=SIGMA)]
    two = four_line_probe(mx.composite_electrode(layers), spacing=S, thickness=0.7 * S, width=W, offset=4.5 * S)
    assert two.figure("conductivity", "slab").true == SIGMA and abs(error(two)) < 1e-3
    assert any("not uniform" in remark for remark in two.remarks)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"spacing": 0.0}, "spacing must be positive"),
        ({"thickness": [S, -S]}, "thickness must be positive"),
        ({"spacing": 7 * S}, "do not lie on a slab"),
        ({"offset": 9 * S}, "do not lie on a slab"),
        ({"offset": np.nan}, "do not lie on a slab"),
        ({"line": 1.1 * S}, "are thinner"),
        ({"line_cells": 0}, "line_cells = 0"),
        ({"fineness": 0.5}, "fineness = 0.5"),
        ({"carrier": "hole"}, "hole"),
        ({"carrier": "ion"}, "absent"),
        ({"frequency": [-1.0]}, "positive, finite"),
    ],
)
def test_impossible_probes(given: dict, says: str) -> None:
    arguments = {"spacing": S, "thickness": S, "width": W} | given
    with pytest.raises(mx.InputError, match=says) as caught:
        four_line_probe(slab(20 * S), **arguments)
    assert "\n" not in str(caught.value)


def test_figure_of_a_probe_that_crosses_a_joint_in_the_middle() -> None:
    """Positions do not fold about the middle of the slab: one abscissa for each, the true value stepping at the joint;
    what is read over the joint is the series mean between the inner lines."""
    layers = [mx.CompositeLayer("a", 10 * S, sigma_eon=3.1), mx.CompositeLayer("b", 10 * S, sigma_eon=SIGMA)]
    offset = S * np.array([2.0, -2.0, -0.2, 0.2])
    model = mx.composite_electrode(layers)
    record = four_line_probe(model, spacing=S, thickness=0.3 * S, width=W, offset=offset)
    reading, off = technique_four_line_probe(record).axes
    assert off.get_xlabel() == "middle of the probe / mm" and reading.get_ylabel().startswith("σ as read")
    true, _, thin, _ = reading.get_lines()[:4]
    np.testing.assert_allclose(thin.get_xdata(), 1e3 * (10 * S + np.sort(offset)), rtol=1e-12)
    parts = np.array([0.7, 0.3]) / 3.1, np.array([0.3, 0.7]) / SIGMA
    expected = np.array([3.1, *(1 / (parts[0] + parts[1])), SIGMA])
    scale = 1e-3 if reading.get_ylabel().endswith("kS m⁻¹") else 1.0
    np.testing.assert_allclose(thin.get_ydata(), scale * expected, rtol=3e-3)
    np.testing.assert_allclose(true.get_ydata(), scale * np.array([3.1, 3.1, SIGMA, SIGMA]), rtol=1e-12)
    assert true.get_xdata()[1] == true.get_xdata()[2] == pytest.approx(1e4 * S)
    errors = [line.get_xdata() for line in off.get_lines() if line.get_marker() == "o"]
    assert [x.size for x in errors] == [2] * 6  # three formulas, broken at the joint


def test_figure() -> None:
    """Over thickness, and over the distance from an end where only that differs."""
    thick = four_line_probe(slab(15 * S), spacing=S, thickness=S * np.array([1.6, 0.4]), width=W)
    near = four_line_probe(slab(20 * S), spacing=S, thickness=S, width=W, offset=S * np.array([0.0, 8.2]))
    for record, label in ((thick, "t / s"), (near, "end of the slab from outer line / s")):
        ratio, off = technique_four_line_probe(record).axes
        assert off.get_xlabel() == label
        shown = ratio.get_lines()[-1].get_ydata()
        np.testing.assert_allclose(
            shown, record.tables["readings"]["resistance"][0] * SIGMA * W * pi / (2 * log(2)), rtol=1e-12
        )
        assert len(off.get_lines()) == 3
    with pytest.raises(mx.InputError, match="other"):
        technique_four_line_probe(TechniqueRecord("other", {}, ()))
