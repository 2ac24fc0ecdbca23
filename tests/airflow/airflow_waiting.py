"""Waiting for what a running Airflow does in its own time."""

from __future__ import annotations

import time


def eventually(probe, timeout=60.0, explain=lambda: ""):
    """What the probe gives, once it gives something.

    Most probes ask Airflow, whose answer takes a few hundredths of a second of CPU: who waits long asks less often.
    """
    deadline, pause = time.monotonic() + timeout, 0.1
    while not (found := probe()):
        assert time.monotonic() < deadline, f"did not happen\n{explain()}"
        time.sleep(pause)
        pause = min(0.5, pause * 1.2)
    return found
