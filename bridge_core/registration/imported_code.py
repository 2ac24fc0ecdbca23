"""What code of both SDKs shares once an interpreter has imported it: it is serialised there, and its content names its version.

What names the content must be the same on every machine, in every folder and for every interpreter of one minor version: it is a
digest of the code archive and of the entities as they are serialised for no project, no domain, no version and no archive, with
paths of this machine left out.
"""

from __future__ import annotations

import hashlib
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .cache import Read
from .placeholders import BLANK
from .source import version_of

if TYPE_CHECKING:
    from .interpreter import Interpreter
    from .placeholders import Values
    from .source import Code
    from .spec import Spec

__all__ = ["ImportedCode", "PythonOptions"]

_GIT = (".gitignore", ".git/config", ".git/index", ".git/info/exclude")
"""Files of git, in the source root and above, that say which files are ignored and where the code is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonOptions:
    """How code is serialised; see `Client.register`."""

    images: tuple[str, ...] = ()
    env: Mapping[str, str] | None = None
    source_root: Path | None = None
    destination: str = "/root"
    copy: str = "auto"
    git_repo: str | None = None
    raw_data_path: str | None = None
    service_account: str | None = None
    build_images: bool = False
    patience: float = 600.0
    sync_local_sys_paths: bool = True


@dataclass(slots=True)
class ImportedCode(ABC):
    """Code that was imported. Holds its interpreter until `close`."""

    _interpreter: Interpreter
    _options: PythonOptions
    origin: str
    code: Code | None
    _root: Path
    _prefixes: tuple[str, ...]
    _digest: str = field(default="", init=False)
    _draft: list[Spec] | None = field(default=None, init=False)

    @property
    def digest(self) -> str:
        """See the module."""
        if not self._digest:
            content = hashlib.sha256()
            paths = sorted({str(self._root), str(self._root.resolve()), *self._prefixes}, key=len, reverse=True)
            for spec in self.draft():
                content.update(f"{spec.ref}\0".encode() + self._content(spec, paths) + b"\0")
            if self.code is not None:
                content.update(self.code.name.encode())
            self._digest = version_of(content)
        return self._digest

    def draft(self) -> list[Spec]:
        """Serialised for no project, domain, version and archive; once."""
        if self._draft is None:
            self._draft = self.specs(BLANK)
        return self._draft

    def specs(self, values: Values) -> list[Spec]:
        """Serialises for these values."""
        with tempfile.TemporaryDirectory(prefix="flyte-bridge-") as folder:
            told = self._interpreter.ask(
                "serialize",
                project=values.project,
                domain=values.domain,
                version=values.version,
                images=list(self._options.images),
                env=dict(self._options.env) if self._options.env else None,
                code=values.code if self.code is not None else "",
                folder=folder,
                **self._arguments(values),
            )
            return [self._spec(Path(folder), item, values) for item in told["entities"]]

    def read(self) -> Read:
        """What all this was made of."""
        told = self._interpreter.ask("read")
        root = self._root.resolve()
        git = (str(folder / name) for folder in (root, *root.parents) for name in _GIT)
        return Read(
            root=self._root,
            files=frozenset([*told["files"], *git]),
            folders=frozenset(folder for folder in told["folders"] if not Path(folder).resolve().is_relative_to(root)),
            did=told["did"],
            started=self._interpreter.started,
        )

    def close(self) -> None:
        """Ends the interpreter."""
        self._interpreter.close()

    @abstractmethod
    def _arguments(self, values: Values) -> dict[str, Any]:
        """What only this SDK's script is told."""

    @abstractmethod
    def _spec(self, folder: Path, item: Mapping[str, Any], values: Values) -> Spec:
        """One entity, from the file that the script wrote."""

    @abstractmethod
    def _content(self, spec: Spec, paths: Sequence[str]) -> bytes:
        """What of an entity names its content, without these paths."""
