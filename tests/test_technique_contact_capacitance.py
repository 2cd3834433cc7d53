"""Capacitance of a contact under bias: exact formulas met by the model, and what the textbook's lines read from it."""

from __future__ import annotations

import numpy as np
import pytest

from miecsim.constants import FARADAY, thermal_voltage
from miecsim.errors import InputError
from miecsim.physics.layers import CarrierIn, ChargedLayer
from miecsim.physics.models import Model, mixed_conductor, nernst_planck_poisson
from miecsim.plot.technique_contact_capacitance import technique_contact_capacitance
from miecsim.techniques.contact_capacitance import contact_capacitance
from miecsim.techniques.record import Compared, TechniqueRecord

T, EPS, N = 773.0, 2.302e-10, 313.0
VACANCY = CarrierIn("vacancy", 2, N, 1.3e-13)
ELECTRON = CarrierIn("electron", -1, N, 1.3e-13)
SALT = (CarrierIn("cation", 1, 41.0, 1.1e-13), CarrierIn("anion", -1, 41.0, 3.7e-13))


def _model(*carriers: CarrierIn, thickness: float = 19e-9) -> Model:
    return nernst_planck_poisson([ChargedLayer("film", thickness, carriers, EPS)], temperature=T)


def test_blocking_plates_with_a_salt_between_meet_the_cell_with_a_fixed_amount() -> None:
    V = np.array([-0.13, -0.03, 0.05, 0.21, 0.37])
    errors = []
    for per_debye in (10, 20):
        table = contact_capacitance(_model(*SALT), V, per_debye=per_debye).tables["capacitance"]
        errors.append(table["formula"][0] / table["capacitance"][0] - 1)
    assert np.all(np.abs(errors[1]) < 5e-4) and np.all(np.abs(errors[1]) < 0.3 * np.abs(errors[0]))


def test_the_cosh_is_good_in_a_thick_cell_and_overrates_a_thin_one() -> None:
    V = np.array([-0.07, 0.0, 0.11, 0.19])
    lam = np.sqrt(EPS * thermal_voltage(T) / (2 * FARADAY * 41.0))
    cosh = EPS / (2 * lam) * np.cosh(V / (4 * thermal_voltage(T)))
    thick, thin = (
        contact_capacitance(_model(*SALT, thickness=L), V + 0.043, flat_band=0.043, per_debye=30)
        for L in (1100e-9, 5e-9)
    )
    assert thick.tables["capacitance"]["textbook"][0] == pytest.approx(cosh, rel=1e-12)
    errors = [one.error for one in thick.compared]
    assert len(errors) == 5 and np.max(np.abs(errors)) < 5e-3
    table, last = thin.tables["capacitance"], thin.figure("capacitance", "Gouy-Chapman, 0.233 V")
    assert last.error == pytest.approx(table["textbook"][0][-1] / table["formula"][0][-1] - 1, rel=5e-3)
    assert last.error > 0.25
    assert thick.figure("carriers of the bulk", "least capacitance").true == 41.0
    assert any("left in the middle" in line for line in thin.remarks)


def test_a_contact_on_a_fixed_background_depletes_and_accumulates() -> None:
    V = np.linspace(-0.13, 0.37, 26)
    record = contact_capacitance(_model(VACANCY), V, per_debye=15)
    table = record.tables["capacitance"]
    C = table["capacitance"][0]
    assert table["formula"][0] == pytest.approx(C, rel=3e-3)
    # the charge of the plate is the integral of C, and its own differences say so
    assert table["differences"][0][5:-1] == pytest.approx(C[5:-1], rel=2e-2)
    line = np.interp(np.linspace(0, 0.3, 500), V, C)
    whole = float(np.sum((line[1:] + line[:-1]) / 2) * (0.3 / 499))
    assert np.interp(0.3, V, table["charge"][0]) - np.interp(0.0, V, table["charge"][0]) == pytest.approx(
        whole, rel=5e-3
    )
    assert np.all(np.isnan(table["textbook"][0]) == (V <= thermal_voltage(T) / 2))


@pytest.mark.parametrize(("carrier", "sign"), [(VACANCY, 1), (ELECTRON, -1)])
def test_the_line_of_the_inverse_square_reads_carriers_and_flat_band(carrier: CarrierIn, sign: int) -> None:
    """From 12 RT/zF on the line is straight to rounding: what is left is the mesh's, which falls with its square."""
    unit, flat_band = thermal_voltage(T) / abs(carrier.charge), -0.0713
    V = flat_band + sign * unit * np.array([0.0, *np.linspace(12.0, 25.0, 7)])
    errors = []
    for per_debye in (12, 24):
        record = contact_capacitance(_model(carrier), np.sort(V), flat_band=flat_band, per_debye=per_debye)
        how = "line of 1/C^2 over V"
        bulk, foot = record.figure("carriers of the bulk", how), record.figure("flat-band voltage", how)
        assert (bulk.true, foot.true) == (N, flat_band)
        errors.append((bulk.error, (foot.textbook - flat_band) / unit))
    assert np.all(np.abs(errors[1]) < [4e-4, 2e-3]) and abs(errors[1][0]) < 0.3 * abs(errors[0][0])
    bare = record.figure("flat-band voltage", "its foot, without R T/zF").textbook
    assert bare - foot.textbook == pytest.approx(sign * unit, rel=1e-9)
    ends = record.tables["line"]
    assert ends["inverse_square"][0][0] == 0.0
    assert ends["inverse_square"][0][1] == pytest.approx(
        record.tables["capacitance"]["capacitance"][0][-1 if sign > 0 else 0] ** -2, rel=1e-4
    )


def test_an_area_makes_totals() -> None:
    V, area = [0.0, 0.21, 0.33, 0.47], 0.37e-4
    one, all_of_it = (contact_capacitance(_model(VACANCY), V, area=A, per_debye=6) for A in (None, area))
    for name, power, unit in (("capacitance", 1, "F"), ("charge", 1, "C"), ("voltage", 0, "V")):
        values, read = all_of_it.tables["capacitance"][name]
        assert read == unit
        assert values == pytest.approx(one.tables["capacitance"][name][0] * area**power, rel=1e-12)
    assert all_of_it.tables["line"]["inverse_square"][1] == "1/F^2"
    for mine, theirs in zip(all_of_it.compared, one.compared, strict=True):
        assert mine.error == pytest.approx(theirs.error, rel=1e-12)
        assert mine.unit == theirs.unit.removesuffix("/m^2")


def test_figures() -> None:
    depletes = technique_contact_capacitance(contact_capacitance(_model(VACANCY), [0.0, 0.2, 0.3, 0.4], per_debye=8))
    assert "N =" in depletes.axes[0].texts[0].get_text()
    assert [axes.get_ylabel() for axes in depletes.axes] == ["C / µF cm⁻²", "C⁻² / 10⁻³ cm⁴ µF⁻²"]
    salt = technique_contact_capacitance(contact_capacitance(_model(*SALT), [-0.1, 0.0, 0.1], area=1e-6, per_debye=8))
    assert [axes.get_ylabel() for axes in salt.axes] == ["C / nF", "error of the cosh / %"]
    other = TechniqueRecord("pitt", {}, (Compared("D", 1.0, 1.0, "m^2/s", "fit"),))
    with pytest.raises(InputError, match='"pitt"'):
        technique_contact_capacitance(other)


@pytest.mark.parametrize(
    ("model", "voltages", "more", "told"),
    [
        (_model(VACANCY), [0.0, 0.1], {}, "at least three"),
        (_model(VACANCY), [0.0, 0.2, 0.1], {}, "increasing"),
        (_model(VACANCY), [0.0, np.nan, 1.0], {}, "voltages must be finite"),
        (_model(VACANCY), [0.0, 0.1, 0.2], {"flat_band": np.inf}, "flat_band must be finite"),
        (_model(VACANCY), [0.0, 0.1, 0.2], {"area": 0.0}, "area must be positive"),
        (_model(VACANCY), [0.0, 0.1, 0.2], {"per_debye": 0}, "per_debye must be positive"),
        (mixed_conductor([ChargedLayer("g", 1e-8, SALT)]), [0.0, 0.1, 0.2], {}, "needs a permittivity"),
    ],
)
def test_impossible_experiments_are_refused(model: Model, voltages: list[float], more: dict, told: str) -> None:
    with pytest.raises(InputError, match=told) as error:
        contact_capacitance(model, voltages, **more)
    assert "\n" not in str(error.value)
