"""Inputs that are files, launched: by Flyte's signed URLs and straight to a store, on the embedded Flyte."""

from __future__ import annotations

import asyncio
import os
import pickle
import uuid
from pathlib import Path
from typing import Any

import pytest
from flyteidl.core import types_pb2
from support.flyte import DIRECTORY, FILE, INTEGER, STRING, RawFlyte

from bridge_core import (
    AlreadyExists,
    AsyncClient,
    Client,
    DirectoryRef,
    EntityRef,
    FileRef,
    FrameRef,
    Hashed,
    InvalidRequest,
    LaunchRequest,
    LiteralError,
    NotFound,
    Progress,
    RunRef,
)

FRAME = types_pb2.LiteralType(structured_dataset_type=types_pb2.StructuredDatasetType(format="parquet"))
ARRAY = types_pb2.LiteralType(blob=types_pb2.BlobType(format="NumpyArray"))
PICKLE = types_pb2.LiteralType(blob=types_pb2.BlobType(format="PythonPickle"))


@pytest.fixture
def raw(flyte_sandbox: Any) -> RawFlyte:
    return RawFlyte(flyte_sandbox.endpoint)


def ran(client: Client, raw: RawFlyte, types: dict[str, Any], inputs: dict[str, Any], **more: Any) -> Any:
    """Outputs of a run that hands its inputs through."""
    name = "t" + uuid.uuid4().hex[:12]
    raw.register(name, types)
    ref = client.launch(LaunchRequest(EntityRef.launch_plan(name, version="v1"), inputs=inputs, name=name, **more))
    client.wait(ref, timeout=60).raise_for_phase()
    return client.outputs(ref)


def test_files_and_directories_by_signed_urls(flyte: Client, raw: RawFlyte, tree: Path, tmp_path: Path) -> None:
    inputs = {"one": tree / "a.txt", "many": tree, "raw": b"bytes", "same": str(tree / "a.txt")}
    outs = ran(flyte, raw, {"one": FILE, "many": DIRECTORY, "raw": FILE, "same": FILE}, inputs)
    assert outs["one"] == outs["same"]
    assert flyte.open(outs["raw"]).read() == b"bytes"
    assert flyte.download(outs["one"], tmp_path / "one").read_text() == "a"
    flyte.download(outs["many"], tmp_path / "many")
    assert sorted(p.relative_to(tmp_path / "many").as_posix() for p in (tmp_path / "many").rglob("*") if p.is_file()) == [
        "a.txt", "deep/b.bin", "deep/er/grüße 100%.txt", "empty",
    ]  # fmt: skip


@pytest.mark.parametrize("per_launch", [True, False])
def test_straight_to_a_store(flyte: Client, raw: RawFlyte, tree: Path, tmp_path: Path, per_launch: bool) -> None:
    place, more = str(tmp_path / "store"), {}
    client = flyte
    if per_launch:
        more["data_upload_location"] = place
    else:
        client = Client(flyte.config.replace(data_upload_location=place))
    outs = ran(client, raw, {"one": FILE, "many": DIRECTORY}, {"one": tree / "a.txt", "many": tree}, **more)
    assert outs["one"].uri.startswith(f"{place}/")
    assert Path(outs["one"].uri).read_text() == "a"
    assert Path(outs["many"].uri, "deep", "b.bin").exists()
    assert not list((tmp_path / "store").rglob("*.part"))


def test_the_second_launch_attaches_because_content_counts(
    flyte: Client, raw: RawFlyte, tree: Path, tmp_path: Path
) -> None:
    name = "t" + uuid.uuid4().hex[:12]
    raw.register(name, {"one": FILE})
    request = LaunchRequest(EntityRef.launch_plan(name, version="v1"), inputs={"one": tree / "a.txt"}, name=name)
    assert flyte.launch_or_attach(request).created
    (tmp_path / "copy").write_text("a")
    again = LaunchRequest(
        request.entity,
        inputs={"one": tmp_path / "copy"},
        name=name,
        data_upload_location=str(tmp_path / "other"),
    )
    assert not flyte.launch_or_attach(again).created


def test_frames_and_arrays(flyte: Client, raw: RawFlyte) -> None:
    import numpy as np
    import pandas as pd

    from bridge_core.literals.arrays import read_npy

    frame, array = pd.DataFrame({"a": [1, 2], "b": ["x", ""]}), np.arange(6.0).reshape(2, 3)
    outs = ran(flyte, raw, {"table": FRAME, "array": ARRAY}, {"table": frame, "array": array})
    assert flyte.read_frame(outs["table"]).to_dict("list") == frame.to_dict("list")
    with flyte.open(outs["array"]) as stream:
        assert np.array_equal(read_npy(stream), array)
    with pytest.raises(LiteralError, match="without a pickle"):
        ran(flyte, raw, {"array": ARRAY}, {"array": np.array([object()])})


def test_frames_of_outputs_are_read_at_once_when_asked(flyte: Client, raw: RawFlyte) -> None:
    import pandas as pd

    one, two = pd.DataFrame({"a": [1, 2]}), pd.DataFrame({"b": ["x"]})
    name = "t" + uuid.uuid4().hex[:12]
    many = types_pb2.LiteralType(collection_type=FRAME)
    by_name = types_pb2.LiteralType(map_value_type=FRAME)
    raw.register(name, {"table": FRAME, "many": many, "by_name": by_name, "n": INTEGER})
    inputs = {"table": one, "many": [one, two], "by_name": {"k": two}, "n": 3}
    ref = flyte.launch(LaunchRequest(EntityRef.launch_plan(name, version="v1"), inputs=inputs, name=name))
    flyte.wait(ref, timeout=60).raise_for_phase()
    assert isinstance(flyte.outputs(ref)["table"], FrameRef)

    async def read() -> Any:
        async with AsyncClient(flyte.config) as client:
            return await client.outputs(ref, read_frames=True)

    for outs in (flyte.outputs(ref, read_frames=True), asyncio.run(read())):
        assert outs["table"].equals(one)
        assert [frame.to_dict("list") for frame in outs["many"]] == [{"a": [1, 2]}, {"b": ["x"]}]
        assert outs["by_name"]["k"].equals(two)
        assert outs["n"] == 3


def test_pickles_are_loaded_only_on_request(flyte: Client, raw: RawFlyte) -> None:
    outs = ran(flyte, raw, {"it": PICKLE}, {"it": pickle.dumps({"a": {1, 2}})})
    assert isinstance(outs["it"], FileRef)
    name = "t" + uuid.uuid4().hex[:12]
    raw.register(name, {"it": PICKLE, "bad": PICKLE})
    inputs = {"it": outs["it"], "bad": b"no pickle"}
    ref = flyte.launch(LaunchRequest(EntityRef.launch_plan(name, version="v1"), inputs=inputs, name=name))
    flyte.wait(ref, timeout=60).raise_for_phase()
    assert isinstance(flyte.outputs(ref)["it"], FileRef)
    with pytest.raises(LiteralError, match="cannot be loaded: UnpicklingError"):
        flyte.outputs(ref, allow_pickle=True)
    del inputs["bad"]
    good = ran(flyte, raw, {"it": PICKLE}, inputs)
    assert isinstance(good["it"], FileRef)


def test_what_a_workflow_picks_out_of_a_dataclass_has_its_declared_type(flyte: Client, raw: RawFlyte) -> None:
    name = "t" + uuid.uuid4().hex[:12]
    many = types_pb2.LiteralType(collection_type=FILE)
    fields = types_pb2.TypeStructure(dataclass_type={"file": FILE, "many": many})
    model = types_pb2.LiteralType(simple=types_pb2.STRUCT, structure=fields)
    raw.register(name, {"model": model}, picked={"file": ("model", "file", FILE), "many": ("model", "many", many)})
    value = {"file": {"path": "s3://b/x"}, "many": [{"path": "s3://b/y"}]}
    ref = flyte.launch(LaunchRequest(EntityRef.launch_plan(name, version="v1"), inputs={"model": value}, name=name))
    flyte.wait(ref, timeout=60).raise_for_phase()
    assert dict(flyte.outputs(ref)) == {
        "model": value,
        "file": FileRef(uri="s3://b/x"),
        "many": [FileRef(uri="s3://b/y")],
    }


def test_hash_and_metadata_survive_a_round_trip(flyte: Client, raw: RawFlyte) -> None:
    name = "t" + uuid.uuid4().hex[:12]
    raw.register(name, {"n": INTEGER})
    value = Hashed(3, "v7", metadata={"_uap": "partition"})
    ref = flyte.launch(LaunchRequest(EntityRef.launch_plan(name, version="v1"), inputs={"n": value}, name=name))
    kept = flyte.inputs(ref)
    assert (kept["n"], kept.hash("n"), kept.metadata("n")) == (3, "v7", {"_uap": "partition"})
    flyte.wait(ref, timeout=60).raise_for_phase()
    outs = flyte.outputs(ref)
    assert (outs["n"], outs.hash("n"), outs.metadata("n")) == (3, "v7", {"_uap": "partition"})


def test_texts_are_coerced_on_request(flyte: Client, raw: RawFlyte) -> None:
    types = {"n": INTEGER, "s": STRING, "l": types_pb2.LiteralType(collection_type=INTEGER)}
    texts = {"n": "3", "s": "3", "l": "[1, 2]"}
    assert dict(ran(flyte, raw, types, texts, coerce_json=True)) == {"n": 3, "s": "3", "l": [1, 2]}
    with pytest.raises(LiteralError, match=r"inputs\.n: expected integer, got '3' \(str\)"):
        ran(flyte, raw, types, texts)


def test_problems_are_found_before_anything_is_sent(
    flyte: Client, flyte_sandbox: Any, raw: RawFlyte, tree: Path
) -> None:
    types = {"one": FILE, "n": INTEGER}
    with pytest.raises(InvalidRequest) as caught:
        ran(flyte, raw, {**types, "many": DIRECTORY}, {"one": tree / "missing", "many": tree / "a.txt", "n": 1})
    assert str(caught.value).splitlines() == [
        "2 files cannot be uploaded:",
        f"  inputs.many: directory {tree / 'a.txt'} is a file, and a directory is wanted",
        f"  inputs.one: file {tree / 'missing'} does not exist",
    ]
    for inputs, text in [
        ({"one": tree / "a.txt", "n": "x"}, "expected integer"),
        ({"one": tree / "missing", "n": 1}, r"inputs\.one: file .* does not exist"),
        ({"one": tree, "n": 1}, "is a directory, and a file is wanted"),
    ]:
        with pytest.raises(InvalidRequest, match=text):
            ran(flyte, raw, types, inputs)
    assert [call for call in flyte_sandbox.calls if "CreateUploadLocation" in str(call)] == []


def test_the_same_on_a_loop(flyte: Client, raw: RawFlyte, tree: Path, tmp_path: Path) -> None:
    name = "t" + uuid.uuid4().hex[:12]
    raw.register(name, {"many": DIRECTORY})

    async def main() -> DirectoryRef:
        async with AsyncClient(flyte.config) as client:
            entity = EntityRef.launch_plan(name, version="v1")
            ref = await client.launch(LaunchRequest(entity, inputs={"many": tree}, name=name))
            (await client.wait(ref, timeout=60)).raise_for_phase()
            found: DirectoryRef = (await client.outputs(ref))["many"]
            await client.download(found, tmp_path / "back")
            return found

    found = asyncio.run(main())
    assert found == flyte.upload(tree)
    assert (tmp_path / "back" / "deep" / "b.bin").stat().st_size == 2560


def test_put_raw_data_by_flytes_road(flyte: Client, tree: Path) -> None:
    files = flyte.files
    uri = files.put_raw_data(b"x", "my-prefix", "f.bin")
    assert uri.endswith("/flytesnacks/development/my-prefix/f.bin")
    assert files.open(uri).read() == b"x"
    folder = files.put_raw_data(tree)
    assert folder.endswith("/tree")
    assert len(files.list_files(folder)) == 4
    assert files.put_data(tree / "a.txt", "flyte://bucket/x.txt").endswith("/x.txt")
    with pytest.raises(InvalidRequest, match="names a place to upload to"):
        files.exists("flyte://bucket/x")


def test_what_is_big_and_there_already_is_not_sent_again(flyte: Client, tmp_path: Path) -> None:
    big = tmp_path / "big.bin"
    seen: list[Progress] = []
    big.write_bytes(os.urandom(1 << 20) * 9)
    first = flyte.upload(big)
    assert isinstance(first, FileRef)
    stored = Path(first.uri)
    stamp = stored.stat().st_mtime_ns
    assert flyte.upload(big, progress=seen.append) == first
    assert stored.stat().st_mtime_ns == stamp
    assert (seen[-1].done, seen[-1].finished) == (9 << 20, True)
    stored.write_bytes(b"damaged")
    assert flyte.upload(big) == first
    assert stored.read_bytes() == big.read_bytes(), "what has another MD5 is replaced"


@pytest.fixture(params=["dataclass", "model"])
def job(request: pytest.FixtureRequest) -> Any:
    """A class with a file, a directory and a frame in it, and its Flyte type."""
    from dataclasses import field, make_dataclass

    from flytekit import StructuredDataset
    from flytekit.core.type_engine import TypeEngine
    from flytekit.types.directory import FlyteDirectory
    from flytekit.types.file import FlyteFile
    from pydantic import create_model

    if request.param == "dataclass":
        fields = [("weights", FlyteFile), ("shards", FlyteDirectory), ("table", StructuredDataset)]
        more = ("more", dict[str, list[FlyteFile]], field(default_factory=dict))
        cls = make_dataclass("Job", [*fields, more])

    else:
        more = (dict[str, list[FlyteFile]], {})
        cls = create_model("Job", weights=FlyteFile, shards=FlyteDirectory, table=StructuredDataset, more=more)

    return cls, TypeEngine.to_literal_type(cls).to_flyte_idl()


@pytest.mark.filterwarnings("ignore")  # flytekit's own
def test_a_class_with_files_in_it_is_one_run_however_often_it_is_launched(
    flyte: Client, raw: RawFlyte, job: Any, tree: Path, tmp_path: Path
) -> None:
    import pandas as pd
    from flytekit import StructuredDataset
    from flytekit.types.directory import FlyteDirectory
    from flytekit.types.file import FlyteFile

    cls, kind = job
    name = "t" + uuid.uuid4().hex[:12]
    raw.register(name, {"job": kind})
    frame = pd.DataFrame({"a": [1, 2]})

    def request(value: Any) -> LaunchRequest:
        return LaunchRequest(EntityRef.launch_plan(name, version="v1"), inputs={"job": value}, name=name)

    def value(file: Path) -> Any:
        return cls(
            weights=FlyteFile(str(file)), shards=FlyteDirectory(str(tree)), table=StructuredDataset(dataframe=frame),
            more={"k": [FlyteFile(str(tree / "deep" / "b.bin"))]},
        )  # fmt: skip

    assert flyte.launch_or_attach(request(value(tree / "a.txt"))).created
    (tmp_path / "a.txt").write_text("a")
    assert not flyte.launch_or_attach(request(value(tmp_path / "a.txt"))).created
    frame.to_parquet(tmp_path / "t.parquet")
    written = {
        "weights": {"path": str(tree / "a.txt")}, "shards": {"path": str(tree)}, "table": StructuredDataset(dataframe=frame),
        "more": {"k": [{"path": str(tree / "deep" / "b.bin")}]},
    }  # fmt: skip
    assert not flyte.launch_or_attach(request(written)).created
    (tmp_path / "a.txt").write_text("another")
    with pytest.raises(AlreadyExists, match="they differ in job"):
        flyte.launch(request(value(tmp_path / "a.txt")))

    ref = flyte.launch(request(written))
    flyte.wait(ref, timeout=60).raise_for_phase()
    got = flyte.outputs(ref)["job"]
    assert str(tmp_path) not in str(got)
    assert flyte.open(FileRef(uri=got["weights"]["path"])).read() == b"a"
    assert flyte.open(FileRef(uri=got["more"]["k"][0]["path"])).read() == (tree / "deep" / "b.bin").read_bytes()
    flyte.download(DirectoryRef(uri=got["shards"]["path"]), tmp_path / "back")
    assert (tmp_path / "back" / "deep" / "b.bin").exists()
    assert flyte.read_frame(FrameRef(uri=got["table"]["uri"])).to_dict("list") == {"a": [1, 2]}
    assert dict(flyte.inputs(ref))["job"] == got
    again = "t" + uuid.uuid4().hex[:12]
    assert flyte.launch_or_attach(LaunchRequest(request(None).entity, inputs={"job": got}, name=again)).created


@pytest.mark.filterwarnings("ignore")  # flytekit's own
def test_missing_files_inside_a_class_are_named_and_nothing_is_sent(
    flyte: Client, raw: RawFlyte, job: Any, tree: Path, tmp_path: Path
) -> None:
    _, kind = job
    name = "t" + uuid.uuid4().hex[:12]
    raw.register(name, {"job": kind})
    good = {"weights": {"path": "s3://b/w"}, "shards": {"path": "s3://b/d"}, "table": {"uri": "s3://b/t"}}
    for change, text in [
        ({"weights": {"path": str(tmp_path / "gone")}}, r"job\.weights.*gone"),
        ({"shards": {"path": str(tree / "a.txt")}}, r"job\.shards"),
        ({"weights": {"path": str(tree)}}, r"job\.weights"),
        ({"table": {"uri": str(tmp_path / "gone.parquet")}}, r"job\.table.*gone\.parquet"),
        ({"more": {"k": [{"path": "nowhere/at/all"}]}}, r"job\.more\.k\[0\].*nowhere/at/all"),
    ]:
        with pytest.raises(InvalidRequest, match=text):
            flyte.launch(
                LaunchRequest(EntityRef.launch_plan(name, version="v1"), inputs={"job": {**good, **change}}, name=name)
            )
    with pytest.raises(NotFound):
        flyte.describe(RunRef("flytesnacks", "development", name))


def test_texts_that_are_no_paths_are_named_and_cut(flyte: Client, raw: RawFlyte) -> None:
    for text, message in [
        ("x" * 5000, r"inputs\.file: 'x{80}…?.*' is no path of a file here: File name too long"),
        ("\ud800", r"inputs\.file: '\\ud800' is no path of a file here: it holds characters that no path has"),
    ]:
        with pytest.raises(InvalidRequest, match=message) as caught:
            ran(flyte, raw, {"file": FILE}, {"file": text})
        assert len(str(caught.value)) < 300


def test_what_a_frame_would_lose_is_told_with_its_input(flyte: Client, raw: RawFlyte) -> None:
    import pandas as pd

    frame = pd.DataFrame({"t": pd.to_datetime(["2024-01-01T00:00:00.000000001"])})
    with pytest.raises(
        LiteralError, match=r"inputs\.table: this frame cannot be written as parquet: .* would lose data"
    ):
        ran(flyte, raw, {"table": FRAME}, {"table": frame})
