"""Waiting for what a running Airflow does in its own time."""

from __future__ import annotations

import time


def eventually(probe, timeout=60.0, explain=lambda: ""):
    """What the probe gives, once it gives something."""
    deadline = time.monotonic() + timeout
    while not (found := probe()):
        assert time.monotonic() < deadline, f"did not happen\n{explain()}"
        time.sleep(0.1)
    return found
