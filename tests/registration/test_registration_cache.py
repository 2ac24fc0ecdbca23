"""What is kept of a registration, and when it is believed: files, folders, and what the code did."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bridge_core.registration.cache import Known, Read, RegistrationCache

KNOWN = Known(
    version="v", code="fast.tar.gz", md5="00ff", entities=(("task", "a.b", False), ("launch_plan", "a.c", True))
)
KEY = "k"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RegistrationCache:
    monkeypatch.setenv("HOME", str(tmp_path))
    return RegistrationCache(tmp_path / "cache")


@pytest.fixture
def read(tmp_path: Path) -> Read:
    root, outside = tmp_path / "root", tmp_path / "outside"
    for folder in (root / "pkg" / "__pycache__", root / ".git", outside):
        folder.mkdir(parents=True)
    for path in (root / "pkg" / "flow.py", root / "notes.txt", outside / "module.py"):
        path.write_text("a")
    for path in tmp_path.rglob("*"):
        os.utime(path, (1000, 1000))
    files = {str(outside / "module.py"), str(outside / "looked-for.yaml")}
    return Read(root=root, files=frozenset(files), folders=frozenset({str(outside)}), did="", started=time.time())


def test_what_was_kept_is_found(cache: RegistrationCache, read: Read) -> None:
    assert cache.find(KEY) is None
    assert cache.keep(KEY, KNOWN, read)
    assert cache.find(KEY) == KNOWN
    assert cache.find("other") is None


def written(path: str) -> Callable[[Path], None]:
    def change(base: Path) -> None:
        (base / path).write_text("bb")
        os.utime(base / path, (1000, 1000))

    return change


CHANGES: dict[str, Callable[[Path], object]] = {
    "another size": written("root/pkg/flow.py"),
    "another time": lambda base: os.utime(base / "root/pkg/flow.py", (2000, 2000)),
    "a new file": written("root/pkg/new.py"),
    "a file less": lambda base: (base / "root/notes.txt").unlink(),
    "a module elsewhere": written("outside/module.py"),
    "what was looked for is there": written("outside/looked-for.yaml"),
    "something was installed": lambda base: os.utime(base / "outside", (2000, 2000)),
    "a folder is gone": lambda base: (base / "outside").rename(base / "moved"),
    "a file became a folder": lambda base: ((base / "root/notes.txt").unlink(), (base / "root/notes.txt").mkdir()),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_any_change_is_seen(
    change: Callable[[Path], object], cache: RegistrationCache, read: Read, tmp_path: Path
) -> None:
    cache.keep(KEY, KNOWN, read)
    change(tmp_path)
    assert cache.find(KEY) is None


def test_what_is_no_code_does_not_count(cache: RegistrationCache, read: Read) -> None:
    cache.keep(KEY, KNOWN, read)
    (read.root / ".git" / "HEAD").write_text("x")
    (read.root / "pkg" / "__pycache__" / "flow.cpython-311.pyc").write_text("x")
    assert cache.find(KEY) == KNOWN


def test_its_own_files_do_not_count(read: Read) -> None:
    """Code that lies in the home folder itself has them below its root."""
    own = RegistrationCache(read.root / ".cache" / "flyte-bridge" / "registrations")
    (read.root / ".cache").mkdir()
    assert own.keep(KEY, KNOWN, read)
    assert own.keep("another", KNOWN, read)
    assert own.find(KEY) == KNOWN


def test_what_a_link_leads_to_counts(cache: RegistrationCache, read: Read, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "linked.py").write_text("a")
    (read.root / "linked").symlink_to(elsewhere)
    (read.root / "circle").symlink_to(read.root)
    for path in (elsewhere / "linked.py", elsewhere, read.root):
        os.utime(path, (1000, 1000))
    assert cache.keep(KEY, KNOWN, read)
    assert cache.find(KEY) == KNOWN
    (elsewhere / "linked.py").write_text("bb")
    assert cache.find(KEY) is None


def test_what_may_be_another_thing_the_next_time_is_not_kept(cache: RegistrationCache, read: Read) -> None:
    assert not cache.keep(KEY, KNOWN, replace(read, did="socket.connect"))
    assert not cache.keep(KEY, KNOWN, replace(read, started=1000.5))  # when its files had just been written
    assert cache.keep(KEY, KNOWN, replace(read, started=1002.0))


@pytest.mark.parametrize("damage", [b"", b"[]", b'{"files": 3}', b"\xff", b'{"files": {}, "folders": {}, "root": 1}'])
def test_a_damaged_file_is_none(damage: bytes, cache: RegistrationCache, read: Read, tmp_path: Path) -> None:
    cache.keep(KEY, KNOWN, read)
    (kept,) = (tmp_path / "cache").iterdir()
    assert kept.stat().st_mode & 0o077 == 0
    kept.write_bytes(damage)
    assert cache.find(KEY) is None
