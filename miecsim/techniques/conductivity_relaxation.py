"""Electrical conductivity relaxation: a bar of an electroneutral mixed conductor after a step of the atmosphere.

The bar has two mobile carriers. Its surface exchanges the neutral component: an element between the two rails at the
surface, driven by what the surface is away from the gas. The gas after the step is in equilibrium with the reference
state of the model; before it, the bar was in equilibrium with another gas. No current is drawn, so the whole course is
the model's own way to its reference state. By symmetry a quarter of the section is solved, or half a slab.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import log

import numpy as np
from scipy.optimize import brentq, least_squares

from miecsim.constants import FARADAY
from miecsim.errors import InputError
from miecsim.grid.patches import Patch
from miecsim.grid.spacing import graded
from miecsim.grid.stack import Mesh
from miecsim.physics.elements import Element, Reversible
from miecsim.physics.layers import CarrierIn, ChargedLayer
from miecsim.physics.models import Model, small_signal_admittance
from miecsim.physics.terminals import Contact, Link, Terminal, Wiring
from miecsim.solvers.steady import OperatingPoint
from miecsim.solvers.transient.protocol import Step, current, log_times, voltage
from miecsim.solvers.transient.run import Tolerance, solve_transient
from miecsim.solvers.transient.trace import Trace
from miecsim.system import System, build_system, rest_state
from miecsim.techniques.checks import positive
from miecsim.techniques.formulas_diffusion import conductivity_relaxation as relaxation
from miecsim.techniques.formulas_diffusion import exchange_roots
from miecsim.techniques.record import Compared, Table, TechniqueRecord
from miecsim.typing import Array

GRADING = 4.0  # largest over smallest cell, the small ones at the surface
LEFT = 1e-7  # of the step, what is left of it at the end unless a duration is given
EARLIEST = 1e-4  # of the duration: the first reading
PER_DECADE = 8
NOISE = 1e-3  # of the step: what the remarks on how well D and k are known suppose of each reading
SMALL_BIOT, LARGE_BIOT = 0.1, 30.0


@dataclass(frozen=True)
class _Fit:
    """D [m2/s] and k [m/s] of a fit, relative standard errors for readings with noise NOISE, and the fitted curve."""

    D: float
    k: float
    spread_D: float
    spread_k: float
    curve: Array


def conductivity_relaxation(
    model: Model,
    exchange: Element,
    *,
    step: float,
    half_width: float | None = None,
    carriers: tuple[str, str] | None = None,
    duration: float | None = None,
    cells: int = 30,
    tolerance: float | None = None,
) -> TechniqueRecord:
    """D and k that a fit to the relaxing conductivity reads, against those of the model.

    model: one electroneutral ChargedLayer with two mobile carriers; its thickness h_1 [m] is half that of the bar, from
    the middle to the surface. half_width h_2 [m]: half the other side of the section (None: a slab). exchange: the
    surface's element between the carriers, `carriers` = (ion, electron), per area. step [V]: change of
    Phi_ion - Phi_electron in equilibrium with the gas, -(RT/4F) ln(pO2 after/pO2 before) for oxygen. duration [s]
    (default: until 1e-7 of the step is left); cells from the middle to each surface; tolerance: relative, of the time
    steps (default: 1e-3 of the change that the step makes, at most 1e-6).

    The conductivity along the bar is the mean of sum_k z_k^2 F c_k D_k/V_T over the section. The textbook fits
    g = (sigma - sigma(0))/(sigma(end) - sigma(0)) by least squares of D and k in the product rule (see
    `formulas_diffusion.conductivity_relaxation`). True are D = sigma_ion sigma_eon/((sigma_ion + sigma_eon) c_chem) and
    k = 1/(R_s c_chem) of the state after the step, R_s the resistance of `exchange` for small driving forces. Tables:
    'relaxation' (time, conductivity, g, fitted g). conservation is what the two carriers' uptake differs by over the
    uptake. Raises InputError for a model, element or step that cannot be relaxed.
    """
    layer, names = _bar(model, carriers)
    if not (np.isfinite(step) and step != 0.0):
        raise InputError(f"conductivity relaxation: read step = {step} V; it is finite and not zero")
    if cells < 4:
        raise InputError(f"conductivity relaxation: read cells = {cells}; at least 4 from the middle to each surface")
    R_s = _surface_resistance(exchange)
    halves = (layer.thickness,) if half_width is None else (layer.thickness, half_width)
    positive("conductivity relaxation", half_thickness=halves)
    D, k = true_coefficients(layer, model.temperature, R_s)
    time_scale = _slowest(halves, D, k)
    length = log(1 / LEFT) * time_scale if duration is None else duration
    positive("conductivity relaxation", duration=length)
    system = _section(model, exchange, names, halves, cells)
    start = _before(system, names, step)
    relative = _tolerance(system, start, tolerance)
    trace, times = _run(system, start, length, relative)
    sigma = np.array([_conductivity(system, u) for u in (start.u, *trace.state)])
    t = np.concatenate(([0.0], times))
    g = (sigma - sigma[0]) / (sigma[-1] - sigma[0])
    fit = _fitted(t[1:], g[1:], halves)
    before, _ = true_coefficients(_with_contents(layer, start), model.temperature, R_s)
    tables: dict[str, Table] = {
        "relaxation": {
            "time": (t, "s"),
            "conductivity": (sigma, "S/m"),
            "normalised": (g, "1"),
            "fitted": (np.concatenate(([0.0], fit.curve)), "1"),
        }
    }
    compared = (
        Compared("diffusivity", fit.D, D, "m^2/s", "least squares"),
        Compared("exchange coefficient", fit.k, k, "m/s", "least squares"),
    )
    remarks = _remarks(fit, halves, D, k, before, float(np.max(np.abs(g[1:] - fit.curve))))
    return TechniqueRecord("conductivity_relaxation", tables, compared, remarks, _lost(trace, names))


def true_coefficients(layer: ChargedLayer, temperature: float, surface_resistance: float) -> tuple[float, float]:
    """D_chem [m2/s] and k [m/s] of a layer in its reference state with a surface of R_s [ohm m2]: sigma_amb/c_chem and
    1/(R_s c_chem). Jamnik and Maier 2001."""
    s = [layer.sigma(i, temperature) for i, c in enumerate(layer.carriers) if c.mobile]
    c_chem = layer.chemical_capacitance(temperature)
    return s[0] * s[1] / (s[0] + s[1]) / c_chem, 1 / (surface_resistance * c_chem)


def _bar(model: Model, carriers: tuple[str, str] | None) -> tuple[ChargedLayer, tuple[str, str]]:
    """The one layer and the names of its carriers, ion first. InputError where the model is no such bar."""
    layer = model.layers[0]
    if len(model.layers) != 1 or not isinstance(layer, ChargedLayer) or layer.permittivity is not None:
        raise InputError("conductivity relaxation: the model is one electroneutral layer given by its carriers")
    mobile = tuple(c.name for c in layer.carriers if c.mobile)
    if len(mobile) != 2:
        raise InputError(f"conductivity relaxation: read mobile carriers {', '.join(mobile)}; expected two")
    names = (mobile[0], mobile[1]) if carriers is None else carriers
    if sorted(names) != sorted(mobile):
        raise InputError(f"conductivity relaxation: read carriers {', '.join(names)}; they are {', '.join(mobile)}")
    return layer, names


def _surface_resistance(exchange: Element) -> float:
    conductance = small_signal_admittance(exchange, 0.0).real
    if not conductance > 0:
        raise InputError("conductivity relaxation: the surface must exchange at rest; its element passes no current")
    return 1 / conductance


def _slowest(halves: Sequence[float], D: float, k: float) -> float:
    """Time constant [s] of the last mode: 1/tau = sum_i b_i^2 D/h_i^2 with b tan b = h k/D."""
    rates = [exchange_roots(h * k / D, 1)[0] ** 2 * D / h**2 for h in halves]
    return float(1 / sum(rates))


def _section(model: Model, exchange: Element, names: tuple[str, str], halves: Sequence[float], cells: int) -> System:
    """A quarter of the section (half the slab): the surface at the right and the top. Two leads to the electrons in the
    middle of the bar, which carry nothing, hold the level of the potentials."""
    widths = [graded(h, cells, GRADING, "right") for h in halves]
    if len(halves) == 1:
        mesh, leads = Mesh(cells=[widths[0]]), ("left", "right")
    else:
        ends = ((0.0, float(widths[0][0])), (float(widths[0][0]), float(np.sum(widths[0][:2]))))
        patches = tuple(Patch(n, "bottom", a, b) for n, (a, b) in zip(("lead A", "lead B"), ends, strict=True))
        mesh = Mesh(cells=[widths[0]], dimension=2, width=halves[1], lateral_cells=[widths[1]], patches=patches)
        leads = ("lead A", "lead B")
    terminals = tuple(
        Terminal(n, (Contact(lead, names[1], Reversible()),)) for n, lead in zip("AB", leads, strict=True)
    )
    links = tuple(Link(side, names, exchange) for side in ("right", "top")[: len(halves)])
    area = 1.0 if len(halves) == 1 else halves[1]
    return build_system(model, Wiring(terminals, links), area=area, mesh=mesh)


def _before(system: System, names: tuple[str, str], step: float) -> OperatingPoint:
    """The bar in equilibrium with the gas before the step: uniform, neutral, Phi_ion - Phi_eon = -step.

    The electrons are at 0 V. InputError where no composition gives such a step.
    """
    state_map = system.laws.state_map
    rest = rest_state(system)
    ion, electron = (state_map.row(n) for n in names)
    z_i, z_e = state_map.carriers[ion].charge, state_map.carriers[electron].charge
    node = np.zeros(1, dtype=np.int64)

    def shifted(uptake: float) -> Array:
        """Unknowns of one node with `uptake` [mol/m3] more ions, at phi = 0."""
        u = rest[:, :1].copy()
        u[ion] += uptake
        u[electron] -= z_i / z_e * uptake
        return u

    def mismatch(uptake: float) -> float:
        Phi = state_map.at(shifted(uptake), node).Phi
        return float(Phi[ion, 0] - Phi[electron, 0]) + step

    room = [(c.concentration, c.site_density - c.concentration) for c in _mobile(system, names)]
    (taken, added), (lost, gained) = room[0], (room[1] if z_i * z_e < 0 else room[1][::-1])
    ratio = abs(z_e / z_i)
    low, high = -min(taken, ratio * lost), min(added, ratio * gained, 1e3 * taken)
    low, high = (1 - 1e-9) * low, (1 - 1e-9) * high
    if mismatch(low) * mismatch(high) >= 0:
        raise InputError(f"conductivity relaxation: no composition of the bar is {step} V from the reference state")
    uptake = float(brentq(mismatch, low, high, xtol=1e-15 * taken, rtol=1e-14))
    u = np.repeat(shifted(uptake), system.nodes.n, axis=1)
    u[-1] -= state_map.at(shifted(uptake), node).Phi[electron, 0]
    zeros = np.zeros(system.n_ports)
    return OperatingPoint(system, u, zeros, zeros, "in equilibrium with the gas before", 0.0, 0)


def _mobile(system: System, names: tuple[str, str]) -> list[CarrierIn]:
    layer = system.model.layers[0]
    assert isinstance(layer, ChargedLayer)  # _bar saw to it
    return [c for name in names for c in layer.carriers if c.name == name]


def _with_contents(layer: ChargedLayer, point: OperatingPoint) -> ChargedLayer:
    """The layer with the concentrations of a uniform state as its reference."""
    names = point.system.laws.state_map.names
    carriers = tuple(
        replace(c, concentration=float(point.u[names.index(c.name), 0])) if c.mobile else c for c in layer.carriers
    )
    return replace(layer, carriers=carriers)


def _tolerance(system: System, start: OperatingPoint, given: float | None) -> float:
    """Relative tolerance of the time steps."""
    if given is not None:
        return given
    n = len(system.laws.state_map.carriers)
    rest = system.laws.rest[:n, 0]
    return min(1e-6, 1e-3 * float(np.max(np.abs(start.u[:n, 0] / rest - 1))))


def _run(system: System, start: OperatingPoint, length: float, relative: float) -> tuple[Trace, Array]:
    """The transient and the times [s] of its kept states."""
    readings = log_times(length, EARLIEST * length, PER_DECADE)
    hold = Step("relaxation", {"A": voltage(0.0), "B": current(0.0)}, length, outputs=tuple(readings.tolist()))
    trace = solve_transient(start, [hold], tolerance=Tolerance(relative))
    return trace, trace.state_time


def _conductivity(system: System, u: Array) -> float:
    """Conductivity along the bar [S/m]: the mean of sum_k z_k^2 F c_k D_k/V_T over the section."""
    cells = np.flatnonzero(system.nodes.volume > 0)
    share = system.nodes.volume[cells] / system.nodes.volume.sum()
    v_t = system.laws.state_map.thermal_voltage
    names = system.laws.state_map.names[:2]
    parts = _mobile(system, (names[0], names[1]))
    means = [float(share @ u[k, cells]) for k in range(2)]
    return sum(c.charge**2 * FARADAY * c.diffusivity / v_t * mean for c, mean in zip(parts, means, strict=True))


def _fitted(t: Array, g: Array, halves: Sequence[float]) -> _Fit:
    """Least squares of ln D and ln k, started where diffusion limits, where exchange does and between; the best."""
    half = float(np.interp(0.5, g, t))
    h = halves[0]
    D, k = 0.2 * h * h / half, 0.7 * h / half
    starts = [np.log([D * a, k * b]) for a, b in ((1.0, 30.0), (30.0, 1.0), (2.0, 2.0))]

    def curve(x: Array) -> Array:
        return relaxation(t, halves, float(np.exp(x[0])), float(np.exp(x[1])))[0]

    width = log(1e6)
    fits = [
        least_squares(lambda x: curve(x) - g, x, bounds=(x - width, x + width), xtol=1e-12, ftol=1e-14, gtol=1e-14)
        for x in starts
    ]
    best = min(fits, key=lambda fit: float(fit.cost))
    # standard errors by the singular values, so that what the curve does not feel at all comes out as infinite
    _, singular, rows = np.linalg.svd(best.jac, full_matrices=False)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = NOISE * np.sqrt(np.nansum((rows / singular[:, None]) ** 2, axis=0))
    D, k = np.exp(best.x).tolist()
    return _Fit(D, k, float(spread[0]), float(spread[1]), curve(best.x))


def _lost(trace: Trace, names: tuple[str, str]) -> float:
    """Charge that only one of the carriers brought, over the charge of the uptake."""
    rows = [trace.system.laws.state_map.row(n) for n in names]
    one, other = trace.stored[:, rows[0]], trace.stored[:, rows[1]]
    return float(np.max(np.abs(one + other)) / np.max(np.abs(one)))


def _remarks(fit: _Fit, halves: Sequence[float], D: float, k: float, before: float, misfit: float) -> tuple[str, ...]:
    """What the fit can know."""
    biot = [h * k / D for h in halves]
    out = [
        f"Biot number h k/D = {', '.join(f'{b:.3g}' for b in biot)}; with readings good to {NOISE:g} of the step, D is "
        f"known to {_percent(fit.spread_D)} and k to {_percent(fit.spread_k)}"
    ]
    if max(biot) < SMALL_BIOT:
        out.append("the surface limits: the course is one exponential in k/h, and hardly feels D")
    elif min(biot) > LARGE_BIOT:
        out.append("diffusion limits: the course hardly feels k")
    if misfit > NOISE:
        out.append(f"no D and k give this course: the best leaves {misfit:.2g} of the step")
    change = before / D - 1
    if abs(change) > 0.01:
        out.append(f"the step is not small: the diffusivity before it was {100 * change:+.2g} % off that after it")
    return tuple(out)


def _percent(spread: float) -> str:
    return f"{100 * spread:.2g} %" if spread < 1 else "nothing"
