"""`run_many`: results as runs end, at most so many of them at once; `LaunchRequest.zipped`; the label of a batch."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from support.flyte import INTEGER, STRING, RawFlyte

from bridge_core import (
    AlreadyExists,
    AsyncClient,
    Client,
    EntityNotFound,
    EntityRef,
    InvalidRequest,
    LaunchRequest,
    RunPhase,
    RunQuery,
    WaitTimeout,
)

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox


def requests(workflow: str, count: int, **columns: Any) -> list[LaunchRequest]:
    return LaunchRequest.zipped(workflow, {"n": range(count), **columns}, name=workflow)


def test_zipped_names_runs_after_batch_and_place(client: Client, raw: RawFlyte, name: str) -> None:
    raw.register(name, {"n": INTEGER, "s": STRING})
    batch = requests(name, 3, s=["a", "b", "c"])
    assert [dict(item.inputs) for item in batch] == [{"n": 0, "s": "a"}, {"n": 1, "s": "b"}, {"n": 2, "s": "c"}]
    assert client.launch_many(batch) == client.launch_many(batch), "twice is once"
    with pytest.raises(AlreadyExists, match="with other inputs"):
        client.launch_many(requests(name, 3, s=["a", "b", "other"]))
    with pytest.raises(InvalidRequest, match="columns of one length are wanted: n has 3, s has 2"):
        requests(name, 3, s=["a", "b"])
    with pytest.raises(InvalidRequest, match="column 's': wanted a list of values"):
        requests(name, 3, s="abc")
    with pytest.raises(InvalidRequest, match="input 'n' is given both"):
        LaunchRequest.zipped(name, {"n": [1]}, inputs={"n": 2})
    assert LaunchRequest.zipped(name, {"n": []}) == []


def test_results_come_as_runs_end(client: Client, raw: RawFlyte, name: str) -> None:
    raw.register(name, {"n": INTEGER})
    raw.register(name + "held", {"n": INTEGER}, gate="approve")
    batch = [LaunchRequest(name + "held", inputs={"n": 9}, name=name), *requests(name, 3)]
    seen = []
    for result in client.run_many(batch, timeout=60, poll_interval=0.1):
        assert result.request is batch[result.number]
        assert result.snapshot is not None
        assert result.ref == result.snapshot.ref
        seen.append((result.number, result.snapshot.phase))
        if len(seen) == 3:
            raw.approve(name, value=False)  # a run that ends badly is a result like others
    assert {*seen[:3]} == {(number, RunPhase.SUCCEEDED) for number in (1, 2, 3)}
    assert seen[3:] == [(0, RunPhase.FAILED)]


def test_at_most_so_many_run_at_once(client: Client, raw: RawFlyte, name: str) -> None:
    """Held runs: what is launched at any moment is what goes at that moment."""
    raw.register(name, {"n": INTEGER}, gate="approve")
    taken: list[int] = []

    def lazily() -> Iterator[LaunchRequest]:
        for item in requests(name, 7):
            taken.append(len(taken))
            yield item

    found: list[int] = []
    going: list[int] = []

    def consume() -> None:
        for result in client.run_many(lazily(), concurrency=2, group_name=name, timeout=60, poll_interval=0.05):
            found.append(result.number)  # noqa: PERF401  # read meanwhile

    def active() -> list[str]:
        query = RunQuery(labels={"flyte-bridge-group": name}, phases=(RunPhase.RUNNING, RunPhase.QUEUED))
        with Client(client.config) as other:
            return [snapshot.ref.name for snapshot in other.list_runs(query=query)]

    consumer = threading.Thread(target=consume)
    consumer.start()
    while consumer.is_alive():
        names = active()
        going.append(len(names))
        assert len(taken) <= len(found) + 3, "requests are taken as there is room, not all at once"
        if names:
            raw.approve(names[0])
    consumer.join()
    assert sorted(found) == list(range(7))
    assert max(going) <= 2


def test_in_order_and_with_what_went_wrong(client: Client, raw: RawFlyte, name: str) -> None:
    raw.register(name, {"n": INTEGER})
    batch: list[LaunchRequest | EntityRef | str] = [*requests(name, 2), name + "nothere", *requests(name, 2)]
    found = list(client.run_many(batch, in_order=True, return_exceptions=True, timeout=60, poll_interval=0.1))
    assert [item.number for item in found] == [0, 1, 2, 3, 4]
    assert isinstance(found[2].error, EntityNotFound)
    assert found[2].ref is None
    assert (found[0].ref, found[1].ref) == (found[3].ref, found[4].ref), "equal names are one run"
    with pytest.raises(EntityNotFound):
        list(client.run_many(batch, timeout=60))
    assert list(client.run_many([])) == []


def test_time_that_is_over_aborts_nothing(client: Client, raw: RawFlyte, name: str) -> None:
    raw.register(name, {"n": INTEGER}, gate="approve")
    with pytest.raises(WaitTimeout, match=r"and 1 more\) was still RUNNING") as caught:
        list(client.run_many(requests(name, 2), timeout=0.5, poll_interval=0.1))
    assert caught.value.ref is not None
    assert client.describe(caught.value.ref).phase is RunPhase.RUNNING
    for item in requests(name, 2):
        raw.approve(item.name or "")


def test_async(flyte_sandbox: Sandbox, raw: RawFlyte, name: str) -> None:
    raw.register(name, {"n": INTEGER})

    async def every() -> list[int]:
        async with AsyncClient(flyte_sandbox.config()) as client:
            return [
                result.number
                async for result in client.run_many(requests(name, 5), concurrency=2, timeout=60, poll_interval=0.1)
                if result.snapshot is not None and result.snapshot.phase.is_success
            ]

    assert sorted(asyncio.run(every())) == [0, 1, 2, 3, 4]


def test_a_batch_has_a_label(client: Client, raw: RawFlyte, name: str) -> None:
    raw.register(name, {"n": INTEGER})
    refs = client.launch_many(requests(name, 2), group_name=f"nightly {name}!")
    (label,) = {
        item.spec.labels.values["flyte-bridge-group"]
        for item in raw.executions()
        if item.id.name in {ref.name for ref in refs}
    }
    assert label.startswith("nightly-")
    assert {found.ref for found in client.list_runs(query=RunQuery(labels={"flyte-bridge-group": label}))} == set(refs)
