"""Prometheus' own programs, and what a test writes down of ``/metrics`` for them."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from support.parts import lacking

INTERVAL = 15
"""Seconds between two scrapes."""


def program(name: str) -> str:
    """``promtool`` or ``prometheus``; ``FLYTE_BRIDGE_PROMETHEUS`` names the folder where they are."""
    folder = os.environ.get("FLYTE_BRIDGE_PROMETHEUS")
    found = shutil.which(name, path=folder) if folder else shutil.which(name)
    return found or lacking(f"{name} (Debian's package prometheus has it; FLYTE_BRIDGE_PROMETHEUS may name its folder)")


class Recording:
    """Scrapes at 0 s, 15 s, 30 s, … of simulated time, as promtool's tests take them."""

    def __init__(self) -> None:
        self._series: dict[str, list[str]] = {}
        self._scrapes = 0

    @property
    def seconds(self) -> int:
        """When the last scrape was."""
        return (self._scrapes - 1) * INTERVAL

    def scrape(self, *urls: str | None) -> None:
        """One scrape of all instances; None for one that does not answer."""
        pages: list[str | None] = []
        for url in urls:
            if url is None:
                pages.append(None)
                continue
            with urllib.request.urlopen(f"{url}/metrics") as answer:
                pages.append(answer.read().decode())
        self.record(*pages)

    def record(self, *pages: str | None) -> None:
        """The same with the pages themselves."""
        seen: dict[str, str] = {}
        for number, text in enumerate(pages):
            for line in (text or "").splitlines():
                if not line.startswith("#"):
                    name, value = line.rsplit(" ", 1)
                    bare, _, labels = name.partition("{")
                    own = f'instance="{number}",job="scheduler",namespace="team-a"'
                    seen[f"{bare}{{{own}{',' + labels if labels else '}'}"] = value
        for name in {*self._series, *seen}:
            values = self._series.setdefault(name, ["_"] * self._scrapes)
            gone = "stale" if values and values[-1] not in ("_", "stale") else "_"  # as Prometheus marks it
            values.append(seen.get(name, gone))
        self._scrapes += 1

    def minute(self, page: str) -> None:
        """What somebody shows who changes it once a minute."""
        for _ in range(60 // INTERVAL):
            self.record(page)

    def shows(self, expressions: Sequence[str], folder: Path) -> str:
        """Has promtool evaluate expressions at the last scrape.

        Args:
            expressions: Of a dashboard.
            folder: For the test's own file.

        Returns:
            Empty, or which of them give no number.
        """
        checks = [
            {
                "expr": f"count(({expression.replace('$__rate_interval', '5m')}) >= 0) > bool 0",  # NaN is no number
                "eval_time": f"{self.seconds}s",
                "exp_samples": [{"labels": "{}", "value": 1}],
            }
            for expression in expressions
        ]
        return self._evaluated({}, folder, checks)

    def firing(self, rules: Path, folder: Path, expected: dict[int, Sequence[str]]) -> str:
        """Has promtool evaluate the rules.

        Args:
            rules: Their file.
            folder: For the test's own file.
            expected: Seconds -> names of exactly those alerts that fire then.

        Returns:
            Empty, or what was otherwise.
        """
        expression = 'count by (alertname) (ALERTS{alertstate="firing"})'
        checks: list[Any] = [
            {
                "expr": expression,
                "eval_time": f"{seconds}s",
                "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(names)],
            }
            for seconds, names in expected.items()
        ]
        return self._evaluated({"rule_files": [str(rules)]}, folder, checks)

    def _evaluated(self, given: dict[str, Any], folder: Path, checks: list[Any]) -> str:
        series = [{"series": name, "values": " ".join(values)} for name, values in sorted(self._series.items())]
        test = {"interval": f"{INTERVAL}s", "input_series": series, "promql_expr_test": checks}
        content = {**given, "evaluation_interval": f"{INTERVAL}s", "tests": [test]}
        path = folder / "rules_test.yaml"
        path.write_text(yaml.safe_dump(content, width=10**6))
        done = subprocess.run([program("promtool"), "test", "rules", str(path)], capture_output=True, text=True)
        return "" if done.returncode == 0 else done.stdout + done.stderr


def rules_of(rules: Path, folder: Path, *groups: str) -> Path:
    """A file with these groups of a file of rules: `NoLeader` fires where no scheduler is watched."""
    content = yaml.safe_load(rules.read_text())
    content["groups"] = [group for group in content["groups"] if group["name"] in groups]
    assert [group["name"] for group in content["groups"]] == list(groups)
    path = folder / "rules.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def expressions_of(dashboard: Path, *, contain: str) -> list[str]:
    """What the panels of a dashboard ask for, as far as it contains this."""
    panels = json.loads(dashboard.read_text())["panels"]
    found = [target["expr"] for panel in panels for target in panel["targets"] if re.search(contain, target["expr"])]
    assert found
    return found
