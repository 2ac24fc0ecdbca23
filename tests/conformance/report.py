"""What a conformance run found, against what is expected: reading both, comparing, printing."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

OUTCOMES = ("passed", "failed", "skipped", "large", "slow")
"""``large``: passes, but is only run where there is room for it. ``slow``: passes where the run takes longer than upstream
wants it to take at least; misses, for that reason alone, where the sandbox is faster."""

_TOO_FAST = "timedelta(seconds=1)"


@dataclass(frozen=True, slots=True)
class Expected:
    """One line of ``expected.txt``."""

    outcome: str
    reason: str


@dataclass(frozen=True, slots=True)
class Result:
    """One test of a run."""

    outcome: str
    seconds: float
    message: str


def read_expected(path: Path) -> dict[str, Expected]:
    """Lines ``outcome  node id  # reason``; empty ones and those that begin with # are left out."""
    found = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        text, _, reason = line.partition("  #")
        if not text.strip() or text.startswith("#"):
            continue
        outcome, _, name = text.strip().partition(" ")
        if outcome not in OUTCOMES or not name.strip():
            raise ValueError(f"{path}:{number}: wanted 'outcome node-id  # reason', got {line!r}")
        found[name.strip()] = Expected(outcome, reason.strip())
    return found


def read_results(junit: Path) -> dict[str, Result]:
    """The tests of a JUnit file by node id."""
    results = {}
    for case in ET.parse(junit).iter("testcase"):
        file = case.get("file", "")
        in_class = case.get("classname", "").removeprefix(file.removesuffix(".py").replace("/", ".")).strip(".")
        name = "::".join(part for part in (file, in_class, case.get("name", "")) if part)
        outcome, message = "passed", ""
        for child in case:
            if child.tag in ("failure", "error", "skipped"):
                outcome = "skipped" if child.tag == "skipped" else "failed"
                message = (child.get("message") or "").strip().splitlines()[0] if child.get("message") else ""
        results[name] = Result(outcome, float(case.get("time") or 0), message)
    return results


def differences(expected: dict[str, Expected], results: dict[str, Result], *, large: bool) -> list[str]:
    """One line for each test that did not do what was expected; an unexpected pass is one, too."""
    lines = []
    for name in sorted(expected.keys() | results.keys()):
        wanted = expected[name].outcome if name in expected else "nothing: it is not in expected.txt"
        if wanted == "large":
            if not large:
                continue
            wanted = "passed"
        found = results[name].outcome if name in results else "not run"
        if wanted == "slow":
            wanted = "passed or too fast"
            if found == "passed" or (found == "failed" and _TOO_FAST in results[name].message):
                continue
        if found != wanted:
            message = f" ({results[name].message[:200]})" if name in results and results[name].message else ""
            lines.append(f"{name}: {found}{message}, expected {wanted}")
    return lines


def table(expected: dict[str, Expected], results: dict[str, Result], *, large: bool) -> str:
    """A line per suite file, then everything that did not simply pass."""
    files: dict[str, dict[str, int]] = {}
    for name, result in results.items():
        counts = files.setdefault(name.partition("::")[0], dict.fromkeys(("passed", "failed", "skipped"), 0))
        counts[result.outcome] += 1
    width = max(map(len, [*files, "suite"]))
    lines = [f"{'suite':{width}}  passed  failed  skipped upstream"]
    lines += [
        f"{file:{width}}  {counts['passed']:6}  {counts['failed']:6}  {counts['skipped']:7}"
        for file, counts in sorted(files.items())
    ]
    for name, result in sorted(results.items()):
        if result.outcome != "passed":
            why = (expected[name].reason if name in expected else "") or result.message[:150]
            lines.append(f"{result.outcome:8} {name}: {why}")
    if not large:
        lines += [
            f"not run  {name}: needs 8 GB of free disk"
            for name, one in sorted(expected.items())
            if one.outcome == "large"
        ]
    return "\n".join(lines)
