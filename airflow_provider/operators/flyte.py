"""`FlyteRunOperator`: one task instance, one live Flyte run, whatever happens to workers, triggerers and schedulers.

A run's name follows from the task instance (`_shared.task_key`), so a retry finds the run of the try before it. What is needed on
failure is published before waiting. A deferrable task first waits a few seconds on its worker: cached runs never defer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

from airflow.providers.common.compat.sdk import BaseOperator, conf

from ..links import FlyteConsoleLink, FlyteLogLink
from .abort import FlyteAbortOperator
from .deploy_trigger import FlyteDeployTriggerOperator
from .register import FlyteRegisterOperator
from .signal import FlyteSignalOperator

if TYPE_CHECKING:
    from datetime import timedelta

    from airflow.providers.common.compat.sdk import Context

    from bridge_core import EntityRef, RegisterRequest, RunOptions, RunRef

    from .._worker.kill import SyncKill

__all__ = [
    "FlyteAbortOperator",
    "FlyteDeployTriggerOperator",
    "FlyteRegisterOperator",
    "FlyteRunOperator",
    "FlyteSignalOperator",
]


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
        retry_mode: What a retry does after a run that ended badly (one that lives is attached to, always). ``"attach"``: launches
            with the arguments as they are now. ``"fresh"``: the same, and Flyte's cache is not read. ``"relaunch"``: launches
            the failed run's version and inputs again. ``"recover"``: the same, and what succeeded in it is not done again.
        user_errors: Whether a run that failed by its author's fault (docs/errors.md) is left to ``retries``, like every other
            failure, or ``"fail"``: fails the task at once.
        trace_nodes: Whether the run and its nodes become OpenTelemetry spans under the task's, when the run has ended.
        progress_interval: Seconds after which the task's log says what the run's nodes do, then less and less often; 0: never.
            None: 30 on a worker; in the triggerer, where thousands wait, never.
        register: What brings the entity, registered before it is launched: a source or value as ``Client.register`` takes it, or
            a `RegisterRequest`. Retries launch the version that the first try registered (XCom ``flyte_version``), also when the
            code has changed since; clearing the task registers anew. ``version`` is what it is registered under.
        **kwargs: Of every Airflow operator.

    Example:
        >>> from airflow_provider.operators.flyte import FlyteRunOperator
        >>> train = FlyteRunOperator(
        ...     task_id="train", entity="ml.train", inputs={"day": "{{ ds }}"}, deferrable=True
        ... )  # doctest: +SKIP
    """

    template_fields: Sequence[str] = ("entity", "inputs", "version", "project", "domain", "options", "flyte_conn_id")
    template_fields_renderers = {"inputs": "json", "options": "json"}
    operator_extra_links = (FlyteConsoleLink(), FlyteLogLink())
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
        retry_mode: Literal["attach", "recover", "relaunch", "fresh"] = "attach",
        user_errors: Literal["retry", "fail"] = "retry",
        progress_interval: float | timedelta | None = None,
        register: RegisterRequest | Any = None,
        trace_nodes: bool = False,
        **kwargs: Any,
    ) -> None:
        # Airflow would store every output twice, whatever its size, and overwrite keys of ours: see `_shared.outputs`.
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
        self.retry_mode = retry_mode
        self.user_errors = user_errors
        self.progress_interval = progress_interval
        self.register = register
        self.trace_nodes = trace_nodes
        self.each_output = bool(each)
        self.console_url: str | None = None
        self.log_url: str | None = None
        self.run_ref: RunRef | None = None
        self.outputs_kept: Mapping[str, Any] | None = None
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
        from .._worker.run_task import RunTask

        return RunTask(self, context).execute()

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
        from .._worker.run_task import RunTask

        return RunTask(self, context).complete(event, run, place)

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Airflow's own end of a deferral (the time limit and some) calls no method of ours; the run must end all the same."""
        try:
            return super().resume_execution(next_method, next_kwargs, context)
        except Exception as error:
            from .._compat import is_deferral_timeout

            if is_deferral_timeout(error):
                from .._worker.run_task import RunTask

                RunTask(self, context).backstop((next_kwargs or {}).get("place"))
            raise

    def render_template(
        self, content: Any, context: Any, jinja_env: Any = None, seen_oids: set[int] | None = None
    ) -> Any:
        """As Airflow renders, except for texts without a template in them: those stay what they are.

        With ``render_template_as_native_obj=True``, Airflow reads *every* text as Python: ``version="1.10"`` would become 1.1.
        """
        if isinstance(content, str):
            from .._compat import has_template

            jinja_env = jinja_env or self.get_template_env()
            if not has_template(content, jinja_env):
                return content
        return super().render_template(content, context, jinja_env, seen_oids)

    def attend(self, kill: SyncKill) -> None:
        """From here on a signal is this one's to see to; one that came before is handed on."""
        kill.pending = self._killed_early
        self._kill = kill

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:  # noqa: ARG002  # OpenLineage's signature
        """Airflow's OpenLineage provider asks, when it is installed: files and frames that went in and came out, and the run."""
        from .._worker.lineage import lineage_of

        return lineage_of(self)

    def on_kill(self) -> None:
        """Airflow ends this process: see `_worker.kill`."""
        if self._kill is not None:
            self._kill.signalled()
            return
        self._killed_early = True
        from .._compat import late_leg

        if (context := late_leg()) is not None:
            from .._worker.run_task import RunTask

            RunTask(self, context).backstop((context["ti"].next_kwargs or {}).get("place"))
