"""Files that cannot be read as a spectrum, or not wholly: each is refused in one clear line, or says what it lacks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from instrument_files import TABLES, N, Z, filled, numpy_text, refusal, versastudio, write, zview

from miecsim.errors import InputError
from miecsim.inverse.readers import read_spectra, read_spectrum


@pytest.mark.parametrize("lines", TABLES, ids=lambda f: f.__name__)
def test_a_file_cut_in_its_last_line_is_refused_or_that_line_dropped(
    tmp_path: Path, lines: Callable[[], list[str]]
) -> None:
    whole = lines()
    last = whole[-1].rstrip()
    between = next(mark for mark in ("\t", ";", "  ", ",", " ") if mark in last)
    path = write(tmp_path, [*whole[:-1], last.rpartition(between)[0]])
    assert f", line {len(whole)} (the last): read" in refusal(path)
    m = read_spectrum(path, cut="drop")
    assert len(m) == N - 1 and m.notes[-1] == f"line {len(whole)}, the last, is cut: left out"
    assert np.abs(m.Z / Z[:-1] - 1).max() < 3e-9


@pytest.mark.parametrize("lines", (*TABLES[:-2], versastudio), ids=lambda f: f.__name__)
def test_a_header_without_data_is_refused(tmp_path: Path, lines: Callable[[], list[str]]) -> None:
    size = len(lines()) - N - (3 if lines is versastudio else 0)
    for kept in (size, size - 1):
        if kept:
            text = refusal(write(tmp_path, lines()[:kept]))
            assert "line" in text


def test_a_segment_that_is_not_closed_is_refused(tmp_path: Path) -> None:
    text = refusal(write(tmp_path, versastudio()[:-4]))
    assert "the end of the file inside <Segment1>" in text and "it is cut off" in text


def test_a_sweep_shorter_than_announced_and_a_missing_line_end_are_noted(tmp_path: Path) -> None:
    path = write(tmp_path, zview()[:-2])
    assert f"the header announces {N} points, the file holds {N - 2}" in read_spectrum(path).notes
    path.write_text("\n".join(numpy_text()))
    assert "the file ends without a line end: its last number may be cut" in read_spectrum(path).notes


def test_units_that_are_ambiguous_or_differ_are_refused(tmp_path: Path) -> None:
    rows = filled("{f},{re},{im}")
    text = refusal(write(tmp_path, ["f/mhz,Re,Im", *rows]))
    assert 'line 1: read the unit "mhz"; expected "mHz" or "MHz"' in text
    assert "ohm times area" in refusal(write(tmp_path, ["f/Hz,Re/ohm,Im/ohm cm2", *rows]))


@pytest.mark.parametrize(
    ("lines", "says"),
    [
        (["f,Re,Im", "1,2,3", "2,nan,3", "3,1,1"], 'line 3: read "nan" in column Re; expected a finite number'),
        (["f,Re,Im", "1,2,3", "2,over,3", "3,1,1"], 'line 3: read "over" in column Re'),
        (["f,Re,Im", "1,2,3", "", "-2,2,3", "3,1,1"], "line 4: read a frequency of -2 Hz; expected none below zero"),
        (["f,Re,Im", "1,2,3", "2,2,3,4", "3,1,1"], "line 3: read 4 values; expected 3 as in the line of titles"),
        (["f,Re,Im", "1,2,3", "2,2", "3,1,1"], "line 3: read 2 values; expected 3"),
        (
            ["f;Re;Im", "1,5;2.5;3", "1;2;3", "2;2;3"],
            'line 2: read "2.5" in column Re; expected a finite number with a',
        ),
        (["f,Re,Im", "1,2,3", "2,2,3"], "line 3 (the last): read a spectrum of 2 points; expected 3 or more"),
        (["f,Re,Im", "0,2,3", "0,2,3", "0,2,3"], "read no frequency above zero"),
        (
            ["f/Hz,Re [V],Im [V]", "1,2,3", "2,2,3", "3,2,3"],
            'line 1: read "f/Hz,Re [V],Im [V]"; expected BioLogic',
        ),
        (["f,Re,Im", "Hz,V,V", "1,2,3", "2,2,3", "3,2,3"], 'line 2: read "Hz" in column f; expected a finite number'),
        (["# nothing", "# at all"], "line 2 (the last): read remarks only"),
        (["Dear Sir,", "please find"], 'line 1: read "Dear Sir,"; expected BioLogic, Gamry'),
        (["1,2,3,4", "2,3,4,5"], "line 1: read 4 columns of numbers without titles; expected three"),
        (["EXPLAIN", "TAG\tCV", "CURVE\tTABLE"], "a Gamry file without a ZCURVE table"),
        (["EC-Lab ASCII FILE", "Nb header lines : 60", ""], "cut off in its header of 60 lines"),
        (["EC-Lab ASCII FILE"], '"Nb header lines : N"'),
        (["<Application>", "<Segment1>", "Definition=E(V), I(A), 0", "</Segment1>"], "without a segment of impedance"),
        (["ZPLOT2 ASCII", "nothing"], "a ZView file without a line of titles"),
        (["RelaxIS 3.0", "nothing"], "a RelaxIS file without titles"),
    ],
)
def test_what_cannot_be_read_is_refused_in_one_clear_line(tmp_path: Path, lines: list[str], says: str) -> None:
    assert says in refusal(write(tmp_path, lines))


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.mpr", b"BIO-LOGIC MODULAR FILE\x1a", "export it from EC-Lab as text (.mpt)"),
        ("a.dat", b"BIO-LOGIC MODULAR FILE\x1a", "export it from EC-Lab as text (.mpt)"),
        ("a.ism", b"\x00\x06", "export it from Zahner Analysis"),
        ("a.npy", b"\x93NUMPY\x01", "make a Measured from its arrays"),
        ("a.xlsx", b"PK\x03\x04", "save the sheet as CSV"),
        ("a.z", b"f,Re,Im\x00\x00", "read a binary file; export the spectrum as text"),
    ],
)
def test_binary_files_are_refused_with_what_to_do(tmp_path: Path, name: str, content: bytes, says: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    assert says in refusal(path)


def test_files_that_are_empty_or_absent(tmp_path: Path) -> None:
    assert "read an empty file" in refusal(write(tmp_path, ["", " "]))
    with pytest.raises(InputError, match=r"absent\.csv: cannot be read \(No such file"):
        read_spectra(tmp_path / "absent.csv")


def test_a_file_cut_anywhere_is_refused_or_gives_a_part_of_the_whole(tmp_path: Path, data_dir: Path) -> None:
    rng = np.random.default_rng(5)
    refused = 0
    for name in ("exampleDataGamry.DTA", "Circuit2_EIS_1.z", "exampleDataVersaStudio.par", "exampleDataBioLogic.mpt"):
        whole = read_spectrum(data_dir / "eis" / "impedance.py" / name)
        raw = (data_dir / "eis" / "impedance.py" / name).read_bytes()
        for size in rng.integers(1, len(raw), 40):
            path = tmp_path / name
            path.write_bytes(raw[:size])
            try:
                part = read_spectrum(path)
            except InputError as reason:
                assert "\n" not in str(reason) and str(path) in str(reason)
                refused += 1
                continue
            kept = len(part) - 1  # the last point may have lost digits of its last number
            np.testing.assert_array_equal(part.Z[:kept], whole.Z[:kept])
            assert part.Z[kept] == whole.Z[kept] or any("may be cut" in note for note in part.notes)
    assert 60 < refused < 160
