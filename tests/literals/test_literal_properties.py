"""Round trips of arbitrary values through arbitrary types, nested to depth 4. What the SDKs say: `test_literal_sdks.py`."""

from __future__ import annotations

from flyteidl.core.literals_pb2 import Literal, LiteralMap
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from literal_strategies import LEAVES, REFERENCES, canonical, typed

from bridge_core.literals import Codec, differing, fingerprint

QUIET = settings(
    derandomize=True, max_examples=150, deadline=None, database=None, suppress_health_check=[HealthCheck.too_slow]
)


@QUIET
@given(data=st.data())
def test_what_was_encoded_is_decoded(data: st.DataObject) -> None:
    codec = Codec.default()
    kind, values = data.draw(typed(LEAVES + REFERENCES))
    value = data.draw(values)
    literal = codec.encode(value, kind).literal
    sent = Literal.FromString(literal.SerializeToString())
    back = codec.decode(sent, kind)
    assert back == value
    assert canonical(back) == canonical(value), "types count: 1 is not 1.0, and -0.0 is not 0.0"
    assert codec.decode(sent) == value


@QUIET
@given(data=st.data())
def test_the_fingerprint_tells_values_apart(data: st.DataObject) -> None:
    codec = Codec.default()
    kind, values = data.draw(typed(LEAVES))
    one, two = data.draw(values), data.draw(values)
    left = LiteralMap(literals={"v": codec.encode(one, kind).literal})
    right = LiteralMap(literals={"v": codec.encode(two, kind).literal})
    same = canonical(one) == canonical(two)
    assert (fingerprint(left) == fingerprint(right)) is same
    assert (differing(left, right) == ()) is same
