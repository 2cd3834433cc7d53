"""What every test shares: no window, one thread per worker, repeatable random tests, long tests only on demand."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

# before NumPy and matplotlib are imported
os.environ.setdefault("MPLBACKEND", "Agg")
UNDER_XDIST = "PYTEST_XDIST_WORKER" in os.environ
if UNDER_XDIST:
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(variable, "1")

import hypothesis  # noqa: E402
import pytest  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
if DATA.is_dir():  # cases on measured pictures find them here
    os.environ.setdefault("MIECSIM_DATA", str(DATA))
BENCHMARKS = Path(__file__).resolve().parent / "benchmarks"

hypothesis.settings.register_profile("miecsim", deadline=None, derandomize=True, database=None)
hypothesis.settings.load_profile("miecsim")


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Timings mean nothing beside other workers: under xdist the benchmarks are left out."""
    return True if UNDER_XDIST and collection_path == BENCHMARKS else None


# What one worker finds once for several tests: compiled kernels, all proofs, keys that were spoilt in another case.
TOGETHER = {
    "compiled": "compiled",
    "test_batches.py": "compiled",
    "test_verify.py": "verify",
    "getting_a_key_wrong": "spoilt",
}


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """One test after another to whoever is free, but those of a set all to the same worker."""
    from xdist.scheduler import LoadScopeScheduling

    class Together(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next((name for part, name in TOGETHER.items() if part in nodeid), nodeid)

    return Together(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("markexpr"):
        return
    skip = pytest.mark.skip(reason="slow: run with `pytest -m slow`")
    for item in items:
        if "slow" in item.keywords:
            item.add_marker(skip)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the published data sets: MIECSIM_DATA, or ../shared/data beside the repository."""
    folder = Path(os.environ.get("MIECSIM_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no data in {folder}; set MIECSIM_DATA")
    return folder
