"""What people get wrong, and what they read then: the leaf, the rule, what was found, the way out."""

# ruff: noqa: DTZ001 - naive datetimes are among the values

from __future__ import annotations

import datetime as dt
import decimal
import enum
import os
import subprocess
import sys
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from flyteidl.core.types_pb2 import BlobType, LiteralType
from literal_support import Types
from pydantic import BaseModel

from bridge_core.literals import Codec
from bridge_core.literals.encoded import TOKEN_PREFIX
from bridge_core.model.errors import LiteralError
from bridge_core.model.references import FileRef, FrameRef

T = Types
ARRAY = LiteralType(blob=BlobType(format="NumpyArray"))
FORMS = {
    "when": "date-time", "day": "date", "at": "time", "gap": "duration", "id": "uuid", "price": "decimal",
}  # fmt: skip
MODEL = T.struct(
    {
        "type": "object",
        "title": "Model",
        "additionalProperties": False,
        "properties": {
            **{name: {"type": "string", "format": form} for name, form in FORMS.items()},
            "wait": {"type": "number", "format": "time-delta"},
            "cost": {"anyOf": [{"type": "number"}, {"type": "string"}, {"type": "null"}]},
            "flag": {"type": "boolean"},
            "count": {"type": "integer"},
            "names": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
        },
    }
)
DATETIME, DURATION = "datetime (or date, or ISO-8601 text)", "duration (timedelta, seconds, or a text such as '1h30m')"

DATE, TOO_LARGE = "date (or ISO-8601 text)", "integer out of range: msgpack has 64 bits, a text has more"


class Color(enum.Enum):
    RED = "red"


@dataclass(frozen=True)
class Key:
    n: int


@pytest.mark.parametrize(
    ("kind", "value", "message"),
    [
        (T.DATETIME, pd.NaT, f"v: expected {DATETIME}, got NaT (pandas NaTType)"),
        (T.DATETIME, dt.time(1, 2), f"v: expected {DATETIME}, got 01:02:00 (datetime time)"),
        (T.DURATION, pd.NaT, f"v: expected {DURATION}, got NaT (pandas NaTType)"),
        (T.INT, np.float64(5), "v: expected integer, got 5.0 (numpy float64)"),
        (T.INT, 2**63, "v: integer out of range: 64 bits are what Flyte has; got 9223372036854775808 (int)"),
        (T.INT, np.zeros((2, 2)), "v: expected integer, got a numpy ndarray"),
        (T.STR, Path("/a b"), "v: expected string, got /a b (pathlib PosixPath)"),
        (T.STR, uuid.UUID(int=1), "v: expected string, got 00000000-0000-0000-0000-000000000001 (uuid UUID)"),
        (T.STR, Color.RED, "v: expected string, got Color.RED"),
        (T.FLOAT, decimal.Decimal("0.1"), "v: expected float, got 0.1 (decimal Decimal)"),
        (T.enum("red", "blue"), "RED", "v: expected one of 'red', 'blue', got 'RED'; did you mean 'red'?"),
        (T.INT, "3", "v: expected integer, got '3' (str); only coerce_json=True reads texts by type, here as 3 (int)"),
        (T.BOOL, "true", "v: expected boolean, got 'true' (str); only coerce_json=True reads texts by type, here as True (bool)"),
        (T.INT, "three", "v: expected integer, got 'three' (str)"),
        (T.STRUCT, {"a": {(1, 2): 3}}, "v: expected texts and numbers as keys, got (1, 2) (tuple)"),
        (T.STRUCT, [{Key(1): 3}], "v: expected texts and numbers as keys, got a test_literal_mistakes Key"),
        (T.STRUCT, {"n": [2**64]}, f"v.n[0]: {TOO_LARGE}; got 18446744073709551616 (int)"),
        (T.STRUCT, {"t": pd.NaT}, "v.t: expected datetime, got NaT (pandas)"),
        (MODEL, {"when": "tomorrow"}, f"v.when: expected {DATETIME}, got 'tomorrow' (str)"),
        (MODEL, {"when": pd.NaT}, f"v.when: expected {DATETIME}, got NaT (pandas NaTType)"),
        (MODEL, {"day": "2024-13-01"}, f"v.day: expected {DATE}, got '2024-13-01' (str)"),
        (MODEL, {"day": dt.datetime(2024, 1, 1, 5)}, f"v.day: expected {DATE}, got 2024-01-01 05:00:00 (datetime datetime)"),
        (MODEL, {"at": "noon"}, "v.at: expected time (or text such as '13:30:00'), got 'noon' (str)"),
        (MODEL, {"gap": "soon"}, f"v.gap: expected {DURATION}, got 'soon' (str)"),
        (MODEL, {"wait": "soon"}, f"v.wait: expected {DURATION}, got 'soon' (str)"),
        (MODEL, {"id": "x"}, "v.id: expected UUID (or its text), got 'x' (str)"),
        (MODEL, {"price": "x"}, "v.price: expected Decimal (or int, or text), got 'x' (str)"),
        (MODEL, {"price": 1.5}, "v.price: expected Decimal (or int, or text), got 1.5 (float)"),
        (MODEL, {"flag": 1}, "v.flag: expected boolean, got 1 (int)"),
        (MODEL, {"count": 2**65}, f"v.count: {TOO_LARGE}; got 36893488147419103232 (int)"),
        (T.FILE, FileRef(uri=""), "v: the reference has no URI"),
        (T.FRAME, FrameRef(uri=""), "v: the reference has no URI"),
        (T.FILE, f"{TOKEN_PREFIX}0", f"v: the reference has the URI {TOKEN_PREFIX}0, which stands for an upload of this library"),
        (T.FILE, FileRef(uri="s3://b/\ud800"), "v: holds characters that UTF-8 cannot carry (lone surrogates)"),
        (ARRAY, [1], "v: expected file (NumpyArray) (a numpy array, FileRef, URI, local path or bytes), got [1] (list)"),
    ],
)  # fmt: skip
def test_a_mistake_reads(kind: Any, value: Any, message: str) -> None:
    with pytest.raises(LiteralError) as caught:
        Codec.default().encode(value, kind, path="v")
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ({"when": dt.date(2024, 1, 2)}, {"when": "2024-01-02T00:00:00+00:00"}),
        ({"when": pd.Timestamp("2024-01-02 03:04:05.123456789")}, {"when": "2024-01-02T03:04:05.123456"}),
        ({"when": "2024-01-02t03:04:05z"}, {"when": "2024-01-02t03:04:05z"}),
        ({"when": "1700000000"}, {"when": "1700000000"}),
        ({"day": dt.datetime(2024, 1, 2)}, {"day": "2024-01-02"}),
        ({"day": "2024-01-02T00:00:00"}, {"day": "2024-01-02"}),
        ({"day": "2024-01-02"}, {"day": "2024-01-02"}),
        ({"at": dt.time(1, 2)}, {"at": "01:02:00"}),
        ({"gap": "1h30m"}, {"gap": "PT1H30M"}),
        ({"gap": "PT90S"}, {"gap": "PT90S"}),
        ({"gap": "1 day, 02:00:00"}, {"gap": "1 day, 02:00:00"}),
        ({"wait": "1h30m"}, {"wait": 5400.0}),
        ({"wait": np.int64(5)}, {"wait": 5.0}),
        ({"price": 3}, {"price": "3"}),
        ({"cost": decimal.Decimal("2.50")}, {"cost": "2.50"}),
        ({"cost": 2.5}, {"cost": 2.5}),
        ({"price": "1e-3"}, {"price": "1e-3"}),
        ({"id": "{12345678123456781234567812345678}"}, {"id": "{12345678123456781234567812345678}"}),
        ({"flag": np.True_}, {"flag": True}),
    ],
)
def test_what_is_no_mistake_is_written_as_the_task_reads_it(given: Any, stored: Any) -> None:
    codec = Codec.default()
    assert codec.decode(codec.encode(given, MODEL).literal, MODEL) == stored


class Times(BaseModel):
    when: dt.datetime
    day: dt.date
    at: dt.time
    gap: dt.timedelta
    price: decimal.Decimal
    where: Path


@pytest.mark.filterwarnings("ignore")  # flytekit's own
@pytest.mark.parametrize(
    ("given", "read"),
    [
        (
            {"when": "2024-01-02t03:04:05z", "day": dt.datetime(2024, 1, 2), "at": "10:00", "gap": "1h30m", "price": 3},
            (dt.datetime(2024, 1, 2, 3, 4, 5, tzinfo=dt.UTC), dt.time(10), dt.timedelta(hours=1.5), decimal.Decimal(3)),
        ),
        (
            {
                "when": dt.date(2024, 1, 2),
                "day": "2024-01-02T00:00",
                "at": dt.time(1),
                "gap": "1 day, 02:00:00",
                "price": decimal.Decimal("2.50"),
            },
            (dt.datetime(2024, 1, 2, tzinfo=dt.UTC), dt.time(1), dt.timedelta(hours=26), decimal.Decimal("2.50")),
        ),
    ],
)
def test_a_task_reads_what_is_taken(given: Any, read: Any) -> None:
    from flytekit.core.context_manager import FlyteContextManager
    from flytekit.core.type_engine import TypeEngine
    from flytekit.models.literals import Literal as Model

    remote = TypeEngine.to_literal_type(Times).to_flyte_idl()
    ours = Codec.default().encode({**given, "where": Path("a/b")}, remote).literal
    back = TypeEngine.to_python_value(FlyteContextManager.current_context(), Model.from_flyte_idl(ours), Times)
    assert (back.when, back.at, back.gap, back.price) == read
    assert (back.day, back.where) == (dt.date(2024, 1, 2), Path("a/b"))


def test_numpys_bool_is_one() -> None:
    codec = Codec.default()
    assert codec.decode(codec.encode([np.True_, False], T.list(T.BOOL)).literal, T.list(T.BOOL)) == [True, False]
    with pytest.raises(LiteralError, match="expected integer"):
        codec.encode(np.True_, T.INT)


SETS = """
from literal_support import Types as T
from bridge_core.literals import Codec
names = {"alpha", "beta", "gamma", "delta", "epsilon"}
model = T.struct({"type": "object", "properties": {"names": {"type": "array", "items": {"type": "string"}}}})
for kind, value in ((T.STRUCT, {"names": names}), (model, {"names": names}), (T.STRUCT, {"mixed": {1, "a", None}})):
    print(Codec.default().encode(value, kind).literal.scalar.binary.value)
"""


def test_a_set_is_the_same_in_every_process() -> None:
    """Texts hash differently in each; an order that follows would make every retry a launch with other inputs."""
    here = str(Path(__file__).parent)
    seen = {
        subprocess.run(
            [sys.executable, "-c", SETS],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": here},
            capture_output=True,
            check=True,
            timeout=60,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(seen) == 1
    assert b"alpha" in seen.pop()
