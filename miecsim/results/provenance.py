"""Which software made a result."""

from __future__ import annotations

import platform
from importlib import metadata
from pathlib import Path

PACKAGES = ("miecsim", "numpy", "scipy", "fipy", "h5py")


def software_versions() -> dict[str, str]:
    """Versions of Python and of the packages behind a figure, and the git commit when run from a checkout."""
    versions = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            versions[name] = "not installed as a package"
    commit = git_commit(Path(__file__).resolve().parents[2])
    if commit:
        versions["git"] = commit
    return versions


def git_commit(checkout: Path) -> str:
    """Commit that the checkout's HEAD names, or "" where `checkout` is not the root of this project's git tree.

    Reads two small files instead of starting git. The root must hold pyproject.toml, so that an installed copy inside
    somebody else's repository does not borrow that repository's commit.
    """
    git = checkout / ".git"
    if not (git.is_dir() and (checkout / "pyproject.toml").is_file()):
        return ""
    try:
        head = (git / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head
        name = head.removeprefix("ref: ")
        if (git / name).is_file():
            return (git / name).read_text().strip()
        packed = (git / "packed-refs").read_text().splitlines()
    except OSError:
        return ""
    return next((line.split()[0] for line in packed if line.endswith(" " + name)), "")
