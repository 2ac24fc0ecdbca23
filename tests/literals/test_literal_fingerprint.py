"""The same inputs have the same fingerprint, other inputs another one, and differing inputs are named."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import re
from typing import Any

import msgpack
import pytest
from flyteidl.core.literals_pb2 import Literal, LiteralMap
from literal_support import Types

from bridge_core.literals import Codec, differing, fingerprint
from bridge_core.model.errors import LiteralError

T = Types

LABEL = re.compile(r"[a-z0-9]([a-z0-9.-]{0,61}[a-z0-9])?")
MD5 = hashlib.md5(b"content").hexdigest()
SEGMENT = base64.b32encode(bytes.fromhex(MD5)).decode()


def literals(codec: Codec, **values: tuple[Any, Any]) -> LiteralMap:
    return LiteralMap(literals={name: codec.encode(value, kind).literal for name, (value, kind) in values.items()})


def test_it_is_a_kubernetes_label(codec: Codec) -> None:
    for made in (LiteralMap(), literals(codec, n=(1, T.INT))):
        text = fingerprint(made)
        assert LABEL.fullmatch(text)
        assert text.startswith("v1-")


def test_it_never_changes(codec: Codec) -> None:
    """A changed canonical form would make every run of yesterday a stranger: raise the version instead."""
    made = literals(
        codec,
        n=(1, T.INT),
        x=(0.5, T.FLOAT),
        s=("é", T.STR),
        none=(None, T.NONE),
        when=(dt.datetime(2024, 1, 1, tzinfo=dt.UTC), T.DATETIME),
        many=([1, None], T.list(T.union(int=T.INT, none=T.NONE))),
        map=({"b": 1, "a": 2}, T.map(T.INT)),
        struct=({"b": [1, 2.5], "a": {}}, T.STRUCT),
        file=("s3://b/x", T.FILE),
    )
    assert fingerprint(made) == "v1-ue4o5msh2vpssvfa42o5mcb55ambqk54k7fj6me7wonga46gktxa"


EQUAL = [
    (T.STRUCT, {"a": 1, "b": {"c": 1, "d": 2}}, {"b": {"d": 2, "c": 1}, "a": 1}),
    (T.map(T.INT), {"a": 1, "b": 2}, {"b": 2, "a": 1}),
    (T.FLOAT, 1, 1.0),
    (T.DATETIME, "2024-01-01T01:00:00+01:00", dt.datetime(2024, 1, 1, tzinfo=dt.UTC)),
]
OTHER = [
    (T.INT, 0, 1),
    (T.STRUCT, {"a": 1}, {"a": 1.0}),
    (T.STRUCT, {"a": 1}, {"a": True}),
    (T.STRUCT, {"a": [1, 2]}, {"a": [2, 1]}),
    (T.STRUCT, {"a": None}, {}),
    (T.STRUCT, {1: "a"}, {"1": "a"}),
    (T.STRUCT, {"a": "b"}, {"a": b"b"}),
    (T.list(T.STR), ["ab", "c"], ["a", "bc"]),
    (T.list(T.list(T.INT)), [[1], []], [[], [1]]),
    (T.FILE, "s3://b/x", "s3://b/y"),
    (T.union(int=T.INT, str=T.STR), 1, "1"),
    (T.BINARY, b"a", b"b"),
    (T.DURATION, 1, 1.000001),
    (T.ERROR, {"message": "a"}, {"message": "b"}),
]


@pytest.mark.parametrize(("kind", "one", "two"), EQUAL)
def test_equal_values(kind: Any, one: Any, two: Any, codec: Codec) -> None:
    left, right = literals(codec, v=(one, kind)), literals(codec, v=(two, kind))
    assert fingerprint(left) == fingerprint(right)
    assert differing(left, right) == ()


@pytest.mark.parametrize(("kind", "one", "two"), OTHER)
def test_other_values(kind: Any, one: Any, two: Any, codec: Codec) -> None:
    left, right = literals(codec, v=(one, kind)), literals(codec, v=(two, kind))
    assert fingerprint(left) != fingerprint(right)
    assert differing(left, right) == ("v",)


def test_names_count(codec: Codec) -> None:
    assert fingerprint(literals(codec, a=(1, T.INT))) != fingerprint(literals(codec, b=(1, T.INT)))
    assert differing(literals(codec, a=(1, T.INT), c=(1, T.INT)), literals(codec, b=(1, T.INT), c=(1, T.INT))) == (
        "a",
        "b",
    )


def test_files_count_by_content(codec: Codec) -> None:
    one = codec.encode("a/x.bin", T.FILE)
    two = codec.encode("elsewhere/x.bin", T.FILE)
    left, right = LiteralMap(literals={"f": one.literal}), LiteralMap(literals={"f": two.literal})
    (token,) = (upload.token for upload in one.uploads)
    assert fingerprint(left, {token: MD5}) == fingerprint(right, {token: MD5.upper()})
    assert fingerprint(left, {token: MD5}) != fingerprint(left, {token: "0" * 32})


def test_a_token_without_content_has_no_fingerprint(codec: Codec) -> None:
    with pytest.raises(LiteralError, match=r"inputs\.f: a fingerprint needs the md5"):
        fingerprint(literals(codec, f=("a/x.bin", T.FILE)))
    kind = T.struct(
        {"type": "object", "properties": {"f": {"title": "FlyteFile", "type": "object", "properties": {"path": {}}}}}
    )
    with pytest.raises(LiteralError, match=r"inputs\.m: a fingerprint needs the md5"):
        fingerprint(literals(codec, m=({"f": "x.bin"}, kind)))


def stored_at(codec: Codec, uri: str) -> LiteralMap:
    return literals(codec, f=(uri, T.FILE))


def test_an_upload_equals_what_flyteadmin_stored_of_it(codec: Codec) -> None:
    encoded = codec.encode("a/x.bin", T.FILE)
    ours = LiteralMap(literals={"f": encoded.literal})
    md5s = {encoded.uploads[0].token: MD5}
    assert "=" in SEGMENT
    assert differing(ours, stored_at(codec, f"s3://b/prefix/p/d/{SEGMENT}/x.bin"), md5s) == ()
    assert differing(ours, stored_at(codec, f"s3://b/prefix/p/d/{SEGMENT}/renamed"), md5s) == ()
    assert differing(ours, stored_at(codec, f"s3://b/prefix/p/d/{SEGMENT.lower()}/x.bin"), md5s) == ("f",)
    assert differing(ours, stored_at(codec, f"s3://b/{SEGMENT}x/x.bin"), md5s) == ("f",)
    assert differing(ours, stored_at(codec, f"s3://b/prefix/p/d/{SEGMENT}/x.bin")) == ("f",)


def test_a_frame_and_a_file_inside_a_dataclass_too(codec: Codec) -> None:
    frame = codec.encode("t.parquet", T.FRAME)
    ours = LiteralMap(literals={"t": frame.literal})
    stored = literals(codec, t=(f"s3://b/p/d/{SEGMENT}", T.FRAME))
    assert differing(ours, stored, {frame.uploads[0].token: MD5}) == ()

    kind = T.struct(
        {"type": "object", "properties": {"f": {"title": "FlyteFile", "type": "object", "properties": {"path": {}}}}}
    )
    struct = codec.encode({"f": "x.bin"}, kind)
    ours = LiteralMap(literals={"m": struct.literal})
    stored = LiteralMap(literals={"m": struct.resolved({struct.uploads[0].token: f"s3://b/{SEGMENT}/x.bin"})})
    assert differing(ours, stored, {struct.uploads[0].token: MD5}) == ()
    assert differing(ours, stored) == ("m",)


def test_variants_of_other_releases_do_not_count(codec: Codec) -> None:
    kind = T.union(int=T.INT, none=T.NONE)
    ours = literals(codec, n=(1, kind))
    stored = literals(codec, n=(1, T.INT))
    assert differing(ours, stored) == ()


def test_damaged_and_deep_literals_are_compared_by_their_bytes() -> None:
    def binary(raw: bytes) -> LiteralMap:
        literal = Literal()
        literal.scalar.binary.value, literal.scalar.binary.tag = raw, "msgpack"
        return LiteralMap(literals={"b": literal})

    deep = b"\x91" * 900 + b"\x01"
    for raw in (b"\x92\x01", b"\xc1", deep, msgpack.packb({"a": msgpack.ExtType(4, b"x")})):
        assert fingerprint(binary(raw)) == fingerprint(binary(raw))
        assert differing(binary(raw), binary(raw + b"\x00")) == ("b",)


def test_msgpacks_own_times_count_also_as_keys() -> None:
    """No Python SDK writes them; others may, and damage does."""

    def made(year: int) -> LiteralMap:
        literal = Literal()
        literal.scalar.binary.tag = "msgpack"
        moment = msgpack.Timestamp.from_datetime(dt.datetime(year, 1, 1, tzinfo=dt.UTC))
        literal.scalar.binary.value = msgpack.packb({moment: {"at": moment}})
        return LiteralMap(literals={"v": literal})

    assert fingerprint(made(2024)) == fingerprint(made(2024))
    assert fingerprint(made(2024)) != fingerprint(made(2025))
