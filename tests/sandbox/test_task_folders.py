"""What a task leaves in its temporary folder goes away with it, as the disk of a pod does on a cluster."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from bridge_core import Client, ContainerTask, LaunchRequest

from .protos import unique

if TYPE_CHECKING:
    from collections.abc import Callable

    from bridge_core.sandbox import Sandbox


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """This process's temporary folder, for this test alone."""
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


def registered(client: Client, script: str, **more: object) -> str:
    name = unique("task")
    client.register(ContainerTask(name=name, image="any", command=("/bin/sh", "-c", script), **more), version="v1")  # type: ignore[arg-type]
    return f"task:{name}@v1"


def told(seen: Path) -> str:
    """What the task wrote, as soon as it is whole."""
    end = time.monotonic() + 60
    while not (seen.exists() and seen.read_text().endswith("\n")):
        assert time.monotonic() < end, "the task has said nothing"
        time.sleep(0.05)
    return seen.read_text().strip()


def test_the_temporary_folder_of_a_task_goes_with_it(
    fresh: Callable[..., Sandbox], temporary: Path, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    with Client(fresh(images={"any": []}).config()) as client:
        entity = registered(client, f'mktemp -d > "$TMPDIR"/name && cat "$TMPDIR"/name > {seen}')
        before = set(temporary.iterdir())
        client.wait(client.launch(LaunchRequest(entity, name=unique("run"))), timeout=60).raise_for_phase()
        made = Path(told(seen))
        assert made.is_relative_to(temporary)
        assert not made.parent.exists()
        assert set(temporary.iterdir()) == before


def test_the_temporary_folder_of_a_task_that_is_ended_goes_with_it(
    fresh: Callable[..., Sandbox], temporary: Path, tmp_path: Path
) -> None:
    seen = tmp_path / "seen"
    with Client(fresh(images={"any": []}).config()) as client:
        run = client.launch(LaunchRequest(registered(client, f"mktemp -d > {seen}; sleep 600"), name=unique("run")))
        made = Path(told(seen))
        assert made.is_dir()
        client.abort(run, reason="enough")
        end = time.monotonic() + 60
        while made.parent.exists():
            assert time.monotonic() < end, f"{made.parent} is still there"
            time.sleep(0.05)


def test_a_temporary_folder_that_the_task_names_is_its_own(
    fresh: Callable[..., Sandbox], temporary: Path, tmp_path: Path
) -> None:
    seen, own = tmp_path / "seen", tmp_path / "own"
    own.mkdir()
    with Client(fresh(images={"any": []}).config()) as client:
        entity = registered(client, f'mktemp -d > /dev/null; echo "$TMPDIR" > {seen}', env={"TMPDIR": str(own)})
        client.wait(client.launch(LaunchRequest(entity, name=unique("run"))), timeout=60).raise_for_phase()
    assert told(seen) == str(own)
    assert list(own.iterdir()), "what it left where it wanted to is not ours to remove"
