"""What we decode can be encoded again, and is then the same: every golden case, every alias, every duration."""

from __future__ import annotations

import datetime as dt
import json
import sys
from pathlib import Path
from typing import Any

import msgpack
import pytest
from flyteidl.core.literals_pb2 import Literal
from hypothesis import given, settings
from hypothesis import strategies as st
from literal_support import GOLDENS, GOLDENS2, Golden
from pydantic import TypeAdapter

from bridge_core.literals import Codec, as_type, fingerprint
from bridge_core.model.durations import iso_duration, parse_duration
from bridge_core.model.errors import LiteralError

sys.path.insert(0, str(Path(__file__).parent))

QUICK = settings(derandomize=True, max_examples=200, deadline=None, database=None)
SPANS = st.timedeltas(min_value=dt.timedelta(days=-99999), max_value=dt.timedelta(days=99999))
PYDANTIC = TypeAdapter(dt.timedelta)


def raw(literal: Literal) -> bytes:
    return bytes(literal.SerializeToString(deterministic=True))


@pytest.mark.parametrize("chosen", [*GOLDENS, *GOLDENS2], ids=lambda golden: golden.name)
def test_decoded_values_encode_to_the_same_literal(chosen: Golden) -> None:
    golden = chosen
    codec = Codec.default(enums="name" if golden in GOLDENS2 else "value")
    value = codec.decode(golden.literal, golden.type)
    again = codec.encode(value, golden.type)
    assert again.uploads == (), "nothing of it is on this machine"
    if golden.name.startswith("old-"):  # written as a Struct, whose type asks for msgpack today
        assert codec.decode(again.literal, golden.type) == value
    else:
        assert raw(again.literal) == raw(golden.literal)


@pytest.mark.parametrize("chosen", GOLDENS, ids=lambda golden: golden.name)
def test_decoded_values_as_their_class_encode_to_the_same_inputs(chosen: Golden, codec: Codec) -> None:
    """Not byte for byte: a class may write a time another way, and a model its aliases."""
    from golden_cases import CASES

    golden = chosen
    case = next(case for case in CASES if case.name == golden.name)
    value = codec.decode(golden.literal, golden.type)
    if (
        "references" in case.name
        or not isinstance(value, (dict, list))
        or case.name.startswith(("old-", "dict-untyped"))
    ):
        return
    typed = as_type(value, case.kind)
    again = codec.encode(typed, golden.type)
    assert as_type(codec.decode(again.literal, golden.type), case.kind) == typed


@QUICK
@given(
    rate=st.floats(allow_nan=False, allow_infinity=False), every=SPANS, sizes=st.lists(st.integers(-(2**63), 2**63 - 1))
)
def test_models_by_name_and_by_alias(rate: float, every: dt.timedelta, sizes: list[int]) -> None:
    """flytekit writes the names of fields; the schema, and most people, have the aliases."""
    from golden_cases import Aliased, InnerAlias, file

    codec = Codec.default()
    kind = next(golden.type for golden in GOLDENS if golden.name == "pydantic-aliased-references")
    inners = [InnerAlias(batch_size=size) for size in sizes]
    model = Aliased(learning_rate=rate, every=every, weights=file("w"), inner=InnerAlias(batch_size=1), inners=inners)
    literals = []
    for by_alias in (False, True):
        written = Literal()
        plain = json.loads(model.model_dump_json(by_alias=by_alias))
        written.scalar.binary.value, written.scalar.binary.tag = msgpack.packb(plain), "msgpack"
        back = codec.decode(written, kind)
        assert raw(codec.encode(back, kind).literal) == raw(written)
        assert as_type(back, Aliased).model_dump() == model.model_dump()
        literals.append(back)
    assert codec.decode(codec.encode(model, kind).literal, kind) == literals[1], "a model goes by what the schema has"


def test_a_field_by_its_own_name_is_checked_like_its_alias(codec: Codec) -> None:
    kind = next(golden.type for golden in GOLDENS if golden.name == "pydantic-aliased-references")
    good = {"learning_rate": 0.5, "weights": {"path": "s3://b/w"}, "inner": {"batch_size": 3}}
    assert codec.encode(good, kind).uploads == ()
    for name, value, wanted in [
        ("learning_rate", "fast", "value.learning_rate: expected float, got 'fast' (str)"),
        ("weights", 3, "value.weights: expected dataclass FlyteFile, got 3 (int)"),
        ("inner", {"batch_size": "x"}, "value.inner.batch_size: expected integer, got 'x' (str)"),
        ("every", "P1Y", None),
        ("every", "soon", "value.every: expected duration"),
        ("innner", {}, "value.innner: unknown field of dataclass Aliased"),
    ]:
        if wanted is None:
            codec.encode({**good, name: value}, kind)
            continue
        with pytest.raises(LiteralError) as caught:
            codec.encode({**good, name: value}, kind)
        assert wanted in str(caught.value)
    with pytest.raises(LiteralError, match=r"value\.modelWeights: missing field of dataclass Aliased"):
        codec.encode({"learning_rate": 0.5}, kind)


@QUICK
@given(span=SPANS)
def test_durations_are_written_as_pydantic_writes_them(span: dt.timedelta) -> None:
    text = PYDANTIC.dump_python(span, mode="json")
    assert iso_duration(span) == text
    assert parse_duration(text) == span


@pytest.mark.parametrize(
    "text",
    ["P1Y35D", "P1W", "P2W3D", "P1M", "P1Y2M3W4DT1H", "PT36H", "P1.5Y", "-P1Y", "P1Y1M", "P0.5D", "PT0.5M", "p1w"],
)
def test_durations_are_read_as_pydantic_reads_them(text: str, codec: Codec, types: Any) -> None:
    wanted = PYDANTIC.validate_python(text.upper())
    assert parse_duration(text) == wanted
    assert as_type(text, dt.timedelta) == wanted
    for kind in (
        types.DURATION,
        types.struct({"type": "object", "properties": {"x": {"type": "string", "format": "duration"}}}),
    ):
        struct = kind is not types.DURATION
        literal = codec.encode({"x": text} if struct else text, kind).literal
        assert codec.decode(literal, kind) == ({"x": text} if struct else wanted)


@pytest.mark.parametrize("text", ["P", "PT", "P1", "1Y", "P1YT", "P1D1Y", "P-1D", "", "P1H"])
def test_texts_that_are_no_duration_are_refused(text: str, codec: Codec, types: Any) -> None:
    with pytest.raises(LiteralError, match="expected duration"):
        codec.encode(text, types.DURATION)


def test_one_value_in_three_shapes_is_one_input(codec: Codec) -> None:
    """By plain data, by SDK objects and by references: the fingerprint decides whether a launch attaches."""
    from flyteidl.core.literals_pb2 import LiteralMap
    from golden_cases import BoxModel, Places, PlacesModel, places

    from bridge_core import FileRef

    for name, cls in (("twin-places-references", PlacesModel), ("places-references", Places)):
        golden = next(golden for golden in GOLDENS if golden.name == name)
        prints = set()
        for value in (
            golden.plain,
            places(cls, BoxModel if cls is PlacesModel else __import__("golden_cases").Box),
            {
                **golden.plain,
                "maybe": FileRef(uri="s3://b/maybe"),
                "files": ["s3://b/1", FileRef(uri="s3://b/2").to_dict()],
            },
        ):
            encoded = codec.encode(value, golden.type)
            assert encoded.uploads == ()
            prints.add(fingerprint(LiteralMap(literals={"x": encoded.literal})))
        assert len(prints) == 1
