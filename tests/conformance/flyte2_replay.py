"""Sends a recording of a real Flyte 2 backend (2.0.43) to a Flyte, call by call, and tells what is answered otherwise.

The recording has protobuf JSON of requests and answers over gRPC and Connect, in the order in which they were made. Between its
cases time passed: where a run had ended when it was read, the replay waits until it has ended here. What must differ between any
two servers (the time of day, ports, the place of the storage) is made equal first.
"""

from __future__ import annotations

import base64
import gzip
import http.client
import importlib
import json
import lzma
import re
import sys
import time
import urllib.parse
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import grpc
from flyte2_fields import differences
from google.protobuf import json_format, message_factory

HERE = Path(__file__).parent / "recorded"
_MODULES = (
    "project.project_service_pb2",
    "task.task_service_pb2",
    "workflow.run_service_pb2",
    "workflow.translator_service_pb2",
    "workflow.tracked_run_service_pb2",
    "trigger.trigger_service_pb2",
    "dataproxy.dataproxy_service_pb2",
    "actions.actions_service_pb2",
    "cluster.service_pb2",
    "secret.secret_pb2",
    "auth.identity_pb2",
    "auth.auth_service_pb2",
    "settings.settings_service_pb2",
    "artifact.artifact_service_pb2",
    "cacheservice.v2.cacheservice_pb2",
)
_TERMINAL = {f"ACTION_PHASE_{name}" for name in ("SUCCEEDED", "FAILED", "ABORTED", "TIMED_OUT", "RECOVERED")}
_TICK_BEFORE = "scheduled/runs of live"
_LONG = ('"--sleep", "12"', '"--sleep", "1"')  # longer than its task may take, which nobody enforces
_STREAM_SECONDS = 0.4
_WAIT_SECONDS, _APPEAR_SECONDS = 30.0, 3.0
_SWAPS = (
    (re.compile(r"s3://flyte-data(/[0-9a-z]{2})?(?=/flytesnacks|/x?b?/)"), "STORE"),
    (re.compile(r"s3://flyte-data"), "STORE"),
    (re.compile(r"file://\S*?/blobs(/[0-9a-z]{2})?(?=/flytesnacks|/x?b?/)"), "STORE"),
    (re.compile(r"file://\S*?/blobs"), "STORE"),
    (re.compile(r'secrets "[0-9a-f]{32}"'), "secrets HASH"),
    (re.compile(r"Conf container:\S+ "), "Conf container:STORE "),
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that was answered otherwise."""

    case: str
    method: str
    protocol: str
    field: str
    """``code``, ``message``, or the path of a field: ``details.action.status.phase``."""
    recorded: Any
    answered: Any

    @property
    def kind(self) -> str:
        return self.field if self.field in ("code", "message") else "field"


@dataclass(frozen=True, slots=True)
class Result:
    """What a replay found."""

    cases: int
    differences: tuple[Difference, ...]

    fields: int = 0
    """Answers whose fields were compared."""

    @property
    def codes(self) -> int:
        return sum(one.field == "code" for one in self.differences)

    @property
    def equal(self) -> int:
        """Of the answers whose fields were compared, those in which none differs."""
        return self.fields - len({(one.case, one.protocol) for one in self.differences if one.kind == "field"})


def recording() -> list[dict[str, Any]]:
    return json.loads(lzma.decompress((HERE / "flyte2-2.0.43.json.xz").read_bytes()))["cases"]


def _methods() -> dict[str, tuple[str, Any]]:
    found = {}
    for module in _MODULES:
        descriptor = importlib.import_module(f"flyteidl2.{module}").DESCRIPTOR
        for service in descriptor.services_by_name.values():
            for method in service.methods:
                name = f"{service.full_name.removeprefix('flyteidl2.')}/{method.name}"
                found[name] = (f"/{service.full_name}/{method.name}", method)
    return found


_METHODS = _methods()


class Replay:
    """The replay against one server."""

    def __init__(self, sandbox: Any) -> None:
        self._endpoint = sandbox.flyte2_endpoint
        self._channel = grpc.insecure_channel(self._endpoint, options=[("grpc.max_receive_message_length", -1)])
        self._root = f"file://{sandbox.data_dir / 'blobs'}"
        self.last_url = ""

    def close(self) -> None:
        self._channel.close()

    def call(self, case: dict[str, Any]) -> tuple[str, str, Any]:
        """Code, message and answers of a recorded call."""
        if case["protocol"] == "raw-http":
            return self._raw(case)
        path, method = _METHODS[case["method"]]
        text = json.dumps(case["request"])
        text = text.replace("/app/task.py", str(HERE / "flyte2_task.py")).replace("s3://flyte-data", self._root)
        text = text.replace(*_LONG)
        request = message_factory.GetMessageClass(method.input_type)()
        json_format.Parse(text, request, ignore_unknown_fields=True)
        send = self._grpc if case["protocol"] == "grpc" else self._connect
        return send(path, method, request, case)

    def move(self, move: dict[str, Any]) -> None:
        """Does what the recorder did between two cases; of some runs it waited until they ran."""
        code, message, _ = self.call({"protocol": "grpc", **move})
        assert code == "OK", f"{move['method']} before {move['before']!r}: {code} {message}"
        give_up = time.monotonic() + _WAIT_SECONDS
        details = {"protocol": "grpc", "method": "workflow.RunService/GetRunDetails"}
        while move.get("running") and time.monotonic() < give_up:
            _, _, answer = self.call({**details, "request": {"runId": move["request"]["runId"]}})
            if _phases(answer) == ["ACTION_PHASE_RUNNING"] * 2:
                return
            time.sleep(0.05)

    def _grpc(self, path: str, method: Any, request: Any, case: dict[str, Any]) -> tuple[str, str, Any]:
        answer = message_factory.GetMessageClass(method.output_type).FromString
        headers = [(name.lower(), value) for name, value in (case.get("headers") or {}).items() if name != "Host"]
        try:
            if method.server_streaming:
                call = self._channel.unary_stream(path, lambda message: message.SerializeToString(), answer)
                return "OK", "", [_plain(one) for one in call(request, timeout=_STREAM_SECONDS, metadata=headers)]
            unary = self._channel.unary_unary(path, lambda message: message.SerializeToString(), answer)
            found = _plain(unary(request, timeout=30, metadata=headers))
        except grpc.RpcError as error:
            return error.code().name, error.details(), None
        self.last_url = found.get("signedUrl", self.last_url)
        return "OK", "", found

    def _connect(self, path: str, method: Any, request: Any, case: dict[str, Any]) -> tuple[str, str, Any]:
        as_json = case["protocol"] == "connect-json"
        kind = "json" if as_json else "proto"
        data = json_format.MessageToJson(request).encode() if as_json else request.SerializeToString()
        stream = method.server_streaming
        if stream:
            data, kind = b"\0" + len(data).to_bytes(4, "big") + data, "connect+proto"
        headers = {
            "Content-Type": f"application/{kind}",
            "Connect-Protocol-Version": "1",
            **(case.get("headers") or {}),
        }
        if stream:
            headers["Connect-Timeout-Ms"] = str(int(_STREAM_SECONDS * 1000))
        status, body = self._http("POST", path, data, headers)
        if status == 404 and body.startswith(b"404"):
            return "HTTP 404", body.decode(), None
        if not stream and status != 200:
            error = json.loads(body)
            return error["code"].upper(), error.get("message", ""), None
        answer = message_factory.GetMessageClass(method.output_type)
        if not stream:
            return "OK", "", None if as_json else _plain(answer.FromString(body))
        messages = []
        while body:
            flags, length = body[0], int.from_bytes(body[1:5], "big")
            part, body = body[5 : 5 + length], body[5 + length :]
            part = gzip.decompress(part) if flags & 1 and part else part
            if flags & 2:
                error = json.loads(part or b"{}").get("error")
                return (error["code"].upper(), error.get("message", ""), None) if error else ("OK", "", messages)
            messages.append(_plain(answer.FromString(part)))
        return "TRANSPORT", "the stream broke off", None

    def _raw(self, case: dict[str, Any]) -> tuple[str, str, Any]:
        verb, _, path = case["method"].partition(" ")
        request = case["request"]
        headers = dict(request.get("headers") or {})
        body = base64.b64decode(request.get("body_b64") or "") or request.get("body", "").encode()
        if path == "signed_url":
            return self._put(request, body)
        status, answer = self._http(verb, path, body, headers)
        return f"HTTP {status}", answer.decode(errors="replace"), None

    def _put(self, request: dict[str, Any], body: bytes) -> tuple[str, str, Any]:
        """Uploads to the URL that the newest answer signed; the body is told by its headers, or it is another one."""
        parts = urllib.parse.urlsplit(self.last_url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=30)
        try:
            connection.request("PUT", f"{parts.path}?{parts.query}", body, request.get("headers") or {})
            response = connection.getresponse()
            return f"HTTP {response.status}", response.read().decode(errors="replace"), None
        finally:
            connection.close()

    def _http(self, verb: str, path: str, body: bytes, headers: dict[str, str]) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self._endpoint, timeout=30)
        try:
            connection.request(verb, path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()


class Clock:
    """The time of schedules: the recorder's, so that ticks have the names they had."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 28, 12, 10, 38, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def replay(sandbox: Any, clock: Clock, *, show: bool = False) -> Result:
    """Sends all cases in order, to a sandbox whose schedules have this clock."""
    moves: dict[str, list[dict[str, Any]]] = {}
    for move in json.loads((HERE / "flyte2-2.0.43-moves.json").read_text())["moves"]:
        moves.setdefault(move["before"], []).append(move)
    found: list[Difference] = []
    count = fields = 0
    one = Replay(sandbox)
    try:
        for case in recording():
            if case["method"] == "several":
                continue
            for move in moves.pop(case["case"], ()):
                one.move(move)
            if case["case"] == _TICK_BEFORE:
                clock.now = datetime(2026, 11, 28, 12, 11, tzinfo=UTC)
                sandbox.fire_due()
            count += 1
            code, message, answer = one.call(case)
            give_up = time.monotonic() + (_WAIT_SECONDS if answer is not None else _APPEAR_SECONDS)
            while not _as_far(case, code, answer) and time.monotonic() < give_up:
                time.sleep(0.1)
                code, message, answer = one.call(case)
            found += _compare(case, code, message)
            if code == case["code"] == "OK" and isinstance(case.get("response"), dict) and answer is not None:
                fields += 1
                what = (case["case"], case["method"].rpartition("/")[2], case["protocol"])
                found += [Difference(*what, *rest) for rest in differences(case, answer, _normal)]
            if show and not _same_code(case, code):
                print(
                    case["case"], case["protocol"], case["method"], case["code"], code, message[:150], file=sys.stderr
                )
    finally:
        one.close()
    assert not moves, f"no such cases: {list(moves)}"
    return Result(count, tuple(found), fields)


def _as_far(case: dict[str, Any], code: str, answer: Any) -> bool:
    """Whether a run that had ended when it was read has ended here, too, and one whose log was read has begun."""
    if case["method"].endswith("TailLogs"):
        return _same_code(case, code)
    method = case["method"].rpartition("/")[2]
    if method == "GetActionData":
        return not (case.get("response") or {}).get("outputs", {}).get("literals") or bool(
            isinstance(answer, dict) and answer.get("outputs", {}).get("literals")
        )
    wanted = _phases(case.get("response"))
    if method not in ("CreateRun", "GetRunDetails", "GetActionDetails") or not wanted:
        return True
    here = _phases(answer)
    return here == wanted or not all(phase in _TERMINAL for phase in wanted)


def _phases(answer: Any) -> list[str]:
    if not isinstance(answer, dict):
        return []
    details = answer.get("details") or answer.get("run", {})
    action = details.get("action", details)
    phases = [action.get("status", {}).get("phase")]
    phases += [attempt.get("phase") for attempt in action.get("attempts", [])][-1:]
    return [phase for phase in phases if phase]


def _compare(case: dict[str, Any], code: str, message: str) -> list[Difference]:
    what = (case["case"], case["method"].rpartition("/")[2], case["protocol"])
    if _same_code(case, code):
        recorded, answered = _normal(case["message"] or ""), _normal(message or "")
        if recorded == answered or code.startswith("HTTP") or "DEADLINE_EXCEEDED" in (code, case["code"]):
            return []
        return [Difference(*what, "message", recorded, answered)]
    return [Difference(*what, "code", case["code"], f"{code} {message or ''}"[:200])]


def _same_code(case: dict[str, Any], code: str) -> bool:
    """A stream whose deadline passes ends with OK or DEADLINE_EXCEEDED, whichever side was first: there, too."""
    if "responses" in case and {case["code"], code} <= {"OK", "DEADLINE_EXCEEDED"}:
        return True
    return case["code"] == code


def _normal(text: str) -> str:
    for pattern, replacement in _SWAPS:
        text = pattern.sub(replacement, text)
    return text.rstrip()


def _plain(message: Any) -> Any:
    return json_format.MessageToDict(message)


if __name__ == "__main__":
    from bridge_core.sandbox import Sandbox

    clock = Clock()
    with Sandbox(clock=clock) as running:
        result = replay(running, clock, show=True)
    print(f"codes differ in {result.codes} of {result.cases}, messages in {len(result.differences) - result.codes}")
    for difference in result.differences:
        print(difference)
