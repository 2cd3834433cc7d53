"""Profiles against parabolas and scans; posterior samples against both."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import f as fisher

from miecsim.errors import InputError
from miecsim.inverse.closed_forms import ClosedForm, Formula
from miecsim.inverse.fit import fit
from miecsim.inverse.forward import FitData, FreeParameter
from miecsim.inverse.profile_likelihood import profile
from miecsim.inverse.sampling import sample

F = np.logspace(-1, 3, 12)
RNG = np.random.default_rng(4)
SCATTER = RNG.standard_normal(12) + 1j * RNG.standard_normal(12)


def line(p, f):
    """Two parameters that share what is seen of the real part: strongly correlated, and linear."""
    return (p["a"] + 0.9 * p["b"]) * np.ones(f.size) + 1j * np.log(f) * p["b"]


LINE = ClosedForm((Formula(("a", "b"), line, True),), (F,))
FREE = (FreeParameter("a", 1.0, -40.0, 40.0, log=False), FreeParameter("b", 1.0, -40.0, 40.0, log=False))
ON_LINE = FitData("line", F, line({"a": 2.3, "b": -1.7}, F) + 0.4 * SCATTER, np.full(12, 0.2))


def arc(p, f):
    """A resistor and an arc, of which only the beginning is measured where tau is long."""
    return p["R0"] + p["R1"] / (1 + 2j * np.pi * f * p["tau"])


ARC = ClosedForm((Formula(("R0", "R1", "tau"), arc, True),), (F,))


def on_arc(tau: float, R1: float = 170.0) -> FitData:
    Z = arc({"R0": 13.0, "R1": R1, "tau": tau}, F)
    sigma = 0.01 * np.abs(Z)
    return FitData("arc", F, Z + sigma * SCATTER, sigma)


def arc_parameters() -> tuple[FreeParameter, ...]:
    return (
        FreeParameter("R0", 20.0, 1.0, 300.0, unit="ohm"),
        FreeParameter("R1", 100.0, 1.0, 1e9, unit="ohm"),
        FreeParameter("tau", 0.1, 1e-5, 1e7, unit="s"),
    )


@pytest.mark.parametrize("known", [False, True])
def test_the_profile_of_a_line_is_a_parabola(known: bool) -> None:
    found = fit(LINE, FREE, [replace(ON_LINE, known=known)])
    for i, name in enumerate("ab"):
        one = profile(LINE, found, name)
        expected = ((one.values - found.values[i]) / found.error[i]) ** 2
        np.testing.assert_allclose(one.rise, expected, atol=1e-4)
        assert np.all(np.diff(one.values) > 0) and one.best == pytest.approx(found.values[i])
        for share, low, high in ((0.6827, one.low68, one.high68), (0.95, one.low, one.high)):
            level = np.sqrt(fisher.ppf(share, 1, 1e12 if known else 22))
            assert low == pytest.approx(found.values[i] - level * found.error[i], rel=2e-3)
            assert high == pytest.approx(found.values[i] + level * found.error[i], rel=2e-3)
        # the line on which the other parameter follows
        slope = found.covariance[1 - i, i] / found.covariance[i, i]
        others = found.values[1 - i] + slope * (one.values - found.values[i])
        np.testing.assert_allclose(one.parameters[:, 1 - i], others, rtol=1e-4)


def test_the_profile_of_a_bent_valley_is_the_scanned_one() -> None:
    """The arc's top is not measured: limits of its time constant against a scan, R0 and R1 being linear."""
    data = on_arc(0.9)
    found = fit(ARC, arc_parameters(), [data])
    one = profile(ARC, found, "tau")

    def scanned(tau: float) -> float:
        columns = np.stack([np.ones(F.size), 1 / (1 + 2j * np.pi * F * tau)], axis=1) / data.sigma[:, None]
        rows, target = np.vstack([columns.real, columns.imag]), data.Z / data.sigma
        target = np.concatenate([target.real, target.imag])
        left = target - rows @ np.linalg.lstsq(rows, target, rcond=None)[0]
        return float(left @ left)

    rise = (np.array([scanned(tau) for tau in one.values]) - found.chi2) / found.noise**2
    np.testing.assert_allclose(one.rise, rise, atol=0.01)
    level = fisher.ppf(0.95, 1, 21)
    for limit in (one.low, one.high):
        assert (scanned(limit) - found.chi2) / found.noise**2 == pytest.approx(level, abs=0.1)


def test_what_does_not_rise_has_no_limit() -> None:
    """Of an arc far slower than what is measured, R1/tau alone is seen: no upper limit, in the profile and the fit."""
    found = fit(ARC, arc_parameters(), [on_arc(3e3, 2.4e5)])
    tau, ratio = profile(ARC, found, "tau"), found.values[1] / found.values[2]
    assert tau.high == np.inf and tau.high68 == np.inf and 0 < tau.low < 3e3
    assert ratio == pytest.approx(2.4e5 / 3e3, rel=0.02)
    assert found.profiled and found.identified.tolist() == [True, False, False]
    assert found.low[2] == pytest.approx(tau.low, rel=0.05) and found.high[2] == np.inf
    assert "tau is not identified: the data say only that it is above" in found.report()[2]
    assert found.open_combinations() == ("+1 ln R1 +1 ln tau",)


def test_what_cannot_be_profiled_is_one_line() -> None:
    found = fit(LINE, FREE, [ON_LINE])
    with pytest.raises(InputError, match="profile: read c; the fit has a, b"):
        profile(LINE, found, "c")
    with pytest.raises(InputError, match="read a reach of 0.5; expected 1 or more"):
        profile(LINE, found, "a", reach=0.5)


# ---- samples ----


def test_samples_of_a_line_are_student_s() -> None:
    """With s integrated over, the posterior of each parameter of a line is Student's t about the fit."""
    pytest.importorskip("emcee")
    found = fit(LINE, FREE, [ON_LINE])
    drawn = sample(LINE, found, steps=2000, burn=200, seed=3)
    assert drawn.converged and 0.2 < drawn.acceptance < 0.9
    np.testing.assert_allclose(drawn.values.mean(axis=0), found.values, atol=0.1 * found.error.max())
    for i, name in enumerate("ab"):
        low, high = drawn.interval(name)  # quantiles of about 400 independent draws: 0.13 errors of chance
        assert low == pytest.approx(found.low[i], abs=0.4 * found.error[i])
        assert high == pytest.approx(found.high[i], abs=0.4 * found.error[i])
    again = sample(LINE, found, steps=20, burn=5, seed=3)
    np.testing.assert_array_equal(again.values, sample(LINE, found, steps=20, burn=5, seed=3).values)
    with pytest.raises(InputError, match="samples: read c; there are a, b"):
        drawn.interval("c")


def test_samples_obey_sigma_priors_and_bounds() -> None:
    """Known sigma and a prior: the normal distribution of the fit; nothing beyond a bound."""
    pytest.importorskip("emcee")
    given = (replace(FREE[0], prior=(2.0, 0.05)), FREE[1])
    found = fit(LINE, given, [replace(ON_LINE, known=True)])
    drawn = sample(LINE, found, steps=600, burn=150, seed=1)
    np.testing.assert_allclose(drawn.values.mean(axis=0), found.values, atol=0.4 * found.error.min())
    np.testing.assert_allclose(drawn.values.std(axis=0), found.error, rtol=0.2)
    bounded = fit(LINE, (given[0], replace(FREE[1], low=-1.6, high=0.0, start=-1.0)), [ON_LINE])
    inside = sample(LINE, bounded, steps=100, burn=50, seed=1).values[:, 1]
    assert inside.min() >= -1.6 and inside.min() < -1.55
    with pytest.raises(InputError, match="read 10 steps after 0 with 3 walkers; expected an even number"):
        sample(LINE, found, steps=10, burn=0, walkers=3)


def test_without_emcee_there_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "emcee", None)
    found = fit(LINE, FREE, [ON_LINE])
    with pytest.raises(InputError, match="sampling needs emcee; install it"):
        sample(LINE, found)
