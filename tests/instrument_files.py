"""Small files with one known spectrum in every format that is read, and how a refusal is looked at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from miecsim.errors import InputError
from miecsim.inverse.readers import read_spectra

# A resistor before a resistor beside a capacitor, with an inductance: Im Z changes its sign at 22 kHz.
F = np.geomspace(173e3, 0.37, 23)


_S = 2j * np.pi * F


Z = 3.71 + 1.9e-5 * _S + 41.3 / (1 + 41.3 * 2.3e-6 * _S)


N = len(F)


def filled(form: str) -> list[str]:
    return [
        form.format(f=f, re=z.real, im=z.imag, neg=-z.imag, mod=abs(z), ph=np.degrees(np.angle(z)), i=i)
        for i, (f, z) in enumerate(zip(F, Z, strict=True))
    ]


def biologic() -> list[str]:
    head = ["EC-Lab ASCII FILE", "Nb header lines : 6", "", "Impedance", "Bandwidth : 5"]
    titles = "freq/Hz\tRe(Z)/Ohm\t-Im(Z)/Ohm\t|Z|/Ohm\tCs/µF\tcycle number\t"
    return [*head, titles, *filled("{f:.9E}\t{re:.9E}\t{neg:.9E}\t{mod:.7E}\t{i}\t1.000000000000000E+000")]


def gamry() -> list[str]:
    head = ["EXPLAIN", "TAG\tEISPOT", "AREA\tQUANT\t1.00000E+000\tSample Area (cm^2)", "OCVCURVE\tTABLE\t1"]
    head += ["\tPt\tT", "\t#\ts", "\t0\t0.25", "ZCURVE\tTABLE"]
    head += ["\tPt\tTime\tFreq\tZreal\tZimag\tZmod\tOver", "\t#\ts\tHz\tohm\tohm\tohm\tbits"]
    return [*head, *filled("\t{i}\t{i}\t{f:.10g}\t{re:.10g}\t{im:.10g}\t{mod:.10g}\t....a")]


def zview() -> list[str]:
    head = ["ZPLOT2 ASCII", "  Surface Area:    1", f"  Data Points:    {N}"]
    head += ["  Freq(Hz)\tAmpl\tBias\tTime(Sec)\tZ'(a)\tZ''(b)\tGD\tErr\tRange", "End Comments"]
    return [*head, *filled("{f:.9E}\t1E-2\t0\t{i}\t{re:.9E}\t{im:.9E}\t0\t0\t4")]


def zview_old() -> list[str]:
    head = ['"ZPlotW Data File: Version 3.2c"', "Date: 12-17-2019", f"{N}"]
    head += ["\"  Freq(Hz)    Ampl     Bias   Time(Sec)   Z'(a)    Z''(b)    GD   Err   Range\""]
    return [*head, *filled("{f:.9E}, 1E-2, 0, {i}, {re:.9E}, {im:.9E}, 0, 0, 4")]


def relaxis() -> list[str]:
    head = [
        "RelaxIS 3.0 Spectrum export",
        "Date: 1/1/2020",
        "Data: Frequency\tData: Z'\tData: Z''",
        "DC=0.1\tModel: none",
    ]
    return [*head, *filled("{f:.10g}\t{re:.10g}\t{im:.10g}")]


def chi() -> list[str]:
    head = ["A.C. Impedance", "Instrument Model:  CHI660E", "", "Freq/Hz, Z'/ohm, Z\"/ohm, Z/ohm, Phase/deg", ""]
    return [*head, *filled("{f:.9e}, {re:.9e}, {im:.9e}, {mod:.4e}, {ph:.1f}")]


def parstat() -> list[str]:
    titles = "Potential (V)\tFrequency (Hz)\tZre (ohms)\tZim (ohms)\t|Vac| (V)\t"
    return [titles, "3.4\t0\t0\t0\t0\t", *filled("3.5\t{f:.10g}\t{re:.10g}\t{im:.10g}\t0.01\t")]


def polar_csv() -> list[str]:
    return ["time/s,f [kHz],|Z| [mOhm],Phase(Z)/deg", *(row for row in polar_rows())]


def polar_rows() -> list[str]:
    return [
        f"{i},{f / 1e3:.10g},{abs(z) * 1e3:.10g},{np.degrees(np.angle(z)):.10g}"
        for i, (f, z) in enumerate(zip(F, Z, strict=True))
    ]


def german_csv() -> list[str]:
    return ["f/Hz;Re(Z)/Ohm;-Im(Z)/Ohm", *(row.replace(".", ",") for row in filled("{f:.10g};{re:.10g};{neg:.10g}"))]


def numpy_text() -> list[str]:
    return ["# freq Re Im", *filled("{f:.18e} {re:.18e} {im:.18e}")]


def bare() -> list[str]:
    return ["# measured on a Monday", *filled("{f:.10g} \t{re:.10g} \t{im:.10g} ")]


def bare_commas() -> list[str]:
    return [row.replace(".", ",") for row in filled("{f:.10g}  {re:.10g}  {im:.10g}")]


TABLES = (
    biologic,
    gamry,
    zview,
    zview_old,
    relaxis,
    chi,
    parstat,
    polar_csv,
    german_csv,
    numpy_text,
    bare,
    bare_commas,
)


def versastudio() -> list[str]:
    head = ["<Application>", "Name=VersaStudio", "</Application>", "<Segment1>", "Type=2"]
    head += ["Definition=Segment #, E(V), Frequency(Hz), E Real, Z Real, Z Imag, AC Amplitude, 0"]
    return [*head, *filled("0,0,{f:.10g},0.1,{re:.10g},{im:.10g},0.02"), "</Segment1>", "<Graph1>", "</Graph1>"]


def write(folder: Path, lines: list[str], encoding: str = "utf-8", end: str = "\n") -> Path:
    path = folder / "spectrum.txt"
    path.write_bytes("".join(line + end for line in lines).encode(encoding))
    return path


def refusal(path: Path, **options: object) -> str:
    """The error on a file: one line that begins with its name."""
    with pytest.raises(InputError) as caught:
        read_spectra(path, **options)  # type: ignore[arg-type]
    text = str(caught.value)
    assert text.startswith(str(path)) and "\n" not in text and len(text) < 420
    assert "expected" in text or "binary" in text
    return text.removeprefix(str(path))
