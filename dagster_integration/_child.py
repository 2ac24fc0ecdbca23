"""A step's process that dies with its run worker: a worker that is resumed begins the step anew, and there must not be two.

``python -m dagster_integration._child api execute_step``: the arguments are those of the command ``dagster``.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading


def main() -> None:
    """Runs the command ``dagster``, for as long as the other end of its standard input is open."""
    inherited = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)  # code of the step reads nothing
    os.close(nothing)
    threading.Thread(target=_die_with, args=(inherited,), name="run-worker", daemon=True).start()
    sys.argv[0] = "dagster"
    runpy.run_module("dagster", run_name="__main__")


def _die_with(worker: int) -> None:
    while os.read(worker, 1):
        pass
    os.kill(os.getpid(), signal.SIGKILL)  # what a pod's processes get when its first one has died


if __name__ == "__main__":
    main()
