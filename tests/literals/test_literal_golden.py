"""flytekit wrote the bytes in `golden/`: we read them, write the same, and flytekit reads what we wrote."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flyteidl.core.literals_pb2 import Literal
from flyteidl.core.types_pb2 import LiteralType
from literal_support import GOLDENS, Golden

from bridge_core.literals import Codec, read_frame, to_parquet

if TYPE_CHECKING:
    from collections.abc import Callable

sys.path.insert(0, str(Path(__file__).parent))

OLD_FORMAT = {golden.name for golden in GOLDENS if golden.name.startswith("old-")}
REFERENCES = {
    golden.name for golden in GOLDENS if any(word in golden.name for word in ("file", "dir", "frame", "schema", "ref"))
}


def only(wanted: Callable[[str], bool]) -> pytest.MarkDecorator:
    """Runs a test for the golden files whose names are wanted."""
    chosen = [golden for golden in GOLDENS if wanted(golden.name)]
    return pytest.mark.parametrize("chosen", chosen, ids=lambda golden: golden.name)


def same_types(left: Any, right: Any) -> bool:
    """Equality that tells 1 from 1.0 and True."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same_types(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same_types, left, right))
    return bool(left == right)


def test_there_are_golden_files_for_every_case() -> None:
    from golden_cases import CASES

    assert {golden.name for golden in GOLDENS} == {case.name for case in CASES}


def test_theirs_is_decoded(golden: Golden, codec: Codec) -> None:
    decoded = codec.decode(golden.literal, golden.type)
    assert same_types(decoded, golden.plain), decoded


@only(lambda name: name not in OLD_FORMAT)  # a Struct does not say which numbers were ints
def test_theirs_is_decoded_without_the_type(chosen: Golden, codec: Codec) -> None:
    decoded = codec.decode(chosen.literal)
    assert same_types(decoded, chosen.plain), decoded


def test_ours_is_byte_for_byte_theirs(golden: Golden, codec: Codec) -> None:
    """Including the variant of a union, the metadata of blobs and frames, and msgpack's choice of number formats."""
    ours = codec.encode(golden.plain, golden.type).literal
    if golden.name in OLD_FORMAT:  # we follow the type, which asks for msgpack
        assert same_types(codec.decode(ours, golden.type), golden.plain)
        return
    assert ours.SerializeToString(deterministic=True) == golden.literal.SerializeToString(deterministic=True)


# Flytekit's own file classes are not taken, on purpose: nobody has them where this library runs.
@only(lambda name: name not in OLD_FORMAT | REFERENCES)
def test_the_callers_own_objects_give_the_same_bytes(chosen: Golden, codec: Codec) -> None:
    """Dataclasses, models, enums and dates as the task's author has them, instead of plain data."""
    from golden_cases import CASES

    case = next(case for case in CASES if case.name == chosen.name)
    ours = codec.encode(case.value, chosen.type).literal
    assert ours.SerializeToString(deterministic=True) == chosen.literal.SerializeToString(deterministic=True)


def theirs(literal: Literal, kind: Any) -> Any:
    """What a flytekit task would be given."""
    from flytekit.core.context_manager import FlyteContextManager
    from flytekit.core.type_engine import TypeEngine
    from flytekit.models.literals import Literal as Model

    return TypeEngine.to_python_value(FlyteContextManager.current_context(), Model.from_flyte_idl(literal), kind)


@pytest.mark.filterwarnings("ignore")  # flytekit warns about its own deprecations
@only(lambda name: name != "frame-pandas")  # that one reads the file: see below
def test_theirs_decodes_ours(chosen: Golden, codec: Codec) -> None:
    from golden_cases import CASES

    case = next(case for case in CASES if case.name == chosen.name)
    back = theirs(codec.encode(chosen.plain, chosen.type).literal, case.kind)
    assert located(back) == located(case.plain if case.name == "datetime-naive" else case.value)


@pytest.mark.filterwarnings("ignore")
def test_theirs_decodes_an_old_struct_of_ours(codec: Codec) -> None:
    """A type without the msgpack annotation was registered by an SDK that reads nothing but `generic`."""
    from golden_cases import CASES

    for golden in GOLDENS:
        if golden.name.startswith("old-") and golden.type.HasField("metadata"):
            case = next(case for case in CASES if case.name == golden.name)
            kind = LiteralType()
            kind.CopyFrom(golden.type)
            kind.ClearField("annotation")
            ours = codec.encode(case.value, kind).literal
            assert ours.scalar.WhichOneof("value") == "generic"
            assert ours == golden.literal
            if golden.name != "old-dataclass":  # flytekit 1.16 cannot read a list inside an untyped dict from `generic`
                assert theirs(ours, case.kind) == case.value
            assert same_types(codec.decode(ours, kind), golden.plain)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("library", ["pandas", "pyarrow", "polars"])
def test_theirs_reads_the_frame_where_ours_put_it(library: str, codec: Codec, types: Any, tmp_path: Path) -> None:
    """The uploaded object is `<uri>/00000`, the literal's URI the directory above it."""
    import pandas as pd

    data = {"a": [1, 2], "b": ["x", ""]}
    module = __import__(library)
    encoded = codec.encode(module.table(data) if library == "pyarrow" else module.DataFrame(data), types.FRAME)
    (upload,) = encoded.uploads
    (tmp_path / upload.file_name).write_bytes(to_parquet(upload.source))
    literal = encoded.resolved({upload.token: f"{tmp_path}/{upload.file_name}"})
    assert literal.scalar.structured_dataset.uri == str(tmp_path)
    assert theirs(literal, pd.DataFrame).to_dict("list") == data
    assert read_frame([tmp_path / "00000"]).to_dict("list") == data


@pytest.mark.filterwarnings("ignore")
def test_theirs_reads_the_csv_where_ours_put_it(codec: Codec, types: Any, tmp_path: Path) -> None:
    import pandas as pd

    encoded = codec.encode("some/table.csv", types.FRAME)
    (upload,) = encoded.uploads
    (tmp_path / upload.file_name).write_text("a,b\n1,x\n2,y\n")
    literal = encoded.resolved({upload.token: f"{tmp_path}/{upload.file_name}"})
    assert theirs(literal, pd.DataFrame).to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}
    assert read_frame([tmp_path / ".csv"], "csv").to_dict("list") == {"a": [1, 2], "b": ["x", "y"]}


def located(value: Any) -> Any:
    """flytekit's files and frames do not compare: their remote places do."""
    kind = type(value).__name__
    if {"FlyteFile", "FlyteDirectory"} & {base.__name__ for base in type(value).__mro__}:
        return str(value.remote_source or value.path)
    if kind == "StructuredDataset":
        literal = value.literal
        return (value.uri or literal.uri, value.file_format)
    if kind == "FlyteSchema":
        return value.remote_path
    if dataclasses.is_dataclass(value) or hasattr(type(value), "model_fields"):
        return {name: located(item) for name, item in vars(value).items()}
    if isinstance(value, dict):
        return {name: located(item) for name, item in value.items()}
    if isinstance(value, list):
        return [located(item) for item in value]
    return value
