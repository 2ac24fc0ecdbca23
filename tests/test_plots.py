"""The plots of docs/measured.md show the figures that are kept beside them, and the page shows all of them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
FILES = sorted((DOCS / "measured").glob("*.json"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_plot_is_of_the_figures_that_are_kept(file: Path) -> None:
    sys.path.insert(0, str(DOCS))
    try:
        import plots
    finally:
        sys.path.remove(str(DOCS))
    picture = plots.picture_of(file)
    assert plots.digest(file) in picture.read_text(), "run `make plots`"
    assert f"(images/{picture.name})" in (DOCS / "measured.md").read_text()
    assert json.loads(file.read_text())["figures"]


def test_there_are_some_and_no_others() -> None:
    assert FILES
    assert {path.name for path in (DOCS / "images").glob("measured_*.svg")} == {
        f"measured_{file.stem}.svg" for file in FILES
    }
