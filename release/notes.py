"""The version, which stands in ``pyproject.toml`` alone, and the release notes, which are a part of the changelog."""

from __future__ import annotations

import re
import sys
import tomllib
from datetime import date
from pathlib import Path

__all__ = ["notes_for", "prepare", "project_version"]

_DEVELOPMENT = re.compile(r"\.dev\d+$")


def project_version(root: Path) -> str:
    """The version of the checkout."""
    version: str = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    return version


def notes_for(root: Path, version: str) -> str:
    """The notes of a version: of a development version, what is not released yet.

    Raises:
        SystemExit: The changelog has no such section, or an empty one.
    """
    title = "Unreleased" if _DEVELOPMENT.search(version) else version
    section = _section((root / "CHANGELOG.md").read_text(), title)
    if section is None or not section.strip():
        raise SystemExit(
            f"CHANGELOG.md has nothing under '## {title}': a release needs notes; make prepare writes the head"
        )
    return f"# flyte-bridge {version}\n\n{section.strip()}\n"


def prepare(root: Path, version: str, today: date) -> None:
    """Turns the checkout into that release: version, and the head of the changelog. Commit and tag are for a person.

    Raises:
        SystemExit: The version is no release's, or is there already.
    """
    if not re.fullmatch(r"\d+\.\d+\.\d+((a|b|rc)\d+)?", version):
        raise SystemExit(f"{version!r} is no version of a release; wanted for instance 0.1.0 or 0.2.0rc1")
    changelog = root / "CHANGELOG.md"
    text = changelog.read_text()
    if _section(text, version) is not None:
        raise SystemExit(f"CHANGELOG.md has a section {version} already")
    if not (_section(text, "Unreleased") or "").strip():
        raise SystemExit("CHANGELOG.md has nothing under '## Unreleased': there is nothing to release")
    changelog.write_text(text.replace("## Unreleased\n", f"## Unreleased\n\n## {version} - {today.isoformat()}\n", 1))
    project = root / "pyproject.toml"
    old = project_version(root)
    project.write_text(project.read_text().replace(f'version = "{old}"', f'version = "{version}"', 1))


def _section(text: str, title: str) -> str | None:
    found = re.search(rf"^## {re.escape(title)}( - [^\n]*)?\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return found[2] if found else None


if __name__ == "__main__":
    prepare(Path(__file__).parents[1], sys.argv[1], date.today())  # noqa: DTZ011  (the date of whoever releases)
    print(f"prepared {sys.argv[1]}: look at the difference, make release, commit, tag v{sys.argv[1]}")
