"""Quantities with units: the table of our own agrees with pint, and whatever cannot be read is told in one line."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from miecsim import units
from miecsim.errors import InputError
from miecsim.units import DIMENSIONS, format_quantity, parse, parse_any, read_quantity

READ = [
    ("470 um", "length", 4.7e-4),
    ("470um", "length", 4.7e-4),
    ("  470   um ", "length", 4.7e-4),
    ("+.5 m", "length", 0.5),
    ("5. nm", "length", 5e-9),
    ("-3.5e-2 mm", "length", -3.5e-5),
    ("1 angstrom", "length", 1e-10),
    ("0.785 cm^2", "area", 7.85e-5),
    ("0.785 cm**2", "area", 7.85e-5),
    ("1 (mm)^2", "area", 1e-6),
    ("5e5 1/m", "area_density", 5e5),
    ("5e5 /m", "area_density", 5e5),
    ("5e5 m^-1", "area_density", 5e5),
    ("1 m^2/m^3", "area_density", 1.0),
    ("16.6 mS/m", "conductivity", 0.0166),
    ("1 mS/cm", "conductivity", 0.1),
    ("1 mS cm^-1", "conductivity", 0.1),
    ("1 1/(ohm*cm)", "conductivity", 100.0),
    ("1 1/ohm/cm", "conductivity", 100.0),
    ("107 ohm", "resistance", 107.0),
    ("10 kohm", "resistance", 1e4),
    ("10 ohm*cm^2", "area_resistance", 1e-3),
    ("10 ohm cm^2", "area_resistance", 1e-3),
    ("1 V/A", "resistance", 1.0),
    ("20 uF/cm^2", "area_capacitance", 0.2),
    ("1e8 F/m^3", "volume_capacitance", 1e8),
    ("1 mol/L", "concentration", 1e3),
    ("1 mmol/cm^3", "concentration", 1e3),
    ("1e-9 cm^2/s", "diffusivity", 1e-13),
    ("1 mHz", "frequency", 1e-3),
    ("1 MHz", "frequency", 1e6),
    ("60 1/min", "frequency", 1.0),
    ("2 h", "time", 7200.0),
    ("25 degC", "temperature", 298.15),
    ("-25 degC", "temperature", 248.15),
    ("300 K", "temperature", 300.0),
    ("1 atm", "pressure", 101325.0),
    ("1 mbar", "pressure", 100.0),
    ("1 F/m", "permittivity", 1.0),
    ("10 C/cm^3", "charge_density", 1e7),
    ("1 mA/cm^2", "current_density", 10.0),
    ("25 mV", "potential", 0.025),
    ("1 eV", "energy", 1.602176634e-19),
    ("1 J/C", "potential", 1.0),
    ("50 %", "dimensionless", 0.5),
    ("0.5", "dimensionless", 0.5),
    ("1 F^(1/2)*F^0.5", "capacitance", 1.0),
    # as battery people type them
    ("470 \u00b5m", "length", 4.7e-4),
    ("470 \u03bcm", "length", 4.7e-4),
    ("10 \u03a9\u00b7cm\u00b2", "area_resistance", 1e-3),
    ("10 k\u2126", "resistance", 1e4),
    ("1 mS\u22c5cm\u207b\u00b9", "conductivity", 0.1),
    ("\u221225 \u00b0C", "temperature", 248.15),
    ("1 \u00c5", "length", 1e-10),
    # by way of pint
    ("1 inch", "length", 0.0254),
    ("1 M", "concentration", 1e3),
    ("2 hour", "time", 7200.0),
    ("3 ohms", "resistance", 3.0),
    ("1 mmHg", "pressure", 133.322387415),
]


@pytest.mark.parametrize(("text", "dimension", "value"), READ)
def test_quantities(text: str, dimension: str, value: float) -> None:
    assert parse(text, dimension, "here") == pytest.approx(value, rel=1e-14)
    assert parse_any(text, "here") == (parse(text, dimension, "here"), DIMENSIONS[dimension].unit)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("470 um", 470e-6),
        ("0.785 cm^2", 0.785e-4),
        ("16.6 mS/m", 16.6e-3),
        ("0.1 mS/cm", 0.01),
        ("4.12e-5 S/m", 4.12e-5),
    ],
)
def test_powers_of_ten_are_rounded_once(text: str, value: float) -> None:
    assert parse_any(text, "here")[0] == value


@pytest.mark.parametrize("name", DIMENSIONS)
def test_every_dimension_reads_its_own_unit_and_example(name: str) -> None:
    dimension = DIMENSIONS[name]
    alpha = 0.83
    assert parse(f"2 {dimension.unit}", name, "here", alpha) == 2.0
    assert parse(dimension.example, name, "here", alpha) != 0.0
    if "alpha" not in dimension.unit:
        for other in DIMENSIONS:
            if other != name and "alpha" not in DIMENSIONS[other].unit:
                with pytest.raises(InputError):
                    parse(f"2 {dimension.unit}", other, "here")


@given(alpha=st.floats(0.05, 1.0))
def test_constant_phase_elements(alpha: float) -> None:
    assert parse("0.1 F*s^(alpha-1)/m^2", "cpe_area", "here", alpha) == pytest.approx(0.1)
    assert parse("0.1 F*s^(-1+alpha)/m^2", "cpe_area", "here", alpha) == pytest.approx(0.1)
    assert parse("0.1 S*s^alpha/cm^2", "cpe_area", "here", alpha) == pytest.approx(1e3)
    assert parse("1 uF*s^(alpha-1)", "cpe_total", "here", alpha) == pytest.approx(1e-6)
    assert parse(f"0.1 F*s^({alpha!r}-1)/m^2", "cpe_area", "here", alpha) == pytest.approx(0.1)
    assert read_quantity("1 s^alpha/ohm", ("cpe_total", "cpe_area"), alpha) == (1.0, "cpe_total")
    if alpha < 0.999:
        with pytest.raises(InputError, match="a capacitance"):
            parse("0.1 F", "cpe_total", "here", alpha)


def test_alpha_one_is_a_capacitor() -> None:
    assert parse("2 uF/cm^2", "cpe_area", "here", 1.0) == pytest.approx(0.02)


# ------------------------------------------------------------------------------------------------ against pint


def pint_value(text: str) -> tuple[float, dict[str, float]]:
    quantity = units._registry().Quantity(text).to_base_units()
    return float(quantity.magnitude), {k: float(v) for k, v in quantity.dimensionality.items()}


def our_value(text: str) -> tuple[float, dict[str, float]]:
    value, unit = units._read(text, "a quantity", None)
    pairs = zip(units._PINT_BASE, unit.powers, strict=True)
    return value, {base: power for base, power in pairs if abs(power) > 1e-12}


NAMES = [*units._PREFIXED, *units._PLAIN, *(prefix + name for prefix in units._PREFIXES for name in units._PREFIXED)]


def test_every_name_of_the_table_is_what_pint_takes_it_for() -> None:
    wrong = []
    for name in NAMES:
        value, powers = our_value(f"1 {name}")
        expected, dimensionality = pint_value(f"1 {name}")
        if powers != dimensionality or not math.isclose(value, expected, rel_tol=1e-12):
            wrong.append((name, value, expected))
    assert wrong == []


POWER = st.sampled_from(["", "^2", "^-1", "^3", "**2", "^0.5", "^(-2)"])
FACTOR = st.tuples(st.sampled_from(NAMES), POWER).map("".join)
UNIT = st.lists(st.tuples(st.sampled_from([" * ", "/", "*", " / "]), FACTOR), max_size=3)
NUMBER = st.floats(1e-6, 1e6).map(repr) | st.integers(1, 1000).map(str)


@settings(max_examples=300, deadline=None)
@given(number=NUMBER, first=FACTOR, rest=UNIT)
def test_products_and_powers_agree_with_pint(number: str, first: str, rest: list[tuple[str, str]]) -> None:
    text = f"{number} {first}{''.join(mark + factor for mark, factor in rest)}"
    value, powers = our_value(text)
    expected, dimensionality = pint_value(text)
    assume(1e-250 < abs(expected) < 1e250)
    assert value == pytest.approx(expected, rel=1e-10)
    assert powers == pytest.approx({k: v for k, v in dimensionality.items() if abs(v) > 1e-12})


def test_common_units_need_no_pint_and_the_others_share_one_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_pint() -> Any:
        raise AssertionError("pint was asked")

    one = units._registry()
    assert units._registry() is one
    units._read_unit.cache_clear()
    units._named.cache_clear()
    monkeypatch.setattr(units, "_registry", no_pint)
    for text, dimension, value in READ[:-5]:
        assert parse(text, dimension, "here") == pytest.approx(value)
    units._from_pint.cache_clear()
    with pytest.raises(AssertionError, match="pint was asked"):
        parse("1 furlong", "length", "here")


# ------------------------------------------------------------------------------------------------ what is told

REFUSED: list[tuple[object, str, str]] = [
    ("470 S/m", "length", 'read "470 S/m" (a conductivity); expected a length, such as "470 um"'),
    ("470", "length", 'read "470" (no unit); expected a length, such as "470 um"'),
    (470, "length", 'read 470 (a number without a unit); expected a length, such as "470 um"'),
    (4.7e-4, "length", 'read 0.00047 (a number without a unit); expected a length, such as "470 um"'),
    (True, "length", 'read true; expected a length, such as "470 um"'),
    ([1], "length", 'read a list of 1; expected a length, such as "470 um"'),
    ({}, "length", 'read a table; expected a length, such as "470 um"'),
    (None, "length", 'read None; expected a length, such as "470 um"'),
    ("um", "length", 'read "um" (no number in front); expected a length'),
    ("", "length", 'read "" (no number in front); expected a length'),
    ("nan m", "length", 'read "nan m" (not a finite number); expected a length'),
    ("-inf m", "length", 'read "-inf m" (not a finite number); expected a length'),
    ("Infinity m", "length", 'read "Infinity m" (not a finite number); expected a length'),
    ("1e400 m", "length", 'read "1e400 m" (beyond what can be computed with); expected a length'),
    ("1e308 km", "length", 'read "1e308 km" (beyond what can be computed with); expected a length'),
    ("1e-400 m", "length", 'read "1e-400 m" (beyond what can be computed with); expected a length'),
    ("1e999 degC", "temperature", 'read "1e999 degC" (beyond what can be computed with); expected a temperature'),
    ("1 ((atm^10)^10)^10", "length", "(beyond what can be computed with); expected a length"),
    (
        "3 Ohm",
        "resistance",
        'read "3 Ohm" (unknown unit "Ohm", nearest "ohm"); expected a resistance, such as "10 ohm"',
    ),
    ("3 microns2", "length", 'read "3 microns2" (unknown unit "microns2"'),
    ("3 uF/cm2", "area_capacitance", '(unknown unit "cm2", nearest "cm^2"); expected a capacitance per area'),
    (
        "3 S cm-1",
        "conductivity",
        '("-" after "cm", powers are written with "^", as in "cm^-2"); expected a conductivity',
    ),
    ("25 C", "temperature", 'read "25 C" (a charge); expected a temperature, such as "25 degC"'),
    ("77 degF", "temperature", 'read "77 degF" (unknown unit "degF", nearest "degC"); expected a temperature'),
    ("3 dB", "dimensionless", 'read "3 dB" (unknown unit "dB"'),
    ("3 cd", "length", 'read "3 cd" (unknown unit "cd"'),
    ("1 S/degC", "conductivity", "(degC cannot stand in a product: use K); expected a conductivity"),
    ("1 m^", "length", "(an exponent is missing); expected a length"),
    ("1 m^x", "length", '(the exponent cannot be "x"); expected a length'),
    ("1 m^alpha", "length", '(the exponent cannot be "alpha"); expected a length'),
    ("1 m^99", "length", "(the exponent 99 lies beyond 10); expected a length"),
    ("1 m^(1/0)", "length", "(the exponent inf lies beyond 10); expected a length"),
    ("1 (m", "length", "(a bracket is not closed); expected a length"),
    ("1 m)", "length", '(")" after "m"); expected a length'),
    ("1 m*", "length", "(the unit breaks off at its end); expected a length"),
    ("1 m//s", "length", '(the unit breaks off at "/"); expected a length'),
    ("1 2 m", "length", '(the unit breaks off at "2"); expected a length'),
    ("1,5 m", "length", '("," cannot stand in a unit); expected a length'),
    ("1 __import__('os')", "length", "expected a length"),
    ("1 kg*m/s", "length", "(in base units: kg^1*m^1*s^-1); expected a length"),
    ("1 m" + "*m" * 200, "length", "(403 characters); expected a length"),
    ("1 m\nm", "conductivity", 'read "1 m\\nm" (an area); expected a conductivity'),
]


@pytest.mark.parametrize(("text", "dimension", "message"), REFUSED)
def test_what_cannot_be_read_is_told_in_one_line(text: object, dimension: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        parse(text, dimension, "case.toml: layer.a.thickness")
    line = str(caught.value)
    assert line.startswith("case.toml: layer.a.thickness: read ")
    assert message in line
    assert line.isprintable() and len(line) < 300
    assert caught.value.__suppress_context__


def test_an_integer_too_long_to_print_is_told_by_its_size() -> None:
    with pytest.raises(
        InputError, match=r"here: read an integer near -10\^5000 \(a number without a unit\); expected a length"
    ):
        parse(-(10**5000), "length", "here")


def test_two_dimensions_allowed() -> None:
    assert read_quantity("3 ohm", ("resistance", "area_resistance")) == (3.0, "resistance")
    assert read_quantity("3 ohm*m^2", ("resistance", "area_resistance")) == (3.0, "area_resistance")
    with pytest.raises(
        units.UnitError, match=r"expected a resistance or a resistance times area, such as \"0\.01 ohm\*m\^2\""
    ):
        read_quantity("3 V", ("resistance", "area_resistance"))


@settings(max_examples=300, deadline=None)
@given(text=st.text(max_size=30) | st.text("0123456789.eE+- *^/()mFsohlcKAk%\u00b5\u03a9\u00b2\u207b", max_size=25))
def test_any_text_is_read_or_told(text: str) -> None:
    try:
        value, unit = parse_any(text, "here")
    except InputError as error:
        assert str(error).isprintable()
        assert str(error).startswith("here: read ") and "; expected " in str(error)
    else:
        assert math.isfinite(value)
        assert isinstance(unit, str)


# --------------------------------------------------------------------------------------------------- shown


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (360.0, "ohm", "360 ohm"),
        (360.4, "ohm", "360 ohm"),
        (0.0166, "S/m", "16.6 mS/m"),
        (999.6, "ohm", "1 kohm"),
        (-0.0125, "V", "-12.5 mV"),
        (1e-3, "ohm", "1 mohm"),
        (4.7e-4, "m", "470 um"),
        (1.23456e8, "F/m^3", "123 MF/m^3"),
        (1e-2, "ohm*m^2", "10 mohm*m^2"),
        (7.85e-5, "m^2", "7.85e-5 m^2"),
        (5e5, "1/m", "500000 1/m"),
        (5e6, "1/m", "5e6 1/m"),
        (1e-13, "m^2/s", "1e-13 m^2/s"),
        (1e30, "ohm", "1e30 ohm"),
        (1e-30, "ohm", "1e-30 ohm"),
        (298.15, "K", "298 K"),
        (0.0123456, "", "0.0123"),
        (0.0, "ohm", "0 ohm"),
        (float("nan"), "ohm", "nan ohm"),
        (float("-inf"), "", "-inf"),
    ],
)
def test_format_quantity(value: float, unit: str, shown: str) -> None:
    assert format_quantity(value, unit) == shown


def test_format_digits() -> None:
    assert [format_quantity(123.456, "ohm", digits) for digits in (1, 2, 4, 6)] == [
        "100 ohm",
        "120 ohm",
        "123.5 ohm",
        "123.456 ohm",
    ]


@settings(max_examples=300, deadline=None)
@given(value=st.floats(1e-25, 1e25), sign=st.sampled_from([1.0, -1.0]), name=st.sampled_from(list(DIMENSIONS)))
def test_what_is_shown_can_be_read_back(value: float, sign: float, name: str) -> None:
    unit = DIMENSIONS[name].unit
    text = format_quantity(sign * value, unit, digits=6)
    assert parse(text, name, "here", 0.7) == pytest.approx(sign * value, rel=1e-5)
    assert "\n" not in text
