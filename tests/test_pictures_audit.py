"""Pictures as a newcomer makes them: against a network written out by hand, and where nothing can flow."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp
from scipy.sparse.linalg import spsolve

from miecsim.case import case_from_text
from miecsim.commands.files import write_all
from miecsim.errors import InputError
from miecsim.plot.microstructure import phase_map
from miecsim.results import RunRecord
from miecsim.run.run import run_case

THERMAL = 8.31446261815324 * 298.15 / 96485.33212  # V
SIGMA = ({"ion": 0.23}, {"ion": 0.011, "electron": 0.47}, {"electron": 31.0}, {})  # SE, NCM, carbon, pore
STORAGE = 1.3e5  # F/m3 of NCM

HEAD = """
title = "t"
model = "microstructure"
source = "own"
temperature = "25 degC"
area = "per area"
"""
PHASES = """
[[phase]]
name = "SE"
sigma_ion = "0.23 S/m"
[[phase]]
name = "NCM"
sigma_ion = "0.011 S/m"
sigma_eon = "0.47 S/m"
chemical_capacitance = "1.3e5 F/m^3"
[[phase]]
name = "carbon"
sigma_eon = "31 S/m"
[[phase]]
name = "pore"
"""
STUDY = """
[[study]]
name = "s"
terminals = "battery"
frequency = { from = "1 MHz", to = "1 Hz", points_per_decade = 1 }
profiles = ["1 Hz", "1 kHz", "1 MHz"]
reference = "none"
"""
LAWS: dict[str, tuple[str, Callable[[float], complex]]] = {
    "film before a CPE": (
        'law = "r_cpe"\nR = "11 ohm*cm^2"\nQ = "0.3 F*s^(alpha-1)/m^2"\nalpha = 0.73\nRs = "2.3 ohm*cm^2"',
        lambda w: 1 / (2.3e-4 + 1 / (1 / 11e-4 + 0.3 * (1j * w) ** 0.73)),
    ),
    "CPE": ('law = "cpe"\nQ = "0.3 F*s^(alpha-1)/m^2"\nalpha = 0.73', lambda w: 0.3 * (1j * w) ** 0.73),
    "Butler-Volmer": (
        'law = "butler_volmer"\nexchange_current = "0.7 A/m^2"\nalpha = 0.4\nC = "0.2 F/m^2"',
        lambda w: 0.7 / THERMAL + 0.2j * w,
    ),
}


def interface(between: str, law: str, carrier: str = "electron", to: str = 'to = "ion"') -> str:
    return f'\n[[interface]]\nbetween = [{between}]\ncarrier = "{carrier}"\n{to}\n{law}\n'


def image(file: str, edges: str, more: str = "") -> str:
    grey = "{ SE = 0, NCM = 1, carbon = 2, pore = 3 }"
    return f'[microstructure]\nkind = "image"\nfile = "{file}"\ngrey = {grey}\nvoxel = {edges}\n{more}\n'


def run(text: str, folder: Path) -> RunRecord:
    return run_case(case_from_text(text, str(folder / "case.toml")))


def by_hand(labels: Any, edges: tuple[float, ...], periodic: tuple[int, ...], law: Any, w: float) -> complex:
    """Z [ohm m2] between ions on the left and electrons on the right: half a voxel of conductor from each centre to a
    face, at which both sides share a node unless a law on the carrier stands there; charge transfer ends at the ions
    of the second phase. Islands are left out."""
    at = np.arange(labels.size).reshape(labels.shape)
    new, n = count(2 + 2 * labels.size), labels.size
    rows: list[tuple[int, int, complex]] = []
    node = {"ion": 2, "electron": 2 + n}
    for axis, h in enumerate(edges):
        area = np.prod(edges) / h
        for p in np.ndindex(labels.shape):
            q = tuple((k + (i == axis)) % labels.shape[i] for i, k in enumerate(p))
            if q[axis] == 0 and axis not in periodic:
                continue
            a, b = labels[p], labels[q]
            face: dict[tuple[str, int], int] = {}
            for c, first in node.items():
                one = next(new)
                two = next(new) if c == "ion" and {a, b} == {0, 1} else one
                if two != one:
                    rows.append((one, two, area * (1 / 1.7e-4 + 0.05j * w)))
                for side, cell, end in ((a, p, one), (b, q, two)):
                    face[c, side] = end
                    if c in SIGMA[side]:
                        rows.append((first + at[cell], end, area * SIGMA[side][c] / (h / 2)))
            if 0 in (a, b) and {a, b} & {1, 2}:
                rows.append((face["electron", max(a, b)], face["ion", 0], area * law(w)))
    for p in np.ndindex(labels.shape):
        if labels[p] == 1:
            rows.append((2 + at[p], 2 + n + at[p], 1j * w * STORAGE * np.prod(edges)))
        for end, terminal, c in ((0, 0, "ion"), (labels.shape[0] - 1, 1, "electron")):
            if p[0] == end and c in SIGMA[labels[p]]:
                rows.append((terminal, node[c] + at[p], SIGMA[labels[p]][c] * np.prod(edges[1:]) / (edges[0] / 2)))
    i, j, y = (np.array(part) for part in zip(*rows, strict=True))
    size = next(new)
    link = sp.coo_matrix((y, (i, j)), shape=(size, size))
    whole = (link + link.T).tocsr()
    matrix = (sp.diags(np.asarray(whole.sum(axis=1)).ravel()) - whole).tocsc()
    cluster = sp.csgraph.connected_components(abs(whole))[1]
    kept = np.flatnonzero((cluster == cluster[0]) & (np.arange(size) != 1))
    assert kept[0] == 0 and cluster[1] == cluster[0]
    v = spsolve(matrix[kept][:, kept], (kept == 0).astype(complex))
    return complex(v[0] * np.prod(np.array(labels.shape[1:]) * edges[1:]))


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize(("shape", "periodic"), [((11, 7), ()), ((6, 5, 3), (2,))])
def test_random_pictures_against_a_network_by_hand(
    name: str, shape: tuple[int, ...], periodic: tuple[int, ...], tmp_path: Path
) -> None:
    """Four phases at random, voxels that are no cubes, a law across and one between carriers at the same faces."""
    text, admittance = LAWS[name]
    labels = np.random.default_rng(7).choice(4, size=shape, p=(0.45, 0.3, 0.15, 0.1)).astype(np.uint8)
    edges = (0.41e-6, 0.93e-6, 0.3e-6)[: len(shape)]
    np.save(tmp_path / "a.npy", labels)
    units = [f"{1e6 * edge:g} um" for edge in edges]
    more = f"periodic = {['xyz'[k] for k in periodic]}\nstaircase = true"
    across = interface('"NCM", "SE"', 'law = "r_c"\nR = "1.7 ohm*cm^2"\nC = "5 uF/cm^2"', "ion", "")
    laws = across + interface('"NCM", "SE"', text) + interface('"carbon", "SE"', text)
    found = run(HEAD + image("a.npy", str(units), more) + PHASES + laws + STUDY, tmp_path).studies[0]
    for k in (0, 3, -1):
        w = 2 * np.pi * found.frequency[k]
        assert found.Z[k] == pytest.approx(by_hand(labels, edges, periodic, admittance, w), rel=1e-6)


def test_an_image_written_anew_is_read_anew(tmp_path: Path) -> None:
    """In one session a longer picture of one conductor has its own resistance."""
    text = HEAD + image("a.npy", '"1 um"') + PHASES + STUDY.replace("battery", "electron_blocking")
    for nx in (5, 9):
        np.save(tmp_path / "a.npy", np.zeros((nx, 4), dtype=np.uint8))
        assert run(text, tmp_path).studies[0].Z.real == pytest.approx(nx * 1e-6 / 0.23, rel=1e-12)


def test_a_picture_that_nothing_crosses_is_written_and_says_so(tmp_path: Path) -> None:
    """Z is infinite: no Bode or Nyquist plot and nothing to attribute, beside a study that has all of them."""
    np.save(tmp_path / "a.npy", np.array([[0] * 4] * 3 + [[3] * 4] + [[2] * 4] * 3, dtype=np.uint8))
    other = STUDY.replace('"s"', '"open"') + "attribution = true\n" + 'set = { "microstructure.through" = "y" }\n'
    text = HEAD + image("a.npy", '"1 um"') + PHASES + STUDY + "attribution = true\n"
    alone = run(text, tmp_path)
    assert np.all(np.isinf(alone.studies[0].Z)) and alone.studies[0].attribution is None
    assert alone.studies[0].summary["R_low"].note == "nothing joins the terminals"
    names = {path.name for path in write_all(alone, tmp_path / "alone")}
    assert "s_picture.png" in names and not {"bode.png", "nyquist.png", "s_shares.png"} & names
    both = run(text + other.replace("battery", "electron_blocking"), tmp_path)
    names = {path.name for path in write_all(both, tmp_path / "both")}
    assert {"bode.png", "nyquist.png", "open_parts.png"} <= names and "s_parts.png" not in names


def test_reaction_that_runs_both_ways_alike_has_no_depth(tmp_path: Path) -> None:
    """Between two electron contacts as much reacts in one direction as in the other; a battery has a depth inside."""
    np.save(tmp_path / "a.npy", np.tile(np.array([1, 0], dtype=np.uint8), (12, 5)))
    law = interface('"NCM", "SE"', 'law = "r_c"\nR = "1 ohm*cm^2"\nC = "1 uF/cm^2"')
    text = HEAD + image("a.npy", '"1 um"') + PHASES + law + STUDY
    assert "reaction_depth" not in run(text.replace('"battery"', '"ion_blocking"'), tmp_path).studies[0].summary
    assert 0 < run(text, tmp_path).studies[0].summary["reaction_depth"].value < 12e-6


def test_maps_are_blank_and_pores_white_where_no_carrier_lives(tmp_path: Path) -> None:
    """Both parts of a potential; carbon, the third phase, has a colour."""
    labels = np.array([[0, 1, 2, 3]] * 5, dtype=np.uint8)
    np.save(tmp_path / "a.npy", labels)
    found = run(HEAD + image("a.npy", '"1 um"') + PHASES + STUDY.replace("battery", "electron_blocking"), tmp_path)
    study, phase = found.studies[0], labels.ravel(order="F")
    for part in ("real", "imag"):
        for carrier, own in (("ion", (0, 1)), ("electron", (1, 2))):
            values = study.fields[f"{carrier}_{part}_1000Hz"][0]
            assert np.array_equal(np.isfinite(values), np.isin(phase, own))
    colours = [patch.get_facecolor()[:3] for patch in phase_map(study, found.grid).legends[0].get_patches()]
    assert [colour == (1.0, 1.0, 1.0) for colour in colours] == [False, False, False, True]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ('periodic = ["z"]', r"read periodic axes z; the picture has axes 0 to 1 \(x, y\)"),
        ('mirrored = ["z"]', r"read axis z; the picture has axes 0 to 1 \(x, y\)"),
        ('section = { axis = "y", layer = 0 }', "expected one in three dimensions"),
        ('coating = { phase = "SE", shell = "SE", thickness = "1 um" }', 'coating.shell: read "SE"; expected another'),
    ],
)
def test_edits_that_do_not_fit_are_told_in_words(more: str, told: str, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((5, 4), dtype=np.uint8))
    with pytest.raises(InputError, match=told):
        run(HEAD + image("a.npy", '"1 um"', more) + PHASES + STUDY.replace("battery", "electron_blocking"), tmp_path)
