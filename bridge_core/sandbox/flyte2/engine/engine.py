"""The engine of Flyte 2: which actions are at work, how they begin, are signalled and stopped. Any thread may call it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from flyteidl2.common import phase_pb2
from flyteidl2.workflow import run_definition_pb2

from ..store.actions import ROOT, is_terminal
from .connector_job import job_key
from .records import abort_status, move_status
from .task_action import TaskAction

if TYPE_CHECKING:
    from ..store.actions import StoredAction
    from .context import Flyte2Context

__all__ = ["Flyte2Engine"]

_PAUSED = phase_pb2.ACTION_PHASE_PAUSED
_SUCCEEDED = phase_pb2.ACTION_PHASE_SUCCEEDED
_FAILED = phase_pb2.ACTION_PHASE_FAILED
_LABEL = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")


class Flyte2Engine:
    """Starts, signals and stops actions.

    Args:
        context: What all actions share.
        moves: Whether it moves them at all.
    """

    def __init__(self, context: Flyte2Context, *, moves: bool = True) -> None:
        self.context = context
        self._moves = moves
        self._going: dict[tuple[str, str, str, str], TaskAction] = {}

    def start(self) -> None:
        """Goes on with what an earlier server left unfinished."""
        if not self._moves:
            return
        for action in self.context.actions.unfinished():
            if action.details.metadata.action_type == run_definition_pb2.ACTION_TYPE_TASK and self._can_start(action):
                self._post(action, resumed=True)
        self._delete_left_jobs()

    def _delete_left_jobs(self) -> None:
        """Deletes jobs of actions that ended, or were aborted, while nobody was there to delete them."""
        going = {(job_key(action.details.id.run), action.key[3]) for action in self.context.actions.unfinished()}
        self.context.loop.post(
            lambda: self.context.deletions.delete_left(lambda job: (job.execution, job.path) in going)
        )

    def created(self, action: StoredAction) -> None:
        """An action was stored: a task begins, a condition waits for its signal, a trace has ended already."""
        if action.details.metadata.action_type != run_definition_pb2.ACTION_TYPE_TASK:
            self.context.hub.publish(action.details.id.run.name)
            return
        is_root = action.details.id.name == ROOT
        if not self._moves or (is_root and self.context.faults.take_lost_enqueue()) or not self._can_start(action):
            return
        self._post(action, resumed=False)

    def enqueued_by(self, parent_id: Any) -> None:
        """An action has enqueued another one."""
        run = parent_id.run
        key = (run.project, run.domain, run.name, parent_id.name)

        def tell() -> None:
            parent = self._going.get(key)
            if parent is not None:
                parent.wait_for_others()

        self.context.loop.post(tell)

    def abort(self, action_id: Any, reason: str, identity: Any = None) -> bool:
        """Aborts an action with everything below it, also when it has ended; whether there is one."""
        with self.context.database.transaction():
            found = self.context.actions.find(action_id)
            if found is None:
                return False
            self._abort(found, reason, identity)
        self.context.hub.publish(action_id.run.name)
        return True

    def _abort(self, action: StoredAction, reason: str, identity: Any) -> None:
        for child in self.context.actions.children(action.details.id):
            if not is_terminal(child.details.status.phase):
                self._abort(child, reason, identity)
        key = action.key
        abort_status(action.details, reason, identity)
        self.context.actions.save(action)

        def stop() -> None:
            going = self._going.get(key)
            if going is not None:
                abort_status(going.action.details, reason, identity)
                going.abort()

        self.context.loop.post(stop)

    def _can_start(self, action: StoredAction) -> bool:
        """Whether Kubernetes would take it; what it does not take stays QUEUED without a word."""
        labels = action.spec.run_spec.labels.values
        if not all(_LABEL.fullmatch(value) for value in labels.values()):
            return False
        run = action.details.id.run
        first = self.context.actions.named(run.name, action.details.id.name)[0]
        return first.row == action.row  # one object per run and action, whatever the project and domain

    def _post(self, action: StoredAction, *, resumed: bool) -> None:
        def begin() -> None:
            current = self.context.actions.find(action.details.id)
            if current is None or is_terminal(current.details.status.phase) or current.key in self._going:
                return
            if not current.spec.task.spec.HasField("task_template") or not current.spec.input_uri:
                move_status(current.details, _FAILED)
                self.context.actions.save(current)
                self.context.hub.publish(current.details.id.run.name)
                return
            going = self._going[current.key] = TaskAction(self.context, current, self._ended)
            if resumed:
                going.resume()
            else:
                going.begin()

        if self.context.pickup and not resumed:
            self.context.loop.later(self.context.pickup, begin)
        else:
            self.context.loop.post(begin)

    def _ended(self, action: TaskAction) -> None:
        self._going.pop(action.key, None)
