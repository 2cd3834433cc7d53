"""The linear Kramers-Kronig check against spectra that obey the relations by construction, and others that cannot."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from miecsim.errors import InputError
from miecsim.inverse.kramers_kronig import filter_points, kramers_kronig, mu_criterion

F = np.geomspace(1.1e6, 0.9e-2, 57)
W = 2 * np.pi * F
S = np.sqrt(1j * W * 1.3)
RC = 11.3 + 27 / (1 + 1j * W * 3.1e-4) + 53 / (1 + 1j * W * 0.21)
ZARC = 7 + 31 / (1 + (1j * W * 2.3e-3) ** 0.82)
SPECTRA = {
    "two RC": (RC, 5e-6),
    "two RC behind a wire": (RC + 1j * W * 2.1e-6, 5e-6),
    "two RC before a blocking electrode": (RC + 1 / (1j * W * 3.3e-2), 5e-6),
    "ZARC": (ZARC, 5e-6),
    "finite Warburg": (5 + 20 * np.tanh(S) / S, 5e-6),
    "constant phase element": (3 + 1 / (2.2e-4 * (1j * W) ** 0.87), 2e-3),
    "infinite Warburg": (2 + 9 / np.sqrt(1j * W), 2e-3),
    "arcs beyond both ends": (2 + 9 / (1 + 1j * W * 1e-8) + 5 / (1 + 1j * W * 97.0), 1e-3),
    "an inductive loop": (RC - 13 / (1 + 1j * W * 6.1), 5e-6),
}


def noisy(Z, level, seed):
    rng = np.random.default_rng(seed)
    return Z * (1 + level * (rng.standard_normal(len(Z)) + 1j * rng.standard_normal(len(Z))))


def drifting(growth):
    """Two RC measured from high to low frequency, two periods a point, while the slower resistance grows evenly."""
    time = np.cumsum(2 / F)
    return 11.3 + 27 / (1 + 1j * W * 3.1e-4) + 53 * (1 + growth * time / time[-1]) / (1 + 1j * W * 0.21)


@pytest.mark.parametrize("name", SPECTRA)
def test_exact_spectra_pass(name):
    Z, bound = SPECTRA[name]
    check = kramers_kronig(F, Z)
    assert check.consistent(bound)
    assert check.root_mean_square < bound
    assert_allclose(check.fitted, check.at(F), rtol=1e-9)
    assert_allclose(check.residual, (Z - check.fitted) / np.abs(Z), rtol=1e-12)


def test_a_series_with_the_same_time_constants_is_found_again():
    tau = kramers_kronig(F, RC, elements=12).tau
    assert_allclose([tau[0], tau[-1]], [1 / W[0], 1 / W[-1]], rtol=1e-12)
    R = np.array([0.3, 2.1, 0.7, 5.5, 1.9, 8.3, 0.2, 3.7, 6.1, 0.9, 4.4, 2.6])
    Z = 1.7 + 1j * W * 3e-7 + 1 / (1j * W * 0.41) + (1 / (1 + 1j * W[:, None] * tau)) @ R
    check = kramers_kronig(F, Z, elements=12)
    assert_allclose(check.R, R, rtol=1e-9)
    assert_allclose([check.R_inf, check.L, check.inverse_C], [1.7, 3e-7, 1 / 0.41], rtol=1e-9)
    assert check.mu == 1


@pytest.mark.parametrize(("part", "other"), [("real", "imag"), ("imaginary", "real")])
def test_one_part_predicts_the_other(part, other):
    Z = RC + 1j * W * 2.1e-6
    check = kramers_kronig(F, Z, part=part)
    assert np.abs(getattr(check.residual, other)).max() < 4e-3
    assert check.R_inf == pytest.approx(11.3, rel=2e-3)
    assert check.L == pytest.approx(2.1e-6, rel=2e-3)
    moved = kramers_kronig(F, Z + 0.05 * (np.abs(Z) if other == "real" else 1j * np.abs(Z)), part=part)
    assert np.abs(getattr(moved.residual, other)).max() > 0.01


@pytest.mark.parametrize("Z", [RC, ZARC, SPECTRA["finite Warburg"][0]], ids=["RC", "ZARC", "finite Warburg"])
@pytest.mark.parametrize("level", [1e-3, 5e-3])
def test_noise_is_left_over_and_not_followed(Z, level):
    for seed in range(4):
        check = kramers_kronig(F, noisy(Z, level, seed))
        left = np.sqrt(1 - (check.elements + 3) / (2 * len(F)))
        assert check.root_mean_square == pytest.approx(np.sqrt(2) * level * left, rel=0.25)
        assert 8 <= check.elements <= 40
        assert check.mu <= 0.85
        assert np.abs(check.fitted / Z - 1).max() < 5 * level


def test_the_number_of_elements_is_the_first_that_mu_and_variance_agree_on():
    check = kramers_kronig(F, noisy(RC, 3e-3, 5))
    at = int(np.flatnonzero(check.counts == check.elements)[0])
    assert check.mu == check.mus[at] == mu_criterion(check.R)
    for i in np.flatnonzero(check.mus[:at] <= 0.85):
        assert check.variances[i] > 1.3 * check.variances[i : i + 12].min()
    assert check.variances[at] <= 1.3 * check.variances[at : at + 12].min()
    assert kramers_kronig(F, RC, elements=9).elements == 9


def test_mu():
    assert mu_criterion(np.array([3.0, -1.0, 2.0])) == pytest.approx(0.8)
    assert mu_criterion(np.array([3.0, 1.0])) == 1
    assert mu_criterion(np.array([1.0, -3.0])) == 0
    assert mu_criterion(np.array([-1.0])) == 0


def test_drift_shows():
    at_rest, moving = kramers_kronig(F, drifting(0.0)), kramers_kronig(F, drifting(0.3))
    assert at_rest.consistent(5e-6)
    assert moving.worst.max() > 0.02
    assert moving.frequency[np.argmax(moving.worst)] < 0.1  # where the measurement takes long
    assert kramers_kronig(F, noisy(drifting(0.3), 1e-3, 2)).worst.max() > 0.02


def test_what_answers_before_it_is_asked_fails():
    assert kramers_kronig(F, RC.conj()).worst.max() > 0.1
    assert kramers_kronig(F, ZARC.conj()).worst.max() > 0.1


@pytest.mark.parametrize(
    ("point", "factor"),
    [(i, f) for i in (0, 7, 23, 41, 56) for f in (1.05, 1 + 0.04j, 0.7) if np.isreal(f) or i not in (0, 56)],
)
def test_one_spoilt_point_is_found(point, factor):
    Z = noisy(RC, 1e-3, point)
    Z[point] *= factor
    kept = filter_points(F, Z, 0.01)
    assert [d.index for d in kept.dropped] == [point]
    assert kept.consistent
    assert kept.check.consistent(0.01)
    assert np.flatnonzero(~kept.mask).tolist() == [point]
    dropped = kept.dropped[0]
    assert dropped.frequency == pytest.approx(F[point], rel=1e-12)
    assert dropped.reason == "residual above 0.01"
    assert max(abs(dropped.residual.real), abs(dropped.residual.imag)) > 0.01


def test_a_spoilt_imaginary_part_at_an_end_cannot_be_told_from_a_process_beyond_it():
    Z = noisy(RC, 1e-3, 1)
    Z[[0, -1]] *= [1 + 0.04j, 1 - 0.04j]
    kept = filter_points(F, Z, 0.01)
    assert kept.dropped == ()
    assert (np.abs(kept.check.fitted / RC - 1)[[0, -1]] > 0.035).all()


def test_the_residual_of_a_dropped_point_says_how_wrong_it_was():
    Z = ZARC.copy()
    Z[[19, 33]] *= [1.05, 1 - 0.08j]
    kept = filter_points(F, Z, 1e-3)
    assert [d.index for d in kept.dropped] == [19, 33]
    exact = [(Z[d.index] - ZARC[d.index]) / abs(Z[d.index]) for d in kept.dropped]
    assert_allclose([d.residual for d in kept.dropped], exact, atol=1e-5)


def test_the_user_says_which_points_go_and_which_stay():
    Z = RC.copy()
    Z[30] *= 1.02
    kept = filter_points(F, Z, 0.005, drop=[3, -1], keep=[30], low=0.02, high=5e5)
    reasons = {d.index: d.reason for d in kept.dropped}
    expected = {i: "above 500000 Hz" for i in np.flatnonzero(F > 5e5)}
    expected |= {i: "below 0.02 Hz" for i in np.flatnonzero(F < 0.02)} | {3: "by hand", 56: "by hand"}
    assert kept.mask[30]
    assert {i: r for i, r in reasons.items() if not r.startswith("residual")} == expected
    assert not np.isclose(kept.check.frequency, F[3]).any()
    assert len(kept.check.frequency) == kept.mask.sum()
    assert filter_points(F, RC, 1e-3).dropped == ()


def test_a_spectrum_that_is_wrong_as_a_whole_is_not_filtered_until_it_fits():
    Z = noisy(RC, 0.1, 8)
    kept = filter_points(F, Z, 0.01, most=0.2)
    assert not kept.consistent
    assert len(kept.dropped) == int(0.2 * len(F))


def test_order_and_scale_of_the_points_do_not_matter():
    Z = noisy(ZARC, 2e-3, 3)
    check = kramers_kronig(F, Z)
    mixed = np.random.default_rng(0).permutation(len(F))
    again = kramers_kronig(F[mixed] * 7.3, 1e4 * Z[mixed])
    assert again.elements == check.elements
    assert_allclose(again.residual, check.residual[mixed], atol=1e-8)
    assert_allclose(again.tau, check.tau / 7.3, rtol=1e-12)


def test_ends_that_are_ruled_out_stay_out():
    check = kramers_kronig(F, RC, inductance=False, capacitance=False, extend=0.5)
    assert check.L == check.inverse_C == 0
    assert check.consistent(1e-5)
    assert check.tau[0] == pytest.approx(1 / W[0] / 10**0.5)
    missed = kramers_kronig(F, RC + 1j * W * 2.1e-5, inductance=False)
    assert missed.worst.max() > 0.1 > 5e-6 > kramers_kronig(F, RC + 1j * W * 2.1e-5).worst.max()


@pytest.mark.parametrize(
    ("f", "Z", "options", "message"),
    [
        (F[:5], RC[:5], {}, "5 points; at least 6"),
        (F, RC[:-1], {}, r"shape \(57,\) and Z \(56,\)"),
        (np.where(F == F[4], -F, F), RC, {}, "frequency at point 4"),
        (F, np.where(F == F[9], np.nan, RC), {}, "Z at point 9"),
        (F, np.where(F == F[9], 0, RC), {}, "Z at point 9 is 0j; expected finite and not 0"),
        (np.full(57, 3.0), RC, {}, "every point is at 3 Hz"),
        (F, RC, {"part": "both parts"}, 'part: read "both parts"; allowed: both, real, imaginary'),
        (F, RC, {"elements": 58}, "elements: read 58; expected 2 to 57"),
        (F, RC, {"mu": 1.5}, "mu: read 1.5"),
        (F, RC, {"extend": -1.0}, "extend: read -1.0"),
    ],
)
def test_what_is_no_spectrum_is_refused(f, Z, options, message):
    with pytest.raises(InputError, match=message):
        kramers_kronig(f, Z, **options)


def test_a_filter_that_makes_no_sense_is_refused():
    with pytest.raises(InputError, match="threshold: read 0; expected a number above 0"):
        filter_points(F, RC, 0)
    with pytest.raises(InputError, match="drop: read point 57; the spectrum has points 0 to 56"):
        filter_points(F, RC, drop=[57])
    with pytest.raises(InputError, match="at least 6"):
        filter_points(F, RC, high=0.02)


def test_a_measured_lithium_ion_cell(data_dir):
    path = data_dir / "eis" / "impedance.py" / "exampleData.csv"
    if not path.is_file():
        pytest.skip(f"no {path.name} in the data folder")
    f, real, imag = np.loadtxt(path, delimiter=",").T
    check = kramers_kronig(f, real + 1j * imag)
    assert check.consistent(5e-3)
    assert check.elements < 30
    assert filter_points(f, real + 1j * imag, 5e-3).dropped == ()
