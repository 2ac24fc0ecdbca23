"""Source code: what names its content, what its interpreter sees, and what is refused."""

from __future__ import annotations

import io
import os
import shutil
import sys
import sysconfig
import tarfile
import tempfile
import venv
from pathlib import Path

import pytest

from bridge_core import BridgeError, Client, ConfigError, EntityRef, InvalidRequest, LaunchRequest
from bridge_core.sandbox import Sandbox

BODY = """
@task
def one(n: int) -> int:
    return n + helper.VALUE

@workflow
def wf(n: int = 1) -> int:
    return one(n=n)
"""


def small(folder: Path, body: str = BODY) -> Path:
    """One module with one task, and a module that it imports."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "helper.py").write_text("VALUE = 1\n")
    (folder / "flow.py").write_text("from flytekit import task, workflow\nimport helper\n" + body)
    return folder / "flow.py"


def version(client: Client, source: Path, **more: object) -> str:
    return client.register(source, dry_run=True, **more).version  # type: ignore[arg-type]


def test_the_content_names_the_version_wherever_it_lies(client: Client, tmp_path: Path) -> None:
    first = version(client, small(tmp_path / "a"))
    second = small(tmp_path / "somewhere" / "else" / "b")
    assert version(client, second) == first
    assert version(client, second, project="theirs") == first
    (second.parent / "ignored.log").write_text("noise")
    assert version(client, second) == first  # not imported
    (second.parent / "helper.py").write_text("VALUE = 2\n")
    assert version(client, second) != first


def test_importing_code_leaves_nothing_in_the_temporary_folder(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "temporary"
    place.mkdir()
    monkeypatch.setenv("TMPDIR", str(place))
    monkeypatch.setattr(tempfile, "tempdir", None)
    client.register(small(tmp_path / "code"), version="tmp1")
    bad = small(tmp_path / "bad", "raise RuntimeError('no')\n")
    with pytest.raises(InvalidRequest, match="no"):
        client.register(bad)
    assert not list(place.iterdir()), "flytekit makes folders there whenever it is imported"


def another_python(folder: Path) -> Path:
    """An interpreter of its own, elsewhere, that finds the same packages."""
    venv.create(folder, with_pip=False, symlinks=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder / "bin" / "python"


def test_two_users_with_an_interpreter_each_in_folders_of_their_own(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = BODY + "\n@dynamic\ndef many(n: int) -> int:\n    return one(n=n)\n"
    mine = small(tmp_path / "mine" / "checkout", body.replace("@dynamic", "from flytekit import dynamic\n@dynamic"))
    theirs = Path(shutil.copytree(mine.parent, tmp_path / "home of somebody else" / "deeper" / "clone")) / mine.name
    first = version(client, mine, copy="all")
    for name in ("HOME", "USER", "LOGNAME", "TMPDIR"):
        (tmp_path / "them").mkdir(exist_ok=True)
        monkeypatch.setenv(name, str(tmp_path / "them"))
    monkeypatch.setenv("LC_ALL", "C")
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    python = str(another_python(tmp_path / "venv"))
    assert version(client, theirs, copy="all", python=python) == first
    assert version(client, theirs, copy="auto", python=python) == version(client, mine)
    helper = theirs.parent / "helper.py"
    helper.write_text(helper.read_text().replace("1", "2"))  # one byte of an imported module
    assert version(client, theirs, copy="all", python=python) != first


def test_ignored_files_are_no_part_of_it(client: Client, tmp_path: Path) -> None:
    source = small(tmp_path / "a")
    (source.parent / ".flyteignore").write_text("*.csv\n")
    (source.parent / "data.csv").write_text("1")
    first = version(client, source, copy="all")
    (source.parent / "data.csv").write_text("2")
    assert version(client, source, copy="all") == first
    (source.parent / "data.json").write_text("2")
    assert version(client, source, copy="all") != first


def test_the_archive_holds_the_files_and_can_be_kept(client: Client, tmp_path: Path) -> None:
    source = small(tmp_path / "a")
    (source.parent / "link.py").symlink_to("helper.py")
    client.register(source, copy="all", copy_bundle_to=tmp_path, version="kept")
    (kept,) = tmp_path.glob("fast*.tar.gz")
    with tarfile.open(fileobj=io.BytesIO(kept.read_bytes())) as archive:
        assert sorted(archive.getnames()) == ["flow.py", "helper.py", "link.py"]
        assert {member.mtime for member in archive} == {315532800}
        assert all(member.isfile() for member in archive)


def test_a_link_out_of_the_tree_is_refused_by_name(client: Client, tmp_path: Path) -> None:
    source = small(tmp_path / "a")
    (tmp_path / "secret").write_text("x")
    (source.parent / "leak.txt").symlink_to(tmp_path / "secret")
    with pytest.raises(InvalidRequest, match=r"leak\.txt leads out of the source root"):
        client.register(source, copy="all")


def test_code_sees_nothing_of_what_this_process_may_do(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = {
        "AIRFLOW_CONN_FLYTE_DEFAULT": "canary-1",
        "AIRFLOW__CORE__FERNET_KEY": "canary-2",
        "DAGSTER_CLOUD_API_TOKEN": "canary-3",
        "AWS_SECRET_ACCESS_KEY": "canary-4",
        "FLYTE_CREDENTIALS_CLIENT_SECRET": "canary-5",
        "GOOGLE_APPLICATION_CREDENTIALS": "canary-6",
    }
    for name, value in secrets.items():
        monkeypatch.setenv(name, value)
    told = tmp_path / "environ"
    source = small(tmp_path / "a")
    source.write_text(source.read_text() + f"\nimport os\nopen({str(told)!r}, 'w').write(repr(dict(os.environ)))\n")
    client.register(source, dry_run=True)
    assert "canary" not in told.read_text()
    assert "PATH" in told.read_text()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            "@task\ndef one(n: int) -> int:\n    return n\n\nraise ValueError('boom')\n",
            r"flow\.py.*line \d+(?s:.*)ValueError: boom",
        ),
        ("import nothing_of_that_name\n", "No module named 'nothing_of_that_name'"),
        ("x = 1\n", "holds no task, workflow or launch plan"),
        ("import sys\nprint('so long')\nsys.exit(3)\n", "SystemExit: 3"),
        ("import os\nprint('so long', flush=True)\nos._exit(3)\n", r"ended \(exit code 3\)(?s:.*)so long"),
        (
            (
                "from flytekit import ImageSpec\n@task(container_image=ImageSpec(name='mine', packages=['x']))\n"
                "def one(n: int) -> int:\n    return n\n"
            ),
            r"task flow\.one describes its image",
        ),
    ],
)
def test_code_that_cannot_be_registered(body: str, words: str, client: Client, flyte: Sandbox, tmp_path: Path) -> None:
    source = small(tmp_path / "a", body)
    flyte.calls.clear()
    with pytest.raises(InvalidRequest, match=words) as caught:
        client.register(source)
    assert "serialize_flytekit" not in str(caught.value)  # the user's frames only
    assert "site-packages" not in str(caught.value)
    assert flyte.calls.count("CreateTask") == 0


def test_code_that_waits_for_something_is_given_up(client: Client, tmp_path: Path) -> None:
    source = small(tmp_path / "a", "print('waiting', flush=True)\nimport time\ntime.sleep(600)\n")
    with pytest.raises(InvalidRequest, match=r"no answer within 15 s(?s:.*)waiting"):
        client.register(source, timeout=15)


@pytest.mark.parametrize(
    ("python", "words"),
    [("/nowhere/python", "cannot be started"), ("EMPTY", "cannot import flytekit")],
)
def test_an_interpreter_that_is_none(python: str, words: str, client: Client, tmp_path: Path) -> None:
    if python == "EMPTY":
        python = str(tmp_path / "python")
        Path(python).write_text(f'#!/bin/sh\nexec {os.path.realpath("/usr/bin/env")} python3 -S -I "$@"\n')
        Path(python).chmod(0o755)
    with pytest.raises(ConfigError, match=words):
        client.register(small(tmp_path / "a"), python=python)


def test_a_source_that_is_nothing(client: Client, tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="is no file, no folder, and no module"):
        client.register("no.such.module", source_root=tmp_path)
    with pytest.raises(InvalidRequest, match="nothing to register"):
        client.register(None)
    with pytest.raises(BridgeError):
        client.register(tmp_path / "missing.tgz")


def test_a_dotted_module_below_the_root(client: Client, tmp_path: Path) -> None:
    small(tmp_path / "a")
    report = client.register("flow", source_root=tmp_path / "a", dry_run=True)
    assert [item.ref.name for item in report.entities] == ["flow.one", "flow.wf", "flow.wf"]


def test_folders_that_modules_are_found_in_are_found_in_containers_too(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = small(tmp_path / "a")
    library = tmp_path / "a" / "src" / "deep"
    library.mkdir(parents=True)
    shutil.move(source.parent / "helper.py", library / "helper.py")
    with pytest.raises(InvalidRequest, match="No module named 'helper'"):
        client.register(source)
    # One folder below the root, the root itself, an installation's and one elsewhere.
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(library), str(source.parent), sys.prefix, str(tmp_path)]))
    report = client.register(source, env={"PYTHONPATH": "/own", "A": "1"})
    task = client.get_entity(EntityRef.task("flow.one", version=report.version)).task
    assert task is not None
    assert task.env == {"PYTHONPATH": "/root/src/deep:/own", "A": "1"}
    ref = client.launch(LaunchRequest(EntityRef.launch_plan("flow.wf", version=report.version)))
    client.wait(ref, timeout=60).raise_for_phase()
    assert client.outputs(ref)["o0"] == 2
    other = client.register(source, sync_local_sys_paths=False)
    plain = client.get_entity(EntityRef.task("flow.one", version=other.version)).task
    assert plain is not None
    assert "PYTHONPATH" not in plain.env
