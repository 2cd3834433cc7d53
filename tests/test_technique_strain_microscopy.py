"""Electrochemical strain microscopy: planar diffusion under the tip, the steady field of a disc, and conserved ions."""

from __future__ import annotations

from math import pi

import numpy as np
import pytest

import miecsim as mx
from miecsim.constants import FARADAY, thermal_voltage
from miecsim.errors import InputError
from miecsim.physics.elements import Lumped
from miecsim.physics.layers import CarrierIn, ChargedLayer, ConductorLayer
from miecsim.physics.models import Model
from miecsim.plot.technique_strain_microscopy import technique_strain_microscopy
from miecsim.techniques.formulas_tip import spheroid_depth
from miecsim.techniques.record import TechniqueRecord
from miecsim.techniques.strain_microscopy import CORNER, DIFFUSION, PLANAR, strain_microscopy

A, D, C, OMEGA, NU = 31e-9, 1.3e-14, 0.9e8, 1.7e-6, 0.27
CORNER_HZ = D / (2 * pi * A**2)


def film(thickness: float = 40 * A, ratio: float = 1e5) -> Model:
    """sigma_amb/c_chem = D whatever the ratio of the conductivities."""
    sigma = D * C * (1 + 1 / ratio)
    return mx.mixed_conductor([ConductorLayer("film", thickness, sigma, ratio * sigma, C)])


def measure(model: Model, frequency: object, **more: object) -> TechniqueRecord:
    arguments = {"radius": A, "frequency": frequency, "expansion": OMEGA, "poisson_ratio": NU}
    return strain_microscopy(model, **(arguments | {"fineness": 0.8} | more))  # type: ignore[arg-type]


def column(record: TechniqueRecord, name: str) -> np.ndarray:
    return record.tables["displacement"][name][0]


def test_above_the_corner_the_rise_is_that_of_planar_diffusion() -> None:
    """u_3 = 2 (1 + nu) Omega/3 c/(F) sqrt(D/iw), less the kernel's own z/a within the layer: both by hand."""
    f = CORNER_HZ * np.array([1.1e3, 4.3e3])
    record = measure(film(), f)
    u = column(record, "u_3 real") + 1j * column(record, "u_3 imaginary")
    k = np.sqrt(2j * pi * f / D)
    plane = 2 * (1 + NU) * OMEGA / 3 * C / FARADAY / k
    np.testing.assert_allclose(u, plane * (1 - 1 / (k * A)), rtol=8e-3)
    np.testing.assert_allclose(column(record, "phase"), -45, atol=1.2)
    assert record.figure("slope").true == pytest.approx(-0.5, abs=0.012)
    assert record.figure("displacement", PLANAR).error == pytest.approx(0.0, abs=0.02)
    np.testing.assert_allclose(column(record, "half width"), A, rtol=0.02)


def test_a_clamped_film_rises_by_its_own_column() -> None:
    f = CORNER_HZ * np.array([1.3e3])
    record = measure(film(), f, elastic="clamped")
    u = column(record, "u_3 real") + 1j * column(record, "u_3 imaginary")
    plane = (1 + NU) / (1 - NU) * OMEGA / 3 * C / FARADAY * np.sqrt(D / (2j * pi * f))
    np.testing.assert_allclose(u, plane, rtol=8e-3)


def test_far_below_the_corner_the_composition_is_the_field_of_a_disc() -> None:
    """delta_c = c_chem/F (2/pi) arccot(xi) on a half space; half of it is sqrt(2) tip radii away, not sqrt(D/w)."""
    record = measure(film(400 * A), [1e-7 * CORNER_HZ, 1e-6 * CORNER_HZ, 1e-5 * CORNER_HZ])
    table = {name: values for name, (values, _) in record.tables["map"].items()}
    near = np.hypot(table["r"], table["depth"]) < 4 * A
    xi = spheroid_depth(table["r"][near], table["depth"][near], A)
    exact = C / FARADAY * 2 / pi * np.arctan(1 / xi)
    np.testing.assert_allclose(table["concentration real"][near], exact, atol=0.02 * C / FARADAY)
    assert column(record, "half width")[0] == pytest.approx(np.sqrt(2) * A, rel=0.01)
    assert record.figure("resolution", DIFFUSION).error > 100
    assert 0 < record.figure("diffusivity", CORNER).textbook < D


def test_a_tip_that_blocks_ions_moves_them_without_letting_any_in() -> None:
    f = CORNER_HZ * np.array([0.9, 2e3, 4e3])
    record = measure(film(10 * A, 30.0), f, tip=("electron",), base=("electron",))
    grid = record.tables["map"]
    assert record.figure("slope").true == pytest.approx(-1.0, abs=0.02)
    np.testing.assert_allclose(column(record, "phase")[1:], 90, atol=3)  # a current, which is in phase, integrated
    assert any("blocks ions" in remark for remark in record.remarks)
    assert np.any(grid["concentration imaginary"][0] > 0) and np.any(grid["concentration imaginary"][0] < 0)


def test_carriers_give_the_same_film_as_coefficients() -> None:
    vacancy, electron, T = CarrierIn("vacancy", 2, 410.0, 3e-14), CarrierIn("electron", -1, 820.0, 2e-9), 900.0
    layer = ChargedLayer("film", 30 * A, (vacancy, electron))
    sigma, c_chem = [layer.sigma(i, T) for i in (0, 1)], layer.chemical_capacitance(T)
    assert c_chem == pytest.approx(FARADAY / thermal_voltage(T) / (1 / (4 * 410.0) + 1 / 820.0))
    by_carriers = measure(mx.mixed_conductor([layer], temperature=T), [40.0], ion="vacancy", tip=("vacancy",))
    rails = mx.mixed_conductor([ConductorLayer("film", 30 * A, *sigma, c_chem)], temperature=T)
    np.testing.assert_allclose(
        column(by_carriers, "u_3 real"), column(measure(rails, [40.0]), "u_3 real") / 2, rtol=1e-8
    )


def test_remarks_say_what_limits_the_reading() -> None:
    record = measure(film(10 * A, 3.0), [CORNER_HZ], elastic="clamped", contact=Lumped(R=1e-6, C=0.1), fineness=0.5)
    words = " ".join(record.remarks)
    assert "resistance to electrons" in words and "no planar diffusion" in words and "not clamped" in words


@pytest.mark.parametrize(
    ("model", "more", "words"),
    [
        (film(), {"elastic": "plate"}, "half_space, clamped"),
        (film(), {"poisson_ratio": 0.5}, "Poisson"),
        (film(), {"expansion": -1.0}, "expansion must be positive"),
        (mx.mixed_conductor([ConductorLayer("film", A, 1.0, 0.0)]), {}, "both conductivities"),
        (mx.composite_electrode([mx.CompositeLayer("film", A, 1.0, 1.0)]), {}, "electroneutral film"),
        (mx.mixed_conductor([ConductorLayer(n, A, 1.0, 1.0, 1.0) for n in "ab"]), {}, "one film"),
    ],
)
def test_what_cannot_be_measured_is_refused(model: Model, more: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        measure(model, [1.0], **more)


def test_the_figure_shows_amplitude_phase_and_reach() -> None:
    record = measure(film(10 * A), CORNER_HZ * np.geomspace(1e-2, 1e3, 5), fineness=0.5)
    figure = technique_strain_microscopy(record)
    size, phase, reach, along, section = figure.axes[:5]
    assert "pm" in size.get_ylabel() and "°" in phase.get_ylabel() and "reach" in reach.get_ylabel()
    assert len(along.lines) == 3 and section.get_aspect() == 1.0
    with pytest.raises(InputError, match="strain microscopy"):
        technique_strain_microscopy(TechniqueRecord("other", {}, ()))
