"""Verbs that make a run from a run: relaunch and recover, exactly once under one name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..model.arguments import flags
from ..model.ids import RunRef
from ..model.run_errors import AlreadyExists
from ..model.run_names import check_run_name, random_run_name
from .create import created

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ..backends.base import Backend
    from ..backends.values import Existing
    from ..transport.base import Transport

__all__ = ["AgainOperations"]


class AgainOperations:
    """Runs made from runs."""

    def __init__(self, backend: Backend, transport: Transport) -> None:
        self._backend = backend
        self._transport = transport

    async def relaunch(self, ref: RunRef, *, name: str | None = None, overwrite_cache: bool = False) -> RunRef:
        """A new run with the spec and inputs of this one; attaches when that name was relaunched from it already."""
        flags(overwrite_cache=overwrite_cache)
        return await self._once(
            "relaunch", ref, name, lambda new: self._backend.relaunch(ref, new, overwrite_cache=overwrite_cache)
        )

    async def recover(self, ref: RunRef, *, name: str | None = None) -> RunRef:
        """A new run that keeps what succeeded in this one and does the rest again."""
        return await self._once("recover", ref, name, lambda new: self._backend.recover(ref, new))

    async def _once(self, verb: str, ref: RunRef, name: str | None, create: Callable[[str], Awaitable[None]]) -> RunRef:
        new = RunRef(ref.project, ref.domain, random_run_name() if name is None else check_run_name(name))
        if name is not None and (found := await self._backend.find(new)) is not None:
            _check(verb, ref, found)
            return new
        found = await created(self._backend, self._transport, new, create(new.name), verb)
        if found is not None:
            _check(verb, ref, found)
        return new


def _check(verb: str, ref: RunRef, found: Existing) -> None:
    """Another run under the name is an error."""
    new = found.snapshot.ref
    if found.origin != (verb, ref):
        raise AlreadyExists(
            f"run {new} exists ({found.snapshot.phase.value}) and is no {verb} of {ref}. Nothing was sent. Use another name. "
            f"Console: {found.snapshot.console_url}",
            ref=new,
            snapshot=found.snapshot,
        )
