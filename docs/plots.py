"""Draws what benchmarks found: a picture for each file of measured/, bars of how many times better (`make plots`).

The picture names the digest of its data, so that a test can tell a picture of yesterday's figures (tests/test_plots.py).
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
TIMES = "\N{MULTIPLICATION SIGN}"
DATA, IMAGES = HERE / "measured", HERE / "images"


def digest(file: Path) -> str:
    """Names the figures that a picture shows."""
    return hashlib.sha256(file.read_bytes()).hexdigest()[:16]


def picture_of(file: Path) -> Path:
    """Where the picture of this file is."""
    return IMAGES / f"measured_{file.stem}.svg"


def draw(file: Path) -> None:
    """Bars, the longest first; a mark at what was wanted."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    mpl.rcParams.update({"svg.hashsalt": "flyte-bridge", "svg.fonttype": "none", "font.size": 9})
    data: dict[str, Any] = json.loads(file.read_text())
    rows = list(reversed(data["figures"]))
    figure, axes = plt.subplots(figsize=(8, 0.9 + 0.36 * len(rows)), layout="constrained")
    axes.barh([row["what"] for row in rows], [row["times"] for row in rows], color="#4051b5", height=0.6, zorder=2)
    for number, row in enumerate(rows):
        if row["wanted"] is not None:
            axes.plot([row["wanted"]] * 2, [number - 0.42, number + 0.42], color="#d32f2f", linewidth=2, zorder=3)
        told = f" {row['times']:.3g}{TIMES}   {_plain(row['ours'])} / {_plain(row['peer'])} {row['unit']}"
        axes.annotate(told, (max(row["times"], row["wanted"] or 0), number), va="center", fontsize=8)
    axes.set_xscale("log")
    axes.set_xlim(min(0.8, *(row["times"] for row in rows)), max(row["times"] for row in rows) * 12)
    axes.axvline(1, color="#555555", linewidth=1)
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}{TIMES}")
    axes.grid(visible=True, axis="x", color="#dddddd", zorder=0)
    axes.set_title(f"{data['about']}: times better than {data['peer']}", loc="left", fontsize=10)
    axes.set_xlabel(
        f"ours / theirs; red: wanted. {data['when']}, Python {data['python']}, load {data['load']:g} on {data['cores']} cores",
        fontsize=8,
    )
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    target = picture_of(file)
    figure.savefig(target, metadata={"Date": None, "Description": digest(file)}, facecolor="white")
    plt.close(figure)
    # matplotlib ends lines with blanks, which `git diff --check` would show.
    target.write_text("".join(line.rstrip() + "\n" for line in target.read_text().splitlines()))
    sys.stdout.write(f"drew {target.relative_to(HERE.parent)}\n")


def _plain(value: float) -> str:
    return f"{value:.3g}" if value < 1000 else f"{value:,.0f}"  # noqa: PLR2004


if __name__ == "__main__":
    for path in sorted(DATA.glob("*.json")):
        draw(path)
