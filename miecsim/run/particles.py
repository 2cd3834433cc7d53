"""What the particles of a cell do along x: profiles of their stoichiometry, and their figures."""

from __future__ import annotations

import numpy as np

from miecsim.case.load import Case
from miecsim.constants import FARADAY, thermal_voltage
from miecsim.grid.pendants import DIMENSION
from miecsim.physics.electrolytes import BinarySalt
from miecsim.physics.porous import ActiveParticles, PorousLayer
from miecsim.results import Quantity
from miecsim.run.cells import CLASS_MARK
from miecsim.solvers.impedance import Spectrum, impedance
from miecsim.solvers.steady import OperatingPoint
from miecsim.typing import Array
from miecsim.units import format_quantity

# Of the slowest diffusion: where all of it shows in Re Z, to (1e-3)^2.
_SLOW = 1e-3


def stoichiometries(point: OperatingPoint) -> dict[str, Array]:
    """Stoichiometry at the surface and its mean over the volume, of each kind of particle, at the nodes outside
    particles (trunk,); nan where there are none. Classes of size of one kind are averaged, by surface and by volume."""
    system = point.system
    out: dict[str, Array] = {}
    if not system.nodes.trees:
        return out
    row = system.laws.state_map.row("lithium")
    weights: dict[str, Array] = {}
    kinds = [p for layer in system.model.layers if isinstance(layer, PorousLayer) for p in layer.particles]
    for p, tree in zip(kinds, system.nodes.trees, strict=True):
        name = tree.particles.name.partition(": ")[2].partition(CLASS_MARK)[0]
        volume = system.nodes.volume[tree.shells]
        parts = {
            f"surface_stoichiometry_{name}": (point.u[row, tree.surface], tree.particles.surface),
            f"mean_stoichiometry_{name}": ((point.u[row, tree.shells] * volume).sum(1) / volume.sum(1), volume.sum(1)),
        }
        for label, (c, weight) in parts.items():
            total, known = (d.setdefault(label, np.zeros(system.nodes.trunk)) for d in (out, weights))
            total[tree.particles.parents] += c / p.host.c_max * weight
            known[tree.particles.parents] += weight
    with np.errstate(invalid="ignore"):
        return {name: total / weights[name] for name, total in out.items()}


def cell_figures(case: Case, point: OperatingPoint) -> dict[str, Quantity]:
    """Figures of a cell of porous layers: of its electrodes, of its particles, and of the whole."""
    layers = [layer for layer in point.system.model.layers if isinstance(layer, PorousLayer)]
    several, T = len(layers) > 1, case.temperature
    out: dict[str, Quantity] = {}
    for layer in layers:
        suffix = f".{layer.name}" if several else ""
        out |= {f"{name}{suffix}": q for name, q in _layer_figures(layer).items()}
        if layer.particles:
            out |= {f"{name}{suffix}": q for name, q in _electrode_figures(layer, case.area, T).items()}
            out |= _kind_figures(layer, suffix, T)
    electrodes = [layer for layer in layers if layer.particles]
    if electrodes:
        volts = float(point.voltages[1] - point.voltages[0])
        out["open_circuit_voltage"] = Quantity(volts, "V", f"{point.system.terminals[1]} - {point.system.terminals[0]}")
        out["capacity"] = _capacity(case)
    return out


def slow_spectrum(point: OperatingPoint) -> Spectrum | None:
    """The impedance at one frequency, where every diffusion has come to its end: Re Z is then ohmic, charge transfer
    and diffusion together. None where the cell holds no particles."""
    times = [p.radius**2 / abs(D) for layer, p, D in _diffusing(point) if D]
    for layer in point.system.model.layers:
        if isinstance(layer, PorousLayer) and isinstance(layer.electrolyte, BinarySalt):
            salt = layer.electrolyte
            D = salt.diffusivity(np.array([salt.concentration])) if callable(salt.diffusivity) else salt.diffusivity
            D_eff = layer.transport / layer.porosity * float(np.real(np.ravel(D)[0]))
            times.append(sum(one.thickness for one in point.system.model.layers) ** 2 / D_eff)
    if not any(isinstance(layer, PorousLayer) and layer.particles for layer in point.system.model.layers):
        return None
    f = _SLOW / (2 * np.pi * max(times))
    return impedance(point, np.array([f]))


def _diffusing(point: OperatingPoint) -> list[tuple[PorousLayer, ActiveParticles, float]]:
    v_t = thermal_voltage(point.system.model.temperature)
    layers = [layer for layer in point.system.model.layers if isinstance(layer, PorousLayer)]
    return [(la, p, p.host.chemical_diffusivity(p.stoichiometry, v_t)) for la in layers for p in la.particles]


def _layer_figures(layer: PorousLayer) -> dict[str, Quantity]:
    out = {"sigma_ion": Quantity(layer.sigma_ion, "S/m", "effective")}
    if layer.sigma_eon > 0:
        out["sigma_eon"] = Quantity(layer.sigma_eon, "S/m", "effective")
    return out


def _electrode_figures(layer: PorousLayer, area: float | None, temperature: float) -> dict[str, Quantity]:
    """Of a whole electrode: potential, surface per volume, charge-transfer resistance of its particles in parallel."""
    surface = sum(p.area_density for p in layer.particles)
    y = sum(p.area_density * _i0(layer, p) for p in layer.particles) / thermal_voltage(temperature)
    unit = "ohm m^2" if area is None else "ohm"
    return {
        "potential": Quantity(layer.particles[0].open_circuit, "V", "against lithium"),
        "area_density": Quantity(surface, "1/m", "of the particles"),
        "R_ct": Quantity(1 / (y * layer.thickness * (area or 1.0)), unit, "RT/(F i0 a L A)"),
    }


def _i0(layer: PorousLayer, p: ActiveParticles) -> float:
    c_e = layer.electrolyte.concentration if isinstance(layer.electrolyte, BinarySalt) else 1.0
    return float(np.real(p.kinetics.i0(np.array([c_e]), np.array([p.stoichiometry]))[0]))


def _kind_figures(layer: PorousLayer, suffix: str, temperature: float) -> dict[str, Quantity]:
    """Of each kind of particle: stoichiometry and diffusion time (of classes of size, at the radius with their mean
    surface per volume)."""
    groups: dict[str, list[ActiveParticles]] = {}
    for p in layer.particles:
        groups.setdefault(p.name.partition(CLASS_MARK)[0], []).append(p)
    out = {}
    for name, kinds in groups.items():
        p = kinds[0]
        own = f"{suffix}.{name}" if len(groups) > 1 else suffix
        volume, surface = (sum(getattr(k, what) for k in kinds) for what in ("volume_fraction", "area_density"))
        radius = DIMENSION[p.shape] * volume / surface
        D = p.host.chemical_diffusivity(p.stoichiometry, thermal_voltage(temperature))
        out[f"stoichiometry{own}"] = Quantity(p.stoichiometry, "1", "at rest")
        out[f"D_chem{own}"] = Quantity(D, "m^2/s", "of the particles")
        if D > 0:
            out[f"diffusion_time{own}"] = Quantity(radius**2 / D, "s", f"a^2/D, a = {format_quantity(radius, 'm')}")
    return out


def _capacity(case: Case) -> Quantity:
    """Charge that the cell holds: between its discharged and its charged state, or of all sites."""
    found, ends = [], True
    for layer in case.layers:
        per_kind = []
        for kind in getattr(layer.material, "particles", ()):
            span = 1.0
            if kind.discharged is not None and kind.charged is not None:
                span = abs(kind.charged - kind.discharged)
            else:
                ends = False
            per_kind.append(kind.volume_fraction * kind.maximum_concentration * span)
        if per_kind:
            found.append(FARADAY * sum(per_kind) * layer.thickness)
    least = min(found)
    note = f"{least / 36000:.4g} mAh/cm^2" + ("" if ends else ", all sites")
    return Quantity(least if case.area is None else least * case.area, "C/m^2" if case.area is None else "C", note)
