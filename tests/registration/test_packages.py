"""Packages of ``pyflyte package``: placeholders, archives, refusals; nothing is written when anything is wrong."""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from flyteidl.admin import launch_plan_pb2, task_pb2, workflow_pb2
from flyteidl.core import identifier_pb2

from bridge_core import AlreadyExists, BridgeError, Client, EntityNotFound, EntityRef, InvalidRequest, NotFound
from bridge_core.sandbox import Sandbox

PROJECT = Path(__file__).parent / "project"
WRITES = ("CreateTask", "CreateWorkflow", "CreateLaunchPlan", "UpdateLaunchPlan")


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("package") / "flyte-package.tgz"
    command = [
        str(Path(sys.executable).with_name("pyflyte")), "--pkgs", "shop", "package", "--source", str(PROJECT), "--output",
        str(target), "--copy", "auto", "--image", "example.com/shop:1", "--force",
    ]  # fmt: skip
    told = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT)
    assert told.returncode == 0, told.stdout + told.stderr
    return target


def repacked(source: Path, target: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """A copy of a package with other members."""
    members: dict[str, bytes] = {}
    with tarfile.open(source) as archive:
        for member in archive:
            file = archive.extractfile(member)
            assert file is not None
            members[member.name] = file.read()
    change(members)
    with tarfile.open(target, "w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return target


def written(flyte: Sandbox) -> int:
    return sum(flyte.calls.count(method) for method in WRITES)


def test_a_package_is_registered_and_the_same_again_changes_nothing(
    client: Client, flyte: Sandbox, package: Path
) -> None:
    report = client.register(package, activate=True)
    assert len(report.entities) >= 25
    assert {item.outcome for item in report.entities} == {"created", "activated"}
    assert report.code.endswith(".tar.gz")
    assert {item.ref.version for item in report.entities} == {report.version}
    assert all(item.ref.project == "ours" and item.url.startswith("http") for item in report.entities)
    assert client.get_entity(EntityRef.launch_plan("shop.nightly")).active
    flyte.calls.clear()
    again = client.register(package, activate=True)
    assert {item.outcome for item in again.entities} == {"unchanged"}
    assert again.version == report.version
    assert written(flyte) == 0


def test_a_folder_is_the_same_package(client: Client, package: Path, tmp_path: Path) -> None:
    with tarfile.open(package) as archive:
        archive.extractall(tmp_path / "out", filter="data")
    report = client.register(package, dry_run=True)
    assert client.register(tmp_path / "out", dry_run=True).to_dict() == report.to_dict()


def test_launch_plans_that_exist_are_activated_too(client: Client, package: Path) -> None:
    client.register(package, version="later")
    report = client.register(package, version="later", activate=True)
    plans = [item for item in report.entities if item.ref.kind.value == "launch_plan"]
    assert {item.outcome for item in plans} == {"activated"}
    assert {item.outcome for item in report.entities} - {"activated"} == {"unchanged"}


def test_a_dry_run_writes_nothing_and_says_what_would_be(client: Client, flyte: Sandbox, package: Path) -> None:
    flyte.calls.clear()
    report = client.register(package, version="never", dry_run=True)
    assert {item.outcome for item in report.entities} == {"created"}
    assert report.dry_run
    assert report.code == ""
    assert written(flyte) == 0


def test_the_same_version_with_another_content_is_refused_before_anything_is_written(
    client: Client, flyte: Sandbox, package: Path, tmp_path: Path
) -> None:
    client.register(package, version="taken")

    def change(members: dict[str, bytes]) -> None:
        name = next(name for name in members if name.endswith("_shop.steps.basics.add_1.pb"))
        task = task_pb2.TaskSpec.FromString(members[name])
        task.template.metadata.retries.retries = 9
        members[name] = task.SerializeToString()
        extra = task_pb2.TaskSpec.FromString(members[name])
        extra.template.id.name = "shop.new"
        members["99_shop.new_1.pb"] = extra.SerializeToString()

    other = repacked(package, tmp_path / "other.tgz", change)
    with pytest.raises(AlreadyExists, match="retries") as caught:
        client.register(other, version="taken")
    assert "shop.steps.basics.add@taken" in str(caught.value)
    assert "another version" in str(caught.value)
    assert not any(ref.name == "shop.new" for ref in client.list_entities("task", project="ours"))
    report = client.register(other, version="taken", skip_errors=True)
    assert [item.ref.name for item in report.of("different")] == ["shop.steps.basics.add"]
    assert [item.ref.name for item in report.of("created")] == ["shop.new"]


def _drop(ending: str) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        for name in [name for name in members if name.endswith(ending)]:
            del members[name]

    return change


def _put(name: str, data: bytes) -> Callable[[dict[str, bytes]], None]:
    return lambda members: members.update({name: data})


def _code(name: str) -> Callable[[dict[str, bytes]], None]:
    def change(members: dict[str, bytes]) -> None:
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w:gz") as archive:
            archive.addfile(tarfile.TarInfo(name))
        members[next(key for key in members if key.startswith("fast"))] = packed.getvalue()

    return change


def _circle(members: dict[str, bytes]) -> None:
    for number, (name, other) in enumerate((("a", "b"), ("b", "a"))):
        workflow = workflow_pb2.WorkflowSpec()
        workflow.template.id.resource_type = identifier_pb2.WORKFLOW
        workflow.template.id.name = f"shop.circle.{name}"
        reference = workflow.template.nodes.add(id="n0").workflow_node.launchplan_ref
        reference.resource_type, reference.name = identifier_pb2.LAUNCH_PLAN, f"shop.circle.{other}"
        plan = launch_plan_pb2.LaunchPlan()
        plan.id.resource_type, plan.id.name = identifier_pb2.LAUNCH_PLAN, f"shop.circle.{name}"
        plan.spec.workflow_id.resource_type, plan.spec.workflow_id.name = identifier_pb2.WORKFLOW, f"shop.circle.{name}"
        members[f"9{number}_shop.circle.{name}_2.pb"] = workflow.SerializeToString()
        members[f"9{number}_shop.circle.{name}_3.pb"] = plan.SerializeToString()


@pytest.mark.parametrize(
    ("change", "kind", "words"),
    [
        (_put("1_broken_1.pb", b"\xff\xff"), InvalidRequest, "1_broken_1.pb is corrupt"),
        (_put("notes.txt", b""), InvalidRequest, "'notes.txt' does not belong"),
        (_put("../1_evil_1.pb", b""), InvalidRequest, "'../1_evil_1.pb' is refused"),
        (_put("/1_evil_1.pb", b""), InvalidRequest, "'/1_evil_1.pb' is refused"),
        (_put("fastother.tar.gz", b""), InvalidRequest, "two code archives"),
        (_code("../../etc/passwd"), InvalidRequest, "would leave its folder"),
        (_drop(".tar.gz"), InvalidRequest, "wants a code archive"),
        (_drop("basics.double_1.pb"), EntityNotFound, "refers to task:ours/development/shop.steps.basics.double"),
        (_circle, InvalidRequest, "in a circle: .*shop.circle.a.* → .*shop.circle.b"),
        (lambda members: members.clear(), InvalidRequest, "no entity in it"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_written(
    *,
    change: Callable[[dict[str, bytes]], None],
    kind: type[BridgeError],
    words: str,
    client: Client,
    flyte: Sandbox,
    package: Path,
    tmp_path: Path,
) -> None:
    source = repacked(package, tmp_path / "bad.tgz", change)
    flyte.calls.clear()
    with pytest.raises(kind, match=words):
        client.register(source)
    assert written(flyte) == 0
    assert flyte.calls.count("CreateUploadLocation") <= 1  # asked where the code would lie; never sent


@pytest.mark.parametrize("kept", [0, 100, 0.5, 0.99])
def test_an_archive_that_is_cut_or_none_at_all(
    kept: float, client: Client, flyte: Sandbox, package: Path, tmp_path: Path
) -> None:
    data = package.read_bytes()
    source = tmp_path / "cut.tgz"
    source.write_bytes(data[: int(kept * len(data)) if isinstance(kept, float) else kept])
    flyte.calls.clear()
    with pytest.raises(InvalidRequest, match=r"cut\.tgz"):
        client.register(source)
    assert written(flyte) == 0


def test_a_size_that_no_package_has_is_refused_unread(client: Client, tmp_path: Path) -> None:
    source = tmp_path / "huge.tar"
    info = tarfile.TarInfo("1_a_1.pb")
    info.size = 10 << 30
    source.write_bytes(info.tobuf() + b"\0" * 1024)
    with pytest.raises(InvalidRequest, match="10737418240 bytes"):
        client.register(source)


@pytest.mark.parametrize(
    ("arguments", "kind", "words"),
    [
        ({"version": "a b"}, InvalidRequest, "version 'a b' is not usable"),
        ({"project": "nowhere"}, NotFound, "no project 'nowhere'"),
        ({"domain": "moon"}, NotFound, "has no domain 'moon'"),
        ({"images": "a:1"}, InvalidRequest, "images= is for source code"),
        ({"images": ["a:1", "b:1"]}, InvalidRequest, "two default images, a:1 and b:1"),
        ({"copy": "some"}, InvalidRequest, "copy: wanted 'auto', 'all' or 'none'"),
        ({"timeout": 0}, InvalidRequest, "timeout must be more than 0"),
    ],
)
def test_wrong_arguments(
    *, arguments: dict[str, object], kind: type[BridgeError], words: str, client: Client, flyte: Sandbox, package: Path
) -> None:
    flyte.calls.clear()
    with pytest.raises(kind, match=words):
        client.register(package, **arguments)  # type: ignore[arg-type]
    assert written(flyte) == 0
