"""Folders of results."""

from __future__ import annotations

import os
from pathlib import Path

from miecsim.errors import InputError


def check_writable(folder: Path) -> None:
    """InputError where nothing can be written into a folder, or it cannot be made: told before hours are spent."""
    nearest = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not nearest.is_dir():
        raise InputError(f"{nearest}: is a file; expected a folder for the results, as --out names one")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise InputError(f"{nearest}: cannot be written; expected a folder for the results, as --out names one")
