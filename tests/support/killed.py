"""Processes that are killed right after an answer of Flyte: forks of one that has imported what they need.

A process for each answer that a registration gets is forty processes, and importing costs each more than what it does. The one
that is forked has no channel, no thread and no client: each fork makes its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

_PROGRAM = """
import contextlib, io, importlib, json, os, sys, traceback
from bridge_core import Client, Config, ContainerTask, LaunchRequest
from bridge_core.transport.blocking import BlockingTransport

endpoint, work = sys.argv[1:]
answers, last = 0, 0
unary = BlockingTransport.unary

async def counted(self, method, request, *, timeout, metadata):
    global answers
    answer = await unary(self, method, request, timeout=timeout, metadata=metadata)
    answers += 1
    if answers == last:
        os.kill(os.getpid(), 9)
    return answer

BlockingTransport.unary = counted

def forked(word, pipe):
    said = None
    with Client(Config.for_endpoint(endpoint, insecure=True, project="ours", domain="development")) as client:
        names = {**globals(), "client": client, "word": word}
        exec(work, names)
        said = names.get("said")
    with os.fdopen(pipe, "w") as out:
        json.dump({"answers": answers, "said": str(said), "modules": sorted(sys.modules)}, out)

for line in sys.stdin:
    last, word = json.loads(line)
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        code = 1
        try:
            forked(word, writing)
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as told:
        text = told.read()
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    found = json.loads(text) if text else {}
    for module in found.pop("modules", ()):  # the next one finds them loaded
        with contextlib.suppress(ImportError):
            importlib.import_module(module)
    print(json.dumps({"code": code, "answers": 0, "said": "", **found}), flush=True)
"""


@dataclass(frozen=True)
class Ended:
    """How one process ended.

    Attributes:
        code: Its exit code; -9: it was killed.
        answers: How many answers it got, when it was not.
        said: What the work left in the variable ``said``, as text, when it was not killed.
    """

    code: int
    answers: int
    said: str


class Killed:
    """Does a piece of work again and again, each time in a process of its own.

    Args:
        sandbox: Flyte; its project is ``ours``.
        work: Python. It has ``client``, what ``bridge_core`` needs for launches and registrations, and a ``word`` that differs.
    """

    def __init__(self, sandbox: Sandbox, work: str) -> None:
        command = [sys.executable, "-W", "ignore", "-c", _PROGRAM, sandbox.endpoint, work]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.kill()
        self._process.communicate()

    def after(self, answer: int, word: str) -> Ended:
        """Killed after that answer, counted from 1, unless it has done all by then."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([answer, word]) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, "the process that is forked has ended; its traceback is above"
        return Ended(**json.loads(line))

    def never(self, word: str) -> Ended:
        """Not killed: it succeeds."""
        ended = self.after(0, word)
        assert ended.code == 0, "its traceback is above"
        return ended
