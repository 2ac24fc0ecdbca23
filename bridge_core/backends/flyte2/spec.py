"""`RunOptions` -> ``RunSpec``: every option has its field here, or is refused by name.

The open-source backend stores many fields and acts on few; those it ignores are in `Capabilities` and warned about once, because
another backend behind the same API (or a later one) honours them. A label whose value Kubernetes refuses leaves a run QUEUED
for ever without an error anywhere, so values are made legal here, and what they were is kept as an annotation.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from flyteidl2.core import literals_pb2, security_pb2
from flyteidl2.task import run_pb2

from ...model.capabilities import FLYTE2_REFUSES
from ...model.durations import seconds
from ...model.errors import InvalidRequest, Unsupported
from ...model.provenance import label_value
from .convert import FINGERPRINT, LAUNCH
from .queued import LIMIT

if TYPE_CHECKING:
    from ...model.run_options import RunOptions

__all__ = ["IGNORED", "check_options", "run_spec"]

log = logging.getLogger("bridge_core")

IGNORED = (
    *("queue", "cluster_pool", "max_parallelism", "overwrite_cache", "cache_lookup_scope", "raw_data_path"),
    *("service_account", "security_context"),
)
"""What the open-source backend stores and ignores (2.0.43, seen)."""

_SCOPES = {
    "global": run_pb2.CACHE_LOOKUP_SCOPE_GLOBAL,
    "project-domain": run_pb2.CACHE_LOOKUP_SCOPE_PROJECT_DOMAIN,
}
_RESERVED = re.compile(r"(?:[a-z0-9.-]*\.)?flyte\.org/.*|project|domain|run|action|attempt|organization|task-name")
"""Labels that the server sets itself, silently over ours."""

_KEY = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_KEPT = "flyte-bridge-label."
_FIXED_ENV = ("ACTION_NAME", "RUN_NAME", "_U_RUN_BASE", "_U_ORG_NAME")
_warned: set[str] = set()


def check_options(options: RunOptions) -> None:
    """Refuses what Flyte 2 cannot honour, and warns once of what its open-source backend ignores.

    Raises:
        Unsupported: An option that has no field in Flyte 2.
        InvalidRequest: A value of the wrong kind, or one that the server would set over.
    """
    options.check_types()
    _environment(options)
    for name, reason in FLYTE2_REFUSES.items():
        if getattr(options, name) is not None:
            raise Unsupported(f"run option {name!r} cannot be honoured by Flyte 2: {reason}")
    if options.security_context is not None and options.service_account is not None:
        raise InvalidRequest("run options: service_account is part of security_context; give one of the two")
    if options.cache_lookup_scope is not None and options.cache_lookup_scope not in _SCOPES:
        raise InvalidRequest(
            f"run option cache_lookup_scope must be one of {', '.join(_SCOPES)}, got {options.cache_lookup_scope!r}"
        )
    for key in options.labels or {}:
        if _RESERVED.fullmatch(key):
            raise InvalidRequest(f"run option labels[{key!r}]: Flyte 2 sets this label itself; use another key")
        if not _KEY.fullmatch(key):
            raise InvalidRequest(
                f"run option labels[{key!r}] is no legal label key, and Flyte 2 would leave the run QUEUED for ever: wanted at "
                "most 63 characters of A-Z, a-z, 0-9, '-', '_' and '.', beginning and ending with a letter or digit"
            )
    for name in IGNORED:
        if getattr(options, name) is not None and name not in _warned:
            _warned.add(name)
            log.warning("run option %r is sent, but the open-source Flyte 2 backend ignores it", name)


def run_spec(
    options: RunOptions, *, fingerprint: str | None = None, launch_id: str | None = None, base: Any = None
) -> Any:
    """The spec of one run. Options that are None are not sent.

    Args:
        options: Checked.
        fingerprint: Kept as an annotation. None: of a trigger, which is no run yet.
        launch_id: Kept as an annotation.
        base: A trigger's, or another run's: what a request sends replaces it whole, so ours is laid over it here.
    """
    spec = run_pb2.RunSpec()
    if base is not None:
        spec.CopyFrom(base)
        for name in ("relation", "related_to", "recover"):
            if name in spec.DESCRIPTOR.fields_by_name:
                spec.ClearField(name)
    labels, kept = _legal(options.labels or {})
    spec.labels.values.update(labels)
    limit = seconds(options.max_queued_time)
    marks = {FINGERPRINT: fingerprint, LAUNCH: launch_id, LIMIT: None if limit is None else f"{limit:g}"}
    spec.annotations.values.update({**(options.annotations or {}), **kept})
    spec.annotations.values.update({key: value for key, value in marks.items() if value is not None})
    envs = _environment(options)
    if envs:
        merged = {item.key: item.value for item in spec.envs.values} | dict(envs)
        del spec.envs.values[:]
        spec.envs.values.extend(literals_pb2.KeyValuePair(key=key, value=merged[key]) for key in sorted(merged))
    if options.interruptible is not None:
        spec.interruptible.value = options.interruptible
    _set_rest(spec, options)
    return spec


def _set_rest(spec: Any, options: RunOptions) -> None:
    if options.overwrite_cache is not None:
        spec.overwrite_cache = spec.cache_config.overwrite_cache = options.overwrite_cache
    if options.cache_lookup_scope is not None:
        spec.cache_config.cache_lookup_scope = _SCOPES[options.cache_lookup_scope]
    if options.raw_data_path is not None:
        spec.raw_data_storage.raw_data_prefix = options.raw_data_path
    for ours, theirs in (
        ("queue", "queue"),
        ("run_base_dir", "run_base_dir"),
        ("cluster_pool", "cluster_pool"),
        ("max_parallelism", "max_action_concurrency"),
    ):
        if getattr(options, ours) is not None:
            setattr(spec, theirs, getattr(options, ours))
    account, role = options.service_account, None
    if options.security_context is not None:
        account, role = options.security_context.service_account, options.security_context.iam_role
    if account or role:
        run_as = security_pb2.Identity(k8s_service_account=account or "", iam_role=role or "")
        spec.security_context.CopyFrom(security_pb2.SecurityContext(run_as=run_as))


def _legal(labels: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """Labels that Kubernetes takes, and annotations with what was changed for it."""
    made = {key: label_value(value) if value else value for key, value in labels.items()}
    return made, {f"{_KEPT}{key.replace('/', '.')}": value for key, value in labels.items() if made[key] != value}


def _environment(options: RunOptions) -> Mapping[str, str] | None:
    """The variables of the tasks, with those that the SDK reads its logging from (``flyte._logging``).

    Raises:
        InvalidRequest: One of them is given as a variable, too, or is one that the server sets.
    """
    ours = {}
    if options.log_level is not None:
        ours["LOG_LEVEL"] = str(options.log_level_number())
    if options.log_format is not None:
        ours["LOG_FORMAT"] = options.log_format
    if options.reset_root_logger:
        ours["FLYTE_RESET_ROOT_LOGGER"] = "1"
    given = options.env_vars
    if both := sorted(set(ours) & set(given or {})):
        raise InvalidRequest(
            f"run options: {both[0]} is given in env_vars, and another run option sets it too; give one of them"
        )
    if fixed := sorted(set(_FIXED_ENV) & set(given or {})):
        raise InvalidRequest(f"run option env_vars[{fixed[0]!r}]: Flyte 2 sets this variable itself, over yours")
    return {**(given or {}), **ours} if ours or given is not None else None
