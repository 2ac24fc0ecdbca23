"""What a benchmark found, as data beside the text that it prints: `make plots` draws it (docs/plots.py).

One file for each benchmark in docs/measured/, written anew by each run: a figure belongs to the run that found its peer's.
"""

from __future__ import annotations

import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

__all__ = ["Figures"]

FOLDER = Path(__file__).parents[2] / "docs" / "measured"


class Figures:
    """The figures of one run of a benchmark.

    Args:
        about: What is compared, for the plot's heading.
        peer: With whom.
    """

    def __init__(self, about: str, peer: str) -> None:
        self._file = FOLDER / f"{Path(sys.argv[0]).stem.removeprefix('bench_')}.json"
        self._data = {
            "about": about,
            "peer": peer,
            "when": f"{datetime.now(UTC):%Y-%m-%d}",
            "python": platform.python_version(),
            "load": round(os.getloadavg()[0], 1),
            "cores": os.cpu_count(),
            "figures": [],
        }

    def tell(
        self, what: str, *, ours: float, peer: float, unit: str, wanted: float | None = None, more: bool = False
    ) -> None:
        """One comparison.

        Args:
            what: Is measured.
            ours: How much.
            peer: How much.
            unit: Of both.
            wanted: How many times better ours is to be; None: no bound.
            more: Whether more is better; else less is.
        """
        times = ours / peer if more else peer / ours
        row = {"what": what, "ours": ours, "peer": peer, "unit": unit, "times": times, "wanted": wanted}
        self._data["figures"] = [*self._data["figures"], row]  # type: ignore[misc]
        FOLDER.mkdir(exist_ok=True)
        self._file.write_text(json.dumps(self._data, indent=1) + "\n")
