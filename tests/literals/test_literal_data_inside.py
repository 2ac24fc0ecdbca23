"""Files, directories and frames inside dataclasses, models and dicts: uploaded, never a path of this machine."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from flytekit import StructuredDataset
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile
from literal_support import GOLDENS, Types
from pydantic import BaseModel, ConfigDict, Field, RootModel, computed_field, field_serializer, model_serializer

from bridge_core.literals import Codec, as_type
from bridge_core.literals.encoded import TOKEN_PREFIX
from bridge_core.model.errors import LiteralError
from bridge_core.model.references import DirectoryRef, FileRef, FrameRef

sys.path.insert(0, str(Path(__file__).parent))
pytestmark = pytest.mark.filterwarnings("ignore")  # flytekit's own

T = Types
FRAME = pd.DataFrame({"a": [1, 2]})
KINDS = {golden.name: golden.type for golden in GOLDENS}


def texts(value: Any) -> list[str]:
    """Every text in plain data."""
    if isinstance(value, dict):
        return [text for item in value.values() for text in texts(item)]
    if isinstance(value, list):
        return [text for item in value for text in texts(item)]
    return [value] if isinstance(value, str) else []


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Files with the names that the cases of `Places` use."""
    for name in ("a.csv", "maybe", "1", "2", "y", "box", "o", "3", "4", "n", "e", "w"):
        (tmp_path / name).write_text(name)
    for name in ("folder", "x", "shards"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "one").write_text("1")
    FRAME.to_parquet(tmp_path / "t.parquet")
    return tmp_path


def local_places(kind: Any, box: Any, folder: Path, *, frame: Any) -> Any:
    from golden_cases import BinFolder, CsvFile

    def file(name: str) -> Any:
        return FlyteFile(str(folder / name))

    return kind(
        csv=CsvFile(str(folder / "a.csv")), folder=BinFolder(str(folder / "folder")), maybe=file("maybe"), none=None,
        files=[file("1"), file("2")], frames=[frame], by_name={"x": FlyteDirectory(str(folder / "x"))},
        deep={"y": [file("y")], "z": []}, box=box(file=file("box"), other=file("o")),
        boxes=[box(file=file("3")), box(file=file("4"))], named={"n": box(file=file("n"))}, either=file("e"),
    )  # fmt: skip


UPLOADED = {
    "csv": "file", "folder": "directory", "maybe": "file", "files[0]": "file", "files[1]": "file", "frames[0]": "frame",
    "by_name.x": "directory", "deep.y[0]": "file", "box.file": "file", "box.other": "file", "boxes[0].file": "file",
    "boxes[1].file": "file", "named.n.file": "file", "either": "file",
}  # fmt: skip


@pytest.mark.parametrize("name", ["places-references", "twin-places-references"])
def test_every_position_of_a_dataclass_and_its_twin_is_uploaded(name: str, codec: Codec, place: Path) -> None:
    from golden_cases import Box, BoxModel, Places, PlacesModel

    kinds = (Places, Box) if name == "places-references" else (PlacesModel, BoxModel)
    value = local_places(*kinds, place, frame=StructuredDataset(dataframe=FRAME))
    encoded = codec.encode(value, KINDS[name], path="inputs.places")
    assert {u.path.removeprefix("inputs.places."): u.kind for u in encoded.uploads} == UPLOADED
    assert next(u.source for u in encoded.uploads if u.kind == "frame") is FRAME, "the rows are not dropped"
    assert not [t for t in texts(codec.decode(encoded.literal)) if str(place) in t or "/tmp" in t]
    again = codec.encode(local_places(*kinds, place, frame=StructuredDataset(dataframe=FRAME)), KINDS[name])
    assert again.literal == encoded.literal, "the same value is the same input, however often it is written"

    uris = {u.token: f"s3://b/{i}/{u.file_name}" for i, u in enumerate(encoded.uploads)}
    back = codec.decode(encoded.resolved(uris), KINDS[name])
    assert not [t for t in texts(back) if t.startswith(TOKEN_PREFIX)]
    assert codec.encode(back, KINDS[name]).uploads == ()


@pytest.mark.parametrize("name", ["places-references", "twin-places-references"])
def test_the_written_form_with_local_paths_is_uploaded_too(name: str, codec: Codec, place: Path) -> None:
    def at(one: str) -> dict[str, Any]:
        return {"path": str(place / one)}

    value = {
        "csv": at("a.csv"), "folder": {"path": place / "folder"}, "maybe": {"path": f"file://{place}/maybe"}, "none": None,
        "files": [at("1"), at("2")], "frames": [{"uri": str(place / "t.parquet"), "file_format": "parquet"}],
        "by_name": {"x": at("x")}, "deep": {"y": [at("y")], "z": []}, "box": {"file": at("box"), "other": at("o")},
        "boxes": [{"file": at("3")}, {"file": at("4"), "other": None}], "named": {"n": {"file": at("n")}}, "either": at("e"),
    }  # fmt: skip
    encoded = codec.encode(value, KINDS[name], path="p")
    assert {u.path.removeprefix("p."): "frame" if u.parent else u.kind for u in encoded.uploads} == UPLOADED
    assert not [t for t in texts(codec.decode(encoded.literal)) if str(place) in t]


REFUSED: list[tuple[Any, str]] = [
    ({"weights": {"path": ""}}, "value.weights: expected a file (FlyteFile) with 'path': a URI or local path"),
    ({"weights": {"path": None}}, "value.weights: expected a file (FlyteFile) with 'path'"),
    ({"weights": {}}, "value.weights: expected a file (FlyteFile) with 'path'"),
    ({"weights": {"path": 3}}, "value.weights.path: fits no variant: expected string"),
    ({"weights": {"pth": "s3://b/w"}}, "value.weights.pth: unknown field of dataclass FlyteFile; did you mean 'path'?"),
    ({"weights": {"path": f"{TOKEN_PREFIX}0"}}, "stands for an upload of this library"),
    ({"weights": FileRef(uri="")}, "value.weights: the reference has no URI"),
    ({"weights": DirectoryRef(uri="s3://b/d")}, "value.weights: expected FlyteFile, got"),
    ({"weights": FlyteDirectory("s3://b/d")}, "value.weights: expected FlyteFile, got"),
    ({"weights": 3}, "value.weights: expected dataclass FlyteFile, got 3 (int)"),
    ({"shards": FileRef(uri="s3://b/f")}, "value.shards: expected FlyteDirectory, got"),
    ({"shards": b"x"}, "value.shards: expected dataclass FlyteDirectory, got"),
    (
        {"table": {"uri": None, "file_format": "parquet"}},
        "value.table: expected a frame (StructuredDataset) with 'uri'",
    ),
    ({"table": StructuredDataset()}, "value.table: this StructuredDataset has neither a frame nor a URI"),
    (
        {"table": StructuredDataset(dataframe=FRAME, uri="s3://b/t")},
        "value.table: this StructuredDataset asks for s3://b/t",
    ),
    (
        {"table": StructuredDataset(dataframe=FRAME, file_format="csv")},
        "asks for format 'csv', and frames are written as",
    ),
    ({"table": StructuredDataset(dataframe=object())}, "value.table"),
    ({"table": {"uri": "local.xlsx"}}, "value.table: expected StructuredDataset"),
    ({"table": {"uri": "local.parquet", "file_format": "csv"}}, "value.table: expected StructuredDataset"),
    (
        {"weights": FlyteFile("/x", remote_path="s3://b/mine")},
        "value.weights: this FlyteFile asks for s3://b/mine as its place",
    ),
]


@pytest.mark.parametrize(("change", "message"), REFUSED)
@pytest.mark.parametrize("name", ["dataclass-references", "twin-dataclass-references"])
def test_what_names_no_data_is_refused(name: str, change: Any, message: str, codec: Codec) -> None:
    good = {"weights": "s3://b/w", "shards": "s3://b/d", "table": "s3://b/t"}
    assert codec.encode(good, KINDS[name]).uploads == ()
    with pytest.raises(LiteralError) as caught:
        codec.encode({**good, **change}, KINDS[name])
    assert message in str(caught.value)
    assert len(caught.value.problems) == 1


TOP = [
    (T.FILE, FlyteFile("s3://b/x"), FileRef(uri="s3://b/x")),
    (T.FILE, {"path": "s3://b/x"}, FileRef(uri="s3://b/x")),
    (T.DIRECTORY, FlyteDirectory("s3://b/d"), DirectoryRef(uri="s3://b/d")),
    (T.FRAME, StructuredDataset(uri="s3://b/t"), FrameRef(uri="s3://b/t")),
    (T.FRAME, StructuredDataset(uri="s3://b/t", file_format="csv"), FrameRef(uri="s3://b/t", format="csv")),
    (T.FRAME, {"uri": "s3://b/t", "file_format": "csv"}, FrameRef(uri="s3://b/t", format="csv")),
    (T.SCHEMA, StructuredDataset(uri="s3://b/t"), FrameRef(uri="s3://b/t")),
    (T.list(T.FRAME), [StructuredDataset(uri="s3://b/t")], [FrameRef(uri="s3://b/t")]),
    (T.union(f=T.FRAME, n=T.NONE), StructuredDataset(uri="s3://b/t"), FrameRef(uri="s3://b/t")),
    (T.union(f=T.FILE, n=T.NONE), FlyteFile("s3://b/x"), FileRef(uri="s3://b/x")),
    (T.STRUCT, {"k": [FlyteFile("s3://b/x")]}, {"k": [{"path": "s3://b/x"}]}),
    (T.STRUCT, {"k": StructuredDataset(uri="s3://b/t")}, {"k": {"uri": "s3://b/t", "file_format": "parquet"}}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "back"), TOP)
def test_objects_of_flytekit_that_are_remote_are_passed_on_without_a_download(
    kind: Any, value: Any, back: Any, codec: Codec
) -> None:
    encoded = codec.encode(value, kind)
    assert encoded.uploads == ()
    assert codec.decode(encoded.literal, kind) == back


LOCAL = [
    (T.FILE, FlyteFile("data/x.bin"), "file", "x.bin", "value"),
    (T.FILE, {"path": "data/x.bin"}, "file", "x.bin", "value"),
    (T.DIRECTORY, FlyteDirectory("data"), "directory", "data", "value"),
    (T.FRAME, StructuredDataset(dataframe=FRAME), "frame", "00000", "value"),
    (T.FRAME, StructuredDataset(uri="t.parquet"), "file", "00000", "value"),
    (T.FRAME, {"uri": "data/t", "file_format": "parquet"}, "directory", "t", "value"),
    (T.FRAME, StructuredDataset(uri="data/t", file_format="parquet"), "directory", "t", "value"),
    (T.SCHEMA, StructuredDataset(dataframe=FRAME), "frame", "00000", "value"),
    (T.list(T.FRAME), [StructuredDataset(dataframe=FRAME)], "frame", "00000", "value[0]"),
    (T.union(f=T.FRAME, n=T.NONE), StructuredDataset(dataframe=FRAME), "frame", "00000", "value"),
    (T.STRUCT, {"k": [1, FlyteFile("data/x.bin")]}, "file", "x.bin", "value.k[1]"),
    (T.STRUCT, {"k": {"d": FlyteDirectory("data")}}, "directory", "data", "value.k.d"),
    (T.STRUCT, {"k": StructuredDataset(dataframe=FRAME)}, "frame", "00000", "value.k"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "what", "name", "path"), LOCAL)
def test_objects_of_flytekit_that_are_local_are_uploaded(  # noqa: PLR0917
    kind: Any, value: Any, what: str, name: str, path: str, codec: Codec
) -> None:
    encoded = codec.encode(value, kind)
    assert [(u.kind, u.file_name, u.path) for u in encoded.uploads] == [(what, name, path)]
    assert encoded.uploads[0].token in str(encoded.literal)


WRONG = [
    (T.FILE, FlyteDirectory("data"), "expected file, got a flytekit FlyteDirectory"),
    (T.DIRECTORY, FlyteFile("data/x"), "expected directory, got a flytekit FlyteFile"),
    (T.FILE, FlyteFile("x", remote_path="s3://b/mine"), "this FlyteFile asks for s3://b/mine as its place"),
    (T.FRAME, StructuredDataset(), "this StructuredDataset has neither a frame nor a URI"),
    (T.FRAME, StructuredDataset(dataframe=FRAME, uri="s3://b/t"), "this StructuredDataset asks for s3://b/t as its place"),
    (T.STRUCT, {"k": StructuredDataset()}, "has neither a frame nor a URI"),
    (T.STRUCT, {"k": FRAME}, "value.k: expected plain data"),
    (T.STR, FlyteFile("x"), "expected string, got a flytekit FlyteFile"),
    (T.FRAME, FlyteFile("s3://b/x"), "expected frame"),
    (T.FILE, StructuredDataset(uri="s3://b/t"), "expected file"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "value", "message"), WRONG)
def test_objects_of_flytekit_of_the_wrong_kind_are_refused(kind: Any, value: Any, message: str, codec: Codec) -> None:
    with pytest.raises(LiteralError) as caught:
        codec.encode(value, kind)
    assert message in str(caught.value)


def test_metadata_of_a_flyte_file_goes_with_its_literal(codec: Codec) -> None:
    literal = codec.encode(FlyteFile("s3://b/x", metadata={"owner": "me"}), T.FILE).literal
    assert dict(literal.metadata) == {"owner": "me"}


def test_objects_of_the_second_sdk_are_known_as_well(codec: Codec) -> None:
    from flyte.io import DataFrame, Dir, File

    for kind, value, back in [
        (T.FILE, File(path="s3://b/x"), FileRef(uri="s3://b/x")),
        (T.DIRECTORY, Dir(path="s3://b/d"), DirectoryRef(uri="s3://b/d")),
        (T.FRAME, DataFrame(uri="s3://b/t", format="parquet"), FrameRef(uri="s3://b/t")),
        (T.STRUCT, {"k": File(path="s3://b/x")}, {"k": {"path": "s3://b/x"}}),
    ]:
        assert codec.decode(codec.encode(value, kind).literal, kind) == back
    assert [u.kind for u in codec.encode(File(path="/data/x"), T.FILE).uploads] == ["file"]
    assert codec.encode(File(path="s3://b/x", hash="h1"), T.FILE).literal.hash == "h1"


def test_classes_of_the_second_sdk_hold_data_too(codec: Codec, tmp_path: Path) -> None:
    from dataclasses import make_dataclass

    from flyte.io import DataFrame, Dir, File
    from flyte.types import TypeEngine
    from flyteidl.core.types_pb2 import LiteralType
    from pydantic import create_model

    fields = {"f": File, "d": Dir, "t": DataFrame}
    for cls in (make_dataclass("Job", fields.items()), create_model("Job", **fields)):
        kind = LiteralType.FromString(TypeEngine.to_literal_type(cls).SerializeToString())
        remote = cls(f=File(path="s3://b/f"), d=Dir(path="s3://b/d"), t=DataFrame(uri="s3://b/t", format="parquet"))
        back = {"f": {"path": "s3://b/f"}, "d": {"path": "s3://b/d"}, "t": {"uri": "s3://b/t", "format": "parquet"}}
        encoded = codec.encode(remote, kind)
        assert (codec.decode(encoded.literal), encoded.uploads) == (back, ())
        local = cls(f=File(path=f"{tmp_path}/f"), d=Dir(path=f"{tmp_path}/d"), t=DataFrame(uri=f"{tmp_path}/t.parquet"))
        for value in (
            local,
            {"f": {"path": f"{tmp_path}/f"}, "d": f"{tmp_path}/d", "t": {"uri": f"{tmp_path}/t.parquet"}},
        ):
            encoded = codec.encode(value, kind)
            assert [(u.path, u.kind) for u in encoded.uploads] == [
                ("value.f", "file"), ("value.d", "directory"), ("value.t", "file"),
            ]  # fmt: skip
            assert not [text for text in texts(codec.decode(encoded.literal)) if str(tmp_path) in text]


def test_references_become_the_classes_that_a_task_has() -> None:
    from flyte.io import File

    assert as_type(FileRef(uri="s3://b/x"), FlyteFile).path == "s3://b/x"
    assert as_type([DirectoryRef(uri="s3://b/d")], list[FlyteDirectory])[0].path == "s3://b/d"
    frame = as_type(FrameRef(uri="s3://b/t", format="csv"), StructuredDataset)
    assert (frame.uri, frame.file_format) == ("s3://b/t", "csv")
    assert as_type(FileRef(uri="s3://b/x", format="csv"), File).format == "csv"
    with pytest.raises(LiteralError, match="expected dataclass FlyteFile, got a bridge_core DirectoryRef"):
        as_type(DirectoryRef(uri="s3://b/d"), FlyteFile)


# --- models of one's own ---------------------------------------------------------------------------------------------

FILE_NODE = {"title": "FlyteFile", "type": "object", "properties": {"path": {"type": "string"}}}


def holding(**properties: Any) -> Any:
    return T.struct({"type": "object", "title": "Mine", "properties": properties})


class Ours(BaseModel):
    """A model with the references of this library instead of flytekit's classes."""

    file: FileRef
    at: Path
    folder: DirectoryRef | None = None


class Loose(BaseModel):
    model_config = ConfigDict(arbitrary_types_allowed=True, extra="allow")
    frame: Any = None


class Files(RootModel[list[FlyteFile]]):
    pass


class WithFiles(BaseModel):
    files: Files


class Serialized(BaseModel):
    file: FlyteFile

    @model_serializer
    def write(self) -> dict[str, Any]:
        return {"file": self.file}


class Computed(BaseModel):
    n: int = 1

    @computed_field
    def file(self) -> FlyteFile:
        return FlyteFile("/data/computed")


class Bytes(BaseModel):
    n: int
    raw: bytes


class Broken(BaseModel):
    n: int

    @field_serializer("n")
    def write(self, value: int) -> int:
        raise RuntimeError("no such luck")


class TwoAliases(BaseModel):
    file: FlyteFile = Field(validation_alias="weights", serialization_alias="gewichte")
    n: int = Field(1, validation_alias="count", serialization_alias="anzahl")


TABLE = {"title": "StructuredDataset", "type": "object",
         "properties": {"uri": {"type": "string"}, "file_format": {"type": "string"}}}  # fmt: skip

MODELS = [
    (Ours(file=FileRef(uri="s3://b/x"), at="/data/y"), holding(file=FILE_NODE, at=FILE_NODE, folder={}), ["value.at"]),
    (Loose(frame=FRAME), holding(frame=TABLE), ["value.frame"]),
    (Loose(more=FlyteFile("/data/z")), holding(frame={}, more=FILE_NODE), ["value.more"]),
    (Files([FlyteFile("/data/1"), FlyteFile("/data/2")]), T.STRUCT, ["value[0]", "value[1]"]),
    (WithFiles(files=Files([FlyteFile("/data/1")])), holding(files={"type": "array", "items": FILE_NODE}), ["value.files[0]"]),
    (Computed(), holding(n={"type": "integer"}, file=FILE_NODE), ["value.file"]),
    ({"k": Loose(frame=[FlyteFile("/data/1")])}, T.STRUCT, ["value.k.frame[0]"]),
    (TwoAliases(weights=FlyteFile("/data/1")), holding(weights=FILE_NODE, count={"type": "integer"}), ["value.weights"]),
]  # fmt: skip


@pytest.mark.parametrize(("model", "kind", "paths"), MODELS)
def test_models_of_ones_own(model: Any, kind: Any, paths: list[str], codec: Codec) -> None:
    encoded = codec.encode(model, kind)
    assert [u.path for u in encoded.uploads] == paths
    assert not [text for text in texts(codec.decode(encoded.literal)) if text.startswith("/")]


UNWRITABLE = [
    (Serialized(file=FlyteFile("/data/x")), "has a model_serializer of its own"),
    (Bytes(n=1, raw=b"\xff\xfe"), "value.raw: cannot be written as JSON: "),
    (Broken(n=1), "value.n: cannot be written as JSON: "),
]


@pytest.mark.parametrize(("model", "message"), UNWRITABLE)
@pytest.mark.parametrize("typed", [True, False])
def test_models_that_have_no_json_are_refused_by_name(model: Any, message: str, typed: bool, codec: Codec) -> None:
    kind = T.struct({**type(model).model_json_schema(), "type": "object"}) if typed else T.STRUCT
    with pytest.raises(LiteralError) as caught:
        codec.encode(model, kind)
    assert message in str(caught.value)
    with pytest.raises(LiteralError):
        codec.encode({"inside": [model]}, T.STRUCT)


def test_bytes_that_a_model_keeps_as_a_text_must_be_one(codec: Codec) -> None:
    kind = T.struct(Bytes.model_json_schema())
    assert codec.decode(codec.encode({"n": 1, "raw": b"abc"}, kind).literal) == {"n": 1, "raw": "abc"}
    with pytest.raises(LiteralError, match=r"value\.raw: expected bytes that are UTF-8.*ser_json_bytes='base64'"):
        codec.encode({"n": 1, "raw": b"\xff"}, kind)
    with pytest.raises(LiteralError, match=r"value\.raw: expected bytes, got 3 \(int\)"):
        codec.encode({"n": 1, "raw": 3}, kind)


def test_json_texts_are_read_by_type_down_to_the_file(codec: Codec) -> None:
    for name in ("dataclass-references", "twin-dataclass-references"):
        text = '{"weights": {"path": "w.bin"}, "shards": {"path": "s3://b/d"}, "table": {"uri": "t.csv"}}'
        encoded = codec.encode(text, KINDS[name], coerce_json=True)
        assert [(u.path, str(u.source)) for u in encoded.uploads] == [
            ("value.weights", "w.bin"),
            ("value.table", "t.csv"),
        ]
        as_texts = {"weights": '{"path": "w.bin"}', "shards": "s3://b/d", "table": '{"uri": "t.csv"}'}
        assert codec.encode(as_texts, KINDS[name], coerce_json=True).literal == encoded.literal
