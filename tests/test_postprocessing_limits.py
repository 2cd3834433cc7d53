"""limits.py: which transport limits a porous electrode, read from a result file alone."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import synthetic_result as synthetic

from miecsim.results import AttributionRecord, Quantity, write_result

ROOT = Path(__file__).resolve().parents[1]
SIGMA_ION, SIGMA_EON, A_R_CT, A_R_D, AREA = 0.031, 0.47, 3.1e-8, 2.3e-8, 1.3e-4  # S/m, S/m, ohm m3 (R_ct/a), m2


def electrode(name, L, attributed=False, figures=()):
    """A study whose summary is that of a porous electrode of thickness L [m]; R_total by the zero-frequency formula."""
    R = {"R_ion": L / SIGMA_ION, "R_eon": L / SIGMA_EON, "R_ct": A_R_CT / L}
    R["R_total"] = (R["R_ion"] + R["R_eon"]) / 3 + (A_R_CT + A_R_D) / L
    summary = {key: Quantity(value / AREA, "ohm") for key, value in R.items()}
    summary |= {"sigma_ion": Quantity(SIGMA_ION, "S/m"), "sigma_eon": Quantity(SIGMA_EON, "S/m")}
    base = synthetic.study("battery")
    own = replace(base, name=name, summary={**summary, **dict(figures)})
    if not attributed:
        return own
    size = own.frequency.size
    slowest = np.where(own.frequency == own.frequency.min(), 1.0, 7.0)
    each = {
        "ion transport": R["R_ion"] / 3,
        "electron transport": R["R_eon"] / 3,
        "charge transfer": A_R_CT / L,
        "particle diffusion": 0.9 * A_R_D / L,
        "particle storage": 0.1 * A_R_D / L,
    }
    parts = {key: value / AREA * slowest + 0j for key, value in each.items()}
    along = {key: np.repeat(value[:, None], 2, axis=1) / 2 for key, value in parts.items()}
    record = AttributionRecord(parts, {"cathode": np.zeros(size, dtype=complex)}, np.array([0.0, L / 2, L]), along)
    return replace(own, attribution=record)


@pytest.fixture
def result(tmp_path):
    def write(*studies):
        path = tmp_path / "result.h5"
        write_result(path, replace(synthetic.run(*studies), area=AREA))
        return path

    return write


@pytest.fixture
def limits(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "postprocessing")
    return importlib.import_module("limits")


def run(limits, monkeypatch, capsys, *options):
    monkeypatch.setattr("sys.argv", ["limits.py", *map(str, options)])
    code = 0
    try:
        limits.main()
    except SystemExit as end:
        code = end.code
    return (code, *capsys.readouterr())


def test_depth_and_limit_are_told(limits, monkeypatch, capsys, result, tmp_path):
    depth = np.sqrt((A_R_CT + A_R_D) / (1 / SIGMA_ION + 1 / SIGMA_EON))
    path = result(electrode("thin", 0.9 * np.sqrt(3) * depth, True), electrode("thick", 1.1 * np.sqrt(3) * depth))
    code, out, error = run(limits, monkeypatch, capsys, path, "-o", tmp_path / "l.svg")
    assert (code, error) == (0, "")
    thin, thick, name = out.splitlines()
    assert thin.startswith("thin:") and thin.endswith(": particles") and thick.endswith(": ions")
    assert f"L* {1e6 * depth:.4g} um" in thin and f"L* {1e6 * depth:.4g} um" in thick
    assert f"({1e6 * depth * np.sqrt(A_R_CT / (A_R_CT + A_R_D)):.4g} um of charge transfer)" in thin
    text = Path(name).read_text(encoding="utf-8")
    for word in ("ions limit", "electrons limit", "thickness L / µm", "R / Ω cm²", "charge transfer", "thick"):
        assert word in text, word


def test_curves_go_through_the_studies_and_their_parts(limits, result):
    """Black points on the black curve, crosses on the curve of their colour, star at L = L*."""
    import h5py

    lengths = (21e-6, 57e-6)
    with h5py.File(result(*(electrode(f"e{i}", L, True) for i, L in enumerate(lengths)))) as file:
        found = limits.gather(file, ["e0", "e1"])
    np.testing.assert_allclose([e.L for e in found], lengths, rtol=1e-12)
    left, right = limits.reading.new_figure(17.8, 9.6).subplots(1, 2)
    limits.against_thickness(right, found)
    lines = right.get_lines()
    curves = [line for line in lines if line.get_label() in ("charge transfer", "particle diffusion", "all")]
    assert len(curves) == 3
    for curve in curves:
        points = next(p for p in lines if p.get_color() == curve.get_color() and p.get_marker() in ("x", "o"))
        x, y = points.get_xdata(), points.get_ydata()
        assert len(x) == 2
        at = np.exp(np.interp(np.log(x), np.log(curve.get_xdata()), np.log(curve.get_ydata())))
        np.testing.assert_allclose(y, at, rtol=1e-3)
    limits.diagram(left, [found])
    star = next(line for line in left.get_lines() if line.get_marker() == "*")
    ratio = star.get_ydata()[0] / star.get_xdata()[0]
    assert ratio == pytest.approx(SIGMA_EON / SIGMA_ION, rel=1e-12)
    depth = star.get_ydata()[0] * 1e-4 * SIGMA_ION
    assert depth**2 * (1 / SIGMA_ION + 1 / SIGMA_EON) == pytest.approx(A_R_CT + A_R_D, rel=1e-12)


def test_materials_are_told_apart_and_others_refused(limits, monkeypatch, capsys, result, tmp_path):
    other = electrode("other", 50e-6, figures={"sigma_eon": Quantity(9.0, "S/m")}.items())
    pellet = replace(electrode("pellet", 50e-6), summary={"R_ion": Quantity(3.0, "ohm")})
    path = result(electrode("one", 40e-6), other, pellet)
    import h5py

    with h5py.File(path) as file:
        found = limits.gather(file, ["one", "other", "pellet"])
    assert [[e.name for e in group] for group in limits.grouped(found)] == [["one"], ["other"]]
    capsys.readouterr()
    code, _, error = run(limits, monkeypatch, capsys, path, "-s", "pellet", "-o", tmp_path / "x.png")
    assert code == 2 and "no chosen study is a cell of one porous layer" in error
