"""How a run is run: one field per setting of Flyte, inert and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any, Self

from .arguments import need
from .durations import seconds
from .errors import InvalidRequest
from .public import public
from .run_settings import Notification, SecurityContext, read_settings

__all__ = ["RunOptions"]


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How a run is run. None means "not sent": the launch plan or the server decides. ``False`` and ``{}`` are sent.

    | field | Flyte 1 (``ExecutionSpec``) | Flyte 2 (``RunSpec``; * its open-source backend ignores it) |
    |---|---|---|
    | labels | ``labels``, merged over the launch plan's | ``labels``, values made legal |
    | annotations | ``annotations``, merged over the launch plan's | ``annotations`` |
    | env_vars | ``envs`` | ``envs`` |
    | interruptible | ``interruptible`` | ``interruptible`` |
    | overwrite_cache | ``overwrite_cache`` | ``overwrite_cache``, ``cache_config`` * |
    | raw_data_path | ``raw_output_data_config.output_location_prefix`` | ``raw_data_storage`` * |
    | service_account | ``security_context.run_as.k8s_service_account`` | the same * |
    | max_parallelism | ``max_parallelism`` | ``max_action_concurrency`` * |
    | tags | ``tags`` | `Unsupported` |
    | disable_notifications | ``disable_all`` (False: the launch plan's apply) | `Unsupported` |
    | notifications | ``notifications``: replace the launch plan's | `Unsupported` |
    | security_context | ``security_context.run_as`` | ``security_context.run_as`` * |
    | cluster_pool | ``cluster_assignment.cluster_pool_name`` | ``cluster_pool`` * |
    | execution_cluster_label | ``execution_cluster_label`` | `Unsupported` |
    | log_level | ``envs``: ``FLYTE_SDK_LOGGING_LEVEL``; a number or name of Python's logging | ``envs``: ``LOG_LEVEL`` |
    | log_format | ``envs``: ``FLYTE_SDK_LOGGING_FORMAT``; ``json`` or ``console`` | ``envs``: ``LOG_FORMAT`` |
    | reset_root_logger | `Unsupported` | ``envs``: ``FLYTE_RESET_ROOT_LOGGER`` |
    | queue | `Unsupported` | ``queue`` * |
    | custom_context | `Unsupported` | ``Inputs.context`` |
    | cache_lookup_scope | `Unsupported` | ``cache_config.cache_lookup_scope`` *; ``global`` or ``project-domain`` |
    | max_queued_time | `Unsupported` | ours: a run that nothing has begun by then is aborted by whoever asks about it |
    | run_base_dir | `Unsupported` | ``run_base_dir`` |
    """

    labels: Mapping[str, str] | None = None
    annotations: Mapping[str, str] | None = None
    env_vars: Mapping[str, str] | None = None
    interruptible: bool | None = None
    overwrite_cache: bool | None = None
    raw_data_path: str | None = None
    service_account: str | None = None
    max_parallelism: int | None = None
    tags: tuple[str, ...] | None = None
    notifications: tuple[Notification, ...] | None = None
    disable_notifications: bool | None = None
    queue: str | None = None
    cluster_pool: str | None = None
    execution_cluster_label: str | None = None
    custom_context: Mapping[str, str] | None = None
    cache_lookup_scope: str | None = None
    run_base_dir: str | None = None
    security_context: SecurityContext | None = None
    log_level: int | str | None = None
    log_format: str | None = None
    reset_root_logger: bool | None = None
    max_queued_time: float | timedelta | None = None

    def with_variables(self, more: Mapping[str, str]) -> Self:
        """These environment variables besides those of ``env_vars``, which win."""
        own = self.env_vars or {}
        if not more or not isinstance(own, Mapping):  # `check_types` says what is wrong with it
            return self
        return replace(self, env_vars={**more, **own})

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """Options from plain JSON; ``envs`` is an alias of ``env_vars``.

        Raises:
            InvalidRequest: An unknown option, naming the known ones; or a value of the wrong kind. Texts that Airflow's
                templates render to (``"5"``, ``"false"``) are read where a number or a truth value is wanted.
        """
        need("run options", mapping, Mapping, "a mapping of option names to values")
        values = dict(mapping)
        if "envs" in values:
            values["env_vars"] = values.pop("envs")
        unknown = sorted(set(values) - set(cls.__dataclass_fields__))
        if unknown:
            raise InvalidRequest(f"unknown run option {unknown[0]!r}; known are {', '.join(cls.__dataclass_fields__)}")
        if isinstance(values.get("tags"), list):
            values["tags"] = tuple(values["tags"])
        for name, reading in (*((name, _whole) for name in _NUMBERS), *((name, _truth) for name in _SWITCHES)):
            if isinstance(values.get(name), str):  # what a template renders to
                values[name] = reading(name, values[name])
        read_settings(values)
        if isinstance(values.get("max_queued_time"), str):
            values["max_queued_time"] = _whole("max_queued_time", values["max_queued_time"])
        options = cls(**values)
        options.check_types()
        return options

    def check_types(self) -> None:
        """Checks that every option that is set is of its kind: protobuf would fail in its own words, or take it apart.

        Raises:
            InvalidRequest: One is not; names the option, what is wanted, and what was got.
        """
        for name in _MAPS:
            value = getattr(self, name)
            if value is None:
                continue
            if not isinstance(value, Mapping):
                raise _wrong(name, "a mapping of text to text", value)
            for key, item in value.items():
                if not isinstance(key, str) or not isinstance(item, str):
                    raise InvalidRequest(f"run option {name}[{key!r}] must map text to text, got {item!r}")
        for names, kind, wanted in (
            (_SWITCHES, bool, "true or false"),
            (_NUMBERS, int, "a whole number"),
            (_TEXTS, str, "a text"),
            (("security_context",), SecurityContext, "a SecurityContext"),
        ):
            for name in names:
                value = getattr(self, name)
                if value is not None and (not isinstance(value, kind) or (kind is int and isinstance(value, bool))):
                    raise _wrong(name, wanted, value)
        if self.max_parallelism is not None and not 0 <= self.max_parallelism <= _INT32:
            raise _wrong("max_parallelism", f"a whole number from 0 to {_INT32}", self.max_parallelism)
        kinds: tuple[tuple[str, type, str], ...] = (
            ("tags", str, "texts"),
            ("notifications", Notification, "Notifications"),
        )
        for name, item_kind, wanted in kinds:
            value = getattr(self, name)
            if value is not None and (
                not isinstance(value, list | tuple) or not all(isinstance(item, item_kind) for item in value)
            ):
                raise _wrong(name, f"a list of {wanted}", value)
        seconds(self.max_queued_time, "run option max_queued_time", positive=True)
        self._check_logging()

    def _check_logging(self) -> None:
        if self.log_level is not None:
            self.log_level_number()
        if self.log_format not in (None, *_FORMATS):
            raise _wrong("log_format", " or ".join(_FORMATS), self.log_format)

    def log_level_number(self) -> int:
        """`log_level` as a number of Python's logging.

        Raises:
            InvalidRequest: It is none.
        """
        level = self.log_level
        if isinstance(level, str) and level.strip().isdecimal():
            level = int(level)
        number = _LEVELS.get(level.strip().lower()) if isinstance(level, str) else level
        if isinstance(number, bool) or not isinstance(number, int) or number < 0:
            raise _wrong("log_level", f"a number, or one of {', '.join(_LEVELS)}", level)
        return number

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON of the options that are set."""
        values = {name: getattr(self, name) for name in type(self).__dataclass_fields__}
        values["max_queued_time"] = seconds(self.max_queued_time)
        return {name: _plain(value) for name, value in values.items() if value is not None}


_MAPS = ("labels", "annotations", "env_vars", "custom_context")
_SWITCHES = ("interruptible", "overwrite_cache", "disable_notifications", "reset_root_logger")
_NUMBERS = ("max_parallelism",)
_INT32 = 2**31 - 1
_LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
_FORMATS = ("json", "console")
_TEXTS = (
    "raw_data_path",
    "service_account",
    "queue",
    "cluster_pool",
    "execution_cluster_label",
    "cache_lookup_scope",
    "run_base_dir",
)


def _wrong(name: str, wanted: str, got: Any) -> InvalidRequest:
    return InvalidRequest(f"run option {name}: wanted {wanted}, got {got!r} ({type(got).__name__})")


def _whole(name: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise _wrong(name, "a whole number", text) from None


def _truth(name: str, text: str) -> bool:
    word = text.strip().lower()
    if word not in ("true", "false"):
        raise _wrong(name, "true or false", text)
    return word == "true"


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Notification | SecurityContext):
        return {name: _plain(item) for name, item in asdict(value).items() if item is not None}
    return dict(value) if isinstance(value, Mapping) else value
