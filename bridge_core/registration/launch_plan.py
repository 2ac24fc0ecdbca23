"""`LaunchPlan`: a way to launch a workflow that Flyte keeps: with which inputs, when, and how. Inert: `_operations` writes it.

It is a launch plan of flytekit's, in words of ours: what is stored is the same, field by field. `Trigger` is for everything that
fires, wherever; this is for what is registered next to the code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from ..model.arguments import flags, need, texts, wrong
from ..model.errors import InvalidRequest
from ..model.ids import EntityKind, EntityRef
from ..model.public import public
from ..model.run_options import RunOptions
from ..model.run_settings import Notification, SecurityContext, read_settings
from ..schedules import Cron, FixedRate, TriggerTime
from ..schedules.plain import TICK, schedule_of

__all__ = ["LaunchPlan"]

_MOST_RUNS = 2**31 - 1
_WHEN = ("cron", "timezone", "interval_minutes")


@public
@dataclass(frozen=True, slots=True)
class LaunchPlan:
    """A launch plan, written in Python or YAML and registered with `Client.register`.

    Attributes:
        name: Fully qualified, like all names in Flyte.
        workflow: What it launches: ``"pkg.wf"``, ``"pkg.wf@version"``, ``"project/domain/pkg.wf"`` or an `EntityRef`. Without a
            version: the workflow of that name in the same registration, else the newest one at the server.
        defaults: Input name -> value that a launch may override. `TriggerTime` stands for the tick of a cron schedule.
        fixed: Input name -> value that it may not.
        schedule: When Flyte launches it, once it is active.
        labels: Of its runs.
        annotations: Of its runs.
        notifications: Whom Flyte tells how its runs ended.
        max_parallelism: Task nodes of a run at once.
        concurrency: Runs of it at once; a launch above that is refused.
        raw_data_path: Where its runs write, as a URI.
        security_context: As whom its runs run.
        overwrite_cache: Whether its runs compute anew what is cached.
        auto_activate: Whether registering it activates it; ``activate=True`` of the registration does so, too.
        project: None: where it is registered.
        domain: None: where it is registered.
        version: None: the registration's, a digest of the content unless one is given.

    Example:
        >>> plan = LaunchPlan("shop.nightly", "shop.report", fixed={"top": 10}, schedule=Cron("0 3 * * *"))
        >>> str(plan.workflow)
        'workflow:shop.report'
    """

    name: str
    workflow: EntityRef
    defaults: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    fixed: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    schedule: Cron | FixedRate | None = field(default=None, kw_only=True)
    labels: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    annotations: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    notifications: Sequence[Notification] = field(default=(), kw_only=True)
    max_parallelism: int | None = field(default=None, kw_only=True)
    concurrency: int | None = field(default=None, kw_only=True)
    raw_data_path: str | None = field(default=None, kw_only=True)
    security_context: SecurityContext | None = field(default=None, kw_only=True)
    overwrite_cache: bool = field(default=False, kw_only=True)
    auto_activate: bool = field(default=False, kw_only=True)
    project: str | None = field(default=None, kw_only=True)
    domain: str | None = field(default=None, kw_only=True)
    version: str | None = field(default=None, kw_only=True)

    if TYPE_CHECKING:  # what the constructor takes; the field is always a reference

        def __init__(
            self,
            name: str,
            workflow: EntityRef | str,
            *,
            defaults: Mapping[str, Any] = ...,
            fixed: Mapping[str, Any] = ...,
            schedule: Cron | FixedRate | None = None,
            labels: Mapping[str, str] = ...,
            annotations: Mapping[str, str] = ...,
            notifications: Sequence[Notification] = (),
            max_parallelism: int | None = None,
            concurrency: int | None = None,
            raw_data_path: str | None = None,
            security_context: SecurityContext | None = None,
            overwrite_cache: bool = False,
            auto_activate: bool = False,
            project: str | None = None,
            domain: str | None = None,
            version: str | None = None,
        ) -> None: ...

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise wrong("launch plan: name", "a text that is not empty", self.name)
        where = f"launch plan {self.name!r}"
        try:
            self._check()
        except InvalidRequest as error:
            raise error.with_message(f"{where}: {error.message.removeprefix('run option ')}") from None

    def _check(self) -> None:
        object.__setattr__(self, "workflow", _workflow(self.workflow))
        for name in ("defaults", "fixed"):
            value = getattr(self, name)
            if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
                raise wrong(name, "a mapping of input names to values", value)
            object.__setattr__(self, name, dict(value))
        if both := sorted({*self.defaults} & {*self.fixed}):
            raise InvalidRequest(
                f"input {both[0]!r} is in defaults= and in fixed=; a fixed input has no default: keep one"
            )
        if self.schedule is not None and not isinstance(self.schedule, Cron | FixedRate):
            raise wrong("schedule", "Cron('0 3 * * *') or FixedRate(15)", self.schedule)
        if bound := [name for name, value in self.fixed.items() if value is TriggerTime]:
            raise InvalidRequest(
                f"input {bound[0]!r} is TriggerTime and fixed; Flyte fills an input that is open: put it into defaults="
            )
        if self.kickoff_inputs and self.schedule is None:
            raise InvalidRequest(
                f"input {self.kickoff_inputs[0]!r} is TriggerTime, but there is no schedule to take the time from; give schedule="
            )
        need("notifications", self.notifications, list | tuple, "a list of Notifications")
        object.__setattr__(self, "notifications", tuple(self.notifications))
        for name in ("labels", "annotations"):
            need(name, getattr(self, name), Mapping, "a mapping of text to text")
            object.__setattr__(self, name, dict(getattr(self, name)))
        self.options.check_types()
        limit = self.concurrency
        if limit is not None and (
            isinstance(limit, bool) or not isinstance(limit, int) or not 1 <= limit <= _MOST_RUNS
        ):
            raise wrong("concurrency", f"a whole number from 1 to {_MOST_RUNS}", limit)
        flags(overwrite_cache=self.overwrite_cache, auto_activate=self.auto_activate)
        texts(project=self.project, domain=self.domain, version=self.version)

    @property
    def kickoff_inputs(self) -> tuple[str, ...]:
        """Names of the inputs that get the tick."""
        return tuple(name for name, value in self.defaults.items() if value is TriggerTime)

    @property
    def options(self) -> RunOptions:
        """What it says about its runs, as a launch would."""
        return RunOptions(
            labels=self.labels,
            annotations=self.annotations,
            notifications=tuple(self.notifications),
            max_parallelism=self.max_parallelism,
            raw_data_path=self.raw_data_path,
            security_context=self.security_context,
            overwrite_cache=self.overwrite_cache,
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """From plain JSON or YAML: the attributes; the schedule as ``cron`` with ``timezone``, or as ``interval_minutes``.

        An input whose value is the text ``$trigger_time`` gets the tick.

        Raises:
            InvalidRequest: A key is unknown or missing, or a value breaks a rule.
        """
        need("launch plan", data, Mapping, "a mapping with name and workflow")
        known = [*(name for name in cls.__dataclass_fields__ if name != "schedule"), *_WHEN]
        if unknown := [key for key in data if key not in known]:
            raise InvalidRequest(
                f"launch plan {data.get('name')!r}: unknown key {unknown[0]!r}; known are {', '.join(known)}"
            )
        if missing := [key for key in ("name", "workflow") if data.get(key) is None]:
            raise InvalidRequest(f"launch plan {data.get('name')!r} lacks {missing[0]}; wanted name and workflow")
        if data.get("cron") is not None and data.get("interval_minutes") is not None:
            raise InvalidRequest(f"launch plan {data['name']!r}: both cron and interval_minutes are given; keep one")
        values = {key: value for key, value in data.items() if key not in _WHEN and value is not None}
        if isinstance(values.get("defaults"), Mapping):
            values["defaults"] = {
                name: TriggerTime if value == TICK else value for name, value in values["defaults"].items()
            }
        read_settings(values)
        return cls(**values, schedule=schedule_of(data))


def _workflow(value: object) -> EntityRef:
    """The workflow that is meant: of a text without a kind, one of that name."""
    if isinstance(value, str) and value.partition(":")[0].replace("-", "_") not in {kind.value for kind in EntityKind}:
        value = f"workflow:{value}"
    found = EntityRef.of(value)
    if found.kind is not EntityKind.WORKFLOW:
        raise InvalidRequest(
            f"workflow {str(found)!r} is a {found.kind.value.replace('_', ' ')}, and a launch plan launches a workflow; name "
            "that: 'workflow:pkg.wf'"
        )
    return found
