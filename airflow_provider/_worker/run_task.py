"""What a `FlyteRunOperator` does on a worker: launch or attach, publish, wait a while, defer, and bring the outputs home.

Apart from the operator, so that a DAG file pays for its arguments only: importing the operator imports nothing of this.
"""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import AirflowException, AirflowTaskTimeout

from bridge_core import BridgeError, EntityKind, InvalidRequest, RunPhase, RunRef, Unauthenticated, seconds

from .._compat import first_event_floor, is_dag_test, is_native, sync_grace
from .._shared.event import EventError, RunEvent
from .._shared.failures import airflow_failures
from .._shared.identity import remember_pin, remember_url, remembered_pin, remembered_url, task_key
from .._shared.outputs import checked_selection, output_loader
from .._shared.progress import FIRST
from .._shared.refusals import LAUNCH_PATIENCE, patiently
from .._shared.task_key import TaskKey
from ..hooks.flyte import FlyteHook
from .kill import SyncKill, abort_and_tell
from .launch_or_attach import build_request, launch_for, placed
from .registering import check_registration
from .retry_mode import checked_mode
from .run_ended import bring_home, raise_for_end, tell_failure
from .shown_log import show_log, shown_log
from .time_limits import TimeLimits
from .trace import trace_nodes, traced
from .wait import told_what_a_retry_does, watch_to_end

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from bridge_core import Client, Launched, LaunchRequest, RunSnapshot

__all__ = ["RunTask"]

_BACKSTOP = 120.0
"""Seconds after the deadline at which Airflow itself ends the deferral, should the triggerer not do it."""


class RunTask:
    """One leg of a task instance.

    Args:
        operator: A `FlyteRunOperator`, its fields rendered.
        context: Airflow's.
    """

    def __init__(self, operator: Any, context: Mapping[str, Any]) -> None:
        self.operator = operator
        self.context = context
        self.ti: Any = context["ti"]
        self.log = operator.log

    def execute(self) -> dict[str, Any] | None:
        """See `FlyteRunOperator.execute`."""
        operator, ti = self.operator, self.ti
        with airflow_failures():
            self._check_arguments()
            hook = FlyteHook(operator.flyte_conn_id)
            client = hook.get_client()
            request = self._request(client)
            hook.check_place(request.entity.project, request.entity.domain)
            if hook.limits is not None:
                hook.limits.check_options(request.options)
        key, fresh = task_key(self.context, operator.retries, single_task=request.entity.kind is EntityKind.TASK)
        operator.console_url = remembered_url(self.context)  # of the try before, should this one get no further
        with client:
            kill = SyncKill(client, ti, str(key), enabled=operator.cancel_on_kill)
            operator.attend(kill)
            try:
                if request.register is not None:
                    request = self._registered(hook, client, request, key)
                launched = self._launch(client, request, key, kill, fresh=fresh)
                self._publish(client, launched.ref)
                if not operator.wait_for_completion:
                    with kill.attending():  # acts on a signal that came meanwhile
                        return None
                deadline = self._limits().deadline(ti)
                snapshot = launched.snapshot
                if not snapshot.phase.is_terminal:
                    with kill.attending(), airflow_failures():
                        snapshot = self._wait(client, launched.ref, deadline, kill)
                if not snapshot.phase.is_terminal:
                    self._defer(client, launched.ref, deadline)
            except AirflowTaskTimeout:
                self._out_of_time(client, kill)
                raise
            trace_nodes(operator, client, snapshot)
            told = tell_failure(self.operator, self.ti, client, snapshot)
            with self._failures():
                raise_for_end(snapshot, told)
            return bring_home(operator, self.context, client, snapshot)

    def complete(self, event: Any, run: dict[str, str] | None, place: dict[str, Any] | None) -> dict[str, Any] | None:
        """See `FlyteRunOperator.execute_complete`."""
        from bridge_core import RunAborted, RunSnapshot, WaitTimeout

        operator = self.operator
        expected = RunRef.from_dict(run) if run else None
        try:
            news = RunEvent.from_dict(event, expected=expected)
        except EventError as error:
            raise AirflowException(f"run {expected or 'unknown'}: {error} A retry attaches to the run.") from None
        with airflow_failures():
            client = FlyteHook(operator.flyte_conn_id).get_client(place)
        with client:
            operator.run_ref, operator.console_url = news.ref, client.console_url(news.ref)
            operator.log_url = shown_log(operator, self.ti)
            operator.attend(self._killer(client, news.ref))
            if news.code == WaitTimeout.__name__:
                self._time_is_up(client, news.ref, news.phase, news.message)
            if not news.phase.is_terminal:  # we could not ask: nothing is known about the run
                raise AirflowException(f"{news.message} A retry attaches to the run.")
            self.log.info("run %s is %s. Console: %s", news.ref, news.phase.value, operator.console_url)
            trace_nodes(operator, client, news.ref)
            if not news.phase.is_success:
                with suppress(BridgeError):  # the event says in short what happened
                    ended = client.describe(news.ref)
                    told = tell_failure(operator, self.ti, client, ended)
                    with self._failures():
                        raise_for_end(ended, told)
            with airflow_failures():
                if news.phase is RunPhase.ABORTED:
                    raise RunAborted(news.message)
            if not news.phase.is_success:
                raise AirflowException(news.message)
            snapshot = RunSnapshot(ref=news.ref, phase=news.phase, console_url=operator.console_url or "")
            if operator.outlets:
                with airflow_failures():
                    snapshot = patiently(lambda: client.describe(news.ref), f"run {news.ref}")
            return bring_home(operator, self.context, client, snapshot)

    def backstop(self, place: dict[str, Any] | None) -> None:
        """Airflow ended the deferral by itself: the run must end all the same."""
        run = self.ti.xcom_pull(task_ids=self.operator.task_id, key="flyte_run", map_indexes=self.ti.map_index)
        if not run:
            return
        ref = RunRef.from_dict(run)
        with airflow_failures():
            client = FlyteHook(self.operator.flyte_conn_id).get_client(place)
        with client:
            self.operator.console_url = client.console_url(ref)
            self._time_is_up(client, ref, RunPhase.UNKNOWN, "no triggerer said anything about it")

    def _check_arguments(self) -> None:
        """Before anything is launched."""
        operator = self.operator
        for name in ("timeout", "sync_grace", "first_event_floor", "progress_interval"):
            seconds(getattr(operator, name), name)
        seconds(operator.poll_interval, "poll_interval", positive=True)
        checked_selection(operator.outputs)
        checked_mode(operator.retry_mode)
        if operator.user_errors not in ("retry", "fail"):
            raise InvalidRequest(f"user_errors must be 'retry' or 'fail', got {operator.user_errors!r}")

    def _failures(self) -> AbstractContextManager[None]:
        return airflow_failures(final_user_errors=self.operator.user_errors == "fail")

    def _request(self, client: Client) -> LaunchRequest:
        operator = self.operator
        request = build_request(
            operator.entity,
            operator.inputs,
            operator.options,
            version=operator.version,
            project=operator.project,
            domain=operator.domain,
            native=is_native(operator),
            load=output_loader(client),
        )
        entity = placed(request.entity, client.config, operator.flyte_conn_id)
        return replace(request, entity=entity, register=operator.register)

    def _registered(self, hook: FlyteHook, client: Client, request: LaunchRequest, key: TaskKey) -> LaunchRequest:
        """The launch of what is registered for this task: by an earlier try, else now. Kept before anything is launched."""
        known = remembered_pin(self.context, key.epoch, request.entity)
        if known is not None:
            request = replace(request, register=None, entity=known)
            self.log.info("version %s was registered by an earlier try; clear the task to register anew", known.version)
        else:

            def register() -> LaunchRequest:
                assert request.register is not None
                check_registration(hook, client, request.register.for_launch(request.entity))
                return client.register_for(request)

            with airflow_failures():
                request = patiently(register, "registering", patience=LAUNCH_PATIENCE, refusals=Unauthenticated)
            remember_pin(self.context, key.epoch, request.entity)
            self.log.info("registered %s", request.entity)
        key.version = request.entity.version or ""
        self.ti.xcom_push(key="flyte_version", value=key.version)
        return request

    def _launch(self, client: Client, request: LaunchRequest, key: TaskKey, kill: SyncKill, *, fresh: bool) -> Launched:
        operator, ti = self.operator, self.ti
        awaited = operator.wait_for_completion and operator.cancel_on_kill
        made_by = key.provenance(attempt=ti.try_number, url=getattr(ti, "log_url", "") or "", awaited=awaited)
        began = getattr(self.context.get("dag_run"), "start_date", None)

        def launch() -> Launched:
            return launch_for(
                client,
                replace(request, provenance=made_by, options=traced(request.options, ti)),
                key,
                kill,
                try_began=ti.start_date,
                supersede=operator.cancel_on_kill,
                legacy_since=began if fresh and ti.try_number > 1 else None,
                native=is_native(operator),
                retry_mode=operator.retry_mode,
            )

        with kill.attending(), airflow_failures(), told_what_a_retry_does(key):
            return patiently(launch, "launching", patience=LAUNCH_PATIENCE, refusals=Unauthenticated)

    def _out_of_time(self, client: Client, kill: SyncKill) -> None:
        """``execution_timeout`` passed, wherever we were: what was launched, or is being launched, must end."""
        kill.done()  # Airflow calls on_kill next, and would find a running task
        if kill.target is not None:
            why = f"execution_timeout of {self.operator.execution_timeout} passed"
            self._abort(client, kill.target, why, within=10.0)

    def _killer(self, client: Client, ref: RunRef) -> SyncKill:
        who = str(TaskKey(self.ti, retries=self.operator.retries))
        kill = SyncKill(client, self.ti, who, enabled=self.operator.cancel_on_kill)
        kill.made(ref)
        return kill

    def _publish(self, client: Client, ref: RunRef) -> None:
        """What people need when the run fails, before it can."""
        self.operator.run_ref = ref
        url = self.operator.console_url = client.console_url(ref)
        self.ti.xcom_push(key="flyte_run", value=ref.to_dict())
        self.ti.xcom_push(key="flyte_console_url", value=url)
        remember_url(self.context, url)
        self.log.info("run %s. Console: %s", ref, url)

    def _limits(self) -> TimeLimits:
        operator = self.operator
        return TimeLimits(operator.timeout, operator.execution_timeout if operator.deferrable else None)

    def _wait(self, client: Client, ref: RunRef, deadline: float | None, kill: SyncKill) -> RunSnapshot:
        """Waits to the end; for a deferrable task, a short while. Makes no Task SDK call: `_worker.kill` says why."""
        operator = self.operator
        left = None if deadline is None else max(0.0, deadline - time.time())
        grace = None
        if operator.deferrable:
            grace = sync_grace() if operator.sync_grace is None else operator.sync_grace
            if left is not None and left <= grace:
                grace = None
        limit = left if grace is None else grace
        progress = seconds(operator.progress_interval, "progress_interval")
        snapshot, late = watch_to_end(
            client,
            ref,
            timeout=limit,
            poll_interval=operator.poll_interval,
            progress=FIRST if progress is None else progress,
            show_log=lambda url: show_log(operator, self.ti, kill, url),
        )
        if late and grace is None:
            self._time_is_up(client, ref, snapshot.phase, late)
        return snapshot

    def _defer(self, client: Client, ref: RunRef, deadline: float | None) -> None:
        """Ends this leg: Airflow's ``defer`` does not return."""
        from .._connection.config import place_of
        from ..triggers.flyte import FlyteRunTrigger

        operator, now = self.operator, time.time()
        floor = first_event_floor() if operator.first_event_floor is None else operator.first_event_floor
        place = place_of(client.config)
        operator.defer(
            trigger=FlyteRunTrigger(
                run=ref.to_dict(),
                flyte_conn_id=operator.flyte_conn_id,
                deadline=deadline,
                not_before=now + floor,
                poll_interval=seconds(operator.poll_interval, "poll_interval"),
                cancel_on_kill=operator.cancel_on_kill and not is_dag_test(self.context),
                place=place,
                progress_interval=seconds(operator.progress_interval, "progress_interval") or None,
                deferred_at=now if operator.first_event_floor is None else None,
            ),
            method_name="execute_complete",
            kwargs={"run": ref.to_dict(), "place": place},
            timeout=None if deadline is None else timedelta(seconds=max(deadline - now, floor) + _BACKSTOP),
        )

    def _time_is_up(self, client: Client, ref: RunRef, phase: RunPhase, why: str) -> NoReturn:
        """The timeout passed: aborts the run unless the user wants it to live, and fails this try."""
        limit = str(self._limits())
        fate = self._abort(client, ref, f"{limit} passed")
        known = f"was still {phase.value}" if phase is not RunPhase.UNKNOWN else f"is in an unknown phase ({why})"
        raise AirflowException(
            f"run {ref} {known} when {limit} passed; {fate}. Console: {self.operator.console_url}"
        ) from None

    def _abort(self, client: Client, ref: RunRef, why: str, *, within: float = 0.0) -> str:
        """Ends the run; says what became of it."""
        operator = self.operator
        if not operator.cancel_on_kill:
            return "it was not aborted (cancel_on_kill=False) and goes on"
        return abort_and_tell(client, ref, f"Airflow task {operator.dag_id}.{operator.task_id}: {why}", within=within)
