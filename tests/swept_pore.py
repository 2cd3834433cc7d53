"""The blocking pore with a sweep, which test_sweep_cases.py and test_sweep_runs.py share."""

from __future__ import annotations

from pathlib import Path

from miecsim.case.load import Case, load_case
from miecsim.sweep import plan_of, points_of, read_index, write_index
from miecsim.sweep.plan import write_plan
from miecsim.sweep.solve import Job, solve

ROOT = Path(__file__).resolve().parent.parent
CASES = ROOT / "cases"
PORE = CASES / "101_blocking_pore"
SMALL = ['study.pore.frequency={ from = "3 kHz", to = "30 mHz", points_per_decade = 3 }']
THICKNESS, CAPACITANCE = "layer.electrode.thickness", "layer.electrode.interface.C"
GRID = f"""
[sweep]
[[sweep.axis]]
key = "{THICKNESS}"
from = "37 um"
to = "0.23 mm"
points = 4
scale = "log"
[[sweep.axis]]
key = "{CAPACITANCE}"
values = ["0.11 F/m^2", "29 uF/cm^2"]
"""


def case_with(folder: Path, sweep: str) -> Path:
    """The blocking pore with a sweep, in a directory of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "case.toml").write_text((PORE / "case.toml").read_text(encoding="utf-8") + sweep, encoding="utf-8")
    return folder


def one_by_one(case: Case, folder: Path) -> None:
    """The sweep solved in this process, backwards: what the workers must agree with."""
    points = points_of(case)
    (folder / "points").mkdir(parents=True)
    write_plan(folder, plan_of(case, points))
    for point in reversed(points):
        solve(Job(point.hash, point.settings, point.raw, case.file, folder / "points"))
    write_index(folder, read_index(folder))


def solved_pore(home: Path) -> tuple[Case, Path]:
    """A case with a grid of eight points, and the folder in which it was solved in this process."""
    case = load_case(case_with(home / "case", GRID), SMALL)
    one_by_one(case, home / "alone")
    return case, home / "alone"


def same_index(one: Path, other: Path) -> bool:
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in ("index.csv", "index.h5"))
