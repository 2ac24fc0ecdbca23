"""Whatever a task may declare: we write what its SDK writes, it reads ours, and we read its own."""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import Any

import pytest
from flyteidl.core.literals_pb2 import Literal
from flyteidl.core.types_pb2 import LiteralType
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from literal_strategies import canonical
from sdk_strategies import FLYTE2, FLYTEKIT, Kind, around, comparable

from bridge_core.literals import Codec

pytestmark = pytest.mark.filterwarnings("ignore")  # the SDKs' own
EXAMPLES = settings(
    derandomize=True,
    max_examples=25,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


def each(leaves: list[Kind]) -> pytest.MarkDecorator:
    """Once per type that has no parts, so that none is left to chance."""
    return pytest.mark.parametrize("leaf", leaves, ids=lambda kind: getattr(kind.python, "__name__", str(kind.python)))


def agrees(codec: Codec, values: Any, written: Literal, remote: LiteralType, read: Any) -> None:
    """Both ways, as plain values; `read` is the SDK's decoder."""
    ours = codec.encode(values.plain, remote).literal
    assert ours.SerializeToString(deterministic=True) == written.SerializeToString(deterministic=True)
    assert canonical(codec.decode(written, remote)) == canonical(values.plain)
    assert canonical(codec.decode(written)) == canonical(values.plain)
    assert canonical(comparable(read(ours))) == canonical(comparable(values.theirs))


@each(FLYTEKIT)
@EXAMPLES
@given(data=st.data())
def test_flytekit(leaf: Kind, data: st.DataObject) -> None:
    from flytekit.core.context_manager import FlyteContextManager
    from flytekit.core.type_engine import TypeEngine
    from flytekit.models.literals import Literal as Model

    context = FlyteContextManager.current_context()
    kind = data.draw(around(leaf, FLYTEKIT))
    values = data.draw(kind.values)
    declared = TypeEngine.to_literal_type(kind.python)
    remote = declared.to_flyte_idl()
    TypeEngine._LITERAL_CACHE.clear()
    written = TypeEngine.to_literal(context, values.theirs, kind.python, declared).to_flyte_idl()

    def read(literal: Literal) -> Any:
        back = TypeEngine.to_python_value(context, Model.from_flyte_idl(literal), kind.python)
        return back.date() if kind.python is dt.date and isinstance(back, dt.datetime) else back

    agrees(Codec.default(), values, written, remote, read)


@each(FLYTE2)
@EXAMPLES
@given(data=st.data())
def test_flyte_2(leaf: Kind, data: st.DataObject) -> None:
    from flyte.types import TypeEngine
    from flyteidl2.core import literals_pb2

    kind = data.draw(around(leaf, FLYTE2))
    values = data.draw(kind.values)
    declared = TypeEngine.to_literal_type(kind.python)
    remote = LiteralType.FromString(declared.SerializeToString())
    written = Literal.FromString(
        asyncio.run(TypeEngine.to_literal(values.theirs, kind.python, declared)).SerializeToString()
    )

    def read(literal: Literal) -> Any:
        theirs = literals_pb2.Literal.FromString(literal.SerializeToString())
        return asyncio.run(TypeEngine.to_python_value(theirs, kind.python))

    agrees(Codec.default(enums="name"), values, written, remote, read)
