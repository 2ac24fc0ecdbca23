"""One Flyte run for one Dagster step: launch it once, wait for it, stop it when a person stops the step.

What happens when something dies:

* the step's process, or the whole worker: the retry has the same lineage, hence the same run name, and attaches;
* the Flyte run: the next try finds it FAILED or ABORTED under its name and launches the next attempt, unless that try is
  automatic and the end is final for it (`is_final`);
* a person stops the Dagster run: its status is CANCELING when the interrupt arrives, and the Flyte run is aborted;
* a person presses Ctrl-C on ``dagster job execute`` or a script: the signal is SIGINT, and the Flyte run is aborted;
* the pod is evicted (SIGTERM, status still STARTED): the Flyte run goes on, and a retry attaches;
* Flyte: it is asked again, whatever the question was. An abort that could not be sent is owed: `build_flyte_reaper_sensor`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from bridge_core import (
    AlreadyExists,
    BridgeError,
    Launched,
    LaunchRequest,
    PollPolicy,
    RunNotFound,
    RunOptions,
    RunRef,
    WaitTimeout,
    seconds,
    trace_variables,
)

from ._attempts import newest_attempt
from ._failures import failure_of_error, failure_of_run, is_final
from ._lineage import Lineage, asked_at, runs_of
from ._notes import note_pin, note_run, noted_pin
from ._origin import provenance_of
from ._patience import Patience
from ._turns import away, current_turn

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import timedelta

    from bridge_core import (
        Client,
        Entity,
        EntityRef,
        ErrorClass,
        Explanation,
        RegisterRequest,
        RunOutputs,
        RunSnapshot,
    )

    from ._compat import StepContext
    from ._interrupts import Interrupts
    from ._metrics import Metrics

__all__ = ["How", "Outcome", "Step"]

_ATTEMPTS = 100  # runs of one lineage that ended badly, before we stop counting


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How a step runs its Flyte run: what the asset's author decided.

    Attributes:
        options: Of the run.
        timeout: Seconds until the step fails; None for ever.
        poll_interval: Seconds between questions; None adapts.
        retry_on: Classes of errors after which a `RetryPolicy` may launch again; None for those of the table.
        on_reexecute: What follows a run that ended badly: ``fresh``, ``relaunch`` or ``recover``.
        shared: Name of the piece of work where other Dagsters do it too; None where it is this Dagster's own.
        dagster_url: Of Dagster's webserver, for the link back.
        reads_outputs: Whether outputs are fetched.
        nodes: Of which nodes of the run, too.
        more_inputs: Gives further inputs, over the author's; it may ask for the interface.
        register: What brings the entity, registered before it is launched; None: it is registered.
        check_registration: Raises, before anything is written, when that may not be registered with this resource.
        trace_nodes: Whether the run's nodes become OpenTelemetry spans when it has ended.
        metrics_in_event_log: Whether the try's counters become an event of the step.
        on_run: Is told which run it is, as soon as it is there.
    """

    options: RunOptions
    timeout: float | timedelta | None = None
    poll_interval: float | timedelta | None = None
    retry_on: Collection[ErrorClass] | None = None
    on_reexecute: str = "fresh"
    shared: str | None = None
    dagster_url: str = ""
    reads_outputs: bool = True
    nodes: tuple[str, ...] = ()
    more_inputs: Callable[[Callable[[], Entity]], Mapping[str, Any]] | None = None
    register: RegisterRequest | None = None
    check_registration: Callable[[RegisterRequest], None] | None = None
    trace_nodes: bool = False
    metrics_in_event_log: bool = False
    on_run: Callable[[RunRef], None] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """A run that succeeded, for a step.

    Attributes:
        snapshot: How it ended.
        outputs: Empty when they were not wanted.
        of_nodes: Outputs of the nodes that were asked for, by name.
        differing: Names of the inputs that this try would have given otherwise; None when the run has this try's inputs.
    """

    snapshot: RunSnapshot
    outputs: RunOutputs | None
    of_nodes: Mapping[str, RunOutputs]
    differing: tuple[str, ...] | None


class Step:
    """What a step knows about its run while it works on it."""

    def __init__(
        self,
        context: StepContext,
        client: Client,
        how: How,
        interrupts: Interrupts,
        *,
        metrics: Metrics,
        part: str = "",
    ) -> None:
        self.context = context
        self.client = client
        self.how = how
        self.lineage = Lineage.of(context, shared=how.shared, part=part)
        every = seconds(how.poll_interval, "poll_interval", positive=True)
        poll = client.config.poll if every is None else PollPolicy.every(every)
        self.patience = Patience(context, seconds(how.timeout, "timeout"), poll, interrupts, metrics)
        self.interrupts = interrupts
        self.metrics = metrics
        self.ref: RunRef | None = None
        self.before: RunRef | None = None
        self.differing: tuple[str, ...] | None = None

    def work(self, entity: EntityRef, inputs: Mapping[str, Any]) -> Outcome:
        """Launches or attaches, waits, reads the outputs.

        Raises:
            Failure: The run ended badly, or Flyte could not be asked, or what was asked for is impossible.
        """
        launched = self.launch(entity, inputs)
        try:
            snapshot = self._wait(launched)
        except BridgeError as error:
            raise self.failure_of(error) from None
        return self.outcome(snapshot)

    def launch(self, entity: EntityRef, inputs: Mapping[str, Any]) -> Launched:
        """Launches or attaches. Raises `Failure`."""
        try:
            entity = entity.placed(self.client.config, settings="FlyteResource")
            if self.how.register is not None:
                entity = self._registered(entity, self.how.register)
            if self.how.more_inputs is not None:
                what = f"reading the interface of {entity}"
                interface = self.how.more_inputs(
                    lambda: self.patience.ask(what, lambda: self.client.get_entity(entity))
                )
                inputs = {**inputs, **interface}
            launched, self.differing = self._launch_or_attach(entity, inputs)
        except BridgeError as error:
            raise self.failure_of(error) from None
        return launched

    def outcome(self, snapshot: RunSnapshot) -> Outcome:
        """Of a run that ended. Raises `Failure`."""
        if self.how.trace_nodes and snapshot.phase.is_terminal:
            try:
                with away():
                    self.client.trace_nodes(snapshot)
            except BridgeError as error:  # a trace must not fail a step
                self.context.log.info("the nodes of run %s were not traced: %s", snapshot.ref, error)
        try:
            if not snapshot.phase.is_success:
                raise self._failure(snapshot)
            outputs = self._outputs(snapshot) if self.how.reads_outputs else None
            of_nodes = {node: self._outputs(snapshot, node) for node in self.how.nodes}
        except BridgeError as error:
            raise self.failure_of(error) from None
        return Outcome(snapshot=snapshot, outputs=outputs, of_nodes=of_nodes, differing=self.differing)

    def failure_of(self, error: BridgeError) -> dg.Failure:
        """What the step says when Flyte could not be asked, or was asked for something impossible."""
        return failure_of_error(error, self.ref, console_url=self._console())

    def _registered(self, entity: EntityRef, register: RegisterRequest) -> EntityRef:
        """The version that is registered for this step: by an earlier try or execution of it, else now."""
        context, step = self.context, self.lineage.step_key
        for run_id in runs_of(context.instance, context.run, self.lineage.scope):
            if (pinned := noted_pin(context.instance, run_id, step, entity)) is not None:
                context.log.info("version %s was registered by an earlier try of this step", pinned.version)
                return pinned

        def registered() -> LaunchRequest:
            if self.how.check_registration is not None:
                self.how.check_registration(register.for_launch(entity))
            return self.client.register_for(LaunchRequest(entity, register=register))

        pinned = self.patience.ask(f"registering {entity}", registered).entity
        note_pin(context, pinned, step)
        return pinned

    def _launch_or_attach(
        self, entity: EntityRef, inputs: Mapping[str, Any]
    ) -> tuple[Launched, tuple[str, ...] | None]:
        attempt = 0
        options = self.how.options.with_variables(trace_variables())
        while attempt < _ATTEMPTS:
            self.interrupts.check()
            name = self.lineage.run_name(entity, attempt)
            self.ref = ref = RunRef(entity.project or "", entity.domain or "", name)
            shared = self.how.shared is not None
            note_run(self.context, ref, self.lineage.step_key, self._console(), shared=shared)
            by = provenance_of(self.context, self.lineage, attempt, url=self.how.dagster_url, awaited=not shared)
            request = LaunchRequest(entity, inputs=inputs, name=name, options=options, provenance=by)
            try:
                launched, differing = self.patience.ask(f"launching run {ref}", lambda r=request: self._once(r))  # type: ignore[misc]
            except AlreadyExists as error:
                if not error.burnt:
                    raise
                self.context.log.warning("nobody can have this name, taking the next one: %s", error)
                attempt += 1
                continue
            if launched.created or not _ended_badly(launched.snapshot):
                self._announce(launched, differing)
                return launched, differing
            attempt = self._next(entity, attempt, launched.snapshot)
        raise dg.Failure(
            f"{_ATTEMPTS} runs of {entity} ended badly for step {self.lineage.step_key!r} of Dagster run {self.lineage.scope} "
            "and its re-executions; start a new Dagster run instead of re-executing this one",
            allow_retries=False,
        )

    def _once(self, request: LaunchRequest) -> tuple[Launched, tuple[str, ...] | None]:
        if self.before is None or self.how.on_reexecute == "fresh":
            return self._named(request)
        again = self.client.recover if self.how.on_reexecute == "recover" else self.client.relaunch
        ref = again(self.before, name=request.name)
        self.context.log.info("run %s: %s of run %s", ref, self.how.on_reexecute, self.before)
        return Launched(ref=ref, created=True, snapshot=self.client.describe(ref)), None

    def _named(self, request: LaunchRequest) -> tuple[Launched, tuple[str, ...] | None]:
        """The run of that name, made now or found; with the inputs that differ when it was launched with others."""
        try:
            return self.client.launch_or_attach(request), None
        except AlreadyExists as found:
            if not found.same_entity or found.ref is None or found.snapshot is None:
                raise
            return Launched(ref=found.ref, created=False, snapshot=found.snapshot), found.differing

    def _next(self, entity: EntityRef, attempt: int, ended: RunSnapshot) -> int:
        """The attempt to look at after one that ended badly: the newest there is, or the one after it."""

        def look(number: int) -> RunSnapshot | None:
            ref = RunRef(entity.project or "", entity.domain or "", self.lineage.run_name(entity, number))
            try:
                return self.patience.ask(f"looking for run {ref}", lambda: self.client.describe(ref))
            except RunNotFound:
                return None

        newest, snapshot = newest_attempt(look, attempt, ended, limit=_ATTEMPTS)
        if not _ended_badly(snapshot):
            self.before = None
            return newest
        asked = asked_at(self.context.instance, self.context.run, self.context.retry_number)
        if is_final(snapshot, self.how.retry_on, asked):
            self.ref = snapshot.ref
            raise self._failure(snapshot)
        self.context.log.warning(
            "an earlier try ended badly, launching attempt %d: %s", newest + 2, snapshot.describe()
        )
        self.before = snapshot.ref
        return newest + 1

    def _announce(self, launched: Launched, differing: tuple[str, ...] | None) -> None:
        if self.how.on_run is not None:
            self.how.on_run(launched.ref)
        self.metrics.count("launched" if launched.created else "attached")
        what = "launched" if launched.created else "attached to"
        self.context.log.info("%s Flyte run %s. Console: %s", what, launched.ref, self._console())
        if differing is not None:  # inputs with now() in them, for instance
            self.context.log.warning(
                "run %s was launched by an earlier try of this step with other inputs (%s); its own inputs stay in force",
                launched.ref,
                ", ".join(differing) or "unknown ones",
            )

    def _wait(self, launched: Launched) -> RunSnapshot:
        """Blocks in this thread, where an interrupt is raised at once; an ``async def`` body would never see it."""
        final = launched.snapshot
        if (turn := current_turn()) is not None:
            if final.phase.is_terminal:
                return final
            with self.metrics.waiting(1), self.patience.shown():
                (final,) = turn.wait(
                    self.client, [launched.ref], timeout=self.patience.left, poll_interval=self.how.poll_interval
                )
            self.context.log.info("Flyte run %s: %s", launched.ref.name, final.phase.value)
            return final
        with self.metrics.waiting(1), self.patience.shown():
            for snapshot in self.client.watch(
                launched.ref, timeout=self.patience.left, poll_interval=self.how.poll_interval
            ):
                self.context.log.info("Flyte run %s: %s", launched.ref.name, snapshot.phase.value)
                final = snapshot
                self.interrupts.check()
        return final

    def _outputs(self, snapshot: RunSnapshot, node: str | None = None) -> RunOutputs:
        what = f"reading the outputs of {f'node {node!r} of ' if node else ''}run {snapshot.ref}"
        try:
            return self.patience.ask(what, lambda: self.client.outputs(snapshot.ref, node=node))
        except BridgeError as error:
            # The run succeeded: another try attaches to it and reads again, and can launch nothing.
            failure = failure_of_error(error, snapshot.ref, console_url=snapshot.console_url)
            raise dg.Failure(failure.description, failure.metadata, allow_retries=True) from None

    def _failure(self, snapshot: RunSnapshot) -> dg.Failure:
        return failure_of_run(snapshot, retry_on=self.how.retry_on, why=self._why(snapshot), log=self.context.log)

    def _why(self, snapshot: RunSnapshot) -> Explanation | None:
        """Why the run ended badly; None when that cannot be told now: how the step ends does not depend on it."""
        try:
            with away():
                return self.client.explain(snapshot)
        except BridgeError as error:
            self.context.log.info("why run %s ended badly could not be asked: %s", snapshot.ref, error)
            return None

    def patience_ended(self, snapshot: RunSnapshot) -> dg.Failure:
        """Of a run that goes on when the time is over."""
        error = WaitTimeout(
            f"{snapshot.describe()}. The time for it is over; it goes on", ref=snapshot.ref, snapshot=snapshot
        )
        return self.failure_of(error)

    def _console(self) -> str:
        return self.client.console_url(self.ref) if self.ref is not None else ""


def _ended_badly(snapshot: RunSnapshot) -> bool:
    return snapshot.phase.is_terminal and not snapshot.phase.is_success
