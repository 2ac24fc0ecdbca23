"""What is asked for when a run is launched: inert values, picklable, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from .arguments import flags, instance, need, texts, wrong
from .errors import InvalidRequest
from .ids import EntityRef
from .public import public
from .run_settings import Notification, SecurityContext

if TYPE_CHECKING:
    from .provenance import Provenance

__all__ = ["LaunchRequest", "RunOptions", "stamped"]


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """How a run is run. None means "not sent": the launch plan or the server decides. ``False`` and ``{}`` are sent.

    | field | Flyte 1 (``ExecutionSpec``) |
    |---|---|
    | labels, annotations | ``labels``, ``annotations``, merged over the launch plan's |
    | env_vars | ``envs`` |
    | interruptible | ``interruptible`` |
    | overwrite_cache | ``overwrite_cache`` |
    | raw_data_path | ``raw_output_data_config.output_location_prefix`` |
    | service_account | ``security_context.run_as.k8s_service_account`` |
    | max_parallelism | ``max_parallelism`` |
    | tags | ``tags`` |
    | disable_notifications | ``disable_all`` (True only; False is "not disabled", the launch plan's apply) |
    | notifications | ``notifications``: replace the launch plan's |
    | security_context | ``security_context.run_as`` |
    | cluster_pool | ``cluster_assignment.cluster_pool_name`` |
    | execution_cluster_label | ``execution_cluster_label`` |
    | queue, custom_context, cache_lookup_scope, run_base_dir | `Unsupported` |
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
        if isinstance(values.get("notifications"), list | tuple):
            values["notifications"] = tuple(
                item if isinstance(item, Notification) else Notification.from_mapping(item)
                for item in values["notifications"]
            )
        if isinstance(values.get("security_context"), Mapping):
            values["security_context"] = SecurityContext.from_mapping(values["security_context"])
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

    def to_mapping(self) -> dict[str, Any]:
        """Plain JSON of the options that are set."""
        values = {name: getattr(self, name) for name in type(self).__dataclass_fields__}
        return {name: _plain(value) for name, value in values.items() if value is not None}


_MAPS = ("labels", "annotations", "env_vars", "custom_context")
_SWITCHES = ("interruptible", "overwrite_cache", "disable_notifications")
_NUMBERS = ("max_parallelism",)
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


@public
@dataclass(frozen=True, slots=True)
class LaunchRequest:
    """One launch: what, with which inputs, under which name.

    Attributes:
        entity: What to launch; text is read as `EntityRef.parse` does.
        inputs: Input name -> Python value, encoded from the *remote* interface, never from Python hints.
        name: The idempotency key: launching twice under one name gives one run. None: the client makes a random legal
            name before it sends anything.
        options: How to run it.
        coerce_json: True where inputs are texts that a command line or a template made: ``"3"`` is taken for an integer,
            ``"true"`` for a boolean, JSON for lists, maps and structures. Strings stay what they are.
        data_upload_location: Where local files go. None: `Config.data_upload_location`.
        provenance: Who launches. None: a plain client.
    """

    entity: EntityRef
    inputs: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    name: str | None = field(default=None, kw_only=True)
    options: RunOptions = field(default_factory=RunOptions, kw_only=True)
    coerce_json: bool = field(default=False, kw_only=True)
    data_upload_location: str | None = field(default=None, kw_only=True)
    provenance: Provenance | None = field(default=None, kw_only=True)

    if TYPE_CHECKING:  # what the constructor takes; the field is always a reference

        def __init__(
            self,
            entity: EntityRef | str,
            *,
            inputs: Mapping[str, Any] = ...,
            name: str | None = None,
            options: RunOptions = ...,
            coerce_json: bool = False,
            data_upload_location: str | None = None,
            provenance: Provenance | None = None,
        ) -> None: ...

    def __post_init__(self) -> None:
        from .provenance import Provenance

        object.__setattr__(self, "entity", EntityRef.of(self.entity))
        if not isinstance(self.inputs, Mapping) or not all(isinstance(name, str) for name in self.inputs):
            raise wrong(f"inputs of {self.entity}", "a mapping of input names to values", self.inputs)
        need("options", self.options, RunOptions, "RunOptions(…)")
        instance("provenance", self.provenance, Provenance, "a Provenance")
        flags(coerce_json=self.coerce_json)
        texts(data_upload_location=self.data_upload_location)

    @classmethod
    def of(cls, value: object) -> LaunchRequest:
        """What is to be launched: a request, or an entity (or its text) that needs no inputs.

        Raises:
            InvalidRequest: Neither.
            Unsupported: See `EntityRef.of`.
        """
        if isinstance(value, LaunchRequest):
            return value
        if isinstance(value, EntityRef | str) or (callable(value) and not isinstance(value, type)):
            return cls(EntityRef.of(value))
        raise wrong("request", "a LaunchRequest, as in LaunchRequest('pkg.workflow', inputs={…})", value)

    @classmethod
    def list_of(cls, values: object) -> list[LaunchRequest]:
        """`of` for each.

        Raises:
            InvalidRequest: As `of`; also for a single request.
        """
        if isinstance(values, str) or not isinstance(values, Iterable):
            raise wrong("requests", "a list of LaunchRequests", values)
        return [cls.of(value) for value in values]

    @classmethod
    def zipped(
        cls,
        entity: EntityRef | str,
        columns: Mapping[str, Iterable[Any]],
        *,
        inputs: Mapping[str, Any] | None = None,
        name: str | None = None,
        **more: Any,
    ) -> list[Self]:
        """One request for the first value of every column, one for the second, and so on: for `Client.launch_many`, `run_many`.

        Args:
            entity: What to launch.
            columns: Input name -> its values, all of one length.
            inputs: Inputs that are the same in all.
            name: Names the batch: its runs are named after it and their place, so that launching it twice gives each run once.
            **more: ``options`` and the other fields, the same in all.

        Raises:
            InvalidRequest: The lengths differ, or an input is given twice.

        Example:
            >>> [dict(item.inputs) for item in LaunchRequest.zipped("pkg.wf", {"n": [1, 2]}, inputs={"m": 0})]
            [{'m': 0, 'n': 1}, {'m': 0, 'n': 2}]
        """
        from .run_names import run_name

        need("columns", columns, Mapping, "a mapping of input names to lists of values")
        need("inputs", inputs or {}, Mapping, "a mapping of input names to values")
        same = dict(inputs or {})
        values = {}
        for key, column in columns.items():
            if isinstance(column, str | bytes | Mapping) or not isinstance(column, Iterable):
                raise wrong(
                    f"column {key!r}", "a list of values; what is the same in all runs goes into inputs=", column
                )
            values[key] = list(column)
        lengths = {key: len(column) for key, column in values.items()}
        if len(set(lengths.values())) > 1:
            told = ", ".join(f"{key} has {length}" for key, length in lengths.items())
            raise InvalidRequest(f"columns of one length are wanted: {told}; no value is left out silently")
        if both := sorted(set(same) & set(values)):
            raise InvalidRequest(f"input {both[0]!r} is given both as a column and in inputs=; give it once")
        texts(name=name)
        return [
            cls(
                entity,
                inputs={**same, **dict(zip(values, row, strict=True))},
                name=None if name is None else run_name("batch", name, number),
                **more,
            )
            for number, row in enumerate(zip(*values.values(), strict=True))
        ]


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, Notification | SecurityContext):
        return {name: _plain(item) for name, item in asdict(value).items() if item is not None}
    return dict(value) if isinstance(value, Mapping) else value


def stamped(options: RunOptions, provenance: Provenance) -> RunOptions:
    """The options with the provenance in their labels and annotations; the user's own stay, under other keys."""
    annotations = provenance.annotations()
    return replace(
        options,
        labels={**(options.labels or {}), **provenance.labels()},
        # None means "the launch plan's": it stays when there is nothing to add.
        annotations={**(options.annotations or {}), **annotations} if annotations else options.annotations,
    )
