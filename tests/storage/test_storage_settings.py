"""What each store is opened with, and what happens when one of many transfers fails."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from storage_support import SECRET
from support.flyte import RawFlyte

from bridge_core import AsyncClient, Client, Config, ConfigError, EntityRef, LaunchRequest
from bridge_core.config import AzureConfig, S3Config, Secret
from bridge_core.storage.filesystems import FileSystems
from bridge_core.transport.aio import AioTransport
from bridge_core.transport.blocking import BlockingTransport


def options(scheme: str, *, anonymous: bool = False, **parts: Any) -> dict[str, Any]:
    config = Config.for_endpoint("x:1", search_cwd=False, **parts)
    return FileSystems(config).options(scheme, anonymous=anonymous)


def test_what_each_store_is_opened_with() -> None:
    s3 = options(
        "s3",
        s3={
            "endpoint": "http://s",
            "access_key_id": "k",
            "secret_access_key": "v",
            "addressing_style": "path",
            "retries": 7,
        },
    )
    assert (s3["key"], s3["secret"], s3["client_kwargs"]) == ("k", "v", {"endpoint_url": "http://s"})
    assert s3["config_kwargs"]["s3"] == {"addressing_style": "path"}
    assert s3["config_kwargs"]["retries"]["max_attempts"] == 7
    bare = options("s3", anonymous=True, s3={"access_key_id": "k", "secret_access_key": "v"})
    assert bare["anon"]
    assert not {"key", "secret"} & bare.keys()
    azure = {
        "storage_account_name": "a",
        "storage_account_key": "k",
        "tenant_id": "t",
        "client_id": "c",
        "client_secret": "s",
    }
    fresh = {"use_listings_cache": False}
    assert options("abfs", azure=azure) == {
        "anon": False, "account_name": "a", "account_key": "k", "tenant_id": "t", "client_id": "c", "client_secret": "s", **fresh,
    }  # fmt: skip
    assert options("abfs", azure=azure, anonymous=True) == {"anon": True, "account_name": "a", **fresh}
    assert options("gs") == {"token": "google_default", **fresh}
    assert options("gs", anonymous=True) == {"token": "anon", **fresh}


def test_endpoints_of_ones_own(tmp_path: Path) -> None:
    """No token goes to an emulator, and none in clear text."""
    (tmp_path / "key.json").write_text("{}")
    key_file = {"credentials": str(tmp_path / "key.json")}
    assert options("gs", gcs={"endpoint": "http://g/"})["token"] == "anon"
    assert options("gs", gcs={"endpoint": "http://g/", **key_file})["token"] == "anon"
    assert options("gs", gcs={"endpoint": "https://g"})["token"] == "google_default"
    assert options("gs", gcs={"endpoint": "https://g/", **key_file}) == {
        "token": key_file["credentials"],
        "endpoint_url": "https://g",
        "use_listings_cache": False,
    }
    key = {"storage_account_name": "a", "storage_account_key": "k"}
    assert options("abfs", azure={"endpoint": "http://z/a/", **key})["connection_string"] == (
        "BlobEndpoint=http://z/a;AccountName=a;AccountKey=k"
    )
    assert (
        options("abfs", azure={"endpoint": "z.blob.core.chinacloudapi.cn"})["account_host"]
        == "z.blob.core.chinacloudapi.cn"
    )
    assert options("abfs", anonymous=True, azure={"endpoint": "http://z/a", **key})["connection_string"] == (
        "BlobEndpoint=http://z/a"
    )
    with pytest.raises(ConfigError, match=r"azure\.endpoint http://z is not https"):
        options("abfs", azure={"endpoint": "http://z"})


def test_credentials_of_google_where_a_file_is_wanted_are_shown_to_nobody() -> None:
    with pytest.raises(ConfigError, match=r"gcs\.credentials holds credentials themselves") as pasted:
        Config.for_endpoint("x:1", search_cwd=False, gcs={"credentials": '{"private_key": "SECRET-KEY"}'})
    with pytest.raises(ConfigError, match=r"gcs\.credentials \(from argument\) names no file") as token:
        options("gs", gcs={"credentials": "SECRET-KEY"})
    assert "SECRET-KEY" not in str(pasted.value) + str(token.value)


@pytest.mark.parametrize(
    "told",
    [
        {"s3": {"secret_access_key": "SECRET-KEY"}},
        {"s3": S3Config(secret_access_key="SECRET-KEY")},  # type: ignore[arg-type]
        {"azure": {"storage_account_key": "SECRET-KEY"}},
        {"azure": {"client_secret": "SECRET-KEY"}},
        {"azure": AzureConfig(client_secret="SECRET-KEY")},  # type: ignore[arg-type]
        {"auth": {"client_secret": "SECRET-KEY"}},
    ],
)
def test_a_secret_is_shown_to_nobody_whichever_way_it_came(told: dict[str, Any]) -> None:
    plain = Config.for_endpoint("x:1", search_cwd=False)
    for config in (plain.replace(**told), Config.for_endpoint("x:1", search_cwd=False, **told)):
        assert "SECRET-KEY" not in repr(config) + str(config) + repr(Client(config))
        with pytest.raises(ConfigError, match="by value") as caught:
            config.to_mapping()
        assert "SECRET-KEY" not in str(caught.value)


def test_what_is_no_secret_is_refused_by_its_type() -> None:
    with pytest.raises(ConfigError, match=r"s3\.secret_access_key must be a Secret or a text, got list"):
        Config.for_endpoint("x:1", search_cwd=False).replace(s3={"secret_access_key": ["SECRET-KEY"]})


def test_secrets_are_read_when_they_are_needed(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from file\n")
    config = Config.for_endpoint(
        "x:1", search_cwd=False, s3={"access_key_id": "k", "secret_access_key": {"location": str(tmp_path / "key")}}
    )
    assert FileSystems(config).options("s3")["secret"] == "from file"
    (tmp_path / "key").unlink()
    with pytest.raises(ConfigError, match="cannot be read"):
        Client(config).files.exists("s3://b/x")


FORK = """
import json, os, sys
from bridge_core import Client, Config
files = Client(Config.from_mapping(json.loads(sys.argv[1]))).files
uri = files.put_raw_data(b"parent", "", "fork.txt")
child = os.fork()
if child == 0:
    print(files.open(uri).read().decode(), flush=True)
    os._exit(0)
sys.exit(os.waitpid(child, 0)[1])
"""


def test_a_forked_child_opens_stores_of_its_own(s3_config: Config) -> None:
    """In a process of its own: the threads of other tests do not survive a fork either."""
    secret = {"env_var": "STORE_SECRET"}
    mapping = s3_config.replace(s3={"secret_access_key": Secret(**secret)}).to_mapping()
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORK, json.dumps(mapping)],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, "STORE_SECRET": SECRET},
    )
    assert (run.returncode, run.stdout) == (0, "parent\n"), run.stderr


class Work:
    """Counts how many run at once; number 3 fails."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self.running = self.most = 0
        self.lock = threading.Lock()

    def enter(self, number: int) -> None:
        with self.lock:
            self.begun.append(number)
            self.running += 1
            self.most = max(self.most, self.running)

    def leave(self, number: int) -> int:
        with self.lock:
            self.running -= 1
        if number == 3:
            raise ValueError("three")
        return number * 10


@pytest.mark.parametrize("kind", ["blocking", "aio"])
def test_many_calls_at_once_in_order_and_the_first_error_ends_the_rest(kind: str) -> None:
    config, work = Config.for_endpoint("x:1", search_cwd=False), Work()
    transport: Any = BlockingTransport(config) if kind == "blocking" else AioTransport(config)

    async def call(number: int) -> int:
        work.enter(number)
        await transport.sleep(0.01)
        return work.leave(number)

    def run(items: list[int]) -> list[int]:
        async def main() -> list[int]:
            found: list[int] = await transport.map_calls(call, items, limit=2)
            return found

        if kind == "aio":
            return asyncio.run(main())
        from bridge_core._blocking import run_blocking

        return run_blocking(main())

    assert run([0, 1, 2, 4, 5]) == [0, 10, 20, 40, 50]
    assert work.most <= 2
    assert run([7]) == [70]
    assert run([]) == []
    work.begun.clear()
    with pytest.raises(ValueError, match="three"):
        run([3, *range(100, 150)])
    assert len(work.begun) < 20


def test_a_codec_of_the_client(flyte_sandbox: Any) -> None:
    from flyteidl.core import types_pb2

    class Meters:
        def __init__(self, n: int) -> None:
            self.n = n

    codec = Client(flyte_sandbox.config()).codec.with_type(Meters, to_literal=lambda m: m.n, from_literal=Meters)
    raw = RawFlyte(flyte_sandbox.endpoint)
    raw.register("meters", {"n": types_pb2.LiteralType(simple=types_pb2.INTEGER)})
    request = LaunchRequest(EntityRef.launch_plan("meters", version="v1"), inputs={"n": Meters(7)}, name="meters")
    with Client(flyte_sandbox.config(), codec=codec) as client:
        ref = client.launch(request)
        client.wait(ref, timeout=60).raise_for_phase()
        assert client.codec.as_type(client.outputs(ref)["n"], Meters).n == 7

    async def main() -> int:
        async with AsyncClient(flyte_sandbox.config(), codec=codec) as client:
            return int((await client.outputs(ref))["n"]) if await client.launch(request) == ref else 0

    assert asyncio.run(main()) == 7


class Meeting:
    """A stream that gives nothing until as many others are being read."""

    def __init__(self, barrier: threading.Barrier) -> None:
        self._barrier: threading.Barrier | None = barrier

    def read(self, size: int = -1) -> bytes:
        barrier, self._barrier = self._barrier, None
        if barrier is not None:
            barrier.wait(20)
            return b"met"
        return b""


def test_sixteen_transfers_at_once_on_a_loop_and_no_thread_after(local: Client) -> None:
    barrier = threading.Barrier(16)

    def ours() -> set[threading.Thread]:
        return {thread for thread in threading.enumerate() if thread.name.startswith("flyte-bridge-io")}

    async def main() -> set[threading.Thread]:
        async with AsyncClient(local.config) as client:
            sent = [client.files.put_raw_data(Meeting(barrier), "m", str(n)) for n in range(16)]  # type: ignore[arg-type]
            await asyncio.gather(*sent)
            assert len(await client.files.list_files(f"{local.config.data_upload_location}/m")) == 16
            return ours()

    before = ours()
    used = asyncio.run(main()) - before
    assert len(used) == 16
    for thread in used:
        thread.join(20)
    assert not used & ours()


FORKED_LOOP = """
import asyncio, os, sys
from bridge_core import AsyncClient, Config
client = AsyncClient(Config.for_endpoint("127.0.0.1:1", insecure=True, search_cwd=False, data_upload_location=sys.argv[1]))
asyncio.run(client.files.put_raw_data(b"parent", "", "x"))
child = os.fork()
if child == 0:
    print(asyncio.run(client.files.exists(sys.argv[1] + "/x")), flush=True)
    os._exit(0)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_a_forked_child_has_threads_of_its_own(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED_LOOP, str(tmp_path)], capture_output=True, text=True, timeout=60
    )
    assert (run.returncode, run.stdout) == (0, "True\n"), run.stderr
