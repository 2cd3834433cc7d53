"""Space charge at a charged grain boundary between two grains, in Nernst-Planck-Poisson.

Point carriers in a uniform dielectric. The textbook takes each side of the boundary for a half space and knows the
surface potential; the model knows the charge of the core.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import pi

import numpy as np
from scipy.optimize import brentq

from miecsim.constants import FARADAY, thermal_voltage
from miecsim.errors import InputError
from miecsim.grid.spacing import around, uniform
from miecsim.grid.stack import Mesh
from miecsim.physics.elements import Reversible
from miecsim.physics.layers import CarrierIn, ChargedLayer
from miecsim.physics.models import Model, debye_length, nernst_planck_poisson
from miecsim.physics.terminals import Contact, Terminal, Wiring, metal_plates
from miecsim.solvers.direct_current import dc_admittance
from miecsim.solvers.impedance import frequency_grid, impedance
from miecsim.solvers.steady import OperatingPoint, solve_steady
from miecsim.system import build_system
from miecsim.techniques.checks import finite, positive
from miecsim.techniques.formulas_space_charge import (
    FixedBackground,
    SymmetricSalt,
    depletion_capacitance,
    depletion_excess_conductance,
    depletion_excess_resistance,
    gouy_chapman_excess_conductance,
    gouy_chapman_excess_resistance,
    mott_schottky_capacitance,
    mott_schottky_excess_resistance,
)
from miecsim.techniques.record import Compared, Table, TechniqueRecord
from miecsim.typing import Array

PER_DECADE = 10
BULK = 3.0  # Debye lengths beyond a depletion layer that a grain must hold


def bicrystal(
    grain: ChargedLayer, core_width: float, core_charge: float, *, mobility: float = 1.0, temperature: float = 298.15
) -> Model:
    """`grain` on both sides of a core of the same dielectric that holds a fixed charge.

    core_width [m], core_charge Q [C/m2] beside the grain's own background; mobility: diffusivities in the core over
    those of the grain. InputError for a grain without permittivity or a width that is not positive.
    """
    positive("grain boundary", core_width=core_width, mobility=mobility)
    finite("grain boundary", core_charge=core_charge)
    if grain.permittivity is None:
        raise InputError("grain boundary: the grain needs a permittivity")
    mobile = [c for c in grain.carriers if c.mobile]
    inside = tuple(
        CarrierIn(c.name, c.charge, c.concentration, mobility * c.diffusivity, site_density=c.site_density)
        for c in mobile
    )
    background = -FARADAY * sum(c.charge * c.concentration for c in mobile)
    core = ChargedLayer("core", core_width, inside, grain.permittivity, background + core_charge / core_width)
    left, right = (
        ChargedLayer(name, grain.thickness, tuple(mobile), grain.permittivity) for name in ("left grain", "right grain")
    )
    return nernst_planck_poisson([left, core, right], temperature=temperature)


def space_charge(model: Model, *, per_debye: int = 40, frequency: Array | None = None) -> TechniqueRecord:
    """Potential, resistance across and conductance along the space charge of a grain boundary, against the formulas.

    model: grain, core, grain in Nernst-Planck-Poisson (see `bicrystal`): one mobile carrier on a fixed background, or
    two of charges +z and -z in equal amounts. per_debye: cells per Debye length (or Gouy-Chapman length of the core's
    charge) at the core. frequency [Hz] of the spectrum (None: from the boundary's relaxation to that of the bulk).

    Textbook, from the potential phi_0 at the core's edge: excess resistance of both layers to each carrier and excess
    sheet conductance (exact for a half space), beside the Mott-Schottky estimate; and what an experimenter reads: phi_0
    from the excess resistance R_gb by R_gb = (2 w/sigma) exp(Psi)/(2 Psi), and C = 1/(2 pi f R_gb) at the top of the
    boundary's arc. True: direct current through the model less that of the core's own width and of the bulk, and what
    the steady profile holds. Tables: profile; spectrum; resistances of each carrier [ohm m2]: whole, bulk,
    core, layers.

    J. Fleig, S. Rodewald, J. Maier, J. Appl. Phys. 87 (2000) 2372. InputError for another model.
    """
    boundary = _boundary(model)
    positive("grain boundary", per_debye=per_debye)
    mesh = Mesh(cells=_boundary_mesh(model, boundary.debye, per_debye))
    system = build_system(model, _separate(boundary.carriers), mesh=mesh)
    point = solve_steady(system)
    profile = _Profile.of(point, model)
    resistance = _resistances(point, profile, boundary)
    spectrum = _spectrum(model, mesh, point, boundary, resistance, frequency)
    compared = _layers(boundary, profile, resistance)
    if boundary.depletes(profile.edge):
        compared += _experimenter(boundary, profile.edge, resistance, spectrum)
    tables = {"profile": profile.table(), "spectrum": spectrum, "resistances": resistance}
    return TechniqueRecord("space_charge", tables, tuple(compared), _remarks(boundary, profile, resistance, model))


@dataclass(frozen=True)
class _Boundary:
    """Mobile carriers, their bulk conductivities [S/m], and the half space of the formulas."""

    carriers: tuple[CarrierIn, ...]
    sigma: tuple[float, ...]
    half_space: FixedBackground | SymmetricSalt
    debye: float

    def depletes(self, edge: float) -> bool:
        """Whether a single carrier is depleted by more than a thermal voltage."""
        return isinstance(self.half_space, FixedBackground) and edge / self.half_space.unit > 1

    def across(self, edge: float, k: int) -> float:
        """Excess resistance of both layers to carrier k [ohm m2]."""
        if isinstance(self.half_space, FixedBackground):
            return 2 * depletion_excess_resistance(edge, self.sigma[k], self.half_space)
        sign = 1 if self.carriers[k].charge > 0 else -1
        return 2 * float(gouy_chapman_excess_resistance(edge, self.sigma[k], sign, self.half_space))

    def along(self, edge: float) -> float:
        """Excess sheet conductance of both layers [S]."""
        if isinstance(self.half_space, FixedBackground):
            return 2 * float(depletion_excess_conductance(edge, self.sigma[0], self.half_space))
        plus = 0 if self.carriers[0].charge > 0 else 1
        both = self.sigma[plus], self.sigma[1 - plus]
        return 2 * float(gouy_chapman_excess_conductance(edge, *both, self.half_space))


def half_space(layer: ChargedLayer, T: float) -> tuple[tuple[CarrierIn, ...], FixedBackground | SymmetricSalt]:
    """The mobile carriers of a layer and the half space that the formulas know. InputError where they know none."""
    mobile = tuple(c for c in layer.carriers if c.mobile)
    if layer.permittivity is None or layer.fixed_charge is not None:
        raise InputError("space charge: needs a permittivity, and the background that makes the bulk neutral")
    if any(np.isfinite(c.site_density) or c.thermodynamic_factor != 1 or c.ln_gamma for c in mobile):
        raise InputError("space charge: the carriers must be dilute, without activity coefficients")
    if len(mobile) == 1:
        return mobile, FixedBackground(mobile[0].charge, mobile[0].concentration, layer.permittivity, T)
    balanced = len(mobile) == 2 and mobile[0].charge == -mobile[1].charge
    if not balanced or mobile[0].concentration != mobile[1].concentration:
        raise InputError("space charge: needs one mobile carrier, or two of opposite charge in equal amounts")
    return mobile, SymmetricSalt(abs(mobile[0].charge), mobile[0].concentration, layer.permittivity, T)


def _boundary(model: Model) -> _Boundary:
    layers = [layer for layer in model.layers if isinstance(layer, ChargedLayer)]
    if len(model.layers) != 3 or len(layers) != 3 or layers[1].fixed_charge is None:
        raise InputError("grain boundary: the model is a grain, a core with a fixed charge, and a grain")
    mobile, half = half_space(layers[0], model.temperature)
    if layers[2].carriers != layers[0].carriers or layers[2].permittivity != layers[0].permittivity:
        raise InputError("grain boundary: both grains must be of one material")
    sigma = tuple(layers[0].sigma(layers[0].carriers.index(c), model.temperature) for c in mobile)
    return _Boundary(mobile, sigma, half, debye_length(layers[0], model.temperature))


def _boundary_mesh(model: Model, debye: float, per_debye: int) -> list[Array]:
    """Cells that are small at the core and grow into the grains."""
    left, core, right = (layer for layer in model.layers if isinstance(layer, ChargedLayer))
    assert core.fixed_charge is not None and core.permittivity is not None  # _boundary saw to it
    own = sum(FARADAY * c.charge * c.concentration for c in core.carriers if c.mobile)
    charge = abs(core.fixed_charge + own) * core.thickness / 2
    gouy_chapman = 2 * core.permittivity * thermal_voltage(model.temperature) / max(charge, 1e-30)
    size, growth = min(debye, gouy_chapman, core.thickness) / per_debye, 1 + 1 / per_debye
    cells = [
        around(layer.thickness, [(at, size)], growth, layer.thickness / 10)
        for layer, at in ((left, left.thickness), (right, 0.0))
    ]
    return [cells[0], uniform(core.thickness, int(np.ceil(core.thickness / size))), cells[1]]


def _separate(carriers: Sequence[CarrierIn]) -> Wiring:
    """Metal plates that fix phi, and reversible contacts of each carrier on terminals of their own."""
    poles = [
        Terminal(f"{name} {side}", (Contact(side, name, Reversible()),))
        for name in (*(c.name for c in carriers), "potential")
        for side in ("left", "right")
    ]
    return Wiring(tuple(poles))


@dataclass(frozen=True)
class _Profile:
    """Cells of the steady state: centre x and width h [m], phi [V], concentrations (K, n), whether in the core; edge:
    phi where the core meets the left grain, against the bulk."""

    x: Array
    h: Array
    phi: Array
    c: Array
    core: Array
    names: tuple[str, ...]
    edge: float

    @classmethod
    def of(cls, point: OperatingPoint, model: Model) -> _Profile:
        system = point.system
        cells = np.flatnonzero(system.nodes.volume > 0)
        h = system.nodes.volume[cells]
        x = np.cumsum(h) - h / 2
        core = (system.region[cells] == 1).astype(float)
        K = len(system.laws.state_map.carriers)
        phi = point.u[K, cells]
        first = int(np.argmax(core))
        eps = [layer.permittivity or 0.0 for layer in model.layers[:2] if isinstance(layer, ChargedLayer)]
        weight = np.array([eps[0] / h[first - 1], eps[1] / h[first]])
        edge = float(weight @ phi[first - 1 : first + 1] / weight.sum())
        names = tuple(c.name for c in system.laws.state_map.carriers)
        return cls(x, h, phi, point.u[:K, cells], core, names, edge)

    def table(self) -> Table:
        out: dict[str, tuple[Array, str]] = {"position": (self.x, "m"), "potential": (self.phi, "V")}
        for name, c in zip(self.names, self.c, strict=True):
            out[name] = (c, "mol/m^3")
        return out


def _resistances(point: OperatingPoint, profile: _Profile, boundary: _Boundary) -> Table:
    """Direct current of each carrier across the boundary, and what of its resistance lies where [ohm m2]."""
    Y, terminals = dc_admittance(point), point.system.terminals
    rows = []
    core = profile.core > 0
    for k, (carrier, sigma) in enumerate(zip(boundary.carriers, boundary.sigma, strict=True)):
        at = terminals.index(f"{carrier.name} left")
        whole = 1 / float(Y[at, at])
        bulk = float(profile.h[~core].sum()) / sigma
        # the core's own diffusivity is its conductivity over its content
        layer = point.system.model.layers[1]
        assert isinstance(layer, ChargedLayer)
        in_core = layer.sigma(k, point.system.model.temperature) * profile.c[k, core] / carrier.concentration
        own = float(np.sum(profile.h[core] / in_core))
        rows.append((whole, bulk, own, whole - bulk - own))
    columns = np.array(rows).T
    return {name: (v, "ohm m^2") for name, v in zip(("whole", "bulk", "core", "layers"), columns, strict=True)}


def _spectrum(
    model: Model, mesh: Mesh, point: OperatingPoint, boundary: _Boundary, resistance: Table, frequency: Array | None
) -> Table:
    """Impedance between metals that are reversible to every carrier."""
    system = build_system(model, metal_plates(tuple(c.name for c in boundary.carriers)), mesh=mesh)
    rest = solve_steady(system, start=point.u)
    if frequency is None:
        relaxes = sum(boundary.sigma) / boundary.half_space.permittivity / (2 * pi)
        slow = min(1.0, float(np.min(resistance["bulk"][0] / resistance["whole"][0])))
        slow *= boundary.debye / model.layers[0].thickness  # R of the layers, C of their width
        frequency = frequency_grid(1e-3 * slow * relaxes, 30 * relaxes, PER_DECADE)
    Z = impedance(rest, frequency).Z
    return {"frequency": (frequency, "Hz"), "Z_real": (Z.real, "ohm m^2"), "Z_imag": (Z.imag, "ohm m^2")}


def _layers(boundary: _Boundary, profile: _Profile, resistance: Table) -> list[Compared]:
    """Formulas at the true potential of the core's edge, against what the model has."""
    half = boundary.half_space
    how = "depletion layer" if isinstance(half, FixedBackground) else "Gouy-Chapman"
    out = []
    for k, carrier in enumerate(boundary.carriers):
        true = float(resistance["layers"][0][k])
        out.append(
            Compared(f"resistance across, {carrier.name}", boundary.across(profile.edge, k), true, "ohm m^2", how)
        )
    if isinstance(half, FixedBackground) and boundary.depletes(profile.edge):
        estimate = 2 * float(mott_schottky_excess_resistance(profile.edge, boundary.sigma[0], half))
        true = float(resistance["layers"][0][0])
        name = boundary.carriers[0].name
        out.append(Compared(f"resistance across, {name}", estimate, true, "ohm m^2", "Mott-Schottky"))
    outside = profile.core == 0
    excess = sum(
        sigma * float(np.sum((c / carrier.concentration - 1)[outside] * profile.h[outside]))
        for sigma, c, carrier in zip(boundary.sigma, profile.c, boundary.carriers, strict=True)
    )
    out.append(Compared("conductance along", boundary.along(profile.edge), excess, "S", how))
    return out


def _experimenter(boundary: _Boundary, edge: float, resistance: Table, spectrum: Table) -> list[Compared]:
    """phi_0 from the boundary's resistance over that of the bulk, and the capacitance of its arc."""
    half = boundary.half_space
    assert isinstance(half, FixedBackground)
    measured = float(resistance["whole"][0][0] - resistance["bulk"][0][0])

    def mismatch(psi: float) -> float:
        return 2 * float(mott_schottky_excess_resistance(psi * half.unit, boundary.sigma[0], half)) - measured

    out = []
    if mismatch(1.0) < 0:
        psi = float(brentq(mismatch, 1.0, 500.0, xtol=1e-12))
        out.append(Compared("potential of the core", psi * half.unit, edge, "V", "excess resistance"))
    f, Z = spectrum["frequency"][0], spectrum["Z_imag"][0]
    true = float(depletion_capacitance(edge, half)) / 2
    top = _arc_top(f, -Z)
    if top is not None:
        out.append(Compared("capacitance", 1 / (2 * pi * top * measured), true, "F/m^2", "top of the arc"))
    approximate = float(mott_schottky_capacitance(edge, half)) / 2
    out.append(Compared("capacitance", approximate, true, "F/m^2", "Mott-Schottky"))
    return out


def _arc_top(f: Array, height: Array) -> float | None:
    """Frequency of the first maximum from below [Hz], by a parabola in ln f; None where there is none inside."""
    order = np.argsort(f)
    x, y = np.log(f[order]), height[order]
    inside = np.flatnonzero((y[1:-1] > y[:-2]) & (y[1:-1] >= y[2:])) + 1
    if inside.size == 0:
        return None
    k = int(inside[0])
    a, b, _ = np.polyfit(x[k - 1 : k + 2] - x[k], y[k - 1 : k + 2], 2)
    return float(np.exp(x[k] - b / (2 * a)))


def _remarks(boundary: _Boundary, profile: _Profile, resistance: Table, model: Model) -> tuple[str, ...]:
    psi = abs(profile.edge) / abs(boundary.half_space.unit)
    out = [f"the core's edge is {1e3 * profile.edge:.4g} mV off the bulk, {psi:.3g} R T/zF"]
    own, layers = (float(resistance[name][0][0]) for name in ("core", "layers"))
    if boundary.depletes(profile.edge):
        share = own / (own + layers)
        out.append(f"the core's own width holds {100 * share:.3g} % of the resistance that is read as the layers'")
    reach = boundary.debye * (BULK + (np.sqrt(2 * psi) if boundary.depletes(profile.edge) else 0.0))
    if model.layers[0].thickness < reach:
        out.append(
            f"a grain of {model.layers[0].thickness:.3g} m holds no bulk: the layers reach {reach:.3g} m into it"
        )
    return tuple(out)
