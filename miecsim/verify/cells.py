"""Batteries: insertion particles in a porous electrode, a concentrated salt, and the circuit of a whole cell."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from miecsim.circuit.attribution import attribute
from miecsim.circuit.electrolyte import salt_cell_impedance
from miecsim.circuit.extract import netlist_of
from miecsim.circuit.netlist import Netlist
from miecsim.circuit.nodal import netlist_impedance
from miecsim.circuit.particles import Particle, porous_electrode
from miecsim.constants import thermal_voltage
from miecsim.grid.stack import Mesh
from miecsim.physics.cells import porous_cell
from miecsim.physics.electrolytes import BinarySalt, SingleIon
from miecsim.physics.elements import Lumped, Reversible
from miecsim.physics.hosts import Host
from miecsim.physics.kinetics import Kinetics, MassAction
from miecsim.physics.porous import ActiveParticles, PorousLayer
from miecsim.solvers.impedance import impedance
from miecsim.solvers.rest import rest_point
from miecsim.solvers.steady import OperatingPoint
from miecsim.solvers.transient.protocol import Step, current, voltage
from miecsim.solvers.transient.run import Tolerance, solve_transient
from miecsim.solvers.transient.snapshot import snapshot
from miecsim.system import build_system
from miecsim.typing import Array, Complex
from miecsim.verify.proof import ConvergenceCurve, Outcome, Proof, Settings, SpectrumCurve, compare
from miecsim.verify.samples import CONTINUUM, Sample, continuum, direct_current, kramers_kronig, wired

FAMILY = "cells"
AREA, T = 1.7e-4, 308.0
MEYERS = "Meyers, Doyle, Darling and Newman 2000, 10.1149/1.1393627"
NEWMAN = "Newman and Thomas-Alyea 2004, Electrochemical Systems, chapters 11 and 12"
TELLEGEN = "Tellegen 1952, Philips Res. Rep. 7, 259"

OXIDE = Host("oxide", 4.7e4, lambda x: 4.3 - 0.9 * x - 0.1 * np.tanh(6 * (x - 0.45)), 1.7e-14)
CARBON = Host("carbon", 2.9e4, lambda x: 0.1 + 0.6 * np.exp(-9 * x) - 0.03 * np.tanh(8 * (x - 0.6)), 3.1e-14)
SOLID = SingleIon(0.21)
SALT = BinarySalt(1130.0, lambda c: 1.3e-3 * c * np.exp(-c / 1400), 2.6e-10, 0.31, lambda c: 1 + c / 1900)
DOUBLE_LAYER, FILM = Lumped(C=0.15), Lumped(R=0.013, C=0.004)
KINETICS = Kinetics(MassAction(1.6))
CATHODE = ActiveParticles("oxide", OXIDE, 2.6e-6, 0.47, KINETICS, 0.38, double_layer=DOUBLE_LAYER, film=FILM)
ELECTRODE = PorousLayer("cathode", 63e-6, SOLID, 0.41, 0.41**1.7, 3.1, (CATHODE,))


def _symmetric() -> Sample:
    """Li | salt | Li with reversible electrodes."""
    layer = PorousLayer("separator", 43e-6, SALT, 0.47, 0.47**1.6)
    c = np.array([SALT.concentration])
    kappa = layer.sigma_ion
    D, factor = layer.transport * 2.6e-10, float(1 + c[0] / 1900)

    def exact(omega: Array) -> Complex:
        return salt_cell_impedance(
            omega, kappa, D, 0.31, SALT.concentration, layer.thickness,
            thermodynamic_factor=factor, porosity=layer.porosity, temperature=T, area=AREA,
        )  # fmt: skip

    wiring = wired(("A", "left", "ion", Reversible()), ("B", "right", "ion", Reversible()))
    return Sample(
        f"{FAMILY}.salt", "lithium on both sides of a concentrated salt", FAMILY, porous_cell([layer], temperature=T),
        wiring, AREA, (1e-3, 3.0), exact, "Z = L/κ + R_D tanh(s)/s, R_D = (1 − t)² (2RT/F²c)(1 + dlnf/dlnc) L/D",
        NEWMAN,
    )  # fmt: skip


def _electrode(cells: int, shells: int) -> OperatingPoint:
    layer = replace(ELECTRODE, particles=(replace(CATHODE, shells=shells, grading=20.0),))
    wiring = wired(("A", "left", "ion", Reversible()), ("B", "right", "electron", Reversible()))
    mesh = Mesh(cells=cells, grading=6.0)
    return rest_point(build_system(porous_cell([layer], temperature=T), wiring, area=AREA, mesh=mesh))


def _closed_form(omega: Array) -> Complex:
    """The electrode of Meyers et al. with what the layer is made of."""
    x = np.array([CATHODE.stoichiometry])
    R_ct = thermal_voltage(T) / float(np.real(CATHODE.kinetics.i0(np.ones(1), x)[0]))
    dU_dc = -OXIDE.slope(float(x[0])) / OXIDE.c_max
    one = Particle("sphere", CATHODE.radius, 1.7e-14, dU_dc, R_ct, 0.15, 0.013, 0.004)
    kappa, sigma = ELECTRODE.sigma_ion, ELECTRODE.sigma_eon
    return porous_electrode(omega, kappa, sigma, ELECTRODE.thickness, AREA, [(one, CATHODE.area_density)])


def _meyers() -> Proof:
    """Both meshes refined together, along the electrode and into the particles."""

    def measure() -> Outcome:
        f = np.logspace(-4, 3, 22)
        exact = _closed_form(2 * np.pi * f)
        cells = np.array([16, 32, 64])
        spectra = [impedance(_electrode(int(n), int(2 * n)), f).Z for n in cells]
        value, reference, error, worst = compare(spectra[-1], exact)
        errors = np.array([compare(Z, exact)[2] for Z in spectra])
        order = float(-np.polyfit(np.log(cells), np.log(errors), 1)[0])
        curve = ConvergenceCurve(cells.astype(float), errors)
        note = f"{cells[-1]} cells of {2 * cells[-1]} shells; worst at {f[worst]:.3g} Hz"
        spectrum = SpectrumCurve(f, spectra[-1], exact, "ohm")
        return Outcome(value, reference, error, order=order, note=note, spectrum=spectrum, convergence=curve)

    return Proof(
        f"{FAMILY}.particles.continuum", "spheres in a solid electrolyte: continuum = closed form",
        FAMILY, "two-rail line with 1/z_f = A a_v/Z, Z = R_f/(1 + jωR_fC_f) + 1/(jωC_dl + 1/(R_ct + Z_D))", MEYERS,
        CONTINUUM, measure, order=2.0,
    )  # fmt: skip


@cache
def _cell(discharging: bool) -> tuple[OperatingPoint, Netlist]:
    """A full cell with a salt, at rest or 400 s into a discharge at 25 A/m2."""
    anode = ActiveParticles("carbon", CARBON, 4.1e-6, 0.52, KINETICS, 0.76, double_layer=DOUBLE_LAYER, shells=8)
    cathode = replace(CATHODE, shells=8)
    layers = [
        PorousLayer("anode", 61e-6, SALT, 0.37, 0.37**1.6, 90.0, (anode,)),
        PorousLayer("separator", 19e-6, SALT, 0.51, 0.51**1.5),
        PorousLayer("cathode", 57e-6, SALT, 0.34, 0.34**1.7, 4.0, (cathode,)),
    ]
    wiring = wired(("A", "right", "electron", Reversible()), ("B", "left", "electron", Reversible()))
    system = build_system(porous_cell(layers, temperature=T), wiring, area=AREA, mesh=Mesh(cells=6))
    point = rest_point(system)
    if discharging:
        controls = {"A": current(-25.0 * AREA), "B": voltage(float(point.voltages[1]))}
        point = snapshot(solve_transient(point, [Step("discharge", controls, 400.0)], tolerance=Tolerance(1e-4)))
    return point, netlist_of(point)


def _circuit(discharging: bool) -> list[Proof]:
    """The netlist's Z, and the sum of its parts."""
    state = "400 s into a discharge" if discharging else "at rest"
    name = f"{FAMILY}.full_cell.{'discharge' if discharging else 'rest'}"
    f = np.logspace(-3, 4, 22)

    def nodal() -> Outcome:
        point, netlist = _cell(discharging)
        value, reference, error, worst = compare(netlist_impedance(netlist, f), impedance(point, f).Z)
        sources = netlist.controlled_sources
        return Outcome(value, reference, error, note=f"{sources} controlled sources; worst at {f[worst]:.3g} Hz")

    def parts() -> Outcome:
        found = attribute(_cell(discharging)[1], f)
        value, reference, error, worst = compare(found.total, found.Z)
        return Outcome(value, reference, error, note=f"{len(found.by_process())} processes; worst at {f[worst]:.3g} Hz")

    return [
        Proof(
            f"{name}.nodal", f"full cell, {state}: netlist = discretisation", FAMILY,
            "salt and particles as ladders of R and C; Z = v_A − v_B at 1 A", NEWMAN, 1e-10, nodal,
        ),
        Proof(
            f"{name}.parts", f"full cell, {state}: sum of the elements' parts = Z", FAMILY, "Z = Σ v_b i_b/I²",
            TELLEGEN, 1e-12, parts,
        ),
    ]  # fmt: skip


def proofs(settings: Settings) -> list[Proof]:
    """A salt between lithium, the electrode of Meyers et al., a full cell as a circuit at rest and under current."""
    salt = _symmetric()
    D, factor = 2.6e-10 * 0.47**1.6, 1 + SALT.concentration / 1900
    kappa = float(salt.model.layers[0].sigma_ion)  # type: ignore[union-attr]
    R_D = float(np.real(salt_cell_impedance(
        np.zeros(1), kappa, D, 0.31, SALT.concentration, 43e-6,
        thermodynamic_factor=factor, porosity=0.47, temperature=T, area=AREA,
    )[0]))  # fmt: skip
    found = [continuum(salt, settings), kramers_kronig(salt, settings), direct_current(salt, R_D), _meyers()]
    return found + _circuit(False) + _circuit(True)
