"""``make bench``: every benchmark in this folder, each in its own process, figures as ratios against the peer in the same run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def main() -> int:
    """Runs ``bench_*.py`` (all, or those whose names contain an argument) and returns the worst exit code."""
    wanted = sys.argv[1:]
    worst = 0
    for script in sorted(HERE.glob("bench_*.py")):
        if wanted and not any(word in script.name for word in wanted):
            continue
        print(f"\n== {script.stem}", flush=True)
        worst = max(worst, subprocess.run([sys.executable, str(script)], check=False).returncode)
    return worst


if __name__ == "__main__":
    sys.exit(main())
