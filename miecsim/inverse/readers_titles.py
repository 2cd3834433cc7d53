"""What a column holds, by its title: frequency, Re Z, Im Z or its negative, |Z|, phase; and in which unit."""

from __future__ import annotations

import math
import re
import unicodedata
from dataclasses import dataclass

_NAMES = {
    "frequency": ("f", "freq", "frequency", "frequenz"),
    "omega": ("omega", "w", "ω", "angularfrequency"),
    "real": ("re", "real", "rez", "realz", "zre", "zreal", "zr", "z'", "rez'", "realpart"),
    "imaginary": ("im", "imag", "imaginary", "imz", "imagz", "zim", "zimag", "zimg", "zi", "z''", "imaginarypart"),
    "modulus": ("|z|", "z", "absz", "zabs", "mag", "magz", "zmag", "modz", "zmod", "modulus", "magnitude", "impedance"),
    "phase": (
        "phase",
        "phasez",
        "zphase",
        "phz",
        "zphz",
        "theta",
        "thetaz",
        "argz",
        "zarg",
        "phi",
        "φ",
        "θ",
        "phaseangle",
    ),
    "loop": ("cyclenumber", "loopindex", "loop", "loopnumber", "cycle", "sweep"),
}
_ROLE = {name: role for role, names in _NAMES.items() for name in names}
_PREFIX = {"": 1.0, "µ": 1e-6, "u": 1e-6, "m": 1e-3, "k": 1e3, "K": 1e3, "M": 1e6, "G": 1e9}
_AREA = {"": 1.0, "m2": 1.0, "cm2": 1e-4, "mm2": 1e-6}
_ANGLE = {"deg": 1.0, "degree": 1.0, "degrees": 1.0, "°": 1.0, "rad": 180 / math.pi, "mrad": 0.18 / math.pi}


class AmbiguousUnit(ValueError):
    """A unit that can be read in two ways."""


@dataclass(frozen=True)
class Title:
    """A column: its role (a key of the names above, "" for others), whether its negative is meant, and its unit.

    factor leads to Hz, rad/s, ohm, ohm m^2 or degrees; unit is that SI name, "" where the title has none.
    """

    role: str
    negative: bool
    factor: float = 1.0
    unit: str = ""


def read_title(text: str) -> Title:
    """The meaning of a title such as "-Im(Z)/Ohm", "Z'' [kohm cm2]", "Freq (Hz)", "Phase(Z)/deg".

    Raises AmbiguousUnit for "mhz", which may be milli or mega.
    """
    plain = unicodedata.normalize("NFKC", text).replace("\u2212", "-").replace("\u2032", "'").replace("’", "'")
    plain = plain.strip().strip("#%").strip().replace('"', "''").replace("μ", "µ").replace("\u03a9", "Ω")
    name, unit = _divided(plain)
    role, negative = _role(name)
    if unit:
        factor, si = read_unit(unit)
        fits = {"frequency": ("Hz",), "omega": ("rad/s",), "phase": ("deg",)}.get(role, ("ohm", "ohm m^2"))
        if si == "rad/s" and role == "frequency":
            role, fits = "omega", ("rad/s",)
        if si not in fits and role != "loop":  # "Re [V]" is no impedance
            role = ""
        return Title(role, negative, factor, si)
    return Title(role, negative)


def read_unit(text: str) -> tuple[float, str]:
    """Factor to SI (degrees for angles) and the SI unit; (1, "") for a unit that no spectrum is written in."""
    unit = re.sub(r"[\s.*·_^()⋅]", "", text)
    if unit.lower() in _ANGLE:
        return _ANGLE[unit.lower()], "deg"
    if re.sub(r"[-/]", "", unit.lower()) in ("rads", "rads1"):
        return 1.0, "rad/s"
    match = re.fullmatch(r"([µumkKMG]?)(?:([hH][zZ])|(?:[oO][hH][mM][sS]?|Ω)((?:[cCmM]?[mM]2)?))", unit)
    if match is None:
        return 1.0, ""
    if unit == "mhz":
        raise AmbiguousUnit('the unit "mhz"; expected "mHz" or "MHz"')
    if match[2]:
        return _PREFIX[match[1]], "Hz"
    return _PREFIX[match[1]] * _AREA[match[3].lower()], "ohm m^2" if match[3] else "ohm"


def _divided(title: str) -> tuple[str, str]:
    """Name and unit of "name/unit", "name [unit]", "name (unit)", "name unit", "name_unit"."""
    for pattern in (r"(.*?)\s*\[([^\]]*)\]", r"([^/]*[^/\s])\s*/\s*(.+)", r"(.*\S)\s*\((.*)\)"):
        match = re.fullmatch(pattern, title)
        if match and (read_unit(match[2])[1] or "[" in title):
            return match[1], match[2]
    for match in re.finditer(r"[ _]", title):
        if match.start() and read_unit(title[match.end() :])[1]:
            return title[: match.start()], title[match.end() :]
    return title, ""


def _role(name: str) -> tuple[str, bool]:
    name = re.sub(r"^data:\s*", "", name.strip().lower())
    match = re.match(r"^(?:-|minus[\s_]|neg(?:ative)?[\s_])\s*(.*)$", name)
    bare = re.sub(r"[\s_().\-]", "", match[1] if match else name)
    return _ROLE.get(bare, ""), bool(match)
