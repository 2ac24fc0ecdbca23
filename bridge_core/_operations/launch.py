"""Launching, exactly: look first, then create, and never launch twice.

FlyteAdmin overwrites the stored inputs of a running execution when a duplicate create arrives, and answers ALREADY_EXISTS
for three different things (the same run, a name clash, a concurrency limit). So:

1. With a given name, ask for that run first. Found: compare, then attach or raise; nothing is sent.
2. Not found: upload files, then send one create. Only the byte-identical request is ever sent again (`calls.py`).
3. Refused after that, ALREADY_EXISTS or anything else: look again and compare (`create.py`).
4. Compare by entity, and by a fingerprint of the inputs after defaults, kept as a label: files by content, never by URI.
"""

from __future__ import annotations

import functools
import itertools
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any, TypeVar

from ..model.arguments import flags
from ..model.errors import BridgeError, InvalidRequest, Unavailable
from ..model.ids import EntityRef, RunRef
from ..model.phases import RunPhase
from ..model.provenance import Provenance
from ..model.requests import LaunchRequest, stamped
from ..model.retry_policy import may_pass
from ..model.run_errors import AlreadyExists
from ..model.run_names import check_run_name, random_run_name
from ..model.runs import Launched, RunSnapshot
from .create import created
from .register_first import RegisterFirst

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..backends.values import Existing, Interface
    from ..config import Config
    from ..literals import Encoded
    from ..transport.base import Transport
    from .data import DataOperations
    from .register import RegisterOperations
    from .staging import Staged

__all__ = ["LaunchOperations", "Prepared"]

log = logging.getLogger("bridge_core")

T = TypeVar("T")

_LAUNCHES_AT_ONCE = 8
_BY_CLIENT = Provenance(source="client")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Inputs of one launch, encoded against one interface."""

    interface: Interface
    encoded: Encoded
    staged: tuple[Staged, ...]
    md5s: Mapping[str, str]
    complete: Any
    """``LiteralMap`` after defaults and fixed inputs, with upload tokens in place of URIs."""
    fingerprint: str


class LaunchOperations:
    """The verbs that make runs."""

    def __init__(
        self,
        backend: Backend,
        transport: Transport,
        config: Config,
        data: DataOperations,
        registration: Callable[[], RegisterOperations],
    ) -> None:
        self._backend = backend
        self._transport = transport
        self._config = config
        self._data = data
        self._registration = registration

    def registering(self) -> RegisterFirst:
        """Registers what the launches of one call bring along."""
        return RegisterFirst(self._config, self._registration)

    async def launch(self, request: LaunchRequest | EntityRef | str) -> RunRef:
        """Launches, or attaches to the identical run of that name, in whatever phase it is."""
        launched = await self._launch(await self.registering().pinned(LaunchRequest.of(request)))
        return launched.ref if isinstance(launched, Launched) else launched

    async def launch_or_attach(self, request: LaunchRequest | EntityRef | str) -> Launched:
        """Like `launch`, and tells which of the two it was, with the run as it is now."""
        launched = await self._launch(await self.registering().pinned(LaunchRequest.of(request)))
        if isinstance(launched, Launched):
            return launched
        try:
            snapshot = await self._backend.describe(launched)
        except BridgeError as error:
            if not may_pass(error):
                raise
            # The run exists: its reference must not be lost because a look at it failed.
            log.info("launched %s, and could not look at it: %s", launched, error)
            console = self._backend.console_url(launched)
            snapshot = RunSnapshot(ref=launched, phase=RunPhase.UNKNOWN, console_url=console)
        return Launched(ref=launched, created=True, snapshot=snapshot)

    async def launch_many(
        self,
        requests: Iterable[LaunchRequest | EntityRef | str],
        *,
        concurrency: int = 0,
        return_exceptions: bool = False,
        group_name: str | None = None,
        registering: RegisterFirst | None = None,
    ) -> list[RunRef | BridgeError]:
        """Launches all of them; results in the order of the requests. Those that share a name are launched in their order."""
        if isinstance(concurrency, bool) or not isinstance(concurrency, int) or concurrency < 0:
            raise InvalidRequest(f"launch_many: concurrency must be 0 (automatic) or more, got {concurrency!r}")
        from ..model.batches import grouped

        flags(return_exceptions=return_exceptions)
        batch = [grouped(request, group_name) for request in LaunchRequest.list_of(requests)]
        first = registering or self.registering()

        async def tried(step: Awaitable[T]) -> T | BridgeError:
            try:
                return await step
            except BridgeError as error:
                if not return_exceptions:
                    raise
                return error

        pinned = [await tried(first.pinned(request)) for request in batch]

        async def one(request: LaunchRequest | BridgeError) -> RunRef | BridgeError:
            return request if isinstance(request, BridgeError) else await tried(self.launch(request))

        # Of two creates under one name at once, FlyteAdmin keeps the inputs of the one and the run of the other.
        in_turn: dict[str | int, list[int]] = {}
        for number, request in enumerate(pinned):
            name = None if isinstance(request, BridgeError) else request.name
            in_turn.setdefault(number if name is None else name, []).append(number)

        async def each(numbers: list[int]) -> list[tuple[int, RunRef | BridgeError]]:
            return [(number, await one(pinned[number])) for number in numbers]

        limit = concurrency or _LAUNCHES_AT_ONCE
        launched = await self._transport.map_calls(each, list(in_turn.values()), limit=limit)
        return [outcome for _, outcome in sorted(itertools.chain.from_iterable(launched), key=itemgetter(0))]

    async def _launch(self, request: LaunchRequest) -> RunRef | Launched:
        """A reference when this call made the run; what was found otherwise."""
        await self._backend.ready()
        self._backend.check_options(request.options)
        entity = request.entity.placed(self._config)
        name = random_run_name() if request.name is None else check_run_name(request.name)
        ref = RunRef(entity.project or "", entity.domain or "", name)
        if request.name is not None and (found := await self._backend.find(ref)) is not None:
            return await self._attach(found, entity, request)
        prepared = await self.prepared(await self._backend.interface(entity), request)
        options = stamped(request.options, request.provenance or _BY_CLIENT)
        self._backend.check_labels(prepared.interface, options)
        inputs = await self._data.upload(
            prepared.encoded,
            prepared.staged,
            project=ref.project,
            domain=ref.domain,
            location=request.data_upload_location,
            metadata={"flyte_run": str(ref), **(request.options.labels or {})},
        )
        launch_id = random_run_name()  # marks this very request, however often it is sent
        create = functools.partial(
            self._backend.create,
            ref,
            prepared.interface,
            inputs,
            options,
            fingerprint=prepared.fingerprint,
            launch_id=launch_id,
        )
        found = await created(
            self._backend, self._transport, ref, create(), "launch", unlabelled=lambda: create(labelled=False)
        )
        if found is not None and found.launch_id != launch_id:
            return await self._attach(found, entity, request)
        log.info("launched %s as %s", prepared.interface.entity, ref)
        return ref

    async def prepared(self, interface: Interface, request: LaunchRequest) -> Prepared:
        """Inputs against one interface, files read. Sends nothing.

        Raises:
            InvalidRequest: Inputs do not fit, or a file cannot be read.
        """
        from ..literals import fingerprint

        codec, fixed = self._data.codec, tuple(interface.fixed)
        try:
            encoded = codec.encode_inputs(
                request.inputs, interface.parameters, fixed=fixed, coerce_json=request.coerce_json
            )
        except InvalidRequest as error:
            raise error.with_message(f"inputs of {interface.entity}: {error.message}") from None
        staged = await self._data.stage(encoded)
        md5s = {item.token: item.digest.hex() for item in staged}
        complete = type(encoded.literals)()
        complete.CopyFrom(encoded.literals)
        for name, literal in interface.fixed.items():
            complete.literals[name].CopyFrom(literal)
        return Prepared(
            interface=interface,
            encoded=encoded,
            staged=staged,
            md5s=md5s,
            complete=complete,
            fingerprint=fingerprint(complete, md5s),
        )

    async def _attach(self, found: Existing, entity: EntityRef, request: LaunchRequest) -> Launched:
        """To the run that has our name, if it is the same."""
        await self.compared(found, entity, request)
        ref, snapshot = found.snapshot.ref, found.snapshot
        log.info("attached to %s (%s)", ref, snapshot.phase.value)
        return Launched(ref=ref, created=False, snapshot=snapshot)

    async def compared(self, found: Existing, entity: EntityRef, request: LaunchRequest) -> Prepared:
        """Compares with the run that has our name. Sends nothing.

        Raises:
            AlreadyExists: It is another one; says in what it differs.
        """
        ref, snapshot = found.snapshot.ref, found.snapshot
        if not self._backend.same_entity(entity, found.launched):
            raise AlreadyExists(
                f"run {ref} exists ({snapshot.phase.value}) and was launched from {found.launched}, not from {entity}. Nothing "
                f"was sent. Launch under another name: Flyte never frees one. Console: {snapshot.console_url}",
                ref=ref,
                snapshot=snapshot,
            )
        prepared = await self.prepared(found.interface or await self._backend.interface(found.launched), request)
        if found.fingerprint != prepared.fingerprint:
            from ..literals import differing

            stored = await self._data.whole(await self._backend.stored_inputs(ref), f"the inputs of run {ref}")
            if found.fingerprint is None and prepared.complete.literals and not stored.literals:
                raise Unavailable(
                    f"run {ref} exists ({snapshot.phase.value}) and was not launched by this library, and Flyte returned none of "
                    "its inputs, so that they cannot be compared: FlyteAdmin swallows read failures of its store. Nothing was "
                    f"sent. Try again. Console: {snapshot.console_url}",
                    ref=ref,
                )
            names = differing(prepared.complete, stored, prepared.md5s)
            if found.fingerprint is not None or names:
                which = f"in {', '.join(names)}" if names else "somewhere"
                raise AlreadyExists(
                    f"run {ref} exists ({snapshot.phase.value}) with other inputs: they differ {which}. Nothing was sent. "
                    f"Use the same inputs to attach to it, or another name to launch a new run. Console: {snapshot.console_url}",
                    ref=ref,
                    snapshot=snapshot,
                    same_entity=True,
                    differing=names,
                )
        return prepared
