"""Temporary folders on a disk that is full, or cannot be written: an error that says so, and nothing is sent."""

from __future__ import annotations

import subprocess
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from flyteidl.core import types_pb2
from support.flyte import RawFlyte

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

FRAME = types_pb2.LiteralType(structured_dataset_type=types_pb2.StructuredDatasetType())

SCRIPT = """
import io, resource, signal, sys, tempfile
from bridge_core import Client, Config, InvalidRequest, LaunchRequest
endpoint, what, workflow, place = sys.argv[1:]
values = {}
if what in ("pandas", "polars"):
    import random
    frames = __import__(what)
    values = {"x": frames.DataFrame({"a": [random.random() for _ in range(500_000)]})}
if what in ("nowhere", "sandbox_path"):
    tempfile.tempdir = place + "/nothing"
else:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
local = {"local": {"sandbox_path": place + "/file/below"}} if what == "sandbox_path" else {}
config = Config.for_sandbox(endpoint=endpoint, **local)
with Client(config) as flyte:
    try:
        if what in ("stream", "nowhere"):
            flyte.files.put_raw_data(io.BytesIO(bytes(5 << 20)))
        elif what == "bytes":
            flyte.files.put_raw_data(bytes(5 << 20))
        elif what == "sandbox_path":
            flyte.files.get_random_local_directory()
        else:
            flyte.launch(LaunchRequest("launch_plan:" + workflow, inputs=values, name=workflow))
    except InvalidRequest as error:
        print(error)
"""


@pytest.mark.parametrize("what", ["pandas", "polars", "stream", "bytes", "nowhere", "sandbox_path"])
def test_a_full_disk_is_said(flyte_sandbox: Sandbox, tmp_path: Path, what: str) -> None:
    """A limit on the size of files stands for the disk: both fail a write in the middle."""
    name = "t" + uuid.uuid4().hex[:12]
    raw = RawFlyte(flyte_sandbox.endpoint)
    raw.register(name, {"x": FRAME})
    (tmp_path / "file").write_text("x")
    run = subprocess.run(
        [sys.executable, "-c", SCRIPT, flyte_sandbox.endpoint, what, name, str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={"PATH": "", "TMPDIR": str(tmp_path)},
    )
    assert run.returncode == 0, run.stderr
    assert "cannot be written" in run.stdout, run.stderr
    if what not in ("stream", "sandbox_path"):
        assert "set TMPDIR to a folder on another disk" in run.stdout
    if what in ("pandas", "polars"):
        assert run.stdout.startswith("inputs.x: ")
        assert name not in {item.id.name for item in raw.executions()}
    assert sorted(item.name for item in tmp_path.iterdir()) == ["file"], "nothing is left behind"
