"""Parameter sweeps: how points are made of a [sweep] table, what is refused, and points as cases of their own."""

from __future__ import annotations

import math
import os
import shutil
import subprocess
import tomllib

import pytest
from swept_pore import CAPACITANCE, CASES, GRID, PORE, SMALL, THICKNESS, case_with

from miecsim.case import load_case
from miecsim.case.toml import toml_of
from miecsim.errors import InputError
from miecsim.sweep import points_of
from miecsim.sweep.expand import expand
from miecsim.sweep.plan import settings_of


@pytest.fixture
def case(tmp_path):
    """A case with a grid of eight points."""
    return load_case(case_with(tmp_path / "case", GRID), SMALL)


# points


def test_a_grid_has_every_combination(case):
    points = points_of(case)
    found = [point.settings for point in points]
    middle = [0.037 * (0.23 / 0.037) ** (i / 3) for i in range(4)]  # mm
    assert [s[CAPACITANCE] for s in found] == ["0.11 F/m^2", "29 uF/cm^2"] * 4
    for point, expected in zip(points[::2], middle, strict=True):
        own = load_case(case.file, [*SMALL, *(f"{k}={v}" for k, v in point.settings.items())])
        assert own.layers[0].thickness == pytest.approx(expected * 1e-3, rel=1e-11)
    assert len({point.hash for point in points}) == 8
    assert not any("sweep" in point.raw for point in points)
    kept = {check["quantity"] for point in points for check in point.raw["check"]}
    assert kept == {"reference_error"}  # the others are figures of the case itself


def test_a_value_keeps_its_hash_however_it_is_written(tmp_path):
    axis = f'sweep.axis=[{{ key = "{THICKNESS}", %s }}]'
    listed = load_case(PORE, [axis % 'values = ["50 um", "100 um", "200 um"]'])
    spaced = load_case(PORE, [axis % 'from = "50 um", to = "200 um", points = 3, scale = "log"'])
    assert [p.hash for p in points_of(listed)] == [p.hash for p in points_of(spaced)]
    direct = load_case(PORE, [f"{THICKNESS}=100 um"])
    own = direct.raw | {"check": [c for c in direct.raw["check"] if c["quantity"] == "reference_error"]}
    assert points_of(spaced)[1].raw == own


def test_a_sweep_is_no_part_of_what_one_run_computes():
    axis = f'sweep.axis=[{{ key = "{THICKNESS}", values = ["50 um"] }}]'
    assert load_case(PORE, [axis]).input_hash == load_case(PORE).input_hash


def test_zipped_values_go_together():
    axes = f'[{{ key = "{THICKNESS}", values = ["50 um", "70 um"] }}, '
    axes += '{ key = "grid.cells", from = 31, to = 33, points = 2 }]'
    case = load_case(PORE, [f"sweep.axis={axes}", "sweep.kind=zipped"])
    assert [dict(p.settings) for p in points_of(case)] == [
        {THICKNESS: "50 um", "grid.cells": 31},
        {THICKNESS: "70 um", "grid.cells": 33},
    ]


def test_a_list_names_its_points(tmp_path):
    text = f"""
[sweep]
kind = "list"
[[sweep.point]]
"{THICKNESS}" = "41 um"
"study.pore.method" = "plain"
[[sweep.point]]
{THICKNESS} = "53 um"
study.pore.method = "sparse"
"""
    case = load_case(case_with(tmp_path, text))
    found = [dict(p.settings) for p in points_of(case)]
    assert found[1] == {THICKNESS: "53 um", "study.pore.method": "sparse"} and found[0][THICKNESS] == "41 um"


@pytest.mark.parametrize("kind", ["latin_hypercube", "sobol"])
def test_drawn_points_fill_every_slice_once(kind):
    """n points, n slices of each axis, one point in each: the property that names a Latin hypercube, and that n = 2^m
    points of a Sobol sequence have, too. Along a logarithm the slices have equal ratios."""
    n = 16
    axes = f'[{{ key = "{THICKNESS}", from = "20 um", to = "0.5 mm", scale = "log" }}, '
    axes += '{ key = "temperature", from = "17 degC", to = "350 K" }]'
    how = [f"sweep.axis={axes}", f"sweep.kind={kind}", f"sweep.points={n}"]

    def drawn(seed: int) -> list[dict[str, object]]:
        return list(settings_of(load_case(PORE, [*how, f"sweep.seed={seed}"]).sweep))

    first = drawn(3)
    lengths = [float(s[THICKNESS].removesuffix(" m")) for s in first]
    kelvin = [float(s["temperature"].removesuffix(" K")) for s in first]
    along = [[math.log(x / 20e-6) / math.log(25.0) for x in lengths], [(t - 290.15) / (350 - 290.15) for t in kelvin]]
    for parts in along:
        assert sorted(int(n * part) for part in parts) == list(range(n))
    assert drawn(3) == first != drawn(4)


# mistakes

AXIS = f'key = "{THICKNESS}", '


@pytest.mark.parametrize(
    ("sweep", "told"),
    [
        ("{ }", "sweep.axis: read nothing (the key is missing); expected one or more tables"),
        ("7", "sweep: read 7; expected a table: kind, and [[sweep.axis]] or [[sweep.point]]"),
        ('{ kind = "gird", axis = [] }', 'sweep.kind: read "gird"; expected one of grid, zipped'),
        ('{ kind = "gird", axis = [] }', "did you mean grid?"),
        ('{ axes = [{ key = "x" }] }', "sweep.axes: read an unknown key"),
        (f'{{ axis = [{{ {AXIS}valeus = ["1 um"] }}] }}', "did you mean values?"),
        (f"{{ axis = [{{ {AXIS}values = [] }}] }}", "sweep.axis.0.values: read an empty list; expected a list"),
        (f'{{ axis = [{{ {AXIS}values = ["1 um", "1 um"] }}] }}', 'sweep.axis.0.values.1: read "1 um" a second time'),
        (f'{{ axis = [{{ {AXIS}values = ["9 um", "9 mS"] }}] }}', 'values.1: read "9 mS"; expected a value like the'),
        (f'{{ axis = [{{ {AXIS}values = ["9 um", 9] }}] }}', "values.1: read 9; expected a value like the first"),
        (f'{{ axis = [{{ {AXIS}values = ["9 um", [1]] }}] }}', "values.1: read a list of 1; expected a value as"),
        (
            f"{{ axis = [{{ {AXIS[:-2]} }}] }}",
            "sweep.axis.0: read neither values nor from and to; expected one of the two",
        ),
        (f'{{ axis = [{{ {AXIS}from = "1 um" }}] }}', "sweep.axis.0.to: read nothing (the key is missing); expected"),
        (f'{{ axis = [{{ {AXIS}from = "1 um", to = "2 um" }}] }}', "axis.0.points: read nothing (the key is missing)"),
        (f'{{ axis = [{{ {AXIS}from = "1 um", to = "2 V", points = 3 }}] }}', 'axis.0.to: read "2 V"; expected a quan'),
        (f'{{ axis = [{{ {AXIS}from = "1 umm", to = "2 um", points = 3 }}] }}', "axis.0.from: read"),
        (f'{{ axis = [{{ {AXIS}from = "1 um", to = 3, points = 3 }}] }}', "axis.0.to: read 3; expected a value of the"),
        (f'{{ axis = [{{ {AXIS}from = "1 um", to = "1 um", points = 3 }}] }}', "expected another value than from"),
        (
            f'{{ axis = [{{ {AXIS}from = "0 um", to = "1 um", points = 3, scale = "log" }}] }}',
            'with scale = "log"; exp',
        ),
        (f'{{ axis = [{{ {AXIS}values = ["1 um"], points = 3 }}] }}', "axis.0.points: read points beside values"),
        (
            '{ axis = [{ key = "layer.cathode.thickness", values = ["1 um"] }] }',
            'axis.0.key: read "cathode" in the key',
        ),
        ('{ axis = [{ key = "title", values = ["a"] }] }', 'sweep.axis.0.key: read "title"; expected a dotted key'),
        (f'{{ axis = [{{ {AXIS}values = ["1 um"] }}, {{ {AXIS}values = ["2 um"] }}] }}', "axis.1.key: read"),
        (f'{{ axis = [{{ {AXIS}values = ["1 um"] }}], points = 8 }}', 'sweep.points: read 8 with kind = "grid"'),
        (f'{{ kind = "sobol", axis = [{{ {AXIS}from = "1 um", to = "2 um" }}] }}', "sweep.points: read nothing"),
        (f'{{ kind = "sobol", points = 12, axis = [{{ {AXIS}from = "1 um", to = "2 um" }}] }}', "a power of two"),
        (f'{{ kind = "sobol", points = 8, axis = [{{ {AXIS}values = ["1 um"] }}] }}', "expected from and to, between"),
        (f'{{ kind = "list", axis = [{{ {AXIS}values = ["1 um"] }}] }}', "sweep.point: read nothing"),
        (
            '{ kind = "list", point = [{ temperature = "3 K" }, { area = "1 m^2" }] }',
            "point.1: read the keys area; exp",
        ),
        ('{ kind = "list", point = [{ }] }', "sweep.point.0: read an empty table; expected a dotted key"),
        (
            f'{{ kind = "zipped", axis = [{{ {AXIS}values = ["1 um"] }}, {{ key = "grid.cells", values = [5, 6] }}] }}',
            "sweep.axis: read 1, 2 values; expected as many for each axis",
        ),
        (
            f'{{ axis = [{{ {AXIS}from = "1 um", to = "2 um", points = 1000 }}, '
            '{ key = "temperature", from = "300 K", to = "301 K", points = 1000 }] }',
            "sweep.axis: read 1000000 points in all; expected at most 100000",
        ),
    ],
)
def test_a_mistake_is_one_clear_line(sweep, told):
    with pytest.raises(InputError) as error:
        load_case(PORE, [f"sweep={sweep}"])
    lines = str(error.value).splitlines()
    assert any(told in line for line in lines), lines
    assert all(line.startswith(f"{PORE / 'case.toml'}: sweep") and "; expected " in line for line in lines)


@pytest.mark.parametrize(
    ("overrides", "told"),
    [
        ([], "sweep: read nothing (the key is missing); expected a [sweep] table"),
        (['sweep.axis=[{ key = "layer.electrode.thicknes", values = ["1 um"] }]'], "did you mean thickness?"),
        ([f'sweep.axis=[{{ {AXIS}values = ["3 V", "4 V"] }}]'], 'thickness: read "3 V"'),
        (['sweep.axis=[{ key = "layer.electrode.ion.volume_fraction", values = [0.4, 0.40000] }]'], "a second time"),
        (['sweep.axis=[{ key = "layer.electrode.ion.tortuosity_factor", values = [2, 2.0] }]'], "points 0 and 1 that"),
    ],
)
def test_a_sweep_without_points_is_refused(overrides, told):
    with pytest.raises(InputError, match=r"^.*case\.toml: ") as error:
        points_of(load_case(PORE, overrides))
    assert told in str(error.value) and "\n" not in str(error.value)


# cases of their own


def test_expanded_cases_are_the_points(case, tmp_path):
    folders = expand(case, tmp_path / "cases")
    points = points_of(case)
    assert [load_case(folder).input_hash for folder in folders] == [point.hash for point in points]
    script = tmp_path / "cases" / "array.slurm"
    text = script.read_text(encoding="utf-8")
    assert text.startswith("#!/bin/bash\n") and "\n#SBATCH --array=0-7\n" in text
    with pytest.raises(InputError, match="not empty"):
        expand(case, tmp_path / "cases")
    if shutil.which("bash") is None:
        return
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "miecsim").write_text('#!/bin/sh\necho "$@" "$OPENBLAS_NUM_THREADS"\n')
    (programs / "miecsim").chmod(0o755)
    own = {"PATH": f"{programs}:{os.environ['PATH']}", "SLURM_ARRAY_TASK_ID": "5"}
    said = subprocess.run(["bash", script.name], cwd=script.parent, env=own, capture_output=True, text=True, check=True)
    assert said.stdout == f"run {folders[5].name} 1\n"


@pytest.mark.parametrize("path", sorted(CASES.glob("*/case.toml")), ids=lambda path: path.parent.name)
def test_every_case_survives_being_written(path):
    raw = tomllib.loads(path.read_text(encoding="utf-8"))
    assert tomllib.loads(toml_of(raw)) == raw


def test_odd_texts_survive_being_written():
    raw = {
        "a": 'quote " back \\ tab \t line \n del \x7f \u00b5 \U0001f600',
        "b.c": {"d": [{"e": [1e300, -0.5, True]}, {}]},
    }
    assert tomllib.loads(toml_of(raw)) == raw
