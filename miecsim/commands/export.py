"""`miecsim export`: the circuit that a study of a case is, written as SPICE and as JSON."""

from __future__ import annotations

import math
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from miecsim.case import Case, Study, load_case
from miecsim.case.messages import nearest, one_of
from miecsim.circuit.exchange import netlist_json
from miecsim.circuit.extract import netlist_of
from miecsim.circuit.netlist import KINDS, Kind, Netlist
from miecsim.circuit.spice import ladders_of, spice_text
from miecsim.errors import InputError, SolveError
from miecsim.results.atomic import atomic
from miecsim.run.build import shared_widths, system_of
from miecsim.run.run import operating_point

HEADINGS: dict[Kind, str] = {"R": "R", "C": "C", "CPE": "CPE", "Z": "with Rs", "G": "controlled sources"}


def export_command(
    directory: Path,
    study: str | None,
    overrides: list[str],
    spice: Path | None,
    json: Path | None,
    tolerance: float,
    control: bool,
) -> None:
    """Write the netlist of one study at its operating point; nothing is written unless everything can be."""
    if spice is None and json is None:
        raise InputError("export: read neither --spice FILE nor --json FILE; expected one of them, or both")
    for path in (spice, json):
        if path is not None and path.is_dir():
            raise InputError(f"{path}: read a directory; expected the name of a file to write")
    case = load_case(directory, overrides)
    chosen = _study(case, study)
    netlist = _netlist(case, chosen)
    low, high = span = min(chosen.frequency), max(chosen.frequency)
    texts: dict[Path, str] = {}
    try:
        if json is not None:
            texts[json] = netlist_json(netlist)
        if spice is not None:
            decades = math.log10(high / low)
            density = max(1, round((len(chosen.frequency) - 1) / decades)) if decades > 0 else 1
            texts[spice] = spice_text(netlist, span, density, tolerance=tolerance, control=control)
    except InputError as error:
        raise InputError(f"{case.file}: study {chosen.name}: {error}") from None
    console = Console()
    console.print(_table(netlist, chosen.name))
    if spice is not None:
        for ladder in ladders_of(netlist, span, tolerance).values():
            console.print(
                f"Each constant phase element of alpha = {ladder.alpha:g} is a ladder of {ladder.n} R-C branches: "
                f"largest relative error {ladder.error:.1e} from {low:g} to {high:g} Hz."
            )
    for path, text in texts.items():
        _write(path, text)
        console.print(Text(f"{path}: {text.count(chr(10))} lines"))


def _study(case: Case, name: str | None) -> Study:
    """The study of this name, or the only one."""
    names = [study.name for study in case.studies]
    if not names:
        raise InputError(f"{case.file}: a case of experiments only; export needs a study, whose circuit it writes")
    if name is None and len(names) == 1:
        return case.studies[0]
    if name not in names:
        near = nearest(name, names) if name is not None else None
        read = "nothing" if name is None else repr(name)
        hint = f"; did you mean {near}?" if near else ""
        raise InputError(f"{case.file}: --study: read {read}; expected {one_of(names)}{hint}")
    return case.study(name)


def _netlist(case: Case, study: Study) -> Netlist:
    """The circuit on the grid on which `miecsim run` solves the study."""
    variants = [case.for_study(other.name) for other in case.studies]
    widths = shared_widths(variants) if case.grid.cells is None else None
    own = case.for_study(study.name)
    try:
        return netlist_of(operating_point(system_of(own, own.studies[0], widths), study.bias))
    except SolveError as error:
        raise SolveError(f"{case.file}: study {study.name}: {error}") from None
    except InputError as error:
        raise InputError(f"{case.file}: {error}") from None


def _table(netlist: Netlist, study: str) -> Table:
    """How many elements of each kind each process has."""
    table = Table(
        title=f"Study {study}: a circuit of {netlist.n_nodes} nodes; Z in {netlist.unit}",
        title_justify="left",
        box=SIMPLE_HEAD,
        pad_edge=False,
    )
    rows = [(process, [g for g in netlist.elements if g.process == process]) for process in netlist.processes()]
    kinds = [kind for kind in KINDS if kind != "Z" or netlist.count("Z")]
    table.add_column("process", no_wrap=True)
    for kind in kinds:
        table.add_column(HEADINGS[kind], justify="right")
    for process, groups in [*rows, ("all", list(netlist.elements))]:
        counts = [sum(g.n for g in groups if g.kind == kind) for kind in kinds]
        table.add_row(process, *(str(n) if n or process == "all" else "" for n in counts))
    return table


def _write(path: Path, text: str) -> None:
    try:
        with atomic(path) as temporary:
            temporary.write_text(text, encoding="utf-8", newline="\n")
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror})") from None
