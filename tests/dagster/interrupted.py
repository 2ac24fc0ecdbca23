"""A script that a person stops, again and again: each time its process gets two signals some milliseconds apart, as Ctrl-C makes
them, or one whose error Python drops (``lost``), as it drops what is raised in a finalizer. A
line on its input says that the step waits now.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable

import dagster as dg

from dagster_integration import FlyteResource, build_flyte_assets

ENTITY, ENDPOINT, *GAPS = sys.argv[1:]
FLYTE = FlyteResource(endpoint=ENDPOINT, insecure=True, project="flytesnacks", domain="development")


LOSE = threading.Event()


def press(gap: str) -> None:
    sys.stdin.readline()
    if gap == "lost":
        LOSE.set()
        return
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(float(gap))
    os.kill(os.getpid(), signal.SIGINT)


class Pressed:
    """The signal comes while this is destroyed."""

    def __del__(self) -> None:
        os.kill(os.getpid(), signal.SIGINT)


def sleep(seconds: float, asleep: Callable[[float], None] = time.sleep) -> None:
    """What the step sleeps with between two questions."""
    if LOSE.is_set() and threading.current_thread() is threading.main_thread():
        LOSE.clear()
        Pressed()
    asleep(seconds)


time.sleep = sleep
model = build_flyte_assets(ENTITY, name="model", inputs={"n": 7}, poll_interval=0.1)
with dg.DagsterInstance.ephemeral() as instance:
    for given in GAPS:
        keyboard = threading.Thread(target=press, args=(given,))
        keyboard.start()
        try:
            dg.materialize([model], resources={"flyte": FLYTE}, instance=instance, raise_on_error=False)
            keyboard.join()
        except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
            keyboard.join()
        print("stopped", file=sys.stdout, flush=True)
