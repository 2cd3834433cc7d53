"""The README tells the truth: its Python session runs, its commands are those that continuous integration uses."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, flags=re.DOTALL)


def test_python_session_does_what_the_case_does(capsys) -> None:
    session, further = _blocks("python")
    names: dict = {}
    exec(compile(session, "README.md", "exec"), names)
    exec(compile(further, "README.md", "exec"), names)
    assert names["known"].identified == ("sigma_ion", "sigma_eon", "Q") and names["many"].Z.shape[0] == 1000
    printed = capsys.readouterr().out.splitlines()
    read = {line.split()[0]: float(line.split()[1]) for line in printed}
    assert abs(read["ion_blocking"] / 107 - 1) < 0.01
    assert abs(read["electron_blocking"] / 360 - 1) < 0.01
    assert len([line for line in session.splitlines() if line.strip() and "import" not in line]) <= 10


def test_continuous_integration_uses_the_test_command() -> None:
    command = next(block.strip() for block in _blocks("sh") if "pytest" in block)
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_what_it_points_to_exists() -> None:
    others = ["tests/README.md", "cases/README.md", "cases/FORMAT.md", "CITATION.cff", "LICENSE"]
    for target in re.findall(r"\]\(([^)]+)\)", README) + others:
        assert (ROOT / target).exists(), target
    for name in re.findall(r"`(test_\w+\.py)`", (ROOT / "tests" / "README.md").read_text(encoding="utf-8")):
        assert (ROOT / "tests" / name).exists(), name


def test_case_format_is_complete() -> None:
    """Every law, preset, reference and key that the reader knows is in the description of the case file."""
    from miecsim.case.laws import LAWS
    from miecsim.case.presets import PRESETS
    from miecsim.case.studies import REFERENCES

    text = (ROOT / "cases" / "FORMAT.md").read_text(encoding="utf-8")
    for word in (*LAWS, *PRESETS, *REFERENCES):
        assert f"`{word}`" in text or f'"{word}"' in text, word
