"""Calls that are given up, wait for their turn, or end in odd ways: what becomes of them at the connector's end."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from bridge_core import SecretNotFound
from bridge_core.connector import AsyncConnector, Resource, connector_secret

from .factory import Job

META = b'{"key": "1"}'


class Watched(AsyncConnector[Job]):
    """Remembers what became of its calls."""

    metadata_type = Job

    def __init__(self, task_type):
        super().__init__(task_type_name=task_type)
        self.begun = self.cancelled = self.most = self.now = 0
        self.go_on = threading.Event()
        self._lock = threading.Lock()

    def create(self, **_):
        return Job("1")

    def delete(self, resource_meta):
        pass


class Waits(Watched):
    async def get(self, resource_meta):
        self.begun += 1
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return Resource("running")


class Works(Watched):
    """With a plain method, which no one can stop."""

    def get(self, resource_meta):
        with self._lock:
            self.begun += 1
            self.now += 1
            self.most = max(self.most, self.now)
        self.go_on.wait(20)
        with self._lock:
            self.now -= 1
        return Resource("running", "at work")


class Later(Watched):
    """A plain method that gives a coroutine."""

    def get(self, resource_meta):
        async def found():
            await asyncio.sleep(0)
            return Resource("running", "later")

        return found()


class Odd(Watched):
    async def get(self, resource_meta):
        raise asyncio.CancelledError


class Busy(Watched):
    """Never lets its loop sleep."""

    async def get(self, resource_meta):
        if not self.begun:
            self.begun += 1
            self._task = asyncio.get_running_loop().create_task(self._spin())
        return Resource("running", "at work")

    async def _spin(self):
        while not self.go_on.is_set():  # noqa: ASYNC110 - what it is here for
            await asyncio.sleep(0)


def until(what):
    end = time.monotonic() + 20
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.parametrize(("service", "caller"), [(0.3, 20), (20, 0.3)], ids=["the service's time", "the caller's time"])
def test_a_coroutine_whose_time_is_up_is_cancelled(serve, refused, service, caller):
    waits = Waits("waits")
    asked = serve(waits, timeout=service)
    assert refused(asked.get, "waits", META, timeout=caller)[0] == "DEADLINE_EXCEEDED"
    until(lambda: waits.cancelled == 1)
    assert waits.begun == 1


def test_plain_methods_wait_for_their_turn_and_are_not_begun_when_nobody_waits(serve, refused):
    works = Works("works")
    asked = serve(works, timeout=20, workers=2)
    with ThreadPoolExecutor(8) as pool:
        two = [pool.submit(asked.get, "works", META) for _ in range(2)]
        until(lambda: works.begun == 2)
        gone = [pool.submit(refused, asked.get, "works", META, timeout=0.3) for _ in range(3)]
        assert {one.result()[0] for one in gone} == {"DEADLINE_EXCEEDED"}
        two += [pool.submit(asked.get, "works", META) for _ in range(3)]
        time.sleep(0.3)
        assert works.begun == 2
        works.go_on.set()
        assert {one.result().message for one in two} == {"at work"}
    assert (works.begun, works.most) == (5, 2)


def test_a_plain_method_may_give_a_coroutine(serve):
    assert serve(Later("later")).get("later", META).message == "later"


def test_a_loop_that_never_sleeps_answers_nevertheless(serve):
    busy = Busy("busy")
    asked = serve(busy)
    try:
        assert {asked.get("busy", META).message for _ in range(20)} == {"at work"}
    finally:
        busy.go_on.set()


def test_a_connector_that_cancels_itself_is_one_that_failed(serve, refused):
    asked = serve(Odd("odd"), Later("later"))
    code, text = refused(asked.get, "odd", META)
    assert code == "INTERNAL"
    assert "CancelledError" in text
    assert asked.get("later", META).message == "later"


def test_secrets_come_from_the_environment_or_a_file_and_may_be_rotated(tmp_path, monkeypatch):
    monkeypatch.setenv("FLYTE_SECRETS_DEFAULT_DIR", str(tmp_path))
    (tmp_path / "warehouse").mkdir()
    file = tmp_path / "warehouse" / "token"
    with pytest.raises(SecretNotFound, match=str(file)):
        connector_secret("token", "warehouse")
    file.write_text("from-a-file\n")
    assert connector_secret("token", "warehouse") == "from-a-file"
    file.write_text("rotated-since\n")
    assert connector_secret("token", "warehouse") == "rotated-since"
    monkeypatch.setenv("_FSEC_WAREHOUSE_TOKEN", "of-the-environment")
    assert connector_secret("token", "warehouse") == "of-the-environment"
