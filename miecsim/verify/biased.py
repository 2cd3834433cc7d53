"""States away from rest: nonlinear steady currents and charges, and the spectrum about them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from miecsim.circuit import pnp
from miecsim.constants import FARADAY, thermal_voltage
from miecsim.grid.stack import Mesh
from miecsim.physics.elements import ButlerVolmer, Reversible
from miecsim.physics.layers import CarrierIn, ChargedLayer, CompositeLayer
from miecsim.physics.models import Model, composite_electrode, mixed_conductor, nernst_planck_poisson
from miecsim.physics.terminals import Wiring, metal_plates
from miecsim.solvers.direct_current import dc_admittance
from miecsim.solvers.impedance import impedance
from miecsim.solvers.steady import OperatingPoint, solve_steady
from miecsim.system import System, build_system
from miecsim.verify.proof import ConvergenceCurve, Outcome, Proof, Settings
from miecsim.verify.samples import CAUSAL, CONTINUUM, kramers_kronig_error, wired

FAMILY = "biased"
TEMPERATURE = 313.0
V_T = thermal_voltage(TEMPERATURE)
STEP = 1e-3 * V_T  # of the difference quotients; with Richardson's correction their error is far below 1e-9
DIFFERENCES = 1e-8
LEAST = 200  # cells that resolve a state far from rest
# binary salt between reversible electrodes
SALT_LENGTH, SALT, DIFFUSIVITY = 23.7e-6, 830.0, 2.3e-10
# cell with space charge
CELL_LENGTH, CELL_SALT, PERMITTIVITY = 151e-9, 0.83, 4.1e-10


def salt() -> tuple[Model, Wiring]:
    """Electroneutral 1:1 salt, cations reversible at both ends, anions blocked."""
    carriers = (CarrierIn("cation", 1, SALT, DIFFUSIVITY), CarrierIn("anion", -1, SALT, 3.1 * DIFFUSIVITY))
    model = mixed_conductor([ChargedLayer("electrolyte", SALT_LENGTH, carriers)], temperature=TEMPERATURE)
    return model, wired(("A", "left", "cation", Reversible()), ("B", "right", "cation", Reversible()))


def plates(reservoir: bool) -> tuple[Model, Wiring]:
    """Metal plates that block both ions; with `reservoir` the right one holds their concentrations."""
    carriers = (CarrierIn("cation", 2, CELL_SALT, 1.3e-9), CarrierIn("anion", -2, CELL_SALT, 3.5e-9))
    model = nernst_planck_poisson(
        [ChargedLayer("electrolyte", CELL_LENGTH, carriers, PERMITTIVITY, 0.0)], temperature=TEMPERATURE
    )
    if not reservoir:
        return model, metal_plates()
    open_ends = [("B", "right", name, Reversible()) for name in ("cation", "anion", "potential")]
    return model, wired(("A", "left", "potential", Reversible()), *open_ends)


def electrode() -> tuple[Model, Wiring]:
    """Composite electrode with Butler-Volmer kinetics inside and at its ionic contact."""
    interface = ButlerVolmer(1.7, V_T, 0.37, C=0.21)
    layer = CompositeLayer("electrode", 71.3e-6, 0.0311, 0.173, interface, 2.9e5)
    contact = ButlerVolmer(310.0, V_T, 0.44, C=0.13)
    return composite_electrode([layer], temperature=TEMPERATURE), wired(
        ("A", "left", "ion", contact), ("B", "right", "electron", Reversible())
    )


def _on(parts: tuple[Model, Wiring], mesh: Mesh) -> System:
    return build_system(*parts, mesh=mesh)


def _current(system: System, voltage: float) -> float:
    return float(solve_steady(system, {"A": voltage}).currents[0])


def _slope(of: Callable[[float], float], at: float) -> float:
    """Derivative by central differences, extrapolated once."""
    coarse, fine = ((of(at + h) - of(at - h)) / (2 * h) for h in (STEP, STEP / 2))
    return (4 * fine - coarse) / 3


def _refined(
    read: Callable[[int], float], reference: float, settings: Settings, unit: str, note: str
) -> Outcome:  # fmt: skip
    """A figure on refined meshes: the error on the finest, and the order."""
    cells = np.array([max(2, LEAST / settings.cells) * n for n in settings.refined]).astype(int)
    values = [read(int(n)) for n in cells]
    errors = np.abs(np.array(values) / reference - 1)
    order = float(-np.polyfit(np.log(cells), np.log(errors), 1)[0])
    curve = ConvergenceCurve(cells.astype(float), errors)
    return Outcome(values[-1], reference, float(errors[-1]), unit, order, note=note, convergence=curve)


def _limiting_current(settings: Settings) -> Proof:
    x = 2.7
    limit = 4 * FARADAY * DIFFUSIVITY * SALT / SALT_LENGTH

    def measure() -> Outcome:
        def read(n: int) -> float:
            return _current(_on(salt(), Mesh(cells=n)), x * V_T)

        return _refined(read, limit * np.tanh(x / 4), settings, "A/m^2", f"at {x} RT/F; i_lim = {limit:.4g} A/m^2")

    return Proof(
        f"{FAMILY}.limiting_current", "binary electrolyte, steady current under bias", FAMILY,
        "i = i_lim tanh(FV/4RT), i_lim = 4 F D₊ c₀/L", "Nernst 1904; Newman and Thomas-Alyea 2004", CONTINUUM, measure,
        order=2.0,
    )  # fmt: skip


def _differential_resistance(settings: Settings) -> Proof:
    x = 2.7
    limit = 4 * FARADAY * DIFFUSIVITY * SALT / SALT_LENGTH

    def measure() -> Outcome:
        def read(n: int) -> float:
            point = solve_steady(_on(salt(), Mesh(cells=n)), {"A": x * V_T})
            return float(impedance(point, np.array([1e-9])).Z[0].real)

        exact = 4 * V_T / limit * np.cosh(x / 4) ** 2
        return _refined(read, exact, settings, "ohm m^2", f"at {x} RT/F")

    return Proof(
        f"{FAMILY}.differential_resistance", "binary electrolyte, Z(ω → 0) under bias", FAMILY,
        "dV/di = (4RT/F i_lim) cosh²(FV/4RT)", "derivative of the limiting-current law", CONTINUUM, measure, order=2.0,
    )  # fmt: skip


def _steady_slope(name: str, title: str, parts: tuple[Model, Wiring], bias: float, settings: Settings) -> Proof:
    """Z at low frequency against difference quotients of the nonlinear steady current."""

    def measure() -> Outcome:
        system = _on(parts, Mesh(cells=settings.cells))
        point = solve_steady(system, {"A": bias})
        low = impedance(point, np.array([1e-9])).Z[0]
        slope = 1 / _slope(lambda voltage: _current(system, voltage), bias)
        linear = abs(1 / float(dc_admittance(point)[0, 0]) / slope - 1)
        error = max(float(abs(low - slope) / slope), linear)
        return Outcome(float(low.real), slope, error, "ohm m^2", note=f"at {bias:.3g} V")

    return Proof(
        f"{FAMILY}.{name}.slope", f"{title}: Z(ω → 0) = slope of the nonlinear solve", FAMILY, "lim Z(ω) = dV/dI at V",
        "central differences of steady currents", DIFFERENCES, measure,
    )  # fmt: skip


def _causal(name: str, title: str, parts: tuple[Model, Wiring], bias: float, band: tuple[float, float]) -> Proof:
    def measure() -> Outcome:
        low, high = np.log10(band)
        f = np.logspace(low - 5, high + 5, 10 * int(np.ceil(high - low + 10)) + 1)
        Z = impedance(solve_steady(_on(parts, Mesh(cells=60, grading=4.0)), {"A": bias}), f).Z
        inside = np.flatnonzero((f >= band[0]) & (f <= band[1]))
        value, reference, error, worst = kramers_kronig_error(f, Z, inside)
        return Outcome(value, reference, error, "ohm m^2", note=f"at {bias:.3g} V; worst at {f[worst]:.3g} Hz")

    return Proof(
        f"{FAMILY}.{name}.kramers_kronig", f"{title}: Kramers-Kronig under bias", FAMILY,
        "Im Z(ω) = (1/π) ∫ Re Z(ω eᵘ)/sinh u du − 1/(ωC)", "Kramers 1927; Kronig 1926", CAUSAL, measure,
    )  # fmt: skip


def _gouy_chapman(settings: Settings) -> Proof:
    bias = 1.3 * V_T
    debye = pnp.debye_length((2, -2), (CELL_SALT, CELL_SALT), PERMITTIVITY, TEMPERATURE)

    def measure() -> Outcome:
        def read(n: int) -> float:
            point = solve_steady(_on(plates(True), Mesh(cells=n, grading=60.0)), {"A": bias})
            f = 1e-6
            return float(-1 / (2 * np.pi * f * impedance(point, np.array([f])).Z[0].imag))

        exact = PERMITTIVITY / debye * np.cosh(bias / V_T)  # z = 2: z F V/2RT = FV/RT
        return _refined(read, exact, settings, "F/m^2", f"at {bias:.3g} V, L = {CELL_LENGTH / debye:.1f} λ_D")

    return Proof(
        f"{FAMILY}.gouy_chapman", "capacitance of a diffuse layer under bias", FAMILY,
        "C = (ε/λ_D) cosh(zFV/2RT)", "Gouy 1910; Chapman 1913", CONTINUUM, measure, order=2.0,
    )  # fmt: skip


def _capacitance(settings: Settings) -> Proof:
    """Blocking plates with a conserved number of ions: the spectrum's capacitance is the slope of the charge."""
    bias = 3.1 * V_T

    def charge(point: OperatingPoint) -> float:
        """Charge [C/m2] on the left plate: the displacement in the half cell beside it."""
        x, phi = point.system.nodes.position[:, 0], point.u[-1]
        wall, first = np.argsort(x)[:2]
        return float(PERMITTIVITY * (phi[wall] - phi[first]) / (x[first] - x[wall]))

    def measure() -> Outcome:
        system = _on(plates(False), Mesh(cells=settings.cells, grading=12.0))
        f = 1e-3
        Z = impedance(solve_steady(system, {"A": bias}), np.array([f])).Z[0]
        value = float(-1 / (2 * np.pi * f * Z.imag))
        reference = _slope(lambda voltage: charge(solve_steady(system, {"A": voltage})), bias)
        return Outcome(value, reference, abs(value / reference - 1), "F/m^2", note=f"at {bias:.3g} V")

    return Proof(
        f"{FAMILY}.plates.capacitance", "blocking plates, conserved ions: −1/(ω Im Z) = dq/dV", FAMILY,
        "lim 1/(jωZ) = dq/dV of the nonlinear solve", "Poisson-Boltzmann with a conserved number of ions", DIFFERENCES,
        measure,
    )  # fmt: skip


def _uniform_field() -> Proof:
    """A trace carrier in the field of two plates, its concentration set apart at either end, on five uneven cells."""
    length, D, c, permittivity = 17e-9, 3.1e-10, 1.3e-9, 1e-9
    across, ratio = 3.7, 2.3  # field in RT/F, and c(0)/c(L)

    def measure() -> Outcome:
        layer = ChargedLayer("film", length, (CarrierIn("ion", 1, c, D),), permittivity, 0.0)
        model = nernst_planck_poisson([layer], temperature=TEMPERATURE)
        ends = [("A", "left", "ion", Reversible()), ("B", "right", "ion", Reversible())]
        ends += [("plate A", "left", "potential", Reversible()), ("plate B", "right", "potential", Reversible())]
        system = build_system(model, wired(*ends), mesh=Mesh(cells=5, grading=7.0))
        point = solve_steady(system, {"plate A": across * V_T, "A": (across + np.log(ratio)) * V_T})
        exact = FARADAY * D * across / length * c * (ratio * np.exp(across) - 1) / np.expm1(across)
        value = float(point.currents[0])
        return Outcome(value, float(exact), abs(value / exact - 1), "A/m^2", note="five cells, widths 1 to 7")

    return Proof(
        f"{FAMILY}.uniform_field", "flux in a uniform field, on any mesh", FAMILY,
        "N = (D u/L)(c₁eᵘ − c₂)/(eᵘ − 1), u = zFV/RT", "Goldman 1943; Scharfetter and Gummel 1969", 1e-9, measure,
    )  # fmt: skip


def proofs(settings: Settings) -> list[Proof]:
    """Laws of steady current and charge, slopes of nonlinear solves, causality under bias."""
    return [
        _limiting_current(settings),
        _differential_resistance(settings),
        _uniform_field(),
        _gouy_chapman(settings),
        _capacitance(settings),
        _steady_slope("electrode", "Butler-Volmer electrode", electrode(), -2.3 * V_T, settings),
        _steady_slope("salt", "binary electrolyte", salt(), 2.7 * V_T, settings),
        _causal("electrode", "Butler-Volmer electrode", electrode(), -2.3 * V_T, (1e-1, 3e3)),
        _causal("plates", "blocking plates", plates(False), 3.1 * V_T, (1e3, 1e7)),
    ]
