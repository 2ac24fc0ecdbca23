"""What is asked for when a run is launched: inert values, picklable, no I/O."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Self

from .arguments import flags, instance, need, texts, wrong
from .errors import InvalidRequest
from .ids import EntityRef
from .public import public
from .run_options import RunOptions

if TYPE_CHECKING:
    from .provenance import Provenance
    from .registration import RegisterRequest, RegistrationSource

__all__ = ["LaunchRequest", "stamped"]


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
        register: What brings the entity: a source as `Client.register` takes it, or a `RegisterRequest`. It is registered before
            the launch, which is then one of that very version; ten characters that stand for the version are put behind
            `name`. So launching again under one name gives one run for as long as the source stays as it is. A version of
            `entity` is what it is registered under. None: it is registered already.
    """

    entity: EntityRef
    inputs: Mapping[str, Any] = field(default_factory=dict, kw_only=True)
    name: str | None = field(default=None, kw_only=True)
    options: RunOptions = field(default_factory=RunOptions, kw_only=True)
    coerce_json: bool = field(default=False, kw_only=True)
    data_upload_location: str | None = field(default=None, kw_only=True)
    provenance: Provenance | None = field(default=None, kw_only=True)
    register: RegisterRequest | None = field(default=None, kw_only=True)

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
            register: RegistrationSource | RegisterRequest | None = None,
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
        if self.register is not None:
            from .registration import RegisterRequest  # few bring one

            register = RegisterRequest.of(self.register)
            if register.dry_run or register.skip_errors:
                raise InvalidRequest(
                    f"launch of {self.entity}: register= with dry_run or skip_errors might not register what is launched; leave "
                    "them out"
                )
            object.__setattr__(self, "register", register)

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


def stamped(options: RunOptions, provenance: Provenance) -> RunOptions:
    """The options with the provenance in their labels and annotations; the user's own stay, under other keys."""
    annotations = provenance.annotations()
    return replace(
        options,
        labels={**(options.labels or {}), **provenance.labels()},
        # None means "the launch plan's": it stays when there is nothing to add.
        annotations={**(options.annotations or {}), **annotations} if annotations else options.annotations,
    )
