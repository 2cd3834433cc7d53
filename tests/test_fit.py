"""Fits: the truth found again from default starts, and what is said where the data do not hold it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from composites import MIDDLE, NAMES, UNITS, WIDE, drawn, free, measured, model, rails
from scipy.stats import t as student

from miecsim.errors import InputError, SolveError
from miecsim.inverse.closed_forms import ClosedForm, Formula
from miecsim.inverse.fit import Fit, fit
from miecsim.inverse.forward import FitData, FreeParameter

BOTH = ("ion_blocking", "electron_blocking")
TRUTH = {"sigma_ion": 0.0173, "sigma_eon": 0.214, "Q": 0.37, "alpha": 0.87, "R_contact": 4.4e-4}
LOW = np.logspace(-4, -2, 21)


def misfit_of_truth(truth, data) -> float:
    return sum(float(np.sum(np.abs((one.Z - rails(truth, one.frequency, one.name)) / one.sigma) ** 2)) for one in data)


def off(found: Fit, truth) -> np.ndarray:
    """Distance from the truth in standard errors (n_p,)."""
    scaled = [
        (p.scaled(float(v)), p.scaled(truth[p.name])) for p, v in zip(found.parameters, found.values, strict=True)
    ]
    return np.array([abs(a - b) for a, b in scaled]) / found.error


def covered(found: Fit, truth) -> np.ndarray:
    values = np.array([truth[name] for name in found.names])
    return (values >= found.low) & (values <= found.high)


def test_joint_fits_from_default_starts_find_the_truth() -> None:
    """Three decades of each parameter: every fit ends as deep as the truth lies, and few further than three errors."""
    rng, near = np.random.default_rng(11), []
    for _ in range(20):
        truth = drawn(rng)
        data = measured(truth, BOTH, rng)
        found = fit(model(BOTH), free(), data, profiled=False)
        assert found.chi2 < misfit_of_truth(truth, data)
        assert found.noise == pytest.approx(1.0, abs=0.2)
        near.append(bool(np.all((off(found, truth) < 3)[found.identified])))
    assert sum(near) >= 19


@pytest.mark.slow
def test_two_hundred_joint_fits_and_their_intervals() -> None:
    """In 95 % of the fits every parameter that is reported lies within three errors; intervals cover at 95 %."""
    rng, near, inside, identified = np.random.default_rng(7), [], [], []
    for _ in range(200):
        truth = drawn(rng)
        data = measured(truth, BOTH, rng)
        found = fit(model(BOTH), free(), data)
        assert found.chi2 < misfit_of_truth(truth, data)
        near.append(bool(np.all((off(found, truth) < 3)[found.identified])))
        inside.append(covered(found, truth))
        identified.append(found.identified)
    shares = np.mean(near), np.mean(inside), np.mean(np.array(inside)[np.array(identified)])
    print(
        f"within 3 errors {shares[0]:.3f} of fits; intervals cover {shares[1]:.3f}, of those identified {shares[2]:.3f}"
    )
    print(f"identified {dict(zip(NAMES, np.mean(identified, axis=0), strict=True))}")
    assert shares[0] >= 0.95
    assert abs(shares[1] - 0.95) < 0.03
    assert abs(shares[2] - 0.95) < 0.03


@pytest.mark.slow
def test_one_cell_alone_never_claims_to_know_all() -> None:
    """Z = (R_contact + z_p L) + (z_k^2 L/z_s) tanh(x/2)/(x/2) has four figures for five parameters, at all frequencies;
    far below those of the relaxation there is but one."""
    rng, inside, identified = np.random.default_rng(8), [], []
    for _ in range(40):
        truth = drawn(rng)
        found = fit(model(BOTH[:1]), free(), measured(truth, BOTH[:1], rng))
        assert not found.identified.all()
        assert sum("is not identified" in line for line in found.report()) == sum(~found.identified)
        inside.append(covered(found, truth))
        identified.append(found.identified)
    for _ in range(10):
        truth = drawn(rng)
        total = 97e-6 * (1 / truth["sigma_ion"] + 1 / truth["sigma_eon"])
        slowest = (total * 3.1e5 * 97e-6 * truth["Q"]) ** (-1 / truth["alpha"]) / (2 * np.pi)
        low = slowest * np.logspace(-7, -5, 21)
        found = fit(model(BOTH[:1], low), free(), measured(truth, BOTH[:1], rng, low))
        assert found.identified.sum() <= 1 and not found.identified[[0, 2, 3]].any()
        inside.append(covered(found, truth))
        identified.append(found.identified)
    print(f"intervals cover {np.mean(inside):.3f}; identified {np.mean(identified, axis=0)}")
    assert np.mean(inside) > 0.92


def test_one_cell_alone_and_both() -> None:
    """Slowly, only the rail that passes is seen, and only in series with the contact; a prior or more data help."""
    rng = np.random.default_rng(3)
    data = measured(TRUTH, BOTH, rng, LOW)
    parameters = tuple(p for p in free() if p.name != "alpha")
    at = {"alpha": TRUTH["alpha"]}

    def own(cells) -> ClosedForm:
        names = tuple(p.name for p in parameters)
        formulas = [Formula(names, lambda p, f, cell=cell: rails({**p, **at}, f, cell), True) for cell in cells]
        return ClosedForm(tuple(formulas), (LOW,) * len(cells))

    one = fit(own(BOTH[:1]), parameters, data[:1])
    assert not one.identified[0] and not one.identified[2] and not one.identified[3]
    assert covered(one, TRUTH).all()
    assert any("sigma_ion is not identified" in line for line in one.report())
    assert any("R_contact is not identified" in line for line in one.report())
    assert any("ln sigma_ion" in words for words in one.open_combinations())
    known = [replace(p, prior=(4.4e-4, 0.01)) if p.name == "R_contact" else p for p in parameters]
    both = fit(own(BOTH), known, data)
    assert both.identified[0] and both.identified[1]
    assert np.all(off(both, TRUTH)[:2] < 3)


def test_one_cell_over_all_frequencies_is_enough_where_the_contact_is_known() -> None:
    """Otherwise it has four figures for five parameters, and says so."""
    data = measured(TRUTH, BOTH[1:], np.random.default_rng(5))
    alone = fit(model(BOTH[1:]), free(), data, profiled=False)
    assert not alone.identified[[1, 4]].any()
    known = [replace(p, prior=(4.4e-4, 0.01)) if p.name == "R_contact" else p for p in free()]
    found = fit(model(BOTH[1:]), known, data)
    assert found.identified.all() and not found.open_combinations() and not found.profiled
    assert np.all(off(found, TRUTH) < 3)
    assert found.report()[0].startswith("sigma_ion = 0.01") and "S/m (95 %: " in found.report()[0]


def test_noise_that_is_known_and_noise_that_is_not() -> None:
    """An unknown factor of sigma is found, and only there the errors follow it."""
    rng = np.random.default_rng(9)
    data = measured(TRUTH, BOTH, rng)
    thrice = [replace(one, sigma=3 * one.sigma) for one in data]
    plain, scaled = fit(model(BOTH), free(), data), fit(model(BOTH), free(), thrice)
    assert scaled.noise == pytest.approx(plain.noise / 3, rel=1e-6)
    np.testing.assert_allclose(scaled.error, plain.error, rtol=1e-4)
    np.testing.assert_allclose(scaled.aic, plain.aic, rtol=1e-9)
    trusted = fit(model(BOTH), free(), [replace(one, known=True) for one in thrice])
    np.testing.assert_allclose(trusted.error, 3 * plain.error / plain.noise, rtol=1e-3)
    assert trusted.noise == 1.0 and plain.dof == 2 * 2 * WIDE.size - 5
    mixed = fit(model(BOTH), free(), [replace(data[0], known=True), thrice[1]])
    assert mixed.noise == pytest.approx(1 / 3, rel=0.2)
    np.testing.assert_allclose(mixed.error, plain.error, rtol=0.2)


# ---- a straight line, of which all is known ----

F5 = np.array([1.0, 3.0, 7.0, 20.0, 50.0])


def line(p, frequency):
    """Z = R + 2 pi f L i."""
    return p["R"] + 2j * np.pi * frequency * p["L"]


def straight(**keywords) -> tuple[FreeParameter, ...]:
    return (
        FreeParameter("R", 8.0, -1e3, 1e3, log=False, **keywords),
        FreeParameter("L", 0.02, -10.0, 10.0, log=False),
    )


LINE = ClosedForm((Formula(("R", "L"), line),), (F5,))
SCATTER = np.array([0.3, -0.2, 0.5, 0.1, -0.4]) + 1j * np.array([0.2, 0.1, -0.3, 0.4, -0.1])
ON_LINE = FitData("line", F5, line({"R": 7.3, "L": 0.031}, F5) + SCATTER, np.full(5, 0.3))


def test_a_straight_line_is_the_textbook_s() -> None:
    w = 2 * np.pi * F5
    best = np.array([ON_LINE.Z.real.mean(), (w @ ON_LINE.Z.imag) / (w @ w)])
    left = ON_LINE.Z - best[0] - 1j * w * best[1]
    s = np.sqrt(np.sum(np.abs(left) ** 2) / 8)
    error = s * np.array([1 / np.sqrt(5), 1 / np.sqrt(w @ w)])
    found = fit(LINE, straight(), [ON_LINE])
    np.testing.assert_allclose(found.values, best, rtol=1e-9)
    np.testing.assert_allclose(found.error, error, rtol=1e-8)
    np.testing.assert_allclose(found.high - found.values, student.ppf(0.975, 8) * error, rtol=1e-8)
    np.testing.assert_allclose(found.covariance[0, 1], 0.0, atol=1e-12)
    assert found.noise == pytest.approx(s / 0.3) and found.dof == 8
    assert found.chi2 == pytest.approx(8 * (s / 0.3) ** 2)
    np.testing.assert_allclose(found.Z[0], best[0] + 1j * w * best[1], rtol=1e-9)
    logs = -2 * np.sum(np.log(np.exp(-(np.abs(left / s) ** 2) / 2) / (2 * np.pi * s**2)))
    assert found.aic == pytest.approx(logs + 6) and found.bic == pytest.approx(logs + 3 * np.log(10))


def test_a_prior_is_one_more_measurement() -> None:
    """With sigma known the mean weighted by inverse variances; with s unknown the same at the s that it leaves."""
    data = replace(ON_LINE, known=True)
    found = fit(LINE, straight(prior=(6.0, 0.1)), [data])
    weights = 5 / 0.3**2, 1 / 0.1**2
    mean = (weights[0] * data.Z.real.mean() + weights[1] * 6.0) / sum(weights)
    assert found.values[0] == pytest.approx(mean, rel=1e-9)
    assert found.error[0] == pytest.approx(1 / np.sqrt(sum(weights)), rel=1e-8)
    loose = fit(LINE, straight(prior=(6.0, 0.1)), [ON_LINE])
    s = loose.noise * 0.3
    weights = 5 / s**2, 1 / 0.1**2
    mean = (weights[0] * data.Z.real.mean() + weights[1] * 6.0) / sum(weights)
    assert loose.values[0] == pytest.approx(mean, rel=1e-3)
    assert "beforehand" not in fit(LINE, straight(prior=(6.0, 3.0)), [ON_LINE]).report()[0]
    assert loose.report()[0].endswith("which is what was known of it beforehand")
    unscaled = fit(LINE, straight(prior=(6.0, 0.1)), [replace(ON_LINE, sigma=500 * ON_LINE.sigma)])
    np.testing.assert_allclose(unscaled.values, loose.values, rtol=1e-3)
    free_rows = 10 - 1 - weights[0] / sum(weights)
    assert loose.chi2 * 0.3**2 / free_rows == pytest.approx(s**2, rel=1e-2)


# ---- where things go wrong ----


@dataclass
class Fenced:
    """A straight line whose model has no spectrum for R above a fence; counts its calls."""

    fence: float
    names: tuple[str, ...] = ("R", "L")
    asked: list[float] = field(default_factory=list)

    def spectra(self, values):
        self.asked.append(float(values[0]))
        if values[0] > self.fence:
            raise SolveError(f"no steady state at R = {values[0]:.3g}")
        return LINE.spectra(values)

    def gradients(self, values):
        self.spectra(values)
        return LINE.gradients(values)


def test_where_the_model_has_no_spectrum_the_step_is_shortened() -> None:
    fenced = Fenced(fence=7.4)
    from_below = FreeParameter("R", 0.05, 0.01, 1e3)  # where dR/d ln R is small, and the first steps too long
    found = fit(fenced, (from_below, straight()[1]), [ON_LINE], profiled=False)
    assert max(fenced.asked) > 7.4
    assert found.values[0] == pytest.approx(ON_LINE.Z.real.mean())


def test_a_start_without_a_spectrum_is_recorded() -> None:
    told: list[tuple[int, float]] = []
    bounds = (replace(straight()[0], low=1.0, high=20.0, start=15.0), replace(straight()[1], low=0.0, high=0.1))
    found = fit(Fenced(9.0), bounds, [ON_LINE], starts=3, tell=lambda k, cost: told.append((k, cost)), profiled=False)
    assert [k for k, _ in told] == [0, 1, 2] and told[0][1] == np.inf
    assert [bool(one.failed) for one in found.starts] == [False, False, True]
    assert found.starts[2].failed == "no steady state at R = 15" and np.isnan(found.starts[2].end).all()
    again = fit(Fenced(9.0), bounds, [ON_LINE], starts=3, profiled=False)
    np.testing.assert_array_equal(again.values, found.values)
    with pytest.raises(SolveError, match="no start of 2 led to a fit: no steady state at R = 15"):
        fit(Fenced(0.5), bounds, [ON_LINE], starts=2)


def test_two_minima_that_fit_alike_are_both_told() -> None:
    """Ions in at one end, electrons out at the other: which rail is which does not show in one spectrum."""

    def crossed(p, f):
        return rails({**TRUTH, **p, "R_contact": 0.0}, f, "battery")

    f = np.logspace(-2, 6, 40)
    rng = np.random.default_rng(1)
    Z = crossed(TRUTH, f)
    Z = Z + 0.005 * np.abs(Z) * (rng.standard_normal(40) + 1j * rng.standard_normal(40))
    data = FitData("ie", f, Z, 0.005 * np.abs(Z))
    parameters = [FreeParameter(n, MIDDLE[n] * 0.3, MIDDLE[n] / 100, MIDDLE[n] * 100, unit=UNITS[n]) for n in NAMES[:2]]
    found = fit(ClosedForm((Formula(NAMES[:2], crossed, True),), (f,)), parameters, [data], starts=5)
    assert len(found.rivals) == 1 and not found.identified.any()
    np.testing.assert_allclose(np.sort(found.rivals[0]), np.sort(found.values), rtol=1e-3)
    assert "fit the data alike" in found.report()[0]
    again = fit(
        ClosedForm((Formula(NAMES[:2], crossed, True),), (f,)),
        [replace(p, start=float(v)) for p, v in zip(parameters, found.values, strict=True)],
        [data],
        also=found.rivals,
    )
    assert len(again.rivals) == 1 and not again.identified.any()
    told_apart = fit(
        ClosedForm((Formula(NAMES[:2], crossed, True),), (f,)),
        [replace(parameters[0], prior=(0.02, 0.5)), parameters[1]],
        [data],
        starts=5,
    )
    assert told_apart.identified.all() and told_apart.values[0] == pytest.approx(0.0173, rel=0.02)


def test_a_fit_that_ends_at_a_bound_says_so() -> None:
    bounds = (replace(straight()[0], high=7.0, start=5.0, low=0.0), straight()[1])
    found = fit(LINE, bounds, [ON_LINE])
    assert found.at_bound.tolist() == [1, 0] and not found.identified[0]
    assert "the fit ends at its upper bound, 7" in found.report()[0]
    assert "above 6." in found.report()[0]


def test_what_cannot_be_fitted_is_one_line() -> None:
    with pytest.raises(InputError, match="read parameters L, R; the model has R, L"):
        fit(LINE, straight()[::-1], [ON_LINE])
    with pytest.raises(InputError, match="line: read 5 points with 4 sigma"):
        fit(LINE, straight(), [replace(ON_LINE, sigma=np.ones(4))])
    with pytest.raises(InputError, match="line: read a Z or a sigma that is no number, or zero"):
        fit(LINE, straight(), [replace(ON_LINE, sigma=np.zeros(5))])
    with pytest.raises(InputError, match="read 1 points for 2 parameters"):
        one = FitData("line", F5[:1], ON_LINE.Z[:1], np.ones(1))
        fit(ClosedForm(LINE.formulas, (F5[:1],)), straight(), [one])
    with pytest.raises(InputError, match="read 0 starts"):
        fit(LINE, straight(), [ON_LINE], starts=0)
    with pytest.raises(InputError, match="read 1 formulas and frequencies of 2 spectra"):
        ClosedForm(LINE.formulas, (F5, F5))
    broken = ClosedForm((Formula(("R", "L"), lambda p, f: line(p, f) / 0.0),), (F5,))
    with pytest.raises(SolveError, match="a spectrum that is not finite"):
        fit(broken, straight(), [ON_LINE])
