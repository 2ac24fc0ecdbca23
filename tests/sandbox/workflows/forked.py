"""Tasks that tell what surrounds them."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

from flytekit import task, workflow


@task
def step(n: int) -> int:
    return n + 1


@workflow
def chain(n: int = 0) -> int:
    for _ in range(10):
        n = step(n=n)
    return n


@task
def facts() -> str:
    print("said on stdout")
    return json.dumps(
        {
            "parent": os.getppid(),
            "group": os.getpgid(0) == os.getpid(),
            "program": Path(sys.argv[0]).name,
            "cwd": [path.name for path in Path().iterdir()],
            "path": sys.path[1] == str(Path.cwd()),
            "env": dict(os.environ),
            "random": random.random(),
            "interrupt": signal.getsignal(signal.SIGINT) is not signal.SIG_IGN,
            "child": signal.getsignal(signal.SIGCHLD) == signal.SIG_DFL,
        }
    )


@task
def leaving(pids: str) -> int:
    """Starts a process of its own and waits for ever."""
    child = subprocess.Popen(["sleep", "600"])
    Path(pids).write_text(f"{os.getpid()}\n{child.pid}\n")
    time.sleep(600)
    return 1


@task(retries=1)
def killing_its_parent() -> int:
    if os.environ["FLYTE_ATTEMPT_NUMBER"] == "0":
        os.kill(os.getppid(), signal.SIGKILL)
        time.sleep(600)
    return 7
