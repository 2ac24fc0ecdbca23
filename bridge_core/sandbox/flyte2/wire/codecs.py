"""How messages are read: as connect-go does, unknown JSON fields are passed over, and what cannot be read is INVALID_ARGUMENT."""

from __future__ import annotations

from typing import Any

from connectrpc.code import Code
from connectrpc.errors import ConnectError
from google.protobuf import json_format
from google.protobuf.message import DecodeError

__all__ = ["CODECS"]


class _Proto:
    def name(self) -> str:
        return "proto"

    def encode(self, message: Any) -> bytes:
        return bytes(message.SerializeToString())

    def decode(self, data: bytes | bytearray, message: Any) -> Any:
        try:
            message.ParseFromString(bytes(data))
        except DecodeError:
            raise _unreadable(message, "proto: cannot parse invalid wire-format data") from None
        return message


class _Json:
    def name(self) -> str:
        return "json"

    def encode(self, message: Any) -> bytes:
        return json_format.MessageToJson(message, indent=None).encode()

    def decode(self, data: bytes | bytearray, message: Any) -> Any:
        try:
            json_format.Parse(bytes(data), message, ignore_unknown_fields=True)
        except (json_format.ParseError, UnicodeDecodeError) as error:
            raise _unreadable(message, str(error)) from None
        return message


CODECS = (_Proto(), _Json())


def _unreadable(message: Any, why: str) -> ConnectError:
    name = message.DESCRIPTOR.full_name.removeprefix("flyteidl2.")
    return ConnectError(Code.INVALID_ARGUMENT, f"unmarshal message: unmarshal into *{name}: {why}")
