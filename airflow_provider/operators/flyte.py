"""`FlyteRunOperator`: one task instance, one live Flyte run, whatever happens to workers, triggerers and schedulers.

A run's name follows from the task instance (`_run_name`), so a retry finds the run of the try before it. What is needed on
failure is published before waiting. A deferrable task first waits a few seconds on its worker: cached runs never defer.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import AirflowException, AirflowTaskTimeout, BaseOperator, conf

from bridge_core import (
    BridgeError,
    EntityRef,
    LiteralError,
    RunAborted,
    RunNotFound,
    RunOptions,
    RunPhase,
    RunRef,
    RunSnapshot,
    Unavailable,
    WaitTimeout,
    seconds,
)

from .._compat import TaskDeferralTimeout, first_event_floor, sync_grace
from .._connection import place_of
from .._event import EventError, RunEvent
from .._failures import airflow_failures
from .._identity import identity_of, instance_id, remember_url, remembered_url
from .._kill import SyncKill, abort_soon
from .._run_name import TaskKey
from .._values import to_xcom
from ..hooks.flyte import FlyteHook
from ..links import FlyteConsoleLink

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from bridge_core import Client, Launched, LaunchRequest

__all__ = ["FlyteRunOperator"]

_BACKSTOP = 120.0
"""Seconds after the deadline at which Airflow itself ends the deferral, should the triggerer not do it."""


class FlyteRunOperator(BaseOperator):
    """Runs a Flyte launch plan, workflow or task, waits for it, and returns its outputs.

    XComs: ``return_value`` (outputs by name; each also under its own name, so that ``task.output["o0"]`` works),
    ``flyte_run`` (`RunRef` as a dict) and ``flyte_console_url``; the last two are there as soon as the run is launched.
    Files, directories and frames are references (``{"flyte_ref": "file", "uri": …}``) that another FlyteRunOperator takes as
    inputs.

    Retries attach to the run of the try before it while that lives or succeeded, and launch anew after it failed. Clearing
    the task launches anew and aborts what still runs. Stopping the task aborts the run; draining its worker does not.

    Args:
        entity: What to run: ``"[task:|workflow:|launch_plan:][project/domain/]name[@version]"`` or an `EntityRef`. Templated.
        inputs: Input name -> value. Templated.
        version: A version, ``"latest"`` or ``"active"``. Templated.
        project: Flyte project; default: the entity's, the connection's. Templated.
        domain: Flyte domain; default: the entity's, the connection's. Templated.
        options: `RunOptions`, or a mapping with its fields. Templated when it is a mapping.
        flyte_conn_id: Connection of type ``flyte``. Templated.
        wait_for_completion: False: launch and be done; ``return_value`` is empty.
        deferrable: Wait in the triggerer instead of on a worker. Default: ``[operators] default_deferrable``.
        poll_interval: Seconds between questions. None: adapts to the run's age.
        timeout: Seconds (or timedelta) that one try waits; then the run is aborted, if ``cancel_on_kill``, and the try fails.
            None: for ever. Airflow's own ``execution_timeout`` does the same, in both modes.
        cancel_on_kill: Abort the run when somebody stops the task, and when the timeout passes.
        sync_grace: Seconds to wait on the worker before deferring. None: ``[flyte] sync_grace``.
        first_event_floor: Seconds between deferring and resuming at the earliest. None: ``[flyte] first_event_floor``.
        **kwargs: Of every Airflow operator.

    Example:
        >>> from airflow_provider.operators.flyte import FlyteRunOperator
        >>> train = FlyteRunOperator(
        ...     task_id="train", entity="ml.train", inputs={"day": "{{ ds }}"}, deferrable=True
        ... )  # doctest: +SKIP
    """

    template_fields: Sequence[str] = ("entity", "inputs", "version", "project", "domain", "options", "flyte_conn_id")
    template_fields_renderers = {"inputs": "json", "options": "json"}
    operator_extra_links = (FlyteConsoleLink(),)
    ui_color = "#e6dcff"

    def __init__(
        self,
        *,
        entity: str | EntityRef,
        inputs: Mapping[str, Any] | None = None,
        version: str | None = None,
        project: str | None = None,
        domain: str | None = None,
        options: RunOptions | Mapping[str, Any] | None = None,
        flyte_conn_id: str = "flyte_default",
        wait_for_completion: bool = True,
        deferrable: bool = conf.getboolean("operators", "default_deferrable", fallback=False),
        poll_interval: float | timedelta | None = None,
        timeout: float | timedelta | None = None,
        cancel_on_kill: bool = True,
        sync_grace: float | None = None,
        first_event_floor: float | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("multiple_outputs", True)  # what makes task.output["o0"] work
        super().__init__(**kwargs)
        self.entity = entity
        self.inputs = inputs
        self.version = version
        self.project = project
        self.domain = domain
        self.options = options
        self.flyte_conn_id = flyte_conn_id
        self.wait_for_completion = wait_for_completion
        self.deferrable = deferrable
        self.poll_interval = poll_interval
        self.timeout = timeout
        self.cancel_on_kill = cancel_on_kill
        self.sync_grace = sync_grace
        self.first_event_floor = first_event_floor
        self.console_url: str | None = None
        self._kill: SyncKill | None = None
        self._killed_early = False

    def execute(self, context: Context) -> dict[str, Any] | None:
        """Launches or attaches, publishes, waits.

        Args:
            context: Airflow's.

        Returns:
            Outputs by name, as XComs can hold them; None without ``wait_for_completion``.

        Raises:
            AirflowFailException: What a retry cannot change: a mistake in the task or its connection, or an aborted run.
            AirflowException: What a retry may: the run failed, its time is up, or Flyte could not be asked.
            TaskDeferred: Waiting goes on in the triggerer.
        """
        from .._launching import build_request, placed

        ti: Any = context["ti"]
        with airflow_failures():
            for name in ("timeout", "sync_grace", "first_event_floor"):  # before anything is launched
                seconds(getattr(self, name), name)
            seconds(self.poll_interval, "poll_interval", positive=True)
            request = build_request(
                self.entity, self.inputs, self.options, version=self.version, project=self.project, domain=self.domain
            )
            client = FlyteHook(self.flyte_conn_id).get_client()
            request = replace(request, entity=placed(request.entity, client.config, self.flyte_conn_id))
        installation = instance_id()
        identity = identity_of(context, installation)
        dag_run: Any = context.get("dag_run")
        key = TaskKey(
            ti,
            retries=self.retries,
            clears=getattr(dag_run, "clear_number", None),
            identity=identity.token,
            installation=installation,
        )
        self.console_url = remembered_url(context)  # of the try before, should this one get no further
        with client:
            self._kill = SyncKill(client, ti, str(key), enabled=self.cancel_on_kill)
            self._kill.pending = self._killed_early
            try:
                launched = self._launch(client, request, key, ti, legacy=_began(dag_run) if identity.fresh else None)
                self._publish(client, launched.ref, context)
                if not self.wait_for_completion:
                    with self._kill.attending():  # acts on a signal that came meanwhile
                        return None
                deadline = self._deadline(ti)
                snapshot = launched.snapshot
                if not snapshot.phase.is_terminal:
                    with self._kill.attending(), airflow_failures():
                        snapshot = self._wait(client, launched.ref, deadline)
                if not snapshot.phase.is_terminal:
                    self._defer(client, launched.ref, deadline)
            except AirflowTaskTimeout:
                self._out_of_time(client)
                raise
            self._tell(snapshot)
            with airflow_failures():
                snapshot.raise_for_phase()
            return self._outputs(client, launched.ref)

    def _launch(
        self, client: Client, request: LaunchRequest, key: TaskKey, ti: Any, *, legacy: datetime | None
    ) -> Launched:
        """Ends what an earlier life of this task instance left behind, then attaches or launches."""
        from .._launching import attach_to_legacy, explained, launch_or_attach
        from .._superseded import end_superseded

        assert self._kill is not None
        awaited = self.wait_for_completion and self.cancel_on_kill
        by = key.provenance(attempt=ti.try_number, url=getattr(ti, "log_url", "") or "", awaited=awaited)
        request = replace(request, provenance=by)
        with self._kill.attending(), airflow_failures(), _told_what_a_retry_does(key):
            if self.cancel_on_kill:
                end_superseded(client, request.entity, key, began=ti.start_date)
            launched = None
            if legacy is not None and ti.try_number > 1:
                launched = attach_to_legacy(client, request.entity, key, since=legacy)
            if launched is None:
                try:
                    launched = launch_or_attach(client, request, key.name, trying=self._kill.trying)
                except LiteralError as error:
                    raise explained(error, request.inputs) from None
            self._kill.made(launched.ref)
        return launched

    def _out_of_time(self, client: Client) -> None:
        """``execution_timeout`` passed, wherever we were: what was launched, or is being launched, must end."""
        assert self._kill is not None
        self._kill.done()  # Airflow calls on_kill next, and would find a running task
        if self._kill.target is not None:
            self._abort(client, self._kill.target, f"execution_timeout of {self.execution_timeout} passed", within=10.0)

    def execute_complete(
        self,
        context: Context,
        event: Any = None,
        run: dict[str, str] | None = None,
        place: dict[str, Any] | None = None,
    ) -> dict[str, Any] | None:
        """The run ended, or waiting did: called by Airflow with what the trigger said.

        Args:
            context: Airflow's.
            event: A `RunEvent` as a dict; checked.
            run: The run that was launched before deferring.
            place: Where it was launched.

        Returns:
            Outputs by name, as XComs can hold them.

        Raises:
            AirflowFailException: Somebody aborted the run.
            AirflowException: The run failed, its time is up, the event cannot be trusted, or Flyte could not be asked.
        """
        ti: Any = context["ti"]
        expected = RunRef.from_dict(run) if run else None
        try:
            news = RunEvent.from_dict(event, expected=expected)
        except EventError as error:
            raise AirflowException(f"run {expected or 'unknown'}: {error} A retry attaches to the run.") from None
        with airflow_failures():
            client = FlyteHook(self.flyte_conn_id).get_client(place)
        with client:
            self.console_url = client.console_url(news.ref)
            self._kill = self._killer(client, news.ref, ti)
            if news.code == WaitTimeout.__name__:
                self._time_is_up(client, news.ref, news.phase, news.message)
            if not news.phase.is_terminal:  # we could not ask: nothing is known about the run
                raise AirflowException(f"{news.message} A retry attaches to the run.")
            self.log.info("run %s is %s. Console: %s", news.ref, news.phase.value, self.console_url)
            if not news.phase.is_success:
                with suppress(BridgeError):  # the event says in short what happened
                    self._tell(client.describe(news.ref))
            with airflow_failures():
                if news.phase is RunPhase.ABORTED:
                    raise RunAborted(news.message)
                if not news.phase.is_success:
                    raise BridgeError(news.message)
            return self._outputs(client, news.ref)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Airflow's own end of a deferral (`_BACKSTOP`) calls no method of ours; the run must end all the same."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except TaskDeferralTimeout:
            ti: Any = context["ti"]
            run = ti.xcom_pull(task_ids=self.task_id, key="flyte_run", map_indexes=ti.map_index)
            if not run:
                raise
            with airflow_failures():
                client = FlyteHook(self.flyte_conn_id).get_client((next_kwargs or {}).get("place"))
            with client:
                self.console_url = client.console_url(RunRef.from_dict(run))
                self._time_is_up(client, RunRef.from_dict(run), RunPhase.UNKNOWN, "no triggerer said anything about it")

    def on_kill(self) -> None:
        """Airflow ends this process: see `_kill`."""
        if self._kill is None:
            self._killed_early = True
        else:
            self._kill.signalled()

    def _killer(self, client: Client, ref: RunRef, ti: Any) -> SyncKill:
        kill = SyncKill(client, ti, str(TaskKey(ti, retries=self.retries)), enabled=self.cancel_on_kill)
        kill.made(ref)
        return kill

    def _tell(self, snapshot: RunSnapshot) -> None:
        """All that Flyte says about a failure: the exception that ends the try is one line of it."""
        if snapshot.error is not None and "\n" in snapshot.error.message:
            where = f" in node {snapshot.error.node}" if snapshot.error.node else ""
            self.log.error(
                "run %s failed%s (%s):\n%s", snapshot.ref, where, snapshot.error.code, snapshot.error.message
            )

    def _publish(self, client: Client, ref: RunRef, context: Context) -> None:
        """What people need when the run fails, before it can."""
        ti: Any = context["ti"]
        self.console_url = client.console_url(ref)
        ti.xcom_push(key="flyte_run", value=ref.to_dict())
        ti.xcom_push(key=FlyteConsoleLink.xcom_key, value=self.console_url)
        remember_url(context, self.console_url)
        self.log.info("run %s. Console: %s", ref, self.console_url)

    def _limits(self) -> list[tuple[float, str]]:
        """Seconds that a try may take, and who said so; Airflow 3 enforces ``execution_timeout`` only while a worker waits."""
        given = [(self.timeout, "timeout"), (self.execution_timeout if self.deferrable else None, "execution_timeout")]
        return [(_seconds(limit), name) for limit, name in given if limit is not None]

    def _deadline(self, ti: Any) -> float | None:
        """Unix time at which the waiting of this try ends."""
        begin = {"timeout": time.time(), "execution_timeout": ti.start_date.timestamp()}
        return min((begin[name] + limit for limit, name in self._limits()), default=None)

    def _wait(self, client: Client, ref: RunRef, deadline: float | None) -> RunSnapshot:
        """Waits to the end; for a deferrable task, a short while. Makes no Task SDK call: `_kill` says why."""
        left = None if deadline is None else max(0.0, deadline - time.time())
        grace = None
        if self.deferrable:
            grace = sync_grace() if self.sync_grace is None else self.sync_grace
            if left is not None and left <= grace:
                grace = None
        snapshot = RunSnapshot(ref=ref, phase=RunPhase.UNKNOWN)
        try:
            for snapshot in client.watch(
                ref, timeout=left if grace is None else grace, poll_interval=self.poll_interval
            ):
                self.log.info("run %s is %s", ref, snapshot.phase.value)
        except WaitTimeout as error:
            if grace is None:
                self._time_is_up(client, ref, snapshot.phase, error.message)
        return snapshot

    def _defer(self, client: Client, ref: RunRef, deadline: float | None) -> NoReturn:
        from ..triggers.flyte import FlyteRunTrigger

        now = time.time()
        floor = first_event_floor() if self.first_event_floor is None else self.first_event_floor
        interval = self.poll_interval
        place = place_of(client.config)
        self.defer(
            trigger=FlyteRunTrigger(
                run=ref.to_dict(),
                flyte_conn_id=self.flyte_conn_id,
                deadline=deadline,
                not_before=now + floor,
                poll_interval=None if interval is None else _seconds(interval),
                cancel_on_kill=self.cancel_on_kill,
                place=place,
            ),
            method_name="execute_complete",
            kwargs={"run": ref.to_dict(), "place": place},
            timeout=None if deadline is None else timedelta(seconds=max(deadline - now, floor) + _BACKSTOP),
        )

    def _outputs(self, client: Client, ref: RunRef) -> dict[str, Any]:
        with airflow_failures():
            return {name: to_xcom(value) for name, value in client.outputs(ref).items()}

    def _time_is_up(self, client: Client, ref: RunRef, phase: RunPhase, why: str) -> NoReturn:
        """The timeout passed: aborts the run unless the user wants it to live, and fails this try."""
        limit = next((f"its {name} of {length:g} s" for length, name in sorted(self._limits())), "its timeout")
        fate = self._abort(client, ref, f"{limit} passed")
        known = f"was still {phase.value}" if phase is not RunPhase.UNKNOWN else f"is in an unknown phase ({why})"
        raise AirflowException(f"run {ref} {known} when {limit} passed; {fate}. Console: {self.console_url}") from None

    def _abort(self, client: Client, ref: RunRef, why: str, *, within: float = 0.0) -> str:
        """Ends the run; says what became of it."""
        if not self.cancel_on_kill:
            return "it was not aborted (cancel_on_kill=False) and goes on"
        try:
            abort_soon(client, ref, f"Airflow task {self.dag_id}.{self.task_id}: {why}", within=within)
        except RunNotFound:
            return "it was not launched"
        except BridgeError as error:
            self.log.warning("run %s could not be aborted: %s", ref, error)
            return f"it could not be aborted ({error}) and may go on"
        self.log.warning("aborted run %s: %s", ref, why)
        return "it was aborted"


@contextmanager
def _told_what_a_retry_does(key: TaskKey) -> Iterator[None]:
    """Who cannot reach Flyte does not know whether an earlier try, or this one, has made the run."""
    try:
        yield
    except Unavailable as error:
        raise error.with_message(
            f"{error.message} Run {key.name(0)} may or may not exist: a retry of this task attaches to it if it does, "
            "and launches it if it does not."
        ) from None


def _began(dag_run: Any) -> datetime | None:
    began = getattr(dag_run, "start_date", None)
    return began if isinstance(began, datetime) else None


def _seconds(value: float | timedelta) -> float:
    return value.total_seconds() if isinstance(value, timedelta) else float(value)
