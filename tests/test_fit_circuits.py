"""Circuits and closed forms as models of a fit, their slopes, and fits side by side."""

from __future__ import annotations

from dataclasses import replace

import mpmath
import numpy as np
import pytest
from composites import LENGTH, SURFACE, measured

from miecsim.circuit.cdc import parse_cdc, parse_string
from miecsim.errors import InputError
from miecsim.inverse.closed_forms import ClosedForm, Formula, circuit_formula, circuit_parameters, read_circuit
from miecsim.inverse.comparison import compare
from miecsim.inverse.fit import Fit, fit
from miecsim.inverse.forward import FitData, FreeParameter

F = np.logspace(-2, 5, 45)
RANDLES = "R0{13}-p(R1{170},CPE1{2e-4,0.83})-Wo1{40,7}"
FAR = {"R0": 3.0, "R1": 2e3, "CPE1.Q": 1e-5, "CPE1.alpha": 0.95, "Wo1.R": 400.0, "Wo1.tau": 0.4}
TRUTH = {"sigma_ion": 0.0173, "sigma_eon": 0.214, "Q": 0.37, "alpha": 0.87, "R_contact": 4.4e-4}


def noisy(Z, frequency, seed: int, noise: float = 0.005) -> FitData:
    rng = np.random.default_rng(seed)
    sigma = noise * np.abs(Z)
    return FitData(
        "data", frequency, Z + sigma * (rng.standard_normal(Z.size) + 1j * rng.standard_normal(Z.size)), sigma
    )


def test_slopes_of_a_circuit_are_those_of_high_precision() -> None:
    """R0 + R1/(1 + R1 Q (j w)^alpha) + R coth(sqrt(j w tau))/sqrt(j w tau), differentiated by mpmath."""
    formula = circuit_formula(RANDLES)
    values = read_circuit(RANDLES).parameters()
    form = ClosedForm((formula,), (F[::9],))
    ((Z, dZ),) = form.gradients(np.array([values[name] for name in form.names], dtype=float))

    def exact(w, R0, R1, Q, alpha, R, tau):
        s = mpmath.sqrt(1j * w * tau)
        return R0 + R1 / (1 + R1 * Q * (1j * w) ** alpha) + R * mpmath.coth(s) / s

    with mpmath.workdps(30):
        numbers = [mpmath.mpf(float(values[name])) for name in form.names]
        for k, f in enumerate(F[::9]):
            w = 2 * mpmath.pi * mpmath.mpf(float(f))
            assert abs(Z[k] - complex(exact(w, *numbers))) < 1e-12 * abs(Z[k])
            for i in range(6):
                order = tuple(int(i == j) for j in range(6))
                slope = complex(mpmath.diff(lambda *p, w=w: exact(w, *p), tuple(numbers), order))
                assert abs(dZ[i, k] - slope) < 1e-8 * max(abs(slope), 1e-3 * abs(Z[k]) / float(numbers[i]))


@pytest.mark.parametrize("alpha", [0.83, 1.0, 0.30001])
def test_slopes_along_the_real_axis_stop_at_bounds(alpha: float) -> None:
    """A formula that refuses numbers beyond its bounds: from one side there, the same slope."""

    def walled(p, f):
        if not 0.3 <= p["alpha"] <= 1:
            raise InputError("alpha")
        return 1 / (p["Q"] * (2j * np.pi * f) ** p["alpha"])

    form = ClosedForm((Formula(("Q", "alpha"), walled),), (F,))
    ((Z, dZ),) = form.gradients(np.array([3e-3, alpha]))
    np.testing.assert_allclose(dZ[0], -Z / 3e-3, rtol=1e-9)
    np.testing.assert_allclose(dZ[1], -Z * np.log(2j * np.pi * F), rtol=1e-6)


def test_a_circuit_is_found_again_from_far_away() -> None:
    """A decade and a half off: value by value within three errors, and as deep as the truth."""
    Z = read_circuit(RANDLES).impedance(2 * np.pi * F)
    data = noisy(Z, F, 3)
    start = parse_string(RANDLES).with_parameters(FAR)
    found = fit(ClosedForm((circuit_formula(start),), (F,)), circuit_parameters(start), [data])
    truth = read_circuit(RANDLES).parameters()
    for i, p in enumerate(found.parameters):
        assert abs(p.scaled(found.values[i]) - p.scaled(float(truth[p.name]))) < 3 * found.error[i], p.name
    assert found.identified.all()
    assert found.chi2 < float(np.sum(np.abs((data.Z - Z) / data.sigma) ** 2))
    assert {p.name: p.unit for p in found.parameters}["Wo1.tau"] == "s"
    bounds = {p.name: (p.low, p.high, p.log) for p in found.parameters}
    assert bounds["CPE1.alpha"] == (0.3, 1.0, False) and bounds["R0"] == pytest.approx((3e-3, 3e3, True))


def test_two_rails_as_circuits_share_their_parameters() -> None:
    """Both blocking cells of a composite, each a circuit with a line in it; against a ladder of the same composite."""
    data = measured(TRUTH, ("ion_blocking", "electron_blocking"), np.random.default_rng(2))
    text = "R0{{1e-3}}-Rails1{{R_ion=1e-3, R_eon=1e-3, interface=CPE1{{1,0.8}}, configuration={}}}"
    circuits = [parse_string(text.format(ends)) for ends in ("ee", "ii")]
    form = ClosedForm(tuple(circuit_formula(one) for one in circuits), tuple(one.frequency for one in data))
    assert form.names == ("R0", "Rails1.R_ion", "Rails1.R_eon", "CPE1.Q", "CPE1.alpha")
    found = fit(form, circuit_parameters(circuits[0]), data, starts=2)
    truth = [4.4e-4, LENGTH / 0.0173, LENGTH / 0.214, 0.37 * SURFACE * LENGTH, 0.87]
    scaled = [(p.scaled(v), p.scaled(t)) for p, v, t in zip(found.parameters, found.values, truth, strict=True)]
    assert all(abs(a - b) < 3 * error for (a, b), error in zip(scaled, found.error, strict=True))
    held = circuit_formula(circuits[0], {"CPE1.alpha": 0.87})
    assert held.names == ("R0", "Rails1.R_ion", "Rails1.R_eon", "CPE1.Q")


def fitted(text: str, data: FitData, **keywords) -> Fit:
    circuit = read_circuit(text)
    return fit(
        ClosedForm((circuit_formula(circuit),), (data.frequency,)), circuit_parameters(circuit), [data], **keywords
    )


def test_a_circuit_that_is_wrong_is_told_from_one_that_is_right() -> None:
    """The blocking spectrum of a composite: its line leaves noise, a resistor beside a constant phase element does not,
    however well it seems to lie on the points."""
    data = measured(TRUTH, ("electron_blocking",), np.random.default_rng(6))[0]
    line = fitted(
        "R0{1e-3}-Rails1{R_ion=1e-3, R_eon=1e-3, interface=CPE1{1,0.8}, configuration=ii}", data, profiled=False
    )
    arc = fitted("R0{1e-3}-p(R1{1e-3},CPE1{1,0.7})", data, profiled=False)
    rows = compare({"arc": arc, "line": line})
    assert [row.name for row in rows] == ["line", "arc"] and rows[0].behind == 0 < rows[1].behind
    assert not rows[0].systematic and rows[1].systematic
    assert rows[1].autocorrelation > 0.5 > abs(rows[0].autocorrelation) and rows[1].runs < -5
    assert rows[1].chi2 > 2 * rows[0].chi2 and rows[0].largest < 4.5
    assert "what is left is noise" in rows[0].words() and "a systematic misfit is left" in rows[1].words()


def test_a_right_model_is_seldom_called_wrong_and_a_small_error_seen() -> None:
    """White residuals pass; a wave as large as the noise, unseen by chi2 where sigma is not known, does not."""
    arc = "R0{13}-p(R1{170},C1{2e-4})"
    found = fitted(arc, noisy(read_circuit(arc).impedance(2 * np.pi * F), F, 1))
    rng, wave = np.random.default_rng(5), (1 + 1j) * np.sqrt(2) * np.sin(np.log(F))
    wrong, seen = 0, 0
    for _ in range(300):
        white = rng.standard_normal(F.size) + 1j * rng.standard_normal(F.size)
        wrong += compare({"arc": replace(found, residuals=(white,), noise=1.0)})[0].systematic
        seen += compare({"arc": replace(found, residuals=(white + wave,), noise=np.sqrt(2.0))})[0].systematic
    assert wrong <= 3 and seen > 270
    trusted = replace(found.data[0], known=True)
    doubted = replace(trusted, sigma=trusted.sigma / 1.6)
    assert not compare({"arc": fitted(arc, trusted)})[0].systematic
    assert compare({"arc": fitted(arc, doubted)})[0].systematic


def test_what_cannot_be_read_is_one_line() -> None:
    assert read_circuit("R(RQ)") == parse_cdc("R(RQ)")
    with pytest.raises(InputError, match="circuit string 'R0-X1', position 4"):
        read_circuit("R0-X1")
    with pytest.raises(InputError, match="circuit: R0 has no value to start from"):
        circuit_parameters("R0-C1{1}")
    with pytest.raises(InputError, match="circuit: read a fixed R2; it has R0, C1; did you mean R0"):
        circuit_formula("R0{1}-C1{1}", {"R2": 1.0})
    with pytest.raises(InputError, match="compare: read no fit"):
        compare({})
    Z = read_circuit("R0{13}-C1{2e-4}").impedance(2 * np.pi * F)
    one, other = (fitted("R0{13}-C1{2e-4}", noisy(Z, F, seed)) for seed in (1, 2))
    with pytest.raises(InputError, match="compare: a and b were not fitted to the same data"):
        compare({"a": one, "b": other})
    with pytest.raises(InputError, match="C1: read bounds"):
        FreeParameter("C1", 1.0, 2.0, 1.0)
