"""The verbs of both clients that register, written out twice like the others: `client.py`, `async_client.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._blocking import run_blocking

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import timedelta
    from os import PathLike

    from .._operations import Operations
    from ..model.registration import RegistrationProgress, RegistrationReport, RegistrationSource
    from ..model.requests import LaunchRequest

__all__ = ["AsyncRegistrationVerbs", "RegistrationVerbs"]


class RegistrationVerbs:
    """Of `Client`."""

    _ops: Operations

    def register(
        self,
        source: RegistrationSource,
        *,
        version: str | None = None,
        project: str | None = None,
        domain: str | None = None,
        images: str | Sequence[str] | Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        source_root: str | PathLike[str] | None = None,
        destination_dir: str | None = None,
        copy: str = "auto",
        python: str | None = None,
        git_repo: str | None = None,
        raw_data_path: str | None = None,
        service_account: str | None = None,
        activate: bool = False,
        build_images: bool = False,
        skip_errors: bool = False,
        dry_run: bool = False,
        copy_bundle_to: str | PathLike[str] | None = None,
        timeout: float | timedelta = 600.0,
        sync_local_sys_paths: bool = True,
        fresh: bool = False,
        progress: Callable[[RegistrationProgress], None] | None = None,
    ) -> RegistrationReport:
        """Registers tasks, workflows and launch plans: from a package, from source code, or from values written in Python.

        Everything is compared with the server before the first write. The same again changes nothing; killed half-way and run
        again ends as if it had not been killed.

        Args:
            source: A package of ``pyflyte package`` (archive or folder); a Python file, a folder of code or a dotted module,
                serialised by flytekit in an interpreter that has it; a YAML file of launch plans; `ContainerTask`,
                `ShellTask`, `ConnectorTask`, `LaunchPlan`; or several of these. None: ``sdk.workflow_packages`` of the
                configuration. A `RegisterRequest` stands for all arguments.
            version: Of all entities that have none of their own. None: a digest of the content, the same on every machine.
            project: None: the configuration's.
            domain: None: the configuration's.
            images: For code: ``"uri"``, ``"name=uri"``, several, or name -> uri; one default at most.
            env: For code: environment variables of its containers.
            source_root: For code: where imports begin. None: the first folder upwards without ``__init__.py``.
            destination_dir: Folder of the container that the code is unpacked in. None: ``/root`` for code, the working
                directory for packages.
            copy: Which files make the code archive: ``"auto"`` (imported modules), ``"all"`` (all below the root that no ignore
                file names), ``"none"`` (the code is in the image).
            python: For code: the interpreter. None: this one, in a process of its own.
            git_repo: For code: where it is kept, for the console. None: the remote of its git repository.
            raw_data_path: For code: where launch plans let their runs write.
            service_account: For code: of the launch plans.
            activate: Activates all launch plans, those that exist already too.
            build_images: For code: lets flytekit build the images that it describes.
            skip_errors: Registers what can be; the report says what could not.
            dry_run: Reads and compares only; the report says what would happen.
            copy_bundle_to: Keeps a copy of the code archive there.
            timeout: Seconds that importing or serialising code may take.
            sync_local_sys_paths: For code: folders below the source root that its interpreter finds modules in (``PYTHONPATH``,
                editable installations) are on the containers' ``PYTHONPATH``, too; a ``src`` folder for instance.
            fresh: For code: serialises it even when nothing that it was made of has changed since it was registered from this
                machine, and all of it is there. For code whose entities depend on the clock, or on another machine's answers.
            progress: Is told how far it is; see `RegistrationProgress`.

        Raises:
            AlreadyExists: This version holds something else; nothing was written, the message shows what differs.
            InvalidRequest: The source or an entity is wrong; names file and entity.
            EntityNotFound: Something refers to an entity that does not exist; nothing was written.
            ConfigError: No project or domain, or an interpreter without flytekit.
        """
        from ..model.registration import RegisterRequest

        return run_blocking(
            self._ops.registration.register(
                RegisterRequest.given(
                    source,
                    version=version,
                    project=project,
                    domain=domain,
                    images=images,
                    env=env,
                    source_root=source_root,
                    destination_dir=destination_dir,
                    copy=copy,
                    python=python,
                    git_repo=git_repo,
                    raw_data_path=raw_data_path,
                    service_account=service_account,
                    activate=activate,
                    build_images=build_images,
                    skip_errors=skip_errors,
                    dry_run=dry_run,
                    copy_bundle_to=copy_bundle_to,
                    timeout=timeout,
                    sync_local_sys_paths=sync_local_sys_paths,
                    fresh=fresh,
                    progress=progress,
                )
            )
        )

    def register_for(self, request: LaunchRequest) -> LaunchRequest:
        """Registers what a launch brings along, and returns the launch of that version.

        `launch` does so itself. This is for whoever keeps the version in between, an operator whose retries launch the same code
        for instance.

        Args:
            request: With or without `LaunchRequest.register`.

        Returns:
            The same without ``register``: its entity pinned, its name with the version behind it.

        Raises:
            InvalidRequest: What is to be launched is not among what is registered; nothing was written.
            BridgeError: See `register`.
        """
        from ..model.requests import LaunchRequest

        return run_blocking(self._ops.launch.registering().pinned(LaunchRequest.of(request)))


class AsyncRegistrationVerbs:
    """Of `AsyncClient`; its docstring is above."""

    _ops: Operations

    async def register(
        self,
        source: RegistrationSource,
        *,
        version: str | None = None,
        project: str | None = None,
        domain: str | None = None,
        images: str | Sequence[str] | Mapping[str, str] | None = None,
        env: Mapping[str, str] | None = None,
        source_root: str | PathLike[str] | None = None,
        destination_dir: str | None = None,
        copy: str = "auto",
        python: str | None = None,
        git_repo: str | None = None,
        raw_data_path: str | None = None,
        service_account: str | None = None,
        activate: bool = False,
        build_images: bool = False,
        skip_errors: bool = False,
        dry_run: bool = False,
        copy_bundle_to: str | PathLike[str] | None = None,
        timeout: float | timedelta = 600.0,
        sync_local_sys_paths: bool = True,
        fresh: bool = False,
        progress: Callable[[RegistrationProgress], None] | None = None,
    ) -> RegistrationReport:
        """Registers tasks, workflows and launch plans: from a package, from source code, or from values written in Python."""
        from ..model.registration import RegisterRequest

        return await self._ops.registration.register(
            RegisterRequest.given(
                source,
                version=version,
                project=project,
                domain=domain,
                images=images,
                env=env,
                source_root=source_root,
                destination_dir=destination_dir,
                copy=copy,
                python=python,
                git_repo=git_repo,
                raw_data_path=raw_data_path,
                service_account=service_account,
                activate=activate,
                build_images=build_images,
                skip_errors=skip_errors,
                dry_run=dry_run,
                copy_bundle_to=copy_bundle_to,
                timeout=timeout,
                sync_local_sys_paths=sync_local_sys_paths,
                fresh=fresh,
                progress=progress,
            )
        )

    async def register_for(self, request: LaunchRequest) -> LaunchRequest:
        """Registers what a launch brings along, and returns the launch of that version."""
        from ..model.requests import LaunchRequest

        return await self._ops.launch.registering().pinned(LaunchRequest.of(request))
