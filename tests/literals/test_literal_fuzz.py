"""A minute of arbitrary damage, and literals as large as they get: nothing but LiteralError, and no hang."""

from __future__ import annotations

import os
import random
import time
import tracemalloc

import msgpack
import pytest
from flyteidl.core.literals_pb2 import Literal, LiteralMap
from google.protobuf.message import DecodeError
from literal_support import GOLDENS, GOLDENS2, Types

from bridge_core.literals import Codec, fingerprint
from bridge_core.model.errors import LiteralError

SECONDS = float(os.environ.get("FLYTE_BRIDGE_FUZZ_SECONDS", "60"))
HOSTILE = [b"\xdd\xff\xff\xff\xff", b"\xdf\xff\xff\xff\xff", b"\xc1", b"\x91" * 200, b"\xff" * 9, b"\x00", b"\x80"]


def damaged(chance: random.Random, raw: bytes) -> bytes:
    """Some bytes changed, cut out, repeated, or put in."""
    out = bytearray(raw)
    for _ in range(chance.randint(1, 4)):
        at = chance.randint(0, len(out))
        kind = chance.randrange(5)
        if kind == 0 and out:
            out[at % len(out)] = chance.randrange(256)
        elif kind == 1:
            del out[at : at + chance.randint(1, 8)]
        elif kind == 2:
            out[at:at] = out[at : at + chance.randint(1, 40)]
        elif kind == 3:
            out[at:at] = chance.choice(HOSTILE)
        else:
            out[at:at] = chance.randbytes(chance.randint(1, 8))
    return bytes(out)


@pytest.mark.long
def test_a_minute_of_damage() -> None:
    """Seeded by the clock and printed, so that what it finds can be found again."""
    seed = int(os.environ.get("FLYTE_BRIDGE_FUZZ_SEED", time.time_ns()))
    chance = random.Random(seed)
    codecs, goldens = [Codec.default(), Codec.default(enums="name")], GOLDENS + GOLDENS2
    until, tried, slowest = time.monotonic() + SECONDS, 0, 0.0
    while time.monotonic() < until:
        golden, other = chance.choice(goldens), chance.choice(goldens)
        if chance.random() < 0.5 and golden.literal.scalar.binary.value:
            literal = Literal()
            literal.CopyFrom(golden.literal)
            literal.scalar.binary.value = damaged(chance, golden.literal.scalar.binary.value)
        else:
            try:
                literal = Literal.FromString(damaged(chance, golden.literal.SerializeToString()))
            except DecodeError:
                continue
        begin = time.monotonic()
        for kind in (golden.type, other.type, None):
            codec = chance.choice(codecs)
            try:
                value = codec.decode(literal, kind)
                codec.encode(value, other.type, coerce_json=chance.random() < 0.5)
            except LiteralError:
                pass
            except BaseException as error:
                raise AssertionError(f"seed {seed}, case {tried}: {golden.name} as {kind}: {literal!r}") from error
        fingerprint(LiteralMap(literals={"a": literal}))
        slowest = max(slowest, time.monotonic() - begin)
        tried += 1
    print(f"seed {seed}: {tried} damaged literals, slowest {slowest:.3f} s")
    assert tried > 1000


def test_a_literal_of_100_mb() -> None:
    """It is decoded; a damaged one is refused; neither is copied several times on the way."""
    codec, literal = Codec.default(), Literal()
    literal.scalar.binary.tag = "msgpack"
    literal.scalar.binary.value = msgpack.packb({"a": bytes(100_000_000)})
    tracemalloc.start()
    try:
        assert len(codec.decode(literal, Types.STRUCT)["a"]) == 100_000_000
        peak = tracemalloc.get_traced_memory()[1]
        assert peak < 450_000_000
        cut = Literal()
        cut.scalar.binary.tag = "msgpack"
        cut.scalar.binary.value = literal.scalar.binary.value[:-1]
        with pytest.raises(LiteralError, match=r"not readable as msgpack \(10000000\d bytes\)"):
            codec.decode(cut, Types.STRUCT)
        del cut
        text = Literal()
        text.scalar.primitive.string_value = "x" * 100_000_000
        assert len(codec.decode(text, Types.STR)) == 100_000_000
        with pytest.raises(LiteralError) as caught:
            codec.decode(text, Types.INT)
        assert len(str(caught.value)) < 500
    finally:
        tracemalloc.stop()
