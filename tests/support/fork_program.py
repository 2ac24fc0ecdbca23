"""Run by `support.forks`, in whatever interpreter: imports modules, and runs Python as it is told, a line of JSON each.

``forks``: each time in a fork, which knows nothing of the others and leaves nothing behind. ``turns``: one after another in this
process, where what one has made is what takes the time of the next.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import io
import json
import os
import signal
import sys
import threading
import traceback
from pathlib import Path


def ended_with(job) -> int:
    """Its exit code, as a Python of its own would have it."""
    try:
        job()
    except SystemExit as end:
        if end.code is None or isinstance(end.code, int):
            return (end.code or 0) & 0xFF
        print(end.code, file=sys.stderr)
        return 1
    except BaseException:  # noqa: BLE001  # printed, as Python does at its end
        traceback.print_exc()
        return 1
    return 0


def code_of(request):
    """What it runs, as if it were all that there is."""
    sys.argv = [request["name"], *request["arguments"]]
    beside = Path(request["name"]).parent  # what a program may import, too; with -c it has no place
    if beside.is_absolute() and str(beside) not in sys.path:
        sys.path.insert(0, str(beside))
    names = {"__name__": "__main__", "__builtins__": __builtins__, "__file__": request["name"]}
    body = compile(request["code"], request["name"], "exec", dont_inherit=True)
    return lambda: exec(body, names)


def printing_to(request) -> None:
    """Its output goes there from now on."""
    for stream, number in (("out", 1), ("error", 2)):
        with Path(request[stream]).open("ab", buffering=0) as file:
            os.dup2(file.fileno(), number)


def flushed() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()


def fork(request) -> tuple[int, list[str]]:
    """Exit code, and what was imported."""
    reading, writing = os.pipe()
    child = os.fork()
    if child:
        os.close(writing)
        if request["goes_on"]:
            os.close(reading)
            return child, []
        with os.fdopen(reading) as told:
            modules = told.read().split()
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), modules
    code = 1
    try:
        os.close(reading)
        with Path(request["stdin"]).open("rb") as given:
            os.dup2(given.fileno(), 0)
        sys.stdin = io.TextIOWrapper(io.FileIO(0, closefd=False), encoding="utf-8")
        if request["cwd"]:
            os.chdir(request["cwd"])
        printing_to(request)
        code = ended_with(code_of(request))
        threading._shutdown()
        atexit._run_exitfuncs()
        flushed()
        os.write(writing, " ".join(sys.modules).encode())
    finally:
        os._exit(code)


def killed(child: int) -> tuple[int, list[str]]:
    """One that goes on is ended."""
    os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), []


def turn(request) -> tuple[int, list[str]]:
    """The same in this process."""
    kept = os.dup(1), os.dup(2)
    try:
        printing_to(request)
        code = ended_with(code_of(request))
        flushed()
    finally:
        for number, old in enumerate(kept, 1):
            os.dup2(old, number)
            os.close(old)
    return code, []


def load(modules) -> None:
    for module in modules:
        if module not in sys.modules and module != "__mp_main__":
            with contextlib.suppress(Exception):  # not there, or not for this process: who needs it says so
                importlib.import_module(module)


def main(mode: str, learns: str, *modules: str) -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what is said while something is imported
    sys.path[0] = ""
    load(modules)
    for line in sys.stdin:
        request = json.loads(line)
        if "kill" in request:
            print(killed(request["kill"])[0], file=answers, flush=True)
            continue
        before = dict(os.environ)
        if request["alone"]:
            os.environ.clear()
        os.environ.update(request["env"])
        try:
            code, imported = fork(request) if mode == "forks" else turn(request)
        finally:
            os.environ.clear()
            os.environ.update(before)
        print(code, file=answers, flush=True)
        load(imported if learns == "learns" else ())


if __name__ == "__main__":
    main(*sys.argv[1:])
