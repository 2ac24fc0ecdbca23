"""``make release``: builds sdist and wheel, tries each extra in an empty environment on each Python, writes SBOM and notes.

Everything goes to ``dist/``. Nothing is uploaded and nothing is tagged: that is for whoever has read what this printed.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from artifacts import build, check_contents
from environments import EXTRAS, Environment, Failure, interpreters
from notes import notes_for, project_version
from sbom import write_sbom

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Returns 0 when everything went well."""
    parser = argparse.ArgumentParser(prog="make release", description=__doc__)
    parser.add_argument(
        "--python", action="append", help="3.11, 3.12 or 3.13; may be given again (default: all of them)"
    )
    parser.add_argument("--extra", action="append", help="only these extras ('' is none)")
    parser.add_argument("--dist", type=Path, default=ROOT / "dist")
    options = parser.parse_args()
    version = project_version(ROOT)
    notes = notes_for(ROOT, version)
    options.dist.mkdir(exist_ok=True)
    sdist, wheel = build(ROOT, options.dist, version)
    check_contents(sdist, wheel)
    print(f"built {sdist.name} and {wheel.name}", flush=True)
    (options.dist / f"notes-{version}.md").write_text(notes)
    failures: list[str] = []
    extras = EXTRAS if options.extra is None else [extra for extra in EXTRAS if extra in options.extra]
    found = interpreters(options.python or ["3.11", "3.12", "3.13"])
    for number, (python, path) in enumerate(found.items()):
        for extra in extras:
            with tempfile.TemporaryDirectory(prefix="release-") as folder:
                try:
                    environment = Environment(Path(folder), path, wheel, extra)
                    bill = ""
                    if extra == "all" and number == 0:  # before tools of ours come in
                        components = write_sbom(options.dist / f"sbom-{version}.cdx.json", environment, wheel, version)
                        bill = f"; SBOM of {components} components"
                    said = environment.check() + bill
                    print(f"Python {python} [{extra}]: {said}", flush=True)
                except Failure as error:
                    failures.append(f"Python {python} [{extra}]: {error}")
                    print(f"FAILED {failures[-1]}", flush=True)
    for missing in sorted(set(options.python or ["3.11", "3.12", "3.13"]) - set(found)):
        failures.append(
            f"Python {missing}: not found on this machine (pyenv's, in PATH, or uv's: uv python install {missing})"
        )
        print(f"FAILED {failures[-1]}")
    print(f"{len(found) * len(extras)} environments, {len(failures)} failures; see {options.dist}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
