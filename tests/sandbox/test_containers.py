"""Raw containers as processes: inputs and outputs as files, as flyte copilot hands them over."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from flyteidl.core import tasks_pb2, types_pb2

from bridge_core.sandbox import Sandbox
from bridge_core.sandbox.blobs.s3 import StorageUnavailable, find_rclone
from bridge_core.sandbox.cli import _parser
from bridge_core.sandbox.controls.values import literal_of, type_named

from .protos import INTEGER, PHASE, STRING, Wire, literals, shell_task, unique, value
from .test_processes import only_node

BLOB = types_pb2.LiteralType(blob=types_pb2.BlobType(format="txt"))


@pytest.fixture(scope="module")
def wire():
    with Sandbox(images={"mapped:*": [], "wrapped": ["/usr/bin/env", "WRAPPED=yes"]}) as running:
        connected = Wire(running.endpoint)
        yield connected
        connected.close()


def container(script, inputs=None, outputs=None, image="mapped:1", data_format=tasks_pb2.DataLoadingConfig.JSON):
    task = shell_task(unique("raw"), script, inputs, outputs)
    task.type = "raw-container"
    task.container.image = image
    config = task.container.data_config
    config.enabled, config.input_path, config.output_path = True, "/var/inputs", "/var/outputs"
    config.format = data_format
    return task


def run(wire, task, inputs=None):
    wire.register_task(task)
    return wire.run(task.id, inputs)


def test_inputs_and_outputs_are_files(wire):
    task = container(
        "n=$(cat /var/inputs/n); echo $((n + 1)) > /var/outputs/more; printf 'hello %s' $(cat /var/inputs/who) > $OUT/text",
        {"n": INTEGER, "who": STRING},
        {"more": INTEGER, "text": STRING},
    )
    task.container.env.add(key="OUT", value="/var/outputs")
    done = run(wire, task, literals(n=4, who="Ada"))
    assert done.closure.phase == PHASE.SUCCEEDED, done.closure.error
    assert wire.outputs(done.id) == {"more": 5, "text": "hello Ada"}


def test_every_kind_of_input(wire, tmp_path):
    types = {
        "f": type_named(float),
        "b": type_named(bool),
        "when": type_named(datetime),
        "long": type_named(timedelta),
        "many": type_named(list[int]),
        "named": type_named(dict[str, str]),
        "file": BLOB,
        "nothing": types_pb2.LiteralType(simple=types_pb2.NONE),
    }
    (tmp_path / "file.txt").write_text("content")
    given = {
        "f": 1.5,
        "b": True,
        "when": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
        "long": timedelta(hours=1, minutes=2, seconds=3),
        "many": [7, 8],
        "named": {"k": "v"},
        "file": str(tmp_path / "file.txt"),
        "nothing": None,
    }
    inputs = literals()
    for name, item in given.items():
        inputs.literals[name].CopyFrom(literal_of(item, types[name]))
    script = (
        f"cd /var/inputs; for i in f b when long many/1 named/k file nothing; do cat $i; echo; done > {tmp_path}/all; "
        f"cp inputs.json {tmp_path}"
    )
    done = run(wire, container(script, types), inputs)
    assert done.closure.phase == PHASE.SUCCEEDED, done.closure.error
    lines = (tmp_path / "all").read_text().splitlines()
    assert lines == ["1.500000", "true", "2026-01-02T03:04:05Z", "1h2m3s", "8", "v", "content", "null"]
    whole = json.loads((tmp_path / "inputs.json").read_text())
    assert (whole["many"], whole["named"], whole["long"]) == ([7, 8], {"k": "v"}, "1h2m3s")
    yaml = container(f"cp /var/inputs/inputs.yaml {tmp_path}", types, data_format=tasks_pb2.DataLoadingConfig.YAML)
    assert run(wire, yaml, inputs).closure.phase == PHASE.SUCCEEDED
    assert "k: v" in (tmp_path / "inputs.yaml").read_text()


def test_every_kind_of_output(wire):
    outputs = {
        "f": type_named(float),
        "b": type_named(bool),
        "when": type_named(datetime),
        "long": type_named(timedelta),
        "object": types_pb2.LiteralType(simple=types_pb2.STRUCT),
        "file": BLOB,
    }
    script = (
        "cd /var/outputs; echo 2.5 > f; echo true > b; echo 2026-01-02T03:04:05Z > when; echo 1m30s > long; "
        "echo '{\"a\": 1}' > object; echo content > file"
    )
    done = run(wire, container(script, None, outputs))
    assert done.closure.phase == PHASE.SUCCEEDED, done.closure.error
    found = wire.outputs_raw(done.id).literals
    assert (value(found["f"]), value(found["b"])) == (2.5, True)
    assert value(found["when"]).ToDatetime(tzinfo=UTC) == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert value(found["long"]).seconds == 90
    assert found["object"].scalar.generic["a"] == 1
    with open(found["file"].scalar.blob.uri) as file:  # noqa: PTH123
        assert file.read() == "content\n"


@pytest.mark.parametrize(
    ("script", "part"),
    [
        ("echo it broke > /var/outputs/_ERROR", "it broke"),
        ("true", "wrote no 'o0'"),
        ("echo x > /var/outputs/o0", "is no INTEGER"),
        ("head -c 2000 /dev/zero > /var/outputs/o0", "2000 bytes long"),
        ("exit 3", "terminated with exit code (3)"),
    ],
)
def test_what_goes_wrong_is_told(wire, script, part):
    closure = run(wire, container(script, None, {"o0": INTEGER})).closure
    assert closure.phase == PHASE.FAILED
    assert part in closure.error.message


def test_an_image_that_is_not_mapped_is_refused_by_name(wire):
    closure = run(wire, container("true", image="other:1")).closure
    assert "not supported by the sandbox" in closure.error.message
    assert "'other:1' is not mapped" in closure.error.message


def test_a_mapped_command_goes_before_the_containers_own(wire):
    done = run(wire, container("test $WRAPPED = yes", image="wrapped"))
    assert done.closure.phase == PHASE.SUCCEEDED, only_node(wire, done.id)


def test_option_of_the_program():
    options = _parser("sandbox").parse_args(["--image", "busybox:*=", "--image", "tool=/usr/bin/env A=b"])
    assert dict(options.image) == {"busybox:*": [], "tool": ["/usr/bin/env", "A=b"]}
    with pytest.raises(SystemExit):
        _parser("sandbox").parse_args(["--image", "busybox"])


def test_an_offloaded_input_is_read_from_the_bucket():
    try:
        find_rclone()
    except StorageUnavailable as error:
        pytest.skip(str(error))
    many = type_named(list[int])
    with Sandbox(storage="s3", images={"mapped:*": []}) as sandbox:
        connected = Wire(sandbox.endpoint)
        stored = literals(n=[7, 8]).literals["n"].SerializeToString()
        sandbox._running.layout.write(sandbox.data_dir / "s3/my-s3-bucket/offloaded.pb", stored)
        inputs = literals()
        offloaded = inputs.literals["many"].offloaded_metadata
        offloaded.uri = "s3://my-s3-bucket/offloaded.pb"
        offloaded.inferred_type.CopyFrom(many)
        task = container("cat /var/inputs/many/1 > /var/outputs/last", {"many": many}, {"last": INTEGER})
        done = run(connected, task, inputs)
        assert done.closure.phase == PHASE.SUCCEEDED, done.closure.error
        assert connected.outputs(done.id) == {"last": 8}
        connected.close()
