"""References to things in Flyte: which entity, which run.

References are inert data with a text form and a dict form, because launch and wait happen in different processes: a
`RunRef` crosses XCom, triggers and event logs.
"""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from .arguments import need_text, wrong
from .errors import InvalidRequest, Unsupported
from .places import Place, placed
from .public import public

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["EntityKind", "EntityRef", "RunRef"]


_TEXTS = {str, type(None)}
_URN = re.compile(r"(tsk|wf|lp):([^:/]+):([^:/]+):([^:/]+):(.+)")
_EXECUTION_URN = re.compile(r"ex:([^:/]+):([^:/]+):([^:/]+)")
_RUN_PAGE = re.compile(r"https?://[^/]+/(?:.*/)?projects/([^/]+)/domains/([^/]+)/executions/([^/?#]+)(?:[/?#].*)?")


@public
class EntityKind(enum.Enum):
    """What can be launched or fetched."""

    TASK = "task"
    WORKFLOW = "workflow"
    LAUNCH_PLAN = "launch_plan"


_URN_KINDS = {"tsk": EntityKind.TASK, "wf": EntityKind.WORKFLOW, "lp": EntityKind.LAUNCH_PLAN}


@public
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
        if not isinstance(self.kind, EntityKind):
            raise InvalidRequest(
                f"entity {self.name!r}: the kind must be an EntityKind, got {self.kind!r}; write EntityRef.task(…), .workflow(…) "
                "or .launch_plan(…), or EntityRef.parse('task:name')"
            )
        texts = (self.name, self.project, self.domain, self.version)
        if {type(text) for text in texts} <= _TEXTS and self.name is not None:
            return  # in one step: lists make thousands of these
        for field in ("name", "project", "domain", "version"):
            value = getattr(self, field)
            if not isinstance(value, str) and (value is not None or field == "name"):
                raise InvalidRequest(f"entity {self.name!r}: {field} must be a text, got a {type(value).__name__}")

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
    def of(cls, value: object) -> EntityRef:
        """The entity that is meant: a reference, or a text as `parse` reads it.

        Raises:
            InvalidRequest: Neither.
            Unsupported: A function or another object of an SDK: only what is registered can be named.
        """
        if isinstance(value, EntityRef):
            return value
        if isinstance(value, str):
            return cls.parse(value)
        if callable(value) and not isinstance(value, type):
            name = _name_of(value)
            raise Unsupported(
                f"{name} is a Python {type(value).__name__}, and Flyte knows only what is registered: register it first (pyflyte "
                f"register), then name it: EntityRef.workflow({name!r}), or the text 'workflow:{name}'"
            )
        raise wrong("entity", "an EntityRef or a text like 'launch_plan:project/domain/name@version'", value)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads the text form, or flytekit's ``lp:project:domain:name:version`` (``tsk``, ``wf``).

        Raises:
            InvalidRequest: The text has no such form; the message shows it.
        """
        need_text("entity", text, "a text like 'launch_plan:project/domain/name@version'")
        if (urn := _URN.fullmatch(text)) is not None:
            return cls(_URN_KINDS[urn[1]], *urn.group(4, 2, 3, 5))
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

    def matches(self, patterns: Sequence[str]) -> bool:
        """Whether the name is chosen: by one of the patterns (``"pkg.*"``), or all, and by none that begins with ``!``."""
        from fnmatch import fnmatchcase

        wanted = [pattern for pattern in patterns if not pattern.startswith("!")]
        chosen = not wanted or any(fnmatchcase(self.name, pattern) for pattern in wanted)
        return chosen and not any(fnmatchcase(self.name, pattern[1:]) for pattern in patterns if pattern[:1] == "!")

    def pinned(self, version: str) -> Self:
        """The same entity at exactly this version."""
        return replace(self, version=version)

    def within(self, project: str | None, domain: str | None) -> Self:
        """The same entity, with its missing project and domain filled in."""
        return replace(self, project=self.project or project, domain=self.domain or domain)

    def placed(self, config: Place, *, settings: str = "Config") -> Self:
        """The same entity in a project and a domain: its own, else those of the configuration.

        Args:
            config: A `Config`, or whatever else has a ``project`` and a ``domain``.
            settings: What users write them in, for the message: ``Config``, ``FlyteResource``.

        Raises:
            ConfigError: Neither names one; the message says where it can be named.
        """
        project, domain = placed(
            str(self),
            self.project,
            self.domain,
            config,
            written=f"in the reference ({self.kind.value}:project/domain/name)",
            settings=settings,
        )
        return replace(self, project=project, domain=domain)

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
        """The reverse of `to_dict`.

        Raises:
            InvalidRequest: A key is missing, or holds something else.
        """
        try:
            kind, name = EntityKind(data["kind"]), data["name"]
        except (KeyError, TypeError, ValueError):
            raise InvalidRequest(
                f"entity reference {data!r} cannot be read; wanted a mapping with kind (task, workflow or launch_plan) and name"
            ) from None
        return cls(kind, name, data.get("project"), data.get("domain"), data.get("version"))


@public
@dataclass(frozen=True, slots=True)
class RunRef:
    """Names one run. Text form ``project/domain/name``."""

    project: str
    domain: str
    name: str

    def __post_init__(self) -> None:
        for field, value in (("project", self.project), ("domain", self.domain), ("name", self.name)):
            if not isinstance(value, str) or not value or "/" in value:
                raise InvalidRequest(f"run reference: {field} must be a non-empty text without '/', got {value!r}")

    def __str__(self) -> str:
        return f"{self.project}/{self.domain}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Reads ``project/domain/name``, flytekit's ``ex:project:domain:name``, or the address of the run's page.

        Raises:
            InvalidRequest: The text has another form.
        """
        need_text("run", text, "a text like 'project/domain/name'")
        found = _EXECUTION_URN.fullmatch(text) or _RUN_PAGE.fullmatch(text)
        parts = list(found.groups()) if found else text.split("/")
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
        except TypeError:
            raise wrong("run reference", "a mapping with project, domain and name", data) from None


def _name_of(thing: Any) -> str:
    """What an SDK registers it as: its own ``name`` when it is one of its objects, else module and function."""
    name = getattr(thing, "name", None)
    if isinstance(name, str) and name:
        return name
    parts = (getattr(thing, "__module__", None), getattr(thing, "__qualname__", None))
    return ".".join(part for part in parts if isinstance(part, str) and part) or "pkg.workflow"
