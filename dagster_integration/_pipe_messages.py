"""What tasks of a run told Dagster: which of it counts, and as how many results.

Writers are told apart by their folders: ``<store>/<run>/<unit>/<attempt>-<random>/<number>.jsonl``. Of each unit (node and item)
the newest attempt counts, and only if it closed without an error: what a pod reported that Flyte then tried again is not so.
Several items of a map may report the same asset: that is one materialization, with the metadata of all.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bridge_core import FileAccess

__all__ = ["Folder", "Writer", "merged", "that_count"]

Message = Mapping[str, Any]
_OF_A_MAP = re.compile(r"map_(.+)_[0-9a-f]{32}(?:-arraynode)?")  # flytekit's name of a map over a task
_MATERIALIZATION, _CHECK = "report_asset_materialization", "report_asset_check"


@dataclass(slots=True)
class Writer:
    """One attempt of one task, as far as its messages have been read.

    Attributes:
        run: Flyte's name of the run.
        unit: Node and item.
        attempt: From 0.
        name: Tells it from another process of that attempt.
        messages: In order.
    """

    run: str
    unit: str
    attempt: int
    name: str
    messages: list[Message] = field(default_factory=list)

    @property
    def about(self) -> Mapping[str, Any]:
        """What it said of itself: ``task``, ``index``, ``place``."""
        for message in self.messages:
            if message["method"] == "opened":
                found: Mapping[str, Any] = ((message["params"] or {}).get("extras") or {}).get("flyte") or {}
                return found
        return {}

    @property
    def ended_well(self) -> bool:
        """Whether it closed, and without an error."""
        ends = [message for message in self.messages if message["method"] == "closed"]
        return bool(ends) and "exception" not in (ends[-1]["params"] or {})

    @property
    def label(self) -> str:
        """For people."""
        about = self.about
        task = str(about.get("task") or "task").rpartition(".")[2]
        task = mapped[1] if (mapped := _OF_A_MAP.fullmatch(task)) else task
        item = f"[{about['index']}]" if about.get("index") else ""
        return f"{task}{item}" + (f" attempt {self.attempt + 1}" if self.attempt else "")


class Folder:
    """The messages below one URI; what was read is not read again.

    Args:
        files: Of the client.
        uri: Where.
    """

    def __init__(self, files: FileAccess, uri: str) -> None:
        self._files = files
        self._uri = uri.rstrip("/")
        self._read: set[str] = set()
        self._writers: dict[tuple[str, str, str], Writer] = {}

    def news(self, runs: Sequence[str]) -> Iterator[tuple[Writer, Message]]:
        """What was written since the last look.

        Args:
            runs: Names of the runs whose writers are of interest.
        """
        for run in runs:
            folder = f"{self._uri}/{run}"
            if not self._files.exists(folder):
                continue
            for uri in sorted(self._files.list_files(folder)):
                parts = uri.rpartition(f"/{run}/")[2].split("/")
                if uri in self._read or len(parts) != 3 or not parts[2].endswith(".jsonl") or parts[2].startswith("."):  # noqa: PLR2004  # unit, writer, chunk
                    continue
                with self._files.open(uri) as file:
                    text = bytes(file.read()).decode()
                self._read.add(uri)
                unit, name, _ = parts
                attempt = name.partition("-")[0]
                writer = self._writers.setdefault(
                    (run, unit, name),
                    Writer(run=run, unit=unit, attempt=int(attempt) if attempt.isdecimal() else 0, name=name),
                )
                for line in text.splitlines():
                    message: Message = json.loads(line)
                    writer.messages.append(message)
                    yield writer, message

    @property
    def writers(self) -> list[Writer]:
        """All that were read."""
        return list(self._writers.values())


def that_count(writers: Iterable[Writer], runs: Sequence[str]) -> list[Writer]:
    """Of each node and item the newest attempt, if it ended well; in the order of places and items.

    Args:
        writers: All.
        runs: The run, and those that it was recovered from, newest first: what a recovered run kept was told by the older.
    """
    newest: dict[str, Writer] = {}
    rank = {run: -number for number, run in enumerate(runs)}
    for writer in sorted(writers, key=lambda one: (rank.get(one.run, 0), one.attempt, one.ended_well)):
        newest[_unit(writer)] = writer
    return sorted((writer for writer in newest.values() if writer.ended_well), key=_order)


def _unit(writer: Writer) -> str:
    """Node and item, whichever of the runs it was: the place of flytekit names the run."""
    about = writer.about
    return f"{str(about.get('place', writer.unit)).replace(writer.run, '')}\n{about.get('index', '')}"


def _order(writer: Writer) -> tuple[Any, ...]:
    index = str(writer.about.get("index", ""))
    return str(writer.about.get("place", "")), int(index) if index.isdecimal() else -1, writer.attempt


def merged(writers: Sequence[Writer]) -> list[Message]:
    """The reports of these writers, those of several about one asset or check made one."""
    found: dict[tuple[str, ...], list[tuple[Writer, Message]]] = {}
    others: list[Message] = []
    for writer in writers:
        for message in writer.messages:
            params = message["params"] or {}
            if message["method"] == _MATERIALIZATION:
                found.setdefault((_MATERIALIZATION, params["asset_key"]), []).append((writer, message))
            elif message["method"] == _CHECK:
                found.setdefault((_CHECK, params["asset_key"], params["check_name"]), []).append((writer, message))
            elif message["method"] == "report_custom_message":
                others.append(message)
    return [_one(same) if len(same) > 1 else same[0][1] for same in found.values()] + others


def _one(same: Sequence[tuple[Writer, Message]]) -> Message:
    first = same[0][1]
    params = dict(first["params"])
    params["metadata"] = _metadata(same)
    if first["method"] == _CHECK:
        params["passed"] = all(message["params"]["passed"] for _, message in same)
        severities = {message["params"]["severity"] for _, message in same if not message["params"]["passed"]}
        params["severity"] = "ERROR" if "ERROR" in severities or not severities else severities.pop()
    else:
        versions = [message["params"]["data_version"] for _, message in same]
        told = [version for version in versions if version is not None]
        params["data_version"] = hashlib.sha256("\n".join(told).encode()).hexdigest()[:16] if told else None
    return {**first, "params": params}


def _metadata(same: Sequence[tuple[Writer, Message]]) -> dict[str, Any]:
    """Of all; a key that several gave, and not alike, gets the name of its task and item."""
    values: dict[str, list[tuple[Writer, Any]]] = {}
    for writer, message in same:
        for key, value in (message["params"]["metadata"] or {}).items():
            values.setdefault(key, []).append((writer, value))
    found: dict[str, Any] = {}
    for key, given in values.items():
        if all(value == given[0][1] for _, value in given):
            found[key] = given[0][1]
            continue
        for number, (writer, value) in enumerate(given):
            index = str(writer.about.get("index") or "") or str(number)
            found[f"{key}[{index}]"] = value
    return found
