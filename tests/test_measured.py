"""The type of a measured spectrum: units, order, equal frequencies, points left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from instrument_files import F, N, Z, bare, filled, refusal, write

from miecsim.errors import InputError
from miecsim.inverse.measured import Measured
from miecsim.inverse.readers import read_spectrum


def test_arrays_become_a_spectrum_and_bad_ones_do_not() -> None:
    m = Measured(F[::-1], Z[::-1], columns={"t": np.arange(N)}, source="bench")
    assert len(m) == N and repr(m) == f"Measured(bench: {N} points, 0.37 to 1.73e+05 Hz, ohm)"
    assert m.rising() is m and m.averaged() is m and m.in_units("ohm") is m
    assert np.array_equal(m.picked(np.arange(N)[::-1], "turned").rising().columns["t"], m.columns["t"])
    for arguments, says in (
        ((F, Z[:-1]), r"frequencies of shape \(23,\) and Z of shape \(22,\)"),
        ((F - F[4], Z), "a positive frequency"),
        ((F, Z * np.nan), "finite numbers"),
        ((F, Z, "kohm"), 'read units "kohm"'),
        ((F, Z, "ohm", 0.0), "an area of 0 m"),
        ((F, Z, "ohm", None, {"t": F[1:]}), r"column t of shape \(22,\)"),
    ):
        with pytest.raises(InputError, match=says):
            Measured(*arguments)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="give the electrode's area"):
        m.in_units("ohm m^2")


def test_points_are_left_out_with_a_reason_that_stays() -> None:
    m = Measured(F, Z, columns={"t": np.arange(N)})
    kept = m.keep((F != F[3]) & (F != F[5]), "mains")
    assert len(kept) == N - 2 and 3 not in kept.columns["t"] and 4 in kept.columns["t"]
    assert kept.notes[-1] == f"2 of {N} points left out, mains: {F[3]:.6g}, {F[5]:.6g} Hz"
    assert m.keep(F > 0, "all") is m
    for choice in (F > 1e9, F[1:] > 0, np.ones(N)):
        with pytest.raises(InputError, match="true or false for each of 23 points"):
            m.keep(choice, "wrong")  # type: ignore[arg-type]


def test_equal_frequencies_are_kept_averaged_or_refused(tmp_path: Path) -> None:
    rows = ["100,3,-1,7", "31,4,-2,8", "10,5,-3,9", "31,4.5,-2.6,10"]
    path = write(tmp_path, ["f,Re,Im,t", *rows])
    kept = read_spectrum(path)
    assert len(kept) == 4 and "1 frequencies occur more than once: all kept" in kept.notes
    mean = read_spectrum(path, duplicates="average")
    np.testing.assert_allclose(mean.frequency, [100, 31, 10])
    np.testing.assert_allclose(mean.Z, [3 - 1j, 4.25 - 2.3j, 5 - 3j])
    np.testing.assert_allclose(mean.columns["t"], [7, 9, 9])
    assert "1 of 4 points averaged into those of equal frequency: 31 Hz" in mean.notes[-1]
    assert "line 3: read 31 Hz, which another line has, too; expected each" in refusal(path, duplicates="refuse")
    assert len(read_spectrum(write(tmp_path, bare()), duplicates="refuse")) == N


def test_an_area_makes_it_per_area(tmp_path: Path) -> None:
    m = read_spectrum(write(tmp_path, bare()), area="1.13 cm^2")
    assert m.units == "ohm m^2" and m.area == pytest.approx(1.13e-4) and np.abs(m.Z / (1.13e-4 * Z) - 1).max() < 1e-8
    assert np.abs(m.in_units("ohm").Z / Z - 1).max() < 1e-8
    path = write(tmp_path, ["f,Re/ohm cm2,Im/ohm cm2", *filled("{f},{re},{im}")])
    np.testing.assert_allclose(read_spectrum(path, area=2e-4).Z, 1e-4 * Z, rtol=1e-12)
    for area in (-1.0, "3 cm"):
        with pytest.raises(InputError, match=r"area: read .* expected"):
            read_spectrum(path, area=area)
