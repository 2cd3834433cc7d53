"""From the picture to the line: parameters without a fit, spreading found by averaging, and the error that is left."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from miecsim.errors import InputError
from miecsim.microstructure.homogenise import Comparison, compare, line_of
from miecsim.microstructure.resolved import Gap, phase, resolved_system
from miecsim.microstructure.structure import Microstructure
from miecsim.physics.elements import Lumped
from miecsim.physics.layers import Junction
from miecsim.physics.models import Model, mixed_conductor
from miecsim.physics.terminals import preset

SIGMA_EON, SIGMA_ION = 1.9, 0.31
LAW = Lumped(R=0.013, C=0.2)
FREQUENCY = np.logspace(-2, 6, 9)


def electrode(law: Lumped = LAW) -> Model:
    phases = [phase("AM", sigma_eon=SIGMA_EON), phase("SE", sigma_ion=SIGMA_ION), phase("pore")]
    return mixed_conductor(phases, junctions=(Junction(("AM", "SE"), "electron", law, to="ion"),))


def strips(active: int, electrolyte: int, voxel: tuple[float, float], n: int = 30) -> Microstructure:
    """Straight strips of so many voxels each, repeating sideways."""
    return Microstructure(
        np.tile(np.r_[np.zeros(active, int), np.ones(electrolyte, int)], (n, 1)), voxel, ("AM", "SE", "pore"), (1,)
    )


def sponge(shape: tuple[int, ...], width: float, seed: int) -> Microstructure:
    """Two phases of half the volume each, both of which reach from side to side in three dimensions."""
    noise = np.random.default_rng(seed).standard_normal(shape)
    field = gaussian_filter(noise, width, mode=["reflect", "wrap", "wrap"])
    return Microstructure((field < np.median(field)).astype(int), (1e-6,) * 3, ("AM", "SE", "pore"), (1, 2))


def compared(structure: Microstructure, law: Lumped = LAW, frequency: np.ndarray = FREQUENCY) -> Comparison:
    return compare(resolved_system(structure, electrode(law), preset("battery")), structure, frequency)


@pytest.mark.parametrize(("active", "electrolyte"), [(1, 1), (4, 2), (3, 2), (7, 10)])
def test_spreading_into_strips_in_closed_form(active: int, electrolyte: int) -> None:
    """Even currents leave a strip of half width a by a parabola: mean drop a/(3 sigma), on n = a/h voxels
    a/sigma (1/3 + 1/(6 n^2)), at every frequency."""
    h = 0.7e-6
    line = line_of(
        resolved_system(strips(active, electrolyte, (1.7e-6, h)), electrode(), preset("battery")),
        strips(active, electrolyte, (1.7e-6, h)),
    )
    total = (active + electrolyte) * h
    assert line.area_density == pytest.approx(2 / total, rel=1e-12)
    assert line.all_area_density == line.area_density
    assert line.sigma_eon == pytest.approx(SIGMA_EON * active * h / total, rel=1e-10)
    assert line.sigma_ion == pytest.approx(SIGMA_ION * electrolyte * h / total, rel=1e-10)
    assert line.fraction_eon == pytest.approx(active / (active + electrolyte))

    def drop(cells: int, sigma: float) -> float:
        n = cells / 2
        return n * h / sigma * (1 / 3 + 1 / (6 * n**2))

    expected = (drop(active, SIGMA_EON) + drop(electrolyte, SIGMA_ION)) / line.area_density
    np.testing.assert_allclose(line.constriction(FREQUENCY)[:4], expected, rtol=2e-6)
    # where the double layer is a short the current turns to the surface: less spreading than by even currents
    assert line.constriction(FREQUENCY)[-1].real <= expected * (1 + 1e-6)


def test_strips_of_one_voxel_are_their_line_with_the_closure() -> None:
    """Nothing but the closure is needed: the picture is a two-rail ladder."""
    found = compared(strips(1, 1, (1.7e-6, 2.3e-6)))
    assert np.max(found.error_closure) < 1e-8 < 1e-2 < np.max(found.error)
    own, fitted = found.charge_transfer
    # the line calls half a voxel of either material charge transfer
    assert own == pytest.approx(LAW.R, rel=1e-6)
    assert fitted - own == pytest.approx(2.3e-6 / 2 * (1 / SIGMA_EON + 1 / SIGMA_ION), rel=1e-4)


def test_the_line_misses_less_the_more_the_interface_resists() -> None:
    """A sponge: with a slow charge transfer the reaction is even and any line does; with a fast one it crowds."""
    structure = sponge((14, 9, 9), 1.5, 3)
    slow, fast = (compared(structure, Lumped(R=r, C=0.2), FREQUENCY[:3]) for r in (0.013, 0.0013))
    assert slow.error[0] < 0.5 * fast.error[0] and fast.error[0] < 1e-2
    for found in (slow, fast):
        assert found.error_closure[0] < found.error[0]
        assert np.all(found.constriction.real > 0)
    assert slow.line.sigma_ion < 0.5 * SIGMA_ION and slow.line.area_density <= slow.line.all_area_density


def test_lost_contact_adds_to_what_the_line_calls_charge_transfer() -> None:
    structure = sponge((14, 9, 9), 1.5, 3)
    system = [
        resolved_system(structure, electrode(), preset("battery"), gaps=(Gap(("AM", "SE"), lost, 3e-6, seed=1),))
        for lost in (0.0, 0.5, 0.9)
    ]
    lines = [line_of(one, structure) for one in system]
    area = np.array([line.area_density for line in lines])
    np.testing.assert_allclose(area / area[0], [1.0, 0.5, 0.1], atol=0.01)
    spread = np.array([line.constriction(FREQUENCY[:2])[0].real for line in lines])
    assert spread[0] > 0 and np.all(np.diff(spread) > 0)


def test_there_is_no_line_where_a_rail_does_not_reach() -> None:
    labels = np.zeros((8, 6), dtype=int)
    labels[:, 3:] = 1
    labels[4, :3] = 2
    structure = Microstructure(labels, (1e-6, 1e-6), ("AM", "SE", "pore"))
    with pytest.raises(InputError, match="sigma_eon do not reach from left to right"):
        compared(structure)
    both = mixed_conductor([phase("AM", 0.1, 2.0), phase("SE", sigma_ion=0.3), phase("pore")])
    with pytest.raises(InputError, match="one law of charge transfer"):
        line_of(resolved_system(structure, both, preset("battery")), structure)
