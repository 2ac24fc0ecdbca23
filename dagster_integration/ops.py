"""`flyte_run_op`: one Flyte run as an op, for jobs that are not about assets. The same rules as for assets hold for the run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import dagster as dg

from bridge_core import EntityRef, InvalidRequest

from ._settings import FLYTE_STEP
from ._work import OnReexecute, Options, OptionsOf, Work
from .results import LONGEST, Shown, output_metadata, run_metadata

if TYPE_CHECKING:
    from datetime import timedelta

    from bridge_core import ErrorClass, RegisterRequest

    from .run_config import FlyteRunConfig

__all__ = ["flyte_run_op"]


def flyte_run_op(
    entity: str | EntityRef,
    *,
    name: str | None = None,
    inputs: Mapping[str, Any] | Callable[[dg.OpExecutionContext], Mapping[str, Any]] | None = None,
    config: type[FlyteRunConfig] | None = None,
    ins: Mapping[str, dg.In] | None = None,
    outputs: Mapping[str, dg.Out] | None = None,
    resource_key: str = "flyte",
    options: Options | OptionsOf | None = None,
    timeout: float | timedelta | None = None,
    poll_interval: float | timedelta | None = None,
    retry_on: Collection[ErrorClass | str] | None = None,
    on_reexecute: OnReexecute = "fresh",
    metadata_outputs: bool | Sequence[str] = True,
    metadata_limit: int = LONGEST,
    work: Callable[[dg.OpExecutionContext], str | None] | None = None,
    description: str | None = None,
    retry_policy: dg.RetryPolicy | None = None,
    tags: Mapping[str, Any] | None = None,
    pool: str | None = None,
    register: RegisterRequest | Any = None,
) -> dg.OpDefinition:
    """An op that runs a Flyte launch plan, workflow or task, and gives its outputs to the ops after it.

    Inputs of the run come from `inputs`, then from the configuration, then from upstream ops, each over the one before.

    Args:
        entity: What to run, as in `build_flyte_assets`.
        name: Of the op. None: the last part of the entity's name.
        inputs: A mapping, or a function of the context that returns it.
        config: A class of `FlyteRunConfig.of`: the launchpad shows its fields.
        ins: Inputs of the run that other ops give, by their names.
        outputs: Outputs of the run that become outputs of the op, by their names. None: one output, a mapping of all.
        resource_key: Under which key the `FlyteResource` is found.
        options: As in `build_flyte_assets`, like the rest.
        timeout: Seconds (or timedelta) before the step fails; the run goes on.
        poll_interval: Seconds (or timedelta) between questions.
        retry_on: After which classes of errors `retry_policy` launches again.
        on_reexecute: What is done after a run that ended badly: ``"fresh"``, ``"relaunch"`` or ``"recover"``.
        metadata_outputs: Which outputs become metadata.
        metadata_limit: Characters of one output that the event log keeps at most.
        work: Names the piece of work where several Dagsters do it.
        description: Of the op.
        retry_policy: Of the op.
        tags: Of the op.
        pool: Of the op.
        register: What brings the entity, registered before it is launched; as in `build_flyte_assets`.

    Raises:
        InvalidRequest: The entity, an option or the like cannot be read.

    Example:
        >>> import dagster as dg
        >>> from dagster_integration import flyte_run_op
        >>> train = flyte_run_op("pkg.train", inputs={"epochs": 3}, ins={"day": dg.In(str)})
        >>> train.name, list(train.ins)
        ('train', ['day'])
    """
    ref = EntityRef.parse(entity) if isinstance(entity, str) else entity
    if outputs is not None and not outputs:
        raise InvalidRequest(f"op of {ref}: outputs={{}} leaves nothing to wait for; leave it out for a mapping of all")
    job = Work(
        entity=ref,
        resource_key=resource_key,
        options=options,
        timeout=timeout,
        poll_interval=poll_interval,
        retry_on=retry_on,
        on_reexecute=on_reexecute,
        shown=Shown.of(metadata_outputs, limit=metadata_limit),
        work=work,
        reads_outputs=True,
        register=register,
    )

    def compute(context: dg.OpExecutionContext, upstream: Mapping[str, Any]) -> Iterator[dg.Output[Any]]:
        given = inputs(context) if callable(inputs) else (inputs or {})
        if not isinstance(given, Mapping):
            raise dg.Failure(
                f"inputs of op {context.op_def.name!r}: wanted a mapping, got {type(given).__name__}",
                allow_retries=False,
            )
        set_here = config(**(context.op_config or {})).to_inputs() if config is not None else {}
        outcome = job.run(context, {**given, **set_here, **upstream})
        values: Mapping[str, Any] = outcome.outputs or {}
        names = job.shown.names
        shown = {key: value for key, value in values.items() if names is None or key in names}
        about: dict[str, Any] = run_metadata(outcome.snapshot)
        if outputs is None:
            metadata = {**about, **output_metadata(shown, limit=metadata_limit)}
            yield dg.Output(dict(values), metadata=metadata)
            return
        if missing := [key for key in outputs if key not in values]:
            raise dg.Failure(
                f"run {outcome.snapshot.ref} has no output {', '.join(map(repr, missing))}; it has {', '.join(values) or 'none'}",
                allow_retries=False,
            )
        for key in outputs:
            own = {key: shown[key]} if key in shown else {}
            metadata = {**about, **output_metadata(own, limit=metadata_limit)}
            yield dg.Output(values[key], output_name=key, metadata=metadata)

    compute.__annotations__.clear()  # texts here, and Dagster reads them as types
    return dg.OpDefinition(
        compute_fn=compute,
        name=name or "".join(c if c.isalnum() else "_" for c in ref.name.rpartition(".")[2]),
        ins=ins or {},
        outs=outputs or {"result": dg.Out(dict[str, Any])},
        config_schema=None if config is None else config.to_config_schema(),
        description=description or f"Flyte {ref}",
        required_resource_keys={resource_key},
        retry_policy=retry_policy,
        tags={"kind": "flyte", **(tags or {}), FLYTE_STEP: "true"},
        pool=pool,
    )
