"""Lithium that has lost contact with a garnet (case 406): constriction and charge transfer, apart and together."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve

from miecsim.case import Case, case_from_text, load_case
from miecsim.circuit.attribution import attribute
from miecsim.circuit.extract import netlist_of
from miecsim.errors import InputError
from miecsim.microstructure.resolved import phase, resolved_system
from miecsim.microstructure.structure import Microstructure
from miecsim.physics.elements import Lumped
from miecsim.physics.layers import Junction
from miecsim.physics.models import mixed_conductor
from miecsim.physics.terminals import preset
from miecsim.run.build import system_of
from miecsim.run.microstructure import picture_figures
from miecsim.solvers.direct_current import dc_admittance
from miecsim.solvers.impedance import impedance
from miecsim.solvers.rest import rest_point
from miecsim.system import System

CASE = Path(__file__).resolve().parent.parent / "cases" / "406_contact_loss"
SIGMA, GRAIN_BOUNDARY, POLARISATION = 0.046, 1.675e-5, 5e-5  # S/m, ohm m2, ohm m2
THICKNESS = 100e-6
BULK = THICKNESS / SIGMA


@cache
def shipped() -> Case:
    return load_case(CASE)


def wired(case: Case, study: str) -> System:
    own = case.for_study(study)
    return system_of(own, own.study(study), None)


def with_contact(share: float, seed: int, correlation: str = "20 um") -> Case:
    gap = [f"interface.{i}.gap.{key}" for i in (1, 2) for key in ("fraction", "correlation", "seed")]
    values = (1 - share, f'"{correlation}"', seed) * 2
    return load_case(CASE, [f"{key}={value}" for key, value in zip(gap, values, strict=True)])


def touching(system: System) -> np.ndarray:
    """Which of the faces (y, z) on the right have lithium with a charge transfer on them."""
    y, z = (len(edges) - 1 for edges in system.grid.edges[1:])
    mask = np.zeros((y, z), dtype=bool)
    laws = [b for b in system.branches if b.process == "charge transfer" and b.element == law_of(system)]
    for branch in laws:
        place = system.nodes.position[branch.nodes_a, 1:] / (THICKNESS / y)
        mask[tuple(np.floor(place).astype(int).T)] = True
    return mask


def law_of(system: System) -> Lumped:
    """The law that passes direct current from lithium to the garnet."""
    return next(b.element for b in system.branches if b.process == "charge transfer" and b.element.R)


def network(mask: np.ndarray, boundary: float, polarisation: float, shorted: bool = False) -> float:
    """Resistance times area [ohm m2] of n^3 voxels between a plate on the left and contacts `mask` on the right, as
    resistors put together here; `shorted`: no resistance where there is no contact."""
    n = mask.shape[0]
    h = THICKNESS / n
    number = np.arange(n**3).reshape(n, n, n)
    pairs = [(number[:-1].ravel(), number[1:].ravel())]
    pairs += [(number.ravel(), np.roll(number, -1, axis).ravel()) for axis in (1, 2)]
    a, b = (np.concatenate(ends) for ends in zip(*pairs, strict=True))
    g = np.full(a.size, h**2 / (h / SIGMA + boundary))
    left, half = 2 * SIGMA * h, h / 2 / SIGMA
    right = np.where(mask, h**2 / (half + polarisation), h**2 / half if shorted else 0.0)
    diagonal = np.bincount(np.concatenate([a, b]), np.concatenate([g, g]), n**3)
    diagonal[number[0].ravel()] += left
    diagonal[number[-1].ravel()] += right.ravel()
    matrix = sp.coo_matrix((-g, (a, b)), shape=(n**3, n**3)).tocsr()
    drive = np.zeros(n**3)
    drive[number[0].ravel()] = left
    potential = spsolve((matrix + matrix.T + sp.diags(diagonal)).tocsc(), drive)
    return float((n * h) ** 2 / np.sum(right.ravel() * potential[number[-1].ravel()]))


def parts(system: System) -> tuple[float, float]:
    """Charge transfer and all that is left of Re Z at 1 Hz [ohm m2], by Tellegen's theorem."""
    found = attribute(netlist_of(rest_point(system)), np.array([1.0])).by_process()
    transfer = float(found["charge transfer"][0].real)
    return transfer, float(sum(part[0].real for part in found.values())) - transfer


def test_full_contact_is_a_series_of_layers() -> None:
    """Ten grains, nine boundaries between them, one charge transfer: nothing spreads."""
    system = wired(shipped(), "contact_100")
    R = 1 / float(dc_admittance(rest_point(system))[0, 0])
    assert R == pytest.approx(BULK + 9 * GRAIN_BOUNDARY + POLARISATION, rel=1e-8)


@pytest.mark.parametrize("percent", [50, 20, 10])
def test_direct_current_through_what_is_left_of_the_contact(percent: int) -> None:
    system = wired(shipped(), f"contact_{percent}")
    mask = touching(system)
    assert mask.sum() == percent
    R = 1 / float(dc_admittance(rest_point(system))[0, 0])
    assert R == pytest.approx(network(mask, GRAIN_BOUNDARY, POLARISATION), rel=1e-8)
    # and with grain boundaries and double layers short, at the top of the band
    high = impedance(rest_point(system), np.array([3e9])).Z[0].real
    assert high == pytest.approx(network(mask, 0.0, 0.0), rel=1e-6)


def test_what_a_gap_takes_is_not_counted_as_active() -> None:
    own = shipped().for_study("contact_20")
    figures = picture_figures(own, own.study("contact_20"))
    for grain in ("LLZO_a", "LLZO_b"):
        assert figures[f"active_share.{grain}-Li"].value == pytest.approx(0.2, abs=1e-12)


def test_charge_transfer_goes_as_one_over_the_contact_and_constriction_does_not() -> None:
    """Divided without a fit, over a decade of area and two arrangements; published -1.03 to -1.08 for R_CT by fits."""
    share = np.array([1.0, 0.5, 0.2, 0.1])
    found = np.array([[parts(wired(with_contact(s, seed), "contact_100")) for s in share[1:]] for seed in (0, 1)])
    full = parts(wired(shipped(), "contact_100"))
    transfer = np.mean(np.vstack([np.full(2, full[0]), found[:, :, 0].T]), axis=1)
    constriction = np.mean(found[:, :, 1].T, axis=1) - full[1]
    slope = np.polyfit(np.log(share), np.log(transfer), 1)[0]
    assert slope == pytest.approx(-1.0, abs=0.01)
    assert np.all(transfer >= POLARISATION / share * (1 - 1e-8))  # an even current is the cheapest
    assert np.all(constriction > 2 * transfer[1:])
    both = np.polyfit(np.log(share), np.log(transfer + np.append(0.0, constriction)), 1)[0]
    assert both < -1.4  # what an arc that holds both would be read as


@pytest.mark.parametrize(("study", "share"), [("covered_50", 0.5), ("covered_90", 0.1)])
def test_beside_a_film_that_carries_charge_the_arc_grows_with_the_contact(study: str, share: float) -> None:
    """Between the frequencies of film and charge transfer, against the network with the film short."""
    system = wired(shipped(), study)
    Z = impedance(rest_point(system), np.array([25e3, 3e9])).Z.real
    mask = touching(system)
    assert mask.mean() == pytest.approx(share)
    expected = network(mask, 0.0, POLARISATION, shorted=True) - BULK
    assert Z[0] - Z[1] == pytest.approx(expected, rel=0.01)
    assert expected < share * POLARISATION  # less than an even current would take


def test_the_apparent_slope_is_then_plus_one() -> None:
    share = np.array([0.8, 0.5, 0.2, 0.1])
    rng = np.random.default_rng(3)
    masks = [(rng.permutation(100) < 100 * s).reshape(10, 10) for s in share]
    for polarisation, slope in ((5e-5, 1.1), (5e-7, 1.0)):
        arc = [network(mask, 0.0, polarisation, shorted=True) - BULK for mask in masks]
        assert np.polyfit(np.log(share), np.log(arc), 1)[0] == pytest.approx(slope, abs=0.02)


def strips(share: float, n: int, period: float) -> float:
    """What spreading adds to a plane [ohm m2] of which strips of lithium cover a share, n voxels to a period."""
    h = period / n
    labels = np.zeros((2 * n, n), dtype=int)
    labels[-1] = np.where(np.arange(n) < share * n, 1, 2)
    model = mixed_conductor(
        [phase("SE", SIGMA), phase("Li", sigma_eon=1.08e7), phase("gas")],
        junctions=[Junction(("Li", "SE"), "electron", Lumped(R=1e-12), to="ion")],
    )
    structure = Microstructure(labels, (h, h), ("SE", "Li", "gas"), (1,))
    system = resolved_system(structure, model, preset("battery"), staircase=True)
    return 1 / float(dc_admittance(rest_point(system))[0, 0]) - (2 * n - 1) * h / SIGMA


def test_constriction_of_strips_is_the_closed_form() -> None:
    """p/(pi sigma) ln(1/sin(pi s/2)) for strips of period p on a thick electrolyte; order 1, as the current has
    singular edges."""
    share, period = 0.375, 30e-6
    exact = period / (np.pi * SIGMA) * np.log(1 / np.sin(np.pi * share / 2))
    coarse, fine = (strips(share, n, period) for n in (40, 80))
    assert 1.8 < (coarse - exact) / (fine - exact) < 2.2
    assert 2 * fine - coarse == pytest.approx(exact, rel=2e-3)


def test_a_study_that_sets_an_interface_which_is_not_there_is_told_in_one_line() -> None:
    text = (CASE / "case.toml").read_text(encoding="utf-8").replace('"interface.1.gap"', '"interface.9.gap"', 1)
    with pytest.raises(InputError, match=r"study.contact_50.set.interface.9.gap: read \"9\" in the key; .*0, 1, 2, 3"):
        case_from_text(text, "case.toml")


def test_a_law_at_a_surface_needs_the_carrier_to_which_it_leads() -> None:
    with pytest.raises(InputError, match=r"interface.0.to: read nothing .*; expected the carrier of LSCF, at its"):
        load_case(
            CASE.parent / "407_mixed_cathode",
            ["interface.0={between=['LSCF','pore'], carrier='electron', law='resistance', R='1 ohm*cm^2'}"],
        )
