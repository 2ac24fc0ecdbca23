"""Numbers of a connector service, as Prometheus text (exposition format 0.0.4). No client library: there are three families."""

from __future__ import annotations

import threading
from bisect import bisect_left

__all__ = ["ConnectorMetrics"]

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_REQUESTS = "flyte_connector_requests_total"
_SECONDS = "flyte_connector_request_duration_seconds"
_GOING = "flyte_connector_requests_in_progress"


class ConnectorMetrics:
    """Requests and their latency, by connector, method and outcome (a gRPC status name). Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: dict[tuple[str, str, str], int] = {}
        self._counts: dict[tuple[str, str], list[int]] = {}
        self._sums: dict[tuple[str, str], float] = {}
        self._going: dict[tuple[str, str], int] = {}

    def begun(self, connector: str, method: str) -> None:
        """A request came."""
        with self._lock:
            self._going[connector, method] = self._going.get((connector, method), 0) + 1

    def ended(self, connector: str, method: str, outcome: str, seconds: float) -> None:
        """It was answered."""
        with self._lock:
            self._going[connector, method] -= 1
            key = (connector, method, outcome)
            self._requests[key] = self._requests.get(key, 0) + 1
            counts = self._counts.setdefault((connector, method), [0] * (len(_BUCKETS) + 1))
            counts[bisect_left(_BUCKETS, seconds)] += 1
            self._sums[connector, method] = self._sums.get((connector, method), 0.0) + seconds

    def requests(self, connector: str, method: str, outcome: str) -> int:
        """How many had this outcome."""
        with self._lock:
            return self._requests.get((connector, method, outcome), 0)

    def text(self) -> str:
        """All of them."""
        with self._lock:
            lines = [f"# HELP {_REQUESTS} Requests of Flyte, by outcome.", f"# TYPE {_REQUESTS} counter"]
            for (connector, method, outcome), count in sorted(self._requests.items()):
                lines.append(f'{_REQUESTS}{{{_labels(connector, method)},outcome="{outcome}"}} {count}')
            lines += [f"# HELP {_SECONDS} How long requests took.", f"# TYPE {_SECONDS} histogram"]
            for (connector, method), counts in sorted(self._counts.items()):
                labels, total = _labels(connector, method), 0
                for bound, count in zip((*map(str, _BUCKETS), "+Inf"), counts, strict=True):
                    total += count
                    lines.append(f'{_SECONDS}_bucket{{{labels},le="{bound}"}} {total}')
                lines.append(f"{_SECONDS}_sum{{{labels}}} {self._sums[connector, method]:.9g}")
                lines.append(f"{_SECONDS}_count{{{labels}}} {total}")
            lines += [f"# HELP {_GOING} Requests that are not answered yet.", f"# TYPE {_GOING} gauge"]
            for (connector, method), count in sorted(self._going.items()):
                lines.append(f"{_GOING}{{{_labels(connector, method)}}} {count}")
        return "\n".join([*lines, ""])


def _labels(connector: str, method: str) -> str:
    name = connector.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return f'connector="{name}",method="{method}"'
