"""`FlyteRunOperator`: one task instance, one live Flyte run, whatever happens to workers, triggerers and schedulers.

A run's name follows from the task instance (`_task_key`), so a retry finds the run of the try before it. What is needed on
failure is published before waiting. A deferrable task first waits a few seconds on its worker: cached runs never defer.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from airflow.providers.common.compat.sdk import AirflowException, AirflowTaskTimeout, BaseOperator, conf

from bridge_core import BridgeError, RunPhase, RunRef, seconds

from .._compat import TaskDeferralTimeout, first_event_floor, has_template, outputs_limit, sync_grace
from .._event import EventError, RunEvent
from .._failures import airflow_failures
from .._identity import remember_url, remembered_url, task_key
from .._kill import SyncKill, abort_and_tell
from .._refusals import patiently
from .._task_key import TaskKey
from .._time_limits import TimeLimits, in_seconds
from .._worker_wait import told_what_a_retry_does, watch_to_end
from ..hooks.flyte import FlyteHook
from ..links import FlyteConsoleLink

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context

    from bridge_core import Client, EntityRef, Provenance, RunOptions, RunSnapshot

__all__ = ["FlyteRunOperator"]

_BACKSTOP = 120.0
"""Seconds after the deadline at which Airflow itself ends the deferral, should the triggerer not do it."""


class FlyteRunOperator(BaseOperator):
    """Runs a Flyte launch plan, workflow or task, waits for it, and returns its outputs.

    XComs: ``return_value`` (outputs by name; each also under its own name, so that ``task.output["o0"]`` works),
    ``flyte_run`` (`RunRef` as a dict) and ``flyte_console_url``; the last two are there as soon as the run is launched.
    Files, directories, frames and what is too big for an XCom are references (``{"flyte_ref": "file", "uri": …}``) that another
    FlyteRunOperator takes as inputs. With ``do_xcom_push=False`` nothing is downloaded.

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
        outputs: Names of the outputs to keep as XComs. None: all of them.
        outputs_limit: Bytes above which an output stays in Flyte and its XCom is a reference. None: ``[flyte] outputs_limit``.
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
        outputs: Sequence[str] | None = None,
        outputs_limit: int | None = None,
        **kwargs: Any,
    ) -> None:
        # Airflow would store every output twice, whatever its size, and overwrite keys of ours: see `_outputs`.
        each = kwargs.pop("multiple_outputs", True)
        super().__init__(multiple_outputs=False, **kwargs)
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
        self.outputs = outputs
        self.outputs_limit = outputs_limit
        self.each_output = bool(each)
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
        from .._launch_or_attach import build_request, launch_for, placed
        from .._outputs import checked_selection, output_loader

        ti: Any = context["ti"]
        with airflow_failures():
            for name in ("timeout", "sync_grace", "first_event_floor"):  # before anything is launched
                seconds(getattr(self, name), name)
            seconds(self.poll_interval, "poll_interval", positive=True)
            checked_selection(self.outputs)
            client = FlyteHook(self.flyte_conn_id).get_client()
            request = build_request(
                self.entity,
                self.inputs,
                self.options,
                version=self.version,
                project=self.project,
                domain=self.domain,
                native=self._is_native(),
                load=output_loader(client),
            )
            request = replace(request, entity=placed(request.entity, client.config, self.flyte_conn_id))
        key, fresh = task_key(context, self.retries)
        self.console_url = remembered_url(context)  # of the try before, should this one get no further
        with client:
            self._kill = SyncKill(client, ti, str(key), enabled=self.cancel_on_kill)
            self._kill.pending = self._killed_early
            try:
                began = getattr(context.get("dag_run"), "start_date", None)
                with self._kill.attending(), airflow_failures(), told_what_a_retry_does(key):
                    launched = launch_for(
                        client,
                        replace(request, provenance=self._provenance(key, ti)),
                        key,
                        self._kill,
                        try_began=ti.start_date,
                        supersede=self.cancel_on_kill,
                        legacy_since=began if fresh and ti.try_number > 1 else None,
                        native=self._is_native(),
                    )
                self._publish(client, launched.ref, context)
                if not self.wait_for_completion:
                    with self._kill.attending():  # acts on a signal that came meanwhile
                        return None
                deadline = self._limits().deadline(ti)
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
            return self._outputs(client, launched.ref, ti)

    def _provenance(self, key: TaskKey, ti: Any) -> Provenance:
        awaited = self.wait_for_completion and self.cancel_on_kill
        return key.provenance(attempt=ti.try_number, url=getattr(ti, "log_url", "") or "", awaited=awaited)

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
        from bridge_core import RunAborted, WaitTimeout

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
                raise AirflowException(news.message)
            return self._outputs(client, news.ref, ti)

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

    def render_template(
        self, content: Any, context: Any, jinja_env: Any = None, seen_oids: set[int] | None = None
    ) -> Any:
        """As Airflow renders, except for texts without a template in them: those stay what they are.

        With ``render_template_as_native_obj=True``, Airflow reads *every* text as Python: ``version="1.10"`` would become 1.1.
        """
        if isinstance(content, str):
            jinja_env = jinja_env or self.get_template_env()
            if not has_template(content, jinja_env):
                return content
        return super().render_template(content, context, jinja_env, seen_oids)

    def _is_native(self) -> bool:
        own = getattr(self, "render_template_as_native_obj", None)
        return bool(getattr(self.get_dag(), "render_template_as_native_obj", False) if own is None else own)

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

    def _limits(self) -> TimeLimits:
        return TimeLimits(self.timeout, self.execution_timeout if self.deferrable else None)

    def _wait(self, client: Client, ref: RunRef, deadline: float | None) -> RunSnapshot:
        """Waits to the end; for a deferrable task, a short while. Makes no Task SDK call: `_kill` says why."""
        left = None if deadline is None else max(0.0, deadline - time.time())
        grace = None
        if self.deferrable:
            grace = sync_grace() if self.sync_grace is None else self.sync_grace
            if left is not None and left <= grace:
                grace = None
        limit = left if grace is None else grace
        snapshot, late = watch_to_end(client, ref, timeout=limit, poll_interval=self.poll_interval)
        if late and grace is None:
            self._time_is_up(client, ref, snapshot.phase, late)
        return snapshot

    def _defer(self, client: Client, ref: RunRef, deadline: float | None) -> NoReturn:
        from .._connection import place_of
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
                poll_interval=None if interval is None else in_seconds(interval),
                cancel_on_kill=self.cancel_on_kill,
                place=place,
                deferred_at=now if self.first_event_floor is None else None,
            ),
            method_name="execute_complete",
            kwargs={"run": ref.to_dict(), "place": place},
            timeout=None if deadline is None else timedelta(seconds=max(deadline - now, floor) + _BACKSTOP),
        )

    def _outputs(self, client: Client, ref: RunRef, ti: Any) -> dict[str, Any] | None:
        """Stores what is wanted of the outputs; returns what Airflow stores as ``return_value``."""
        if not self.do_xcom_push or (self.outputs is not None and not self.outputs):
            return None
        from .._outputs import checked_selection, output_xcoms

        limit = outputs_limit() if self.outputs_limit is None else self.outputs_limit
        with airflow_failures():
            values = patiently(lambda: client.outputs(ref), f"outputs of run {ref}")
            xcoms = output_xcoms(
                ref, values, limit=limit, each=self.each_output, selected=checked_selection(self.outputs)
            )
        for name, value in xcoms.named.items():
            ti.xcom_push(key=name, value=value)
        return xcoms.returned

    def _time_is_up(self, client: Client, ref: RunRef, phase: RunPhase, why: str) -> NoReturn:
        """The timeout passed: aborts the run unless the user wants it to live, and fails this try."""
        limit = str(self._limits())
        fate = self._abort(client, ref, f"{limit} passed")
        known = f"was still {phase.value}" if phase is not RunPhase.UNKNOWN else f"is in an unknown phase ({why})"
        raise AirflowException(f"run {ref} {known} when {limit} passed; {fate}. Console: {self.console_url}") from None

    def _abort(self, client: Client, ref: RunRef, why: str, *, within: float = 0.0) -> str:
        """Ends the run; says what became of it."""
        if not self.cancel_on_kill:
            return "it was not aborted (cancel_on_kill=False) and goes on"
        return abort_and_tell(client, ref, f"Airflow task {self.dag_id}.{self.task_id}: {why}", within=within)
