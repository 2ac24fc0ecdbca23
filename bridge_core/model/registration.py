"""What a registration is asked for, and what it did, or would do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field, replace
from datetime import timedelta
from os import PathLike
from typing import Any, Self

from .arguments import flags, paths, texts, wrong
from .durations import seconds
from .errors import InvalidRequest
from .ids import EntityRef
from .public import public

__all__ = ["RegisterRequest", "RegisteredEntity", "RegistrationProgress", "RegistrationReport", "RegistrationSource"]

RegistrationSource = Any
"""See `Client.register`."""


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationProgress:
    """How far a registration is: what progress callbacks are told, from several threads at once."""

    step: str
    """``reading``, ``comparing``, ``uploading``, ``registering``, ``activating``: each in turn, as far as there is something to
    do."""
    done: int = 0
    """Entities that are done with, in this step or before."""
    total: int = 0
    """Entities in all; 0 until they are known."""


@public
@dataclass(frozen=True, slots=True)
class RegisterRequest:
    """A registration, as a value: the arguments of `Client.register`, for `LaunchRequest` and for operators.

    Example:
        >>> RegisterRequest("flows/", python=".venv-flyte/bin/python").copy
        'auto'
    """

    source: RegistrationSource
    _: KW_ONLY
    version: str | None = None
    project: str | None = None
    domain: str | None = None
    images: str | Sequence[str] | Mapping[str, str] | None = None
    env: Mapping[str, str] | None = None
    source_root: str | PathLike[str] | None = None
    destination_dir: str | None = None
    copy: str = "auto"
    python: str | None = None
    git_repo: str | None = None
    raw_data_path: str | None = None
    service_account: str | None = None
    activate: bool = False
    build_images: bool = False
    skip_errors: bool = False
    dry_run: bool = False
    copy_bundle_to: str | PathLike[str] | None = None
    timeout: float | timedelta = 600.0
    sync_local_sys_paths: bool = True
    fresh: bool = False
    progress: Callable[[RegistrationProgress], None] | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        texts(
            version=self.version,
            project=self.project,
            domain=self.domain,
            destination_dir=self.destination_dir,
            python=self.python,
            git_repo=self.git_repo,
            raw_data_path=self.raw_data_path,
            service_account=self.service_account,
        )
        flags(
            activate=self.activate,
            build_images=self.build_images,
            skip_errors=self.skip_errors,
            dry_run=self.dry_run,
            sync_local_sys_paths=self.sync_local_sys_paths,
            fresh=self.fresh,
        )
        paths(
            **{name: value for name in ("source_root", "copy_bundle_to") if (value := getattr(self, name)) is not None}
        )
        if self.copy not in ("auto", "all", "none"):
            raise wrong("copy", "'auto', 'all' or 'none'", self.copy)
        if self.env is not None and not (
            isinstance(self.env, Mapping) and all(isinstance(item, str) for pair in self.env.items() for item in pair)
        ):
            raise wrong("env", "a mapping of texts to texts", self.env)
        seconds(self.timeout, "timeout", positive=True)
        if self.progress is not None and not callable(self.progress):
            raise wrong("progress", "a function that takes a RegistrationProgress", self.progress)

    def for_launch(self, entity: EntityRef) -> Self:
        """The registration that comes before a launch of this entity: where that is, and under its version if it has one.

        Raises:
            InvalidRequest: Two versions are named, or one that is to be looked up.
        """
        if entity.version in ("latest", "active"):
            raise InvalidRequest(
                f"{entity}: what is launched is what register= brings, not the {entity.version} version; leave "
                f"'@{entity.version}' out, or name the version that it is to be registered under"
            )
        if entity.version and self.version not in (None, entity.version):
            raise InvalidRequest(
                f"{entity}: it names version {entity.version!r} and register= version {self.version!r}; name one of them"
            )
        return replace(
            self,
            project=self.project or entity.project,
            domain=self.domain or entity.domain,
            version=self.version or entity.version,
        )

    @classmethod
    def given(cls, source: object, **arguments: Any) -> Self:
        """A request that was given whole, or one of these arguments.

        Raises:
            InvalidRequest: Both.
        """
        if not isinstance(source, cls):
            return cls(source, **arguments)
        fields = cls.__dataclass_fields__
        if more := [name for name, value in arguments.items() if value != fields[name].default]:
            raise InvalidRequest(f"register: {more[0]}= is given beside a RegisterRequest; put it into that")
        return source

    @classmethod
    def of(cls, value: object) -> Self:
        """A request, or a source that needs no more."""
        return value if isinstance(value, cls) else cls(value)


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredEntity:
    """What became of one entity."""

    ref: EntityRef
    """Pinned, with project and domain."""
    outcome: str
    """``created``, ``unchanged``, ``different`` (the same version holds something else), ``activated`` (a launch plan), or
    ``failed`` (with ``skip_errors`` only). In a dry run: what would become of it."""
    url: str = ""
    """Its page in Flyte's console."""
    diff: str = ""
    """``different``: what the server says differs. ``failed``: why."""
    service_account: str = ""
    """The Kubernetes service account that it names for its runs, which a launch may replace; empty when it names none."""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "entity": str(self.ref),
            "outcome": self.outcome,
            "url": self.url,
            "diff": self.diff,
            "service_account": self.service_account,
        }


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class RegistrationReport:
    """What one registration did, in the order of the layers it wrote."""

    entities: tuple[RegisteredEntity, ...]
    version: str
    """Of the entities that had none of their own."""
    dry_run: bool = False
    """Nothing was written."""
    code: str = ""
    """URI of the code archive that was uploaded; empty without one, and in a dry run."""

    def of(self, outcome: str) -> tuple[RegisteredEntity, ...]:
        """Those with this outcome."""
        return tuple(item for item in self.entities if item.outcome == outcome)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON; keys are stable."""
        return {
            "version": self.version,
            "dry_run": self.dry_run,
            "code": self.code,
            "entities": [item.to_dict() for item in self.entities],
        }
