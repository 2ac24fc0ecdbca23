"""A process that has imported what takes long to import, for the many that a test would start otherwise.

Where the start itself is what is tried, or what is imported, a process of its own is the thing to use.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Forks"]


class Forks:
    """One such process, begun when it is first asked.

    Args:
        modules: What it imports.
        python: The interpreter.
        turns: One after another in that process, instead of each in a fork of it.
        learns: It imports what its forks imported, for the next ones.
        env: Its environment; None for ours.
        folder: Where it runs.
    """

    def __init__(
        self,
        *modules: str,
        python: str = sys.executable,
        turns: bool = False,
        learns: bool = False,
        env: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> None:
        program = Path(__file__).with_name("fork_program.py")
        words = ("turns" if turns else "forks", "learns" if learns else "", *modules)
        self._command = [python, str(program), *words]
        self._env = None if env is None else dict(env)
        self._folder = folder
        self._process: subprocess.Popen[str] | None = None
        self._turn = threading.Lock()

    def run(
        self,
        code: str,
        *arguments: str,
        name: str = "-c",
        stdin: str = "",
        env: Mapping[str, str] | None = None,
        alone: bool = False,
        cwd: Path | None = None,
        timeout: float = 120,
    ) -> subprocess.CompletedProcess[str]:
        """Runs Python, as ``subprocess.run([python, "-c", code, *arguments])`` does.

        Args:
            code: It.
            arguments: For ``sys.argv``.
            name: What stands before them.
            stdin: What it reads there.
            env: Added to the environment of the process.
            alone: These variables, and no others.
            cwd: Where it runs; None for where the process does.
            timeout: Seconds after which the process is killed.
        """
        with self._turn, tempfile.TemporaryDirectory(prefix="flyte-bridge-fork-") as place:
            files = {stream: Path(place) / stream for stream in ("stdin", "out", "error")}
            for stream, file in files.items():
                file.write_text(stdin if stream == "stdin" else "")
            late = threading.Timer(timeout, self._give_up)
            late.start()
            try:
                code_or_nothing = self._answer({
                    "code": code, "arguments": arguments, "name": name, "env": dict(env or {}), "alone": alone,
                    "cwd": str(cwd or ""), "goes_on": False, **{stream: str(file) for stream, file in files.items()},
                })  # fmt: skip
            finally:
                late.cancel()
            out, error = (files[stream].read_text(errors="replace") for stream in ("out", "error"))
            if not code_or_nothing:
                self.stop()
                raise AssertionError(f"no answer within {timeout} s:\n{out[-3000:]}\n{error[-6000:]}")
            return subprocess.CompletedProcess([name, *arguments], int(code_or_nothing), out, error)

    def module(self, module: str, *arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
        """The same of ``python -m module``."""
        code = f"import runpy; runpy.run_module({module!r}, run_name='__main__', alter_sys=True)"
        return self.run(code, *arguments, **more)

    def start(self, code: str, *arguments: str, name: str, folder: Path) -> int:
        """Begins what goes on; its output goes into the files ``out`` and ``error`` there. Returns its process id."""
        folder.mkdir(exist_ok=True)
        files = {stream: folder / stream for stream in ("stdin", "out", "error")}
        for file in files.values():
            file.write_text("")
        with self._turn:
            return int(self._answer({
                "code": code, "arguments": arguments, "name": name, "env": {}, "alone": False, "cwd": "", "goes_on": True,
                **{stream: str(file) for stream, file in files.items()},
            }))  # fmt: skip

    def kill(self, process: int) -> None:
        """Kills what `start` began; it is gone when this returns."""
        with self._turn:
            self._answer({"kill": process})

    def stop(self) -> None:
        """Ends it."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None

    def _answer(self, request: Mapping[str, Any]) -> str:
        process = self._process
        if process is None:
            pipe = subprocess.PIPE
            process = self._process = subprocess.Popen(
                self._command, env=self._env, cwd=self._folder, stdin=pipe, stdout=pipe, text=True
            )
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(request) + "\n")
        process.stdin.flush()
        return process.stdout.readline()

    def _give_up(self) -> None:
        if self._process is not None:
            self._process.kill()
