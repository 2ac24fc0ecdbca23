"""Random and mutated requests for every RPC of the sandbox, from the descriptors of its services."""

from __future__ import annotations

import grpc
from flyteidl.service import admin_pb2, auth_pb2, dataproxy_pb2, identity_pb2, signal_pb2
from google.protobuf import message_factory
from google.protobuf.descriptor import FieldDescriptor as Field

from bridge_core.sandbox.model.go_text import is_repeated

SERVICES = (
    admin_pb2.DESCRIPTOR.services_by_name["AdminService"],
    dataproxy_pb2.DESCRIPTOR.services_by_name["DataProxyService"],
    signal_pb2.DESCRIPTOR.services_by_name["SignalService"],
    identity_pb2.DESCRIPTOR.services_by_name["IdentityService"],
    auth_pb2.DESCRIPTOR.services_by_name["AuthMetadataService"],
)
METHODS = [(service, method) for service in SERVICES for method in service.methods]
_DEPTH = 7
_INTEGERS = (0, 1, -1, 2, 7, 100, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63), 253402300800, -62135596801)
_STRINGS = (
    "",
    "flytesnacks",
    "development",
    "v1",
    "n",
    "o0",
    "n0",
    "start-node",
    "end-node",
    "echo",
    "gate",
    "go",
    "a" * 300,
    "../../etc/passwd",
    "/etc/passwd",
    "\0",
    "ä💥\u202e",
    "'; DROP TABLE executions; --",
    "eq(phase,SUCCEEDED)",
    "value_in(execution_name,a;b)",
    "gt(created_at,2020-01-01T00:00:00Z)+contains(workflow.name,e)",
    "lt(duration,1h)",
    "created_at",
    "-1",
    "5",
    "99999999999999999999",
    "{{.inputs.n}}",
    "flyte://v1/flytesnacks/development/first/n0/i",
    "flyte://v1/flytesnacks/development/first/n0/0/o/o0",
    "* * * * *",
    "@every 1h",
    "CRON_TZ=",
    "s3://my-s3-bucket/x",
)


class Fuzzer:
    """Makes requests; the same seed makes the same ones.

    Args:
        random: The generator of everything.
        known: Requests that the sandbox understands, by method name, to be mutated.
    """

    def __init__(self, random, known):
        self._random = random
        self._known = known

    def request(self, method):
        """The bytes of one request."""
        kind = self._random.random()
        known = self._known.get(method.name)
        if known and kind < 0.45:
            message = type(known[0])()
            message.CopyFrom(self._random.choice(known))
            for _ in range(self._random.randint(1, 3)):
                self._mutate(message, 0)
            return message.SerializeToString()
        if known and kind < 0.6:
            data = bytearray(self._random.choice(known).SerializeToString())
            for _ in range(self._random.randint(1, 8)):
                if data:
                    data[self._random.randrange(len(data))] = self._random.randrange(256)
            return bytes(data)
        if kind > 0.95:
            return self._random.randbytes(self._random.randrange(64))
        message = message_factory.GetMessageClass(method.input_type)()
        self._fill(message, 0)
        return message.SerializeToString()

    def _fill(self, message, depth):
        if message.DESCRIPTOR.full_name == "google.protobuf.Struct":
            message.update({"a": [1, {"b": None}]})
            return
        for field in message.DESCRIPTOR.fields:
            if self._random.random() < (0.75 if depth < 2 else 0.4):
                self._set(message, field, depth)

    def _set(self, message, field, depth):
        if field.message_type is not None and depth >= _DEPTH:
            return
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            entries = getattr(message, field.name)
            value = field.message_type.fields_by_name["value"]
            for _ in range(self._random.randint(0, 2)):
                if value.message_type is not None:
                    self._fill(entries[self._string()], depth + 1)
                else:
                    entries[self._string()] = self._scalar(value)
        elif is_repeated(field):
            for _ in range(self._random.randint(0, 2)):
                if field.message_type is not None:
                    self._fill(getattr(message, field.name).add(), depth + 1)
                else:
                    getattr(message, field.name).append(self._scalar(field))
        elif field.message_type is not None:
            child = getattr(message, field.name)
            child.SetInParent()
            self._fill(child, depth + 1)
        else:
            setattr(message, field.name, self._scalar(field))

    def _mutate(self, message, depth):
        """Changes one field somewhere below: clears it, or gives it another value."""
        fields = [field for field, _ in message.ListFields()]
        if not fields or self._random.random() < 0.2:
            if message.DESCRIPTOR.fields:
                self._set(message, self._random.choice(message.DESCRIPTOR.fields), depth)
            return
        field = self._random.choice(fields)
        value = getattr(message, field.name)
        choice = self._random.random()
        if choice < 0.2:
            message.ClearField(field.name)
        elif choice < 0.4:
            message.ClearField(field.name)
            self._set(message, field, depth)
        elif hasattr(value, "ListFields"):
            self._mutate(value, depth + 1)
        elif hasattr(value, "keys"):
            inner = [value[key] for key in value if hasattr(value[key], "ListFields")]
            if inner:
                self._mutate(self._random.choice(inner), depth + 1)
        elif len(value) if hasattr(value, "add") else False:
            self._mutate(self._random.choice(value), depth + 1)
        else:
            message.ClearField(field.name)
            self._set(message, field, depth)

    def _string(self):
        if self._random.random() < 0.8:
            return self._random.choice(_STRINGS)
        return "".join(chr(self._random.choice((33, 97, 228, 0x4E2D, 10))) for _ in range(self._random.randrange(9)))

    def _scalar(self, field):
        if field.cpp_type == Field.CPPTYPE_STRING:
            return self._random.randbytes(16) if field.type == Field.TYPE_BYTES else self._string()
        if field.cpp_type == Field.CPPTYPE_BOOL:
            return self._random.random() < 0.5
        if field.cpp_type in (Field.CPPTYPE_FLOAT, Field.CPPTYPE_DOUBLE):
            return self._random.choice((0.0, -1.5, 1e30, float("inf"), float("nan")))
        if field.cpp_type == Field.CPPTYPE_ENUM:
            return self._random.choice([*(value.number for value in field.enum_type.values), 99])
        number = self._random.choice(_INTEGERS)
        if field.cpp_type in (Field.CPPTYPE_UINT32, Field.CPPTYPE_UINT64):
            number = abs(number)
        if field.cpp_type in (Field.CPPTYPE_INT32, Field.CPPTYPE_UINT32):
            return max(-(2**31), min(2**31 - 1, number))
        return max(-(2**63), min(2**63 - 1, number))


def send(channel, service, method, data, *, timeout=20):
    """Sends bytes as a request: status name and details of the answer."""
    call = channel.unary_unary(
        f"/{service.full_name}/{method.name}", request_serializer=bytes, response_deserializer=bytes
    )
    try:
        call(data, timeout=timeout)
    except grpc.RpcError as error:
        return error.code().name, error.details() or ""
    return "OK", ""
