"""A netlist as SPICE, for ngspice or any program that takes its language; and ngspice run on it.

Terminal 2 is ground, and a source drives 1 A of alternating current into terminal 1, whose voltage then is Z. Only
linear elements of the SPICE of 1975 are used: R, C, voltage-controlled current sources G, and one current source. A
constant phase element is written as its rational ladder (`ladder`), with the error of that stated in the header. A
mutual conductance (Onsager) is two sources, a one-sided source one that returns to ground, which imposes nothing there.

Two things about ngspice: nodes that only capacitors reach have no direct current operating point, and with `noopac` a
linear circuit needs none, so that no resistor to ground has to be added; and it adds up the conductances at a node
before it solves, so that it loses what a weak element says next to a strong one (`nodal` does not).
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from miecsim.circuit.netlist import NOWHERE, Elements, Kind, Netlist
from miecsim.errors import InputError, SolveError
from miecsim.physics.elements import Lumped
from miecsim.physics.ladder import Ladder, cpe_ladder
from miecsim.typing import Array, Complex

PROGRAM = "ngspice"
# no operating point; pivots judged by their column (a small one in a small circuit is no error) and, as an almost
# symmetric matrix asks for, kept on the diagonal unless another is 10^6 times larger
OPTIONS = ".options noopac pivtol=1e-100 pivrel=1e-6"
OUTPUT = "impedance.txt"  # what the control block writes: frequency, Re Z, Im Z
WHAT: dict[Kind, str] = {
    "R": "resistors",
    "C": "capacitors",
    "CPE": "constant phase elements, each a ladder of R and C",
    "Z": "resistors in series with R, C or constant phase elements in parallel",
    "G": "controlled sources: current from the first node to the second, per volt between the third and the fourth",
}


def spice_text(
    netlist: Netlist,
    frequency: tuple[float, float],
    points_per_decade: int = 10,
    *,
    terminals: tuple[str, str] | None = None,
    tolerance: float = 1e-9,
    control: bool = False,
) -> str:
    """The SPICE deck of `netlist`, an AC analysis between the two `frequency` [Hz] included; ASCII, '\\n' at line ends.

    terminals: current enters at the first and leaves at the second (default: the first two); others stay open.
    tolerance: relative error of the ladders between the two frequencies. control: a block for ngspice that runs the
    analysis and writes frequency, Re Z and Im Z to impedance.txt, to 16 digits. The same netlist gives the same text.
    Raises InputError for an unknown terminal, a frequency range or tolerance out of bounds, for a user's admittance
    law, which has no SPICE form, and where a part of the circuit hangs on nothing.
    """
    if points_per_decade < 1:
        raise InputError(f"points per decade: read {points_per_decade!r}; expected 1 or more")
    if not 0 < frequency[0] < frequency[1] < np.inf:
        raise InputError(f"frequency: read {frequency[0]!r} to {frequency[1]!r} Hz; expected 0 < f_min < f_max")
    first, ground = _terminals(netlist, terminals)
    _refuse_islands(netlist, first, ground)
    ladders = ladders_of(netlist, frequency, tolerance)
    names = node_names(netlist, ground)
    lines = [*_header(netlist, first, ground, names, ladders), ""]
    for number, group in enumerate(netlist.elements, 1):
        lines += [_about(netlist, number, group), *_group(netlist, number, group, names, ladders), ""]
    low, high = (_number(f) for f in frequency)
    drive = [f"I_ac 0 {names[first]} dc 0 ac 1", OPTIONS, f".ac dec {points_per_decade} {low} {high}"]
    block = [".control", "set numdgt=15", "run", f"wrdata {OUTPUT} v({names[first]})", "quit", ".endc"]
    return "\n".join([*lines, *drive, *(block if control else []), ".end", ""])


def ladders_of(netlist: Netlist, frequency: tuple[float, float], tolerance: float = 1e-9) -> dict[float, Ladder]:
    """The ladder of each exponent alpha that a constant phase element of `netlist` has; InputError as `spice_text`."""
    exponents = {group.alpha for group in netlist.elements if group.kind == "CPE"}
    for group in netlist.elements:
        law = group.law
        if group.kind == "Z" and not isinstance(law, Lumped):
            raise InputError(
                f"SPICE: {group.process} of rail {group.rail} is a user's admittance law, which has no R, C form; "
                "replace it by R, C and constant phase elements"
            )
        if isinstance(law, Lumped) and law.Q is not None:
            exponents.add(law.alpha)
    return {alpha: cpe_ladder(alpha, *frequency, tolerance) for alpha in sorted(exponents)}


def _terminals(netlist: Netlist, terminals: tuple[str, str] | None) -> tuple[int, int]:
    names = netlist.terminals[:2] if terminals is None else terminals
    first, ground = (netlist.terminal(name) for name in names)
    if first == ground:
        raise InputError(f"terminals: read {names[0]!r} twice; expected two different ones")
    return first, ground


def _refuse_islands(netlist: Netlist, first: int, ground: int) -> None:
    """InputError where no element joins a node to the ground: ngspice would answer with a number all the same."""
    # sources fix nothing: a two-sided one has an R or C beside it, a one-sided one follows the nodes that control it
    groups = [group for group in netlist.elements if group.kind != "G"]
    edges = [np.concatenate([*(getattr(g, end) for g in groups), [first]]) for end in ("plus", "minus")]
    graph = sp.coo_matrix((np.ones(edges[0].size), tuple(edges)), shape=(netlist.n_nodes, netlist.n_nodes))
    _, part = connected_components(graph, directed=False)
    nodes = np.concatenate(edges)
    loose = nodes[part[nodes] != part[ground]]
    if loose.size:
        raise InputError(
            f"SPICE: no element joins {netlist.name(int(loose[0]))} to the terminal {netlist.terminals[ground]}, so "
            "nothing fixes its potential"
        )


# --- words and numbers ----------------------------------------------------------------------------


def node_names(netlist: Netlist, ground: int) -> list[str]:
    """SPICE name of every node: t_A for terminal A, 0 for the ground, ion_17 for rail ion at place 17.

    SPICE does not tell capitals from small letters and knows few signs: other ones become _, and a number is added
    where two names would become one.
    """
    rails = _distinct(netlist.rails, taken=("t", "tie"))
    names = [f"t_{name}" for name in _distinct(netlist.terminals)]
    for rail, place in zip(netlist.node_rail[len(names) :], netlist.node_place[len(names) :], strict=True):
        names.append(f"{'tie' if rail < 0 else rails[rail]}_{place}")
    names[ground] = "0"
    return names


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_") or "x"


def _distinct(texts: Sequence[str], taken: Sequence[str] = ()) -> list[str]:
    """A slug for each text, no two alike."""
    out: list[str] = []
    for text in texts:
        slug, n = _slug(text), 2
        while slug in out or slug in taken:
            slug, n = f"{_slug(text)}_{n}", n + 1
        out.append(slug)
    return out


def _plain(text: str) -> str:
    """A user's name as it can stand in a comment."""
    return text.encode("ascii", "replace").decode() if text.isprintable() else ascii(text)


def _number(value: float) -> str:
    """As many digits as it takes to read the same double again."""
    return repr(float(value))


# --- comments -------------------------------------------------------------------------------------


def _header(
    netlist: Netlist, first: int, ground: int, names: Sequence[str], ladders: dict[float, Ladder]
) -> Iterator[str]:
    plus, minus = (_plain(netlist.terminals[t]) for t in (first, ground))
    yield f"* miecsim: linearised circuit between the terminals {plus} and {minus}"
    yield f"* v({names[first]}) is Z [{netlist.unit}]: 1 A flows into {plus} and out of {minus}, which is node 0"
    if netlist.unit != "ohm":
        yield "* R in ohm m^2, C in F/m^2, G in S/m^2: all values are those of 1 m^2"
    count = {kind: netlist.count(kind) for kind in WHAT}
    mutual = sum(group.n for group in netlist.elements if group.mutual)
    parts = [f"{n} {kind}" for kind, n in count.items() if n] + ([f"{mutual} mutual G"] if mutual else [])
    yield f"* {netlist.n_nodes} nodes; {', '.join(parts)}"
    for ladder in ladders.values():
        yield (
            f"* constant phase elements of alpha = {ladder.alpha:g}: {ladder.n} branches, largest relative error "
            f"{ladder.error:.2e} between {ladder.f_min:g} and {ladder.f_max:g} Hz"
        )
    yield "* a node ion_17 is the potential of rail ion at place 17; places, by x [m]:"
    inner = netlist.node_rail >= 0
    place, index = np.unique(netlist.node_place[inner], return_index=True)
    x = netlist.node_x[inner][index]
    for k in range(0, place.size, 6):
        yield "* " + "  ".join(f"{p}: {at:.6g}" for p, at in zip(place[k : k + 6], x[k : k + 6], strict=True))


def _about(netlist: Netlist, number: int, group: Elements) -> str:
    place = group.place
    layers = [_plain(netlist.regions[i]) for i in np.unique(np.concatenate([place.left, place.right]))]
    what = "halves of mutual conductances" if group.mutual else WHAT[group.kind]
    span = f"{place.x_left.min():.6g} to {place.x_right.max():.6g} m"
    who = f"{_plain(group.process)}, rail {_plain(group.rail)}"
    return f"* group {number}: {who}, {group.n} {what}; {', '.join(layers)}; x {span}"


# --- elements -------------------------------------------------------------------------------------


def _group(
    netlist: Netlist, number: int, group: Elements, names: Sequence[str], ladders: dict[float, Ladder]
) -> Iterator[str]:
    process, n_terminals = _slug(group.process), len(netlist.terminals)
    for i, value in enumerate(group.value):
        plus, minus = int(group.plus[i]), int(group.minus[i])
        inner = plus if plus >= n_terminals or minus == NOWHERE else minus
        label = f"{process}_{_slug(netlist.name(inner))}_{number}_{i}"
        a, b = names[plus], "0" if minus == NOWHERE else names[minus]
        if group.kind == "G":
            control = names[group.control_plus[i]], names[group.control_minus[i]]
            yield f"G_{label} {a} {b} {' '.join(control)} {_number(value)}"
        elif group.kind == "R":
            yield f"R_{label} {a} {b} {_number(1 / value)}"
        elif group.kind == "C":
            yield f"C_{label} {a} {b} {_number(value)}"
        elif group.kind == "CPE":
            yield from _cpe(label, a, b, value, ladders[group.alpha])
        else:
            assert isinstance(group.law, Lumped)  # ladders_of has refused anything else
            yield from _lumped(label, a, b, value, group.law, ladders)


def _lumped(label: str, a: str, b: str, area: float, law: Lumped, ladders: dict[float, Ladder]) -> Iterator[str]:
    if law.Rs > 0:
        yield f"R_{label}__series {a} n__{label} {_number(law.Rs / area)}"
        a = f"n__{label}"
    if law.R is not None:
        yield f"R_{label} {a} {b} {_number(law.R / area)}"
    if law.C is not None:
        yield f"C_{label} {a} {b} {_number(law.C * area)}"
    if law.Q is not None:
        yield from _cpe(label, a, b, law.Q * area, ladders[law.alpha])


def _cpe(label: str, a: str, b: str, Q: float, ladder: Ladder) -> Iterator[str]:
    for k, (r, c) in enumerate(zip(ladder.resistance, ladder.capacitance, strict=True)):
        middle = f"n__{label}__{k}" if r > 0 else a
        if r > 0:
            yield f"R_{label}__{k} {a} {middle} {_number(r / Q)}"
        yield f"C_{label}__{k} {middle} {b} {_number(c * Q)}"


# --- ngspice --------------------------------------------------------------------------------------


def run_ngspice(text: str, time_limit: float = 300.0) -> tuple[Array, Complex]:
    """Frequencies [Hz] and Z of a deck written with `control=True`, both (n_f,), as ngspice computes them.

    Runs in a temporary directory, without the user's start-up files. Raises InputError where the deck has no control
    block or the program is not installed, SolveError where it fails or takes longer than `time_limit` [s].
    """
    if f"wrdata {OUTPUT}" not in text:
        raise InputError(f"SPICE deck: read none that writes {OUTPUT}; expected one made with control=True")
    program = shutil.which(PROGRAM)
    if program is None:
        raise InputError(f"{PROGRAM}: read nothing (no such program on the PATH); expected ngspice to be installed")
    with tempfile.TemporaryDirectory() as folder:
        deck, output = Path(folder) / "circuit.cir", Path(folder) / OUTPUT
        deck.write_text(text, encoding="ascii", newline="\n")
        command = [program, "--no-spiceinit", "--batch", deck.name]
        try:
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=time_limit, check=False
            )
        except subprocess.TimeoutExpired:
            raise SolveError(f"{PROGRAM}: no result within {time_limit:g} s") from None
        if done.returncode != 0 or not output.exists():
            raise SolveError(f"{PROGRAM}: {_complaint(done.stderr, done.stdout)} (exit code {done.returncode})")
        table = np.loadtxt(output, ndmin=2)
    if table.shape[0] == 0 or table.shape[1] != 3 or not np.all(np.isfinite(table)):
        raise SolveError(f"{PROGRAM}: its table of results is empty or holds what is no number")
    return table[:, 0].copy(), np.asarray(table[:, 1] + 1j * table[:, 2])


def _complaint(*outputs: str) -> str:
    """The first line of the program's output that tells of an error."""
    lines = [line.strip() for output in outputs for line in output.splitlines() if line.strip()]
    told = [line for line in lines if re.search(r"error|warning|singular|abort|fail", line, re.IGNORECASE)]
    return (told or lines or ["no output"])[0]
