"""Rules that need no server: names and hashes, type checks, bindings, filters, templates, archives."""

from __future__ import annotations

import io
import tarfile

import msgpack
import pytest
from flyteidl.core import literals_pb2, types_pb2
from flyteidl.core import workflow_pb2 as core_workflow_pb2
from google.protobuf import struct_pb2

from bridge_core.sandbox.engine.bindings import resolve
from bridge_core.sandbox.model import ids
from bridge_core.sandbox.model.ids import child_execution_name, single_task_node, unique_node_id
from bridge_core.sandbox.model.outcome import Failure
from bridge_core.sandbox.model.status import Rejected
from bridge_core.sandbox.runner.archive import CodeCache
from bridge_core.sandbox.runner.command import Command, flattened
from bridge_core.sandbox.runner.template import fill
from bridge_core.sandbox.validation.filters import Query
from bridge_core.sandbox.validation.interfaces import castable, type_of
from bridge_core.sandbox.validation.list_columns import EXECUTION

from .protos import BOOLEAN, FLOAT, INTEGER, STRING, literal, literals, promise, value

NONE = types_pb2.LiteralType(simple=types_pb2.NONE)
STRUCT = types_pb2.LiteralType(simple=types_pb2.STRUCT)


def list_of(type_):
    return types_pb2.LiteralType(collection_type=type_)


def map_of(type_):
    return types_pb2.LiteralType(map_value_type=type_)


def union(*variants):
    return types_pb2.LiteralType(union_type=types_pb2.UnionType(variants=variants))


def blob(format_="", dimensionality=0):
    return types_pb2.LiteralType(blob=types_pb2.BlobType(format=format_, dimensionality=dimensionality))


def table(format_="", **columns):
    dataset = types_pb2.StructuredDatasetType(format=format_)
    for name, type_ in columns.items():
        dataset.columns.add(name=name, literal_type=type_)
    return types_pb2.LiteralType(structured_dataset_type=dataset)


def schema(**columns):
    result = types_pb2.SchemaType()
    for name, type_ in columns.items():
        result.columns.add(name=name, type=type_)
    return types_pb2.LiteralType(schema=result)


def tagged(type_, tag):
    copy = types_pb2.LiteralType()
    copy.CopyFrom(type_)
    copy.structure.tag = tag
    return copy


def test_ids_are_propellers():
    assert unique_node_id("x-y-z-m-n-y-z-m-n-y", 0, "n0").startswith("f")
    assert unique_node_id(None, 0, "n0") == "n0"
    assert unique_node_id("n1", 0, "n0") == "n1-0-n0"
    assert len(unique_node_id("n" * 30, 0, "n0")) == 8
    assert len(child_execution_name("a" * 20, "n0", 0)) == 14
    assert child_execution_name("abc", "n0", 0) == "abc-n0-0"
    assert single_task_node("pkg.mod.my_task-1") == "pkgmodmytask-1"
    assert len(single_task_node("x" * 100)) == 63


def test_hashes_are_propellers():
    # Vectors of flyteplugins pluginmachinery/encoding/encoder_test.go.
    assert ids._fixed_length("x" * 24, bits=32) == "fuaa3aji"
    assert ids._fixed_length("x-y-z-m-n-y-z-m-n-y-z-m-n", bits=32) == "fe63sz6y"
    assert ids._fixed_length("x-y-z-m-n-y-z-m-n-y-z-m-n", bits=64) == "fwp4bky2kucex5"


@pytest.mark.parametrize(
    ("given", "wanted", "accepted"),
    [
        (INTEGER, INTEGER, True),
        (INTEGER, FLOAT, False),
        (FLOAT, INTEGER, False),
        (STRING, types_pb2.LiteralType(enum_type=types_pb2.EnumType(values=["a"])), True),
        (types_pb2.LiteralType(enum_type=types_pb2.EnumType(values=["a"])), STRING, True),
        (INTEGER, union(INTEGER, NONE), True),
        (NONE, union(INTEGER, NONE), True),
        (STRING, union(INTEGER, NONE), False),
        (INTEGER, union(INTEGER, INTEGER), False),
        (union(tagged(INTEGER, "int")), union(tagged(INTEGER, "int"), tagged(STRING, "str")), True),
        (union(tagged(INTEGER, "float")), union(tagged(INTEGER, "int")), False),
        (union(INTEGER), INTEGER, True),
        (list_of(NONE), list_of(INTEGER), True),
        (list_of(INTEGER), list_of(FLOAT), False),
        (list_of(union(INTEGER, STRING)), list_of(union(STRING, INTEGER, NONE)), True),
        (map_of(NONE), map_of(INTEGER), True),
        (map_of(INTEGER), list_of(INTEGER), False),
        (list_of(list_of(INTEGER)), list_of(list_of(INTEGER)), True),
        (blob("csv"), blob(), True),
        (blob(), blob("csv"), True),
        (blob("csv"), blob("txt"), False),
        (blob("", 1), blob("", 0), True),  # typing.go: blobTypeChecker looks at the format alone
        (tagged(blob("csv"), "FlyteFilePath"), blob("csv"), True),
        (blob("csv"), STRING, False),
        (NONE, table(), True),
        (NONE, INTEGER, False),
        (table("parquet"), table(), True),
        (table("csv"), table("parquet"), False),
        (table("", a=INTEGER, b=STRING), table("", a=INTEGER), True),
        (table("", a=INTEGER), table("", a=INTEGER, b=STRING), False),
        (table("", a=INTEGER), table("", a=FLOAT), False),
        (table("csv"), schema(), False),
        (table("parquet", a=INTEGER), schema(a=types_pb2.SchemaType.SchemaColumn.INTEGER), True),
        (schema(a=types_pb2.SchemaType.SchemaColumn.FLOAT), table("", a=INTEGER), False),
        (schema(a=99), schema(a=types_pb2.SchemaType.SchemaColumn.FLOAT), False),
        (schema(a=99), schema(a=99), True),
        (BOOLEAN, NONE, False),
    ],
)
def test_castability(given, wanted, accepted):
    assert castable(given, wanted) is accepted


def packed(content):
    binary = literals_pb2.Binary(value=msgpack.packb(content), tag="msgpack")
    return literals_pb2.Literal(scalar=literals_pb2.Scalar(binary=binary))


def test_types_of_literals():
    assert type_of(literal([])) == list_of(NONE)
    assert type_of(literal([[], [1]])) == list_of(list_of(INTEGER))
    assert type_of(literal([[]])) == list_of(list_of(NONE))
    assert type_of(literal([1, None])) == list_of(union(NONE, INTEGER))
    assert type_of(literal({"a": 1.5})) == map_of(FLOAT)
    assert type_of(literal(None)) == NONE
    assert type_of(packed({})) == STRUCT
    offloaded = literals_pb2.Literal()
    offloaded.offloaded_metadata.inferred_type.CopyFrom(list_of(INTEGER))
    assert type_of(offloaded) == list_of(INTEGER)


def bound(source, *path):
    binding = core_workflow_pb2.Node().inputs.add().binding
    promise(binding, "n0", "x", *path)
    return resolve(binding, {"n0": literals_pb2.LiteralMap(literals={"x": source})})


def test_attribute_paths():
    record = {"a": [1, 2], "b": {"c": "text", "d": True}, "e": 1.5}
    assert value(bound(packed(record), "b", "c")) == "text"
    assert value(bound(packed(record), "b", "d")) is True
    assert value(bound(packed(record), "e")) == 1.5
    assert msgpack.unpackb(bound(packed(record), "b").scalar.binary.value) == record["b"]
    items = bound(packed(record), "a").collection.literals
    assert [msgpack.unpackb(item.scalar.binary.value) for item in items] == [1, 2]
    assert value(bound(literals_pb2.Literal(map=literals(k=[5, 6])), "k", 1)) == 6
    assert value(bound(literal([packed_item := 3]), 0)) == packed_item
    struct = struct_pb2.Struct()
    struct.update({"a": {"b": 2}})
    generic = literals_pb2.Literal(scalar=literals_pb2.Scalar(generic=struct))
    assert value(bound(generic, "a", "b")) == 2.0
    for broken in (("z",), ("a", 7), ("e", "x")):
        with pytest.raises(Failure):
            bound(packed(record), *broken)


def test_promises_that_cannot_be_resolved():
    binding = core_workflow_pb2.Node().inputs.add().binding
    promise(binding, "elsewhere", "x")
    with pytest.raises(Failure) as caught:
        resolve(binding, {})
    assert caught.value.code == "OutputsNotFoundError"


def test_templates():
    inputs = literals(name="Ada", numbers=[1, 2], flag=True)
    values = {"input": "/in", "prevcheckpointprefix": ""}
    arguments = ["{{.input}}", "{{ $Input }}", "x{{.Inputs.name}}y", "{{.inputs.numbers}}", "{{.inputs.flag}}"]
    assert fill(arguments, values, inputs) == ["/in", "/in", "xAday", "[1,2]", "true"]
    kept = ["{{.unknown}}", "{{.inputs.missing}}", "{{.PrevCheckpointPrefix}}"]
    assert fill(kept, values, inputs) == ["{{.unknown}}", "{{.inputs.missing}}", '""']


def test_fast_registration_is_flattened_and_its_destination_ignored(tmp_path):
    (tmp_path / "pyflyte-execute").touch()
    inner = ["pyflyte-execute", "--inputs", "i", "--resolver", "r", "--", "task-module", "m"]
    command = Command(
        ["pyflyte-fast-execute", "--additional-distribution", "d.tar.gz", "--dest-dir", "/root", "--", *inner]
    )
    flat = flattened(command, tmp_path)
    assert flat.distribution == "d.tar.gz"
    assert flat.argv[0] == str(tmp_path / "pyflyte-execute")
    assert "/root" not in flat.argv
    at = flat.argv.index("--dynamic-addl-distro")
    assert flat.argv[at : at + 5] == ["--dynamic-addl-distro", "d.tar.gz", "--dynamic-dest-dir", ".", "--resolver"]
    with pytest.raises(Failure):
        flattened(Command([]), tmp_path)


def test_an_interpreter_without_flytekit_is_told(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Failure, match="install flytekit for the interpreter there") as caught:
        flattened(Command(["pyflyte-execute", "--inputs", "i"]), tmp_path)
    assert str(tmp_path) in caught.value.message


@pytest.mark.parametrize("name", ["../escape.py", "/abs.py"])
def test_archives_cannot_write_outside(tmp_path, name):
    path = tmp_path / "upload" / "code.tar.gz"
    path.parent.mkdir()
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = 4
        archive.addfile(member, io.BytesIO(b"evil"))
    cache, work = tmp_path / "cache", tmp_path / "work"
    cache.mkdir()
    work.mkdir()
    if name.startswith("/"):  # tar's data filter takes the slash away
        CodeCache(cache).place(path, work)
        assert (work / "abs.py").exists()
    else:
        with pytest.raises(Failure, match="cannot unpack"):
            CodeCache(cache).place(path, work)
    assert not (tmp_path / "escape.py").exists()


def test_code_is_placed_and_missing_code_is_told(tmp_path):
    path = tmp_path / "upload" / "script.py"
    path.parent.mkdir()
    path.write_text("x = 1")
    work = tmp_path / "work"
    work.mkdir()
    CodeCache(tmp_path).place(path, work)
    assert (work / "script.py").read_text() == "x = 1"
    with pytest.raises(Failure) as caught:
        CodeCache(tmp_path).place(tmp_path / "gone.tar.gz", work)
    assert "gone.tar.gz" in caught.value.message


def test_filters_split_at_the_last_comma_and_join_values_with_semicolons():
    query = Query(EXECUTION, filters="value_in(phase,FAILED;ABORTED)+contains(execution_name, a)", limit=1)
    assert query.fields == {"phase", "execution_name"}
    for wrong in ("eq(a,b", "eq(nothing)", "(phase,x)", "eq(phase,)"):
        with pytest.raises(Rejected):
            Query(EXECUTION, filters=wrong, limit=1)
