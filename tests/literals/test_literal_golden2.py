"""The Flyte 2 SDK wrote the bytes in `golden2/`: we read them, write the same, and the SDK reads what we wrote."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from flyteidl.core.literals_pb2 import Literal
from literal_strategies import canonical
from literal_support import GOLDENS2, Golden

from bridge_core.literals import Codec

sys.path.insert(0, str(Path(__file__).parent))

pytestmark = pytest.mark.filterwarnings("ignore")  # the SDK's own

each = pytest.mark.parametrize("chosen", GOLDENS2, ids=lambda golden: golden.name)
CODEC = Codec.default(enums="name")


def case_of(chosen: Golden) -> Any:
    from golden2_cases import CASES2

    return next(case for case in CASES2 if case.name == chosen.name)


def theirs(literal: Literal, kind: Any) -> Any:
    from flyte.types import TypeEngine
    from flyteidl2.core import literals_pb2

    return asyncio.run(TypeEngine.to_python_value(literals_pb2.Literal.FromString(literal.SerializeToString()), kind))


def test_there_are_golden_files_for_every_case() -> None:
    from golden2_cases import CASES2

    assert {golden.name for golden in GOLDENS2} == {case.name for case in CASES2}


@each
def test_theirs_is_decoded(chosen: Golden) -> None:
    assert canonical(CODEC.decode(chosen.literal, chosen.type)) == canonical(chosen.plain)


@each
def test_ours_is_byte_for_byte_theirs(chosen: Golden) -> None:
    for value in (chosen.plain, case_of(chosen).value):
        if chosen.name == "tuple" and isinstance(value, tuple):
            continue  # a bare tuple is a list to us; its fields are item_0 and so on
        ours = CODEC.encode(value, chosen.type).literal
        assert ours.SerializeToString(deterministic=True) == chosen.literal.SerializeToString(deterministic=True)


@each
def test_theirs_decodes_ours(chosen: Golden) -> None:
    case = case_of(chosen)
    back = theirs(CODEC.encode(chosen.plain, chosen.type).literal, case.kind)
    # the SDK makes classes of its own from schemas, and dates from datetimes
    if chosen.name not in ("date", "tuple", "named-tuple"):
        assert repr(back) == repr(case.value) or back == case.value


@each
def test_ours_as_the_classes_of_the_caller(chosen: Golden) -> None:
    case = case_of(chosen)
    if isinstance(case.kind, type) and chosen.name != "date":
        made = CODEC.as_type(CODEC.decode(chosen.literal, chosen.type), case.kind)
        # the SDK's frames keep what they were read from, and compare it
        assert made == case.value or (chosen.name.startswith("frame") and repr(made) == repr(case.value))
