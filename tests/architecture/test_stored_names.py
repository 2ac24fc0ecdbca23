"""What is stored by others survives a move of our files: public names say `bridge_core`, stored data names no module."""

from __future__ import annotations

import datetime as dt
import io
import pickle
import pickletools
from typing import Any

import pytest

import bridge_core
from bridge_core import (
    AlreadyExists,
    Config,
    Cron,
    DirectoryRef,
    EntityRef,
    FileRef,
    FrameRef,
    LaunchRequest,
    LiteralError,
    RunError,
    RunFailed,
    RunOptions,
    RunOutputs,
    RunPhase,
    RunRef,
    RunSnapshot,
    Trigger,
    TriggerTime,
    WaitTimeout,
)
from bridge_core.sandbox import Sandbox

REF = RunRef("p", "d", "n")
SNAPSHOT = RunSnapshot(
    ref=REF,
    phase=RunPhase.FAILED,
    entity=EntityRef.launch_plan("wf"),
    created_at=dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    error=RunError(code="x", message="y"),
)
VALUES = [
    REF,
    SNAPSHOT,
    SNAPSHOT.entity,
    RunPhase.RUNNING,
    RunFailed("failed", snapshot=SNAPSHOT),
    WaitTimeout("late", ref=REF, snapshot=SNAPSHOT),
    AlreadyExists("taken", ref=REF, snapshot=SNAPSHOT, same_entity=True, differing=("a",)),
    LiteralError("wrong", problems=("a: wrong",)),
    FileRef(uri="s3://b/k"),
    DirectoryRef(uri="s3://b/k"),
    FrameRef(uri="s3://b/k"),
    LaunchRequest(EntityRef.launch_plan("wf"), inputs={"n": 1}, name="b1", options=RunOptions(labels={"a": "b"})),
    TriggerTime,
    Trigger(
        "t",
        entity="launch_plan:p/d/wf",
        automation=Cron("0 0 * * *", timezone="Europe/Berlin"),
        inputs={"at": TriggerTime},
    ),
    Config.for_endpoint("127.0.0.1:1", insecure=True, project="p", domain="d").to_mapping(),
]


def modules_of(data: bytes) -> set[str]:
    """Modules that a pickle names: the first of the two texts before each STACK_GLOBAL."""
    found, texts, memo = set(), [], {}
    for code, argument, _ in pickletools.genops(io.BytesIO(data)):
        if code.name in ("SHORT_BINUNICODE", "BINUNICODE"):
            texts.append(argument)
        elif code.name == "MEMOIZE":
            memo[len(memo)] = texts[-1] if texts else None
        elif code.name in ("BINGET", "LONG_BINGET"):
            texts.append(memo.get(argument))
        elif code.name == "GLOBAL":
            found.add(argument.split(" ")[0])
        elif code.name == "STACK_GLOBAL":
            found.add(texts[-2])
    return found


@pytest.mark.parametrize("name", bridge_core.__all__)
def test_public_names_say_where_users_import_them_from(name: str) -> None:
    thing = getattr(bridge_core, name)
    assert thing.__module__ == "bridge_core"
    assert thing is TriggerTime or thing.__qualname__ == name


@pytest.mark.parametrize("value", VALUES, ids=lambda value: type(value).__name__)
def test_pickles_name_the_facade_only(value: Any) -> None:
    data = pickle.dumps(value)
    assert not {name for name in modules_of(data) if name and name.startswith("bridge_core.")}
    again = pickle.loads(data)
    if isinstance(value, Exception):
        assert type(again) is type(value)
        assert again.data == value.data
    else:
        assert again == value


def test_outputs_are_pickled_without_a_path_of_ours() -> None:
    with Sandbox() as sandbox, bridge_core.Client(sandbox.config()) as flyte:
        sandbox.stub("wf", outputs={"o0": {"a": 1}})
        ref = flyte.launch(LaunchRequest(EntityRef.launch_plan("wf"), name="b2"))
        flyte.wait(ref)
        outputs = flyte.outputs(ref)
    assert isinstance(outputs, RunOutputs)
    data = pickle.dumps(outputs)
    assert not {name for name in modules_of(data) if name and name.startswith("bridge_core.")}
    assert pickle.loads(data)["o0"] == {"a": 1}
