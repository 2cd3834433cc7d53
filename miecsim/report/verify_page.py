"""The page of proofs: one file of HTML, figures inside, nothing loaded from elsewhere."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from miecsim.plot.style import style
from miecsim.report.verify_figures import convergence, misprints, nyquist_grid
from miecsim.verify.proof import Row

TEMPLATE = Path(__file__).with_name("verify.html.j2")


def verify_page(
    rows: Sequence[Row],
    families: Mapping[str, str],
    *,
    skipped: Sequence[tuple[str, str]] = (),
    versions: Mapping[str, str],
    settings: str,
) -> str:
    """HTML of the rows by family. `families` names each; `skipped` holds (id, reason) of proofs that were not run."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["figure"] = shown
    sections = []
    for name, title in families.items():
        own = [row for row in rows if row.family == name]
        if own:
            figures = [(what, _embedded(figure)) for what, figure in _figures(own) if figure is not None]
            sections.append({"name": name, "title": title, "rows": own, "figures": figures})
    template = environment.from_string(TEMPLATE.read_text(encoding="utf-8"))
    return template.render(
        sections=sections, rows=rows, skipped=list(skipped), versions=dict(versions), settings=settings
    )


def shown(value: float | None, digits: int = 5) -> str:
    """A figure of a table; a dash where there is none."""
    return "–" if value is None else f"{value:.{digits}g}"


def _figures(rows: Sequence[Row]) -> list[tuple[str, Figure | None]]:
    return [
        ("Computed spectra on what they should be: closed form, ladder or discretisation.", nyquist_grid(rows)),
        ("What the printed formulas give, beside the continuum. Arrows stand for what lies outside.", misprints(rows)),
        ("Error on meshes of equal cells; of spectra, at frequencies that the coarsest resolves.", convergence(rows)),
    ]


def _embedded(figure: Figure) -> str:
    """The figure as a data URI; as an image of its own, so that names inside it cannot collide."""
    buffer = io.BytesIO()
    with style():
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
