"""The picture in docs/architecture.md is today's."""

from __future__ import annotations

import sys
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_picture_is_todays() -> None:
    sys.path.insert(0, str(DOCS))
    try:
        import picture
    finally:
        sys.path.remove(str(DOCS))
    text = picture.PAGE.read_text()
    assert text == picture.page(text), "run `make picture`"
