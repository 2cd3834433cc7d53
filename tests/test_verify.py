"""`miecsim verify`: its proofs hold, fail when what they prove is spoiled, and stand in the table, JSON and page."""

from __future__ import annotations

import base64
import json
import re
import sys
from dataclasses import replace

import numpy as np
import pytest

from miecsim.circuit import diffusion, media, tlm
from miecsim.cli import main
from miecsim.errors import InputError, SolveError
from miecsim.report.verify_page import verify_page
from miecsim.solvers.impedance import impedance
from miecsim.techniques import formulas_probe
from miecsim.verify import network, picture_electrodes, pictures, published_errors, samples
from miecsim.verify.proof import Outcome, Proof, Settings, Skipped, failed, judge
from miecsim.verify.run import FAMILIES, proofs_of, run_proofs, select
from miecsim.verify.samples import kramers_kronig_error

QUICK = Settings(quick=True)
# What is drawn in voxels or drawn by lot: the threshold of percolation to 0.003, a circle, two circles in a medium.
COARSER = {"pictures.percolation": 5.1e-3, "pictures.area": 5e-3, "pictures.neutral_disc": 2.5e-3}
FIELDS = {
    *("id", "title", "family", "equation", "source", "value", "reference", "printed", "unit", "error", "tolerance"),
    *("order", "passed", "seconds", "note"),
}


def rows_of(*families, settings=QUICK):
    return {row.id: row for _, row in run_proofs(proofs_of(families, settings)) if row is not None}


def row_of(name, settings=QUICK):
    (one,) = (proof for proof in proofs_of([name.partition(".")[0]], settings) if proof.id == name)
    ((_, row),) = run_proofs([one])
    return row


@pytest.fixture(scope="module")
def every_row():
    return rows_of(*FAMILIES)


@pytest.fixture
def cli(monkeypatch, capsys):
    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["miecsim", "verify", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "140")
        with pytest.raises(SystemExit) as stop:
            main()
        out, err = capsys.readouterr()
        assert "Traceback" not in out + err
        return int(stop.value.code or 0), out, err

    return call


# --- the proofs -----------------------------------------------------------------------------------


def test_every_proof_holds(every_row):
    assert [f"{row.id}: {row.error} {row.note}" for row in every_row.values() if not row.passed] == []


def test_every_row_is_complete(every_row):
    orders = {proof.id: proof.order for proof in proofs_of(FAMILIES, QUICK)}
    assert len(every_row) == len({row.id for row in every_row.values()}) > 150
    for row in every_row.values():
        assert row.family in FAMILIES and row.id.startswith(f"{row.family}.")
        assert row.title and row.equation and row.source and row.unit and row.note
        assert np.isfinite([row.value, row.reference, row.error]).all()
        assert 0 <= row.error <= row.tolerance <= COARSER.get(row.id, 1e-3)
        if row.id.endswith(".continuum") and row.order is None:
            assert row.error < 1e-10 and "exact on every mesh" in row.note
        if row.order is not None:
            assert abs(row.order - orders[row.id]) <= 0.1
            assert row.family == "pictures" or orders[row.id] == 2


def test_what_is_proven(every_row):
    for name in tlm.CONFIGURATIONS:
        for kind in ("continuum", "ladder", "direct_current"):
            assert f"two_rail.{name}.{kind}" in every_row
    kinds = [row_id.rpartition(".")[2] for row_id in every_row]
    for kind, least in (("continuum", 40), ("ladder", 20), ("kramers_kronig", 30), ("reciprocity", 8)):
        assert kinds.count(kind) >= least
    assert {row.family for row in every_row.values()} == set(FAMILIES)
    for name in ("laminate.rotated", "checkerboard.10", "self_dual.2.crossing", "strips", "reduced", "four_points"):
        assert f"pictures.{name}" in every_row
    for error in ("E1", "E2", "E3", "E4", "E5", "E6", "E7", "E8", "M1", "M2", "M4"):
        assert any(row_id.startswith(f"published_errors.{error}.") for row_id in every_row)


def test_misprints_are_told_apart(every_row):
    for row in every_row.values():
        if row.family == "published_errors":
            assert abs(row.value / row.reference - 1) <= row.tolerance < 0.01 < abs(row.printed / row.value - 1)
            assert "printed" in row.equation


# --- they fail when spoiled -----------------------------------------------------------------------


def spoil(monkeypatch, where, name, factor):
    right = getattr(where, name)
    monkeypatch.setattr(where, name, lambda *args, **kwargs: factor * right(*args, **kwargs))


@pytest.mark.parametrize(
    ("where", "name", "factor", "struck"),
    [
        (tlm, "two_rail_impedance", 1.002, "two_rail.e_both.continuum"),
        (tlm, "two_rail_admittance", 1.002, "layers.graded.continuum"),
        (tlm, "ladder_admittance", 1 + 1e-11, "layers.junction.ladder"),
        (tlm, "de_levie", 1.002, "de_levie.bottom.continuum"),
        (diffusion, "gerischer", 1.002, "diffusion.gerischer.continuum"),
        (network, "netlist_impedance", 1 + 1e-9, "network.poisson.2d_bias.nodal"),
        (samples, "dc_admittance", 1 + 1e-8, "cross_conductivity.ie.direct_current"),
        (media, "checkerboard", 1.002, "pictures.checkerboard.10"),
        (media, "laminate", 1 + 1e-9, "pictures.laminate.rotated"),
        (tlm, "ladder_impedance", 1 + 1e-10, "pictures.strips"),
        (formulas_probe, "disc_resistance", 1.002, "pictures.disc.half_space"),
        (formulas_probe, "four_point_slab", 1.0003, "pictures.four_points"),
        (pictures, "interface_area", 1.009, "pictures.area"),
        (pictures, "effective_conductivity", 1.006, "pictures.neutral_disc"),
    ],
)
def test_a_wrong_factor_is_found(monkeypatch, where, name, factor, struck):
    spoil(monkeypatch, where, name, factor)
    assert not row_of(struck).passed


def test_a_scheme_of_first_order_is_found(monkeypatch):
    """An error that falls as 1/N, small enough to pass on the default mesh, fails by its order."""

    def leaning(self, frequency, cells=None):
        return spectrum(self, frequency, cells) * (1 + (1e-5 if cells is None else 0.5 / cells))

    spectrum = samples.Sample.spectrum
    monkeypatch.setattr(samples.Sample, "spectrum", leaning)
    row = row_of("diffusion.open.continuum")
    assert row.error < row.tolerance and abs(row.order - 1) < 0.2 and not row.passed


def test_another_order_at_the_corners_is_found(monkeypatch):
    """Extrapolated as if the corners of a checkerboard did no harm, the figure is wrong, and so is the order."""
    monkeypatch.setattr(media, "checkerboard_order", lambda contrast: 2.0)
    row = row_of("pictures.checkerboard.10")
    assert row.error > row.tolerance and abs(row.order - 0.77) < 0.01 and not row.passed


def test_a_reduction_that_misses_is_found(monkeypatch):
    def missing(point, frequency, method="auto", **options):
        spectrum = impedance(point, frequency, method=method, **options)
        return replace(spectrum, Y=spectrum.Y * (1 + 2e-6)) if method == "reduced" else spectrum

    monkeypatch.setattr(picture_electrodes, "impedance", missing)
    assert not row_of("pictures.reduced").passed


def test_boxes_that_are_not_their_own_dual_are_found(monkeypatch):
    """One bond in a different place: as many conduct, but not as well."""

    def turned(g, n):
        box = self_dual_box(g, n)
        return replace(box, right=np.where(np.arange(len(box.right)) == 0, (box.right + 1) % box.n, box.right))

    self_dual_box = pictures.self_dual_box
    monkeypatch.setattr(pictures, "self_dual_box", turned)
    assert not row_of("pictures.self_dual.1.logarithm").passed


def test_a_response_before_its_cause_is_found(monkeypatch):
    """A delay of the wrong sign, exp(+j w tau), leaves |Z| as it was."""

    def early(point, frequency, **options):
        spectrum = impedance(point, frequency, **options)
        return replace(spectrum, Y=spectrum.Y * np.exp(-1e-6j * np.minimum(frequency, 1e3))[:, None, None])

    monkeypatch.setattr(samples, "impedance", early)
    assert not row_of("de_levie.faradaic.kramers_kronig").passed


def test_a_gyrator_is_found(monkeypatch):
    def rotated(point, frequency, **options):
        spectrum = impedance(point, frequency, **options)
        Y = spectrum.Y.copy()
        Y[:, 0, 1] *= 1 + 1e-9
        return replace(spectrum, Y=Y)

    monkeypatch.setattr(samples, "impedance", rotated)
    assert not row_of("cross_conductivity.ie.reciprocity").passed


def test_a_program_that_took_the_side_of_the_misprint_is_found(monkeypatch):
    monkeypatch.setattr(
        published_errors,
        "_line",
        lambda z1, z2, z_f, *rest, **more: published_errors.printed_two_rail(z1, z2, z_f, 1e-4),
    )
    assert not row_of("published_errors.E1.prefactor").passed


def test_kramers_kronig_of_known_functions():
    f = np.logspace(-6, 8, 141)
    s = 2j * np.pi * f
    band = np.arange(50, 90)
    causal = 3.1 + 7.3 / (1 + 0.21 * s) + 2.9 / np.sqrt(1 + 0.013 * s) + 1 / (0.37 * s)
    assert kramers_kronig_error(f, causal, band)[2] < 1e-8
    assert kramers_kronig_error(f, np.conj(causal), band)[2] > 0.1
    # a pole in the right half plane
    assert kramers_kronig_error(f, 3.1 + 7.3 / (1 - 0.21 * s), band)[2] > 0.1


# --- judging --------------------------------------------------------------------------------------


def proof(measure, **changes):
    return Proof("f.x", "title", "f", "Z = R", "nobody 1900", 1e-3, measure, **changes)


def test_judging():
    good = Outcome(1.0001, 1.0, 1e-4, order=1.95)
    assert judge(proof(None, order=2.0), good, 0.1).passed
    assert not judge(proof(None, order=2.0), replace(good, order=1.8), 0.1).passed
    assert not judge(proof(None), replace(good, error=2e-3), 0.1).passed
    assert not judge(proof(None), replace(good, error=float("nan")), 0.1).passed
    assert judge(proof(None), replace(good, printed=1.1), 0.1).passed
    assert not judge(proof(None), replace(good, printed=1.005), 0.1).passed


def test_a_solve_that_fails_is_a_row_and_one_that_cannot_run_is_told():
    def raises(error):
        def measure():
            raise error

        return proof(measure)

    told = []
    found = [
        row
        for _, row in run_proofs(
            [raises(SolveError("no root")), raises(Skipped("no ngspice"))], lambda p, why: told.append((p.id, why))
        )
    ]
    assert not found[0].passed and found[0].error is None and "no root" in found[0].note
    assert found[1] is None and told == [("f.x", "no ngspice")]
    assert json.loads(json.dumps(found[0].as_json()))["value"] is None


def test_ngspice_is_left_out_where_it_is_missing(monkeypatch):
    monkeypatch.setattr(network.shutil, "which", lambda program: None)
    proofs = [proof for proof in proofs_of(["network"], QUICK) if proof.id.endswith(".ngspice")]
    told = []
    assert [row for _, row in run_proofs(proofs, lambda p, why: told.append(why)) if row is not None] == []
    assert len(told) == len(proofs) >= 6 and set(told) == {"ngspice is not installed"}


def test_selection():
    assert select(None) == tuple(FAMILIES)
    assert select(["layers", "de_levie", "layers"]) == ("de_levie", "layers")
    with pytest.raises(InputError, match="did you mean two_rail"):
        select(["tworail"])
    with pytest.raises(InputError, match="20 or more"):
        Settings(cells=13)


def test_cells_go_into_ladders_and_refined_meshes():
    row = row_of("layers.graded.ladder", Settings(cells=37))
    assert row.passed and "37 cells" in row.note
    row = row_of("diffusion.short.continuum", Settings(cells=41))
    assert row.passed and row.convergence.cells.tolist() == [41, 82, 164]


# --- the command ----------------------------------------------------------------------------------


def test_command_writes_table_json_and_page(cli, tmp_path):
    table, page = tmp_path / "new" / "proofs.json", tmp_path / "proofs.html"
    code, out, err = cli("--family", "diffusion", "--family", "layers", "--quick", "--json", table, "--html", page)
    assert code == 0 and err == ""
    rows = json.loads(table.read_text(encoding="utf-8"))
    assert {row["family"] for row in rows} == {"diffusion", "layers"}
    for row in rows:
        assert set(row) == FIELDS
        assert row["passed"] is True and row["seconds"] > 0 and isinstance(row["tolerance"], float)
        assert row["title"].partition(":")[0] in out or row["title"][:40] in out
    assert f"{len(rows)} of {len(rows)} proofs hold" in out and "Bisquert" not in out and "Warburg 1899" in out
    text = page.read_text(encoding="utf-8")
    assert all(f'id="{row["id"]}"' in text for row in rows)
    pictures = re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', text)
    assert len(pictures) == 4 and all(b"<svg" in base64.b64decode(picture) for picture in pictures)
    assert "http://" not in text and "https://" not in text  # nothing is loaded from elsewhere
    assert {path.name for path in tmp_path.rglob("*")} == {"new", "proofs.json", "proofs.html"}


def test_a_proof_that_fails_ends_with_4_and_is_written(cli, monkeypatch, tmp_path):
    spoil(monkeypatch, diffusion, "warburg_open", 1.01)
    table, page = tmp_path / "proofs.json", tmp_path / "proofs.html"
    code, out, err = cli("--family", "diffusion", "--quick", "--json", table, "--html", page)
    assert code == 4 and "FAILED" in out and "FAILS" in page.read_text(encoding="utf-8")
    assert err.startswith("check failed: diffusion.open.continuum: error 0.0")
    passed = {row["id"]: row["passed"] for row in json.loads(table.read_text(encoding="utf-8"))}
    assert not passed["diffusion.open.continuum"] and passed["diffusion.short.continuum"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--family", "mixed_conductors"], ("mixed_conductors", "did you mean mixed_conductor?")),
        (["--family", "zzz"], ("'zzz'", "published_errors")),
        (["--cells", "2"], ("cells", "20 or more")),
        (["--cells", "many"], ("cells",)),
    ],
)
def test_bad_input_is_one_line(cli, arguments, words):
    code, out, err = cli(*arguments)
    assert code == 2 and out == "" and len(err.splitlines()) == 1
    assert all(word in err for word in words)


def test_a_directory_is_no_file(cli, tmp_path):
    code, _, err = cli("--family", "ladder", "--json", tmp_path)
    assert code == 2 and "directory" in err


def test_interrupting_leaves_old_files(cli, monkeypatch, tmp_path):
    def interrupted(*_):
        raise KeyboardInterrupt

    table = tmp_path / "proofs.json"
    table.write_text("old")
    monkeypatch.setattr(diffusion, "gerischer", interrupted)
    code, _, err = cli("--family", "diffusion", "--quick", "--json", table)
    assert code == 130 and "interrupted" in err and table.read_text() == "old"


def test_page_tells_what_was_not_run():
    row = failed(proof(None), "SolveError: no <root>", 0.1)
    text = verify_page([row], {"f": "family"}, skipped=[("f.spice", "no ngspice")], versions={"v": "1"}, settings="")
    assert "no &lt;root&gt;" in text and "f.spice" in text and "no ngspice" in text and "0 of 1 proofs hold" in text
