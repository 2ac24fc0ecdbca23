"""Counters of one runner, as Prometheus text (exposition format 0.0.4). No client library: there are ten numbers."""

from __future__ import annotations

import threading

__all__ = ["Metrics"]

_PREFIX = "flyte_bridge_scheduler_"
_HELP = {
    "ticks_total": "Ticks by what became of them.",
    "late_seconds_sum": "Sum of how late launched ticks were.",
    "late_seconds_count": "Launched ticks.",
    "launch_seconds_sum": "Sum of the time that launching took.",
    "launch_seconds_count": "Attempts to launch.",
    "passed_over_total": "Times that the policy for missed ticks did not launch one or more of them.",
    "reloads_total": "Reads of the triggers file, by result.",
    "leader": "1 when this runner works, 0 when it stands by.",
    "triggers": "Triggers in the file.",
    "pending": "Ticks that are decided and not launched yet.",
    "triggers_ahead": "Triggers that are decided up to a moment in the future, because a clock was ahead: silent until then.",
    "ahead_seconds": "How far in the future that moment is.",
    "last_loop_timestamp_seconds": "When the runner last looked for due ticks.",
}


class Metrics:
    """Thread-safe numbers."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: dict[tuple[str, str], float] = {}

    def add(self, name: str, value: float = 1.0, **labels: str) -> None:
        """Raises a counter."""
        key = (name, _labels(labels))
        with self._lock:
            self._values[key] = self._values.get(key, 0.0) + value

    def set(self, name: str, value: float, **labels: str) -> None:
        """Sets a gauge."""
        with self._lock:
            self._values[name, _labels(labels)] = value

    def get(self, name: str, **labels: str) -> float:
        """One number; 0 when it was never set."""
        with self._lock:
            return self._values.get((name, _labels(labels)), 0.0)

    def text(self) -> str:
        """All of them."""
        with self._lock:
            values = sorted(self._values.items())
        lines: list[str] = []
        last = ""
        for (name, labels), value in values:
            if name != last:
                kind = "counter" if name.endswith(("_total", "_sum", "_count")) else "gauge"
                lines += [f"# HELP {_PREFIX}{name} {_HELP[name]}", f"# TYPE {_PREFIX}{name} {kind}"]
                last = name
            lines.append(f"{_PREFIX}{name}{labels} {value:.15g}")
        return "\n".join([*lines, ""])


def _labels(labels: dict[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{key}="{value}"' for key, value in sorted(labels.items())) + "}"
