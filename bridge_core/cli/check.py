"""``flyte-bridge config check``: connects, logs in, asks for something, and says in plain words what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._blocking import run_blocking
from ..auth.plugins import flow_for
from ..calls import Calls
from ..config.auth import PASSTHROUGH
from ..model.errors import AuthError, BridgeError, NotFound, PermissionDenied, Unsupported
from ..transport.diagnose import Step, diagnose
from .exit_codes import exit_code
from .render import print_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..backends.base import Backend
    from ..config import Config

__all__ = ["check"]


def check(config: Config, *, timeout: float, output: str) -> int:
    """Runs all steps and prints them.

    Args:
        config: What to check.
        timeout: Seconds per step.
        output: ``table`` or ``json``.

    Returns:
        The exit code.
    """
    steps: list[Step] = []
    code = 0
    for step, failure in _steps(config, timeout):
        steps.append(step)
        code = code or failure
        if output == "table":
            print(f"{'ok ' if step.ok else 'NO '} {step.name:<14} {step.text}", flush=True)
    if output == "json":
        print_json(
            {
                "endpoint": config.endpoint,
                "ok": code == 0,
                "steps": [{"name": s.name, "ok": s.ok, "text": s.text} for s in steps],
            }
        )
    return code


def _steps(config: Config, timeout: float) -> Iterator[tuple[Step, int]]:
    from ..backends.undetected import backend_for
    from ..transport.blocking import BlockingTransport

    transport = BlockingTransport(config)
    calls = Calls(transport, config)
    try:
        backend = backend_for(calls, config)
    except BridgeError as error:
        yield Step(name="configuration", ok=False, text=error.message), exit_code(error)
        return
    yield Step(name="configuration", ok=True, text=f"{config.endpoint} (from {config.origin('endpoint')})"), 0
    if config.auth.effective_mode != PASSTHROUGH:
        try:
            flow_for(config)
        except BridgeError as error:
            yield Step(name="auth mode", ok=False, text=error.message), exit_code(error)
            return
    for step in diagnose(config, timeout):
        yield step, 0 if step.ok else 3
        if not step.ok:
            return
    try:
        for name, ask in _ASKED:
            try:
                yield Step(name=name, ok=True, text=ask(backend, calls, config, timeout)), 0
            except Unsupported as error:
                yield Step(name=name, ok=True, text=f"not offered by this Flyte ({error.code})"), 0
            except BridgeError as error:
                yield Step(name=name, ok=False, text=_words(error)), exit_code(error)
                if not isinstance(error, PermissionDenied):
                    return
    finally:
        transport.close()


def _call(calls: Calls, path: str, request: Any, response: Any, timeout: float) -> Any:
    from ..transport.base import Method

    method = Method(path, type(request).SerializeToString, response.FromString, safe=True)
    return run_blocking(calls.unary(method, request, timeout=timeout))


def _version(backend: Backend, calls: Calls, _config: Config, timeout: float) -> str:
    run_blocking(backend.ready())
    if not _is_flyte1(backend):
        return f"Flyte 2 over {'gRPC' if backend.capabilities.transport == 'grpc' else 'Connect'}; {calls.credentials}"
    from flyteidl.admin import version_pb2

    answer = _call(
        calls,
        "/flyteidl.service.AdminService/GetVersion",
        version_pb2.GetVersionRequest(),
        version_pb2.GetVersionResponse,
        timeout,
    )
    return f"FlyteAdmin {answer.control_plane_version.Version or 'of an unknown version'}; {calls.credentials}"


def _identity(backend: Backend, calls: Calls, _config: Config, timeout: float) -> str:
    if not _is_flyte1(backend):
        return f"known as {run_blocking(backend.whoami()) or 'nobody in particular'}"
    from flyteidl.service import identity_pb2

    answer = _call(
        calls,
        "/flyteidl.service.IdentityService/UserInfo",
        identity_pb2.UserInfoRequest(),
        identity_pb2.UserInfoResponse,
        timeout,
    )
    return f"known as {answer.name or answer.email or answer.preferred_username or answer.subject or 'nobody in particular'}"


def _listed(backend: Backend, calls: Calls, timeout: float) -> tuple[dict[str, list[str]], bool]:
    """Project -> its domains, as far as one call shows them, and whether there are more."""
    if not _is_flyte1(backend):
        return {item.id: sorted(item.domains) for item in run_blocking(backend.projects.all())}, False
    from flyteidl.admin import project_pb2

    answer = _call(
        calls,
        "/flyteidl.service.AdminService/ListProjects",
        project_pb2.ProjectListRequest(limit=100),
        project_pb2.Projects,
        timeout,
    )
    return {item.id: sorted(domain.id for domain in item.domains) for item in answer.projects}, bool(answer.token)


def _projects(backend: Backend, calls: Calls, _config: Config, timeout: float) -> str:
    return f"may list projects ({len(_listed(backend, calls, timeout)[0])} seen)"


def _place(backend: Backend, calls: Calls, config: Config, timeout: float) -> str:
    """Whether the default project and domain exist.

    Raises:
        NotFound: They do not; says which there are.
    """
    missing = [part for part in ("project", "domain") if not getattr(config, part)]
    hint = f"no default {' and no default '.join(missing)}: each launch must name its own" if missing else ""
    if not config.project:
        return hint
    try:
        found, more = _listed(backend, calls, timeout)
    except PermissionDenied:
        return f"{config.project}/{config.domain or '?'}: not known whether it exists, since projects may not be listed"
    set_by = f"(from {config.origin('project')})"
    if config.project not in found:
        if more:
            return f"{config.project}: not among the first {len(found)} projects; there are more"
        raise NotFound(
            f"there is no project {config.project!r} {set_by}; there are {', '.join(sorted(found)) or 'none'}. Set project "
            "(--project, task.project, FLYTE_LOCAL_PROJECT) to one of them, or have it made"
        )
    domains = found[config.project]
    if config.domain and domains and config.domain not in domains:
        raise NotFound(
            f"project {config.project!r} has no domain {config.domain!r} (from {config.origin('domain')}); it has "
            f"{', '.join(domains)}. Set domain (--domain, task.domain, FLYTE_LOCAL_DOMAIN) to one of them"
        )
    return hint or f"{config.project}/{config.domain} exists"


def _is_flyte1(backend: Backend) -> bool:
    return backend.capabilities.flyte_version == 1


def _words(error: BridgeError) -> str:
    if isinstance(error, PermissionDenied):
        return f"known, but not allowed to: {error.details or error.message}"
    return f"not let in: {error.message}" if isinstance(error, AuthError) else error.message


_ASKED = (("version", _version), ("identity", _identity), ("permission", _projects), ("project", _place))
"""What is asked once a connection is there, in this order."""
