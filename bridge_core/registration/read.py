"""What a source is, and how it is read: a package, source code, or values that were written in Python."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from os import PathLike
from pathlib import Path

from ..model.arguments import paths, wrong
from ..model.connector_tasks import ConnectorTask
from ..model.durations import seconds
from ..model.errors import ConfigError, InvalidRequest
from ..model.native_tasks import ContainerTask, ShellTask
from ..model.registration import RegisterRequest
from .code_request import CodeRequest
from .imported_code import PythonOptions
from .launch_plan import LaunchPlan
from .launch_plan_file import is_launch_plan_file, read_launch_plans
from .native import NativeTasks
from .package import is_package, read_package
from .source import Source, Together

__all__ = ["code_of", "images_of", "open_request"]


def code_of(request: RegisterRequest, packages: Sequence[str], *, flyte_version: int = 1) -> CodeRequest | None:
    """The code that a request names; None when it names anything else, or more.

    Raises:
        InvalidRequest: See `open_request`.
    """
    tasks, plans, found = _items(request, packages)
    if tasks or plans or not found or any(is_package(path) for path in found):
        return None
    return _code(request, found, flyte_version)


def open_request(
    request: RegisterRequest, packages: Sequence[str], *, flyte_version: int = 1
) -> tuple[Source, tuple[LaunchPlan, ...]]:
    """Opens what a request names; launch plans apart, which need more than themselves to become entities.

    Args:
        request: What `Client.register` was given.
        packages: ``sdk.workflow_packages`` of the configuration, for a request that names nothing.
        flyte_version: Whose SDK serialises source code.

    Raises:
        InvalidRequest: It is nothing that can be registered, or cannot be read.
    """
    tasks, plans, found = _items(request, packages)
    parts: list[Source] = [NativeTasks.of(tasks)] if tasks else []
    if any(is_package(path) for path in found):
        if len(found) > 1:
            raise InvalidRequest("register: one package at a time; register the others afterwards")
        _only_code(request, "a package was serialised before, with its own")
        parts.append(read_package(found[0]))
    elif found:
        parts.append(_code(request, found, flyte_version).open())
    else:
        _only_code(request, "tasks and launch plans written as values say everything themselves")
    return parts[0] if len(parts) == 1 else Together(tuple(parts)), tuple(plans)


def _code(request: RegisterRequest, found: Sequence[Path], flyte_version: int) -> CodeRequest:
    options = PythonOptions(
        images=images_of(request.images),
        env=request.env,
        source_root=_root(request),
        destination=request.destination_dir or (PythonOptions().destination if flyte_version == 1 else "."),
        copy=request.copy,
        git_repo=request.git_repo,
        raw_data_path=request.raw_data_path,
        service_account=request.service_account,
        build_images=request.build_images,
        sync_local_sys_paths=request.sync_local_sys_paths,
        patience=seconds(request.timeout, positive=True) or 0.0,
    )
    python = _interpreter(request.python, "flyte" if flyte_version == 2 else "flytekit")  # noqa: PLR2004
    return CodeRequest(paths=tuple(found), python=python, options=options, flyte_version=flyte_version)


def _root(request: RegisterRequest) -> Path | None:
    return Path(request.source_root).expanduser().resolve() if request.source_root is not None else None


def _items(
    request: RegisterRequest, packages: Sequence[str]
) -> tuple[list[ContainerTask | ShellTask | ConnectorTask], list[LaunchPlan], list[Path]]:
    """Tasks, launch plans, and files and folders of a request."""
    images_of(request.images)
    source = request.source if request.source is not None else tuple(packages)
    if not isinstance(source, str | PathLike | ContainerTask | ShellTask | ConnectorTask | LaunchPlan | list | tuple):
        raise wrong(
            "source", "a file, a folder, a module, a task or launch plan of this library, or a list of these", source
        )
    items = list(source) if isinstance(source, list | tuple) else [source]
    if not items:
        raise InvalidRequest(
            "register: nothing to register: name a package, a Python file or folder, or a module; or list modules as "
            "workflow_packages in the section sdk of the configuration file"
        )
    tasks = [item for item in items if isinstance(item, ContainerTask | ShellTask | ConnectorTask)]
    plans = [item for item in items if isinstance(item, LaunchPlan)]
    places: list[str | PathLike[str]] = [item for item in items if isinstance(item, str | PathLike)]
    if len(tasks) + len(plans) + len(places) < len(items):
        odd = next(
            item
            for item in items
            if not isinstance(item, ContainerTask | ShellTask | ConnectorTask | LaunchPlan | str | PathLike)
        )
        raise wrong("source", "files, folders, modules, tasks and launch plans of this library", odd)
    found = []
    for path in (_path(item, _root(request)) for item in places):
        if is_launch_plan_file(path):
            plans += read_launch_plans(path)
        else:
            found.append(path)
    return tasks, plans, found


def images_of(images: str | Sequence[str] | Mapping[str, str] | None) -> tuple[str, ...]:
    """Images as ``pyflyte register --image`` takes them, checked.

    Args:
        images: ``"uri"``, ``"name=uri"``, several of them, or name -> uri (``default`` is the default).

    Raises:
        InvalidRequest: Two defaults, a name twice, or no reference at all.
    """
    if images is None:
        return ()
    if not isinstance(images, str | Mapping | list | tuple):
        raise wrong("images", "'uri', 'name=uri', several of them, or a mapping of names to uris", images)
    if isinstance(images, Mapping):
        given = [uri if name == "default" else f"{name}={uri}" for name, uri in images.items()]
    else:
        given = [images] if isinstance(images, str) else list(images)
    names: dict[str, str] = {}
    for item in given:
        if not isinstance(item, str) or not item.strip():
            raise InvalidRequest(f"register: images={images!r}: {item!r} is no image; wanted 'uri' or 'name=uri'")
        name, equals, uri = item.partition("=")
        name, uri = (name, uri) if equals else ("default", item)
        if not name or not uri:
            raise InvalidRequest(f"register: images={images!r}: {item!r} is no image; wanted 'uri' or 'name=uri'")
        if name in names:
            what = "two default images" if name == "default" else f"two images named {name!r}"
            raise InvalidRequest(f"register: {what}, {names[name]} and {uri}; give one, or name the other ('name=uri')")
        names[name] = uri
    return tuple(given)


def _path(item: str | PathLike[str], root: Path | None) -> Path:
    paths(source=item)
    path = Path(item).expanduser()
    base = root or Path.cwd()
    if path.exists():
        if path.is_file() and path.suffix != ".py" and not is_package(path) and not is_launch_plan_file(path):
            raise InvalidRequest(
                f"register: {path} is neither a Python file nor a package (.tgz, .tar.gz, .tar) nor launch plans (.yaml)"
            )
        return path.resolve()
    text = str(item)
    if text.replace(".", "").isidentifier():
        folder = base.joinpath(*text.split("."))
        for candidate in (folder, folder.with_suffix(".py")):
            if candidate.exists():
                return candidate.resolve()
    raise InvalidRequest(
        f"register: {text!r} is no file, no folder, and no module below {base}; wanted a package of 'pyflyte package', a Python "
        "file or folder, or a dotted module name"
    )


def _interpreter(python: str | None, sdk: str) -> str:
    if python is not None:
        return python
    if find_spec(sdk) is None:
        raise ConfigError(
            f"register: source code is serialised by {sdk}, which is not installed here; name an interpreter that has it with "
            "python='/path/to/venv/bin/python' (on the command line: --python)"
        )
    return sys.executable


def _only_code(request: RegisterRequest, why: str) -> None:
    for name in (
        "images",
        "env",
        "source_root",
        "python",
        "git_repo",
        "raw_data_path",
        "service_account",
        "build_images",
    ):
        if getattr(request, name) not in (None, False):
            raise InvalidRequest(f"register: {name}= is for source code; {why}")
