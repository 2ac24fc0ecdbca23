"""From an operator's rendered fields to its run. One task instance has one live run: attach to the one of an earlier try, or
launch the next one after it ended badly.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from bridge_core import (
    AlreadyExists,
    Client,
    Config,
    ConfigError,
    EntityRef,
    InvalidRequest,
    Launched,
    LaunchRequest,
    LiteralError,
    RunNotFound,
    RunOptions,
    RunPhase,
    RunRef,
)

from .._shared.metrics import count
from .._shared.superseded import end_superseded
from .._shared.task_key import TaskKey
from .._shared.values import from_xcom
from .retry_mode import again

if TYPE_CHECKING:
    from bridge_core import RunSnapshot

    from .kill import SyncKill

__all__ = ["build_request", "explained", "launch_for", "placed"]

log = logging.getLogger("airflow.task.flyte")

_MOST_ATTEMPTS = 1000
_NATIVE = (
    "templates of this task are rendered as native objects (render_template_as_native_obj=True), which reads what they give as "
    "Python: 1.10 becomes the number 1.1. Write {{ … | tojson }} for a text, or set render_template_as_native_obj=False"
)
_GONE = frozenset({RunPhase.FAILED, RunPhase.ABORTED, RunPhase.TIMED_OUT, RunPhase.ABORTING})
"""A run in one of these will bring no outputs: a retry wants the next one."""


def launch_for(
    client: Client,
    request: LaunchRequest,
    key: TaskKey,
    kill: SyncKill,
    *,
    try_began: datetime | None,
    supersede: bool,
    legacy_since: datetime | None,
    native: bool,
    retry_mode: str = "attach",
) -> Launched:
    """Ends what an earlier life of this task instance left behind, then attaches or launches.

    Args:
        client: Asks Flyte.
        request: What to launch, its entity `placed`; its name is replaced.
        key: The task instance.
        kill: Told which run is being made.
        try_began: When this try began.
        supersede: Whether runs of earlier lives are aborted.
        legacy_since: When the DAG run began, when a release without identities may have launched for it. None: it cannot.
        native: Whether templates are rendered as native objects; for messages.
        retry_mode: What follows a run that ended badly (`_worker.retry_mode`).

    Raises:
        BridgeError: See `launch_or_attach`.
    """
    if supersede:
        end_superseded(client, request.entity, key, began=try_began)
    launched = None
    if legacy_since is not None:
        launched = attach_to_legacy(client, request.entity, key, since=legacy_since)
    if launched is None:
        try:
            launched = launch_or_attach(client, request, key.name, trying=kill.trying, retry_mode=retry_mode)
        except LiteralError as error:
            raise explained(error, request.inputs, native=native) from None
    kill.made(launched.ref)
    return launched


def launch_or_attach(
    client: Client,
    request: LaunchRequest,
    name: Callable[[int], str],
    *,
    trying: Callable[[RunRef], None],
    retry_mode: str = "attach",
) -> Launched:
    """Launches under the first attempt whose run is not spent, or attaches to it.

    Args:
        client: Asks Flyte.
        request: What to launch, its entity `placed`; its name is replaced.
        name: Run name of the attempt, counted from 0.
        trying: Told each run before anything is sent that might make it.
        retry_mode: What follows a run that ended badly (`_worker.retry_mode`).

    Raises:
        AlreadyExists: The name belongs to a live or succeeded run of another entity.
        BridgeError: Whatever else launching raises.
    """
    before: RunSnapshot | None = None
    for attempt in range(_MOST_ATTEMPTS):
        ref = RunRef(str(request.entity.project), str(request.entity.domain), name(attempt))
        trying(ref)
        try:
            launched = again(client, replace(request, name=ref.name), retry_mode, ref, before)
        except AlreadyExists as error:
            if error.burnt:
                log.warning("nobody can have this name, taking the next one: %s", error)
                continue
            if error.ref is None or error.snapshot is None:
                raise
            if error.snapshot.phase not in _GONE:
                if not error.same_entity:
                    raise
                log.warning(
                    "attaching to %s although inputs differ (%s): a template gave another value on this try, now() for "
                    "instance. The run goes on with the inputs it was launched with.",
                    error.ref,
                    ", ".join(error.differing) or "unknown which",
                )
            launched = Launched(ref=error.ref, created=False, snapshot=error.snapshot)
        if launched.created:
            count("launched")
            if before is not None and retry_mode in ("recover", "relaunch"):
                log.info("%s is a %s of %s, with its version and inputs", launched.ref, retry_mode, before.ref)
            return launched
        if launched.snapshot.phase not in _GONE:
            count("attached")
            log.info("attached to %s (%s), launched by an earlier try", launched.ref, launched.snapshot.phase.value)
            return launched
        log.warning("an earlier try ended badly, launching the next run: %s", launched.snapshot.describe())
        before = launched.snapshot
    raise InvalidRequest(f"{_MOST_ATTEMPTS} runs of this task instance ended badly; clear it to start counting anew")


def attach_to_legacy(client: Client, entity: EntityRef, key: TaskKey, *, since: datetime) -> Launched | None:
    """The live run that a release without identities launched for this task instance, if there is one.

    Its name is that of every task instance with these names, so only one that lives, of this entity, and younger than the
    DAG run can be ours.

    Args:
        client: Asks Flyte.
        entity: What is about to be launched, `placed`.
        key: The task instance.
        since: When the DAG run began.
    """
    for attempt in range(_MOST_ATTEMPTS):
        ref = RunRef(str(entity.project), str(entity.domain), key.legacy_name(attempt))
        try:
            snapshot = client.describe(ref)
        except RunNotFound:
            return None
        if snapshot.phase.is_terminal or snapshot.phase is RunPhase.ABORTING:
            continue
        young = snapshot.created_at is not None and snapshot.created_at >= since
        if young and snapshot.entity is not None and snapshot.entity.name == entity.name:
            log.warning("attached to %s, launched by an earlier release of flyte-bridge", ref)
            return Launched(ref=ref, created=False, snapshot=snapshot)
    return None


def placed(entity: EntityRef, config: Config, conn_id: str) -> EntityRef:
    """The entity with project and domain, its own or the connection's.

    Raises:
        ConfigError: One of them is nowhere to be found; names the places a DAG's author can write it.
    """
    found = entity.within(config.project, config.domain)
    missing = [part for part in ("project", "domain") if not getattr(found, part)]
    if missing:
        raise ConfigError(
            f"{entity}: no {' and no '.join(missing)}; give {' and '.join(f'{part}=' for part in missing)} to the task, write "
            f"the entity as project/domain/name, or put {' and '.join(missing)} into the extra of connection {conn_id!r}"
        )
    return found


def explained(error: LiteralError, inputs: Any, *, native: bool = False) -> LiteralError:
    """The same error; with a way out when an input is what a template or an XCom that was never pushed leaves behind.

    Args:
        error: Which inputs were refused.
        inputs: What was given.
        native: Whether Airflow renders this task's templates as native objects.
    """
    given = inputs if isinstance(inputs, Mapping) else {}
    refused = {name: value for name, value in given.items() if any(_about(problem, name) for problem in error.problems)}
    texts = {name: value for name, value in refused.items() if isinstance(value, str)}
    hints = []
    if absent := [name for name, value in refused.items() if value is None or texts.get(name) == "None"]:
        hints.append(f"{', '.join(absent)} came as None: the task it is taken from pushed no such XCom, or did not run")
    if unread := [name for name, text in texts.items() if text.lstrip()[:1] in ("{", "[")]:
        hints.append(
            f"{', '.join(unread)} is the text of a template, and no JSON: write {{{{ … | tojson }}}}, or pass the XComArg "
            "(task.output) itself"
        )
    if native and (
        read := [name for name, value in refused.items() if value is not None and not isinstance(value, str)]
    ):
        hints.append(f"{', '.join(read)}: {_NATIVE}")
    return error.with_message("\n".join([error.message, *hints])) if hints else error


def _about(problem: str, name: str) -> bool:
    return problem.startswith((f"inputs.{name}:", f"inputs.{name}.", f"inputs.{name}[", f"inputs[{name!r}]"))


def build_request(
    entity: Any,
    inputs: Any,
    options: Any,
    *,
    version: Any,
    project: Any,
    domain: Any,
    native: bool = False,
    load: Callable[[RunRef, str], Any] | None = None,
) -> LaunchRequest:
    """What to launch, from an operator's rendered fields. Arguments win over the entity's own project and domain.

    Args:
        entity: `EntityRef` or its text form.
        inputs: Input name -> value, as XComs have them.
        options: `RunOptions`, or a mapping with its fields.
        version: A version, or None.
        project: A project, or None.
        domain: A domain, or None.
        native: Whether Airflow renders this task's templates as native objects: named when a text came as something else.
        load: Fetches an output that an XCom only refers to.

    Raises:
        InvalidRequest: The version is given twice and differs, or a field rendered to something unusable.
    """
    ref = entity if isinstance(entity, EntityRef) else EntityRef.parse(str(_text("entity", entity, native)))
    pin = _text("version", version, native)
    project, domain = _text("project", project, native), _text("domain", domain, native)
    if pin and ref.version and pin != ref.version:
        raise InvalidRequest(f"version={pin!r} contradicts entity {str(ref)!r}; give one of them")
    if inputs is not None and not isinstance(inputs, Mapping):
        raise InvalidRequest(
            f"inputs of {ref} must be a mapping of input names to values, got {type(inputs).__name__}. A template that stands "
            "for the whole mapping renders to a text: pass an XComArg (task.output), or a mapping whose values are templates"
        )
    try:
        if isinstance(options, Mapping):
            options = RunOptions.from_mapping(options)
        elif options is not None and not isinstance(options, RunOptions):
            raise InvalidRequest(
                f"options must be RunOptions or a mapping with its fields, got {type(options).__name__}"
            )
    except InvalidRequest as error:
        raise (error.with_message(f"{error.message}. {_NATIVE}") if native else error) from None
    return LaunchRequest(
        EntityRef(ref.kind, ref.name, project or ref.project, domain or ref.domain, pin or ref.version),
        inputs=from_xcom(dict(inputs or {}), load),
        options=options or RunOptions(),
        coerce_json=True,  # what a template rendered is a text: "3" is taken for an integer, never a STRING for anything
    )


def _text(field: str, value: Any, native: bool) -> str | None:
    """The value of a field that must be a text: ``version=1.10`` is no version any more, whoever made a number of it."""
    if value is None or isinstance(value, str):
        return value
    why = f" {_NATIVE[0].upper()}{_NATIVE[1:]}." if native else " Write it in quotes."
    raise InvalidRequest(f"{field} must be a text, got {value!r} ({type(value).__name__}).{why}")
