"""Which fields of an answer of Flyte 2 are not as they were recorded, by their paths.

Rows of lists are matched by their ids: which are there is one question (the recorded server had rows of an earlier recording),
what those that both have hold is another. Of an action that had not ended, status and attempts are left out. Times, durations,
ports, signatures and generated names are made equal first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

__all__ = ["differences"]

_TIME = re.compile(r"20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|\+00:00)")
_HOST = re.compile(r"(127\.0\.0\.1|localhost):\d+")
_GENERATED = re.compile(r"\br[a-z0-9]{19}\b")
_LISTS = ("actions", "projects", "runs", "secrets", "tasks", "triggers", "versions")
_MOVES = {"attempts", "status"}
_ENDED = {f"ACTION_PHASE_{name}" for name in ("SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT", "RECOVERED")}
_COUNTS = frozenset({"metadata", "token"})
_PROGRAM = re.compile(r"\S*/(flyte2_)?task\.py")


def differences(case: dict[str, Any], answered: Any, normal: Callable[[str], str]) -> list[tuple[str, Any, Any]]:
    """(path, recorded, answered) of one unary call that was answered with OK.

    Args:
        case: As recorded.
        answered: The answer, as JSON.
        normal: Makes equal in a text what the place of the server decides.
    """
    one, other = (_plain(side, normal) for side in (case["response"], answered))
    if case["method"].rpartition("/")[2].startswith("List"):
        return _rows(one, other)
    return _walk("", one, other)


def _rows(one: Any, other: Any) -> list[tuple[str, Any, Any]]:
    found: list[tuple[str, Any, Any]] = []
    for name in sorted({*one, *other}):
        if name in _COUNTS:
            if one.get(name) != other.get(name):
                found.append(("rows", one.get(name), other.get(name)))
        elif isinstance(one.get(name, {}), dict) and isinstance(other.get(name, {}), dict):
            found += _rows(one.get(name, {}), other.get(name, {}))  # ListProjects has its list one level deeper
        elif name in _LISTS:
            rows, others = ({_id(row): row for row in side.get(name, ())} for side in (one, other))
            if rows.keys() != others.keys():
                found.append(("rows", sorted(rows), sorted(others)))
            for key in rows.keys() & others.keys():
                found += _row(f"{name}[]", rows[key], others[key])
        else:
            found += _walk(name, one.get(name), other.get(name))
    return found


def _row(path: str, one: Any, other: Any) -> list[tuple[str, Any, Any]]:
    """A list is not read again until its runs have ended here, too."""
    if isinstance(other, dict) and _is_on_its_way(other.get("action", other)):
        return []
    return _walk(path, one, other)


def _is_on_its_way(action: Any) -> bool:
    """Whether an action, or its last attempt, had not ended when it was recorded: how far it is when it is read is chance."""
    parts = [action.get("status"), *(action.get("attempts") or ())[-1:]]
    return any(isinstance(part, dict) and "phase" in part and part["phase"] not in _ENDED for part in parts)


def _id(row: Any) -> str:
    """What a row is known by: an id, or an action's, or a task's; the row itself where it has none."""
    for place in (row, row.get("action", {})) if isinstance(row, dict) else ():
        for name in ("taskId", "id"):
            if name in place:
                return json.dumps(place[name], sort_keys=True)
    return json.dumps(row, sort_keys=True)


def _plain(value: Any, normal: Callable[[str], str], key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _plain(one, normal, name) for name, one in value.items()}
    if isinstance(value, list):
        return [_plain(one, normal, key) for one in value]
    if not isinstance(value, str):
        return value
    if key in ("signedUrl", "durationMs"):
        return f"<{key}>"
    text = _PROGRAM.sub("task.py", normal(value))
    return _GENERATED.sub("<generated>", _HOST.sub("<host>", _TIME.sub("<time>", text)))


def _walk(path: str, one: Any, other: Any) -> list[tuple[str, Any, Any]]:
    if one == other:
        return []
    if isinstance(one, dict) and isinstance(other, dict):
        found = []
        for name in sorted({*one, *other} - (_MOVES if _is_on_its_way(one) else set())):
            found += _walk(f"{path}.{name}" if path else name, one.get(name), other.get(name))
        return found
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return [item for pair in zip(one, other, strict=True) for item in _walk(f"{path}[]", *pair)]
    return [(path, one, other)]
