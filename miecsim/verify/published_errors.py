"""Formulas and statements as printed in widely read reviews, beside the right ones, on the same cell.

Each proof solves the continuum and holds if it agrees with the right formula and clearly not with the printed one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from miecsim.circuit import mixed, tlm
from miecsim.circuit.elements import lumped
from miecsim.grid.stack import Mesh
from miecsim.physics.elements import Lumped, Reversible
from miecsim.physics.layers import CarrierIn, ChargedLayer, CompositeLayer, ConductorLayer
from miecsim.physics.models import Model, composite_electrode, mixed_conductor
from miecsim.physics.terminals import Link, Wiring, preset
from miecsim.solvers.impedance import amplitudes, impedance
from miecsim.solvers.steady import solve_steady
from miecsim.system import build_system
from miecsim.verify.proof import Outcome, Proof, Settings
from miecsim.verify.samples import CONTINUUM, ROUND_OFF

FAMILY = "published_errors"
LINE = "a review of transmission lines"
MIXED = "an introduction to mixed conductors"

LENGTH, AREA, DENSITY = 63.7e-6, 4.3e-5, 2.7e5
SIGMA = (0.0193, 0.0731)  # S/m, ions and electrons
WALL = Lumped(R=0.0317, C=0.143)
FREQUENCY = 3.7  # Hz


@dataclass(frozen=True)
class Reading:
    """One figure in three ways: from the continuum, from the right formula and from the printed one."""

    continuum: complex
    right: complex
    printed: complex
    unit: str = "ohm"
    note: str = ""


def _proof(number: str, title: str, equation: str, source: str, read: Callable[[], Reading], tolerance: float) -> Proof:
    def measure() -> Outcome:
        found = read()
        error = float(abs(found.continuum - found.right) / abs(found.right))
        value, right, printed = (float(abs(each)) for each in (found.continuum, found.right, found.printed))
        times = f"printed: {printed / right:.3g} times the right figure"
        note = f"{times}; {found.note}" if found.note else times
        return Outcome(value, right, error, found.unit, printed=printed, note=note)

    return Proof(
        f"{FAMILY}.{number}",
        title,
        FAMILY,
        equation,
        f"as printed in {source}; corrected in this proof",
        tolerance,
        measure,
    )


def _electrode(sigma: tuple[float, float] = SIGMA, length: float = LENGTH, wall: Lumped = WALL) -> Model:
    return composite_electrode([CompositeLayer("electrode", length, *sigma, wall, DENSITY)])


def _solve(model: Model, terminals: str, frequency: float, cells: int | str = "auto", shorted: bool = False) -> complex:
    """Z [ohm] of the continuum at one frequency; `shorted` joins the rails at the right end."""
    wiring = preset(terminals)
    if shorted:
        wiring = Wiring(wiring.terminals, (Link("right", ("ion", "electron"), Reversible()),))
    mesh = Mesh(cells=cells, resolve=max(frequency, FREQUENCY))
    return complex(
        impedance(solve_steady(build_system(model, wiring, area=AREA, mesh=mesh)), np.array([frequency])).Z[0]
    )


def _rails(sigma: tuple[float, float] = SIGMA) -> tuple[float, float]:
    """z_1, z_2 [ohm/m]."""
    return 1 / (sigma[0] * AREA), 1 / (sigma[1] * AREA)


def _wall(frequency: float, wall: Lumped = WALL) -> complex:
    """z_f [ohm m]."""
    return complex(lumped(np.array([2 * np.pi * frequency]), wall.R, wall.C)[0] / (AREA * DENSITY))


def _line(z1: float, z2: float, z_f: complex, configuration: str = "ie", length: float = LENGTH) -> complex:
    return complex(tlm.two_rail_impedance(z1, z2, z_f, length, configuration)[0])


def printed_two_rail(z1: float, z2: float, z_f: complex, length: float) -> complex:
    """The "universal form" as printed, with z_1^2 z_2^2/(z_1 + z_2)^2 before coth."""
    decay = np.sqrt(z_f / (z1 + z2))
    x = length / decay
    return complex(
        z1 * z2 / (z1 + z2) * (length + 2 * decay / np.sinh(x)) + decay * (z1 * z2 / (z1 + z2)) ** 2 / np.tanh(x)
    )


# --- the two-rail line ----------------------------------------------------------------------------


def _prefactor() -> Reading:
    z1, z2, z_f = *_rails(), _wall(FREQUENCY)
    return Reading(
        _solve(_electrode(), "battery", FREQUENCY), _line(z1, z2, z_f), printed_two_rail(z1, z2, z_f, LENGTH),
        note="printed in ohm²/m, so that its value changes with the unit of length",
    )  # fmt: skip


def _perfect_electrons() -> Reading:
    sigma = (SIGMA[0], 1e12 * SIGMA[0])
    z1, z2, z_f = *_rails(sigma), _wall(FREQUENCY)
    right = complex(tlm.de_levie(z1, z_f, LENGTH)[0])
    return Reading(
        _solve(_electrode(sigma), "battery", FREQUENCY), right, printed_two_rail(z1, z2, z_f, LENGTH),
        note="z₂ → 0 must give de Levie's pore",
    )  # fmt: skip


def _decay_length() -> Reading:
    """By which factor the decay length changes when the electronic rail gets 9.1 times more resistive."""
    factor, length = 9.1, 400e-6
    resistive = (SIGMA[0], SIGMA[1] / factor)
    lengths = [_decay_of(sigma, length) for sigma in (SIGMA, resistive)]
    (a, b), (_, c) = _rails(), _rails(resistive)
    right = np.sqrt((a + b) / (a + c))
    printed = np.sqrt(a * c / (a + c) / (a * b / (a + b)))
    return Reading(lengths[1] / lengths[0], right, printed, "1", f"ρ₂ × {factor}; λ = {lengths[0] * 1e6:.3g} µm before")


def _decay_of(sigma: tuple[float, float], length: float) -> float:
    """Decay length [m] of Phi_ion - Phi_eon at low frequency, read between two and four tenths of a deep electrode."""
    mesh = Mesh(cells=900)
    system = build_system(_electrode(sigma, length), preset("both_rails_left"), area=AREA, mesh=mesh)
    amplitude = amplitudes(solve_steady(system), np.array([1e-6])).potential[0]
    x = system.nodes.position[:, 0]
    inside = (x > 0.1 * length) & (x < 0.3 * length)
    u = np.abs(amplitude[inside, 0] - amplitude[inside, 1])
    return float(-1 / np.polyfit(x[inside], np.log(u), 1)[0])


def _per_length() -> Reading:
    sigma = (SIGMA[0], 1e12 * SIGMA[0])
    r, z_w = _rails(sigma)[0], _wall(FREQUENCY)
    mistaken = z_w / LENGTH**2  # wall impedance [ohm] divided by the length instead of multiplied
    return Reading(
        _solve(_electrode(sigma), "battery", FREQUENCY), complex(tlm.de_levie(r, z_w, LENGTH)[0]),
        complex(tlm.de_levie(r, mistaken, LENGTH)[0]), note="z_i is impedance × length, not impedance per length",
    )  # fmt: skip


def _resistivities() -> Reading:
    z_f = _wall(FREQUENCY)
    return Reading(
        _solve(_electrode(), "battery", FREQUENCY), _line(*_rails(), z_f), _line(1 / SIGMA[0], 1 / SIGMA[1], z_f),
        note="resistivities (ohm m) beside z_f in ohm m; with resistivities z_f is in ohm m³ and Z in ohm m²",
    )  # fmt: skip


def _universal() -> Reading:
    z1, z2, z_f = *_rails(), _wall(FREQUENCY)
    return Reading(
        _solve(_electrode(), "ion_blocking", FREQUENCY), _line(z1, z2, z_f, "ee"), _line(z1, z2, z_f, "ie"),
        note="even with its prefactor mended it describes one of nine configurations of the terminals",
    )  # fmt: skip


def _symmetric() -> Reading:
    low = 1e-3
    z1, z2 = _rails()
    return Reading(
        _solve(_electrode(), "symmetric", low), z1 * z2 / (z1 + z2) * LENGTH, _line(z1, z2, _wall(low)),
        note="both rails contacted at both ends is one point of the Nyquist plot, not an arc",
    )  # fmt: skip


def _criterion() -> Reading:
    """Share of electronic transport in the low-frequency resistance, the electronic path being ten times longer."""
    long, ratio = 10.0, 0.01  # L_eon/L_ion and R_eon/R_ion
    ion = SIGMA[0]
    model = {s: _electrode((ion, ion / (ratio * s)), wall=Lumped(C=0.143)) for s in (0.99, 1.01)}
    resistance = {s: _solve(m, "battery", 1e-5).real for s, m in model.items()}
    share = (
        (resistance[1.01] - resistance[0.99])
        / 0.02
        / _solve(_electrode((ion, ion / ratio), wall=Lumped(C=0.143)), "battery", 1e-5).real
    )
    return Reading(
        share,
        ratio / (1 + ratio),
        long / (1 + long),
        "1",
        "L/σ counts: R_eon/R_ion = 0.01 while L_eon = 10 L_ion",
    )


def _discretisation() -> Reading:
    n, (z1, z2), frequency = 20, _rails(), 1e12
    blocking = Lumped(C=0.143)
    ladder = tlm.ladder_admittance(z1, z2, _wall(frequency, blocking), LENGTH, n)
    ends = [tlm.Contact(0, 0, "left", 0.0), tlm.Contact(1, 1, "right", 0.0)]
    return Reading(
        _solve(_electrode(wall=blocking), "battery", frequency, n),
        complex(tlm.two_terminal(tlm.terminate(ladder, ends))[0]),
        _line(z1, z2, _wall(frequency, blocking)),
        note="20 cells at infinite frequency; the value is that of the discretisation",
    )


# --- mixed conductors -----------------------------------------------------------------------------


def _oxide(c: tuple[float, float], D: tuple[float, float]) -> tuple[Model, mixed.MixedConductor]:
    """Dilute conductor of z = 1 and -1, and its coefficients in closed form."""
    temperature = 673.0
    carriers = tuple(CarrierIn(*row) for row in zip(("ion", "electron"), (1, -1), c, D, strict=True))
    model = mixed_conductor([ChargedLayer("oxide", LENGTH, carriers)], temperature=temperature)
    return model, mixed.mixed_conductor_parameters((1, -1), c, D, temperature)


def _read_diffusivity(model: Model, p: mixed.MixedConductor) -> float:
    """D of Z = R_inf + (R_0 - R_inf) tanh s/s, s^2 = j w L^2/4D, from the slope of Im Z at low frequency.

    R_inf is what the film shows between contacts that block nothing.
    """
    rate = p.D_chem / LENGTH**2
    low, frequency = _solve(model, "ion_blocking", 1e-4 * rate), 1e-4 * rate
    high = _solve(model, "symmetric", frequency).real
    return (low.real - high) * LENGTH**2 * 2 * np.pi * frequency / (-12 * low.imag)


def _chemical() -> Reading:
    D = (3.1e-13, 7.3e-9)
    model, p = _oxide((930.0, 41.0), D)
    return Reading(
        _read_diffusivity(model, p),
        p.D_chem,
        D[0],
        "m^2/s",
        "D̃ belongs to the neutral component, not the ion",
    )


def _convoy() -> Reading:
    D = (1.1e-10, 8.3e-10)
    model, p = _oxide((730.0, 730.0), D)
    return Reading(_read_diffusivity(model, p), 2 * D[0] * D[1] / sum(D), min(D), "m^2/s", "1:1 conductor")


def _rails_only(ratio: float) -> tuple[Model, float, float]:
    sigma = 0.0173
    return mixed_conductor([ConductorLayer("film", LENGTH, sigma, ratio * sigma, 1.3e6)]), sigma, ratio * sigma


def _ambipolar(model: Model) -> float:
    """L/(A R) [S/m] where ions and electrons pass against each other as one neutral component."""
    return LENGTH / (AREA * _solve(model, "both_rails_left", 1e-9, shorted=True).real)


def _harmonic() -> Reading:
    model, ion, eon = _rails_only(3.7)
    right = 1 / (1 / ion + 1 / eon)
    return Reading(_ambipolar(model), right, 2 * right, "S/m", "1/σ_amb = 1/σ_i + 1/σ_e is half the harmonic mean")


def _balanced() -> Reading:
    model, ion, eon = _rails_only(97.0)
    right = 1 / (1 / ion + 1 / eon)
    return Reading(_ambipolar(model), right, ion / 2, "S/m", "t_i = 0.01; the best at t_i = ½ would be σ_i/2")


def _surface() -> Reading:
    """A cathode 5.9 reaction lengths deep: only the first of them react."""
    r_ct = float(WALL.R or 0)
    sigma = (r_ct**-1 * DENSITY * (LENGTH / 5.9) ** 2, 1e12)  # l = sqrt(sigma R_ct/a_v)
    z_f = r_ct / (AREA * DENSITY)
    return Reading(
        _solve(_electrode(sigma), "battery", 1e-6), complex(tlm.de_levie(1 / (sigma[0] * AREA), z_f, LENGTH)[0]),
        z_f / LENGTH, note="the reaction is confined to l = √(σ_i R_ct/a_v), L = 5.9 l",
    )  # fmt: skip


def _total() -> Reading:
    model, ion, eon = _rails_only(3.7)
    value = LENGTH / (AREA * _solve(model, "ion_blocking", 1e-9).real)
    return Reading(value, eon, ion + eon, "S/m", "steady current between electrodes that block ions")


# id, title, right equation and printed one, where it is printed, what to read, tolerance
_ROWS: tuple[tuple[str, str, str, str, Callable[[], Reading], float], ...] = (
    (
        "E1.prefactor", "two-rail line: prefactor of coth",
        "λ (z₁² + z₂²)/(z₁ + z₂) coth x; printed: λ z₁² z₂²/(z₁ + z₂)² coth x", LINE, _prefactor, CONTINUUM,
    ),
    (
        "E1.de_levie", "two-rail line: limit of perfect electrons",
        "Z → √(r z_w) coth(L√(r/z_w)); printed: Z → 0", LINE, _perfect_electrons, CONTINUUM,
    ),
    (
        "E2.decay_length", "decay length of the reaction",
        "λ = √(z_f/(ρ₁ + ρ₂)); printed: λ = (1/k) √(ρ₁ρ₂/(ρ₁ + ρ₂))", LINE, _decay_length, CONTINUUM,
    ),
    (
        "E3.unit_of_z", "wall impedance of a pore",
        "z_w [ohm m]; printed: interfacial impedance per unit length", LINE, _per_length, CONTINUUM,
    ),
    (
        "E3.resistivity", "resistivities beside impedances per length",
        "z_k = ρ_k/A; printed: ρ_k in place of z_k", LINE, _resistivities, CONTINUUM,
    ),
    (
        "E4.universal", "“universal form” with electrons at both ends",
        "Z_ee = z_p L + 2λ z₂²/z_s tanh(x/2); printed for every cell: Z_ie", LINE, _universal, CONTINUUM,
    ),
    (
        "E5.symmetric", "symmetric cell at low frequency",
        "Z = z_p L at every frequency; printed: its own arc", LINE, _symmetric, CONTINUUM,
    ),
    (
        "E6.path_length", "what limits: electrons on a longer path",
        "share = R_eon/(R_ion + R_eon), R = L/σA; printed: L_eon ≫ L_ion", LINE, _criterion, CONTINUUM,
    ),
    (
        "E7.discretisation", "discretised equations and the line",
        "N-cell ladder; printed: the line itself", LINE, _discretisation, ROUND_OFF,
    ),
    (
        "E8.titration", "diffusivity that a relaxation shows",
        "D̃ = σ_amb/c_chem; printed: that of the ion", LINE, _chemical, CONTINUUM,
    ),
    (
        "M1.harmonic_mean", "ambipolar conductivity",
        "σ_amb = σ_iσ_e/(σ_i + σ_e); printed: their harmonic mean", MIXED, _harmonic, CONTINUUM,
    ),
    (
        "M2.slowest", "speed of the neutral component",
        "D̃ = 2D₊D₋/(D₊ + D₋); printed: that of the slowest", MIXED, _convoy, CONTINUUM,
    ),
    (
        "M3.balanced", "best transference number at given σ_i",
        "σ_amb = σ_iσ_e/(σ_i + σ_e) → σ_i; printed: t_i = ½", MIXED, _balanced, CONTINUUM,
    ),
    (
        "M4.total", "conductivity under a steady field",
        "ions blocked: σ_e; printed: σ_i + σ_e", MIXED, _total, CONTINUUM,
    ),
    (
        "M5.surface", "where a mixed conductor reacts",
        "R = √(R_ion R_ct) coth √(R_ion/R_ct); printed: the whole surface, R_ct", MIXED, _surface, CONTINUUM,
    ),
)  # fmt: skip


def proofs(settings: Settings) -> list[Proof]:
    """Every printed formula and statement that the program can compute."""
    return [_proof(*row) for row in _ROWS]
