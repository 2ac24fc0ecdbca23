"""The embedded Flyte as a process of its own: started, waited for, stopped."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from ..config import Config
from ..model.errors import Unavailable

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SandboxProcess"]

_PATIENCE = 60.0
_READY = re.compile(r"(127\.0\.0\.1:\d+).*?(http://127\.0\.0\.1:\d+)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class SandboxProcess:
    """A running ``python -m bridge_core.sandbox``."""

    process: subprocess.Popen[bytes]
    endpoint: str
    console_url: str

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @classmethod
    def start(cls, data_dir: Path, *arguments: str) -> Self:
        """Starts one on free ports and waits until it says that it is ready.

        Raises:
            Unavailable: It ended, or said nothing for a minute; with what it printed.
        """
        data_dir.mkdir(parents=True, exist_ok=True)
        log = data_dir.with_suffix(".log")
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        command = [sys.executable, "-m", "bridge_core.sandbox", "--port", "0", "--http-port", "0"]
        with log.open("wb") as out:
            process = subprocess.Popen(
                [*command, "--data-dir", str(data_dir), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,  # Ctrl-C of the caller is not meant for it: KEEP=1 leaves it running
            )
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline and process.poll() is None:
            if found := _READY.search(log.read_text(errors="replace")):
                return cls(process, found[1], found[2])
            time.sleep(0.1)
        process.kill()
        process.wait()
        raise Unavailable(f"the embedded Flyte did not start; it said:\n{log.read_text(errors='replace')[-3000:]}")

    def config(self) -> Config:
        """How to reach it."""
        return Config.for_endpoint(
            self.endpoint,
            insecure=True,
            project="flytesnacks",
            domain="development",
            console_endpoint=self.console_url,
        )

    def stop(self) -> None:
        """Ends it and waits for that."""
        self.process.terminate()
        self.process.wait(_PATIENCE)

    def kill(self) -> None:
        """SIGKILL, for tests of what survives it."""
        self.process.kill()
        self.process.wait(_PATIENCE)
