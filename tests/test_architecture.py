"""The rooms of the house, and who may call whom. Read by parsing, so that an import inside a function counts too.

Each rule is a sentence in RULES; a failure names the file, the line and the rule that was broken.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parent.parent

# A module imports only from its own room and from the rooms before it.
ROOMS = (
    *("typing", "errors", "constants", "units", "grid", "blocks", "physics", "system", "linearise", "solvers"),
    *(
        "circuit",
        "microstructure",
        "techniques",
        "inverse",
        "verify",
        "results",
        "case",
        "run",
        "fitting",
        "sweep",
        "plot",
    ),
    *("report", "commands", "cli", "__main__"),
)
CLOSED_FORMS = (
    *("tlm", "pnp", "elements", "diffusion", "mixed", "particles", "cathodes", "profiles", "steps"),
    *("compose", "two_poles", "cdc", "electrolyte", "media"),
)
CLOSED_FORMS_USE = ("typing", "errors", "constants", *(f"circuit.{name}" for name in CLOSED_FORMS))
HEAVY = ("numpy", "scipy", "fipy", "matplotlib", "numba", "h5py", "pint", "pydantic")
LIGHT_ROOMS = ("errors",)
LONGEST = 450

RULES = {
    "order": f"imports run down the rooms only, in the order {', '.join(ROOMS)}",
    "room": "every module belongs to a room listed in tests/test_architecture.py",
    "package": "inside the program, import from the room that has it, not through the lazy top-level package",
    "closed": "closed forms and circuit elements in circuit/ import nothing of the program but typing, errors, "
    "constants and each other",
    "fipy": "only miecsim/grid imports FiPy",
    "numba": "Numba is imported only in files whose name ends with _compiled.py",
    "pyplot": "cli imports no pyplot at module level",
    "lazy": "miecsim/__init__.py is lazy (PEP 562): it has a __getattr__ and imports at module level none of "
    f"{', '.join(HEAVY)} and no room but {', '.join(LIGHT_ROOMS)}",
    "postprocessing": "postprocessing reads result files: it imports no miecsim module, and of its own files only "
    "_reading",
    "length": f"a file has at most {LONGEST} lines",
}


class Broken(NamedTuple):
    file: str
    line: int
    rule: str
    detail: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.detail}. Rule: {RULES[self.rule]}."


class Import(NamedTuple):
    line: int
    module: str  # absolute dotted name; `from a import b` gives a.b
    eager: bool  # runs when the module is imported


def imports(tree: ast.Module, package: str) -> Iterator[Import]:
    """Every import in a module of `package`, including those made through importlib with a literal name."""

    def visit(node: ast.AST, eager: bool) -> Iterator[Import]:
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name, eager) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) + 1 - node.level] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from (Import(node.lineno, f"{base}.{alias.name}", eager) for alias in node.names)
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = ast.unparse(node.func).rpartition(".")[2]
            if called in ("import_module", "__import__") and isinstance(node.args[0].value, str):
                yield Import(node.lineno, node.args[0].value, eager)
        later = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        later |= isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for child in ast.iter_child_nodes(node):
            yield from visit(child, eager and not later)

    yield from visit(tree, True)


def check(file: str, source: str, siblings: tuple[str, ...] = ()) -> list[Broken]:
    """What `source` breaks, as if it stood at `file` (relative to the repository); `siblings` are files beside it."""
    found = []
    lines = len(source.splitlines())
    if lines > LONGEST:
        found.append(Broken(file, lines, "length", f"{lines} lines"))
    parts = Path(file).with_suffix("").parts
    tree = ast.parse(source, file)
    package = ".".join(parts[:-1])
    every = list(imports(tree, package))
    if parts[0] == "miecsim":
        found += _program(file, parts, every, tree)
    elif parts[0] == "postprocessing":
        for i in every:
            top = i.module.split(".")[0]
            own = i.module.split(".")[1 if top == "postprocessing" else 0]
            if top == "miecsim" or (own in siblings and own != "_reading"):
                found.append(Broken(file, i.line, "postprocessing", f"imports {i.module}"))
    return found


def _program(file: str, parts: tuple[str, ...], every: list[Import], tree: ast.Module) -> Iterator[Broken]:
    name = parts[1:-1] if parts[-1] == "__init__" else parts[1:]
    if not name:
        yield from _top_level(file, every, tree)
        return
    room = name[0]
    if room not in ROOMS:
        yield Broken(file, 1, "room", f'"{room}" is no known room')
    for i in every:
        top, _, rest = i.module.partition(".")
        if top == "fipy" and room != "grid":
            yield Broken(file, i.line, "fipy", f"imports {i.module}")
        if top == "numba" and not file.endswith("_compiled.py"):
            yield Broken(file, i.line, "numba", f"imports {i.module}")
        if room == "cli" and i.eager and i.module.startswith("matplotlib") and "pyplot" in i.module:
            yield Broken(file, i.line, "pyplot", f"imports {i.module}")
        if top == "miecsim":
            yield from _inside(file, i, room, name, rest)


def _inside(file: str, i: Import, room: str, name: tuple[str, ...], rest: str) -> Iterator[Broken]:
    """An import of one part of the program by another; `rest` is the name below miecsim."""
    target = rest.split(".")[0]
    if target.startswith("__version") or (target == "__main__" and room == "__main__"):
        return
    if target not in ROOMS:
        yield Broken(file, i.line, "room" if "." in rest else "package", f"imports {i.module}")
    elif room in ROOMS and ROOMS.index(target) > ROOMS.index(room):
        yield Broken(file, i.line, "order", f'"{room}" imports {i.module}')
    closed = room == "circuit" and len(name) > 1 and name[1].removesuffix("_compiled") in CLOSED_FORMS
    if closed and not any(rest == allowed or rest.startswith(f"{allowed}.") for allowed in CLOSED_FORMS_USE):
        yield Broken(file, i.line, "closed", f"imports {i.module}")


def _top_level(file: str, every: list[Import], tree: ast.Module) -> Iterator[Broken]:
    for i in every:
        top, _, rest = i.module.partition(".")
        if i.eager and (top in HEAVY or (top == "miecsim" and rest.split(".")[0] not in LIGHT_ROOMS)):
            yield Broken(file, i.line, "lazy", f"imports {i.module} at module level")
    if not any(isinstance(node, ast.FunctionDef) and node.name == "__getattr__" for node in tree.body):
        yield Broken(file, 1, "lazy", "has no __getattr__")


def _files(folder: str) -> list[Path]:
    return sorted(p for p in (ROOT / folder).rglob("*.py") if "__pycache__" not in p.parts)


@pytest.mark.parametrize("folder", ["miecsim", "postprocessing", "tests", "cases"])
def test_the_rooms_are_in_order(folder):
    broken = []
    for path in _files(folder):
        siblings = tuple(p.stem for p in path.parent.glob("*.py"))
        broken += check(path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8"), siblings)
    assert not broken, "\n" + "\n".join(map(str, broken))


def test_there_is_a_program_to_check():
    assert {"errors", "typing", "grid"} <= {
        p.relative_to(ROOT / "miecsim").parts[0].removesuffix(".py") for p in _files("miecsim")
    }


@pytest.mark.parametrize(
    ("file", "source", "rule", "line"),
    [
        ("miecsim/grid/spacing.py", "import math\nfrom miecsim.solvers import steady\n", "order", 2),
        ("miecsim/grid/spacing.py", "from ..solvers.steady import solve\n", "order", 1),
        ("miecsim/grid/spacing.py", "from .. import solvers\n", "order", 1),
        ("miecsim/grid/spacing.py", "def f():\n    from miecsim import system\n", "order", 2),
        ("miecsim/grid/spacing.py", "import importlib\nimportlib.import_module('miecsim.cli')\n", "order", 2),
        ("miecsim/grid/__init__.py", "from ..physics import laws\n", "order", 1),
        (
            "miecsim/results/write.py",
            "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import miecsim.plot\n",
            "order",
            3,
        ),
        ("miecsim/attic/old.py", "import math\n", "room", 1),
        ("miecsim/cli.py", "def f():\n    from miecsim.attic.old import g\n", "room", 2),
        ("miecsim/plot/draw.py", "from miecsim import Grid\n", "package", 1),
        ("miecsim/circuit/tlm.py", "from miecsim.system import System\n", "closed", 1),
        ("miecsim/circuit/pnp.py", "import miecsim.circuit.netlist\n", "closed", 1),
        ("miecsim/circuit/elements.py", "from . import netlist\n", "closed", 1),
        ("miecsim/physics/models.py", "def f():\n    from fipy.meshes import Grid1D\n", "fipy", 2),
        ("miecsim/solvers/chain.py", "import numba as nb\n", "numba", 1),
        ("miecsim/cli.py", "import matplotlib.pyplot as plt\n", "pyplot", 1),
        ("miecsim/cli/run.py", "from matplotlib import pyplot\n", "pyplot", 1),
        ("miecsim/__init__.py", "import numpy\ndef __getattr__(name): ...\n", "lazy", 1),
        ("miecsim/__init__.py", "from miecsim.grid import Grid\ndef __getattr__(name): ...\n", "lazy", 1),
        ("miecsim/__init__.py", "from .grid import Grid\ndef __getattr__(name): ...\n", "lazy", 1),
        ("miecsim/__init__.py", "__version__ = '1'\n", "lazy", 1),
        ("postprocessing/nyquist.py", "import h5py\nfrom miecsim.results import read\n", "postprocessing", 2),
        ("postprocessing/nyquist.py", "from bode import draw\n", "postprocessing", 1),
        ("postprocessing/nyquist.py", "from .bode import draw\n", "postprocessing", 1),
        ("miecsim/errors.py", "x = 1\n" * (LONGEST + 1), "length", LONGEST + 1),
    ],
)
def test_the_checker_catches(file, source, rule, line):
    (broken,) = check(file, source, siblings=("_reading", "bode", "nyquist"))
    assert (broken.rule, broken.line) == (rule, line)
    assert str(broken).startswith(f"{file}:{line}: ") and RULES[rule] in str(broken)


@pytest.mark.parametrize(
    ("file", "source"),
    [
        ("miecsim/grid/meshes.py", "def f():\n    import fipy\nfrom . import Grid\nfrom ..errors import InputError\n"),
        (
            "miecsim/circuit/tlm.py",
            "import scipy\nfrom miecsim.circuit.elements import Z\nfrom miecsim.typing import Array\n",
        ),
        ("miecsim/solvers/chain_compiled.py", "import numba\n"),
        ("miecsim/cli.py", "def draw():\n    import matplotlib.pyplot\n"),
        ("miecsim/__main__.py", "from miecsim.cli import main\n"),
        ("miecsim/results/write.py", "from miecsim import __version__\n"),
        ("miecsim/__init__.py", "from miecsim.errors import InputError\ndef __getattr__(name):\n    import numpy\n"),
        ("postprocessing/nyquist.py", "import h5py\nfrom _reading import spectra\n"),
        ("miecsim/errors.py", "x = 1\n" * LONGEST),
    ],
)
def test_the_checker_lets_pass(file, source):
    assert check(file, source, siblings=("_reading", "bode", "nyquist")) == []


def test_no_public_name_is_that_of_a_room() -> None:
    """`import miecsim.x` anywhere would put the module in the place of the lazy name `miecsim.x`."""
    import miecsim

    package = ROOT / "miecsim"
    rooms = {path.stem for path in package.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert not rooms & set(miecsim.__all__)
