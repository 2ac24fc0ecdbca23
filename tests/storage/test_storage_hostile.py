"""What must not happen to files: lost, half-written, written elsewhere, or sent though they were not meant."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

import pytest
from storage_support import HttpStore

from bridge_core import Client, DirectoryRef, InvalidRequest
from bridge_core.storage import signed
from bridge_core.storage.store import Store


def test_symlinks_out_of_a_directory_are_refused(local: Client, tree: Path, tmp_path: Path) -> None:
    (tmp_path / "outside").write_text("secret")
    (tree / "link").symlink_to(tmp_path / "outside")
    for upload in (local.upload, local.files.put_raw_data):
        with pytest.raises(InvalidRequest, match=r"link is a symlink out of .*tree; copy the file, or leave it out"):
            upload(tree)
    assert not (tmp_path / "raw").exists(), "nothing was sent"


def test_nothing_of_a_directory_is_left_out_silently(local: Client, tree: Path) -> None:
    (tree / "inside").symlink_to(tree / "a.txt")
    assert Path(local.upload(tree).uri, "inside").read_text() == "a", "a symlink within it is a file"
    for name, make, text in [
        ("dangling", lambda p: p.symlink_to(tree / "nowhere"), "symlink to nothing"),
        ("pipe", os.mkfifo, "no regular file"),
        ("folder", lambda p: p.symlink_to(tree / "deep"), "symlink to a directory"),
        (os.fsdecode(b"\xff"), lambda p: p.touch(), "not UTF-8"),
    ]:
        make(tree / name)
        with pytest.raises(InvalidRequest, match=text):
            local.upload(tree)
        if text == "not UTF-8":
            with pytest.raises(InvalidRequest, match=text):
                local.upload(tree / name)
        (tree / name).unlink()
    local.upload(tree)


def test_a_directory_without_files_and_the_wrong_kind(local: Client, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidRequest, match="holds no files"):
        local.upload(tmp_path / "empty")
    with pytest.raises(InvalidRequest, match="does not exist"):
        local.upload(tmp_path / "missing")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidRequest, match="no regular file"):
        local.upload(tmp_path / "pipe")
    with pytest.raises(InvalidRequest, match="would lead out of its folder"):
        local.upload(b"x", name="../x")


def test_unreadable_files_and_folders(tree: Path, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """As a user whom the permissions concern: root may read everything."""
    script = textwrap.dedent(
        """
        import os, sys
        from pathlib import Path
        from bridge_core import Client, Config, InvalidRequest
        tree, raw = sys.argv[1:]
        client = Client(Config.for_endpoint("127.0.0.1:1", insecure=True, search_cwd=False, data_upload_location=raw))
        client.upload(b"modules are loaded while they can be read")
        if os.getuid() == 0:
            os.setuid(65534)
        try:
            client.upload(Path(tree))
        except InvalidRequest as error:
            print(error)
        """
    )
    place = Path(tempfile.mkdtemp())  # pytest's own folders are closed to others
    place.chmod(0o755)
    request.addfinalizer(lambda: shutil.rmtree(place))
    tree = Path(shutil.copytree(tree, place / "tree"))
    for path, said in ((tree / "a.txt", "file"), (tree / "deep", "directory")):
        mode = path.stat().st_mode
        path.chmod(0)
        run = subprocess.run(
            [sys.executable, "-c", script, str(tree), str(tmp_path / "raw")], capture_output=True, text=True, check=True
        )
        path.chmod(mode)
        assert f"{said} {path} cannot be read: Permission denied" in run.stdout, run.stderr


@pytest.mark.parametrize("name", ["../evil", "a/../../evil", "/etc/evil", "..\\evil", "nul\0"])
def test_names_that_lead_out_of_the_target_are_refused_before_anything_is_written(
    local: Client, tmp_path: Path, name: str
) -> None:
    class Listing:
        """The one thing that no store here gives: a listing with such names."""

        def files(self, uri: str, **_: object) -> list[tuple[str, str]]:
            return [("good", f"{uri}/good"), (name, f"{uri}/{name}")]

    local._ops.files._store = Listing()  # type: ignore[assignment]
    target = tmp_path / "sub" / "target"
    with pytest.raises(InvalidRequest, match=r"would be written outside .*target; nothing was"):
        local.download(DirectoryRef(uri="s3://b/x"), target)
    assert not target.exists()
    assert not (tmp_path / "evil").exists()


def test_archives_whose_members_lead_out(local: Client, tmp_path: Path) -> None:
    """fsspec can list archives; a member's name is no safer than an object's."""
    import zipfile

    from bridge_core.storage.paths import place_below

    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        archive.writestr("../../evil", "x")
    for member in zipfile.ZipFile(tmp_path / "bad.zip").namelist():
        with pytest.raises(InvalidRequest, match="would be written outside"):
            place_below(tmp_path / "target", member, "bad.zip")
    with pytest.raises(InvalidRequest, match="chains file systems"):
        local.files.download_directory(f"zip://*::{tmp_path}/bad.zip", tmp_path / "target")


def test_a_symlink_in_the_target_does_not_lead_out(local: Client, tree: Path, tmp_path: Path) -> None:
    uri = local.files.put_raw_data(tree)
    (tmp_path / "target").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "target" / "deep").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InvalidRequest, match=r"leads out of .* through a symlink"):
        local.files.download_directory(uri, tmp_path / "target")
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.parametrize("target", ["memory://bucket/there", "there"])
def test_a_file_that_goes_away_before_it_is_sent(local: Client, tmp_path: Path, target: str) -> None:
    store = Store(local.config)
    with pytest.raises(InvalidRequest, match=rf"file {tmp_path}/gone cannot be read: No such file"):
        store.put(tmp_path / "gone", target if "://" in target else str(tmp_path / target))
    with pytest.raises(InvalidRequest, match=rf"file {tmp_path}/gone cannot be read: No such file"):
        signed.put("http://127.0.0.1:1/x", tmp_path / "gone", headers={}, content_md5=b"")


FULL = """
import resource, signal, sys
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
from bridge_core import Client, Config, FileRef, InvalidRequest
from bridge_core.storage import signed
road, source, target, raw = sys.argv[1:]
client = Client(Config.for_endpoint("127.0.0.1:1", insecure=True, search_cwd=False, data_upload_location=raw))
try:
    if road == "signed":
        signed.get(source, Path(target))
    elif road == "up":
        client.upload(Path(source))
    else:
        client.download(FileRef(uri=source), target)
except InvalidRequest as error:
    print(error)
"""


@pytest.mark.parametrize("road", ["signed", "direct", "up"])
def test_a_full_disk_leaves_nothing_half_written(store: HttpStore, tmp_path: Path, road: str) -> None:
    """A limit on the size of files stands for the disk: both fail a write in the middle."""
    store.objects["/k"] = bytes(5 << 20)
    (tmp_path / "source").write_bytes(bytes(5 << 20))
    source = store.url("k") if road == "signed" else str(tmp_path / "source")
    place = tmp_path / "place"
    place.mkdir()
    (place / "target").write_text("before")
    raw = tmp_path / "raw"
    run = subprocess.run(
        [sys.executable, "-c", FULL, road, source, str(place / "target"), str(raw)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "cannot be written after" in run.stdout, run.stderr
    assert "File too large" in run.stdout
    assert "was removed" in run.stdout
    assert [(file.name, file.read_text()) for file in place.iterdir()] == [("target", "before")]
    assert not raw.exists() or [file for file in raw.rglob("*") if file.is_file()] == []


def test_transfers_keep_nothing_in_memory_whole(store: HttpStore, tmp_path: Path) -> None:
    """100 MB through a process that may have 20 MB more than it has at the start."""
    del store
    script = textwrap.dedent(
        """
        import resource, sys
        from pathlib import Path
        from bridge_core import Client, Config, FileRef
        source, target, raw = sys.argv[1:]
        client = Client(Config.for_endpoint("127.0.0.1:1", insecure=True, search_cwd=False, data_upload_location=raw))
        client.upload(b"warm")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        client.download(client.upload(Path(source)), target)
        print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
        """
    )
    with (tmp_path / "big").open("wb") as file:
        file.truncate(100 << 20)
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "big"), str(tmp_path / "copy"), str(tmp_path / "raw")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (tmp_path / "copy").stat().st_size == 100 << 20
    assert int(run.stdout) < 20, "MB"
