"""The verb that registers: read, plan, compare with the server, write layer by layer, report.

Everything that can be known before the first write is found out before it: what is wrong with the source, whether project and
domain exist, what entities refer to that nobody has, and which of them exist under the same version with another content. So
a registration that cannot end well writes nothing; one that is killed half-way is finished by running it again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..model.digests import digest_of
from ..model.errors import BridgeError, EntityNotFound, InvalidRequest
from ..model.ids import EntityKind, EntityRef
from ..model.places import check_domain, placed
from ..model.registration import RegisteredEntity, RegisterRequest, RegistrationReport
from ..model.run_errors import AlreadyExists
from .register_known import KnownRegistrations
from .register_plans import PlanResolver, plans_digest
from .register_progress import Place, Progress

if TYPE_CHECKING:
    from ..backends.base import Backend
    from ..config import Config
    from ..registration.launch_plan import LaunchPlan
    from ..registration.placeholders import Values
    from ..registration.plan import Plan
    from ..registration.source import Code, Source
    from ..registration.spec import Spec
    from ..transport.base import Transport
    from .data import DataOperations
    from .entities import EntityOperations
    from .files import FileOperations

__all__ = ["RegisterOperations"]

log = logging.getLogger("bridge_core")

_PARALLEL = 16
_SHOWN = 5


class RegisterOperations:
    """Registration."""

    def __init__(  # noqa: PLR0917
        self,
        backend: Backend,
        transport: Transport,
        config: Config,
        files: FileOperations,
        data: DataOperations,
        entities: EntityOperations,
    ) -> None:
        self._backend = backend
        self._transport = transport
        self._config = config
        self._files = files
        self._plans = PlanResolver(transport, entities, data)

    async def register(self, options: RegisterRequest) -> RegistrationReport:
        """See `Client.register`."""
        report, _ = await self._register(options, None)
        return report

    async def register_for(self, entity: EntityRef, options: RegisterRequest) -> tuple[RegistrationReport, EntityRef]:
        """Like `register`, for something that must be among what is registered.

        Args:
            entity: What is wanted, placed. A workflow stands for its own launch plan.
            options: Without ``dry_run`` and ``skip_errors``.

        Returns:
            The report, and the entity of that version.

        Raises:
            InvalidRequest: It is not among them; nothing was written.
        """
        report, found = await self._register(options, entity)
        assert found is not None
        return report, found

    async def _register(
        self, options: RegisterRequest, wanted: EntityRef | None
    ) -> tuple[RegistrationReport, EntityRef | None]:
        from ..registration.read import open_request

        known = Progress(listener=options.progress)
        project, domain = await self._place(options)
        known.begin("reading")
        before = KnownRegistrations(
            self._transport, self._config.local.workflow_packages, self._backend.capabilities.flyte_version
        )
        if (done := await self._again(before, options, known, (project, domain), wanted)) is not None:
            return done
        source, plans = await self._transport.run_io(
            open_request,
            options,
            self._config.local.workflow_packages,
            flyte_version=self._backend.capabilities.flyte_version,
        )
        try:
            report, found, planned = await self._registered(source, plans, options, known, (project, domain), wanted)
            if not (plans or report.of("failed") or report.of("different")):
                await before.keep(options, source, planned, report.version)
        finally:
            await self._transport.run_io(source.close)
        return report, found

    async def _again(
        self,
        before: KnownRegistrations,
        options: RegisterRequest,
        known: Progress,
        place: tuple[str, str],
        wanted: EntityRef | None,
    ) -> tuple[RegistrationReport, EntityRef | None] | None:
        """The whole of it, when it was registered before, from here or from elsewhere, and all of it is there."""
        again = await before.find(options, place)
        if again is None:
            return None
        there = await self._there([spec.ref for spec in again.plan.specs], known)
        if not all(spec.ref.name in there[_key(spec.ref)] for spec in again.plan.specs):
            return None
        found = None if wanted is None else again.plan.one(wanted)
        where = await self._code_uri(again.code, again.md5, *place) if again.code else ""
        known.total = len(again.plan.specs)
        known.begin("comparing")
        await self._compare(again.plan, known, by_content=again.version)
        await self._activated(again.plan, known, options)
        return self._report(again.plan, known, again.version, where, options), found

    async def _registered(  # noqa: PLR0917
        self,
        source: Source,
        plans: Sequence[LaunchPlan],
        options: RegisterRequest,
        known: Progress,
        place: tuple[str, str],
        wanted: EntityRef | None,
    ) -> tuple[RegistrationReport, EntityRef | None, Plan]:
        from ..registration.placeholders import Values
        from ..registration.plan import plan

        version, (project, domain) = options.version, place
        drafts = await self._transport.run_io(source.draft) if plans else []
        resolved = await self._plans.resolve(plans, drafts, project=project, domain=domain, version=version)
        if not version:
            version = await self._transport.run_io(lambda: source.digest)
            if resolved:
                version = digest_of(version, *plans_digest(resolved), chars=len(version))
        code = source.code
        if code is not None and options.copy_bundle_to is not None:
            await self._transport.run_io(_keep, code, options.copy_bundle_to)
        where = await self._code_uri(code.name, code.md5, project, domain) if code is not None else ""
        values = Values(
            project=project, domain=domain, version=version, code=where, destination=options.destination_dir or "."
        )
        by_content = None if options.version else version
        specs = await self._specs(source, values, known, by_content=by_content)
        planned = plan([*specs, *(item.spec(values) for item in resolved)])
        found = None if wanted is None else planned.one(wanted)
        known.total = len(planned.specs)
        known.begin("comparing")
        there = await self._compare(planned, known, by_content=by_content)
        await self._check_outside(planned, there)
        different = [ref for ref, outcome in known.outcome.items() if outcome == "different"]
        if different and not (options.dry_run or options.skip_errors):
            raise AlreadyExists(_clash(different, known, source), differing=tuple(str(ref) for ref in different))
        new = [spec for spec in planned.specs if spec.ref not in known.outcome]
        if options.dry_run:
            for spec in new:
                known.set(spec.ref, "created")
        else:
            if code is not None and new:
                known.begin("uploading")
                await self._upload(code, project, domain)
            await self._write(planned, known, skip_errors=options.skip_errors)
        await self._activated(planned, known, options)
        return self._report(planned, known, version, where, options), found, planned

    # -- before the first write

    async def _place(self, options: RegisterRequest) -> tuple[str, str]:
        project, domain = placed("register", options.project, options.domain, self._config)
        check_domain(project, domain, await self._backend.projects.domains(project))
        return project, domain

    async def _code_uri(self, name: str, md5: bytes, project: str, domain: str) -> str:
        """Where the code archive will lie: named by its content, so it is known before it is sent."""
        from ..storage.paths import join
        from .staging import folder_of
        from .uploads import is_signed

        location = self._config.data_upload_location
        if is_signed(location):
            return (await self._backend.upload_location(project, domain, file_name=name, md5=md5)).uri
        return join(location, folder_of(md5), name)

    async def _specs(self, source: Source, values: Values, known: Progress, *, by_content: str | None) -> list[Spec]:
        """The entities. When all are there under the version that names the content, their SDK need not write them again."""
        from ..registration.placeholders import filled, filled_ref

        if by_content is not None:
            drafts = await self._transport.run_io(source.draft)
            refs = [filled_ref(draft.ref, values) for draft in drafts]
            there = await self._there(refs, known)
            if all(ref.name in there[_key(ref)] for ref in refs):
                return [filled(draft, values) for draft in drafts]
        return await self._transport.run_io(source.specs, values)

    async def _compare(self, planned: Plan, known: Progress, *, by_content: str | None) -> set[EntityRef]:
        """Finds out which are there, and whether they are the same; returns all that is there under these versions.

        Args:
            planned: What is to be there.
            known: Gets ``unchanged`` and ``different``.
            by_content: The version that names the content: what has it, is it.
        """
        registry = self._backend.registry
        found = await self._there([spec.ref for spec in planned.specs], known)
        unclear = []
        for spec in planned.specs:
            kept = found[_key(spec.ref)].get(spec.ref.name)
            if kept is None:
                continue
            if spec.ref.kind is EntityKind.LAUNCH_PLAN and registry.is_active(kept):
                known.active.add(spec.ref)
            if spec.ref.version == by_content or registry.same(kept, spec.message):
                known.set(spec.ref, "unchanged")
            else:
                unclear.append(spec)

        async def compared(spec: Spec) -> None:
            try:
                diff = await registry.create(spec.ref, spec.message)  # of what is there: it writes nothing
            except InvalidRequest as error:
                raise _refused(spec, error) from None
            known.set(spec.ref, "different" if diff else "unchanged", diff or "")

        await self._transport.map_calls(compared, unclear, limit=_PARALLEL)
        return {
            EntityRef(kind, name, project, domain, version)
            for (kind, project, domain, version), names in found.items()
            for name in names
        }

    async def _there(self, refs: Sequence[EntityRef], known: Progress) -> Mapping[Place, Mapping[str, Any]]:
        """What the server has of the kinds, places and versions of these: name -> what is kept. Asked once."""

        async def listed(place: Place) -> Mapping[str, Any]:
            return await self._backend.registry.of_version(*place)

        places = list(dict.fromkeys(key for ref in refs if (key := _key(ref)) not in known.there))
        answers = await self._transport.map_calls(listed, places, limit=_PARALLEL)
        known.there.update(zip(places, answers, strict=True))
        return known.there

    async def _check_outside(self, planned: Plan, there: set[EntityRef]) -> None:
        """What entities refer to and nobody brings must be at the server.

        Raises:
            EntityNotFound: Something is not; names all of it.
        """
        wanted = list(dict.fromkeys(other for _, other in planned.outside if other not in there))
        exists = await self._transport.map_calls(self._backend.registry.exists, wanted, limit=_PARALLEL)
        missing = [ref for ref, found in zip(wanted, exists, strict=True) if not found]
        if missing:
            users = {other: ref for ref, other in planned.outside}
            lines = "; ".join(f"{users[ref]} refers to {ref}" for ref in missing[:_SHOWN])
            more = f" (and {len(missing) - _SHOWN} more)" if len(missing) > _SHOWN else ""
            raise EntityNotFound(
                f"register: nothing was written, because what does not exist is referred to: {lines}{more}. Register it first, "
                "or add it to the source"
            )

    # -- writing

    async def _upload(self, code: Code, project: str, domain: str) -> str:
        from ..storage.bodies import Body
        from .staging import staged_of

        body = Body(code.name, code.data, code.md5)
        sent = await self._files.uploads.send([staged_of("code", (body,), False)], project=project, domain=domain)
        return sent["code"]

    async def _write(self, planned: Plan, known: Progress, *, skip_errors: bool) -> None:
        known.begin("registering")
        failed: set[EntityRef] = {ref for ref, outcome in known.outcome.items() if outcome == "different"}

        async def write(spec: Spec) -> None:
            if broken := [ref for ref in spec.references() if ref in failed]:
                failed.add(spec.ref)
                known.set(spec.ref, "failed", f"it refers to {broken[0]}, which was not registered")
                return
            try:
                diff = await self._backend.registry.create(spec.ref, spec.message)
            except InvalidRequest as error:
                if not skip_errors:
                    raise _refused(spec, error) from None
                failed.add(spec.ref)
                known.set(spec.ref, "failed", error.details or error.message)
                return
            if diff and not skip_errors:  # somebody else was quicker, with another content
                known.set(spec.ref, "different", diff)
                raise AlreadyExists(_clash([spec.ref], known, None), differing=(str(spec.ref),))
            known.set(spec.ref, "different" if diff else "created", diff or "")

        for layer in planned.layers:
            todo = [spec for spec in layer if spec.ref not in known.outcome]
            await self._transport.map_calls(write, todo, limit=_PARALLEL)
            if todo:
                log.info("registered %d entities", len(todo))

    def _to_activate(self, planned: Plan, known: Progress, options: RegisterRequest) -> list[EntityRef]:
        return [
            spec.ref
            for spec in planned.specs
            if spec.ref.kind is EntityKind.LAUNCH_PLAN
            and (options.activate or spec.activate)
            and known.outcome.get(spec.ref) in ("created", "unchanged")
            and spec.ref not in known.active
        ]

    async def _activated(self, planned: Plan, known: Progress, options: RegisterRequest) -> None:
        """Activates those that are to be; in a dry run, only says so."""
        todo = self._to_activate(planned, known, options)
        if todo and not options.dry_run:
            known.begin("activating")
            await self._transport.map_calls(self._backend.registry.activate, todo, limit=_PARALLEL)
        for ref in todo:
            known.set(ref, "activated")

    def _report(
        self, planned: Plan, known: Progress, version: str, code: str, options: RegisterRequest
    ) -> RegistrationReport:
        return RegistrationReport(
            entities=tuple(
                RegisteredEntity(
                    ref=spec.ref,
                    outcome=known.outcome[spec.ref],
                    url=self._backend.console_url(spec.ref),
                    diff=known.diff.get(spec.ref, ""),
                    service_account=self._backend.registry.account_of(spec.ref, spec.message),
                )
                for spec in planned.specs
            ),
            version=version,
            dry_run=options.dry_run,
            code="" if options.dry_run else code,
        )


def _keep(code: Code, place: str | PathLike[str]) -> None:
    """Writes a copy: into a folder, or as a file of that name."""
    path = Path(place)
    try:
        (path / code.name if path.is_dir() else path).write_bytes(code.data)
    except OSError as error:
        raise InvalidRequest(f"register: copy_bundle_to={str(place)!r} cannot be written: {error.strerror}") from None


def _key(ref: EntityRef) -> Place:
    return ref.kind, ref.project or "", ref.domain or "", ref.version or ""


def _clash(refs: Sequence[EntityRef], known: Progress, source: Source | None) -> str:
    lines = "\n".join(f"  {ref}: {known.diff.get(ref, '').strip()}" for ref in refs[:_SHOWN])
    more = f"\n  … and {len(refs) - _SHOWN} more" if len(refs) > _SHOWN else ""
    origin = f" of {source.origin}" if source is not None else ""
    return (
        f"register: {len(refs)} entities{origin} exist under this version with another content, and Flyte never changes a "
        f"version. Nothing else was written. Register under another version (leave version= out, and the content names "
        f"it):\n{lines}{more}"
    )


def _refused(spec: Spec, error: BridgeError) -> BridgeError:
    origin = f" (from {spec.origin})" if spec.origin else ""
    return error.with_message(f"register: Flyte refuses {spec.ref}{origin}: {error.details or error.message}")
