"""The page of a fit: the values, what is and what is not identified, and the figures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from matplotlib.figure import Figure

from miecsim.fitting.record import FitRecord
from miecsim.plot.fit import fit_correlation, fit_nyquist, fit_profiles, fit_residuals
from miecsim.plot.fit_data import fit_kramers_kronig, fit_relaxation
from miecsim.plot.style import readable, save
from miecsim.report.fit_words import agreement_rows, bounds_of, further_lines, statements, value_cells
from miecsim.results import atomic

TEMPLATE = Path(__file__).with_name("fit.html.j2")


def write_page(folder: Path, record: FitRecord) -> Path:
    """Draw the figures of a fit into `folder` and write `index.html` around them; returns its path."""
    figures = [(caption, save(figure, folder / name)[0].name, wide) for name, caption, wide, figure in _figures(record)]
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    page = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        record=record,
        points=sum(one.frequency.size for one in record.spectra),
        values=[(p.name, (*value_cells(p), *bounds_of(p)), p.identified) for p in record.parameters],
        statements=statements(record),
        further=further_lines(record),
        agreement=agreement_rows(record),
        circuits=record.circuits,
        figures=figures,
    )
    with atomic(folder / "index.html") as temporary:
        temporary.write_text(page, encoding="utf-8")
    return folder / "index.html"


def _figures(record: FitRecord) -> Iterator[tuple[str, str, bool, Figure]]:
    """Name of the file, caption, whether it needs the width of the page, figure."""
    for one in record.spectra:
        name = readable(one.name)
        yield f"{one.name}_nyquist", f"{name}: data and fit", False, fit_nyquist(record, one)
        yield f"{one.name}_residuals", f"{name}: residuals of each model", False, fit_residuals(record, one)
        if one.threshold:
            caption = f"{name}: what Kramers-Kronig's relations say of the data"
            yield f"{one.name}_kramers_kronig", caption, False, fit_kramers_kronig(one)
        times = fit_relaxation(one)
        if times is not None:
            caption = f"{name}: relaxation times of the data and of the model, and whose they are"
            yield f"{one.name}_relaxation", caption, False, times
    if len(record.parameters) > 1:
        yield "correlation", "correlation of the parameters", False, fit_correlation(record)
    if any(p.values.size for p in record.profiles):
        yield "profiles", "likelihood along the parameters, all others fitted again", True, fit_profiles(record)
