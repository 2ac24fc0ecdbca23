"""The three clouds, each served by a process of its own: what their libraries do differently must not show."""

from __future__ import annotations

import io
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flyteidl.core import types_pb2
from support.flyte import DIRECTORY, FILE, RawFlyte

from bridge_core import Client, Config, EntityRef, LaunchRequest, NotFound, PermissionDenied

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

FRAME = types_pb2.LiteralType(structured_dataset_type=types_pb2.StructuredDatasetType(format="parquet"))


@pytest.fixture(params=["s3", "gcs", "azure"])
def config(request: pytest.FixtureRequest) -> Config:
    found: Config = request.getfixturevalue(f"{request.param}_config")
    return found


@pytest.fixture
def place(config: Config) -> str:
    """A folder of one test."""
    return f"{config.data_upload_location}/{uuid.uuid4().hex}"


def test_what_others_write_is_seen(config: Config, place: str) -> None:
    """fsspec remembers listings, and with them sizes: a stale one cuts what is read."""
    mine, theirs = Client(config).files, Client(config).files
    mine.put_raw_data(b"short", place, "x", skip_raw_data_prefix=True)
    assert mine.list_files(place) == [f"{place}/x"]
    theirs.put_raw_data(b"somewhat longer", place, "x", skip_raw_data_prefix=True)
    theirs.put_raw_data(b"new", place, "y", skip_raw_data_prefix=True)
    assert mine.open(f"{place}/x").read() == b"somewhat longer"
    assert mine.exists(f"{place}/y")
    assert mine.list_files(place) == [f"{place}/x", f"{place}/y"]
    theirs.remove(f"{place}/x")
    assert not mine.exists(f"{place}/x")


def test_objects_carry_who_wrote_them(config: Config, place: str, tmp_path: Path) -> None:
    files = Client(config).files
    (tmp_path / "file").write_bytes(b"file")
    for name, source in {"bytes": b"bytes", "file": tmp_path / "file", "stream": io.BytesIO(b"file")}.items():
        kept = {"flyte_run": "p/d/name", "dag-id": "täglich\nX-Header: 1"}
        uri = files.put_raw_data(source, place, name, skip_raw_data_prefix=True, metadata=kept)
        found = files.get_filesystem_for_path(uri).info(uri)
        found = found.get("metadata") or files.get_filesystem_for_path(uri).metadata(uri)
        told = {key.lower().replace("-", "_"): value for key, value in found.items()}
        assert told["flyte_run"] == "p/d/name"
        assert told["dag_id"] == "t?glich X-Header: 1"
        assert files.open(uri).read() == (b"bytes" if name == "bytes" else b"file")
    assert len(files.list_files(place)) == 3


def test_a_bucket_that_is_not_there(config: Config, tmp_path: Path) -> None:
    files, scheme = Client(config).files, config.data_upload_location.partition("://")[0]
    with pytest.raises(NotFound, match=r"/there cannot be written: there is no such bucket or container"):
        files.put_raw_data(b"x", f"{scheme}://nowhere", "there", skip_raw_data_prefix=True)
    with pytest.raises(NotFound, match=rf"nothing is stored at {scheme}://nowhere/there"):
        files.get(f"{scheme}://nowhere/there", tmp_path / "x")
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("ignore:Sending a large body:ResourceWarning")  # of aiohttp, to the stores' libraries
def test_large_files(config: Config, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(os.urandom(1 << 20) * 20)
    client = Client(config)
    ref = client.upload(tmp_path / "big")
    assert client.download(ref, tmp_path / "copy").read_bytes() == (tmp_path / "big").read_bytes()


def test_launched_with_files_there(config: Config, flyte_sandbox: Sandbox, tree: Path, tmp_path: Path) -> None:
    """Inputs go there by a launch; outputs that are there are read by the same client."""
    import pandas as pd

    flyte, name = flyte_sandbox.config(), "t" + uuid.uuid4().hex[:12]
    types: dict[str, Any] = {"one": FILE, "many": DIRECTORY, "table": FRAME}
    RawFlyte(flyte_sandbox.endpoint).register(name, types)
    there = {key: getattr(config, key) for key in ("data_upload_location", "s3", "gcs", "azure")}
    frame = pd.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    with Client(flyte.replace(**there)) as client:
        entity = EntityRef.launch_plan(name, version="v1")
        inputs = {"one": tree / "a.txt", "many": tree, "table": frame}
        ref = client.launch(LaunchRequest(entity, inputs=inputs, name=name))
        client.wait(ref, timeout=60).raise_for_phase()
        outs = client.outputs(ref)
        assert all(outs[key].uri.startswith(config.data_upload_location) for key in types)
        assert client.open(outs["one"]).read() == b"a"
        assert client.read_frame(outs["table"]).to_dict("list") == frame.to_dict("list")
        back = client.download(outs["many"], tmp_path / "back")
        assert sorted(p.relative_to(back).as_posix() for p in back.rglob("*") if p.is_file()) == [
            "a.txt", "deep/b.bin", "deep/er/grüße 100%.txt", "empty",
        ]  # fmt: skip
        info = client.files.get_filesystem_for_path(outs["one"].uri).info(outs["one"].uri)
        assert config.s3.endpoint or info["metadata"]["flyte_run"] == str(ref)


def test_google_without_credentials_is_not_anonymous(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """gcsfs would go on without any, and say "not found" where it should say "not allowed"."""
    pytest.importorskip("gcsfs", reason="gcsfs is not installed")
    for name, value in {"NO_GCE_CHECK": "true", "CLOUDSDK_CONFIG": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("GOOGLE_APPLICATION_CREDENTIALS", raising=False)
    files = Client(Config.for_endpoint("127.0.0.1:1", insecure=True, search_cwd=False)).files
    with pytest.raises(PermissionDenied, match=r"gs://: no usable credentials .*Config \(s3, gcs, azure\)"):
        files.exists("gs://bucket/x")


def test_azure_refuses_a_wrong_key(azure_config: Config) -> None:
    wrong = Client(azure_config.replace(azure={"storage_account_key": "d3Jvbmc="}))
    with pytest.raises(PermissionDenied, match=r"refuses access to abfs://bucket/x"):
        wrong.files.exists("abfs://bucket/x")
    with pytest.raises(PermissionDenied):
        wrong.files.exists("abfs://bucket/x", anonymous=True)
