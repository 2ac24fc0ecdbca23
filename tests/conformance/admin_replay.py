"""Sends a recording of a real FlyteAdmin to a Flyte, call by call, and tells what is answered otherwise.

The recording has protobuf JSON of requests and answers, in the order in which they were made. Between its cases runs were
moved by events that it does not list; `flyteadmin-1.16-moves.json` has them. What must differ between any two servers (the time
of day, names made by chance, ports, the place of the storage) is made equal first.
"""

from __future__ import annotations

import contextlib
import json
import lzma
import re
import urllib.error
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import flyteidl.service.admin_pb2 as admin
import flyteidl.service.auth_pb2 as auth
import flyteidl.service.dataproxy_pb2 as dataproxy
import flyteidl.service.identity_pb2 as identity
import flyteidl.service.signal_pb2 as signal
import grpc
from google.protobuf import json_format, message_factory
from google.rpc import status_pb2

HERE = Path(__file__).parent / "recorded"
_SERVICES = (
    admin.DESCRIPTOR.services_by_name["AdminService"],
    dataproxy.DESCRIPTOR.services_by_name["DataProxyService"],
    signal.DESCRIPTOR.services_by_name["SignalService"],
    auth.DESCRIPTOR.services_by_name["AuthMetadataService"],
    identity.DESCRIPTOR.services_by_name["IdentityService"],
)
_METHODS = {method.name: (service, method) for service in _SERVICES for method in service.methods}
_OUTAGES = {"database down": "database", "blob store down": "blobs", "kubernetes down": "kubernetes"}
_DAY = re.compile(r"20\d\d-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z| \+0000 UTC m=\+[\d.]+)")
_RECORDED = (datetime(2026, 11, 28, 12, tzinfo=UTC), datetime(2026, 11, 28, 14, tzinfo=UTC))
_NEAR = (timedelta(minutes=-15), timedelta(hours=2))
_GENERATED = re.compile(r"\b[abcdfghjklmnpqrstvwxz2456789][bcdfghjklmnpqrstvwxz2456789]{19}\b")
_PORT = re.compile(r"127\.0\.0\.1:\d+")
_SIGNED = re.compile(r"\?X-Amz-Algorithm=[^ \"]*")
_SIZE = re.compile(r"Failed to write data \[\d+b\]")  # the time of day in it takes more or fewer bytes
_DURATION = re.compile(r"\d+\.\d+s")


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that was answered otherwise."""

    case: str
    method: str
    field: str
    """`code`, `message`, `details`, or the path of a field: ``executions[].closure.phase``."""
    recorded: Any
    answered: Any

    @property
    def kind(self) -> str:
        return self.field if self.field in ("code", "message", "details") else "field"


@dataclass(frozen=True, slots=True)
class Result:
    """What a replay found."""

    cases: int
    differences: tuple[Difference, ...]

    @property
    def codes(self) -> int:
        return sum(one.kind == "code" for one in self.differences)

    @property
    def equal(self) -> int:
        """Cases in which nothing differs."""
        return self.cases - len({one.case for one in self.differences})


def recording() -> list[dict[str, Any]]:
    return json.loads(lzma.decompress((HERE / "flyteadmin-1.16.json.xz").read_bytes()))["cases"]


def replay(sandbox: Any) -> Result:
    """Sends all cases in order."""
    moves: dict[str, list[dict[str, Any]]] = {}
    for move in json.loads((HERE / "flyteadmin-1.16-moves.json").read_text())["moves"]:
        moves.setdefault(move["before"], []).append(move)
    found: list[Difference] = []
    count = 0
    root, signed = str(sandbox.data_dir / "blobs"), ""
    with ExitStack() as stack:
        channel = stack.enter_context(
            grpc.insecure_channel(sandbox.endpoint, options=[("grpc.max_metadata_size", 64 << 10)])
        )
        outage, played = None, stack.enter_context(ExitStack())
        for case in recording():
            wanted = _OUTAGES.get(case["case"].partition(":")[0]) if case["group"] == "faults" else None
            if wanted != outage:
                played.close()
                if wanted is not None:
                    played.enter_context(sandbox.faults.outage(wanted))
                outage = wanted
            for move in moves.pop(case["case"], ()):
                code, message, *_ = _call(channel, move)
                assert code == "OK", f"{move['method']} before {case['case']!r}: {code} {message}"
            if case["method"] not in _METHODS:
                _put(case, signed)
                continue
            count += 1
            answer = _call(channel, case)
            signed = (answer[3] or {}).get("signed_url", signed)
            found += _compare(case, answer, root)
    assert not moves, f"no such cases: {list(moves)}"
    return Result(count, tuple(found))


def _call(channel: Any, case: dict[str, Any]) -> tuple[str, str, list[Any], Any]:
    service, method = _METHODS[case["method"]]
    request = json_format.ParseDict(case["request"], message_factory.GetMessageClass(method.input_type)())
    call = channel.unary_unary(
        f"/{service.full_name}/{method.name}",
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=message_factory.GetMessageClass(method.output_type).FromString,
    )
    try:
        return "OK", "", [], _plain(call(request, timeout=30))
    except grpc.RpcError as error:
        packed = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
        details = [] if packed is None else [_plain(one) for one in status_pb2.Status.FromString(packed).details]
        return error.code().name, error.details(), details, None


def _put(case: dict[str, Any], url: str) -> None:
    """Uses the signed URL of the case before, for what later cases find there. Its own answer is the storage's, not Flyte's."""
    request = case["request"]
    body = request["body"].encode()
    put = urllib.request.Request(url, data=body, headers=request["headers"], method="PUT")
    with contextlib.suppress(urllib.error.HTTPError), urllib.request.urlopen(put):
        pass


def _compare(case: dict[str, Any], answer: tuple[str, str, list[Any], Any], root: str) -> list[Difference]:
    code, message, details, response = answer
    where = (case["case"], case["method"])
    if code != case["code"]:
        return [Difference(*where, "code", f"{case['code']} {case['message']}", f"{code} {message}")]
    wanted = (case["message"], case["details"], case["response"])
    one, two, three = (
        tuple(_normal(side, root) for side in sides) for sides in zip(wanted, (message, details, response), strict=True)
    )
    found = _walk("message", *one, atomic=True) + _walk("details", *two, atomic=True)
    if case["method"].startswith("List") and "sort_by" not in case["request"]:
        found += _unordered(*three)
    else:
        found += _walk("", *three)
    return [Difference(*where, *rest) for rest in found]


def _unordered(one: Any, other: Any) -> list[tuple[str, Any, Any]]:
    """The real server's rows have no order without ``sort_by``: which are on a page is one question, what they hold another."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return _walk("", one, other)
    found = _walk("", *({name: it for name, it in side.items() if not isinstance(it, list)} for side in (one, other)))
    for name in sorted({*one, *other} - {"token"}):
        rows, others = (
            {json.dumps(_key(row), sort_keys=True): row for row in side.get(name, ())} for side in (one, other)
        )
        if rows.keys() != others.keys():
            found.append((f"{name}[]", [_key(row) for row in rows.values()], [_key(row) for row in others.values()]))
        for key in rows.keys() & others.keys():
            found += _walk(f"{name}[]", rows[key], others[key])
    return found


def _plain(message: Any) -> Any:
    return json_format.MessageToDict(message, preserving_proto_field_name=True)


def _normal(value: Any, root: str, key: str = "") -> Any:
    if isinstance(value, dict):
        return {_normal(name, root): _normal(one, root, name) for name, one in value.items()}
    if isinstance(value, list):
        return [_normal(one, root) for one in value]
    if not isinstance(value, str):
        return value
    if key == "signed_url":
        return "<signed URL>"
    if key == "duration" and _DURATION.fullmatch(value):
        return "<duration>"
    text = _SIZE.sub("Failed to write data [<size>]", value.replace(root, "s3://my-s3-bucket"))
    text = _DAY.sub(lambda match: "<now>" if _is_now(match[0]) else match[0], text)
    return _PORT.sub("127.0.0.1:<port>", _GENERATED.sub("<generated>", _SIGNED.sub("?<signature>", text)))


def _is_now(stamp: str) -> bool:
    """Whether a time is the server's: of the time of the recording, or of the replay, or when what it signs then expires."""
    moment = datetime.fromisoformat(stamp[:19].replace(" ", "T")).replace(tzinfo=UTC)
    since = moment - datetime.now(UTC)
    return _RECORDED[0] <= moment < _RECORDED[1] or _NEAR[0] <= since <= _NEAR[1]


def _walk(path: str, one: Any, other: Any, *, atomic: bool = False) -> list[tuple[str, Any, Any]]:
    if one == other:
        return []
    if not atomic and isinstance(one, dict) and isinstance(other, dict):
        found = []
        for name in sorted({*one, *other}):
            below = f"{path}.{name}" if path else name
            if name not in one or name not in other:
                found.append((below, one.get(name), other.get(name)))
            else:
                found += _walk(below, one[name], other[name])
        return found
    if not atomic and isinstance(one, list) and isinstance(other, list):
        if len(one) != len(other):
            return [(f"{path}[]", [_short(row) for row in one], [_short(row) for row in other])]
        return [found for mine, theirs in zip(one, other, strict=True) for found in _walk(f"{path}[]", mine, theirs)]
    return [(path, one, other)]


def _key(row: Any) -> Any:
    return row.get("id", row) if isinstance(row, dict) else row


def _short(row: Any) -> Any:
    identifier = _key(row)
    if isinstance(identifier, dict):
        return identifier.get("name") or identifier.get("node_id") or identifier
    return identifier
