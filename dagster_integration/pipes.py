"""`FlytePipesClient`: a Flyte run whose tasks tell Dagster what they made, over any store that fsspec reaches.

The run is launched and attached to like that of any Flyte asset. Its tasks write messages below a place that follows from the
step, not from the process that waits: a second process reads all of it again, and finds what the first would have found.

No ``from __future__ import annotations`` here: Dagster and pydantic read the annotations of the fields at run time.
"""

import contextlib
import hashlib
import json
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import dagster as dg
from pydantic import Field

from bridge_core import BridgeError, ConfigError, EntityRef, ErrorClass, FileAccess, RunRef, run_name

from ._compat import PipesDone, StepContext, op_of
from ._failures import failure_of_error
from ._launch import run_to_end
from ._lineage import Lineage
from ._pipe_messages import Folder, merged, that_count
from ._work import OnReexecute, Options, OptionsOf, Work, client_of
from .resource import FlyteResource
from .results import Shown, output_metadata, run_metadata

if TYPE_CHECKING:
    from ._step import Outcome

__all__ = ["FlytePipesClient"]

_LARGEST = 8192  # bytes of context that go into environment variables of pods
_ATTEMPTS = 100  # runs of a lineage, as in `_step`
_AWAY = (BridgeError, OSError)


class FlytePipesClient(dg.ConfigurableResource["FlytePipesClient"], dg.PipesClient):
    """Runs a Flyte entity whose tasks report materializations, checks, logs and messages of their own (`flyte_pipes`).

    Example:
        >>> from dagster_integration import FlytePipesClient, FlyteResource
        >>> FlytePipesClient(flyte=FlyteResource(endpoint="localhost:30080"), store="s3://bucket/pipes").store
        's3://bucket/pipes'
    """

    flyte: dg.ResourceDependency[FlyteResource]
    store: str = Field(
        description="Where messages go: a folder of any store that fsspec reaches, read with Flyte's credentials."
    )
    task_store: str | None = Field(
        default=None, description="The same folder as the tasks of Flyte see it, where that differs."
    )
    log_interval: float = Field(default=5.0, description="Seconds between two looks at what tasks log meanwhile.")

    def run(  # type: ignore[override]  # the base takes anything by name
        self,
        *,
        context: StepContext,
        entity: str | EntityRef,
        inputs: Mapping[str, Any] | None = None,
        extras: Mapping[str, Any] | None = None,
        options: Options | OptionsOf | None = None,
        timeout: float | timedelta | None = None,
        poll_interval: float | timedelta | None = None,
        retry_on: Collection[ErrorClass | str] | None = None,
        on_reexecute: OnReexecute = "fresh",
        register: Any = None,
        metadata_outputs: bool | Sequence[str] = False,
        require_report: bool = False,
        part: str = "",
    ) -> PipesDone:
        """Launches or attaches, waits, and gives what the tasks reported.

        Whether it succeeded is what Flyte says of the run. Of each task the attempt that counts for Flyte counts here.

        Args:
            context: Of the asset or op.
            entity: What to run, as in `build_flyte_assets`.
            inputs: Of the run.
            extras: What tasks find in ``pipes.extras``.
            options: Of the run.
            timeout: Seconds (or timedelta) before the step fails; the run goes on.
            poll_interval: Seconds (or timedelta) between questions.
            retry_on: After which classes of errors a retry launches again.
            on_reexecute: What is done after a run that ended badly. With ``"recover"`` reports of tasks that it kept count.
            register: What brings the entity, registered before it is launched.
            metadata_outputs: Which outputs of the run become metadata of all results.
            require_report: Whether a run none of whose tasks reported anything fails the step.
            part: Tells several runs of one step apart.

        Raises:
            Failure: The run ended badly, Flyte or the store could not be asked, or nothing was reported that must be.
            DagsterExecutionInterruptedError: The step was interrupted.
        """
        client = client_of(self.flyte, "the flyte resource of FlytePipesClient")
        shown = Shown.of(metadata_outputs, limit=32768)
        work = Work(
            entity=EntityRef.of(entity),
            options=options,
            timeout=timeout,
            poll_interval=poll_interval,
            retry_on=retry_on,
            on_reexecute=on_reexecute,
            shown=shown,
            register=register,
        )
        lineage = Lineage.of(context, part=part)
        place = run_name("pipes", lineage.scope, lineage.step_key, lineage.partition, part, prefix="p")
        self._check_store()
        how, given = work.prepared_for(context, self.flyte, client, inputs or {})
        reader = _Reader(client.files, self.store, self.task_store or self.store, place, self.log_interval)
        with dg.open_pipes_session(op_of(context), _Injector(reader), reader, extras=dict(extras or {})) as session:
            env = {**session.get_bootstrap_env_vars(), **(how.options.env_vars or {})}
            how = replace(how, options=replace(how.options, env_vars=env), on_run=reader.follow)
            outcome = run_to_end(context, client, work.entity, given, how, part=part)
            placed = work.entity.placed(client.config, settings="FlyteResource")
            runs = _runs(lineage, placed, outcome.snapshot.ref, recovered=on_reexecute == "recover")
            self._tell(context, reader, runs, outcome.snapshot.ref, required=require_report)
        return PipesDone(session, metadata=_metadata(outcome, shown))

    def _check_store(self) -> None:
        for name, uri in (("store", self.store), ("task_store", self.task_store)):
            if uri is not None and ("://" not in uri or uri.startswith("flyte://")):
                error = ConfigError(
                    f"FlytePipesClient: {name} must be a folder that can be listed, such as s3://bucket/pipes, got {uri!r}"
                )
                raise failure_of_error(error, None)

    def _tell(
        self, context: StepContext, reader: "_Reader", runs: Sequence[str], ref: RunRef, *, required: bool
    ) -> None:
        try:
            counted, dropped = reader.finish(runs)
        except _AWAY as error:
            # The run succeeded: another try attaches to it and reads again.
            raise dg.Failure(
                f"what the tasks of run {ref} reported cannot be read now from {self.store}: {error}",
                allow_retries=True,
            ) from None
        if dropped:
            context.log.info("left out what %d attempts reported that did not end well", dropped)
        if required and not counted:
            raise dg.Failure(
                f"run {ref} succeeded, and none of its tasks reported anything (require_report=True); do they use flyte_pipes()?",
                allow_retries=False,
            )


def _runs(lineage: Lineage, entity: EntityRef, ref: RunRef, *, recovered: bool) -> list[str]:
    """The run; and those that it was recovered from, newest first."""
    if not recovered:
        return [ref.name]
    names = [lineage.run_name(entity, attempt) for attempt in range(_ATTEMPTS)]
    return names[names.index(ref.name) :: -1] if ref.name in names else [ref.name]


def _metadata(outcome: "Outcome", shown: Shown) -> dict[str, dg.MetadataValue]:
    outputs = {
        key: value for key, value in (outcome.outputs or {}).items() if shown.names is None or key in shown.names
    }
    return {**run_metadata(outcome.snapshot), **output_metadata(outputs, limit=shown.limit)}


class _Injector(dg.PipesContextInjector):
    """In the environment of the pods; what is too large for that, in the store."""

    def __init__(self, reader: "_Reader") -> None:
        self._reader = reader

    @contextlib.contextmanager
    def inject_context(self, context_data: Any) -> Iterator[Any]:
        content = json.dumps(context_data).encode()
        yield {"data": context_data} if len(content) <= _LARGEST else {"uri": self._reader.keep(content)}

    def no_messages_debug_text(self) -> str:
        return "The context was put into the environment of the tasks (RunOptions.env_vars)."


class _Reader(dg.PipesMessageReader):
    """Messages of all tasks of a run: logs while it goes on, the rest when it has ended well."""

    def __init__(self, files: FileAccess, store: str, task_store: str, place: str, interval: float) -> None:
        self._files = files
        self._uri = f"{store.rstrip('/')}/{place}"
        self._task_uri = f"{task_store.rstrip('/')}/{place}"
        self._folder = Folder(files, self._uri)
        self._interval = interval
        self._handler: Any = None
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def keep(self, content: bytes) -> str:
        """Stores it for the tasks, who find it there."""
        name = f"context-{hashlib.sha256(content).hexdigest()[:16]}.json"
        try:
            self._files.put_raw_data(content, self._uri, name, skip_raw_data_prefix=True)
        except _AWAY as error:
            raise dg.Failure(
                f"the context of the run cannot be written to {self._uri}: {error}", allow_retries=True
            ) from None
        return f"{self._task_uri}/{name}"

    @contextlib.contextmanager
    def read_messages(self, handler: Any) -> Iterator[Any]:
        self._handler = handler
        try:
            yield {"uri": self._task_uri}
        finally:
            self._stop()

    def follow(self, ref: RunRef) -> None:
        """From now on what tasks of this run log is in Dagster's log, too."""

        def work() -> None:
            while not self._over.wait(self._interval):
                with contextlib.suppress(*_AWAY):  # read at the end
                    self._news([ref.name])

        if self._thread is None:
            self._thread = threading.Thread(target=work, name="flyte-pipes", daemon=True)
            self._thread.start()

    def finish(self, runs: Sequence[str]) -> tuple[int, int]:
        """Hands on what counts; how many writers do, and how many ended badly."""
        self._stop()
        self._news(runs)
        writers = self._folder.writers
        counted = that_count(writers, runs)
        if writers:
            self._handler.handle_message({"method": "opened", "params": {"extras": {}}})
            for message in merged(counted):
                self._handler.handle_message(message)
            self._handler.handle_message({"method": "closed", "params": {}})
        return len(counted), sum(not writer.ended_well for writer in writers)

    @property
    def expected_writer_count(self) -> int:
        """As Dagster counts them: what is handed on here is one writer's, whoever wrote it."""
        return 1

    def no_messages_debug_text(self) -> str:
        return f"Messages were looked for in {self._uri}, where tasks that use flyte_pipes() write."

    def _news(self, runs: Sequence[str]) -> None:
        for writer, message in self._folder.news(runs):
            if message["method"] == "log":
                params = message["params"] or {}
                told = {**params, "message": f"[{writer.label}] {params['message']}"}
                self._handler.handle_message({**message, "params": told})

    def _stop(self) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
