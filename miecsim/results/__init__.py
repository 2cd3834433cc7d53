"""What a run leaves behind: plain records, one HDF5 file, one JSON summary.

`RunRecord`, `StudyRecord` and `ExperimentRecord` hold the figures; `write_result` and `read_result` carry them to and
from `result.h5` without loss; `write_summary` writes the headline figures for people and scripts.
"""

from __future__ import annotations

from miecsim.results.atomic import atomic
from miecsim.results.provenance import software_versions
from miecsim.results.read import read_result
from miecsim.results.records import (
    AttributionRecord,
    ExperimentRecord,
    GridRecord,
    Quantity,
    RunRecord,
    StudyRecord,
    layer_spans,
    reference_errors,
)
from miecsim.results.summary import summary_dict, write_summary
from miecsim.results.write import write_result

__all__ = [
    "AttributionRecord",
    "ExperimentRecord",
    "GridRecord",
    "Quantity",
    "RunRecord",
    "StudyRecord",
    "atomic",
    "layer_spans",
    "read_result",
    "reference_errors",
    "software_versions",
    "summary_dict",
    "write_result",
    "write_summary",
]
