"""The discretisation read as a circuit: solved by its own nodal analysis, taken apart, and run by ngspice."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from miecsim.circuit.attribution import attribute
from miecsim.circuit.extract import netlist_of
from miecsim.circuit.netlist import Netlist
from miecsim.circuit.nodal import netlist_impedance
from miecsim.constants import thermal_voltage
from miecsim.grid.stack import Mesh
from miecsim.physics.elements import ButlerVolmer, Lumped, Reversible
from miecsim.physics.layers import CarrierIn, ChargedLayer, CompositeLayer, ConductorLayer, Junction
from miecsim.physics.models import Model, composite_electrode, mixed_conductor, nernst_planck_poisson
from miecsim.physics.terminals import Link, Wiring
from miecsim.solvers.impedance import impedance
from miecsim.solvers.steady import OperatingPoint, solve_steady
from miecsim.system import build_system
from miecsim.typing import Array
from miecsim.verify import two_rail
from miecsim.verify.proof import Outcome, Proof, Settings, Skipped, SpectrumCurve, compare
from miecsim.verify.samples import End, wired

FAMILY = "network"
AREA, V_T = 2.31e-5, thermal_voltage(298.15)
BIAS = 3.7 * V_T
NODAL = 1e-10  # Z of the netlist against Z of the discretisation
SPICE = 1e-7  # Z of ngspice
WHOLE = 1e-12  # sum of the parts of Z
TELLEGEN = "Tellegen 1952, Philips Res. Rep. 7, 259"
BAND = (1e-2, 1e6)


def _composite() -> tuple[Model, Wiring]:
    """Separator and electrode with a junction between them, Butler-Volmer and CPE contacts, a link between rails."""
    layers = [
        CompositeLayer("separator", 14.3e-6, sigma_ion=0.31),
        CompositeLayer("electrode", 37.1e-6, 0.043, 0.71, ButlerVolmer(1.7, V_T, 0.37, C=0.21), 3.1e5),
    ]
    junctions = [Junction(("separator", "electrode"), "ion", ButlerVolmer(40.0, V_T, 0.6, C=0.03))]
    ends: list[End] = [
        ("A", "left", "ion", ButlerVolmer(11.0, V_T, 0.44, C=0.13)),
        ("B", "right", "electron", Lumped(R=3e-4, Q=0.02, alpha=0.9)),
    ]
    links = (Link("right", ("ion", "electron"), Lumped(R=0.05, C=0.3)),)
    return composite_electrode(layers, junctions=junctions), wired(*ends, links=links)


def _cross() -> tuple[Model, Wiring]:
    """Onsager cross conductivity between reversible contacts."""
    wall = Lumped(R=0.013, Q=0.17, alpha=0.83)
    layer = CompositeLayer("electrode", 37.1e-6, 0.043, 0.21, wall, 2.1e5, sigma_cross=0.031)
    return composite_electrode([layer]), wired(
        ("A", "left", "ion", Reversible()), ("B", "right", "electron", Reversible())
    )


def _dielectric() -> tuple[Model, Wiring]:
    """Mixed conductor by coefficients with its dielectric rail, Stern layers and resistive contacts."""
    layer = ConductorLayer(
        "film", 37.1e-6, 0.013, 0.41, capacitance_ion=3.1e6, capacitance_eon=0.9e6, permittivity=4e-7
    )
    ends: list[End] = [
        ("A", "left", "ion", Lumped(C=0.2)), ("A", "left", "electron", Reversible()),
        ("A", "left", "potential", Lumped(C=0.1)), ("B", "right", "ion", Lumped(R=1e-3)),
        ("B", "right", "electron", Lumped(R=2e-4, C=0.1)), ("B", "right", "potential", Reversible()),
    ]  # fmt: skip
    return mixed_conductor([layer]), wired(*ends)


def _neutral() -> tuple[Model, Wiring]:
    """Three electroneutral carriers, one of them a lattice gas."""
    carriers = (
        CarrierIn("vacancy", 2, 310.0, 3e-11, site_density=900.0),
        CarrierIn("electron", -1, 140.0, 2e-9, thermodynamic_factor=1.7),
        CarrierIn("hole", 1, 35.0, 9e-10),
    )
    ends: list[End] = [
        ("A", "left", "vacancy", Lumped(C=0.3)), ("A", "left", "electron", Reversible()),
        ("B", "right", "vacancy", ButlerVolmer(20.0, V_T, 0.4)), ("B", "right", "electron", Lumped(R=1e-4)),
        ("B", "right", "hole", Lumped(R=2e-3)),
    ]  # fmt: skip
    return mixed_conductor([ChargedLayer("oxide", 37.1e-6, carriers)]), wired(*ends)


def _poisson() -> tuple[Model, Wiring]:
    """Nernst-Planck-Poisson of unequal ions, a Stern layer and leaky contacts."""
    carriers = (CarrierIn("cation", 2, 1.3, 2.1e-10), CarrierIn("anion", -1, 2.6, 7.7e-10))
    layer = ChargedLayer("electrolyte", 41e-9, carriers, permittivity=6.1e-10)
    ends: list[End] = [
        ("A", "left", "potential", Lumped(C=0.05)), ("A", "left", "cation", Lumped(R=3e-5)),
        ("B", "right", "potential", Reversible()), ("B", "right", "cation", ButlerVolmer(900.0, V_T, 0.6, C=0.01)),
        ("B", "right", "anion", Reversible()),
    ]  # fmt: skip
    return nernst_planck_poisson([layer]), wired(*ends)


MODELS: dict[str, tuple[str, Callable[[], tuple[Model, Wiring]]]] = {
    "composite": ("composite electrode", _composite),
    "cross": ("cross conductivity", _cross),
    "dielectric": ("dielectric rail", _dielectric),
    "neutral": ("electroneutral carriers", _neutral),
    "poisson": ("Poisson-Nernst-Planck", _poisson),
}


@dataclass(frozen=True)
class Cell:
    """One operating point of one model: dimension 1 or 2, at rest or under bias."""

    name: str
    dimension: int
    biased: bool
    cells: int

    @property
    def id(self) -> str:
        return f"{FAMILY}.{self.name}.{self.dimension}d_{'bias' if self.biased else 'rest'}"

    @property
    def title(self) -> str:
        state = f"at {BIAS:.2g} V" if self.biased else "at rest"
        return f"{MODELS[self.name][0]}, {self.dimension}D, {state}"


@cache
def _solved(cell: Cell) -> tuple[OperatingPoint, Netlist]:
    mesh = Mesh(cells=cell.cells, grading=3.0, dimension=cell.dimension, lateral_cells=3)
    system = build_system(*MODELS[cell.name][1](), area=AREA, mesh=mesh)
    point = solve_steady(system, {"A": BIAS} if cell.biased else None)
    return point, netlist_of(point)


def _frequencies() -> Array:
    return np.asarray(np.logspace(np.log10(BAND[0]), np.log10(BAND[1]), 33))


def _nodal(cell: Cell) -> Proof:
    def measure() -> Outcome:
        point, netlist = _solved(cell)
        f = _frequencies()
        Z, exact = netlist_impedance(netlist, f), impedance(point, f).Z
        value, reference, error, worst = compare(Z, exact)
        note = f"{_size(netlist)}; worst at {f[worst]:.3g} Hz"
        return Outcome(value, reference, error, note=note, spectrum=SpectrumCurve(f, Z, exact, "ohm"))

    return Proof(
        f"{cell.id}.nodal", f"{cell.title}: netlist = discretisation", FAMILY,
        "Y(ω) v = i over R, C, CPE and controlled sources; Z = v_A − v_B at 1 A",
        "Kirchhoff 1847; Jamnik and Maier 2001, 10.1039/b100180i", NODAL, measure,
    )  # fmt: skip


def _size(netlist: Netlist) -> str:
    count = sum(group.n for group in netlist.elements)
    return f"{count} elements, {netlist.controlled_sources} of them controlled sources"


def _parts(cell: Cell) -> Proof:
    def measure() -> Outcome:
        _, netlist = _solved(cell)
        f = _frequencies()
        found = attribute(netlist, f)
        value, reference, error, worst = compare(found.total, found.Z)
        return Outcome(value, reference, error, note=f"{len(found.by_process())} processes; worst at {f[worst]:.3g} Hz")

    return Proof(
        f"{cell.id}.parts", f"{cell.title}: sum of the elements' parts = Z", FAMILY, "Z = Σ v_b i_b/I²", TELLEGEN,
        WHOLE, measure,
    )  # fmt: skip


def _passive(cell: Cell) -> Proof:
    """At rest: no controlled source, no negative element. The error is their number."""

    def measure() -> Outcome:
        _, netlist = _solved(cell)
        wrong = float(netlist.controlled_sources + len(netlist.negative()))
        return Outcome(wrong, 0.0, wrong, "1", note=_size(netlist))

    return Proof(
        f"{cell.id}.passive", f"{cell.title}: every element a positive R or C", FAMILY,
        "number of controlled sources and of negative elements = 0", "Onsager 1931, 10.1103/PhysRev.37.405", 0.0,
        measure,
    )  # fmt: skip


def _spice(cell: Cell) -> Proof:
    def measure() -> Outcome:
        from miecsim.circuit import spice

        if shutil.which(spice.PROGRAM) is None:
            raise Skipped(f"{spice.PROGRAM} is not installed")
        point, netlist = _solved(cell)
        f, Z = spice.run_ngspice(spice.spice_text(netlist, BAND, 2, control=True))
        value, reference, error, worst = compare(Z, impedance(point, f).Z)
        return Outcome(value, reference, error, note=f"{_size(netlist)}; worst at {f[worst]:.3g} Hz")

    return Proof(
        f"{cell.id}.ngspice", f"{cell.title}: ngspice = discretisation", FAMILY,
        "the netlist written as SPICE, AC analysis by ngspice", "ngspice, ngspice.sourceforge.io", SPICE, measure,
    )  # fmt: skip


def _chain(name: str, settings: Settings) -> Proof:
    """The netlist of a two-rail electrode on N equal cells against the N-cell ladder in closed form."""

    def measure() -> Outcome:
        f = _frequencies()
        netlist = netlist_of(solve_steady(two_rail.configuration(name).system(settings.cells)))
        Z, exact = netlist_impedance(netlist, f), two_rail.chain(name, 2 * np.pi * f, settings.cells)
        value, reference, error, worst = compare(Z, exact)
        return Outcome(value, reference, error, note=f"{settings.cells} cells; worst at {f[worst]:.3g} Hz")

    return Proof(
        f"{FAMILY}.two_rail.{name}", f"two-rail line, terminals {name}: netlist = N-cell ladder", FAMILY,
        two_rail.CHAIN, two_rail.SOURCE, NODAL, measure,
    )  # fmt: skip


def proofs(settings: Settings) -> list[Proof]:
    """Five models in 1D and 2D, at rest and under bias; ngspice on all in 1D and on two in 2D."""
    found = [_chain(name, settings) for name in ("ie", "ee", "ii")]
    for name in MODELS:
        for dimension, biased in ((1, False), (1, True), (2, False), (2, True)):
            cell = Cell(name, dimension, biased, settings.cells // 2 if dimension == 1 else 7)
            found += [_nodal(cell), _parts(cell)]
            if not biased:
                found.append(_passive(cell))
            if dimension == 1 or name in ("composite", "neutral"):
                found.append(_spice(cell))
    return found
