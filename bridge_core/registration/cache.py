"""What unchanged code was registered as: registering it again starts no interpreter.

Importing an SDK and the code takes seconds, and most registrations find that nothing has changed: a deployment of another part,
an orchestrator that registers before each launch. So a registration is kept with everything that its interpreter read: the files
below the source root, the modules and other files it opened, the folders in which it looks for modules. While all of them have
the size and the time of change that they had, and Flyte has all the entities, the answer is what it was. Whatever has to be
written is serialised anew: of an entity, only its name is kept here.

Nothing is kept of code that connects to something or starts a program while it is imported, nor when a file changed in the second
before. What remains unseen is code whose entities depend on the clock or on chance; flytekit's own versions, which are digests of
files, do not see that either. `fresh=True` asks the code all the same.
"""

# Thousands of files are looked at, and texts are faster than paths.
# ruff: noqa: PTH111, PTH116, PTH118

from __future__ import annotations

import json
import logging
import os
import stat
import tempfile
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["Known", "Read", "RegistrationCache"]

log = logging.getLogger("bridge_core")

_MOST_FILES = 20_000
"""Of a tree: more would take longer to look at than it saves."""
_SETTLED = 1.0
"""Seconds: a file that changed later than this before it was read may have changed again without another time."""
_LOOKED_FOR = ("~/.flyte/config", "~/.flyte/config.yaml", "~/.uctl/config.yaml", "~/.gitconfig", "~/.config/git/ignore")
"""Files of the SDKs and of git that may be made later."""
_LEFT_OUT = frozenset({".git", "__pycache__"})

State = list[int] | None
"""Size and time of change in nanoseconds; None: there is no such file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What code was registered as.

    Attributes:
        version: The digest of its content.
        code: Name of the code archive; empty: there is none.
        md5: Of the archive, as hex.
        entities: (kind, name, whether it wants to be active), in the order of the plan.
    """

    version: str
    code: str
    md5: str
    entities: tuple[tuple[str, str, bool], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What an interpreter read until it had serialised everything.

    Attributes:
        root: The source root.
        files: Modules, and whatever else it opened, there or not.
        folders: Where it looks for modules.
        did: What it did beyond reading, an audit event of Python; empty: nothing.
        started: When it started; seconds since 1970.
    """

    root: Path
    files: frozenset[str]
    folders: frozenset[str]
    did: str
    started: float


class RegistrationCache:
    """One file for each set of sources and settings; `CodeRequest.key` names it.

    Args:
        folder: Where. Made when something is kept.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    @classmethod
    def of_user(cls) -> RegistrationCache:
        """Below ``$XDG_CACHE_HOME`` or ``~/.cache``."""
        base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
        return cls(Path(base).expanduser() / "flyte-bridge" / "registrations")

    def find(self, key: str) -> Known | None:
        """What this was registered as, when nothing that it was made of has changed since."""
        try:
            kept = json.loads(self._file(key).read_bytes())
            same = (
                all(_state(path) == was for path, was in kept["files"].items())
                and all(_time(path) == was for path, was in kept["folders"].items())
                and _tree(Path(kept["root"]), but=self._folder) == kept["tree"]
            )
            known = Known(
                version=kept["version"],
                code=kept["code"],
                md5=kept["md5"],
                entities=tuple((kind, name, active) for kind, name, active in kept["entities"]),
            )
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None  # nothing was kept, or not by this release
        return known if same else None

    def keep(self, key: str, known: Known, read: Read) -> bool:
        """Keeps it, unless it may be another thing the next time; whether it did."""
        if read.did:
            log.debug("not kept for the next registration: the code did %s while it was imported", read.did)
            return False
        tree = _tree(read.root, but=self._folder)
        files = {path: _state(path) for path in {*read.files, *(os.path.expanduser(name) for name in _LOOKED_FOR)}}
        folders = {path: _time(path) for path in read.folders}
        if tree is None:
            return False
        newest = max((state[1] for state in (*tree.values(), *files.values()) if state is not None), default=0)
        if max(newest, *folders.values(), 0) >= (read.started - _SETTLED) * 1e9:
            return False
        content = {**asdict(known), "root": str(read.root), "tree": tree, "files": files, "folders": folders}
        try:
            self._write(self._file(key), json.dumps(content).encode())
        except OSError as error:
            log.debug("not kept for the next registration: %s", error)
            return False
        return True

    def _file(self, key: str) -> Path:
        return self._folder / f"{key}.json"

    def _write(self, path: Path, content: bytes) -> None:
        """All of it or nothing, for its user alone: names of code are nobody else's."""
        self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, name = tempfile.mkstemp(dir=self._folder)
        try:
            with os.fdopen(handle, "wb") as out:
                out.write(content)
            Path(name).replace(path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def _state(path: str) -> State:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns] if stat.S_ISREG(found.st_mode) else None


def _time(path: str) -> int:
    try:
        return os.stat(path).st_mtime_ns
    except OSError:
        return 0


def _tree(root: Path, *, but: Path) -> dict[str, State] | None:
    """All files below a folder, without another one; None when they are too many."""
    found: dict[str, State] = {}
    seen = {os.path.realpath(but)}
    for place, folders, names in os.walk(root, followlinks=True):
        folders[:] = [name for name in folders if name not in _LEFT_OUT and _is_new(os.path.join(place, name), seen)]
        found.update((path, _state(path)) for path in _code(place, names))
        if len(found) > _MOST_FILES:
            return None
    return found


def _is_new(folder: str, seen: set[str]) -> bool:
    real = os.path.realpath(folder)
    if real in seen:
        return False
    seen.add(real)
    return True


def _code(place: str, names: Iterable[str]) -> Iterable[str]:
    return (os.path.join(place, name) for name in names if not name.endswith(".pyc"))
