"""`miecsim list` and `miecsim new`: the cases that come with the program, and copies of them."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

from rich.console import Console
from rich.table import Table

from miecsim.case.messages import nearest
from miecsim.errors import InputError


def shipped_folder() -> Path:
    """The folder of cases: ./cases, that of the source tree, or the copy in an installed package; InputError if
    none."""
    package = Path(__file__).resolve().parents[1]
    for folder in (Path.cwd() / "cases", package.parent / "cases", package / "shipped_cases"):
        if any(folder.glob("*/case.toml")):
            return folder
    raise InputError("no cases found; name a folder that holds case directories")


def list_command(where: Path | None) -> None:
    """Print name and title of every case in a folder."""
    folder = where or shipped_folder()
    found = sorted(folder.glob("*/case.toml"))
    if not found:
        raise InputError(f"{folder}: no case directory in it (a case directory holds a case.toml)")
    table = Table(title=f"Cases in {folder}", title_justify="left")
    table.add_column("case", no_wrap=True)
    table.add_column("title")
    for path in found:
        table.add_row(path.parent.name, _title(path))
    Console().print(table)


def _title(path: Path) -> str:
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError):
        return "(cannot be read; `miecsim check` says why)"
    return str(raw.get("title", ""))


def new_command(name: str, source: str) -> None:
    """Copy the case.toml of `source` to the new directory `name` (its README tells of the old values, and stays)."""
    target = Path(name)
    if target.exists():
        raise InputError(f"{target}: exists already; choose another name")
    origin = _find(source)
    target.mkdir(parents=True)
    for file in (origin / "case.toml", *origin.glob("*.csv")):  # with the tables that it names
        shutil.copyfile(file, target / file.name)
    Console().print(f"{target / 'case.toml'} is a copy of {origin / 'case.toml'}; edit it, then: miecsim run {target}")


def new_from_bpx_command(name: str, file: Path) -> None:
    """Write the cell of a BPX file as a case to the new directory `name`."""
    from miecsim.case import load_case
    from miecsim.case.bpx import read_bpx

    target = Path(name)
    if target.exists():
        raise InputError(f"{target}: exists already; choose another name")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "no text in UTF-8"
        raise InputError(f"{file}: read nothing ({reason}); expected a BPX file") from None
    found = read_bpx(text, str(file))
    target.mkdir(parents=True)
    for label, content in {"case.toml": found.text, **found.tables}.items():
        (target / label).write_text(content, encoding="utf-8")
    try:
        load_case(target)
    except InputError as error:  # a value that no case may have
        shutil.rmtree(target)
        raise InputError(str(error).replace(str(target / "case.toml"), str(file))) from None
    Console().print(f"{target / 'case.toml'} holds the cell of {file}; next: miecsim run {target}")


def _find(source: str) -> Path:
    """A case directory by path, by its name among the shipped ones, or by its number."""
    if (Path(source) / "case.toml").exists():
        return Path(source)
    folder = shipped_folder()
    names = [path.parent.name for path in sorted(folder.glob("*/case.toml"))]
    for known in names:
        if known == source or known.split("_")[0] == source:
            return folder / known
    near = nearest(source, tuple(names))
    hint = f"; did you mean {near}?" if near else ""
    raise InputError(f"--from: read {source!r}; expected a case directory or one of {', '.join(names)}{hint}")
