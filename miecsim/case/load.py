"""From a case directory or file to a Case: TOML, overrides, validation, and the variant of each study."""

from __future__ import annotations

import copy
import difflib
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from miecsim.case.columns import with_columns
from miecsim.case.contacts import MICROSTRUCTURE
from miecsim.case.data import Experiment, Layer, Study
from miecsim.case.fit_data import DataSet, Further
from miecsim.case.fits import FitTable, as_written
from miecsim.case.messages import Problems, Refused, join_key, nearest, one_of, sentence
from miecsim.case.overrides import MEASURED, apply_override, in_order, put, stack_for, stack_of
from miecsim.case.pictures import digest_of_pictures, picture_files
from miecsim.case.resolve import canonical, with_defaults
from miecsim.case.schema import Contents, names_in, read_contents
from miecsim.case.table import Raw, named_items
from miecsim.errors import InputError
from miecsim.units import quoted

FILE_NAME = "case.toml"
_MOST_BYTES = 10**7
_FIXED = ("title", "source", *MEASURED, "check", "sweep", "fit")  # what a study or an experiment cannot set for itself

_A = {"study": "a study", "experiment": "an experiment"}

Named = TypeVar("Named", Layer, Study, Experiment)


@dataclass(frozen=True)
class Case(Contents):
    """A validated case in SI. `raw` is the file as it was read, after overrides; `file` is its name for messages."""

    raw: Raw
    file: str

    @cached_property
    def resolved(self) -> Raw:
        """`raw` with every default written out: JSON-able, and a case again when it is read."""
        return with_defaults(self.raw)

    @cached_property
    def input_hash(self) -> str:
        """SHA-256 of the canonical JSON of `resolved`: the same for files that differ in comments or order of keys;
        another where an image that the case names has other contents."""
        import hashlib

        told = canonical(self.resolved).encode()
        pictures = digest_of_pictures(self.raw, self.file) if picture_files(self.raw) else b""
        return hashlib.sha256(told + pictures).hexdigest()

    def layer(self, name: str) -> Layer:
        """The layer of this name; InputError where there is none."""
        return _find(self.layers, "layer", name, self.file)

    def study(self, name: str) -> Study:
        """The study of this name; InputError where there is none."""
        return _find(self.studies, "study", name, self.file)

    def experiment(self, name: str) -> Experiment:
        """The experiment of this name; InputError where there is none."""
        return _find(self.experiments, "experiment", name, self.file)

    def for_study(self, name: str) -> Case:
        """The case as this study sees it: its `set` applied and read again, with this study and its checks alone."""
        self.study(name)
        return case_from_dict(_variant(self.raw, "study", name), self.file)

    def for_experiment(self, name: str) -> Case:
        """The case as this experiment sees it, as `for_study` does it for a study."""
        self.experiment(name)
        return case_from_dict(_variant(self.raw, "experiment", name), self.file)


def _find(items: Sequence[Named], kind: str, name: str, file: str) -> Named:
    names = [item.name for item in items]
    if name not in names:
        text = sentence(quoted(name), f"the name of a {kind}: {one_of(names)}", nearest(name, names))
        raise InputError(f"{file}: {kind}: {text}")
    return items[names.index(name)]


def load_case(path: Path | str, overrides: Sequence[str] = ()) -> Case:
    """The case in `path`, a directory with case.toml or the file itself, with overrides "key=value" applied in order.

    Raises InputError with one line for each thing that is wrong with the file, or with an override.
    """
    try:
        file = _find_file(Path(path))
        text = _read_text(file)
    except OSError as error:
        raise InputError(f"{_label(path)}: read nothing ({error.strerror}); expected a case that can be read") from None
    return case_from_text(text, _label(file), overrides)


def case_from_text(text: str, file: str, overrides: Sequence[str] = ()) -> Case:
    """The case written in `text`; `file` names it in messages, and tables that it names lie beside it.

    Raises InputError as `load_case` does."""
    raw = _parse(text, file)
    for override in overrides:
        raw = apply_override(raw, override, file)
    problems = Problems(file)
    raw = with_columns(raw, Path(file).parent, problems)
    problems.raise_if_any()
    return case_from_dict(raw, file)


def case_from_dict(raw: Raw, file: str) -> Case:
    """The case in `raw`, which is what tomllib makes of a case file. Raises InputError as `load_case` does."""
    problems = Problems(file)
    contents = read_contents(raw, problems)
    _check_sets(raw, problems, contents is not None)
    if contents is not None and contents.fit is not None and not problems.items:
        _check_fit(raw, contents.fit, problems)
    problems.raise_if_any()
    assert contents is not None  # read_contents tells of a problem wherever it returns None
    values = {f.name: getattr(contents, f.name) for f in fields(Contents)}
    return Case(**values, raw=copy.deepcopy(raw), file=file)


def _variant(raw: Raw, word: str, name: str) -> Raw:
    """The file as the item `name` of [[word]] sees it; raises Refused where a key that it sets leads nowhere."""
    own = next(item for item in raw[word] if item.get("name") == name)
    result = {**stack_for(raw, own), word: [{k: v for k, v in own.items() if k != "set"}]}
    if "check" in raw:
        result["check"] = [check for check in raw["check"] if check.get(word) == name]
    return result


def fitted_variant(raw: Raw, study: str, settings: Sequence[tuple[str, Any]]) -> Raw:
    """The file as one of the data of its fit sees it: one study, its `set` and then the settings of the data applied,
    without checks. Raises Refused where a key leads nowhere."""
    result = {name: value for name, value in _variant(raw, "study", study).items() if name != "check"}
    for key, value in in_order(dict(settings)):
        put(result, key, value)
    return result


def _check_fit(raw: Raw, fit: FitTable, problems: Problems) -> None:
    """Reads the case as each of the data sees it, and once for each end of a parameter, so that a key that leads
    nowhere and a value that cannot be are told before anything is fitted."""
    free = {parameter.key: f"fit.parameter.{i}" for i, parameter in enumerate(fit.parameters)}
    variants: list[tuple[str, DataSet | Further]] = [(f"data.{i}", one) for i, one in enumerate(fit.data)]
    variants += [(f"candidate.{i}", one) for i, one in enumerate(fit.further)]
    for at, one in variants:
        own = next(item for item in raw["study"] if item.get("name") == one.study)
        for key in (*own.get("set", {}), *(key for key, _ in one.settings)):
            for path in free:
                if path == key or path.startswith(f"{key}.") or key.startswith(f"{path}."):
                    whose = "the study" if key in own.get("set", {}) else f"the {at.partition('.')[0]}"
                    told = f"{key}, which is a free parameter, in the set of {whose}"
                    problems.add(f"fit.{at}", told, "one of the two (each = true gives one value per group)")
        _read_with(raw, one.study, one.settings, f"fit.{at}.set", problems)
    if problems.items or not raw.get("study"):
        return
    first = (fit.data[0].study, fit.data[0].settings) if fit.data else (raw["study"][0]["name"], ())
    for parameter in fit.parameters:
        study, settings = (parameter.study, ()) if parameter.study else first
        for word, value in (("key", parameter.start), ("from", parameter.low), ("to", parameter.high)):
            free_one = (parameter.key, as_written(value, parameter.unit))
            _read_with(raw, study, (*settings, free_one), f"{free[parameter.key]}.{word}", problems)
            if problems.items:
                break


def _read_with(raw: Raw, study: str, settings: Sequence[tuple[str, Any]], at: str, problems: Problems) -> None:
    """Reads the case with these settings; what is wrong is told of the key `at`."""
    unseen = Problems(problems.file)
    try:
        read_contents(fitted_variant(raw, study, settings), unseen)
    except Refused as error:
        problems.refused(at, error)
    for problem in unseen.items:
        problems.note(at, f"{problem.key}: {problem.text}")


def _check_sets(raw: Raw, problems: Problems, readable: bool) -> None:
    """Reads the case once for each study or experiment that sets something, so that its errors are told before anything
    runs."""
    items = [(word, *item) for word in MEASURED for item in named_items(raw, word, "", Problems(""))]
    made_of = "phase" if raw.get("model") == MICROSTRUCTURE else "layer"
    for word, at, item in items:
        changes = item.get("set")
        if not isinstance(changes, dict):
            continue
        here = join_key(at, "set")
        before, own = len(problems.items), stack_of(raw)
        for key, value in in_order(changes):
            if key.split(".")[0] in _FIXED:
                problems.add(
                    join_key(here, key), f"a key that {_A[word]} cannot set", "a key of grid, layer, or the like"
                )
                continue
            if names_in(raw, made_of) is None:
                continue  # that is told elsewhere, and what the key leads to is not known
            try:
                put(own, key, value)
            except Refused as error:
                problems.refused(join_key(here, key), error)
        if readable and len(problems.items) == before:
            inner = Problems(problems.file)
            read_contents(_variant(raw, word, item["name"]), inner)
            for problem in inner.items:
                inside = not problem.key.startswith(f"{word}.")  # of the stack that the set made, or of the item itself
                problems.note(join_key(here, problem.key) if inside else problem.key, problem.text)


def _label(path: Path | str) -> str:
    """How a path begins a message: on one line."""
    return str(path) if str(path).isprintable() else quoted(str(path), longest=300)


def _find_file(path: Path) -> Path:
    file = path / FILE_NAME if path.is_dir() else path
    if file.is_file():
        return file
    if path.is_dir():
        raise InputError(f"{_label(path)}: read a directory without {FILE_NAME}; expected the directory of a case")
    folder = path.parent if path.parent.is_dir() else Path()
    names = [entry.name for entry in folder.iterdir() if (entry / FILE_NAME).is_file() or entry.suffix == ".toml"]
    found = difflib.get_close_matches(path.name, names, n=1, cutoff=0.5)
    near = f"; did you mean {_label(folder / found[0])}?" if found else ""
    raise InputError(
        f"{_label(path)}: read nothing (no such file or directory); expected a case directory or its {FILE_NAME}{near}"
    )


def _read_text(file: Path) -> str:
    try:
        if file.stat().st_size > _MOST_BYTES:
            raise InputError(
                f"{_label(file)}: read {file.stat().st_size} bytes; expected a case file of at most {_MOST_BYTES}"
            )
        return file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise InputError(
            f"{_label(file)}: line {line}: read bytes that are not UTF-8; expected a text file in UTF-8"
        ) from None


def _parse(text: str, file: str) -> Raw:
    """The TOML of a case; a syntax error or a key that stands twice becomes an InputError with the line."""
    try:
        return tomllib.loads(text + "\n")
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"{file}: {_syntax(str(error), text)}") from None
    except RecursionError:
        raise InputError(f"{file}: read brackets nested too deep; expected a case file") from None
    except ValueError:
        raise InputError(f"{file}: read a number with too many digits; expected a case file") from None


def _syntax(message: str, text: str) -> str:
    """'line 12: read "cells = 4"; expected ...' from a message of tomllib, which ends in '(at line 12, column 8)'."""
    lines = text.replace("\r\n", "\n").split("\n")
    found = re.fullmatch(r"(.*) \(at (?:line (\d+), column \d+|end of document)\)", message, re.DOTALL)
    reason = found[1] if found else message
    line = min(int(found[2]), len(lines)) if found and found[2] else len(lines)
    while line > 1 and not lines[line - 1].strip():
        line -= 1
    return f"line {line}: read {quoted(lines[line - 1].strip())}; expected {_allowed(reason)}"


def _allowed(reason: str) -> str:
    twice = ("Cannot overwrite", "Duplicate inline", "Cannot declare", "Cannot mutate", "Cannot redefine")
    plain = quoted(reason, 120)[1:-1]
    if reason.startswith(twice):
        return f"each key and table once ({plain})"
    return f"TOML, with texts and quantities in quotes ({plain})"
