"""``flyte-bridge connector …``: serve connectors to Flyte, and list them."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

from ..model.errors import InvalidRequest
from .common import positive, seconds

if TYPE_CHECKING:
    import argparse

    from ..connector import ConnectorRegistry

__all__ = ["add_commands"]


def add_commands(verbs: Any, common: argparse.ArgumentParser) -> None:
    """Adds the commands of this file."""
    import argparse

    parser = verbs.add_parser(
        "connector", help="run Flyte tasks elsewhere: serve connectors to Flyte", allow_abbrev=False
    )
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    found = {}
    for name, text, run in (
        ("serve", "Answer Flyte's calls for connectors, until stopped.", _serve),
        ("list", "Show which connectors would be served.", _list),
    ):
        found[name] = actions.add_parser(name, help=text, description=text, parents=[common], allow_abbrev=False)
        found[name].set_defaults(run=run, parser=found[name])
        found[name].add_argument("--output", choices=("table", "json"), default=argparse.SUPPRESS)
        found[name].add_argument(
            "--module",
            "-m",
            dest="modules",
            action="append",
            default=[],
            metavar="MODULE",
            help="import this module, which registers connectors; may be given several times",
        )
        found[name].add_argument(
            "--no-installed", action="store_true", help="leave out the connectors of installed packages"
        )
    serve = found["serve"]
    serve.add_argument(
        "--host", default="127.0.0.1", help="where to listen; 0.0.0.0 in a pod (default: this machine only)"
    )
    serve.add_argument("--port", type=int, default=8000, help="0: a free one (default: 8000, as Flyte's own service)")
    serve.add_argument("--http-port", type=int, help="for /healthz and /metrics; 0: a free one")
    serve.add_argument("--workers", type=positive, default=16, help="plain methods of one connector at once")
    serve.add_argument("--timeout", type=seconds, default=30.0, help="what a connector has for one call")
    serve.add_argument("--grace", type=seconds, default=30.0, help="what calls in progress have when it is stopped")
    serve.add_argument("--max-message-bytes", type=positive, default=32 << 20, help="larger requests are refused")
    serve.add_argument(
        "--reflection",
        action="store_true",
        help="let tools as grpcurl ask which services there are (grpcio-reflection)",
    )
    serve.add_argument("--tls-cert", metavar="FILE", help="PEM; with --tls-key, callers use TLS")
    serve.add_argument("--tls-key", metavar="FILE")
    serve.add_argument(
        "--tls-client-ca", metavar="FILE", help="PEM; turn callers away whose certificate it did not sign"
    )


def _registry(arguments: argparse.Namespace) -> ConnectorRegistry:
    from ..connector import load_connectors

    return load_connectors(arguments.modules, installed=not arguments.no_installed)


def _serve(arguments: argparse.Namespace) -> int:
    import logging

    from ..connector import ConnectorServer, ServerTls

    logging.getLogger("bridge_core.connector").setLevel(
        "INFO" if arguments.log_level == "warning" else arguments.log_level.upper()
    )
    if bool(arguments.tls_cert) != bool(arguments.tls_key) or (arguments.tls_client_ca and not arguments.tls_cert):
        raise InvalidRequest("connector serve: --tls-cert and --tls-key go together, and --tls-client-ca needs both")
    tls = None
    if arguments.tls_cert:
        tls = ServerTls(certificate=arguments.tls_cert, key=arguments.tls_key, client_ca=arguments.tls_client_ca)
    registry = _registry(arguments)
    if not registry.connectors:
        raise InvalidRequest(
            "connector serve: there is no connector to serve; name a module that registers some (--module), or install a package "
            "that brings some"
        )
    server = ConnectorServer(
        registry,
        host=arguments.host,
        port=arguments.port,
        http_port=arguments.http_port,
        workers=arguments.workers,
        timeout=arguments.timeout,
        grace=arguments.grace,
        max_message_bytes=arguments.max_message_bytes,
        tls=tls,
        reflection=arguments.reflection,
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.request_stop())
    with server:
        pages = f", {server.http_url}/metrics" if server.http_url else ""
        print(f"connectors on {server.endpoint}{pages}", flush=True)
        while not server.wait(_LOOK):  # a lock that is waited for without end lets no signal through
            pass
    return 0


def _list(arguments: argparse.Namespace) -> int:
    found = _registry(arguments).list_connectors()
    if arguments.output == "json":
        from .render import print_json

        print_json(
            [
                {
                    "name": one.name,
                    "is_sync": one.is_sync,
                    "task_types": [str(category) for category in one.supported_task_categories],
                }
                for one in found
            ]
        )
        return 0
    for one in found:
        kind = "sync" if one.is_sync else "async"
        print(f"{one.name} ({kind}): {', '.join(map(str, one.supported_task_categories))}")
    return 0


_LOOK = 3600.0
