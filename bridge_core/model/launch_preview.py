"""`LaunchPlanPreview`: what a launch would do, before it does: what `Client.plan` answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .public import public

if TYPE_CHECKING:
    from .ids import EntityRef, RunRef
    from .runs import RunSnapshot

__all__ = ["LaunchPlanPreview", "PlannedInput", "PlannedOption"]

_LONGEST = 200


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedInput:
    """One input of the run."""

    value: Any
    """Decoded; of what would be uploaded, a reference whose ``uri`` is its path, or ``upload:NAME`` where it has none."""
    source: str
    """``request``, ``default`` (of the interface) or ``fixed`` (by the launch plan)."""


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedOption:
    """One option of the run that somebody has set; of labels, annotations and environment variables, one key."""

    name: str
    """As in `RunOptions`; ``labels.team`` for one label."""
    value: Any
    source: str
    """Who won: ``request``, ``launch plan`` or ``flyte-bridge`` (what this library finds runs by)."""
    over: tuple[tuple[str, Any], ...] = ()
    """Who else had set it, and to what."""


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchPlanPreview:
    """What a launch would do now. ``str()`` of it is its `text`."""

    action: str
    """``launch`` (a new run), ``attach`` (to the run that has the name) or ``clash`` (`AlreadyExists` would be raised)."""
    entity: EntityRef
    """What would run, pinned; of ``attach``, what that run was launched from; of a clash, what was asked for."""
    ref: RunRef | None
    """The run's name. None: the request has none, and a random one would be made."""
    inputs: Mapping[str, PlannedInput]
    """After defaults and what the launch plan fixes, by name. Empty where the name belongs to a run of another entity."""
    options: tuple[PlannedOption, ...] = ()
    """Options that are set, by name. What is not here, Flyte decides. Of ``attach`` none counts: the run is there."""
    upload_bytes: int = 0
    """Of files and frames that would be sent, at most: what is there already is not sent again."""
    upload_files: int = 0
    existing: RunSnapshot | None = None
    """The run that has the name."""
    differing: tuple[str, ...] = ()
    """Of a clash: names of the inputs that differ."""
    reason: str = ""
    """Of a clash: what `launch` would say."""

    @property
    def text(self) -> str:
        """All of it, for people."""
        return "\n".join(self._lines())

    def __str__(self) -> str:
        return self.text

    def to_dict(self) -> dict[str, Any]:
        """For JSON; values of inputs are as `RunOutputs` has them."""
        return {
            "action": self.action,
            "entity": str(self.entity),
            "run": None if self.ref is None else str(self.ref),
            "inputs": {name: {"value": item.value, "source": item.source} for name, item in self.inputs.items()},
            "options": [
                {
                    "name": item.name,
                    "value": item.value,
                    "source": item.source,
                    "over": [{"source": source, "value": value} for source, value in item.over],
                }
                for item in self.options
            ],
            "upload_bytes": self.upload_bytes,
            "upload_files": self.upload_files,
            "existing": None
            if self.existing is None
            else {"run": str(self.existing.ref), "phase": self.existing.phase.value},
            "differing": list(self.differing),
            "reason": self.reason,
        }

    def _lines(self) -> Iterator[str]:
        name = "a random name" if self.ref is None else str(self.ref)
        if self.action == "launch":
            yield f"would launch {self.entity} as {name}"
        elif self.action == "attach" and self.existing is not None:
            yield f"would attach to {name} ({self.existing.phase.value}), launched from {self.entity}; nothing would be sent"
        else:
            yield f"would clash: {self.reason}"
        for key, item in self.inputs.items():
            differs = ", differs from the run's" if key in self.differing else ""
            yield f"  input {key} = {_short(item.value)} ({item.source}{differs})"
        for option in self.options if self.action == "launch" else ():
            over = "".join(f", over {_short(value)} of the {source}" for source, value in option.over)
            yield f"  option {option.name} = {_short(option.value)} ({option.source}{over})"
        if self.action == "launch" and self.upload_files:
            yield f"  upload {self.upload_files} file{'s' * (self.upload_files != 1)}, {self.upload_bytes} bytes at most"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
