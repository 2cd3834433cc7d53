"""A micro-reference electrode inside a composite: where the reaction takes place, at direct current and by frequency.

It sits in the ions' phase at a depth, reads the mean potential of that phase over its width, and draws no current.
Distribution of the reaction with linear kinetics: J. S. Newman, C. W. Tobias, J. Electrochem. Soc. 109 (1962) 1183.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from miecsim.circuit import tlm
from miecsim.circuit.profiles import LineProfile, profile_from_potentials, rail_end_potentials
from miecsim.errors import InputError
from miecsim.physics.elements import Element, Lumped, Reversible
from miecsim.physics.layers import CompositeLayer
from miecsim.physics.models import small_signal_admittance
from miecsim.solvers.impedance import amplitudes, impedance
from miecsim.solvers.steady import OperatingPoint, solve_steady
from miecsim.system import System
from miecsim.techniques.checks import array, finite, not_negative, positive
from miecsim.techniques.record import Compared, Table, TechniqueRecord
from miecsim.typing import Array, Complex, Ints, Values

LINEAR = 0.5  # thermal voltages of local overpotential, above which linear kinetics are remarked
SPACING = 0.05  # of the electrode: least distance of the three electrodes of a curvature
ROUNDING = 10 * float(np.finfo(float).eps)  # of the largest potential: rails closer than this are as good as equal
LINE, WIDTH, CURVATURE = "two-rail line", "width", "curvature"
SIDES: dict[str, tlm.Side] = {"left": "left", "right": "right"}


@dataclass(frozen=True)
class _Electrode:
    """One uniform composite with its terminals, its first carrying current against its second."""

    system: System
    layer: CompositeLayer
    law: Element
    x: Array  # m, depths of nodes in order (n,)
    order: Ints

    def interface(self, omega: float) -> complex:
        """a_v y(w) [S/m3] about rest."""
        return self.layer.area_density * small_signal_admittance(self.law, omega)

    def at(self, values: Values, depth: npt.ArrayLike) -> Values:
        """Values (n, ...) at nodes in order, interpolated at depths (d,): (d, ...)."""
        flat = values.reshape(self.x.size, -1)
        d = np.atleast_1d(array(depth))
        columns = np.stack([np.interp(d, self.x, column) for column in flat.T], axis=-1)
        return np.asarray(columns.reshape((-1, *values.shape[1:])))

    def averaged(self, values: Values, depth: float, width: float) -> Values:
        """Mean of values (n, ...) over [depth - width/2, depth + width/2], straight between nodes."""
        if width == 0:
            return np.asarray(self.at(values, depth)[0])
        a, b = depth - width / 2, depth + width / 2
        inside = self.x[(self.x > a) & (self.x < b)]
        s = np.concatenate([[a], inside, [b]])
        return np.asarray(np.trapezoid(self.at(values, s), s, axis=0) / width)


def reference_electrode(
    system: System,
    current: float,
    positions: Sequence[float],
    *,
    width: float = 0.0,
    frequency: npt.ArrayLike | None = None,
) -> TechniqueRecord:
    """Potentials and local reaction along a composite under `current` [A] (A/m2 without area) from its first terminal
    to its second, and what reference electrodes at `positions` [m] of `width` [m] in the ions' phase read.

    system: one CompositeLayer between two terminals of reversible, resistive or kinetic contacts, in one dimension.
    Direct current needs an interface that passes it, or contacts that carry it along one rail; frequency [Hz] adds the
    small signal about rest, per ampere.

    Textbook values are those of the two-rail line with linear kinetics (Newman-Tobias) at the point; true ones are the
    model's, for: potential of the ions against the second terminal, local overpotential Phi_ion - Phi_eon, and local
    reaction current [A/m3] from the ions into the electrons. 'width' compares what the electrode reads with the
    potential at its middle; 'curvature' the reaction read from three electrodes side by side, sigma_ion d2Phi/dx2,
    as the experimenter can know it. By frequency the magnitudes per ampere are compared, at the middle frequency.
    Tables: 'profile', 'line' (closed form), 'readings', and with frequencies 'spectra' and 'waves' (at three of them).
    Where the rails differ by no more than the rounding of their potentials, waves are nan and nothing is compared.
    InputError for another cell, or electrodes that do not lie inside it.
    """
    electrode = _electrode_of(system)
    finite("reference electrode", current=current)
    if current == 0:
        raise InputError("reference electrode: the current must not be 0")
    not_negative("reference electrode", width=width)
    depth = np.atleast_1d(array(positions))
    _inside(electrode, depth, width)
    plus, minus = system.terminals[:2]
    point = solve_steady(system, {minus: 0.0}, currents={plus: current})
    profile = _steady_profile(electrode, point)
    line = _closed_form(electrode, 0.0, electrode.x)
    tables: dict[str, Table] = {
        "profile": _table(electrode, profile),
        "line": _table(electrode, _reaction_of(electrode, line, 0.0, current)),
        "readings": _readings(electrode, profile, depth, width, current),
    }
    compared = _compared(tables["readings"], depth, width, _rounding(profile[:, :2]))
    if frequency is not None:
        f = np.sort(np.atleast_1d(array(frequency)))
        positive("reference electrode", frequency=f)
        waves, spectra, more = _small_signal(electrode, f, depth, width)
        tables |= {"spectra": spectra, "waves": waves}
        compared += more
    remarks = (*_remarks(electrode, profile, width), *_unseen(tables))
    return TechniqueRecord("reference_electrode", tables, tuple(compared), remarks)


def _electrode_of(system: System) -> _Electrode:
    layers = system.model.layers
    if len(layers) != 1 or not isinstance(layers[0], CompositeLayer) or system.grid.dim != 1:
        raise InputError("reference electrode: needs one composite layer in one dimension")
    layer = layers[0]
    if layer.interface is None or not (layer.sigma_ion > 0 and layer.sigma_eon > 0) or layer.sigma_cross != 0:
        raise InputError("reference electrode: needs two uncoupled rails with an interface between them")
    if len(system.terminals) != 2 or system.wiring.links or any(p.emf for p in system.ports):
        raise InputError("reference electrode: needs two terminals, without links or driving forces of contacts")
    x = system.nodes.position[:, 0]
    order = np.argsort(x, kind="stable")
    x = np.clip(x[order], 0.0, layer.thickness)  # the last face may lie beyond it by rounding
    return _Electrode(system, layer, layer.interface, x, order)


def _inside(electrode: _Electrode, depth: Array, width: float) -> None:
    low, high = depth - width / 2, depth + width / 2
    if depth.ndim != 1 or depth.size == 0 or np.any(low < 0) or np.any(high > electrode.layer.thickness):
        raise InputError(
            f"reference electrode: {width:g} m wide at {depth.tolist()} m does not lie inside the electrode, 0 to "
            f"{electrode.layer.thickness:g} m"
        )


# A profile: columns Phi_ion, Phi_eon [V], overpotential [V], reaction [A/m3] at the nodes, (n, 4)
_COLUMNS = (("Phi_ion", "V"), ("Phi_eon", "V"), ("overpotential", "V"), ("reaction", "A/m^3"))


def _steady_profile(electrode: _Electrode, point: OperatingPoint) -> Array:
    Phi = point.u[:2, electrode.order]
    u = Phi[0] - Phi[1]
    reaction = electrode.layer.area_density * np.asarray(electrode.law.current(u))
    return np.stack([Phi[0], Phi[1], u, reaction], axis=-1)


def _closed_form(electrode: _Electrode, omega: float, depth: Array) -> LineProfile:
    """The two-rail line about rest under one ampere from the first terminal to the second, which is at 0 V."""
    area, length = electrode.system.area, electrode.layer.thickness
    z_1, z_2 = 1 / (electrode.layer.sigma_ion * area), 1 / (electrode.layer.sigma_eon * area)
    y = electrode.interface(omega) * area
    z_f = np.array([1 / y if y != 0 else np.inf + 0j])
    line = tlm.two_rail_admittance(z_1, z_2, z_f, length)
    contacts = [
        tlm.Contact(p, 0 if c.carrier == "ion" else 1, SIDES[c.side], _contact_impedance(c.law, omega) / area)
        for p, terminal in enumerate(electrode.system.wiring.terminals)
        for c in terminal.contacts
    ]
    ends = rail_end_potentials(line, contacts)
    return profile_from_potentials(depth, z_1, z_2, z_f, length, (ends[:, 0], ends[:, 1]), (ends[:, 2], ends[:, 3]))


def _contact_impedance(law: Element | Reversible, omega: float) -> complex:
    """Z(w) [ohm m2] of a contact about rest."""
    return 0j if isinstance(law, Reversible) else 1 / small_signal_admittance(law, omega)


def _reaction_of(electrode: _Electrode, line: LineProfile, omega: float, current: float) -> Array:
    """Profile of the closed form under a direct `current`, (n, 4)."""
    columns = [line.Phi_1[0], line.Phi_2[0], line.u[0], electrode.interface(omega) * line.u[0]]
    return np.stack([current * c.real for c in columns], axis=-1)


def _table(electrode: _Electrode, profile: Array) -> Table:
    columns = {name: (profile[:, k], unit) for k, (name, unit) in enumerate(_COLUMNS)}
    return {"position": (electrode.x, "m"), **columns}


def _readings(electrode: _Electrode, profile: Array, depth: Array, width: float, current: float) -> Table:
    """One row for each electrode: what it reads, what is there, and what the two-rail line has there."""
    line = _reaction_of(electrode, _closed_form(electrode, 0.0, depth), 0.0, current)
    there = electrode.at(profile, depth)
    columns: dict[str, tuple[Array, str]] = {"position": (depth, "m"), "width": (np.full(depth.size, width), "m")}
    for k, (name, unit) in enumerate(_COLUMNS):
        columns[name], columns[f"{name}, line"] = (np.asarray(there[:, k]), unit), (line[:, k], unit)
    read = [electrode.averaged(profile[:, 0], x, width) for x in depth]
    columns["Phi_ion, read"] = (array(read), "V")
    curved = [_curvature(electrode, profile[:, 0], x, width) for x in depth]
    columns["reaction, curvature"] = (electrode.layer.sigma_ion * array(curved), "A/m^3")
    return columns


def _curvature(electrode: _Electrode, Phi: Array, x: float, width: float) -> float:
    """d2Phi/dx2 [V/m2] from three electrodes whose middles are SPACING apart; nan where they do not fit."""
    s = max(width, SPACING * electrode.layer.thickness)
    if x - s - width / 2 < 0 or x + s + width / 2 > electrode.layer.thickness:
        return float("nan")
    left, here, right = (float(electrode.averaged(Phi, x + k * s, width)) for k in (-1, 0, 1))
    return (left - 2 * here + right) / s**2


def _rounding(potential: Values) -> float:
    """Difference of two potentials below which it is rounding alone."""
    return ROUNDING * float(np.max(np.abs(potential)))


def _compared(readings: Table, depth: Array, width: float, rounding: float) -> list[Compared]:
    out: list[Compared] = []
    driven = np.abs(readings["overpotential"][0]) > rounding

    def add(name: str, column: str, how: str, k: int) -> None:
        (values, unit), textbook = readings[name], readings[column][0]
        known = driven[k] or name == "Phi_ion"
        if known and values[k] != 0 and np.isfinite(textbook[k]):
            out.append(Compared(at(name, depth[k]), float(textbook[k]), float(values[k]), unit, how))

    for k in range(depth.size):
        for name in ("Phi_ion", "overpotential", "reaction"):
            add(name, f"{name}, line", LINE, k)
        if width > 0:
            add("Phi_ion", "Phi_ion, read", WIDTH, k)
        add("reaction", "reaction, curvature", CURVATURE, k)
    return out


def at(name: str, depth: float) -> str:
    """Name of a quantity at a depth [m], as in the record: 'reaction at 12.5 um'."""
    return f"{name} at {1e6 * depth:.6g} um"


def _small_signal(electrode: _Electrode, f: Array, depth: Array, width: float) -> tuple[Table, Table, list[Compared]]:
    """Waves along the electrode at three frequencies, transfer impedances at its electrodes, and the comparison."""
    rest = solve_steady(electrode.system)
    per_ampere = impedance(rest, f).Z[:, None, None]
    potential = (amplitudes(rest, f).potential * per_ampere)[:, electrode.order, :2]  # (n_f, n, 2)
    unit = "ohm m^2" if electrode.system.per_area else "ohm"
    spectra: dict[str, tuple[Array, str]] = {"frequency": (f, "Hz")}
    out: list[Compared] = []
    middle = f.size // 2
    for x in depth:
        read = np.array([electrode.averaged(Phi[:, 0], x, width) for Phi in potential])
        line = np.array([_closed_form(electrode, 2 * np.pi * v, np.array([x])).Phi_1[0, 0] for v in f])
        for label, values in (("", read), (", line", line)):
            spectra[f"Z real{label}, {1e6 * x:.6g} um"] = (values.real, unit)
            spectra[f"Z imaginary{label}, {1e6 * x:.6g} um"] = (values.imag, unit)
        there = abs(complex(electrode.at(potential[middle, :, 0], x)[0]))
        out.append(Compared(at("|Phi_ion|", x), abs(line[middle]), there, unit, _at_frequency(f[middle])))
    some = sorted({0, middle, f.size - 1})
    columns = [_wave(electrode, float(f[k]), potential[k]) for k in some]
    waves = {name: (np.concatenate([c[name][0] for c in columns]), u) for name, (_, u) in columns[0].items()}
    wave = columns[some.index(middle)]
    u, line_u = (
        wave[f"overpotential real{w}"][0] + 1j * wave[f"overpotential imaginary{w}"][0] for w in ("", ", line")
    )
    for x in depth:
        textbook, true = (float(np.abs(electrode.at(values, x)[0])) for values in (line_u, u))
        if not np.isnan(true):
            out.append(Compared(at("|overpotential|", x), textbook, true, unit, _at_frequency(f[middle])))
    return waves, spectra, out


def _at_frequency(f: float) -> str:
    return f"{LINE}, {f:.4g} Hz"


def _wave(electrode: _Electrode, f: float, potential: Complex) -> dict[str, tuple[Array, str]]:
    """Complex amplitudes per ampere at one frequency: overpotential and reaction of the model, and of the line; nan
    where the rails of the model differ by rounding alone."""
    omega = 2 * np.pi * f
    y = electrode.interface(omega)
    u = potential[:, 0] - potential[:, 1]
    seen = np.where(np.abs(u) > _rounding(potential), 1.0, np.nan)
    u, line = seen * u, seen * _closed_form(electrode, omega, electrode.x).u[0]
    ohm = "ohm m^2" if electrode.system.per_area else "ohm"
    columns: dict[str, tuple[Array, str]] = {
        "frequency": (np.full(electrode.x.size, f), "Hz"),
        "position": (electrode.x, "m"),
    }
    share = "1/m" if electrode.system.per_area else "1/m^3"
    for label, values in (("", u), (", line", line)):
        for name, signal, unit in (("overpotential", values, ohm), ("reaction", y * values, share)):
            columns[f"{name} real{label}"] = (np.asarray(signal.real), unit)
            columns[f"{name} imaginary{label}"] = (np.asarray(signal.imag), unit)
    return columns


def _remarks(electrode: _Electrode, profile: Array, width: float) -> tuple[str, ...]:
    """What limits the readings, in numbers."""
    out = []
    thermal = electrode.system.laws.state_map.thermal_voltage
    largest = float(np.max(np.abs(profile[:, 2])))
    if not isinstance(electrode.law, Lumped) and largest > LINEAR * thermal:
        out.append(
            f"the overpotential goes up to {largest / thermal:.3g} R T/F: the kinetics are not linear, as the "
            "closed form takes them to be; the reaction crowds where it is strongest"
        )
    y = electrode.interface(0.0).real
    if y > 0:
        s = electrode.layer.sigma_ion * electrode.layer.sigma_eon
        decay = float(np.sqrt(s / ((electrode.layer.sigma_ion + electrode.layer.sigma_eon) * y)))
        out.append(f"the reaction decays over {decay:.3g} m at direct current near rest")
        if width > decay / 2:
            out.append(f"the electrode is {width / decay:.2g} decay lengths wide: it reads a mean, not a place")
    if np.all(profile[:, 3] == 0):
        out.append("no direct current passes the interface: only alternating current shows a reaction")
    return tuple(out)


def _unseen(tables: dict[str, Table]) -> list[str]:
    """Where waves are lost in rounding."""
    if "waves" not in tables:
        return []
    f, x, u = (tables["waves"][name][0] for name in ("frequency", "position", "overpotential real"))
    lost = np.isnan(u)
    if not lost.any():
        return []
    ends = f"{x[lost].min():.3g} and {x[lost].max():.3g} m"
    return [f"from {f[lost].min():.4g} Hz on, the reaction between {ends} is rounding: no phase, and not compared"]
