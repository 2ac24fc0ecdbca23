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
    from ..backends.flyte1.backend import Flyte1Backend
    from ..transport.blocking import BlockingTransport

    transport = BlockingTransport(config)
    calls = Calls(transport, config)
    try:
        Flyte1Backend(calls, config)
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
                yield Step(name=name, ok=True, text=ask(calls, config, timeout)), 0
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


def _version(calls: Calls, _config: Config, timeout: float) -> str:
    from flyteidl.admin import version_pb2

    answer = _call(
        calls,
        "/flyteidl.service.AdminService/GetVersion",
        version_pb2.GetVersionRequest(),
        version_pb2.GetVersionResponse,
        timeout,
    )
    return f"FlyteAdmin {answer.control_plane_version.Version or 'of an unknown version'}; {calls.credentials}"


def _identity(calls: Calls, _config: Config, timeout: float) -> str:
    from flyteidl.service import identity_pb2

    answer = _call(
        calls,
        "/flyteidl.service.IdentityService/UserInfo",
        identity_pb2.UserInfoRequest(),
        identity_pb2.UserInfoResponse,
        timeout,
    )
    return f"known as {answer.name or answer.email or answer.preferred_username or answer.subject or 'nobody in particular'}"


def _listed(calls: Calls, timeout: float) -> Any:
    from flyteidl.admin import project_pb2

    return _call(
        calls,
        "/flyteidl.service.AdminService/ListProjects",
        project_pb2.ProjectListRequest(limit=100),
        project_pb2.Projects,
        timeout,
    )


def _projects(calls: Calls, _config: Config, timeout: float) -> str:
    return f"may list projects ({len(_listed(calls, timeout).projects)} seen)"


def _place(calls: Calls, config: Config, timeout: float) -> str:
    """Whether the default project and domain exist.

    Raises:
        NotFound: They do not; says which there are.
    """
    missing = [part for part in ("project", "domain") if not getattr(config, part)]
    hint = f"no default {' and no default '.join(missing)}: each launch must name its own" if missing else ""
    if not config.project:
        return hint
    try:
        answer = _listed(calls, timeout)
    except PermissionDenied:
        return f"{config.project}/{config.domain or '?'}: not known whether it exists, since projects may not be listed"
    found = {project.id: sorted(domain.id for domain in project.domains) for project in answer.projects}
    set_by = f"(from {config.origin('project')})"
    if config.project not in found:
        if answer.token:
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


def _words(error: BridgeError) -> str:
    if isinstance(error, PermissionDenied):
        return f"known, but not allowed to: {error.details or error.message}"
    return f"not let in: {error.message}" if isinstance(error, AuthError) else error.message


_ASKED = (("version", _version), ("identity", _identity), ("permission", _projects), ("project", _place))
"""What is asked once a connection is there, in this order."""
