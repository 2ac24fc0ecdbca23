"""A script that a person stops, again and again: each time its process gets two signals some milliseconds apart, as Ctrl-C makes
them. A line on its input says that the step waits now.
"""

import os
import signal
import sys
import threading
import time

import dagster as dg

from dagster_integration import FlyteResource, build_flyte_assets

ENTITY, ENDPOINT, *GAPS = sys.argv[1:]
FLYTE = FlyteResource(endpoint=ENDPOINT, insecure=True, project="flytesnacks", domain="development")


def press(gap: float) -> None:
    sys.stdin.readline()
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(gap)
    os.kill(os.getpid(), signal.SIGINT)


model = build_flyte_assets(ENTITY, name="model", inputs={"n": 7}, poll_interval=0.1)
with dg.DagsterInstance.ephemeral() as instance:
    for given in GAPS:
        keyboard = threading.Thread(target=press, args=(float(given),))
        keyboard.start()
        try:
            dg.materialize([model], resources={"flyte": FLYTE}, instance=instance, raise_on_error=False)
            keyboard.join()
        except (KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
            keyboard.join()
        print("stopped", file=sys.stdout, flush=True)
