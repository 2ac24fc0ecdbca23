"""Names of things in Flyte: which entity, which run, and how a run gets a name that is the same on every try.

References are inert data with a text form and a dict form, because launch and wait happen in different processes: a
`RunRef` crosses XCom, triggers and event logs.
"""

from __future__ import annotations

import enum
import os
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from .errors import InvalidRequest

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["EntityKind", "EntityRef", "RunRef", "check_run_name", "is_run_name", "random_run_name", "run_name"]

_DIGEST_CHARS = 18  # 18 base32 characters = 90 bits; api.md asks for at least 80
_NAME_LIMIT = 30  # Flyte 2's limit; Flyte 1 allows 63 (flyteadmin validation/execution_validator.go)
_FLYTE1_LIMIT = 63
_FLYTE1_NAME = re.compile(r"[a-z][a-z0-9-]*")


class EntityKind(enum.Enum):
    """What can be launched or fetched."""

    TASK = "task"
    WORKFLOW = "workflow"
    LAUNCH_PLAN = "launch_plan"


@dataclass(frozen=True, slots=True)
class EntityRef:
    """One registered task, workflow or launch plan.

    Text form: ``launch_plan:[project/domain/]name[@version]``. Without a kind, a launch plan is meant, because that is
    what people launch.

    Attributes:
        kind: Task, workflow or launch plan.
        name: Fully qualified name, ``"pkg.module.workflow"``.
        project: None means the client's default.
        domain: None means the client's default.
        version: A pin, ``"latest"`` (newest created) or ``"active"`` (launch plans only: the activated version). None
            means active if there is one, else latest.
    """

    kind: EntityKind
    name: str
    project: str | None = None
    domain: str | None = None
    version: str | None = None

    def __post_init__(self) -> None:
        if not self.name:
            raise InvalidRequest("an entity needs a name: EntityRef.launch_plan('pkg.module.workflow')")

    @classmethod
    def task(
        cls, name: str, *, project: str | None = None, domain: str | None = None, version: str | None = None
    ) -> Self:
        """A task, launched on its own."""
        return cls(EntityKind.TASK, name, project, domain, version)

    @classmethod
    def workflow(
        cls, name: str, *, project: str | None = None, domain: str | None = None, version: str | None = None
    ) -> Self:
        """A workflow; launching it launches its default launch plan, which has the same name."""
        return cls(EntityKind.WORKFLOW, name, project, domain, version)

    @classmethod
    def launch_plan(
        cls, name: str, *, project: str | None = None, domain: str | None = None, version: str | None = None
    ) -> Self:
        """A launch plan: what Flyte launches."""
        return cls(EntityKind.LAUNCH_PLAN, name, project, domain, version)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads the text form.

        Raises:
            InvalidRequest: The text has no such form; the message shows it.
        """
        head, colon, rest = text.partition(":")
        if not colon or "/" in head or "@" in head:  # a colon further on belongs to the version
            kind, rest = EntityKind.LAUNCH_PLAN, text
        else:
            try:
                kind = EntityKind(head.replace("-", "_"))
            except ValueError:
                raise InvalidRequest(
                    f"entity {text!r}: unknown kind {head!r}; wanted task, workflow or launch_plan, as in "
                    "'launch_plan:project/domain/pkg.wf@version'"
                ) from None
        path, at, version = rest.partition("@")
        parts = path.split("/")
        if len(parts) not in (1, 3) or not all(parts) or (at and not version):
            raise InvalidRequest(
                f"entity {text!r} cannot be read; wanted [task:|workflow:|launch_plan:][project/domain/]name[@version]"
            )
        project, domain = (parts[0], parts[1]) if len(parts) == 3 else (None, None)  # noqa: PLR2004
        return cls(kind, parts[-1], project, domain, version or None)

    def __str__(self) -> str:
        where = f"{self.project}/{self.domain}/" if self.project and self.domain else ""
        version = f"@{self.version}" if self.version else ""
        return f"{self.kind.value}:{where}{self.name}{version}"

    def pinned(self, version: str) -> Self:
        """The same entity at exactly this version."""
        return replace(self, version=version)

    def within(self, project: str | None, domain: str | None) -> Self:
        """The same entity, with its missing project and domain filled in."""
        return replace(self, project=self.project or project, domain=self.domain or domain)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON; `from_dict` reads it back."""
        return {
            "kind": self.kind.value,
            "name": self.name,
            "project": self.project,
            "domain": self.domain,
            "version": self.version,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The reverse of `to_dict`."""
        return cls(EntityKind(data["kind"]), data["name"], data.get("project"), data.get("domain"), data.get("version"))


@dataclass(frozen=True, slots=True)
class RunRef:
    """Names one run. Text form ``project/domain/name``."""

    project: str
    domain: str
    name: str

    def __post_init__(self) -> None:
        for field in ("project", "domain", "name"):
            value = getattr(self, field)
            if not isinstance(value, str) or not value or "/" in value:
                raise InvalidRequest(f"run reference: {field} must be a non-empty text without '/', got {value!r}")

    def __str__(self) -> str:
        return f"{self.project}/{self.domain}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads ``project/domain/name``.

        Raises:
            InvalidRequest: The text has another form.
        """
        parts = text.split("/")
        if len(parts) != 3 or not all(parts):  # noqa: PLR2004
            raise InvalidRequest(f"run {text!r} cannot be read; wanted project/domain/name")
        return cls(*parts)

    def to_dict(self) -> dict[str, str]:
        """Plain JSON; `from_dict` reads it back."""
        return {"project": self.project, "domain": self.domain, "name": self.name}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The reverse of `to_dict`.

        Raises:
            InvalidRequest: A key is missing.
        """
        try:
            return cls(data["project"], data["domain"], data["name"])
        except KeyError as missing:
            raise InvalidRequest(
                f"run reference {dict(data)!r} lacks {missing}; wanted project, domain and name"
            ) from None


def run_name(*parts: object, prefix: str = "") -> str:
    """A run name that is the same whenever the parts are the same: the idempotency key of a launch.

    Parts are encoded with their lengths, so ``("etl_", "load")`` and ``("etl", "_load")`` differ. The digest is SHA-256 in
    base32, 90 bits, so that two of a billion names meet with a probability below 1e-9.

    Args:
        *parts: Whatever identifies the launch, as text (``str()`` of each): dag, run, task, map index, epoch, attempt.
        prefix: Starts the name, for people who read lists of runs. At most 12 characters of ``[a-z0-9-]``, beginning with
            a letter other than ``r`` and ``u`` (Flyte 2 keeps those for names it makes).

    Returns:
        At most 30 characters, legal in Flyte 1 and Flyte 2. Starts with ``b`` when there is no prefix.

    Raises:
        InvalidRequest: No parts, or an illegal prefix. A prefix is never cut.

    Example:
        >>> run_name("my_dag", "manual__1", "train", -1, 0)
        'b7tgwsfyori3ybyxhpq'
    """
    if not parts:
        raise InvalidRequest("run_name() needs at least one part: without one, every run would have the same name")
    room = _NAME_LIMIT - _DIGEST_CHARS
    if prefix and (len(prefix) > room or not _FLYTE1_NAME.fullmatch(prefix) or prefix[0] in "ru"):
        raise InvalidRequest(
            f"run name prefix {prefix!r} is not usable: wanted at most {room} characters of a-z, 0-9 and '-', beginning with a "
            f"letter other than 'r' and 'u' (got {len(prefix)} characters)"
        )
    import hashlib
    from base64 import b32encode

    encoded = b"".join(b"%d:%s" % (len(raw), raw) for raw in (str(part).encode() for part in parts))
    digest = b32encode(hashlib.sha256(encoded).digest()).decode().lower()[:_DIGEST_CHARS]
    return (prefix or "b") + digest


def random_run_name() -> str:
    """A fresh legal name for a launch that was given none: chosen before sending, so that a resend cannot launch twice."""
    return run_name(os.urandom(16).hex())


def is_run_name(name: object) -> bool:
    """Whether a run of Flyte 1 can have this name."""
    return isinstance(name, str) and len(name) <= _FLYTE1_LIMIT and _FLYTE1_NAME.fullmatch(name) is not None


def check_run_name(name: str) -> str:
    """Returns the name when Flyte takes it.

    Raises:
        InvalidRequest: FlyteAdmin wants ``[a-z][a-z0-9-]*``, at most 63 characters (it checks the lower-cased text, but an
            upper-case name then fails as a Kubernetes object; flyteadmin validation/execution_validator.go).
    """
    if not is_run_name(name):
        raise InvalidRequest(
            f"run name {name!r} is not legal in Flyte: wanted 1 to {_FLYTE1_LIMIT} characters of a-z, 0-9 and '-', beginning "
            f"with a letter (got {len(str(name))} characters). run_name(…) makes legal names from any parts."
        )
    return name
