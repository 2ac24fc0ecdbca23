"""The embedded Flyte as a process of its own: started, waited for, stopped."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Self

from ..config import Config
from ..model.errors import ConfigError, Unavailable

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SandboxProcess", "check_parts"]

_PATIENCE = 60.0
_READY = re.compile(
    r"gRPC (127\.0\.0\.1:\d+).*?(http://127\.0\.0\.1:\d+).*?\n(?:Flyte 2: (127\.0\.0\.1:\d+)|[^\n]*Flyte 2[^\n]*\n)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class SandboxProcess:
    """A running ``python -m bridge_core.sandbox``."""

    process: subprocess.Popen[bytes]
    endpoint: str
    console_url: str
    flyte2_endpoint: str
    """Empty: Flyte 2 is off there, because what it needs is not installed."""

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    @classmethod
    def start(cls, data_dir: Path, *arguments: str, outlives_us: bool = True) -> Self:
        """Starts one on free ports of the loopback interface and waits until it says that it is ready.

        Args:
            data_dir: Where it keeps everything; what it prints goes to a file beside it.
            *arguments: More of ``python -m bridge_core.sandbox``.
            outlives_us: False: it is killed when this thread ends, even when this process is killed (on Linux).

        Raises:
            ConfigError: A part of this installation is missing.
            Unavailable: It ended, or said nothing for a minute; with what it printed.
        """
        check_parts()
        data_dir.mkdir(parents=True, exist_ok=True)
        log = data_dir.with_suffix(".log")
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        command = [sys.executable, "-m", "bridge_core.sandbox", "--port", "0", "--http-port", "0"]
        command += ["--data-dir", str(data_dir), *arguments]
        if not outlives_us:
            from ..sandbox.runner.process import dying_with_us

            command = dying_with_us(command)
        with log.open("wb") as out:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,  # Ctrl-C of the caller is not meant for it: KEEP=1 leaves it running
            )
        deadline = time.monotonic() + _PATIENCE
        try:
            while time.monotonic() < deadline and process.poll() is None:
                if found := _READY.search(log.read_text(errors="replace")):
                    return cls(process, found[1], found[2], found[3] or "")
                time.sleep(0.1)
        except BaseException:  # Ctrl-C: nobody else knows of it yet
            process.kill()
            raise
        process.kill()
        process.wait()
        raise Unavailable(f"the embedded Flyte did not start; it said:\n{log.read_text(errors='replace')[-3000:]}")

    def config(self, flyte_version: int = 1) -> Config:
        """How to reach it. Asks neither environment nor files: they are about another Flyte."""
        return Config.from_mapping(
            {
                "endpoint": self.endpoint if flyte_version == 1 else self.flyte2_endpoint,
                "flyte_version": flyte_version,
                "insecure": True,
                "project": "flytesnacks",
                "domain": "development",
                "console_endpoint": self.console_url,
            }
        )

    def stop(self) -> None:
        """Ends it and waits for that."""
        self.process.terminate()
        self.process.wait(_PATIENCE)

    def kill(self) -> None:
        """SIGKILL, for tests of what survives it."""
        self.process.kill()
        self.process.wait(_PATIENCE)


def check_parts() -> None:
    """Makes sure that this installation can run an embedded Flyte.

    Raises:
        ConfigError: It cannot; says what is missing and how to get it.
    """
    if find_spec("bridge_core.sandbox") is None:
        raise ConfigError(
            "the embedded Flyte is not installed here (there is no bridge_core.sandbox): pip install 'flyte-bridge[sandbox]'"
        )
    if find_spec("_sqlite3") is None:
        raise ConfigError(
            f"the embedded Flyte keeps its records in SQLite, and {sys.executable} was built without it: use another Python, "
            "one of your system's packages for instance"
        )
