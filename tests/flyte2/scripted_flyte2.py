"""A Flyte 2 for tests of the client alone: answers as the open-source backend was recorded to (2.0.43), over gRPC and Connect.

It keeps what is asked for and runs nothing: tests say what becomes of a run. What the recording showed and a client must live
with is here on purpose: a taken name answers OK and replaces the stored inputs, an abort turns SUCCEEDED into ABORTED, one value
of VALUE_IN is an INTERNAL error, streams end OK whenever the server likes.
"""

from __future__ import annotations

import contextlib
import json
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from flyteidl2.auth import auth_service_pb2, identity_pb2
from flyteidl2.common import list_pb2, phase_pb2
from flyteidl2.core import types_pb2
from flyteidl2.dataproxy import dataproxy_service_pb2
from flyteidl2.project import project_service_pb2
from flyteidl2.task import common_pb2, task_definition_pb2, task_service_pb2
from flyteidl2.trigger import trigger_definition_pb2, trigger_service_pb2
from flyteidl2.workflow import run_definition_pb2, run_service_pb2

PROJECT, DOMAIN = "flytesnacks", "development"
STUBS = {
    "workflow.RunService": run_service_pb2,
    "task.TaskService": task_service_pb2,
    "trigger.TriggerService": trigger_service_pb2,
    "project.ProjectService": project_service_pb2,
    "dataproxy.DataProxyService": dataproxy_service_pb2,
    "auth.AuthMetadataService": auth_service_pb2,
    "auth.IdentityService": identity_pb2,
}
STREAMS = frozenset({"WatchActions", "TailLogs"})
PHASES = dict(phase_pb2.ActionPhase.items())


class Status(Exception):
    """A refusal."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(code, message)
        self.code, self.message = code, message


@dataclass
class Run:
    """A run, with what it was told."""

    details: Any
    inputs: Any
    outputs: Any = None
    created: float = 0.0
    actions: dict[str, Any] = field(default_factory=dict)
    offloaded: str = ""


class ScriptedFlyte2:
    """State and answers. ``calls`` are names of methods in order; ``before[method]`` runs before an answer and may raise."""

    def __init__(self) -> None:
        self.tasks: dict[tuple[str, str, str, str], Any] = {}
        self.order: list[tuple[str, str, str, str]] = []
        self.runs: dict[tuple[str, str, str], Run] = {}
        self.triggers: dict[tuple[str, str, str], Any] = {}
        self.stored: dict[str, Any] = {}
        self.signals: list[Any] = []
        self.logs: list[str] = ["one", "two"]
        self.calls: list[str] = []
        self.requests: list[tuple[str, Any]] = []
        self.before: dict[str, Callable[[Any], None]] = {}
        self.after: dict[str, Callable[[Any], None]] = {}
        self.late_outputs = 0
        self.headers: list[dict[str, str]] = []
        self.lock = threading.RLock()

    # -- what tests do

    def deploy(self, name: str, inputs: dict[str, int], outputs: dict[str, int], **more: Any) -> None:
        """A task whose types are simple; ``defaults`` are parameters by name, ``version`` is v1."""
        spec = task_definition_pb2.TaskSpec(short_name=name.rpartition(".")[2])
        template = spec.task_template
        template.id.project, template.id.domain, template.id.name = PROJECT, DOMAIN, name
        template.id.version = more.get("version", "v1")
        template.type = "container"
        for side, names in ((template.interface.inputs, inputs), (template.interface.outputs, outputs)):
            for key, kind in names.items():
                variable = side.variables.add(key=key)
                if isinstance(kind, types_pb2.LiteralType):
                    variable.value.type.CopyFrom(kind)
                else:
                    variable.value.type.simple = kind
        for key, literal in more.get("defaults", {}).items():
            item = spec.default_inputs.add(name=key)
            item.parameter.default.CopyFrom(literal)
        runtime = more.get("runtime")
        if runtime:
            template.metadata.runtime.type, template.metadata.runtime.version = 1, runtime
        request = task_service_pb2.DeployTaskRequest(spec=spec)
        request.task_id.project, request.task_id.domain, request.task_id.name = PROJECT, DOMAIN, name
        request.task_id.version = template.id.version
        self.DeployTask(request)

    def end(
        self, name: str, phase: str = "SUCCEEDED", *, outputs: Any = None, error: str = "", project: str = PROJECT
    ) -> None:
        """A run ends."""
        with self.lock:
            run = self.runs[project, DOMAIN, name]
            action = run.details.action
            action.status.phase = PHASES[f"ACTION_PHASE_{phase}"]
            action.status.end_time.GetCurrentTime()
            if not action.attempts:
                action.attempts.add(attempt=1)
            action.attempts[-1].phase = action.status.phase
            action.attempts[-1].outputs.report_uri = "s3://b/report.html"
            if error:
                action.error_info.message, action.error_info.kind = error, 1
            run.outputs = outputs if outputs is not None else common_pb2.Outputs()

    def creates(self) -> list[Any]:
        """The CreateRun requests that came."""
        return [request for name, request in self.requests if name == "CreateRun"]

    # -- RunService

    def CreateRun(self, request: Any) -> Any:
        key = (request.run_id.project, request.run_id.domain, request.run_id.name)
        if request.run_id.project not in (PROJECT, "other"):
            raise Status("NOT_FOUND", "project not found")
        which = request.WhichOneof("task")
        base, trigger = None, None
        if which == "trigger_name":
            trigger = self.triggers.get((PROJECT, DOMAIN, request.trigger_name.name))
            if trigger is None:
                raise Status("NOT_FOUND", "trigger not found")
            task = (PROJECT, DOMAIN, trigger.id.name.task_name, trigger.spec.task_version)
            base = trigger.spec.run_spec
            spec = self.tasks[task]
        elif which == "task_id":
            task = (request.task_id.project, request.task_id.domain, request.task_id.name, request.task_id.version)
            if task not in self.tasks:
                raise Status("UNKNOWN", f"task not found: {{{' '.join(task)}}}")
            spec = self.tasks[task]
        else:
            spec = request.task_spec
            task = (
                spec.task_template.id.project,
                spec.task_template.id.domain,
                spec.task_template.id.name,
                spec.task_template.id.version,
            )
        inputs, offloaded = common_pb2.Inputs(), ""
        if request.WhichOneof("input_wrapper") == "inputs":
            inputs.CopyFrom(request.inputs)
        elif request.WhichOneof("input_wrapper") == "offloaded_input_data":
            offloaded = request.offloaded_input_data.uri
            inputs.CopyFrom(self.stored[offloaded])
        elif trigger is not None and trigger.spec.WhichOneof("input_wrapper") == "offloaded_input_data":
            inputs.CopyFrom(self.stored[trigger.spec.offloaded_input_data.uri])
        there = self.runs.get(key)
        if there is not None:
            if not offloaded:
                there.inputs = inputs  # as the server does
            return self._created(there)
        details = run_definition_pb2.RunDetails(run_spec=request.run_spec if request.HasField("run_spec") else base)
        action = details.action
        action.id.run.CopyFrom(request.run_id)
        action.id.run.org = ""
        action.id.name = "a0"
        action.task.CopyFrom(spec)
        identifier = action.metadata.task.id
        identifier.project, identifier.domain, identifier.name, identifier.version = task
        action.metadata.task.short_name = spec.short_name
        if trigger is not None:
            action.metadata.trigger_id.CopyFrom(trigger.id)
            action.metadata.trigger_name = trigger.id.name.name
        action.status.phase = phase_pb2.ACTION_PHASE_QUEUED
        action.status.start_time.GetCurrentTime()
        run = Run(details, inputs, created=time.time(), offloaded=offloaded)
        run.actions["a0"] = run_definition_pb2.Action(id=action.id, metadata=action.metadata, status=action.status)
        self.runs[key] = run
        return self._created(run)

    def _created(self, run: Run) -> Any:
        return run_service_pb2.CreateRunResponse(run=run_definition_pb2.Run(action=_action(run)))

    def _run(self, message: Any) -> Run:
        found = self.runs.get((message.project, message.domain, message.name))
        if found is None:
            raise Status("NOT_FOUND", f"run {message.name} not found")
        return found

    def GetRunDetails(self, request: Any) -> Any:
        return run_service_pb2.GetRunDetailsResponse(details=self._run(request.run_id).details)

    def GetActionDetails(self, request: Any) -> Any:
        run = self._run(request.action_id.run)
        name = request.action_id.name
        if name == "a0":
            return run_service_pb2.GetActionDetailsResponse(details=run.details.action)
        if name not in run.actions:
            raise Status("NOT_FOUND", "action not found")
        action = run.actions[name]
        details = run_definition_pb2.ActionDetails(id=action.id, metadata=action.metadata, status=action.status)
        details.attempts.add(attempt=1, phase=action.status.phase)
        return run_service_pb2.GetActionDetailsResponse(details=details)

    def ListRuns(self, request: Any) -> Any:
        runs = list(self.runs.values())
        if request.WhichOneof("scope_by") == "project_id":
            place = (request.project_id.name, request.project_id.domain)
            runs = [
                run for run in runs if (run.details.action.id.run.project, run.details.action.id.run.domain) == place
            ]
        for item in request.request.filters:
            runs = [run for run in runs if _matches(item, run)]
        keys = {sort.key for sort in request.request.sort_by_fields}
        newest = all(sort.direction == list_pb2.Sort.DESCENDING for sort in request.request.sort_by_fields)
        if "created_at" in keys:
            runs.sort(key=lambda run: run.created, reverse=newest)
        page, token = _paged(runs, request.request)
        return run_service_pb2.ListRunsResponse(
            runs=[run_definition_pb2.Run(action=_action(run)) for run in page], token=token
        )

    def ListActions(self, request: Any) -> Any:
        run = self.runs.get((request.run_id.project, request.run_id.domain, request.run_id.name))
        listed = []
        for action in () if run is None else run.actions.values():
            item = run_definition_pb2.Action(id=action.id, status=action.status)
            item.metadata.parent = action.metadata.parent
            listed.append(item)
        page, token = _paged(listed, request.request)
        return run_service_pb2.ListActionsResponse(actions=page, token=token)

    def WatchActions(self, request: Any) -> Iterator[Any]:
        run = self._run(request.run_id)
        for action in run.actions.values():
            yield run_service_pb2.WatchActionsResponse(
                enriched_actions=[run_definition_pb2.EnrichedAction(action=action, meets_filter=True)]
            )
        time.sleep(30)  # stays open

    def AbortRun(self, request: Any) -> Any:
        action = self._run(request.run_id).details.action
        action.status.phase = phase_pb2.ACTION_PHASE_ABORTED  # whatever it was
        action.abort_info.reason = request.reason
        action.status.end_time.GetCurrentTime()
        return run_service_pb2.AbortRunResponse()

    def SignalEvent(self, request: Any) -> Any:
        self.signals.append(request)
        return run_service_pb2.SignalEventResponse()

    # -- TaskService

    def DeployTask(self, request: Any) -> Any:
        item = request.task_id
        key = (item.project, item.domain, item.name, item.version)
        if key not in self.tasks:
            self.order.append(key)
        self.tasks[key] = request.spec
        return task_service_pb2.DeployTaskResponse()

    def GetTaskDetails(self, request: Any) -> Any:
        item = request.task_id
        spec = self.tasks.get((item.project, item.domain, item.name, item.version))
        if spec is None:
            raise Status("NOT_FOUND", "task not found")
        return task_service_pb2.GetTaskDetailsResponse(details=task_definition_pb2.TaskDetails(task_id=item, spec=spec))

    def ListTasks(self, request: Any) -> Any:
        found: dict[str, Any] = {}
        for project, domain, name, version in reversed(self.order):
            if (project, domain) != (request.project_id.name, request.project_id.domain):
                continue
            values = {"name": name, "version": version}
            if any(item.values[0] not in values[item.field] for item in request.request.filters):
                continue
            task = task_definition_pb2.Task()
            task.task_id.project, task.task_id.domain, task.task_id.name, task.task_id.version = (
                project,
                domain,
                name,
                version,
            )
            found.setdefault(name, task)
        page, token = _paged(list(found.values()), request.request, full=True)
        return task_service_pb2.ListTasksResponse(tasks=page, token=token)

    def ListVersions(self, request: Any) -> Any:
        wanted = (request.task_name.project, request.task_name.domain, request.task_name.name)
        versions = [key[3] for key in reversed(self.order) if key[:3] == wanted]
        items = [task_service_pb2.ListVersionsResponse.VersionResponse(version=version) for version in versions]
        page, token = _paged(items, request.request, full=True)
        return task_service_pb2.ListVersionsResponse(versions=page, token=token)

    # -- TriggerService

    def DeployTrigger(self, request: Any) -> Any:
        key = (request.name.project, request.name.domain, request.name.name)
        known = self.triggers.get(key)
        if known is not None and request.revision not in (0, known.id.revision):
            raise Status("INTERNAL", "optimistic lock failure")
        found = trigger_definition_pb2.TriggerDetails(spec=request.spec, automation_spec=request.automation_spec)
        found.id.name.CopyFrom(request.name)
        found.id.revision = (known.id.revision if known is not None else 0) + 1
        self.triggers[key] = found
        return trigger_service_pb2.DeployTriggerResponse(trigger=found)

    def GetTriggerDetails(self, request: Any) -> Any:
        found = self.triggers.get((request.name.project, request.name.domain, request.name.name))
        if found is None or (request.name.task_name and request.name.task_name != found.id.name.task_name):
            raise Status("NOT_FOUND", "trigger not found")
        return trigger_service_pb2.GetTriggerDetailsResponse(trigger=found)

    def ListTriggers(self, request: Any) -> Any:
        items = [
            trigger_definition_pb2.Trigger(id=item.id, active=item.spec.active, automation_spec=item.automation_spec)
            for item in self.triggers.values()
        ]
        page, token = _paged(items, request.request, full=True)
        return trigger_service_pb2.ListTriggersResponse(triggers=page, token=token)

    def UpdateTriggers(self, request: Any) -> Any:
        for name in request.names:
            found = self.triggers.get((name.project, name.domain, name.name))
            if found is not None:
                found.spec.active, found.id.revision = request.active, found.id.revision + 1
        return trigger_service_pb2.UpdateTriggersResponse()

    def DeleteTriggers(self, request: Any) -> Any:
        for name in request.names:
            self.triggers.pop((name.project, name.domain, name.name), None)
        return trigger_service_pb2.DeleteTriggersResponse()

    # -- the rest

    def ListProjects(self, request: Any) -> Any:
        answer = project_service_pb2.ListProjectsResponse()
        for name in (PROJECT, "other"):
            answer.projects.projects.add(
                id=name, name=name, domains=[project_service_pb2.Domain(id=DOMAIN, name=DOMAIN)]
            )
        return answer

    def GetActionData(self, request: Any) -> Any:
        run = self._run(request.action_id.run)
        answer = dataproxy_service_pb2.GetActionDataResponse(inputs=run.inputs)
        aborted = run.details.action.status.phase == phase_pb2.ACTION_PHASE_ABORTED
        if run.outputs is not None and not aborted:
            if self.late_outputs > 0:
                self.late_outputs -= 1
            else:
                answer.outputs.CopyFrom(run.outputs)
                answer.outputs_uri = "s3://b/outputs.pb"
        return answer

    def UploadInputs(self, request: Any) -> Any:
        uri = f"s3://b/offloaded/{len(self.stored)}"
        self.stored[uri] = request.inputs
        answer = dataproxy_service_pb2.UploadInputsResponse()
        answer.offloaded_input_data.uri, answer.offloaded_input_data.inputs_hash = uri, "h"
        return answer

    def CreateDownloadLink(self, request: Any) -> Any:
        answer = dataproxy_service_pb2.CreateDownloadLinkResponse()
        answer.pre_signed_urls.signed_url.append("http://127.0.0.1:1/report.html")
        return answer

    def TailLogs(self, request: Any) -> Iterator[Any]:
        self._run(request.action_id.run)
        for line in self.logs:
            answer = dataproxy_service_pb2.TailLogsResponse()
            answer.logs.add().lines.add(message=line, originator=1)
            yield answer

    def GetPublicClientConfig(self, request: Any) -> Any:
        return auth_service_pb2.GetPublicClientConfigResponse(authorization_metadata_key="authorization")

    def GetOAuth2Metadata(self, request: Any) -> Any:
        raise Status("UNIMPLEMENTED", "no external authorization server")

    def UserInfo(self, request: Any) -> Any:
        raise Status("UNAUTHENTICATED", "no identity")

    # -- answering

    def answer(self, path: str, body: bytes) -> tuple[bool, Any]:
        """Whether it is a stream, and the answer or the messages of it."""
        service, _, method = path.strip("/").removeprefix("flyteidl2.").rpartition("/")
        stubs, handler = STUBS.get(service), getattr(self, method, None)
        if stubs is None or handler is None or not method[:1].isupper():
            raise Status("UNIMPLEMENTED", "404 page not found")
        request = getattr(stubs, f"{method}Request").FromString(body)
        self.calls.append(method)
        self.requests.append((method, request))
        if method in self.before:
            self.before[method](request)
        if method in STREAMS:
            return True, handler(request)
        with self.lock:
            answer = handler(request).SerializeToString()
        if method in self.after:
            self.after[method](request)
        return False, answer


def _action(run: Run) -> Any:
    details = run.details.action
    return run_definition_pb2.Action(id=details.id, metadata=details.metadata, status=details.status)


def _paged(items: list[Any], request: Any, *, full: bool = False) -> tuple[list[Any], str]:
    if request.limit > 200:
        raise Status("INVALID_ARGUMENT", "limit must be at most 200")
    start, limit = int(request.token or 0), request.limit or 50
    page = items[start : start + limit]
    more = len(page) == limit if full else len(items) > start + limit
    return page, str(start + limit) if more else ""


def _matches(item: Any, run: Run) -> bool:
    action, name = run.details.action, list_pb2.Filter.Function.Name(item.function)
    values = list(item.values)
    if name == "VALUE_IN" and len(values) == 1:
        raise Status("INTERNAL", "failed to list actions: pq: malformed array literal")
    has: dict[str, Any] = {
        "run_name": action.id.run.name,
        "phase": str(action.status.phase),
        "task_name": action.metadata.task.id.name,
        "created_at": action.status.start_time.ToDatetime().isoformat(),
    }
    if item.field not in has:
        raise Status("INVALID_ARGUMENT", f"failed to convert filters: invalid filter field: {item.field}")
    value = has[item.field]
    if item.field == "created_at":
        values = [text.replace("Z", "") for text in values]
    return {
        "EQUAL": lambda: value == values[0],
        "NOT_EQUAL": lambda: value != values[0],
        "VALUE_IN": lambda: value in values,
        "CONTAINS": lambda: values[0] in value,
        "LESS_THAN": lambda: value < values[0],
        "LESS_THAN_OR_EQUAL": lambda: value <= values[0],
        "GREATER_THAN": lambda: value > values[0],
        "GREATER_THAN_OR_EQUAL": lambda: value >= values[0],
    }[name]()


class _Generic(grpc.GenericRpcHandler):
    def __init__(self, flyte: ScriptedFlyte2) -> None:
        self._flyte = flyte

    def service(self, details: Any) -> Any:
        path = details.method
        method = path.rpartition("/")[2]
        if not path.startswith("/flyteidl2.") or not hasattr(self._flyte, method):
            return None  # UNIMPLEMENTED

        def unary(body: bytes, context: Any) -> bytes:
            try:
                return self._flyte.answer(path, body)[1]
            except Status as status:
                context.abort(getattr(grpc.StatusCode, status.code), status.message)

        def stream(body: bytes, context: Any) -> Iterator[bytes]:
            try:
                for message in self._flyte.answer(path, body)[1]:
                    yield message.SerializeToString()
            except Status as status:
                context.abort(getattr(grpc.StatusCode, status.code), status.message)

        if method in STREAMS:
            return grpc.unary_stream_rpc_method_handler(stream)
        return grpc.unary_unary_rpc_method_handler(unary)


@contextlib.contextmanager
def over_grpc(flyte: ScriptedFlyte2) -> Iterator[str]:
    """Serves it in gRPC; its endpoint."""
    server = grpc.server(ThreadPoolExecutor(16), handlers=[_Generic(flyte)], options=[("grpc.so_reuseport", 0)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(0).wait(5)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    flyte: ScriptedFlyte2

    def log_message(self, *args: Any) -> None:
        """Nothing."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.flyte.headers.append({name.lower(): value for name, value in self.headers.items()})
        streaming = self.headers["content-type"] == "application/connect+proto"
        try:
            if streaming:
                body = body[5:]
            streams, answer = self.flyte.answer(self.path, body)
        except Status as status:
            if status.message.startswith("404"):
                self._send(404, "text/plain", b"404 page not found\n")
            elif streaming:
                self._stream(iter(()), status)
            else:
                text = json.dumps({"code": _connect_code(status.code), "message": status.message}).encode()
                self._send(_HTTP.get(status.code, 500), "application/json", text)
            return
        if streams:
            self._stream(answer, None)
        else:
            self._send(200, "application/proto", answer)

    def _send(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, messages: Iterator[Any], failed: Status | None) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/connect+proto")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        try:
            for message in messages:
                self._chunk(0, message.SerializeToString())
        except Status as status:
            failed = status
        except OSError:
            self.close_connection = True
            return
        end = {"error": {"code": _connect_code(failed.code), "message": failed.message}} if failed else {}
        with contextlib.suppress(OSError):
            self._chunk(2, json.dumps(end).encode())
            self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, flags: int, body: bytes) -> None:
        whole = struct.pack(">BI", flags, len(body)) + body
        self.wfile.write(f"{len(whole):x}\r\n".encode() + whole + b"\r\n")
        self.wfile.flush()


_HTTP = {
    "NOT_FOUND": 404,
    "INVALID_ARGUMENT": 400,
    "UNAUTHENTICATED": 401,
    "PERMISSION_DENIED": 403,
    "UNAVAILABLE": 503,
    "UNIMPLEMENTED": 501,
}


def _connect_code(code: str) -> str:
    return "canceled" if code == "CANCELLED" else code.lower()


@contextlib.contextmanager
def over_http(flyte: ScriptedFlyte2) -> Iterator[str]:
    """Serves it in Connect over HTTP/1.1 and nothing else, as behind a stock ingress; its endpoint."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"flyte": flyte}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
