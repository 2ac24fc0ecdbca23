"""Registering again what is registered: found out without asking the SDK that serialises it; see `registration/cache.py`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..model.ids import EntityKind, EntityRef

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..model.registration import RegisterRequest
    from ..registration.cache import RegistrationCache
    from ..registration.code_request import CodeRequest
    from ..registration.plan import Plan
    from ..registration.source import Source
    from ..transport.base import Transport

__all__ = ["Again", "KnownRegistrations"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """What a request was registered as before."""

    plan: Plan
    version: str
    code: str
    md5: bytes


class KnownRegistrations:
    """Of one client."""

    def __init__(self, transport: Transport, packages: Sequence[str], flyte_version: int) -> None:
        self._transport = transport
        self._packages = packages
        self._flyte_version = flyte_version

    async def find(self, request: RegisterRequest, place: tuple[str, str]) -> Again | None:
        """What it was registered as, when it names its version by its content and nothing of that has changed."""
        return await self._transport.run_io(self._find, request, place)

    async def keep(self, request: RegisterRequest, source: Source, plan: Plan, version: str) -> None:
        """Keeps what was serialised, for the next time."""
        await self._transport.run_io(self._keep, request, source, plan, version)

    def _find(self, request: RegisterRequest, place: tuple[str, str]) -> Again | None:
        from ..registration.plan import Plan
        from ..registration.spec import Spec

        code = None if request.fresh else self._code(request)
        if code is None or (known := self._cache().find(code.key)) is None:
            return None
        project, domain = place
        origin = ", ".join(str(path) for path in code.paths)
        specs = tuple(
            Spec(EntityRef(EntityKind(kind), name, project, domain, known.version), b"", origin, active)
            for kind, name, active in known.entities
        )
        return Again(
            plan=Plan(layers=(specs,), outside=()),
            version=known.version,
            code=known.code,
            md5=bytes.fromhex(known.md5),
        )

    def _keep(self, request: RegisterRequest, source: Source, plan: Plan, version: str) -> None:
        from ..registration.cache import Known
        from ..registration.imported_code import ImportedCode

        code = self._code(request)
        if code is None or not isinstance(source, ImportedCode):
            return
        archive = source.code
        known = Known(
            version=version,
            code=archive.name if archive else "",
            md5=archive.md5.hex() if archive else "",
            entities=tuple((spec.ref.kind.value, spec.ref.name, spec.activate) for spec in plan.specs),
        )
        self._cache().keep(code.key, known, source.read())

    def _code(self, request: RegisterRequest) -> CodeRequest | None:
        if request.version or request.build_images or request.copy_bundle_to is not None:
            return None
        from ..registration.read import code_of

        return code_of(request, self._packages, flyte_version=self._flyte_version)

    @staticmethod
    def _cache() -> RegistrationCache:
        from ..registration.cache import RegistrationCache

        return RegistrationCache.of_user()
