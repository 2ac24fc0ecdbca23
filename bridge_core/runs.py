"""What is asked for when a run is launched, and what is known about one: inert values, picklable, no I/O."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Self

from .errors import InvalidRequest, RunAborted, RunEnded, RunFailed, RunTimedOut
from .ids import EntityRef, RunRef
from .run_settings import Notification, SecurityContext

if TYPE_CHECKING:
    from datetime import datetime, timedelta

__all__ = ["LaunchRequest", "Launched", "RunError", "RunOptions", "RunPhase", "RunQuery", "RunSnapshot"]


class RunPhase(enum.Enum):
    """Where a run is: the union of what Flyte 1 and Flyte 2 report.

    A value of the wire that this release does not know becomes UNKNOWN, which is not terminal: better to ask again than to
    end a wait wrongly.
    """

    UNKNOWN = "UNKNOWN"
    QUEUED = "QUEUED"
    WAITING = "WAITING"
    RUNNING = "RUNNING"
    PAUSED = "PAUSED"
    SUCCEEDING = "SUCCEEDING"
    SUCCEEDED = "SUCCEEDED"
    RECOVERED = "RECOVERED"
    FAILING = "FAILING"
    FAILED = "FAILED"
    ABORTING = "ABORTING"
    ABORTED = "ABORTED"
    TIMED_OUT = "TIMED_OUT"

    @property
    def is_terminal(self) -> bool:
        """Whether the run will not change any more."""
        return self in _TERMINAL

    @property
    def is_success(self) -> bool:
        """Whether the run ended well."""
        return self in (RunPhase.SUCCEEDED, RunPhase.RECOVERED)


_TERMINAL = frozenset({RunPhase.SUCCEEDED, RunPhase.RECOVERED, RunPhase.FAILED, RunPhase.ABORTED, RunPhase.TIMED_OUT})


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How a run is run. None means "not sent": the launch plan or the server decides. ``False`` and ``{}`` are sent.

    | field | Flyte 1 (``ExecutionSpec``) |
    |---|---|
    | labels, annotations | ``labels``, ``annotations``, merged over the launch plan's |
    | env_vars | ``envs`` |
    | interruptible | ``interruptible`` |
    | overwrite_cache | ``overwrite_cache`` |
    | raw_data_path | ``raw_output_data_config.output_location_prefix`` |
    | service_account | ``security_context.run_as.k8s_service_account`` |
    | max_parallelism | ``max_parallelism`` |
    | tags | ``tags`` |
    | disable_notifications | ``disable_all`` (True only; False is "not disabled", the launch plan's apply) |
    | notifications | ``notifications``: replace the launch plan's |
    | security_context | ``security_context.run_as`` |
    | cluster_pool | ``cluster_assignment.cluster_pool_name`` |
    | execution_cluster_label | ``execution_cluster_label`` |
    | queue, custom_context, cache_lookup_scope, run_base_dir | `Unsupported` |
    """

    labels: Mapping[str, str] | None = None
    annotations: Mapping[str, str] | None = None
    env_vars: Mapping[str, str] | None = None
    interruptible: bool | None = None
    overwrite_cache: bool | None = None
    raw_data_path: str | None = None
    service_account: str | None = None
    max_parallelism: int | None = None
    tags: tuple[str, ...] | None = None
    notifications: tuple[Notification, ...] | None = None
    disable_notifications: bool | None = None
    queue: str | None = None
    cluster_pool: str | None = None
    execution_cluster_label: str | None = None
    custom_context: Mapping[str, str] | None = None
    cache_lookup_scope: str | None = None
    run_base_dir: str | None = None
    security_context: SecurityContext | None = None

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """Options from plain JSON; ``envs`` is an alias of ``env_vars``.

        Raises:
            InvalidRequest: An unknown option, naming the known ones; or a value of the wrong kind. Texts that Airflow's
                templates render to (``"5"``, ``"false"``) are read where a number or a truth value is wanted.
        """
        values = dict(mapping)
        if "envs" in values:
            values["env_vars"] = values.pop("envs")
        unknown = sorted(set(values) - set(cls.__dataclass_fields__))
        if unknown:
            raise InvalidRequest(f"unknown run option {unknown[0]!r}; known are {', '.join(cls.__dataclass_fields__)}")
        if isinstance(values.get("tags"), list):
            values["tags"] = tuple(values["tags"])
        for name, reading in (*((name, _whole) for name in _NUMBERS), *((name, _truth) for name in _SWITCHES)):
            if isinstance(values.get(name), str):  # what a template renders to
                values[name] = reading(name, values[name])
        if isinstance(values.get("notifications"), list | tuple):
            values["notifications"] = tuple(
                item if isinstance(item, Notification) else Notification.from_mapping(item)
                for item in values["notifications"]
            )
        if isinstance(values.get("security_context"), Mapping):
            values["security_context"] = SecurityContext.from_mapping(values["security_context"])
        options = cls(**values)
        options.check_types()
        return options

    def check_types(self) -> None:
        """Checks that every option that is set is of its kind: protobuf would fail in its own words, or take it apart.

        Raises:
            InvalidRequest: One is not; names the option, what is wanted, and what was got.
        """
        for name in _MAPS:
            value = getattr(self, name)
            if value is None:
                continue
            if not isinstance(value, Mapping):
                raise _wrong(name, "a mapping of text to text", value)
            for key, item in value.items():
                if not isinstance(key, str) or not isinstance(item, str):
                    raise InvalidRequest(f"run option {name}[{key!r}] must map text to text, got {item!r}")
        for names, kind, wanted in (
            (_SWITCHES, bool, "true or false"),
            (_NUMBERS, int, "a whole number"),
            (_TEXTS, str, "a text"),
            (("security_context",), SecurityContext, "a SecurityContext"),
        ):
            for name in names:
                value = getattr(self, name)
                if value is not None and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
                    raise _wrong(name, wanted, value)
        kinds: tuple[tuple[str, type, str], ...] = (
            ("tags", str, "texts"),
            ("notifications", Notification, "Notifications"),
        )
        for name, item_kind, wanted in kinds:
            value = getattr(self, name)
            if value is not None and (
                not isinstance(value, list | tuple) or not all(isinstance(item, item_kind) for item in value)
            ):
                raise _wrong(name, f"a list of {wanted}", value)

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON of the options that are set."""
        values = {name: getattr(self, name) for name in type(self).__dataclass_fields__}
        return {name: _plain(value) for name, value in values.items() if value is not None}


_MAPS = ("labels", "annotations", "env_vars", "custom_context")
_SWITCHES = ("interruptible", "overwrite_cache", "disable_notifications")
_NUMBERS = ("max_parallelism",)
_TEXTS = (
    "raw_data_path",
    "service_account",
    "queue",
    "cluster_pool",
    "execution_cluster_label",
    "cache_lookup_scope",
    "run_base_dir",
)


def _wrong(name: str, wanted: str, got: Any) -> InvalidRequest:
    return InvalidRequest(f"run option {name}: wanted {wanted}, got {got!r} ({type(got).__name__})")


def _whole(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise _wrong(name, "a whole number", text) from None


def _truth(name: str, text: str) -> bool:
    word = text.strip().lower()
    if word not in ("true", "false"):
        raise _wrong(name, "true or false", text)
    return word == "true"


@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """One launch: what, with which inputs, under which name.

    Attributes:
        entity: What to launch.
        inputs: Input name -> Python value, encoded from the *remote* interface, never from Python hints.
        name: The idempotency key: launching twice under one name gives one run. None: the client makes a random legal
            name before it sends anything.
        options: How to run it.
        coerce_json: True where inputs are texts that a command line or a template made: ``"3"`` is taken for an integer,
            ``"true"`` for a boolean, JSON for lists, maps and structures. Strings stay what they are.
        data_upload_location: Where local files go. None: `Config.data_upload_location`.
    """

    entity: EntityRef
    inputs: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    name: str | None = field(default=None, kw_only=True)
    options: RunOptions = field(default_factory=RunOptions, kw_only=True)
    coerce_json: bool = field(default=False, kw_only=True)
    data_upload_location: str | None = field(default=None, kw_only=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunError:
    """Why a run ended badly, in Flyte's words."""

    code: str
    message: str
    kind: str = "UNKNOWN"
    """``USER``, ``SYSTEM`` or ``UNKNOWN``: whose fault Flyte thinks it is."""
    node: str | None = None
    """The node that failed, when it is known."""

    @property
    def summary(self) -> str:
        """The last line that says something: flytekit puts the exception behind a traceback, under ``Message:``."""
        _, found, tail = self.message.rpartition("Message:")
        lines = [line.strip() for line in (tail if found else self.message).splitlines() if line.strip()]
        return (lines[0] if found and lines else lines[-1] if lines else "") or self.code or "no message"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSnapshot:
    """What was true of a run when Flyte was asked."""

    ref: RunRef
    phase: RunPhase
    entity: EntityRef | None = None
    created_at: datetime | None = None
    started_at: datetime | None = None
    ended_at: datetime | None = None
    """When it reached a terminal phase; None before."""
    error: RunError | None = None
    abort_reason: str | None = None
    console_url: str = ""

    @property
    def duration(self) -> timedelta | None:
        """From start (or creation) to end; None while it runs."""
        begin = self.started_at or self.created_at
        return self.ended_at - begin if begin and self.ended_at else None

    def raise_for_phase(self) -> Self:
        """Returns itself, or raises when the run ended badly. A run that has not ended does not raise.

        Raises:
            RunFailed: The run ended FAILED.
            RunAborted: The run was aborted.
            RunTimedOut: The run ended TIMED_OUT.
        """
        kind = _ENDED.get(self.phase)
        if kind is not None:
            raise kind(self.describe(), snapshot=self)
        return self

    def describe(self) -> str:
        """One sentence: which run, how it is, for how long, why, and where to look."""
        text = f"run {self.ref} {self.phase.value}"
        if self.phase.is_terminal and self.duration is not None:
            text += f" after {_human(self.duration.total_seconds())}"
        if self.error is not None:
            where = f" in node {self.error.node}" if self.error.node else ""
            text += f"{where}: {self.error.summary}"
        elif self.abort_reason:
            text += f": {self.abort_reason}"
        return f"{text}. Console: {self.console_url}" if self.console_url else text


_ENDED: Mapping[RunPhase, type[RunEnded]] = {
    RunPhase.FAILED: RunFailed,
    RunPhase.ABORTED: RunAborted,
    RunPhase.TIMED_OUT: RunTimedOut,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuery:
    """Which runs to list. None means "any"."""

    phases: tuple[RunPhase, ...] = ()
    entity: str | None = None
    """Name of the launch plan that was launched."""
    name_contains: str | None = None
    created_after: datetime | None = None
    """Inclusive; with a zone."""
    created_before: datetime | None = None
    """Exclusive; with a zone."""
    labels: Mapping[str, str] | None = None
    """Launch-plan runs only: FlyteAdmin keeps no labels of single-task runs."""
    archived: bool | None = None
    """None: what FlyteAdmin shows, which hides archived runs."""
    newest_first: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Launched:
    """What `launch_or_attach` did."""

    ref: RunRef
    created: bool
    """True when this call made the run; False when it found the identical one."""
    snapshot: RunSnapshot
    """The run right after: callers decide by its phase."""


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Notification | SecurityContext):
        return {name: _plain(item) for name, item in asdict(value).items() if item is not None}
    return dict(value) if isinstance(value, Mapping) else value


def _human(seconds: float) -> str:
    """``4 m 12 s``: the two largest units, as people read durations."""
    if seconds < 60:  # noqa: PLR2004
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:  # noqa: PLR2004
        return f"{minutes} m {rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} m"
