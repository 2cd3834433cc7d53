"""Continua on pictures: carriers where their phase is, laws where phases meet, islands left out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from miecsim.circuit.attribution import attribute
from miecsim.circuit.extract import netlist_of
from miecsim.circuit.nodal import netlist_impedance
from miecsim.constants import FARADAY, thermal_voltage
from miecsim.errors import InputError
from miecsim.grid.stack import Mesh
from miecsim.grid.voxels import voxel_grid
from miecsim.microstructure.clusters import clusters
from miecsim.microstructure.resolved import Gap, gap_faces, phase, resolved_system, with_surface
from miecsim.microstructure.structure import Microstructure
from miecsim.microstructure.transport import blocking_electrode
from miecsim.physics.elements import ButlerVolmer, Lumped
from miecsim.physics.layers import CarrierIn, ChargedLayer, CompositeLayer, ConductorLayer, Junction
from miecsim.physics.models import Model, composite_electrode, mixed_conductor, nernst_planck_poisson
from miecsim.physics.terminals import Contact, ReferencePlane, Terminal, Wiring, preset
from miecsim.solvers.direct_current import dc_admittance
from miecsim.solvers.impedance import impedance
from miecsim.solvers.rest import rest_point
from miecsim.solvers.steady import solve_steady
from miecsim.solvers.transient.fourier import step_admittance
from miecsim.solvers.transient.protocol import Step, voltage
from miecsim.solvers.transient.run import Tolerance, solve_transient
from miecsim.system import System, build_system

SIGMA_EON, SIGMA_ION = 1.9, 0.31
LAW = Lumped(R=0.013, C=0.2)
FREQUENCY = np.logspace(-2, 6, 9)


def electrode(law: Lumped | ButlerVolmer = LAW) -> Model:
    phases = [phase("AM", sigma_eon=SIGMA_EON), phase("SE", sigma_ion=SIGMA_ION), phase("pore")]
    return mixed_conductor(phases, junctions=(Junction(("AM", "SE"), "electron", law, to="ion"),))


def picture(labels: np.ndarray, voxel: float = 1.3e-6, **given: object) -> Microstructure:
    return Microstructure(labels, (voxel,) * labels.ndim, ("AM", "SE", "pore"), **given)


def random_labels(shape: tuple[int, ...], seed: int, pore: float = 0.1) -> np.ndarray:
    return np.random.default_rng(seed).choice(3, size=shape, p=[0.55 - pore / 2, 0.45 - pore / 2, pore])


def worst(Z: np.ndarray, reference: np.ndarray) -> float:
    return float(np.max(np.abs(Z / reference - 1)))


def strips(n: int, layers: int, voxel: tuple[float, ...], flip: bool = False) -> Microstructure:
    """Rows of single voxels, active material and electrolyte in turn: a two-rail line by construction."""
    labels = np.tile(np.arange(layers) % 2, (n, 1))
    return Microstructure(1 - labels if flip else labels, voxel, ("AM", "SE", "pore"))


@pytest.mark.parametrize("flip", [False, True])
def test_two_strips_are_the_two_rail_line(flip: bool) -> None:
    """Each column of voxels is one cell of the ladder, its wall in series with two half voxels of material."""
    n, h, width = 13, 1.7e-6, 2.3e-6
    system = resolved_system(strips(n, 2, (h, width), flip), electrode(), preset("battery"))
    series = width / 2 / SIGMA_EON + width / 2 / SIGMA_ION
    wall = Lumped(R=LAW.R, C=LAW.C, Rs=series)
    line = composite_electrode([CompositeLayer("line", n * h, SIGMA_ION / 2, SIGMA_EON / 2, wall, 1 / (2 * width))])
    ladder = build_system(line, preset("battery"), mesh=Mesh(cells=n))
    Z = impedance(rest_point(system), FREQUENCY).Z
    assert worst(Z, impedance(rest_point(ladder), FREQUENCY).Z) < 1e-12


@pytest.mark.parametrize("shape", [(9, 7), (6, 5, 4)])
def test_a_uniform_mixture_is_the_line(shape: tuple[int, ...]) -> None:
    """Voxels of two materials with the same coefficients: whatever the picture shows, the line comes out."""
    both = {"sigma_ion": 0.07, "sigma_eon": 2.1, "chemical_capacitance": 3.3e6}
    model = mixed_conductor([phase(name, **both) for name in ("AM", "SE", "pore")])
    system = resolved_system(picture(random_labels(shape, 3)), model, preset("battery"))
    layer = ConductorLayer("line", shape[0] * 1.3e-6, **both)
    line = build_system(mixed_conductor([layer]), preset("battery"), mesh=Mesh(cells=shape[0]))
    Z = impedance(rest_point(system), FREQUENCY).Z
    assert worst(Z, impedance(rest_point(line), FREQUENCY).Z) < 1e-8


def test_the_area_of_the_sample_scales_the_spectrum() -> None:
    structure = picture(random_labels((8, 6), 1))
    per_area = impedance(rest_point(resolved_system(structure, electrode(), preset("battery"))), FREQUENCY)
    cell = impedance(rest_point(resolved_system(structure, electrode(), preset("battery"), area=2.7e-5)), FREQUENCY)
    assert (per_area.unit, cell.unit) == ("ohm m^2", "ohm")
    assert worst(cell.Z * 2.7e-5, per_area.Z) < 1e-12


@pytest.mark.parametrize("axes", [(), (1,)])
def test_the_circuit_is_the_discretisation(axes: tuple[int, ...]) -> None:
    """The netlist of a picture with pores, islands and a periodic axis; and its attribution adds up."""
    system = resolved_system(picture(random_labels((12, 10), 5), periodic=axes), electrode(), preset("battery"))
    point = rest_point(system)
    Z = impedance(point, FREQUENCY).Z
    netlist = netlist_of(point)
    assert worst(netlist_impedance(netlist, FREQUENCY), Z) < 1e-9
    parts = attribute(netlist, FREQUENCY)
    assert worst(parts.total, Z) < 1e-9
    assert {"ion transport", "electron transport", "charge transfer", "interface capacitance"} <= set(
        parts.by_process()
    )


def test_a_periodic_picture_is_its_own_neighbour() -> None:
    """Two copies side by side, each wrapped around or the two together: the same."""
    labels = random_labels((10, 6), 8, pore=0.0)
    one = resolved_system(picture(labels, periodic=(1,)), electrode(), preset("battery"), staircase=True)
    two = resolved_system(
        picture(np.tile(labels, (1, 2)), periodic=(1,)), electrode(), preset("battery"), staircase=True
    )
    Z = impedance(rest_point(one), FREQUENCY).Z
    assert worst(impedance(rest_point(two), FREQUENCY).Z, Z) < 1e-10


def lithium(cells: int, h: float, picture_of_it: bool) -> System:
    """A layer of active material in which lithium diffuses, on an electrolyte: Li+ crosses, and electrons charge the
    double layer with the ions of the electrolyte."""
    active = {"sigma_ion": 2e-3, "sigma_eon": 1e7, "chemical_capacitance": 4e6}
    junctions = (
        Junction(("AM", "SE"), "ion", Lumped(R=0.004)),
        Junction(("AM", "SE"), "electron", Lumped(C=0.31), to="ion"),
    )
    wiring = Wiring(
        (
            Terminal("A", (Contact("right", "ion", Lumped(R=1e-4)),)),
            Terminal("B", (Contact("left", "electron", Lumped(R=1e-4)),)),
        )
    )
    if picture_of_it:
        model = mixed_conductor([phase("AM", **active), phase("SE", sigma_ion=SIGMA_ION)], junctions=junctions)
        labels = np.repeat(np.repeat([0, 1], cells)[:, None], 3, axis=1)
        return resolved_system(Microstructure(labels, (h, h), ("AM", "SE")), model, wiring)
    layers = [ConductorLayer("AM", cells * h, **active), ConductorLayer("SE", cells * h, SIGMA_ION, 0.0)]
    return build_system(mixed_conductor(layers, junctions=junctions), wiring, mesh=Mesh(cells=cells))


@pytest.mark.parametrize("picture_of_it", [False, True])
def test_lithium_diffusing_behind_its_own_charge_transfer(picture_of_it: bool) -> None:
    """The double layer beside a charge transfer and a finite-space Warburg element, here of the ladder itself."""
    n, h = 20, 1.3e-6
    Z = impedance(rest_point(lithium(n, h, picture_of_it)), FREQUENCY).Z
    s, r = 2j * np.pi * FREQUENCY, 1 / 2e-3
    store = s * 4e6
    theta = 2 * np.arcsinh(0.5 * h * np.sqrt(r * store))
    warburg = np.sqrt(r / store * (1 + r * store * h**2 / 4)) / np.tanh(n * theta)
    reference = 2e-4 + n * h / SIGMA_ION + 1 / (1 / (0.004 + warburg) + s * 0.31)
    assert worst(Z, reference) < 1e-8


def test_electrons_may_react_at_the_surface_of_their_own_phase() -> None:
    """A mixed conductor beside a pore: its surface reaction joins its own ions and electrons, half a voxel away."""
    model = mixed_conductor(
        [phase("AM", sigma_ion=0.02, sigma_eon=3.0), phase("SE", sigma_ion=SIGMA_ION), phase("pore")],
        junctions=(Junction(("AM", "pore"), "electron", LAW, to="ion"),),
    )
    n, h, width = 9, 1.3e-6, 1.7e-6
    labels = np.zeros((n, 2), dtype=int)
    labels[:, 1] = 2
    structure = Microstructure(labels, (h, width), ("AM", "SE", "pore"))
    Z = impedance(rest_point(resolved_system(structure, model, preset("battery"))), FREQUENCY).Z
    wall = Lumped(R=LAW.R, C=LAW.C, Rs=width / 2 / 0.02 + width / 2 / 3.0)
    line = composite_electrode([CompositeLayer("line", n * h, 0.01, 1.5, wall, 1 / (2 * width))])
    reference = impedance(rest_point(build_system(line, preset("battery"), mesh=Mesh(cells=n))), FREQUENCY).Z
    assert worst(Z, reference) < 1e-11


@pytest.mark.parametrize("shape", [(14, 11), (7, 6, 5)])
def test_a_blocking_electrode_is_that_of_the_network_of_voxels(shape: tuple[int, ...]) -> None:
    """Electrolyte in a scaffold of metal: the same walls, half a voxel and a double layer in series, by other code."""
    labels = random_labels(shape, 6, pore=0.0)
    labels[-1] = 0
    labels[(labels == 0) & ~clusters(picture(labels), "AM").reaching("right")] = 1
    structure = Microstructure(labels, (1.3e-6,) * len(shape), ("AM", "SE"))
    metal = mixed_conductor(
        [phase("AM", sigma_eon=1e12), phase("SE", sigma_ion=SIGMA_ION)],
        junctions=(Junction(("AM", "SE"), "electron", Lumped(C=0.2), to="ion"),),
    )
    Z = impedance(rest_point(resolved_system(structure, metal, preset("battery"), staircase=True)), FREQUENCY).Z
    electrode = blocking_electrode(structure, "SE", SIGMA_ION)
    assert worst(Z, electrode.impedance(2 * np.pi * FREQUENCY, 0.2) * electrode.section) < 1e-8


def test_islands_are_left_out_and_reported() -> None:
    """A particle between pores, and a pocket of electrolyte inside a particle that no current reaches."""
    labels = np.ones((9, 9), dtype=int)
    labels[:, 0] = 0
    labels[3:6, 3:6] = 2
    labels[4, 4] = 0
    system = resolved_system(picture(labels), electrode(), preset("battery"), staircase=True)
    centre = 4 + 9 * 4
    assert system.islands.sum() == 1 and system.islands[centre, 1]
    solid = labels.copy()
    solid[4, 4] = 2
    without = resolved_system(picture(solid), electrode(), preset("battery"), staircase=True)
    Z = impedance(rest_point(without), FREQUENCY).Z
    assert worst(impedance(rest_point(system), FREQUENCY).Z, Z) < 1e-12


def test_a_reference_plane_does_not_read_islands() -> None:
    """The mean potential of a section is that of the electrons that a terminal reaches: an island has none."""
    labels = np.ones((9, 9), dtype=int)
    labels[:, 0] = 0
    labels[3:6, 3:6] = 2
    solid = labels.copy()
    labels[4, 4] = 0
    plane = ReferencePlane("ref", 4.5 * 1.3e-6, "electron")
    wiring = replace(preset("battery"), reference_planes=(plane,))
    read = []
    for pockets in (labels, solid):
        system = resolved_system(picture(pockets), electrode(), wiring, staircase=True)
        read.append(impedance(rest_point(system), FREQUENCY).plane("ref"))
    assert worst(*read) < 1e-12
    nowhere = replace(wiring, reference_planes=(ReferencePlane("ref", 1e-6, "ion"),))
    with pytest.raises(InputError, match="ref: ion is not present"):
        resolved_system(
            picture(np.zeros((5, 5), dtype=int)),
            electrode(),
            replace(
                nowhere,
                terminals=(
                    Terminal("A", (Contact("left", "electron", LAW),)),
                    Terminal("B", (Contact("right", "electron", LAW),)),
                ),
            ),
        )


def test_a_floating_particle_is_no_island() -> None:
    """Electrons of a particle inside the electrolyte see no collector; ions pass them by charge transfer."""
    labels = np.ones((11, 9), dtype=int)
    labels[4:7, 3:6] = 0
    wiring = preset("electron_blocking")
    for law in (LAW, Lumped(C=0.2)):
        system = resolved_system(picture(labels), electrode(law), wiring)
        assert not system.islands.any()
        Z = impedance(rest_point(system), FREQUENCY).Z
        # at high frequency the particle is a short, at low frequency (blocking) or with a large R a hole
        assert np.all(np.diff(Z.real) < 1e-15) and Z.real[0] > 1.01 * Z.real[-1]
    hole = labels.copy()
    hole[4:7, 3:6] = 2
    without = impedance(rest_point(resolved_system(picture(hole), electrode(), wiring)), FREQUENCY).Z
    assert worst(Z[:1], without[:1]) < 1e-6


def test_a_gap_takes_its_share_of_the_interface() -> None:
    structure = picture(random_labels((40, 40), 2))
    grid = with_surface(voxel_grid(structure.labels, structure.names, structure.voxel), structure)
    for correlation in (0.0, 6e-6):
        gap = Gap(("AM", "SE"), 0.37, correlation, seed=4)
        gone = gap_faces(grid, structure, gap)
        between = grid.region[grid.left] + grid.region[grid.right] == 1
        area = grid.area * grid.surface
        assert not np.any(gone & ~between)
        assert area[gone].sum() / area[between].sum() == pytest.approx(0.37, abs=2e-3)
    whole = resolved_system(structure, electrode(), preset("battery"), gaps=[Gap(("AM", "SE"), 1.0)])
    alone = mixed_conductor([phase("AM", sigma_eon=SIGMA_EON), phase("SE", sigma_ion=SIGMA_ION), phase("pore")])
    bare = resolved_system(structure, alone, preset("battery"))
    assert not whole.laws.active.any() or whole.islands.sum() == bare.islands.sum()


def test_under_bias_the_slope_is_the_impedance_and_the_step_its_transform() -> None:
    """Butler-Volmer on the interface of a picture: Z(0) is the slope of the curve, Z(w) the transform of a step."""
    structure = picture(random_labels((10, 8), 11, pore=0.05))
    model = electrode(ButlerVolmer(exchange_current=3.0, thermal_voltage=thermal_voltage(298.15), alpha=0.4, C=0.2))
    system = resolved_system(structure, model, preset("battery"))
    point = solve_steady(system, {"A": 0.08})
    low = impedance(point, np.array([1e-7])).Z[0]
    slope = dc_admittance(point)[0, 0]
    step = 1e-4
    higher, lower = (solve_steady(system, {"A": 0.08 + d}).currents[0] for d in (step, -step))
    assert low == pytest.approx(1 / slope, rel=1e-8)
    assert (higher - lower) / (2 * step) == pytest.approx(slope, rel=1e-5)
    rest = impedance(rest_point(system), np.array([1e-7])).Z[0]
    assert abs(low) < 0.9 * abs(rest)
    f = np.logspace(-1, 3, 5)
    high = 1e-3
    steps = [Step("step", {"A": voltage(0.08 + high)}, 30.0)]
    trace = solve_transient(point, steps, tolerance=Tolerance(1e-8), fastest=1e9)
    at_a = [i for i, port in enumerate(system.ports) if port.port == 0]
    charge = (trace.charge[:, at_a] - trace.charge[0, at_a]).sum(axis=1) - point.currents[0] * trace.time
    Y = step_admittance(trace.time, charge, trace.current[:, 0] - point.currents[0], high, f)
    # half of the step's second-order answer is that of a bias half a step higher
    middle = solve_steady(system, {"A": 0.08 + high / 2})
    assert worst(1 / Y, impedance(middle, f).Z) < 1e-3


def test_nernst_planck_poisson_on_a_picture() -> None:
    """Carriers with concentrations in their own phases, Poisson's equation across all: the plates of the line."""

    def layer(name: str, carrier: str, charge: int, c: float, D: float, thickness: float = 0.0) -> ChargedLayer:
        return ChargedLayer(name, thickness, (CarrierIn(carrier, charge, c, D),), permittivity=3e-10)

    def layers(thickness: float) -> list[ChargedLayer]:
        return [layer("AM", "electron", -1, 2.0, 3e-12, thickness), layer("SE", "ion", 1, 5.0, 7e-13, thickness)]

    law = (Junction(("AM", "SE"), "electron", Lumped(R=0.05, C=1e-3), to="ion"),)
    wiring = Wiring(
        (
            Terminal("A", (Contact("left", "electron", Lumped(R=1e-3)), Contact("left", "potential", Lumped(C=0.1)))),
            Terminal("B", (Contact("right", "ion", Lumped(R=1e-3)), Contact("right", "potential", Lumped(C=0.1)))),
        )
    )
    n, h = 12, 4e-9
    labels = np.repeat(np.repeat([0, 1], n)[:, None], 3, axis=1)
    structure = Microstructure(labels, (h, h), ("AM", "SE"))
    system = resolved_system(structure, nernst_planck_poisson(layers(0.0), junctions=law), wiring)
    line = build_system(nernst_planck_poisson(layers(n * h), junctions=law), wiring, mesh=Mesh(cells=n))
    Z = impedance(rest_point(system), FREQUENCY).Z
    assert worst(Z, impedance(rest_point(line), FREQUENCY).Z) < 1e-9


@pytest.mark.parametrize("flip", [False, True])
def test_carriers_of_other_charges_meet_at_a_seam(flip: bool) -> None:
    """Ions of charge 2, electrons of -1: direct current sees both phases, the law and the contacts in a row, with
    sigma = z^2 F c D / V_T."""
    n, h, d_e, d_i = 7, 4e-9, 3e-12, 7e-13
    phases = [
        ChargedLayer("AM", 0.0, (CarrierIn("electron", -1, 2.0, d_e),), permittivity=3e-13),
        ChargedLayer("SE", 0.0, (CarrierIn("ion", 2, 5.0, d_i),), permittivity=5e-13),
    ]
    labels = np.repeat(np.repeat([0, 1], [n, 2 * n])[:, None], 2, axis=1)
    sides = ("left", "right")
    if flip:
        labels, sides = labels[::-1], sides[::-1]
    wiring = Wiring(
        (
            Terminal("A", (Contact(sides[0], "electron", Lumped(R=1e-3)),)),
            Terminal("B", (Contact(sides[1], "ion", Lumped(R=2e-3)),)),
        )
    )
    law = (Junction(("AM", "SE"), "electron", Lumped(R=0.05, C=1e-3), to="ion"),)
    structure = Microstructure(labels, (h, 1.7 * h), ("AM", "SE"))
    point = rest_point(resolved_system(structure, nernst_planck_poisson(phases, junctions=law), wiring))
    v_t = thermal_voltage(298.15)
    phases_in_a_row = n * h * v_t / (FARADAY * 2.0 * d_e) + 2 * n * h * v_t / (4 * FARADAY * 5.0 * d_i)
    assert 1 / dc_admittance(point)[0, 0] == pytest.approx(phases_in_a_row + 0.053, rel=1e-9)


@pytest.mark.parametrize(
    ("junctions", "said"),
    [
        ((Junction(("AM", "SE"), "electron", LAW, to="ion"), Junction(("SE", "AM"), "ion", LAW)), "the same order"),
        ((Junction(("SE", "AM"), "electron", LAW, to="ion"),), "SE has no electron"),
        ((Junction(("AM", "pore"), "electron", LAW, to="ion"),), "neither has the ion"),
        ((Junction(("AM", "SE"), "hole", LAW),), "read carrier 'hole'"),
        ((Junction(("AM", "LPS"), "electron", LAW, to="ion"),), "'LPS' is none of"),
    ],
)
def test_a_law_that_cannot_be_is_one_clear_line(junctions: tuple[Junction, ...], said: str) -> None:
    model = mixed_conductor(
        [phase("AM", sigma_eon=1.0), phase("SE", sigma_ion=1.0), phase("pore")], junctions=junctions
    )
    with pytest.raises(InputError, match=said):
        resolved_system(picture(random_labels((5, 5), 0)), model, preset("battery"))


def test_phases_without_a_material_are_named() -> None:
    with pytest.raises(InputError, match="region 'SE' has no material"):
        resolved_system(
            picture(random_labels((5, 5), 0)), mixed_conductor([phase("AM", sigma_eon=1.0)]), preset("ion_blocking")
        )
