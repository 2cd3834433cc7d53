"""Battery Parameter eXchange (BPX) files read into the text of a case: a cell of porous layers with its values.

The JSON of the standard (versions 0.1 to 0.4, models DFN and SPMe), www.bpxstandard.com: numbers, formulas of x and
tables of x and y; single and blended electrodes. BPX has no double layer, so the case has none until one is added.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from miecsim.case.expression import Expression, ExpressionError
from miecsim.case.messages import MISSING, Problems
from miecsim.units import quoted, shown

_MOST_BYTES = 10**7
_A_CURVE = "a number, a formula of x, or a table of x and y"
_SUFFIX = {"S.m-1": "S/m", "m2.s-1": "m^2/s", "V": "V", "V.K-1": "V/K", "J.mol-1": "J/mol"}


@dataclass
class Converted:
    """The text of case.toml and of the CSV files that lie beside it, by name."""

    text: str
    tables: dict[str, str] = field(default_factory=dict)


def read_bpx(text: str, file: str) -> Converted:
    """The case that the BPX file `file` with this `text` describes. InputError with one line for each thing that is
    missing or of the wrong kind."""
    problems = Problems(file)
    raw = _parse(text, problems)
    out = None if raw is None else _Writer(raw, file, problems).case()
    problems.raise_if_any()
    assert out is not None  # what could not be read has been told
    return out


def _parse(text: str, problems: Problems) -> Mapping[str, Any] | None:
    if len(text) > _MOST_BYTES:
        problems.add("", f"{len(text)} characters", f"a BPX file of at most {_MOST_BYTES}")
        return None
    try:
        raw = json.loads(text)
    except json.JSONDecodeError as error:
        line = text.splitlines()[error.lineno - 1 : error.lineno] or [""]
        problems.add(f"line {error.lineno}", quoted(line[0].strip(), 40), f"JSON ({error.msg})")
        return None
    except (RecursionError, ValueError):
        problems.add("", "brackets nested too deep", "a BPX file")
        return None
    if not isinstance(raw, dict) or not isinstance(raw.get("Parameterisation"), dict):
        problems.add("Parameterisation", MISSING, "a BPX file (JSON with Header and Parameterisation)")
        return None
    return raw


class _Writer:
    """Writes a case section by section; what is wrong with the file goes to `problems`."""

    def __init__(self, raw: Mapping[str, Any], file: str, problems: Problems) -> None:
        self.raw, self.file, self.problems = raw, file, problems
        self.tables: dict[str, str] = {}
        self.T_ref = 298.15

    # ------------------------------------------------------------------------------------------ values

    def section(self, *names: str) -> Mapping[str, Any]:
        found: Any = self.raw
        for depth, name in enumerate(names):
            value = found.get(name)
            if not isinstance(value, dict):
                at = " / ".join(names[: depth + 1])
                self.problems.add(at, shown(value) if name in found else MISSING, "an object with its parameters")
                return {}
            found = value
        return dict(found)

    def number(self, section: Mapping[str, Any], at: str, name: str, default: float | None = None) -> float:
        value = section.get(name, default)
        good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not good or value is None:
            if section:  # of a section that is not there, that has been told
                read = shown(value) if name in section else MISSING
                self.problems.add(f"{at} / {name}", read, "a finite number")
            return 1.0
        return float(value)

    def curve(
        self, section: Mapping[str, Any], at: str, name: str, variable: str = "x", more: Sequence[str] = ()
    ) -> str:
        """The TOML value of a property that may be a number, a formula or a table."""
        key, _, unit = name.partition(" [")
        unit = _SUFFIX[unit.rstrip("]")]
        value, here = section.get(name), f"{at} / {name}"
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            plain = f'"{value!r} {unit}"'
            return plain if not more else f"{{ {', '.join((f'value = {plain}', *more))} }}"
        if isinstance(value, str):
            formula = re.sub(r"\bx\b", variable, " ".join(value.split()))
            try:
                Expression(formula, (variable,))
            except ExpressionError as error:
                self.problems.note(here, f"read {error}")
            parts = [f'expression = "{formula}"', f'unit = "{unit}"']
            return f"{{ {', '.join((*parts, *more))} }}"
        columns = [value.get(axis) for axis in ("x", "y")] if isinstance(value, dict) else [None]
        if not all(isinstance(c, list) and all(isinstance(v, int | float) for v in c) for c in columns):
            if section:
                self.problems.add(here, shown(value) if name in section else MISSING, _A_CURVE)
            return '"0 V"'
        file = re.sub(r"[^a-z0-9]+", "_", f"{at} {key}".lower()).strip("_") + ".csv"
        x, y = columns
        rows = zip(x or [], y or [], strict=False)
        self.tables[file] = f"# {at} / {name}\nx,y\n" + "".join(f"{a!r},{b!r}\n" for a, b in rows)
        if len(x or []) != len(y or []):
            self.problems.add(here, f"{len(x or [])} x and {len(y or [])} y", "as many y as x")
        parts = [f'table = "{file}"', 'x = "x"', 'y = "y"', f'unit = "{unit}"']
        return f"{{ {', '.join((*parts, *more))} }}"

    def thermal(self, section: Mapping[str, Any], at: str, name: str) -> list[str]:
        """Activation energy and reference temperature, where the file has them."""
        if name not in section:
            return []
        energy = self.number(section, at, name)
        if energy == 0.0:
            return []
        return [f'activation_energy = "{energy!r} J/mol"', f'reference_temperature = "{self.T_ref!r} K"']

    # ---------------------------------------------------------------------------------------- sections

    def case(self) -> Converted:
        header = self.raw.get("Header")
        title = str(header.get("Title", "")) if isinstance(header, dict) else ""
        cell = self.section("Parameterisation", "Cell")
        self.T_ref = self.number(cell, "Cell", "Reference temperature [K]", 298.15)
        lines = self.top(cell, title)
        lines += self.electrolyte()
        lines += ["[state]", "soc = 0.5  # a BPX file says none", ""]
        lines += self.electrode("Negative electrode", "negative")
        lines += self.separator()
        lines += self.electrode("Positive electrode", "positive")
        lines += self.measured(cell)
        return Converted("\n".join(lines) + "\n", self.tables)

    def top(self, cell: Mapping[str, Any], title: str) -> list[str]:
        pairs = self.number(cell, "Cell", "Number of electrode pairs connected in parallel to make a cell", 1)
        area = self.number(cell, "Cell", "Electrode area [m2]") * pairs
        temperature = self.number(cell, "Cell", "Ambient temperature [K]", self.T_ref)
        name = re.split(r"[\\/]", self.file)[-1]
        return [
            f"title = {json.dumps((title or name)[:200], ensure_ascii=False)}",
            'model = "porous_cell"',
            f"source = {json.dumps(f'BPX file {name}: {title}'[:1900], ensure_ascii=False)}",
            f'temperature = "{temperature!r} K"',
            f'area = "{area!r} m^2"  # of {pairs:g} pair(s) of electrodes',
            "",
            "[grid]",
            "dimension = 1",
            "cells = 20",
            "grading = 4.0",
            "",
        ]

    def electrolyte(self) -> list[str]:
        e, at = self.section("Parameterisation", "Electrolyte"), "Electrolyte"
        kappa = self.thermal(e, at, "Conductivity activation energy [J.mol-1]")
        D = self.thermal(e, at, "Diffusivity activation energy [J.mol-1]")
        return [
            "[electrolyte]",
            'kind = "binary_salt"',
            f'concentration = "{self.number(e, at, "Initial concentration [mol.m-3]")!r} mol/m^3"',
            f"transference_number = {self.number(e, at, 'Cation transference number')!r}",
            "thermodynamic_factor = 1.0  # BPX has none",
            f"conductivity = {self.curve(e, at, 'Conductivity [S.m-1]', 'c', kappa)}",
            f"diffusivity = {self.curve(e, at, 'Diffusivity [m2.s-1]', 'c', D)}",
            "",
        ]

    def separator(self) -> list[str]:
        at = "Separator"
        return self.pores(self.section("Parameterisation", at), at, "separator")

    def pores(self, section: Mapping[str, Any], at: str, name: str) -> list[str]:
        return [
            "[[layer]]",
            f'name = "{name}"',
            f'thickness = "{self.number(section, at, "Thickness [m]")!r} m"',
            f"porosity = {self.number(section, at, 'Porosity')!r}",
            f"transport_efficiency = {self.number(section, at, 'Transport efficiency')!r}",
            "",
        ]

    def electrode(self, at: str, name: str) -> list[str]:
        section = self.section("Parameterisation", at)
        lines = self.pores(section, at, name)[:-1]
        lines += [f'electron = {{ conductivity = "{self.number(section, at, "Conductivity [S.m-1]")!r} S/m" }}', ""]
        blend = section.get("Particle")
        if isinstance(blend, dict) and blend:
            for label, own in blend.items():
                here = f"{at} / Particle / {label}"
                if not isinstance(own, dict):
                    self.problems.add(here, shown(own), "an object with its parameters")
                    continue
                lines += self.particles(own, here, _name(label), name)
        else:
            lines += self.particles(section, at, "active", name)
        return lines

    def particles(self, p: Mapping[str, Any], at: str, name: str, side: str) -> list[str]:
        radius = self.number(p, at, "Particle radius [m]")
        surface = self.number(p, at, "Surface area per unit volume [m-1]")
        least, most = (self.number(p, at, f"{word} stoichiometry") for word in ("Minimum", "Maximum"))
        discharged, charged = (least, most) if side == "negative" else (most, least)
        entropic = "Entropic change coefficient [V.K-1]"
        more = []
        if entropic in p and p[entropic] != 0:
            more = [f"entropic_coefficient = {self.curve(p, at, entropic)}"]
            more.append(f'reference_temperature = "{self.T_ref!r} K"')
        k = [f'rate_constant = "{self.number(p, at, "Reaction rate constant [mol.m-2.s-1]")!r} mol/m^2/s"']
        electrolyte = self.raw["Parameterisation"].get("Electrolyte")
        salt = electrolyte if isinstance(electrolyte, dict) else {}
        k.append(f'concentration = "{self.number(salt, "Electrolyte", "Initial concentration [mol.m-3]")!r} mol/m^3"')
        k += self.thermal(p, at, "Reaction rate constant activation energy [J.mol-1]")
        D = self.thermal(p, at, "Diffusivity activation energy [J.mol-1]")
        return [
            "[[layer.particles]]",
            f'name = "{name}"',
            'shape = "sphere"',
            f'radius = "{radius!r} m"',
            f"volume_fraction = {surface * radius / 3!r}  # surface {surface:g} 1/m times radius/3",
            f'maximum_concentration = "{self.number(p, at, "Maximum concentration [mol.m-3]")!r} mol/m^3"',
            f"stoichiometry_discharged = {discharged!r}",
            f"stoichiometry_charged = {charged!r}",
            f"open_circuit_potential = {self.curve(p, at, 'OCP [V]', 'x', more)}",
            f"diffusivity = {self.curve(p, at, 'Diffusivity [m2.s-1]', 'x', D)}",
            f"kinetics = {{ exchange_current = {{ {', '.join(k)} }}, alpha = 0.5 }}",
            '# double_layer = { law = "capacitor", C = "0.2 F/m^2" }  # BPX has none, and without it no arcs',
            "",
        ]

    def measured(self, cell: Mapping[str, Any]) -> list[str]:
        lines = [
            "[[study]]",
            'name = "half_charged"',
            'terminals = "full_cell"',
            'frequency = { from = "10 kHz", to = "100 uHz", points_per_decade = 6 }',
            'profiles = ["1 mHz", "1 Hz", "1 kHz"]',
            'reference = "none"',
        ]
        if "Nominal cell capacity [A.h]" in cell and "Lower voltage cut-off [V]" in cell:
            current = self.number(cell, "Cell", "Nominal cell capacity [A.h]")
            lowest = self.number(cell, "Cell", "Lower voltage cut-off [V]")
            lines += [
                "",
                "[[experiment]]",
                'name = "discharge_1C"',
                'technique = "protocol"',
                'terminals = "full_cell"',
                'driven = "B"',
                'set = { "state.soc" = 1.0 }',
                "",
                "[[experiment.step]]",
                'kind = "current"',
                f'current = "{-current!r} A"',
                'duration = "2 h"',
                f'limits = [{{ below = "{lowest!r} V" }}]',
            ]
        return lines


def _name(label: str) -> str:
    """A name of letters, digits, _ and - from any label."""
    name = re.sub(r"[^A-Za-z0-9_-]+", "_", label).strip("_")
    return name if name[:1].isalpha() else f"particles_{name}"
