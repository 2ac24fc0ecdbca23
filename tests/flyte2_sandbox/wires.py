"""Two ways to the same server: grpcio's stubs, and Connect over plain HTTP/1.1 with JSON."""

from __future__ import annotations

import http.client
import importlib
import itertools
import json
import time

import grpc
from flyteidl2.common import identifier_pb2, phase_pb2
from flyteidl2.core import types_pb2
from flyteidl2.task import task_definition_pb2
from flyteidl2.workflow import run_service_pb2
from google.protobuf import json_format, message_factory

P, D = "flytesnacks", "development"
PHASE = phase_pb2.ActionPhase
TERMINAL = {5, 6, 7, 8, 10}
_MODULES = {
    "ProjectService": "project.project_service_pb2",
    "TaskService": "task.task_service_pb2",
    "RunService": "workflow.run_service_pb2",
    "TranslatorService": "workflow.translator_service_pb2",
    "TriggerService": "trigger.trigger_service_pb2",
    "DataProxyService": "dataproxy.dataproxy_service_pb2",
    "ActionsService": "actions.actions_service_pb2",
    "ClusterService": "cluster.service_pb2",
    "SecretService": "secret.secret_pb2",
    "IdentityService": "auth.identity_pb2",
    "AuthMetadataService": "auth.auth_service_pb2",
    "SettingsService": "settings.settings_service_pb2",
    "CacheService": "cacheservice.v2.cacheservice_pb2",
}
_numbers = itertools.count()


def unique(prefix: str = "r") -> str:
    return f"t{prefix}{next(_numbers)}"


def _methods():
    found = {}
    for service, module in _MODULES.items():
        try:
            descriptor = importlib.import_module(f"flyteidl2.{module}").DESCRIPTOR.services_by_name[service]
        except ImportError:
            continue
        for method in descriptor.methods:
            found[f"{service}/{method.name}"] = (f"/{descriptor.full_name}/{method.name}", method)
            if method.name not in found or service == "DataProxyService":
                found[method.name] = found[f"{service}/{method.name}"]
    return found


METHODS = _methods()


class Refused(Exception):
    """A status that is not OK, from either wire."""

    def __init__(self, code, message):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def request_of(method, request):
    path, descriptor = METHODS[method]
    message = message_factory.GetMessageClass(descriptor.input_type)()
    if isinstance(request, dict):
        return path, descriptor, json_format.ParseDict(request, message)
    return path, descriptor, request


class Grpc:
    """grpcio over HTTP/2 without TLS."""

    def __init__(self, endpoint):
        self._channel = grpc.insecure_channel(endpoint)

    def __call__(self, method, request=None, timeout=30, headers=()):
        path, descriptor, message = request_of(method, request or {})
        answer = message_factory.GetMessageClass(descriptor.output_type)
        call = self._channel.unary_unary(path, lambda r: r.SerializeToString(), answer.FromString)
        try:
            return call(message, timeout=timeout, metadata=list(headers))
        except grpc.RpcError as error:
            raise Refused(error.code().name, error.details()) from None

    def stream(self, method, request=None, timeout=30, headers=()):
        path, descriptor, message = request_of(method, request or {})
        answer = message_factory.GetMessageClass(descriptor.output_type)
        call = self._channel.unary_stream(path, lambda r: r.SerializeToString(), answer.FromString)
        try:
            yield from call(message, timeout=timeout, metadata=list(headers))
        except grpc.RpcError as error:
            raise Refused(error.code().name, error.details()) from None

    def close(self):
        self._channel.close()


class Connect:
    """Connect over HTTP/1.1: protobuf for streams, JSON for everything else."""

    def __init__(self, endpoint):
        self._endpoint = endpoint

    def _open(self, path, body, kind, headers, timeout):
        connection = http.client.HTTPConnection(self._endpoint, timeout=timeout + 10)
        sent = {
            "content-type": kind,
            "connect-protocol-version": "1",
            "connect-timeout-ms": str(int(timeout * 1000)),
            **dict(headers),
        }
        connection.request("POST", path, body, sent)
        return connection, connection.getresponse()

    def __call__(self, method, request=None, timeout=30, headers=()):
        path, descriptor, message = request_of(method, request or {})
        body = json_format.MessageToJson(message, indent=None).encode()
        connection, response = self._open(path, body, "application/json", headers, timeout)
        try:
            data = response.read()
            if response.status != 200:
                found = json.loads(data)
                raise Refused(_upper(found["code"]), found.get("message", ""))
            return json_format.Parse(data, message_factory.GetMessageClass(descriptor.output_type)())
        finally:
            connection.close()

    def stream(self, method, request=None, timeout=30, headers=()):
        path, descriptor, message = request_of(method, request or {})
        data = message.SerializeToString()
        envelope = b"\0" + len(data).to_bytes(4, "big") + data
        connection, response = self._open(path, envelope, "application/connect+proto", headers, timeout)
        try:
            while True:
                head = response.read(5)
                if len(head) < 5:
                    raise Refused("UNAVAILABLE", "the stream broke off")
                data = response.read(int.from_bytes(head[1:], "big"))
                if head[0] & 2:
                    error = json.loads(data).get("error")
                    if error:
                        raise Refused(_upper(error["code"]), error.get("message", ""))
                    return
                yield message_factory.GetMessageClass(descriptor.output_type).FromString(data)
        finally:
            connection.close()

    def close(self):
        pass


def _upper(code):
    return "CANCELLED" if code == "canceled" else code.upper()


def run_id(name, domain=D):
    return identifier_pb2.RunIdentifier(project=P, domain=domain, name=name)


def action_id(name, action="a0", domain=D):
    return identifier_pb2.ActionIdentifier(run=run_id(name, domain), name=action)


def task_id(name, version="v1"):
    return task_definition_pb2.TaskIdentifier(project=P, domain=D, name=name, version=version)


def container(name, *command, version="v1", inputs=("x",), outputs=("o0",), retries=0, cached=False):
    """The spec of a raw container that takes and gives integers."""
    spec = task_definition_pb2.TaskSpec(short_name=name.rpartition(".")[2])
    template = spec.task_template
    template.id.resource_type = 1
    template.id.project, template.id.domain, template.id.name, template.id.version = P, D, name, version
    template.type = "container"
    template.metadata.runtime.version, template.metadata.runtime.flavor = "1", "raw"
    template.metadata.retries.retries = retries
    template.metadata.discoverable = cached
    template.metadata.discovery_version = "1" if cached else ""
    integer = types_pb2.LiteralType(simple=types_pb2.INTEGER)
    for side, names in ((template.interface.inputs, inputs), (template.interface.outputs, outputs)):
        side.SetInParent()
        for key in names:
            side.variables.add(key=key).value.type.CopyFrom(integer)
    template.container.image = "any:1"
    template.container.command.extend(command)
    return spec


def create(wire, name, task, inputs=None, version="v1", **more):
    """Creates a run of a task: by id when ``task`` is a name, else of a spec."""
    request = run_service_pb2.CreateRunRequest(run_id=run_id(name), **more)
    if isinstance(task, str):
        request.task_id.CopyFrom(task_id(task, version))
    else:
        request.task_spec.CopyFrom(task)
    for key, number in (inputs or {}).items():
        request.inputs.literals.add(name=key).value.scalar.primitive.integer = number
    return wire("CreateRun", request).run.action


def ended(wire, name, action="a0", *, domain=D, seconds=60):
    """The details of an action that has ended."""
    return until(wire, name, lambda details: details.status.phase in TERMINAL, action, domain=domain, seconds=seconds)


def until(wire, name, wanted, action="a0", *, domain=D, seconds=60):
    """The details of an action once they are as wanted."""
    give_up = time.monotonic() + seconds
    details = None
    while time.monotonic() < give_up:
        request = run_service_pb2.GetActionDetailsRequest(action_id=action_id(name, action, domain))
        details = wire("GetActionDetails", request).details
        if wanted(details):
            return details
        time.sleep(0.02)
    raise AssertionError(f"{name}/{action} did not come there within {seconds} s: {details}")


def data_of(wire, name, action="a0"):
    """Inputs and outputs as mappings of integers."""
    answer = wire("DataProxyService/GetActionData", {"actionId": json_format.MessageToDict(action_id(name, action))})
    return tuple(
        {one.name: one.value.scalar.primitive.integer for one in side.literals}
        for side in (answer.inputs, answer.outputs)
    )
