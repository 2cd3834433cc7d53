"""The command line answers at once: help and `import miecsim` load none of the heavy packages.

How long they take is measured in tests/benchmarks/test_start_speed.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HEAVY = ("numpy", "scipy", "fipy", "matplotlib.pyplot", "matplotlib", "numba", "h5py", "pint")

WRAPPER = """
import json, runpy, sys
sys.argv, code = {argv!r}, 0
try:
    {action}
except SystemExit as stop:
    code = stop.code
print()
print(json.dumps([code, sorted(set({heavy!r}) & set(sys.modules))]))
"""


def run(action: str, argv: list[str]) -> tuple[object, list[str], str]:
    """Exit code, heavy packages that were loaded, and the text printed, by `action` in a fresh interpreter."""
    code = WRAPPER.format(argv=argv, action=action, heavy=HEAVY)
    env = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, timeout=120)
    assert done.returncode == 0, done.stderr
    text, _, last = done.stdout.rstrip().rpartition("\n")
    exit_code, loaded = json.loads(last)
    return exit_code, loaded, text


def test_help_loads_nothing_heavy():
    code, loaded, text = run("runpy.run_module('miecsim', run_name='__main__', alter_sys=True)", ["miecsim", "--help"])
    assert code in (0, None) and "run" in text and "check" in text
    assert loaded == []


def test_the_package_loads_nothing_heavy():
    assert run("import miecsim", ["python"]) == (0, [], "")


@pytest.mark.parametrize("package", ["numpy", "fipy"])
def test_the_wrapper_sees_what_is_loaded(package):
    assert package in run(f"import {package}", ["python"])[1]
