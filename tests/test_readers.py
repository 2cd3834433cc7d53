"""Measured spectra from files: every published file of the data folder, and small ones written here in each format."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from instrument_files import (
    TABLES,
    F,
    N,
    Z,
    biologic,
    chi,
    filled,
    gamry,
    parstat,
    refusal,
    relaxis,
    versastudio,
    write,
)

from miecsim.errors import InputError
from miecsim.inverse.readers import read_spectra, read_spectrum

# Files of the data folder that are no spectrum, and what their refusal says.
REFUSED = {
    "LICENSE": "line 1: read",
    "battery_data.npy": "a NumPy array, which is binary",
    "Experiment_Data.yml": 'line 2: read "sample_meta_data:"',
    "500uR_measurement_pro.ism": "Zahner .ism file",
    "li-ion-battery.ism": "Zahner .ism file",
    "rc-data.ism": "Zahner .ism file",
    "Notes.txt": "line 1: read",
    "PEIS_LPSCl_IonBlocking_-25C.mpr": "export it from EC-Lab as text (.mpt)",
    "PEIS_SSB.mpr": "export it from EC-Lab as text (.mpt)",
    "webinar_SSB_Sample1_PEIS_EndOfDischarge.mpr": "export it from EC-Lab as text (.mpt)",
    "sample_info.txt": "line 1: read",
    "webinar_SSB_sample_info.txt": "line 1: read",
    "exampleDataBioLogic_MissingFreq.mpt": "line 61: read a BioLogic file without freq/Hz",
    "Z1s_30a.txt": "line 1: read 132 columns of numbers without titles",
    "Z2s_30a.txt": "line 1: read 132 columns of numbers without titles",
    "freq_30a.txt": "line 1: read",
}


# Points of each spectrum, counted by hand (rows below the titles, without those of direct current).
POINTS = {
    "test1.csv": [57],
    "ex1.mpt": [59, 59],
    "PEIS_LPSCl_IonBlocking_-25C.txt": [79],
    "webinar_SSB_Sample2_PEIS_AtRest.csv": [89] * 10,
    "550C.0.5V.DTA": [61],
    "exampleData.csv": [66],
    "exampleDataAutolab.txt": [41],
    "exampleDataGamryABORT.DTA": [72],
    "exampleDataParstat.txt": [31],
    "exampleDataPowersuite.txt": [30],
    "exampleDataZPlot.z": [21],
    "Circuit1_EIS_1.z": [48],
}


def test_every_published_file_is_read_or_refused_for_a_stated_reason(data_dir: Path) -> None:
    files = [path for path in sorted((data_dir / "eis").rglob("*")) if path.is_file()]
    assert len(files) > 40
    for path in files:
        if path.name in REFUSED:
            assert REFUSED[path.name] in refusal(path), path.name
            continue
        found = read_spectra(path)
        assert [len(m) for m in found] == POINTS.get(path.name, [len(m) for m in found]), path.name
        for m in found:
            assert len(np.unique(m.frequency)) >= 5 and np.isfinite(m.Z).all() and m.units == "ohm", path.name
            assert 1e-4 < m.frequency.min() < m.frequency.max() < 1e7 and np.abs(m.Z).max() < 1e8, path.name
            assert np.median(m.Z.imag[m.frequency < np.median(m.frequency)]) < 0, path.name


def test_the_modulus_and_phase_that_instruments_write_beside_agree_with_Z(data_dir: Path) -> None:
    checked = 0
    for path in sorted((data_dir / "eis").rglob("*")):
        if not path.is_file() or path.name in REFUSED:
            continue
        for m in read_spectra(path):
            for modulus, phase in (
                ("|Z|/Ohm", "Phase(Z)/deg"),
                ("Zmod (ohm)", "Zphz (°)"),
                ("Z/ohm", "Phase/deg"),
                ("Data: |Z|", "Data: Theta (Z)"),
            ):
                if modulus in m.columns and phase in m.columns:
                    written = m.columns[modulus] * np.exp(1j * np.deg2rad(m.columns[phase]))
                    assert np.abs(written / m.Z - 1).max() < 2e-3, path.name  # written with 4 digits and 0.1 degree
                    checked += 1
    assert checked >= 12


def test_two_exports_of_one_measurement_are_the_same_spectrum(data_dir: Path) -> None:
    folder = data_dir / "eis" / "hybrid-drt"
    one = read_spectrum(folder / "PEIS_LPSCl_IonBlocking_-25C.txt").rising()
    other = read_spectrum(folder / "PEIS_LPSCl_IonBlocking_-25C_RelaxIS.txt")
    np.testing.assert_allclose(one.frequency, other.frequency, rtol=1e-7)
    np.testing.assert_allclose(one.Z, other.Z, rtol=1e-6)
    assert one.metadata["Potential control"] == "Ewe"


@pytest.mark.parametrize("lines", (*TABLES, versastudio), ids=lambda f: f.__name__)
def test_each_format_gives_back_what_was_written(tmp_path: Path, lines: Callable[[], list[str]]) -> None:
    for encoding, end in (("utf-8", "\n"), ("utf-8-sig", "\r\n"), ("latin-1", "\r\r\n"), ("utf-16", "\n")):
        m = read_spectrum(write(tmp_path, lines(), encoding, end))
        np.testing.assert_allclose(m.frequency, F, rtol=2e-9)
        assert np.abs(m.Z / Z - 1).max() < 3e-9
        assert m.units == "ohm" and "frequencies fall from 173000 to 0.37 Hz" in m.notes


@pytest.mark.parametrize(
    ("titles", "frequency", "size", "units"),
    [
        ("freq/Hz,Re(Z)/Ohm,Im(Z)/Ohm", 1.0, 1.0, "ohm"),
        ("Frequency (kHz),Z' (kΩ),Z'' (kΩ)", 1e3, 1e3, "ohm"),
        ("f [mHz],Zre [mohm],Zim [mohm]", 1e-3, 1e-3, "ohm"),
        ("F_MHz,Re_MOhm,Im_MOhm", 1e6, 1e6, "ohm"),
        ("freq (Hz),Z_real (ohm cm2),Z_imag (ohm cm2)", 1.0, 1e-4, "ohm m^2"),
        ("FREQ/HZ,REAL/OHM.CM²,IMAG/OHM.CM²", 1.0, 1e-4, "ohm m^2"),
        ("f/Hz,Re Z/mΩ*m^2,Im Z/mΩ*m^2", 1.0, 1e-3, "ohm m^2"),
        ("Omega (rad/s),Z\u2032 / \u2126,Z\u2033 / \u2126", 1 / (2 * np.pi), 1.0, "ohm"),
        ("ω,real,imaginary", 1 / (2 * np.pi), 1.0, "ohm"),
    ],
)
def test_units_in_titles(tmp_path: Path, titles: str, frequency: float, size: float, units: str) -> None:
    m = read_spectrum(write(tmp_path, [titles, *filled("{f:.12g},{re:.12g},{im:.12g}")]))
    np.testing.assert_allclose(m.frequency, F * frequency, rtol=1e-11)
    assert np.abs(m.Z / (Z * size) - 1).max() < 1e-11 and m.units == units
    assert any("no unit of Z" in note for note in m.notes) == (titles == "ω,real,imaginary")


def test_units_in_a_line_of_their_own(tmp_path: Path) -> None:
    rows = filled("{i};{f:.12g};{re:.12g};{neg:.12g}")
    m = read_spectrum(write(tmp_path, ["Time;Freq;Zre;-Zim", "s;kHz;mohm cm2;mohm cm2", *rows]))
    np.testing.assert_allclose(m.frequency, 1e3 * F, rtol=1e-11)
    assert np.abs(m.Z / (1e-7 * Z) - 1).max() < 1e-11 and m.units == "ohm m^2" and "Time [s]" in m.columns


def test_a_unit_given_serves_where_titles_have_none(tmp_path: Path) -> None:
    path = write(tmp_path, ["f,Re,Im", *filled("{f:.12g},{re:.12g},{im:.12g}")])
    m = read_spectrum(path, unit="kohm cm^2")
    assert np.abs(m.Z / (0.1 * Z) - 1).max() < 1e-11 and m.units == "ohm m^2"
    with pytest.raises(InputError, match='unit: read "kHz"; expected one of Z'):
        read_spectrum(path, unit="kHz")


def test_the_sign_of_the_imaginary_part(tmp_path: Path) -> None:
    minus = filled("{f:.12g},{re:.12g},{neg:.12g}")
    path = write(tmp_path, ["f/Hz,Re(Z)/ohm,Im(Z)/ohm", *minus])
    m = read_spectrum(path)
    assert np.abs(m.Z / Z - 1).max() < 1e-11 and any("a minus is missing in its title" in note for note in m.notes)
    assert np.abs(read_spectrum(path, imaginary="Im").Z / Z.conj() - 1).max() < 1e-11
    for title in ("-Im(Z)/ohm", "-Z'' (ohm)", "\u2212Zimag [ohm]", "minus Im Z/ohm", "-Im/ohm"):
        m = read_spectrum(write(tmp_path, [f"f/Hz,Re/ohm,{title}", *minus]))
        assert np.abs(m.Z / Z - 1).max() < 1e-11 and any("its title has a minus" in note for note in m.notes), title
    phase = [f"{f:.12g} {abs(z):.12g} {-np.angle(z):.12g}" for f, z in zip(F, Z, strict=True)]
    assert np.abs(read_spectrum(write(tmp_path, ["f |Z| -Phase/rad", *phase])).Z / Z - 1).max() < 1e-11
    assert np.abs(read_spectrum(write(tmp_path, ["f |Z| Theta/rad", *phase])).Z / Z - 1).max() < 1e-11


def test_an_instrument_is_believed_even_where_everything_is_inductive(tmp_path: Path) -> None:
    lines = [f"\t0\t0\t{f}\t1.0\t{0.3 * f}\t1\ta" for f in (11.0, 7.0, 3.0)]
    assert (read_spectrum(write(tmp_path, [*gamry()[:-N], *lines])).Z.imag > 0).all()
    lines = [f"{f}, 1.0, {0.3 * f}, 1, 1" for f in (11.0, 7.0, 3.0)]
    assert (read_spectrum(write(tmp_path, [*chi()[:-N], *lines])).Z.imag > 0).all()
    lines = [f"3.5\t{f}\t1.0\t{0.3 * f}\t0.01" for f in (11.0, 7.0, 3.0)]
    assert (read_spectrum(write(tmp_path, [*parstat()[:-N], *lines])).Z.imag > 0).all()


def test_columns_are_chosen_by_title_or_by_number(tmp_path: Path) -> None:
    path = write(tmp_path, ["a,b / ohm,c,f", *filled("{i},{neg:.12g},{re:.12g},{f:.12g}")])
    names = {"frequency": "f", "real": "c", "-imaginary": "b / ohm"}
    for columns in (names, {"frequency": 4, "real": 3, "-imaginary": 2}):
        m = read_spectrum(path, columns=columns)
        assert np.abs(m.Z / Z - 1).max() < 1e-11
    numbers = write(tmp_path, filled("{i} {i} {re:.12g} {im:.12g} {f:.12g}"))
    m = read_spectrum(numbers, columns={"frequency": 5, "real": 3, "imaginary": 4})
    assert np.abs(m.Z / Z - 1).max() < 1e-11 and "1" in m.columns
    both = write(tmp_path, ["f,Re,Im,A,B", *filled("{f:.12g},1,1,{mod:.12g},{ph:.12g}")])
    m = read_spectrum(both, columns={"modulus": "A", "phase": "B"})
    assert np.abs(m.Z / Z - 1).max() < 1e-11
    assert "expected 1 to 5" in refusal(numbers, columns={"frequency": 6, "real": 3, "imaginary": 4})
    assert "no line with the titles" in refusal(both, columns={"frequency": "nu"})
    assert "Re Z and Im Z, or |Z| and phase" in refusal(write(tmp_path, ["f,Re,x", *filled("{f},{re},{im}")]))
    assert "none of them frequency" in refusal(write(tmp_path, ["x,Re,Im", *filled("{f},{re},{im}")]))
    with pytest.raises(InputError, match='columns: read "angle"; expected one of frequency'):
        read_spectrum(both, columns={"angle": 1})


def test_the_other_columns_and_the_header_are_kept(tmp_path: Path) -> None:
    m = read_spectrum(write(tmp_path, biologic(), "latin-1"))
    assert list(m.columns) == ["|Z|/Ohm", "Cs/µF", "cycle number"] and m.metadata["Bandwidth"] == "5"
    np.testing.assert_array_equal(m.columns["Cs/µF"], np.arange(N))
    m = read_spectrum(write(tmp_path, gamry()))
    assert "Over (bits)" not in m.columns and m.metadata["AREA"].startswith("1.00000E+000") and m.area is None


def test_several_spectra_of_one_file(tmp_path: Path) -> None:
    rows = filled("{f:.12g},{re:.12g},{im:.12g}")
    path = write(tmp_path, ["f,Re,Im,loop_index", *(row + ",1" for row in rows), *(row + ",2" for row in rows[:9])])
    assert [len(m) for m in read_spectra(path)] == [N, 9]
    assert read_spectrum(path, loop=2).notes[0] == "spectrum 2 of 2 in the file"
    with pytest.raises(InputError, match=r"read 2 spectra; expected one, or a choice: loop = 1 to 2"):
        read_spectrum(path)
    with pytest.raises(InputError, match="read loop = 3; expected 1 to 2"):
        read_spectrum(path, loop=3)
    path = write(tmp_path, ["f,Re,Im", "0,0,0", *rows, "0,0,0", "0,0,0", *rows[:7]])
    found = read_spectra(path)
    assert [len(m) for m in found] == [N, 7] and "3 rows of zero frequency left out" in found[1].notes
    path = write(tmp_path, ["f,Re,Im", *rows, "0,0,0", rows[0]])
    assert "1 stretches of fewer than 3 points left out" in read_spectrum(path).notes
    head, data = relaxis()[:3], relaxis()[3:]
    assert [len(m) for m in read_spectra(write(tmp_path, [*head, *data, *data[:6]]))] == [N, 5]
    zcurve = gamry()[7:]
    assert [len(m) for m in read_spectra(write(tmp_path, [*gamry(), *zcurve[:8]]))] == [N, 5]


def test_an_imaginary_part_too_small_to_tell_is_taken_as_titled(tmp_path: Path) -> None:
    m = read_spectrum(write(tmp_path, ["f,Re,Im", "100,1.5,0.0002", "10,1.5,0.0003", "1,1.5,0.0001"]))
    assert (m.Z.imag > 0).all() and any("too small" in note for note in m.notes)
