"""The page of a sweep: its figures, and a table of its points with their headline figures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from miecsim.plot.style import save
from miecsim.plot.sweeps import headline, label_of, numeric_keys, nyquist_family
from miecsim.results import atomic
from miecsim.sweep.index import DONE, Index, column_name

TEMPLATE = Path(__file__).with_name("sweep.html.j2")
HEADLINES = ("R_low", "R_total", "R_dc")  # of a study, the first that it has
MOST_ROWS = 2000


def write_page(folder: Path, index: Index) -> Path:
    """Draw the figures of a sweep into `folder` and write `index.html` around them; returns its path."""
    figures = [(caption, save(figure, folder / name)[1].name) for name, caption, figure in _figures(index)]
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    names = headlines(index)
    settings = [column_name(label_of(key), unit) for key, (_, unit) in index.settings.items()]
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        index=index,
        done=index.status.count(DONE),
        figures=figures,
        columns=[*settings, *(column_name(*name) for name in names)],
        rows=[_row(index, i, names) for i in range(min(len(index.status), MOST_ROWS))],
    )
    with atomic(folder / "index.html") as temporary:
        temporary.write_text(page, encoding="utf-8")
    return folder / "index.html"


def headlines(index: Index) -> list[tuple[str, str]]:
    """(name, unit) of the one figure of each study, and of each quantity that an experiment compares."""
    found = []
    for study in index.spectra:
        own = {name: (name, unit) for name, unit in index.figures if name.startswith(f"{study}.")}
        found += [own[f"{study}.{word}"] for word in HEADLINES if f"{study}.{word}" in own][:1]
    return found + [(name, unit) for name, unit in index.figures if name.endswith(".textbook")]


def _figures(index: Index) -> Iterator[tuple[str, str, Figure]]:
    keys = numeric_keys(index)
    for study, spectra in index.spectra.items():
        if not np.isnan(spectra.Z).all():
            about = f", coloured by {label_of(keys[0])}" if keys else ""
            yield f"{study}_nyquist", f"{study}: Z at every point{about}", nyquist_family(index, study)
    for name, unit in headlines(index) if keys else ():
        if np.isfinite(index.figures[name, unit]).any():
            over = " and ".join(label_of(key) for key in keys[:2])
            yield name.replace(".", "_").replace(":", "_"), f"{name} over {over}", headline(index, name, unit)


def _row(index: Index, i: int, names: list[tuple[str, str]]) -> dict[str, object]:
    settings = [values[i] for values, _ in index.settings.values()]
    read = [index.figures[name][i] for name in names]
    cells = [
        value if isinstance(value, str) else "–" if np.isnan(value) else f"{value:.5g}" for value in settings + read
    ]
    return {"cells": cells, "hash": index.plan.points[i][0], "status": index.status[i], "reason": index.reason[i]}
