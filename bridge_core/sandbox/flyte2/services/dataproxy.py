"""DataProxyService: uploads, offloaded inputs, data of actions, reports, logs."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from typing import TYPE_CHECKING, Any

from flyteidl2.common import phase_pb2
from flyteidl2.dataproxy import dataproxy_service_pb2
from flyteidl2.logs.dataplane import payload_pb2

from ...model.go_duration import as_nanoseconds, go_duration
from ...model.status import Rejected
from ...model.times import now
from ..engine.cache import offloaded_hash
from ..store.actions import is_terminal
from ..store.tasks import task_not_found
from .listings import attempt_of, no_event, outputs_are_there
from .projects import check_project

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from ...blobs.signing import Signer
    from ...model.layout import Layout
    from ...store.projects import Projects
    from ..engine.engine import Flyte2Engine
    from ..store.tasks import Tasks
    from ..wire.call import Incoming
    from .triggers import TriggerHandlers

__all__ = ["DataProxyHandlers"]

_LONGEST = 3600 * 1_000_000_000
_BIGGEST = 100 << 20
_HAVE_OUTPUTS = frozenset({phase_pb2.ACTION_PHASE_SUCCEEDED, 10})
_LOG_LOOK = 0.3  # seconds between looks into a log that is still written
_LINES = 500


class DataProxyHandlers:
    """One method per RPC."""

    def __init__(
        self,
        projects: Projects,
        tasks: Tasks,
        triggers: TriggerHandlers,
        engine: Flyte2Engine,
        *,
        layout: Layout,
        signer: Signer,
    ) -> None:
        self._projects = projects
        self._tasks = tasks
        self._triggers = triggers
        self._actions = engine.context.actions
        self._engine = engine
        self._places = engine.context.places
        self._layout = layout
        self._signer = signer

    def CreateUploadLocation(self, request: Any, _call: Incoming) -> Any:
        """A signed URL to PUT a file; its headers say the length of the MD5's text, not of the file, as there."""
        check_project(self._projects, request.project)
        if not request.filename_root and not request.content_md5:
            raise Rejected("INVALID_ARGUMENT", "either filename_root or content_md5 must be provided")
        nanoseconds = _LONGEST
        if request.HasField("expires_in"):
            nanoseconds = as_nanoseconds(request.expires_in)
            if nanoseconds > _LONGEST:
                most = go_duration(_LONGEST)
                text = f"expires_in ({go_duration(nanoseconds)}) exceeds maximum allowed duration of {most}"
                raise Rejected("INVALID_ARGUMENT", text)
            if nanoseconds <= 0:
                text = "InvalidPresignExpireError: presigned URL requires an expire duration greater than 0"
                raise Rejected("INTERNAL", f"failed to create signed URL: {text}")
        if request.content_length > _BIGGEST:
            text = f"content_length ({request.content_length} bytes) exceeds maximum allowed size of {_BIGGEST} bytes"
            raise Rejected("INVALID_ARGUMENT", text)
        root = request.filename_root or base64.b32encode(request.content_md5).decode()
        parts = ["uploads", *filter(None, [request.org]), request.project, request.domain, root]
        uri = "/".join([self._places.prefix, *filter(None, parts), request.filename or "file"])
        self._check_new(request, uri)
        md5 = base64.b64encode(request.content_md5).decode()
        headers = {"Content-Length": str(len(md5)), "Content-MD5": md5}
        if request.add_content_md5_metadata:
            headers["x-amz-meta-flyteContentMD5"] = md5
        signed = tuple(name for name in headers if md5 and name != "Content-Length")
        native = self._places.native(str(self._places.path(uri)) if self._layout.bucket is None else uri)
        url_path = self._layout.url_path(native)
        if url_path is None:
            raise Rejected("INVALID_ARGUMENT", f"{uri} is not in the storage of this server")
        response = dataproxy_service_pb2.CreateUploadLocationResponse(
            signed_url=self._signer.url("PUT", url_path, seconds=nanoseconds / 1e9, md5=md5, headers=signed),
            native_url=uri,
            headers=headers,
        )
        response.expires_at.FromNanoseconds(now().ToNanoseconds() + nanoseconds)
        return response

    def UploadInputs(self, request: Any, _call: Incoming) -> Any:
        """Keeps inputs where their hash says; those that only differ in what is ignored overwrite each other, as there."""
        kind = request.WhichOneof("id")
        if kind is None:
            raise Rejected("INVALID_ARGUMENT", "id is required")
        if kind == "run_id":
            org, project, domain = request.run_id.org, request.run_id.project, request.run_id.domain
        else:
            where = request.project_id
            org, project, domain = where.organization, where.name, where.domain
        check_project(self._projects, project)
        template = self._template(request)
        if not request.HasField("inputs"):
            raise Rejected("INTERNAL", "failed to write inputs: proto: Marshal called with nil")
        ignored = template.metadata.cache_ignore_input_vars
        found = offloaded_hash(request.inputs, ignored)
        base = request.base_dir.rstrip("/")
        if base and not self._places.is_ours(base):
            bucket = base.split("://", 1)[1].split("/")[0] if "://" in base else ""
            own = self._places.prefix.rsplit("/", 1)[-1]
            text = f"Conf container:{own} != Passed Container:{bucket}. Dynamic loading is disabled: not found"
            raise Rejected("INTERNAL", f"failed to write inputs: {text}")
        parts = [
            base or f"{self._places.prefix}/uploads",
            *filter(None, [org, project, domain]),
            "offloaded-inputs",
            found,
        ]
        uri = "/".join(parts)
        self._places.write(f"{uri}/inputs.pb", request.inputs.SerializeToString(deterministic=True))
        response = dataproxy_service_pb2.UploadInputsResponse()
        response.offloaded_input_data.uri, response.offloaded_input_data.inputs_hash = uri, found
        return response

    def GetActionData(self, request: Any, _call: Incoming) -> Any:
        """Inputs and outputs; a file that is missing is an empty message, and outputs are those of what has succeeded."""
        if not request.HasField("action_id"):
            raise Rejected("UNAVAILABLE", "unexpected EOF")
        found = self._actions.find(request.action_id)
        if found is None:
            raise Rejected("NOT_FOUND", "action not found: action not found")
        response = dataproxy_service_pb2.GetActionDataResponse(inputs_uri=found.spec.input_uri)
        response.inputs.ParseFromString(self._places.read(found.spec.input_uri) or b"")
        response.outputs.SetInParent()
        details = found.details
        if details.status.phase in _HAVE_OUTPUTS and details.attempts and details.attempts[-1].outputs.output_uri:
            if not outputs_are_there(self._engine, details):
                raise Rejected("NOT_FOUND", "outputs not available")
            response.outputs_uri = details.attempts[-1].outputs.output_uri
            response.outputs.ParseFromString(self._places.read(response.outputs_uri) or b"")
        return response

    def CreateDownloadLink(self, request: Any, _call: Incoming) -> Any:
        """A signed URL to GET the report of an attempt."""
        if request.artifact_type != dataproxy_service_pb2.ARTIFACT_TYPE_REPORT:
            raise Rejected("INVALID_ARGUMENT", "artifact_type is required")
        if request.WhichOneof("source") != "action_attempt_id":
            raise Rejected("INVALID_ARGUMENT", "unsupported source type")
        action_id, number = request.action_attempt_id.action_id, request.action_attempt_id.attempt
        found = self._actions.find(action_id)
        if found is None:
            raise Rejected("NOT_FOUND", "failed to get action details: not_found: action not found: action not found")
        attempt = attempt_of(found.details, number)
        if attempt is None:
            event = no_event(action_id, number).message
            named = event.removeprefix("no event found for action ").rpartition(" attempt ")[0]
            raise Rejected("NOT_FOUND", f"attempt {number} not found for action [{named}]")
        uri = attempt.outputs.report_uri
        path = self._places.path(uri)
        if not path.is_file():
            raise Rejected("NOT_FOUND", f"artifact not found at [{uri}]")
        nanoseconds = as_nanoseconds(request.expires_in) if request.HasField("expires_in") else _LONGEST
        native = str(path) if self._layout.bucket is None else uri
        url_path = self._layout.url_path(native)
        response = dataproxy_service_pb2.CreateDownloadLinkResponse()
        assert url_path is not None
        response.pre_signed_urls.signed_url.append(self._signer.url("GET", url_path, seconds=nanoseconds / 1e9))
        response.pre_signed_urls.expires_at.FromNanoseconds(now().ToNanoseconds() + nanoseconds)
        return response

    async def TailLogs(self, request: Any, _call: Incoming) -> AsyncIterator[Any]:
        """The log of an attempt, as it is written, until the attempt has ended."""
        done = 0
        while True:
            found = self._actions.find(request.action_id)
            attempt = None if found is None else attempt_of(found.details, request.attempt)
            if attempt is None:
                raise no_event(request.action_id, request.attempt)
            over = is_terminal(attempt.phase) or (found is not None and is_terminal(found.details.status.phase))
            path = self._places.path(attempt.outputs.output_uri).with_name("task.log")
            lines, done = await asyncio.to_thread(_read_lines, path, done, over)
            for start in range(0, len(lines), _LINES):
                yield _log_lines(lines[start : start + _LINES], attempt)
            if over:
                return
            await asyncio.sleep(_LOG_LOOK)

    def _template(self, request: Any) -> Any:
        kind = request.WhichOneof("task")
        if kind == "task_spec":
            return request.task_spec.task_template
        if kind is None:
            raise Rejected("INVALID_ARGUMENT", "task is required")
        task_id = request.task_id
        if kind == "trigger_name":
            from .runs import task_of_trigger

            try:
                task_id = task_of_trigger(self._triggers.for_run(request.trigger_name))
            except Rejected as rejected:
                text = rejected.message.split(": ", 1)[1]
                raise Rejected("NOT_FOUND", f"failed to get trigger: not_found: {text}") from None
        found = self._tasks.find(task_id)
        if found is None:
            raise Rejected("NOT_FOUND", f"failed to get task: not_found: {task_not_found(task_id).message}")
        return found.spec.task_template

    def _check_new(self, request: Any, uri: str) -> None:
        """A place that the caller names is taken, unless the content is said to be the same."""
        if not request.filename_root or not request.filename:
            return
        content = self._places.read(uri)
        if content is None:
            return
        if not request.content_md5:
            text = f"file already exists at [{uri}]; content_md5 is required to verify safe overwrite"
            raise Rejected("ALREADY_EXISTS", text)
        same = hashlib.md5(content, usedforsecurity=False).digest() == request.content_md5
        if not same or not request.add_content_md5_metadata:
            # What tells is the metadata of the first upload, which it has only if it was asked for.
            raise Rejected("ALREADY_EXISTS", f"file already exists at [{uri}] with different content (hash mismatch)")


def _read_lines(path: Any, done: int, over: bool) -> tuple[list[str], int]:
    """Whole lines from a place in a file on; the last one also unfinished when nothing follows."""
    try:
        with path.open("rb") as file:
            file.seek(done)
            data = file.read()
    except FileNotFoundError:
        return [], done
    end = len(data) if over else data.rfind(b"\n") + 1
    return data[:end].decode(errors="replace").splitlines(), done + end


def _log_lines(lines: list[str], attempt: Any) -> Any:
    response = dataproxy_service_pb2.TailLogsResponse()
    logs = response.logs.add()
    moment = now()
    for line in lines:
        logs.lines.add(message=line, originator=payload_pb2.USER, timestamp=moment)
    context = attempt.log_context
    logs.container.kubernetes_pod_name = context.primary_pod_name
    logs.container.kubernetes_namespace = "flyte"
    return response
