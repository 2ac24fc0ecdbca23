"""Packages of ``pyflyte package``: an archive, or a folder, of flat ``.pb`` files, with or without the code archive.

Names say what a file holds: ``12_pkg.wf_2.pb`` is the twelfth entity, ``pkg.wf``, a workflow (flytekit
tools/serialize_helpers.py). The code is ``fast<digest>.tar.gz``. Everything is read into memory and checked before anything is
written: nothing is ever unpacked to disk.
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flyteidl.admin import launch_plan_pb2, task_pb2, workflow_pb2
from google.protobuf.message import DecodeError

from ..model.errors import InvalidRequest
from ..model.ids import EntityKind, EntityRef
from .placeholders import BLANK, Values, fill, mentions_code
from .source import Code, version_of
from .spec import Spec

__all__ = ["Package", "archive_digest", "is_package", "read_package"]

_NAME = re.compile(r"(?P<number>\d+)_(?P<name>.+)_(?P<kind>[123])\.pb")
_CODE = re.compile(r"fast.*\.tar\.gz")
_LARGEST_ENTITY = 64 << 20
_LARGEST_CODE = 2 << 30
_ARCHIVES = (".tgz", ".tar.gz", ".tar")


@dataclass(frozen=True, slots=True)
class Package:
    """What was read: messages with their placeholders, and the code archive."""

    files: tuple[tuple[str, EntityKind, Any], ...]
    """(name of the file, what it holds, the message)."""
    code: Code | None
    """The code archive as it lies in the package: compressed."""
    origin: str

    @property
    def digest(self) -> str:
        """Of the entities as they lie there, with their placeholders, and of the code's files."""
        content = hashlib.sha256()
        for _, kind, message in self.files:
            content.update(kind.value.encode() + b"\0" + message.SerializeToString(deterministic=True) + b"\0")
        if self.code is not None:
            content.update(archive_digest(self.code.data))
        return version_of(content)

    def draft(self) -> list[Spec]:
        """The entities as they lie there."""
        return self.specs(BLANK)

    def specs(self, values: Values) -> list[Spec]:
        """The entities, with everything filled in."""
        return [_spec(name, kind, message, values) for name, kind, message in self.files]

    def close(self) -> None:
        """Nothing is held."""


def is_package(source: Path) -> bool:
    """Whether it is an archive, or a folder that holds ``.pb`` files and no Python."""
    if source.is_file():
        return source.name.endswith(_ARCHIVES)
    return source.is_dir() and any(source.glob("*.pb")) and not any(source.glob("*.py"))


def read_package(source: Path) -> Package:
    """Reads and checks a package.

    Raises:
        InvalidRequest: It is corrupt, or holds what a package does not hold; names the file.
    """
    files: list[tuple[str, EntityKind, Any]] = []
    code: tuple[str, bytes] | None = None
    for name, data in sorted(_members(source)):
        if _CODE.fullmatch(name):
            if code is not None:
                raise InvalidRequest(f"{source}: two code archives, {code[0]} and {name}; a package has one at most")
            _check_code(source, name, data)
            code = (name, data)
            continue
        match = _NAME.fullmatch(name)
        if match is None:
            raise InvalidRequest(
                f"{source}: {name!r} does not belong into a package; wanted files as 'pyflyte package' writes them, "
                "'1_pkg.task_1.pb' for instance, and at most one fast….tar.gz with the code"
            )
        kind = (EntityKind.TASK, EntityKind.WORKFLOW, EntityKind.LAUNCH_PLAN)[int(match["kind"]) - 1]
        files.append((name, kind, _parsed(source, name, kind, data)))
    if not files:
        raise InvalidRequest(f"{source}: no entity in it; wanted .pb files as 'pyflyte package' writes them")
    wanting = [name for name, _, message in files if mentions_code(message)]
    if wanting and code is None:
        raise InvalidRequest(
            f"{source}: {wanting[0]} wants a code archive, and there is none in the package; package again with "
            "'pyflyte package --copy auto' (or without --copy, for code that is in the image)"
        )
    if code is not None and not wanting:
        raise InvalidRequest(f"{source}: nothing in the package uses its code archive {code[0]}; is it the right one?")
    return Package(tuple(files), Code(*code) if code else None, str(source))


def _members(source: Path) -> Iterator[tuple[str, bytes]]:
    if source.is_dir():
        for path in sorted(source.iterdir()):
            if not path.is_file() or path.is_symlink():
                raise InvalidRequest(f"{source}: {path.name!r} is no plain file; a package is flat")
            _check_size(source, path.name, path.stat().st_size)
            yield path.name, path.read_bytes()
        return
    try:
        with tarfile.open(source) as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                if member.isdir() and name in ("", "."):
                    continue
                if not member.isfile() or "/" in name or "\\" in name or name in ("", ".", ".."):
                    raise InvalidRequest(
                        f"{source}: member {member.name!r} is refused: a package holds plain files at its top, no folders, "
                        "links or paths"
                    )
                _check_size(source, name, member.size)
                data = archive.extractfile(member)
                assert data is not None
                yield name, data.read()
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise InvalidRequest(f"{source} cannot be read as a package: {error or type(error).__name__}") from None


def _check_size(source: Path, name: str, size: int) -> None:
    limit = _LARGEST_CODE if _CODE.fullmatch(name) else _LARGEST_ENTITY
    if size > limit:
        raise InvalidRequest(f"{source}: {name!r} says it has {size} bytes; the most that is read is {limit}")


def _check_code(source: Path, name: str, data: bytes) -> None:
    """It must be whole, and stay where it is unpacked: pyflyte-fast-execute hands it to ``tar -xf``."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            for member in archive:
                parts = Path(member.name).parts
                if member.name.startswith("/") or ".." in parts:
                    raise InvalidRequest(f"{source}: {name} holds {member.name!r}, which would leave its folder")
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        raise InvalidRequest(f"{source}: the code archive {name} is corrupt: {error or type(error).__name__}") from None


_MESSAGES = {
    EntityKind.TASK: task_pb2.TaskSpec,
    EntityKind.WORKFLOW: workflow_pb2.WorkflowSpec,
    EntityKind.LAUNCH_PLAN: launch_plan_pb2.LaunchPlan,
}


def _parsed(source: Path, name: str, kind: EntityKind, data: bytes) -> Any:
    message = _MESSAGES[kind]()
    try:
        message.ParseFromString(data)
    except DecodeError as error:
        raise InvalidRequest(f"{source}: {name} is corrupt: {error}") from None
    identifier = message.id if kind is EntityKind.LAUNCH_PLAN else message.template.id
    if not identifier.name:
        raise InvalidRequest(f"{source}: {name} holds no {kind.value.replace('_', ' ')}: it names none")
    return message


def _spec(name: str, kind: EntityKind, stored: Any, values: Values) -> Spec:
    message = type(stored)()
    message.CopyFrom(stored)
    fill(message, values)
    identifier = message.id if kind is EntityKind.LAUNCH_PLAN else message.template.id
    ref = EntityRef(kind, identifier.name, identifier.project, identifier.domain, identifier.version)
    return Spec(ref, message.spec if kind is EntityKind.LAUNCH_PLAN else message, origin=name)


def archive_digest(data: bytes) -> bytes:
    """Names the files of an archive, whatever compressed it and whenever."""
    content = hashlib.sha256()
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in sorted(archive.getmembers(), key=lambda member: member.name):
            file = archive.extractfile(member) if member.isfile() else None
            body = file.read() if file is not None else member.linkname.encode()
            content.update(b"%d:%s%d:" % (len(member.name.encode()), member.name.encode(), len(body)))
            content.update(body + (b"x" if member.mode & 0o100 else b"-"))
    return content.digest()
