"""``run=`` of operators and sensors: a run that another task named, as templates and XComs bring it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bridge_core import InvalidRequest, RunRef

__all__ = ["run_argument"]


def run_argument(run: Any) -> RunRef:
    """The run that is meant: a `RunRef`, its dict (the XCom ``flyte_run``), its text, or the address of its page.

    Raises:
        InvalidRequest: None of these.
    """
    if isinstance(run, RunRef):
        return run
    if isinstance(run, Mapping):
        return RunRef.from_dict(run)
    if run is None or run in ("", "None"):
        raise InvalidRequest("run came as None: the task it is taken from pushed no flyte_run, or did not run")
    text = str(run)
    if text.lstrip().startswith("{"):  # a template rendered the dict as text
        import ast

        try:
            return RunRef.from_dict(ast.literal_eval(text))
        except (SyntaxError, ValueError):
            pass
    return RunRef.parse(text)
