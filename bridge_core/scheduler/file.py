"""``triggers.yaml``: reads it into entries, or says file, line and fix for everything that is wrong with it at once.

name: team-a                      # keeps its state apart from other files on one database
defaults: {timezone: Europe/Berlin, missed: all}
triggers:
  - name: nightly
    entity: launch_plan:pkg.report
    cron: "0 3 * * 1-5"           # or every: 15m, or interval_minutes: 15 (with start_time)
    inputs: {day: $trigger_time, top: 10}
    options: {labels: {team: a}}
    missed: latest                # all, latest, none; missed_window: 24h; missed_cap: 1000; grace: 60s
    jitter: 30s
    max_concurrency: 1
    overlap: skip                 # or queue
    start: 2026-12-01T00:00:00Z
    end: 2027-12-01T00:00:00Z
    paused: false
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from bridge_core import BridgeError, ConfigError, Cron, FixedRate, RunOptions, Trigger, TriggerTime
from bridge_core.yaml_lines import Located, problem, read_yaml

from .entry import Entry, Missed, Overlap

__all__ = ["TriggerFile", "read_triggers"]

T = TypeVar("T")

_TOP = ("name", "defaults", "triggers")
_WHEN = ("cron", "every", "interval_minutes")
_POLICY = ("missed", "missed_window", "missed_cap", "grace", "jitter", "max_concurrency", "overlap", "paused")
_DEFAULTS = ("timezone", "options", *_POLICY)
_TRIGGER = (
    "name", "entity", "description", "timezone", "start_time", "inputs", "options", "start", "end", "auto_activate",
    *_WHEN, *_POLICY,
)  # fmt: skip
_PLACEHOLDER = "$trigger_time"
_SHOWN = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerFile:
    """What a file says.

    Attributes:
        name: Its scope in the database; None when it says none.
        entries: In the file's order.
        source: Where it was read.
    """

    name: str | None
    entries: tuple[Entry, ...]
    source: str

    def scope(self, *, shared: str | None) -> str:
        """Keeps its state apart from that of other files.

        Args:
            shared: URL of the state. None: an SQLite file of its own.

        Raises:
            ConfigError: It has no name, and its state may be in one database with another file's: of two without a name one
                would lead, and the triggers of the other one never fire.
        """
        if self.name is None and shared is not None and shared.startswith("postgresql"):
            raise ConfigError(
                f"{self.source}: has no name, and its state is kept in a database that others may share; begin the file with "
                "'name: team-a' (or 'name: default' for a state that was kept without one)"
            )
        return self.name or "default"


def read_triggers(path: Path | str, text: str | None = None) -> TriggerFile:
    """Reads a file, wholly or not at all.

    Args:
        path: The file.
        text: Its content, when it was read already.

    Raises:
        ConfigError: One line per problem, each with file, line and fix.
    """
    source = str(path)
    if text is None:
        try:
            text = Path(path).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
            raise ConfigError(f"{source}: cannot be read: {reason}; give the path of a triggers file") from None
    return _Parser(source).file(read_yaml(text, source))


class _Parser:
    """Collects problems instead of stopping at the first."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._problems: list[tuple[int, str]] = []
        self._zones: set[Any] = set()  # known to exist

    def file(self, document: Any) -> TriggerFile:
        if not isinstance(document, Located) or not isinstance(document.get("triggers"), list):
            raise ConfigError(
                problem(self._source, 1, "wanted a mapping with a list 'triggers:', one item per trigger")
            )
        self._check_keys(document, _TOP, "the file")
        defaults = document.get("defaults")
        if not isinstance(defaults, Located):
            if defaults is not None:
                self._add(document.line_of("defaults"), "defaults must be a mapping, like {timezone: Europe/Berlin}")
            defaults = Located(document.line)
        self._check_keys(defaults, _DEFAULTS, "defaults")
        entries: list[Entry] = []
        lines: dict[str, int] = {}
        for item in document["triggers"]:
            if not isinstance(item, Located):
                self._add(
                    document.line_of("triggers"), f"a trigger must be a mapping with name and entity, got {item!r}"
                )
                continue
            entry = self._entry(item, defaults)
            name = item.get("name")
            if isinstance(name, str) and name in lines:
                self._add(
                    item.line_of("name"),
                    f"trigger {name!r} is there already, on line {lines[name]}; names tell runs apart: give it another one",
                )
            elif isinstance(name, str):
                lines[name] = item.line_of("name")
            if entry is not None:
                entries.append(entry)
        if self._problems:
            shown = [problem(self._source, line, text) for line, text in sorted(self._problems)[:_SHOWN]]
            more = len(self._problems) - len(shown)
            raise ConfigError("\n".join([*shown, *([f"… and {more} more"] if more > 0 else [])]))
        return TriggerFile(
            name=str(document["name"]) if document.get("name") else None, entries=tuple(entries), source=self._source
        )

    def _add(self, line: int, text: str) -> None:
        self._problems.append((line, text))

    def _try(self, line: int, make: Callable[[], T], where: str = "") -> T | None:
        try:
            return make()
        except BridgeError as error:
            text = str(error)
            self._add(line, text if not where or text.startswith(where) else f"{where}: {text}")
            return None

    def _check_keys(self, mapping: Located, known: tuple[str, ...], where: str) -> None:
        for key in mapping:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
                self._add(mapping.line_of(key), f"{where}: unknown key {key!r}; {hint}")

    def _entry(self, item: Located, defaults: Located) -> Entry | None:
        before = len(self._problems)
        name = item.get("name")
        where = f"trigger {name!r}" if name is not None else f"trigger on line {item.line}"
        self._check_keys(item, _TRIGGER, where)
        for key in ("name", "entity"):
            value = item.get(key)
            if not isinstance(value, str) or not value:
                found = "is missing" if value in (None, "") else f"must be a text, got {value!r}"
                self._add(item.line_of(key), f"{where}: {key} {found}; write {key}: {_EXAMPLES[key]}")
        when = self._automation(item, defaults, where)
        options = self._options(item, defaults, where)
        start, end = self._moment(item, "start", where), self._moment(item, "end", where)
        policy = self._policy(item, defaults, where)
        if len(self._problems) > before or when is None:
            return None
        trigger = self._try(
            item.line_of("name"),
            lambda: Trigger(
                item["name"],
                entity=item["entity"],
                automation=when,
                inputs=self._inputs(item),
                options=options,
                auto_activate=item.get("auto_activate", True),
                description=str(item.get("description") or ""),
            ),
            where,
        )
        if trigger is None:
            return None
        policy.setdefault("paused", not trigger.auto_activate)
        line = item.line_of("end", *(key for key in _POLICY if key in item))
        return self._try(line, lambda: Entry(trigger=trigger, start=start, end=end, **policy), where)

    def _automation(self, item: Located, defaults: Located, where: str) -> Cron | FixedRate | None:
        given = [key for key in _WHEN if item.get(key) is not None]
        if len(given) != 1:
            found = "none" if not given else " and ".join(given)
            self._add(
                item.line_of(*given),
                f'{where}: wanted one of {", ".join(_WHEN)}, found {found}; write cron: "0 3 * * *"',
            )
            return None
        key = given[0]
        line, value = item.line_of(key), item[key]
        if key == "interval_minutes":
            start = self._moment(item, "start_time", where)
            return self._try(line, lambda: FixedRate(value, start_time=start), where)
        if item.get("start_time") is not None:
            self._add(
                item.line_of("start_time"), f"{where}: start_time goes with interval_minutes; for {key} write start:"
            )
        if key == "every":
            return self._try(line, lambda: Cron(f"@every {value}"), where)
        zone = item.get("timezone", defaults.get("timezone", "UTC"))
        known = self._knows_zone(zone, item if "timezone" in item else defaults, where)
        cron = self._try(line, lambda: Cron(value, timezone=zone if known else "UTC"), where)
        return cron if known else None

    def _knows_zone(self, zone: Any, holder: Located, where: str) -> bool:
        """Checks it with a cron that nobody wrote, which is left out of the message."""
        if isinstance(zone, str) and zone in self._zones:
            return True
        try:
            Cron("@daily", timezone=zone)
        except BridgeError as error:
            text = str(error).removeprefix("cron '@daily': ")
            self._add(holder.line_of("timezone"), f"{where}: {text}")
            return False
        self._zones.add(zone)
        return True

    def _inputs(self, item: Located) -> dict[str, Any]:
        inputs = item.get("inputs")
        if inputs is None:
            return {}
        if not isinstance(inputs, Located):
            raise ConfigError(f"inputs must be a mapping, got {inputs!r}; write inputs: {{n: 1}}")
        return {key: TriggerTime if value == _PLACEHOLDER else value for key, value in inputs.plain().items()}

    def _options(self, item: Located, defaults: Located, where: str) -> RunOptions | None:
        merged: dict[str, Any] = {}
        for mapping in (defaults, item):
            options = mapping.get("options")
            if options is not None and not isinstance(options, Located):
                self._add(
                    mapping.line_of("options"), f"{where}: options must be a mapping, like {{labels: {{team: a}}}}"
                )
            elif options is not None:
                merged.update(options.plain())
        if not merged:
            return None
        return self._try(item.line_of("options"), lambda: RunOptions.from_mapping(merged), where)

    def _moment(self, item: Located, key: str, where: str) -> datetime | None:
        value = item.get(key)
        if value is None:
            return None
        if isinstance(value, str):
            try:
                value = datetime.fromisoformat(value)
            except ValueError:
                value = None
        if not isinstance(value, datetime) or value.tzinfo is None:
            self._add(
                item.line_of(key),
                f"{where}: {key} {item[key]} is no moment with a time zone; write {key}: 2026-12-01T00:00:00Z",
            )
            return None
        return value

    def _policy(self, item: Located, defaults: Located, where: str) -> dict[str, Any]:
        out: dict[str, Any] = {}
        for key in _POLICY:
            holder = item if key in item else defaults
            value = holder.get(key)
            if value is None:
                continue
            line = holder.line_of(key)
            if key in ("missed_window", "grace", "jitter"):
                value = self._seconds(value, line, f"{where}: {key}")
            elif key in _CHOICES:
                value = self._choice(value, _CHOICES[key], line, f"{where}: {key}")
            elif key == "paused" and not isinstance(value, bool):
                self._add(line, f"{where}: paused must be true or false, got {value!r}")
            if value is not None:
                out[key] = value
        return out

    def _seconds(self, value: Any, line: int, where: str) -> int | None:
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        if not isinstance(value, str):
            self._add(line, f"{where} must be seconds or a duration from 0 up, got {value!r}; write 90 or 24h")
            return None
        every = self._try(line, lambda: Cron(f"@every {value}"), where)
        return every.interval if every is not None else None

    def _choice(self, value: Any, kind: type[Any], line: int, where: str) -> Any:
        known = [item.value for item in kind]
        if value not in known:
            self._add(line, f"{where} must be one of {', '.join(known)}, got {value!r}")
            return None
        return kind(value)


_EXAMPLES: Mapping[str, str] = {"name": "nightly-report", "entity": "launch_plan:pkg.report"}
_CHOICES: Mapping[str, type[Any]] = {"missed": Missed, "overlap": Overlap}
