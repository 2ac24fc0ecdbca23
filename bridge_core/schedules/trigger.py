"""`Trigger`: what to launch when, once for every scheduler; `TriggerTime` stands for the tick among its inputs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Self

from ..model.arguments import need, need_text, wrong
from ..model.errors import InvalidRequest
from ..model.ids import EntityRef
from ..model.provenance import Provenance
from ..model.public import public
from ..model.requests import LaunchRequest
from ..model.run_names import run_name
from ..model.run_options import RunOptions
from .cron import Cron
from .plain import TICK, schedule_of, schedule_to_plain
from .rate import FixedRate
from .zones import aware

__all__ = ["Trigger", "TriggerTime"]

_LONGEST_NAME = 255


@public
class _TriggerTime:
    """The type of `TriggerTime`: one value, the same after pickling and copying."""

    __slots__ = ()
    _only: _TriggerTime | None = None

    def __new__(cls) -> _TriggerTime:
        if cls._only is None:
            cls._only = super().__new__(cls)
        return cls._only

    def __repr__(self) -> str:
        return "TriggerTime"

    def __reduce__(self) -> str:
        return "TriggerTime"  # found again by its public name


TriggerTime: Final = _TriggerTime()
"""As an input: the tick that launched the run (a datetime in UTC), whenever the run really starts."""

Automation = Cron | FixedRate


@public
@dataclass(frozen=True, slots=True, init=False)
class Trigger:
    """A named rule: launch this entity with these inputs at these times.

    Names and meaning are the Flyte 2 SDK's, plus `entity`. ``schedule=`` and ``active=`` are other spellings of
    ``automation=`` and ``auto_activate=``. The SDK's run settings (``env_vars``, ``interruptible``, ``overwrite_cache``,
    ``queue``, ``labels``, ``annotations``, ``custom_context``) may be given directly; they become part of `options`.

    Attributes:
        name: One trigger of that name per file, project and domain.
        entity: What to launch; text is read as `EntityRef.parse` does.
        automation: When. None: only on demand (a launch plan without a schedule).
        inputs: Input name -> value; `TriggerTime` stands for the tick.
        options: How to run it.
        auto_activate: Whether deploying it starts it.
        description: For people; at most 255 characters.

    Example:
        >>> Trigger.daily("at", entity="pkg.report").describe()
        'daily: launch_plan:pkg.report at 00:00 every day (UTC)'
    """

    name: str
    entity: EntityRef
    automation: Automation | None
    inputs: Mapping[str, Any]
    options: RunOptions
    auto_activate: bool
    description: str

    def __init__(
        self,
        name: str,
        automation: Automation | None = None,
        description: str = "",
        auto_activate: bool | None = None,
        inputs: Mapping[str, Any] | None = None,
        *,
        entity: EntityRef | str | None = None,
        options: RunOptions | None = None,
        schedule: Automation | None = None,
        active: bool | None = None,
        **settings: Any,
    ) -> None:
        where = f"trigger {name!r}"
        if not isinstance(name, str) or not name.strip() or len(name) > _LONGEST_NAME or not name.isprintable():
            raise InvalidRequest(f"{where}: a name is 1 to {_LONGEST_NAME} printable characters, like 'nightly-report'")
        when = _one(where, "automation", automation, "schedule", schedule)
        if when is not None and not isinstance(when, Cron | FixedRate):
            raise InvalidRequest(
                f"{where}: automation must be Cron(…) or FixedRate(…), got {when!r}; write Cron('0 3 * * *')"
            )
        if entity is None:
            raise InvalidRequest(
                f"{where}: entity= says what to launch, for instance entity='launch_plan:pkg.report'; it is missing"
            )
        if inputs is not None and not isinstance(inputs, Mapping):
            raise wrong(f"{where}: inputs", "a mapping of input names to values", inputs)
        need_text(f"{where}: description", description, "a text")
        values = dict(inputs or {})
        if when is None and (bound := [key for key, value in values.items() if value is TriggerTime]):
            raise InvalidRequest(
                f"{where}: input {bound[0]!r} is TriggerTime, but there is no schedule to take the time from; give automation="
            )
        if len(description) > _LONGEST_NAME:
            raise InvalidRequest(
                f"{where}: the description has {len(description)} characters; at most {_LONGEST_NAME} are kept by Flyte"
            )
        activate = _one(where, "auto_activate", auto_activate, "active", active)
        object.__setattr__(self, "name", name)
        object.__setattr__(self, "entity", EntityRef.of(entity))
        object.__setattr__(self, "automation", when)
        object.__setattr__(self, "inputs", values)
        object.__setattr__(self, "options", _options(where, options, settings))
        object.__setattr__(self, "auto_activate", True if activate is None else bool(activate))
        object.__setattr__(self, "description", description)

    # -- the SDK's helpers

    @classmethod
    def minutely(cls, trigger_time_input_key: str | None = None, *, name: str = "minutely", **more: Any) -> Self:
        """Every minute. `trigger_time_input_key` names the input that gets the tick."""
        return cls._preset("* * * * *", trigger_time_input_key, name, more)

    @classmethod
    def hourly(cls, trigger_time_input_key: str | None = None, *, name: str = "hourly", **more: Any) -> Self:
        """Every hour, on the hour."""
        return cls._preset("0 * * * *", trigger_time_input_key, name, more)

    @classmethod
    def daily(cls, trigger_time_input_key: str | None = None, *, name: str = "daily", **more: Any) -> Self:
        """Every day at midnight UTC."""
        return cls._preset("0 0 * * *", trigger_time_input_key, name, more)

    @classmethod
    def weekly(cls, trigger_time_input_key: str | None = None, *, name: str = "weekly", **more: Any) -> Self:
        """Every Sunday at midnight UTC."""
        return cls._preset("0 0 * * 0", trigger_time_input_key, name, more)

    @classmethod
    def monthly(cls, trigger_time_input_key: str | None = None, *, name: str = "monthly", **more: Any) -> Self:
        """On the first of every month at midnight UTC."""
        return cls._preset("0 0 1 * *", trigger_time_input_key, name, more)

    @classmethod
    def _preset(cls, expression: str, key: str | None, name: str, more: Mapping[str, Any]) -> Self:
        settings = dict(more)
        given = settings.pop("inputs", None) or {}
        bound = {key: TriggerTime} if key is not None else {}
        return cls(name, automation=Cron(expression), inputs={**bound, **given}, **settings)

    # -- times

    def next_after(self, moment: datetime, *, anchor: datetime | None = None) -> datetime | None:
        """The first tick later than `moment`. See `Cron.next_after`, `FixedRate.next_after`."""
        return None if self.automation is None else self.automation.next_after(moment, anchor=anchor)

    def previous_before(self, moment: datetime, *, anchor: datetime | None = None) -> datetime | None:
        """The last tick earlier than `moment`."""
        return None if self.automation is None else self.automation.previous_before(moment, anchor=anchor)

    def between(self, start: datetime, end: datetime, *, anchor: datetime | None = None) -> Iterator[datetime]:
        """Ticks from `start` up to but without `end`."""
        return iter(()) if self.automation is None else self.automation.between(start, end, anchor=anchor)

    # -- one tick

    @property
    def kickoff_inputs(self) -> tuple[str, ...]:
        """Names of the inputs that get the tick."""
        return tuple(key for key, value in self.inputs.items() if value is TriggerTime)

    def inputs_at(self, tick: datetime) -> dict[str, Any]:
        """The inputs, with the tick where `TriggerTime` stands."""
        moment = aware(tick, f"trigger {self.name!r}: tick").astimezone(UTC)
        return {key: moment if value is TriggerTime else value for key, value in self.inputs.items()}

    def run_name(self, tick: datetime) -> str:
        """The name of this tick's run: the same whoever asks, so that a tick launches once.

        Made of the trigger's name, its entity without version, and the tick in UTC: a new version of the entity does not
        launch an old tick again, and two teams' triggers of one name do not meet.
        """
        moment = aware(tick, f"trigger {self.name!r}: tick").astimezone(UTC)
        entity = self.entity
        # Where the entity names its place, that counts: on Flyte 2 a name is one run over all projects and domains.
        place = (entity.project or "", entity.domain or "") if entity.project or entity.domain else ()
        stamp = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        return run_name("trigger", self.name, entity.kind.value, entity.name, *place, stamp)

    @property
    def label(self) -> str:
        """The name as a Kubernetes label value, for finding its runs."""
        return re.sub(r"[^A-Za-z0-9._-]+", "-", self.name)[:63].strip("._-")

    def request(self, tick: datetime) -> LaunchRequest:
        """What to launch for this tick. Labels say which trigger and tick it was, for people who list runs."""
        moment = aware(tick, f"trigger {self.name!r}: tick").astimezone(UTC)
        ours = {
            "flyte-bridge-trigger": self.label,
            "flyte-bridge-tick": moment.strftime("%Y%m%dT%H%M%SZ"),
        }
        options = replace(self.options, labels={**ours, **(self.options.labels or {})})
        return LaunchRequest(
            self.entity,
            inputs=self.inputs_at(tick),
            name=self.run_name(tick),
            options=options,
            provenance=Provenance(source="scheduler", job=self.name, tick=moment.isoformat()),
        )

    def describe(self) -> str:
        """What it does, in a line."""
        when = "on demand" if self.automation is None else self.automation.describe()
        return f"{self.name}: {self.entity} {when}"

    def with_options(self, **settings: Any) -> Trigger:
        """The same trigger with these run settings added."""
        return Trigger(
            self.name,
            entity=self.entity,
            automation=self.automation,
            inputs=self.inputs,
            options=replace(self.options, **settings),
            auto_activate=self.auto_activate,
            description=self.description,
        )

    # -- plain JSON

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON as far as the inputs are; `from_dict` reads it back."""
        return {
            "name": self.name,
            "entity": str(self.entity),
            **schedule_to_plain(self.automation),
            "inputs": {key: TICK if value is TriggerTime else value for key, value in self.inputs.items()},
            "options": self.options.to_mapping(),
            "auto_activate": self.auto_activate,
            "description": self.description,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The reverse of `to_dict`: ``cron`` with ``timezone``, or ``interval_minutes`` with ``start_time``, or neither.

        An input whose value is the text ``$trigger_time`` gets the tick.

        Raises:
            InvalidRequest: A key is missing, or a value breaks a rule.
        """
        need("trigger", data, Mapping, "a mapping with name, entity and cron or interval_minutes")
        inputs = data.get("inputs") or {}
        try:
            return cls(
                data["name"],
                entity=data["entity"],
                automation=schedule_of(data),
                inputs={key: TriggerTime if value == TICK else value for key, value in inputs.items()},
                options=RunOptions.from_mapping(data.get("options") or {}),
                auto_activate=data.get("auto_activate", True),
                description=data.get("description") or "",
            )
        except KeyError as missing:
            raise InvalidRequest(f"trigger {dict(data)!r} lacks {missing}; wanted name and entity") from None


def _one(where: str, name: str, value: Any, alias: str, other: Any) -> Any:
    if value is not None and other is not None:
        raise InvalidRequest(f"{where}: {name}= and {alias}= say the same thing; give one of them")
    return other if value is None else value


def _options(where: str, options: RunOptions | None, settings: Mapping[str, Any]) -> RunOptions:
    base = options if options is not None else RunOptions()
    need(f"{where}: options", base, RunOptions, "RunOptions(…)")
    if not settings:
        return base
    given = {key: value for key, value in settings.items() if value is not None}
    try:
        direct = RunOptions.from_mapping(given).to_mapping()
    except InvalidRequest as error:
        raise error.with_message(f"{where}: {error.message}") from None
    both = sorted(key for key in direct if getattr(base, key) is not None)
    if both:
        raise InvalidRequest(f"{where}: {both[0]} is given directly and in options=; give it once")
    return replace(base, **{key: getattr(RunOptions.from_mapping(given), key) for key in direct})
