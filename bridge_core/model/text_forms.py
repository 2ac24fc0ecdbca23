"""What verbs take in place of a reference: its text form, where that can mean only one thing.

Everything else is refused with the way out, because the people who write ``launch(train)`` or ``describe(snapshot)`` know
other SDKs, and an AttributeError from our inside would tell them nothing.
"""

from __future__ import annotations

from collections.abc import Iterable

from .arguments import wrong
from .errors import InvalidRequest
from .ids import EntityKind, EntityRef, RunRef
from .places import Place, placed

__all__ = ["kind_of", "page_of", "run_of", "runs_of"]


def run_of(value: object, config: Place) -> RunRef:
    """The run that is meant: a reference, or a text as `RunRef.parse` reads it, or a name in the configured place.

    Raises:
        InvalidRequest: Neither.
        ConfigError: A name alone, and the configuration has no project or no domain.
    """
    if isinstance(value, RunRef):
        return value
    if not isinstance(value, str):
        if isinstance(getattr(value, "ref", None), RunRef):
            raise InvalidRequest(f"run: wanted a RunRef or its text, got a {type(value).__name__}; give its .ref")
        more = "; RunRef.from_dict reads a mapping" if isinstance(value, dict) else ""
        raise wrong("run", f"a RunRef or a text like 'project/domain/name'{more}", value)
    if not value or "/" in value or ":" in value:
        return RunRef.parse(value)
    project, domain = placed(f"run {value!r}", None, None, config, written=f"as project/domain/{value}")
    return RunRef(project, domain, value)


def runs_of(values: object, config: Place) -> list[RunRef]:
    """`run_of` for each.

    Raises:
        InvalidRequest: As `run_of`; also for a single reference or text.
    """
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise wrong("runs", "a list of RunRefs or of their texts", values)
    return [run_of(value, config) for value in values]


def kind_of(value: object) -> EntityKind:
    """The kind that is meant: one, or its name in singular or plural, with ``_`` or ``-``.

    Raises:
        InvalidRequest: Neither.
    """
    if isinstance(value, EntityKind):
        return value
    if isinstance(value, str):
        word = value.strip().lower().replace("-", "_").removesuffix("s")
        for kind in EntityKind:
            if kind.value == word:
                return kind
    raise wrong("kind", "an EntityKind, or 'task', 'workflow' or 'launch_plan'", value)


def page_of(value: object, config: Place) -> RunRef | EntityRef:
    """A run, or an entity in a project and domain: a text is a run's unless it begins with a kind.

    Raises:
        InvalidRequest: None of these.
        ConfigError: A name alone, and the configuration has no project or no domain.
    """
    if isinstance(value, EntityRef):
        return value.placed(config)
    if isinstance(value, str) and value.partition(":")[0].replace("-", "_") in {kind.value for kind in EntityKind}:
        return EntityRef.parse(value).placed(config)
    return run_of(value, config)
