"""How long the main case takes from the shell, beside what its imports alone take in the same run."""

from __future__ import annotations

from stopwatch import ROOT, shortest_process

CASE = ROOT / "cases" / "301_ncm622_lpscl_composite"


def test_main_case_from_the_shell(tmp_path, record_property) -> None:
    """Twelve figures, two spectra: at most six times the import of the libraries that every plotting script needs."""
    names = "numpy, scipy.sparse.linalg, h5py, matplotlib.figure, matplotlib.backends.backend_agg"
    libraries = shortest_process(4, "-c", f"import {names}")
    run = shortest_process(4, "-m", "miecsim", "run", str(CASE), "--out", str(tmp_path / "out"), "--force")
    told = (
        f"case 301 from the shell: {run:.2f} s, {run / libraries:.1f} times its libraries' import ({libraries:.2f} s)"
    )
    record_property("run", told)
    print(told)
    assert run < 6 * libraries
