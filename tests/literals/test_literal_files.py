"""Files, directories and frames: references pass, local things become uploads, tokens become URIs."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from flyteidl.core import types_pb2
from flyteidl.core.types_pb2 import LiteralType
from literal_support import Types

from bridge_core.literals import Codec, read_frame, to_parquet
from bridge_core.model.errors import ConfigError, LiteralError
from bridge_core.model.references import DirectoryRef, FileRef, FrameRef

T = Types

PICKLE = LiteralType(blob=types_pb2.BlobType(format="PythonPickle"))
CSV_FRAME = LiteralType(structured_dataset_type=types_pb2.StructuredDatasetType(format="csv"))
FRAME = pd.DataFrame({"a": [1]})


def columns(*named: tuple[str, Any]) -> LiteralType:
    kind = LiteralType(structured_dataset_type=types_pb2.StructuredDatasetType(format="parquet"))
    for name, one in named:
        kind.structured_dataset_type.columns.add(name=name, literal_type=one)
    return kind


PASSED = [
    (T.FILE, "s3://b/x", FileRef(uri="s3://b/x")),
    (T.FILE, "https://host/x?y=1", FileRef(uri="https://host/x?y=1")),
    (T.CSV, "s3://b/x", FileRef(uri="s3://b/x", format="csv")),
    (T.CSV, FileRef(uri="s3://b/x"), FileRef(uri="s3://b/x", format="csv")),
    (T.CSV, FileRef(uri="s3://b/x", format="csv"), FileRef(uri="s3://b/x", format="csv")),
    (T.FILE, FileRef(uri="s3://b/x", size=3).to_dict(), FileRef(uri="s3://b/x")),
    (PICKLE, FileRef(uri="s3://b/x"), FileRef(uri="s3://b/x", format="PythonPickle")),
    (T.DIRECTORY, "gs://b/d/", DirectoryRef(uri="gs://b/d/")),
    (T.DIRECTORY, DirectoryRef(uri="gs://b/d").to_dict(), DirectoryRef(uri="gs://b/d")),
    (T.FRAME, "s3://b/t", FrameRef(uri="s3://b/t")),
    (T.FRAME, FrameRef(uri="s3://b/t", format="csv"), FrameRef(uri="s3://b/t", format="csv")),
    (CSV_FRAME, "s3://b/t", FrameRef(uri="s3://b/t", format="csv")),
    (columns(("a", T.INT), ("b", T.STR)), FrameRef(uri="s3://b/t"),
     FrameRef(uri="s3://b/t", schema=(("a", "integer"), ("b", "string")))),
    (T.SCHEMA, FrameRef(uri="s3://b/t").to_dict(), FrameRef(uri="s3://b/t")),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "back"), PASSED)
def test_remote_things_pass_through(kind: Any, value: Any, back: Any, codec: Codec) -> None:
    encoded = codec.encode(value, kind)
    assert encoded.uploads == ()
    assert codec.decode(encoded.literal, kind) == back


UPLOADED = [
    (T.FILE, "data/x.bin", "file", "x.bin", Path("data/x.bin")),
    (T.FILE, Path("data") / "x.bin", "file", "x.bin", Path("data/x.bin")),
    (T.FILE, "file:///data/a%20b", "file", "a b", Path("/data/a b")),
    (T.FILE, b"abc", "bytes", "data", b"abc"),
    (T.CSV, b"abc", "bytes", "data.csv", b"abc"),
    (T.DIRECTORY, "data/dir/", "directory", "dir", Path("data/dir")),
    (T.FRAME, "t.parquet", "file", "00000", Path("t.parquet")),
    (T.FRAME, Path("t.CSV"), "file", ".csv", Path("t.CSV")),
    (CSV_FRAME, "t.csv", "file", ".csv", Path("t.csv")),
    (T.SCHEMA, "t.parquet", "file", "00000", Path("t.parquet")),
    (T.FRAME, FRAME, "frame", "00000", FRAME),
    (T.SCHEMA, FRAME, "frame", "00000", FRAME),
    (T.FRAME, pl.DataFrame({"a": [1]}), "frame", "00000", None),
    (T.FRAME, pa.table({"a": [1]}), "frame", "00000", None),
]


@pytest.mark.parametrize(("kind", "value", "what", "name", "source"), UPLOADED)
def test_local_things_become_uploads(  # noqa: PLR0917
    kind: Any, value: Any, what: str, name: str, source: Any, codec: Codec
) -> None:
    encoded = codec.encode(value, kind, path="inputs.x")
    (upload,) = encoded.uploads
    assert (upload.kind, upload.file_name, upload.path) == (what, name, "inputs.x")
    assert upload.source is (value if source is None or source is FRAME else upload.source)
    assert source is None or source is FRAME or upload.source == source
    assert codec.decode(encoded.literal, kind).uri == upload.token

    resolved = encoded.resolved({upload.token: f"s3://b/md5/{name}"})
    framed = kind.WhichOneof("type") in ("structured_dataset_type", "schema")
    assert codec.decode(resolved, kind).uri == ("s3://b/md5" if framed else f"s3://b/md5/{name}")
    assert codec.decode(encoded.literal, kind).uri == upload.token, "the encoded literal keeps its token"


REFUSED = [
    (T.FILE, DirectoryRef(uri="s3://b/d"), "expected file, got a bridge_core DirectoryRef"),
    (T.DIRECTORY, FileRef(uri="s3://b/d"), "expected directory, got a bridge_core FileRef"),
    (T.DIRECTORY, b"x", "expected directory (DirectoryRef, URI or local path), got b'x' (bytes)"),
    (T.CSV, FileRef(uri="s3://b/x", format="json"), "expected file (csv), got one of format 'json' (s3://b/x)"),
    (T.FILE, "", "expected file (FileRef, URI, local path or bytes), got '' (str)"),
    (T.FILE, io.BytesIO(b"x"), "expected file"),
    (PICKLE, [1], "expected file (PythonPickle)"),
    (T.FRAME, "t.xlsx", "a local path ending in .parquet or .csv), got the path 't.xlsx'"),
    (CSV_FRAME, "t.parquet", "a local path ending in .csv), got the path 't.parquet'"),
    (CSV_FRAME, FRAME, "expected frame (csv) (FrameRef, URI, or a local path ending in .csv), got a pandas DataFrame"),
    (CSV_FRAME, FrameRef(uri="s3://b/t"), "expected frame (csv), got a frame of format 'parquet' (s3://b/t)"),
    (T.FRAME, {"a": [1]}, "expected frame"),
]


@pytest.mark.parametrize(("kind", "value", "message"), REFUSED)
def test_other_things_are_refused(kind: Any, value: Any, message: str, codec: Codec) -> None:
    with pytest.raises(LiteralError) as caught:
        codec.encode(value, kind)
    assert message in str(caught.value)
    assert len(caught.value.problems) == 1


FILES = T.struct(
    {
        "type": "object",
        "title": "Job",
        "additionalProperties": False,
        "properties": {
            "weights": {"anyOf": [{"$ref": "#/$defs/FlyteFile"}, {"type": "null"}]},
            "shards": {"$ref": "#/$defs/FlyteDirectory"},
            "table": {"$ref": "#/$defs/StructuredDataset"},
        },
        "$defs": {
            "FlyteFile": {"title": "FlyteFile", "type": "object", "properties": {"path": {"type": "string"}}},
            "FlyteDirectory": {"title": "FlyteDirectory", "type": "object", "properties": {"path": {"type": "string"}}},
            "StructuredDataset": {
                "title": "StructuredDataset",
                "type": "object",
                "properties": {"uri": {"type": "string"}, "file_format": {"type": "string"}},
            },
        },
    }
)


def test_files_inside_a_dataclass_are_uploaded(codec: Codec) -> None:
    encoded = codec.encode({"weights": "w.bin", "shards": "dir", "table": FRAME}, FILES, path="inputs.job")
    assert [(u.path, u.kind) for u in encoded.uploads] == [
        ("inputs.job.weights", "file"),
        ("inputs.job.shards", "directory"),
        ("inputs.job.table", "frame"),
    ]
    resolved = encoded.resolved({u.token: f"s3://b/{i}/{u.file_name}" for i, u in enumerate(encoded.uploads)})
    assert codec.decode(resolved, FILES) == {
        "weights": {"path": "s3://b/0/w.bin"},
        "shards": {"path": "s3://b/1/dir"},
        "table": {"uri": "s3://b/2", "file_format": "parquet"},
    }


def test_references_inside_a_dataclass_are_kept(codec: Codec) -> None:
    value = {"weights": None, "shards": DirectoryRef(uri="s3://d"), "table": FrameRef(uri="s3://t", format="csv")}
    encoded = codec.encode(value, FILES)
    assert encoded.uploads == ()
    back = codec.decode(encoded.literal, FILES)
    assert back == {"weights": None, "shards": {"path": "s3://d"}, "table": {"uri": "s3://t", "file_format": "csv"}}
    with pytest.raises(LiteralError, match=r"value\.shards"):
        codec.encode({"shards": FileRef(uri="s3://d")}, FILES)


def test_an_upload_without_a_uri_is_named(codec: Codec) -> None:
    with pytest.raises(LiteralError, match=r"inputs\.x: not uploaded"):
        codec.encode("a.txt", T.FILE, path="inputs.x").resolved({})


def test_many_files_of_a_frame_are_one(tmp_path: Path) -> None:
    for index in range(2):
        (tmp_path / str(index)).write_bytes(to_parquet(pd.DataFrame({"a": [index]})))
    assert read_frame([tmp_path / "0", tmp_path / "1"])["a"].tolist() == [0, 1]
    assert read_frame([io.BytesIO(to_parquet(pl.DataFrame({"a": [5]}).lazy()))])["a"].tolist() == [5]


def test_frames_that_cannot_be_converted() -> None:
    with pytest.raises(LiteralError, match="expected a pandas, pyarrow or polars frame, got dict"):
        to_parquet({"a": [1]})
    with pytest.raises(LiteralError, match="cannot be written as parquet"):
        to_parquet(pd.DataFrame({"a": [object()]}))
    with pytest.raises(LiteralError, match="cannot be read as parquet"):
        read_frame([io.BytesIO(b"no parquet at all")])
    with pytest.raises(LiteralError, match="no files"):
        read_frame([])
    with pytest.raises(LiteralError, match="format 'avro'"):
        read_frame([io.BytesIO()], "avro")


UNWRITABLE = {
    "nanoseconds": (
        pd.DataFrame({"t": pd.to_datetime(["2024-01-01T00:00:00.000000001"])}),
        "would lose data.*round the column",
    ),
    "nanoseconds of polars": (
        pl.DataFrame({"t": [1]}).with_columns(pl.col("t").cast(pl.Datetime("ns"))),
        "would lose data",
    ),
    "nanoseconds of pyarrow": (pa.table({"t": pa.array([1], pa.timestamp("ns"))}), "would lose data"),
    "objects of polars": (pl.DataFrame({"o": [object()]}, schema={"o": pl.Object}), "columns 'o' hold Python objects"),
    "one name twice": (pd.DataFrame([[1, 2]], columns=["a", "a"]), "two columns are called 'a'"),
    "one name twice in pyarrow": (
        pa.table([pa.array([1]), pa.array([2])], names=["a", "a"]),
        "two columns are called 'a'",
    ),
    "sparse": (pd.DataFrame({"s": pd.arrays.SparseArray([0, 0, 1])}), "columns 's' are sparse"),
    "an int beyond 64 bits": (pd.DataFrame({"i": [2**70]}), "too large"),
    "a lone surrogate": (pd.DataFrame({"x": pd.Series(["\ud800"], dtype=object)}), "surrogates not allowed"),
    "complex": (pd.DataFrame({"c": [1 + 2j]}), "column c"),
    "two types": (pd.DataFrame({"a": [1, "x"]}), "column a"),
    "a union": (
        pa.table(
            {"u": pa.UnionArray.from_sparse(pa.array([0, 1], pa.int8()), [pa.array([1, 2]), pa.array(["a", "b"])])}
        ),
        "sparse_union",
    ),
    "a lazy frame without such a column": (
        pl.LazyFrame({"a": [1]}).select(pl.col("b")),
        "lazy frame cannot be computed",
    ),
}


@pytest.mark.parametrize("name", UNWRITABLE)
def test_what_a_frame_would_lose_is_refused_by_name(name: str) -> None:
    frame, text = UNWRITABLE[name]
    with pytest.raises(LiteralError, match=f"(?s){text}"):
        to_parquet(frame)


def test_frames_that_look_odd_come_back_whole() -> None:
    for frame in (
        pd.DataFrame({"t": pd.to_datetime(["2024-01-01T00:00:00.000001"])}),
        pd.DataFrame([[1, 2]], columns=pd.MultiIndex.from_tuples([("a", 1), ("a", 2)])),
        pd.DataFrame(),
        pd.DataFrame({"c": pd.Categorical(["x", "y"])}),
        pd.DataFrame({"p": pd.period_range("2024-01", periods=2, freq="M")}),
    ):
        pd.testing.assert_frame_equal(read_frame([io.BytesIO(to_parquet(frame))]), frame)


def test_frames_without_pyarrow_name_the_extra() -> None:
    """In a process where pyarrow cannot be imported."""
    program = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from bridge_core.literals import to_parquet\n"
        "try: to_parquet(object())\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.startswith(ConfigError.__name__)
    assert "pip install flyte-bridge[dataframes]" in done.stdout


def test_recognising_a_frame_imports_nothing() -> None:
    program = (
        "import sys, bridge_core.literals\n"
        "heavy = {'flyteidl', 'google.protobuf', 'msgpack', 'pandas', 'pyarrow', 'polars', 'numpy', 'flytekit', 'grpc'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "from bridge_core.literals import Codec\n"
        "from flyteidl.core.types_pb2 import LiteralType, StructuredDatasetType\n"
        "Codec.default().encode('s3://b/t', LiteralType(structured_dataset_type=StructuredDatasetType()))\n"
        "heavy -= {'flyteidl', 'google.protobuf', 'msgpack'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
