"""AFM impedance: tips on films and grains, what is read from their spectra, and what they see."""

from __future__ import annotations

from math import pi

import numpy as np
import pytest

import miecsim as mx
from miecsim.errors import InputError
from miecsim.physics.elements import Lumped
from miecsim.physics.layers import CarrierIn, ChargedLayer, ConductorLayer, Junction
from miecsim.physics.models import Model
from miecsim.plot.technique_afm_impedance import technique_afm_impedance
from miecsim.techniques.afm_impedance import DISC, FILM, RULE, WALL, afm_impedance
from miecsim.techniques.formulas_tip import disc_on_film
from miecsim.techniques.record import TechniqueRecord

T, SIGMA, R_GB, C_GB = 0.9e-6, 0.037, 3.1e-7, 0.021
HIGH, LOW = 1e4 / (2 * pi * R_GB * C_GB), 1e-4 / (2 * pi * R_GB * C_GB)


def grains(around: float = SIGMA) -> Model:
    law = Lumped(R=R_GB, C=C_GB)
    layers = [ConductorLayer("grain", T, SIGMA, 0.0), ConductorLayer("around", T, around, 0.0)]
    return mx.mixed_conductor(layers, junctions=[Junction(("grain", "around"), "ion", law)])


def film() -> Model:
    return mx.mixed_conductor([ConductorLayer("film", T, SIGMA, 0.0)])


def test_a_film_reads_its_conductivity_by_the_film_formula_alone() -> None:
    record = afm_impedance(film(), radius=[12e-9, 0.31e-6], frequency=[1e3], fineness=0.8)
    for number in (1, 2):
        assert abs(record.figure("conductivity", f"{FILM}, reading {number}").error) < 0.011
    assert record.figure("conductivity", f"{DISC}, reading 2").error == pytest.approx(
        1 / (4 * 0.31e-6 * disc_on_film(1.0, 0.31e-6, T)) - 1, rel=0.06
    )
    # A disc sees less far than a hemisphere of its radius, by which the rule of four radii holds 75 %.
    assert record.figure("probed depth", f"{RULE}, reading 1").true == pytest.approx(2.54 * 12e-9, rel=0.03)
    held = record.tables["held"]
    at = (held["reading"][0] == 1) & (held["distance"][0] > 3.9 * 12e-9) & (held["distance"][0] < 4.6 * 12e-9)
    np.testing.assert_allclose(held["share"][0][at], 0.84, atol=0.02)
    power = record.tables["map"]
    assert power["r"][0].shape == power["share per volume"][0].shape
    assert any("metal below" in remark for remark in record.remarks)


def test_an_element_at_the_tip_is_in_series_with_the_film() -> None:
    a, law, f = 41e-9, Lumped(R=2.1e-7, C=0.04), np.geomspace(1e5, 1e11, 5)
    with_law = afm_impedance(film(), radius=a, frequency=f, contact=law, fineness=0.6)
    bare = afm_impedance(film(), radius=a, frequency=f, fineness=0.6)
    Z = [record.tables["impedance"]["Z real"][0] for record in (with_law, bare)]
    assert Z[0][-1] == pytest.approx(Z[1][-1], rel=1e-2)
    # Thomson's principle: the tip of one potential is the least, an even current a trial of 32/(3 pi^2) as much
    series = 2.1e-7 / (pi * a**2)
    assert series < Z[0][0] - Z[1][0] < series + (32 / (3 * pi**2) - 1) * Z[1][0]
    shares = {name: values[0] for name, (values, _) in with_law.tables["shares"].items()}
    assert shares["contact"] == pytest.approx(series / Z[0][0], rel=0.1)
    assert shares["grain"] + shares["contact"] == pytest.approx(1.0, rel=1e-9)
    assert any("arc of its own" in remark for remark in with_law.remarks)


def test_a_closed_grain_adds_its_wall_in_series_and_a_columnar_one_hardly() -> None:
    """A wall of r_gb around a small grain carries all current: at least R_gb over its area. Down a wide column the
    current reaches the metal below without crossing it."""
    tip = {"radius": 11e-9, "frequency": [LOW, HIGH], "fineness": 0.7}
    closed = afm_impedance(grains(), grain=60e-9, depth=70e-9, **tip)
    wall = closed.figure("boundary resistance", WALL)
    assert wall.true == pytest.approx(R_GB, rel=1e-12)
    assert 1.0 < wall.textbook / R_GB < 1.5  # the potential on the wall is nearly one, and current less even
    area = 2 * pi * 60e-9 * 70e-9 + pi * 60e-9**2
    shares = {name: values[0] for name, (values, _) in closed.tables["shares"].items()}
    low = closed.tables["readings"]["R_low"][0][0]
    assert shares["boundary"] == pytest.approx(wall.textbook / area / low, rel=0.25)
    assert sum(shares[name] for name in ("grain", "around", "boundary")) == pytest.approx(1.0, rel=1e-8)
    column = afm_impedance(grains(), grain=1.9e-6, **tip)
    arc = [float(np.subtract(*(r.tables["readings"][n][0] for n in ("R_low", "R_high")))[0]) for r in (closed, column)]
    assert 0 < arc[1] < 0.02 * arc[0]


def test_the_boundary_is_seen_by_larger_tips_on_smaller_grains() -> None:
    pairs = [(10e-9, 0.2e-6), (40e-9, 0.2e-6), (40e-9, 0.08e-6)]
    record = afm_impedance(
        grains(0.011), radius=[a for a, _ in pairs], grain=[g for _, g in pairs], depth=0.1e-6,
        frequency=[LOW, HIGH], fineness=0.6,
    )  # fmt: skip
    readings = record.tables["readings"]
    part = (readings["R_low"][0] - readings["R_high"][0]) / readings["R_low"][0]
    assert np.all(np.diff(part) > 0)
    # all of the grain below: an even smaller arc than a boundary wall in series with rho/4a
    assert part[0] < R_GB / (2 * pi * 0.2e-6 * 0.1e-6 + pi * 0.04e-12) * 4 * 10e-9 * SIGMA * 1.6
    relaxed = record.tables["impedance"]["Z imaginary"][0]
    assert np.all(np.abs(relaxed) < 2e-3 * np.repeat(readings["R_low"][0], 2))


def test_a_mixed_conductor_by_carriers_reads_the_carrier_that_the_tip_exchanges() -> None:
    carriers = (
        CarrierIn("vacancy", 2, 310.0, 4e-12),
        CarrierIn("electron", -1, 90.0, 3e-10),
    )
    layer = ChargedLayer("film", T, carriers)
    model = mx.mixed_conductor([layer], temperature=873.0)
    record = afm_impedance(model, radius=25e-9, frequency=[1e9], carrier="vacancy", fineness=0.6)
    assert record.figure("conductivity", FILM).true == pytest.approx(layer.sigma(0, 873.0))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"radius": -1e-9}, "radius must be positive"),
        ({"radius": 1e-8, "grain": 1e-7}, "expected one film"),
        ({"radius": 1e-8, "depth": 1e-7}, "needs its radius"),
        ({"radius": 1e-8, "carrier": "electron"}, "does not conduct"),
    ],
)
def test_impossible_tips_are_refused(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        afm_impedance(film(), **({"frequency": [1.0]} | arguments))  # type: ignore[arg-type]


def test_impossible_grains_are_refused() -> None:
    with pytest.raises(InputError, match="does not fit on a grain"):
        afm_impedance(grains(), radius=1e-7, grain=5e-8, frequency=[1.0])
    with pytest.raises(InputError, match="less than the film"):
        afm_impedance(grains(), radius=1e-8, grain=5e-8, depth=2e-6, frequency=[1.0])


def test_the_figure_shows_all_readings_on_equal_axes() -> None:
    record = afm_impedance(grains(), radius=[10e-9, 30e-9], grain=80e-9, frequency=[LOW, 1e8, HIGH], fineness=0.5)
    spectra, held, power = technique_afm_impedance(record).axes[:3]
    assert len(spectra.lines) == 2 and "ρ" in spectra.get_xlabel()
    x, y = np.diff(spectra.get_xlim())[0], np.diff(spectra.get_ylim())[0]
    box = spectra.get_position()
    page = spectra.figure.get_size_inches()
    assert (box.width * page[0] / x) == pytest.approx(box.height * page[1] / y, rel=1e-6)
    assert len(held.lines) == 3 and power.get_aspect() == 1.0
    with pytest.raises(InputError, match="AFM impedance"):
        technique_afm_impedance(TechniqueRecord("other", {}, ()))
