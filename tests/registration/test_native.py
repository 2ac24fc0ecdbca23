"""Tasks without an SDK: values, what they become, and that they run."""

from __future__ import annotations

import dataclasses
import datetime as dt
import enum
import logging
import subprocess
import sys
import typing
from collections.abc import Iterator
from pathlib import Path

import pytest
from flyteidl.core import tasks_pb2
from google.protobuf import json_format

from bridge_core import (
    Client,
    ContainerTask,
    Device,
    DirectoryRef,
    EntityRef,
    FileRef,
    FrameRef,
    InvalidRequest,
    LaunchRequest,
    PodTemplate,
    Resources,
    ShellTask,
    literal_type,
    python_type,
)
from bridge_core.registration.native import task_spec
from bridge_core.sandbox import Sandbox

COUNT = ShellTask(
    name="tools.count",
    image="busybox:1.36",
    script='wc -l < "$data" > "$outputs/lines"; printf "%s" "$word" > "$outputs/said"; cp "$data" "$outputs/copy"',
    inputs={"data": FileRef, "word": str},
    outputs={"lines": int, "said": str, "copy": "file (txt)"},
)
ADD = ContainerTask(
    name="tools.add",
    image="busybox:1.36",
    command=("/bin/sh", "-c", "echo $(({{.inputs.left}} + {{.inputs.right}})) > /var/outputs/sum"),
    inputs={"left": int, "right": int},
    outputs={"sum": int},
    cache=True,
)


@pytest.fixture(scope="module")
def boxes() -> Iterator[Sandbox]:
    with Sandbox(images={"busybox:*": []}) as sandbox:
        yield sandbox


def test_tasks_are_registered_and_run(boxes: Sandbox, tmp_path: Path) -> None:
    (tmp_path / "data.txt").write_text("1\n2\n3\n")
    with Client(boxes.config()) as client:
        report = client.register([COUNT, ADD])
        assert {item.outcome for item in report.entities} == {"created"}
        assert {item.outcome for item in client.register([ADD, COUNT]).entities} == {"unchanged"}
        evil = 'a"; echo $(id) `id` \\ $HOME'
        count = client.launch(
            LaunchRequest(EntityRef.task("tools.count"), inputs={"data": tmp_path / "data.txt", "word": evil})
        )
        add = client.launch(
            LaunchRequest(EntityRef.task("tools.add", version=report.version), inputs={"left": 2, "right": 3})
        )
        for snapshot in client.wait_many([count, add], timeout=60):
            snapshot.raise_for_phase()
        outputs = client.outputs(count)
        assert (outputs["lines"], outputs["said"]) == (3, evil)  # a value is never part of the script
        assert client.open(outputs["copy"]).read() == b"1\n2\n3\n"
        assert client.outputs(add)["sum"] == 5


def test_what_it_becomes() -> None:
    task = dataclasses.replace(
        ADD,
        env={"B": "2", "A": "1"},
        resources=Resources(
            cpu="500m", mem="1Gi", gpu=Device(device="A100", quantity=2, partition="1g.5gb"), disk="2Gi"
        ),
        secrets=("group/key",),
        retries=3,
        timeout=dt.timedelta(minutes=2),
        cache="v7",
        cache_serialize=True,
        cache_ignored_inputs=("right",),
        interruptible=True,
        shared_memory="1Gi",
        pod_template="big",
        service_account="robot",
    )
    template = task_spec(task).template
    container = template.container
    assert (container.image, list(container.command)) == (ADD.image, list(ADD.command))
    assert [(item.key, item.value) for item in container.env] == [("A", "1"), ("B", "2")]
    names = tasks_pb2.Resources
    assert {item.name: item.value for item in container.resources.requests} == {
        names.CPU: "500m", names.MEMORY: "1Gi", names.GPU: "2", names.EPHEMERAL_STORAGE: "2Gi",
    }  # fmt: skip
    assert [(item.name, item.value) for item in container.resources.limits] == [(names.GPU, "2")]
    assert template.extended_resources.gpu_accelerator.device == "nvidia-tesla-a100"
    assert template.extended_resources.gpu_accelerator.partition_size == "1g.5gb"
    assert template.extended_resources.shared_memory.size_limit == "1Gi"
    assert (template.metadata.retries.retries, template.metadata.timeout.seconds) == (3, 120)
    assert (template.metadata.discoverable, template.metadata.discovery_version) == (True, "v7")
    assert list(template.metadata.cache_ignore_input_vars) == ["right"]
    assert template.metadata.pod_template_name == "big"
    assert template.security_context.run_as.k8s_service_account == "robot"
    assert [(item.group, item.key) for item in template.security_context.secrets] == [("group", "key")]
    assert container.data_config.enabled


POD: dict[str, typing.Any] = {
    "nodeSelector": {"disk": "fast"},
    "containers": [
        {"name": "proxy", "image": "proxy:1"},
        {"name": "main", "env": [{"name": "B", "value": "2"}], "volumeMounts": [{"name": "v", "mountPath": "/v"}]},
    ],
    "volumes": [{"name": "v", "emptyDir": {}}],
}


def test_a_pod_is_what_flytekit_makes_of_it() -> None:
    """Flytekit core/utils.py, `_serialize_pod_spec`, and core/container_task.py."""
    amounts = Resources(cpu="1", mem="1Gi")
    pod = PodTemplate(POD, primary_container="main", labels={"team": "a"}, annotations={"note": "b"})
    task = dataclasses.replace(ADD, env={"A": "1"}, resources=amounts, limits=amounts, pod_template=pod)
    template = task_spec(task).template
    assert template.WhichOneof("target") == "k8s_pod"
    assert dict(template.config) == {"primary_container_name": "main"}
    assert (dict(template.k8s_pod.metadata.labels), dict(template.k8s_pod.metadata.annotations)) == (
        {"team": "a"},
        {"note": "b"},
    )
    assert template.k8s_pod.data_config == task_spec(ADD).template.container.data_config
    quantities = {"cpu": "1", "memory": "1Gi"}
    assert json_format.MessageToDict(template.k8s_pod.pod_spec) == {
        "nodeSelector": {"disk": "fast"},
        "containers": [
            {"name": "proxy", "image": "proxy:1"},
            {
                "name": "main",
                "image": ADD.image,
                "command": list(ADD.command),
                "args": [],
                "resources": {"limits": quantities, "requests": quantities},
                "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}],
                "volumeMounts": [{"name": "v", "mountPath": "/v"}],
            },
        ],
        "volumes": [{"name": "v", "emptyDir": {}}],
    }
    assert "env" not in POD["containers"][0]  # what was given stays as it is


def test_a_task_in_a_pod_of_its_own_runs(boxes: Sandbox) -> None:
    task = dataclasses.replace(ADD, name="tools.podded", cache=False, pod_template=PodTemplate(POD))
    with Client(boxes.config()) as client:
        ref = client.launch(LaunchRequest("task:tools.podded", inputs={"left": 4, "right": 5}, register=task))
        client.wait(ref, timeout=60).raise_for_phase()
        assert client.outputs(ref)["sum"] == 9


def test_a_cache_by_content_follows_the_task() -> None:
    version = task_spec(ADD).template.metadata.discovery_version
    assert version
    assert task_spec(dataclasses.replace(ADD, description="other words")).template.metadata.discovery_version == version
    assert task_spec(dataclasses.replace(ADD, image="busybox:1.37")).template.metadata.discovery_version != version


def test_an_unknown_device_is_passed_on_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    task = dataclasses.replace(ADD, resources=Resources(gpu=Device(kind="AMD_GPU", device="MI999")))
    with caplog.at_level(logging.WARNING, "bridge_core"):
        template = task_spec(task).template
    assert template.extended_resources.gpu_accelerator.device == "MI999"
    assert "no AMD_GPU called 'MI999' is known" in caplog.text


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"name": ""}, "name must be a text"),
        ({"image": None}, "image must be a text"),
        ({"command": "echo hi"}, "command must be a list of texts"),
        ({"inputs": {"a b": int}}, "'a b', which is no name"),
        ({"retries": -1}, "retries must be a whole number"),
        ({"timeout": "soon"}, "timeout must be a number of seconds"),
        ({"secrets": ("key",)}, "secret 'key': wanted 'group/key'"),
        ({"cache_ignored_inputs": ("x",)}, "'x', which is no input"),
    ],
)
def test_wrong_tasks(change: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        dataclasses.replace(ADD, **change)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Resources(cpu="lots"), "cpu='lots' is no quantity"),
        (lambda: Resources(gpu=0), "gpu=0"),
        (lambda: Device(kind="FPGA"), "device kind 'FPGA'"),
        (lambda: Device(quantity=0), "quantity must be"),
        (lambda: dataclasses.replace(COUNT, script=" "), "script must be"),
        (lambda: dataclasses.replace(COUNT, inputs={"PATH": str}), "would hide the shell's own"),
        (lambda: task_spec(dataclasses.replace(ADD, outputs={"rows": list[int]})), "output 'rows' is"),
        (lambda: PodTemplate({"metadata": {}, "spec": {}}), "spec has 'metadata', so it is a whole object"),
        (lambda: PodTemplate({"containers": [{"image": "a"}]}), "containers must be a list of mappings with a name"),
        (lambda: PodTemplate({}, labels={"a": 1}), "labels must map text to text"),  # type: ignore[dict-item]
        (lambda: dataclasses.replace(ADD, pod_template={}), "pod_template: wanted a name or a PodTemplate"),  # type: ignore[arg-type]
        (
            lambda: task_spec(dataclasses.replace(ADD, pod_template=PodTemplate({}), resources=Resources(gpu=1))),
            "accelerators in Resources cannot be put into a pod template",
        ),
        (lambda: task_spec(dataclasses.replace(ADD, pod_template=PodTemplate({"x": object()}))), "the spec is no JSON"),
        (lambda: task_spec(dataclasses.replace(ADD, inputs={"left": object})), "input 'left': .* has no Flyte type"),
    ],
)
def test_wrong_parts(make: typing.Callable[[], object], words: str) -> None:
    with pytest.raises(InvalidRequest, match=words):
        make()


class Colour(enum.Enum):
    RED = "red"


@pytest.mark.parametrize(
    ("python", "back"),
    [
        (int, int),
        (str, str),
        (bool, bool),
        (float, float),
        (bytes, bytes),
        (dict, dict),
        (dt.datetime, dt.datetime),
        (dt.timedelta, dt.timedelta),
        (list[int], list[int]),
        (dict[str, list[str]], dict[str, list[str]]),
        (int | None, int | None),
        (Colour, typing.Literal["red"]),
        (FileRef, FileRef),
        (Path, FileRef),
        (DirectoryRef, DirectoryRef),
        (FrameRef, FrameRef),
        ("file (csv)", FileRef),
        ("integer", int),
    ],
)
def test_types_there_and_back(python: object, back: object) -> None:
    assert python_type(literal_type(python)) == back


def test_values_import_nothing_of_the_wire() -> None:
    code = (
        "import sys\nfrom bridge_core import ContainerTask, Device, Resources, ShellTask\n"
        "ShellTask(name='a', image='b', script='c', inputs={'n': int})\n"
        "ContainerTask(name='a', image='b', resources=Resources(gpu=Device(device='T4')))\n"
        "print(*(name for name in sys.modules if name.split('.')[0] in ('grpc', 'google', 'flyteidl')))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == ""
