"""The user's interpreter at work: a process that imports their code, so that this one never does.

It gets an environment of its own: code that is only to be serialised has no business with what this process may do (the
connections of an Airflow worker, cloud keys, Flyte's credentials).
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any, Self

from ..model.errors import ConfigError, InvalidRequest
from ..storage.scratch import make_folder

__all__ = ["Interpreter", "environment_of_code"]

_ALLOWED = frozenset({
    "PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP", "SHELL", "VIRTUAL_ENV", "CONDA_PREFIX",
    "PYTHONPATH", "PYTHONHOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT",
})  # fmt: skip
_FOR_IMAGES = ("DOCKER_", "BUILDKIT_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")
_TOLD = 4000
"""Characters of what it printed that an error shows."""
_GRACE = 5.0


class Interpreter:
    """One process. A context manager.

    Args:
        python: Path of the interpreter.
        script: What it runs.
        sdk: What the script needs: ``"flytekit"``.
        origin: What is imported, for messages.
        cwd: Its working directory.
        patience: Seconds for each answer.
        builds_images: Whether its SDK may need what builds images: Docker's settings and proxies.
    """

    def __init__(
        self,
        python: str,
        script: Path,
        *,
        sdk: str,
        origin: str,
        cwd: Path,
        patience: float,
        builds_images: bool = False,
    ) -> None:
        self.python = python
        self._sdk = sdk
        self._origin = origin
        self._patience = patience
        self.started = time.time()
        # flytekit makes a folder there whenever it is imported, and leaves it.
        self._temporary = make_folder()
        self._printed: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed in `close`
        environment = environment_of_code(os.environ, builds_images=builds_images)
        try:
            self._process = subprocess.Popen(
                [_placed(python), "-u", str(script)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._printed,
                cwd=cwd,
                env={**environment, "TMPDIR": str(self._temporary)},
                start_new_session=True,  # a Ctrl-C is ours to answer
            )
        except OSError as error:
            self._printed.close()
            shutil.rmtree(self._temporary, ignore_errors=True)
            raise ConfigError(f"the interpreter {python} cannot be started: {error.strerror or error}") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ask(self, op: str, **arguments: Any) -> dict[str, Any]:
        """Sends one command and reads its answer.

        Raises:
            InvalidRequest: The code cannot be imported or serialised, and why; or the process ended, or gave no answer in time,
                and the end of what it printed.
            ConfigError: The interpreter lacks the SDK.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps({"op": op, **arguments}).encode() + b"\n")
            self._process.stdin.flush()
        except OSError:
            raise self._ended() from None
        line = self._line()
        if not line.endswith(b"\n"):
            raise self._ended()
        answer: dict[str, Any] = json.loads(line)
        if answer["ok"]:
            return answer
        if answer["kind"] == "sdk":
            raise ConfigError(
                f"the interpreter {self.python} cannot import {self._sdk} ({answer['error']}); name one that can with "
                "python='/path/to/venv/bin/python' (on the command line: --python)"
            )
        if answer["kind"] == "root":
            raise InvalidRequest(f"{answer['error']}; choose a source_root= above it")
        raise InvalidRequest(f"{self._origin} cannot be imported or serialised by {self.python}:\n{answer['error']}")

    def close(self) -> None:
        """Ends the process and what it started."""
        process = self._process
        with contextlib.suppress(OSError):
            assert process.stdin is not None
            process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, 9)
        process.wait()
        if process.stdout is not None:
            process.stdout.close()
        self._printed.close()
        shutil.rmtree(self._temporary, ignore_errors=True)

    def printed(self) -> str:
        """The end of what user code printed."""
        size = self._printed.seek(0, os.SEEK_END)
        self._printed.seek(max(0, size - _TOLD))
        return self._printed.read().decode(errors="replace").strip()

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        end, parts = time.monotonic() + self._patience, []
        descriptor = self._process.stdout.fileno()
        while True:
            left = end - time.monotonic()
            if left <= 0 or not select.select([descriptor], [], [], left)[0]:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(self._process.pid, 9)
                raise InvalidRequest(
                    f"{self.python} gave no answer within {self._patience:g} s while it imported or serialised the code; does "
                    f"the code wait for something when it is imported? The end of what it printed: {self.printed() or 'nothing'}"
                )
            part = os.read(descriptor, 1 << 16)
            parts.append(part)
            if not part or part.endswith(b"\n"):
                return b"".join(parts)

    def _ended(self) -> InvalidRequest:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE)
        return InvalidRequest(
            f"{self.python} ended (exit code {self._process.poll()}) while it imported or serialised the code. The end of "
            f"what it printed: {self.printed() or 'nothing'}"
        )


def environment_of_code(environ: Mapping[str, str], *, builds_images: bool = False) -> dict[str, str]:
    """An allow-list: what an interpreter needs to run, and nothing that opens doors."""
    out = {name: value for name, value in environ.items() if name in _ALLOWED or name.startswith("LC_")}
    if builds_images:
        out |= {name: value for name, value in environ.items() if name.startswith(_FOR_IMAGES)}
    return {**out, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}


def _placed(python: str) -> str:
    """A path is the caller's, and not one below the source, where the process runs. No link is followed: a virtual environment's
    interpreter is one.
    """
    return str(Path.cwd() / python) if os.sep in python else python
