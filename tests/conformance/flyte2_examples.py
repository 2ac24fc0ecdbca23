"""Runs examples of the flyte SDK with ``flyte run`` against a sandbox and compares what they put out with a local run.

flyte2_examples.py EXAMPLES_DIR [--only PATTERN]: the directory is ``examples`` of a checkout of flyte-sdk. Which tasks, with
which arguments, and how each is meant to end: `flyte2_sdk/examples.toml`. Exit code 1 when one ends otherwise.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path
from typing import Any

import grpc
from flyteidl2.common import identifier_pb2
from flyteidl2.workflow import run_service_pb2

from bridge_core.sandbox import Sandbox

HERE = Path(__file__).parent / "flyte2_sdk"
_RUN = re.compile(r"/runs?/([a-z][-a-z0-9]*)")
_SECONDS = 240.0
_ENTRY_POINT = "[flyte.plugins.image_builders]\nnone = flyte2_no_builder:NoBuilder\n"


class Bench:
    """A sandbox, and what the SDK is told about it."""

    def __init__(self, sandbox: Sandbox, home: Path) -> None:
        self.sandbox = sandbox
        self.home = home
        plugins = home / "plugins"
        (plugins / "flyte2_no_builder-0.dist-info").mkdir(parents=True)
        (plugins / "flyte2_no_builder-0.dist-info" / "entry_points.txt").write_text(_ENTRY_POINT)
        (plugins / "flyte2_no_builder-0.dist-info" / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: flyte2-no-builder\nVersion: 0\n"
        )
        (plugins / "flyte2_no_builder.py").write_text((HERE / "builder.py").read_text())
        self.config = home / "config.yaml"
        self.config.write_text(
            f"admin:\n  endpoint: dns:///{sandbox.flyte2_endpoint}\n  insecure: true\n"
            "image:\n  builder: none\ntask:\n  org: local\n  project: flytesnacks\n  domain: development\n"
        )
        self.env = {
            **os.environ,
            "HOME": str(home),
            "PYTHONPATH": str(plugins),
            "FLYTECTL_CONFIG": str(self.config),
            "UCTL_CONFIG": str(self.config),
            "DO_NOT_TRACK": "1",
            "COMPARE_ENDPOINT": sandbox.flyte2_endpoint,
            "FLYTE_AWS_ENDPOINT": f"http://127.0.0.1:{sandbox.http_port}",
            "FLYTE_AWS_ACCESS_KEY_ID": "minio",
            "FLYTE_AWS_SECRET_ACCESS_KEY": "miniostorage",
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }
        self._channel = grpc.insecure_channel(sandbox.flyte2_endpoint)

    def run(self, example: dict[str, Any], examples: Path) -> str:
        """Starts an example; the name of its run."""
        file = examples / example["file"]
        command = ["flyte", "--config", str(self.config), "run", file.name, example["task"], *example.get("args", ())]
        done = self._process(command, file.parent)
        found = _RUN.search(done)
        if found is None:
            raise RuntimeError(f"no run was made: {done[-1500:]}")
        return found[1]

    def wait(self, run: str, *, signals: bool) -> str:
        """How a run ends; conditions on the way are answered with True."""
        root = identifier_pb2.ActionIdentifier(run=_id(run), name="a0")
        give_up = time.monotonic() + _SECONDS
        while time.monotonic() < give_up:
            details = self._call("GetActionDetails", run_service_pb2.GetActionDetailsRequest(action_id=root)).details
            if details.status.phase in (5, 6, 7, 8, 10):
                text = details.error_info.message
                return {5: "succeeded", 6: "failed", 7: "aborted"}.get(details.status.phase, "?") + (
                    f": {text}" if text else ""
                )
            if signals:
                self._signal(run)
            time.sleep(0.3)
        return f"still going after {_SECONDS:g} s"

    def compare(self, run: str, example: dict[str, Any], examples: Path) -> dict[str, Any]:
        """What the run put out beside a local run."""
        file = examples / example["file"]
        done = self._process([sys.executable, str(HERE / "compare.py"), run, str(file), example["task"]], file.parent)
        lines = [line for line in done.splitlines() if line.startswith('{"equal"')]
        return json.loads(lines[-1]) if lines else {"equal": False, "remote": "?", "local": done[-700:]}

    def close(self) -> None:
        self._channel.close()

    def _process(self, command: list[str], cwd: Path) -> str:
        done = subprocess.run(
            command, cwd=cwd, env=self.env, capture_output=True, text=True, timeout=_SECONDS, stdin=subprocess.DEVNULL
        )
        return done.stdout + done.stderr

    def _signal(self, run: str) -> None:
        listed = self._call("ListActions", run_service_pb2.ListActionsRequest(run_id=_id(run)))
        for action in listed.actions:
            if action.status.phase == 9:
                request = run_service_pb2.SignalEventRequest(action_id=action.id)
                request.payload.bool_value = True
                self._call("SignalEvent", request)

    def _call(self, method: str, request: Any) -> Any:
        answer = getattr(run_service_pb2, f"{method}Response").FromString
        call = self._channel.unary_unary(
            f"/flyteidl2.workflow.RunService/{method}", lambda message: message.SerializeToString(), answer
        )
        return call(request, timeout=30)


def _id(run: str) -> Any:
    return identifier_pb2.RunIdentifier(project="flytesnacks", domain="development", name=run)


def result_of(bench: Bench, example: dict[str, Any], examples: Path) -> tuple[bool, str]:
    """Whether an example ended as it is meant to, and how it ended."""
    try:
        run = bench.run(example, examples)
        end = bench.wait(run, signals=example.get("signals", False))
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        return False, str(error)[-600:]
    wanted = example.get("end", "succeeded")
    if end.partition(":")[0] != wanted:
        return False, end[:600]
    if wanted != "succeeded" or "not_compared" in example:
        return True, end[:200]
    try:
        found = bench.compare(run, example, examples)
    except subprocess.TimeoutExpired:
        return False, "the local run took too long"
    if found["equal"]:
        return True, f"succeeded, equal: {found['remote'][:120]}"
    return False, f"outputs differ: there {found['remote']}, locally {found['local']}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("examples", type=Path)
    parser.add_argument("--only", default="")
    parser.add_argument("--isolation", default="fork")
    options = parser.parse_args()
    listed = tomllib.loads((HERE / "examples.toml").read_text())["example"]
    chosen = [one for one in listed if re.search(options.only, f"{one['file']}:{one['task']}")]
    missed = 0
    with (
        tempfile.TemporaryDirectory() as home,
        Sandbox(
            prompt=True, crash_limit=3, isolation=options.isolation, images={"alpine:*": []}, storage="s3"
        ) as sandbox,
    ):
        bench = Bench(sandbox, Path(home))
        for example in chosen:
            start = time.monotonic()
            fits, how = result_of(bench, example, options.examples.absolute())
            missed += not fits
            took = time.monotonic() - start
            print(
                f"{'ok    ' if fits else 'MISSED'} {example['file']}:{example['task']} ({took:.0f} s) {how}", flush=True
            )
        bench.close()
    print(f"{len(chosen) - missed} of {len(chosen)} ended as they are meant to")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
