"""`FileAccess`: names, both directions, one and many files; the same in a folder, S3, GCS, Azure and the memory of fsspec."""

from __future__ import annotations

import asyncio
import encodings
import encodings.aliases
import io
import os
import pkgutil
from pathlib import Path
from typing import Any

import pytest
from storage_support import S3Server

from bridge_core import AsyncClient, Client, Config, ConfigError, DirectoryRef, FileRef, InvalidRequest, NotFound

from bridge_core import PermissionDenied, Progress, Unavailable  # isort: skip


def contents(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture(params=["folder", "s3", "gcs", "azure", "memory"])
def client(request: pytest.FixtureRequest, local: Client) -> Client:
    if request.param == "folder":
        return local
    if request.param in ("s3", "gcs", "azure"):
        return Client(request.getfixturevalue(f"{request.param}_config"))
    return Client(local.config.replace(data_upload_location="memory://raw/prefix"))


def test_bytes_streams_texts_and_files_there_and_back(client: Client, tmp_path: Path) -> None:
    files, name = client.files, os.urandom(4).hex()
    prefix = client.config.data_upload_location
    assert files.raw_output_prefix == prefix + "/"
    uri = files.put_raw_data(b"bytes", name, "b.bin")
    assert uri == f"{prefix}/{name}/b.bin"
    assert files.put_raw_data(io.BytesIO(b"stream"), name, "s.bin") == f"{prefix}/{name}/s.bin"
    assert files.put_raw_data(io.StringIO("grüße"), name, "t.txt", "latin-1") == f"{prefix}/{name}/t.txt"
    (tmp_path / "local.txt").write_text("file")
    assert files.put_raw_data(tmp_path / "local.txt", name) == f"{prefix}/{name}/local.txt"
    assert files.put_raw_data(str(tmp_path / "local.txt"), "", f"{name}.txt") == f"{prefix}/{name}.txt"
    assert files.put_raw_data(b"x", f"{prefix}/elsewhere-{name}", "y", skip_raw_data_prefix=True) == (
        f"{prefix}/elsewhere-{name}/y"
    )
    found = {Path(item).name: files.open(item).read() for item in files.list_files(f"{prefix}/{name}")}
    assert found == {"b.bin": b"bytes", "s.bin": b"stream", "t.txt": "grüße".encode("latin-1"), "local.txt": b"file"}
    assert files.read_tail(uri, 2) == b"es"
    assert files.read_tail(uri, 1000) == b"bytes"
    assert files.get_data(uri, tmp_path / "new" / "copy").read_bytes() == b"bytes"
    assert files.get(uri, tmp_path).name == "b.bin"
    assert files.exists(uri)
    assert files.exists(uri.replace("s3://", "S3://").replace("gs://", "GS://").replace("abfs://", "ABFS://"))
    files.remove(uri)
    assert not files.exists(uri)
    with pytest.raises(NotFound, match=r"b\.bin"):
        files.get(uri, tmp_path / "gone")
    assert not (tmp_path / "gone").exists()
    one, two = files.put_raw_data(b""), files.put_raw_data(b"")
    assert one != two, "prefix and name are random"
    assert len(one.removeprefix(prefix + "/")) == 65


def test_directories(client: Client, tree: Path, tmp_path: Path) -> None:
    files, seen = client.files, []
    uri = files.put_raw_data(tree, os.urandom(4).hex(), progress=seen.append)
    assert uri.endswith("/tree")
    files.download_directory(uri, tmp_path / "back")
    assert contents(tmp_path / "back") == contents(tree)
    assert {item.name for item in seen if item.finished} >= {"a.txt", "b.bin"}
    assert files.list_files(uri) == sorted(files.list_files(uri))
    assert client.download(DirectoryRef(uri=uri), tmp_path / "again") == tmp_path / "again"
    assert client.download(f"{uri}/", tmp_path / "third") == tmp_path / "third"
    assert contents(tmp_path / "again") == contents(tmp_path / "third") == contents(tree)


def test_the_same_content_has_the_same_place_and_is_sent_once(client: Client, tree: Path, tmp_path: Path) -> None:
    seen: list[Progress] = []
    first = client.upload(b"content", name="x.bin", progress=seen.append)
    assert isinstance(first, FileRef)
    assert first.size == 7
    assert client.upload(b"content", name="x.bin") == first
    assert client.upload(b"other", name="x.bin") != first
    folder = client.upload(tree)
    assert isinstance(folder, DirectoryRef)
    moved = tmp_path / "moved"
    tree.rename(moved)
    assert client.upload(moved) == folder
    (moved / "a.txt").write_text("changed")
    assert client.upload(moved) != folder, "content is read anew, never remembered by path"


def test_an_upload_that_broke_off_goes_on(local: Client, tree: Path) -> None:
    folder = local.upload(tree)
    whole = Path(folder.uri)
    stamps = {file: file.stat().st_mtime_ns for file in whole.rglob("*") if file.is_file()}
    (whole / "a.txt").unlink()
    assert local.upload(tree) == folder
    assert contents(whole) == contents(tree)
    assert {file: file.stat().st_mtime_ns for file in stamps if file.name != "a.txt"} == {
        file: stamp for file, stamp in stamps.items() if file.name != "a.txt"
    }


def test_names_of_places(local: Client, tmp_path: Path) -> None:
    files = Client(local.config.replace(data_upload_location="s3://b/default-prefix-part/x")).files
    assert files.generate_new_custom_path(alt="my-alt-bucket", stem="my-stem") == (
        "s3://my-alt-bucket/default-prefix-part/my-stem"
    )
    assert files.generate_new_custom_path(stem="s") == "s3://b/default-prefix-part/s"
    assert len(files.generate_new_custom_path()) == len("s3://b/default-prefix-part/") + 32
    for prefix, place in [
        ("s3://b/part/", "s3://b/part/s"),
        ("s3://b", "s3://b/s"),
        ("s3://b/", "s3://b/s"),
        ("/raw/x/", "/raw/x/s"),
        ("/raw/x", "/raw/s"),
    ]:
        other = Client(local.config.replace(data_upload_location=prefix)).files
        assert other.generate_new_custom_path(stem="s") == place
        if prefix.endswith("/"):
            from flytekit.core.data_persistence import FileAccessProvider

            theirs = FileAccessProvider(str(tmp_path / "flytekit"), prefix)
            assert theirs.generate_new_custom_path(stem="s") == place
    assert files.get_random_remote_path("/some/file.txt").endswith("/file.txt")
    assert files.get_random_remote_directory().startswith("s3://b/default-prefix-part/x/")
    assert files.get_random_remote_path() != files.get_random_remote_path()
    assert files.get_file_tail("a/b/c.txt") == "c.txt"
    assert files.join("s3://b/", "x", "y") == "s3://b/x/y"
    assert (files.is_remote("s3://b"), files.is_remote("/a"), files.is_remote("file:///a")) == (True, False, False)
    assert files.strip_file_header("file:///a") == "/a"
    local.config.replace(local={"sandbox_path": str(tmp_path / "box")})
    boxed = Client(local.config.replace(local={"sandbox_path": str(tmp_path / "box")})).files
    assert boxed.get_random_local_directory().parent == tmp_path / "box"
    assert boxed.get_random_local_path("a/b.txt").name == "b.txt"
    assert not boxed.get_random_local_path("a/b.txt").parent.exists()
    with pytest.raises(InvalidRequest, match="has no bucket"):
        boxed.generate_new_custom_path(alt="x")


def test_what_cannot_be_put(local: Client, tree: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tree / "a.txt")
    for source, text in [
        (tmp_path / "missing", "does not exist"),
        (tmp_path / "link", "is a symlink"),
        (3, "expected a path, bytes or a stream, got int"),
    ]:
        with pytest.raises(InvalidRequest, match=text):
            local.files.put_raw_data(source)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match="needs an upload_prefix"):
        local.files.put_raw_data(b"", "", skip_raw_data_prefix=True)


def test_settings_belong_to_one_client(s3_config: Config, tmp_path: Path) -> None:
    import fsspec
    from fsspec.registry import registry
    from s3fs import S3FileSystem

    before, cached = dict(registry), set(S3FileSystem._cache)
    good = Client(s3_config)
    bad = Client(s3_config.replace(s3={"secret_access_key": "wrong", "retries": 0}))
    uri = good.files.put_raw_data(b"mine", "", "per-client.txt")
    with pytest.raises(PermissionDenied, match=r"refuses access to s3://bucket"):
        bad.files.get(uri, tmp_path / "x")
    assert good.files.open(uri).read() == b"mine"
    assert good.files.get_filesystem("s3") is good.files.get_filesystem_for_path(uri)
    assert good.files.get_filesystem("s3") is not bad.files.get_filesystem("s3")
    assert dict(registry) == before
    assert set(S3FileSystem._cache) == cached
    assert fsspec.config.conf.get("s3") is None


def test_anonymous_access_only_on_request(s3_config: Config, s3: S3Server) -> None:
    client = Client(s3_config)
    uri = client.files.put_raw_data(b"private", "", "private.txt")
    assert client.files.get_filesystem("s3", anonymous=True).anon
    assert not client.files.get_filesystem("s3").anon
    with pytest.raises((PermissionDenied, InvalidRequest)):
        client.files.open(uri, anonymous=True).read()


def test_objects_carry_who_wrote_them_unless_switched_off(s3_config: Config) -> None:
    client = Client(s3_config)
    for attach, expected in ((True, "a/b/c"), (False, None)):
        files = Client(s3_config.replace(attach_execution_metadata=attach)).files
        uri = files.put_raw_data(b"x", "", f"meta-{attach}", metadata={"flyte_run": "a/b/c"})
        assert client.files.get_filesystem("s3").metadata(uri).get("flyte-run") == expected


def test_a_store_that_is_not_there(s3_config: Config, tmp_path: Path) -> None:
    away = Client(s3_config.replace(s3={"endpoint": "http://127.0.0.1:9", "retries": 0}))
    with pytest.raises(Unavailable, match="s3://bucket/x"):
        away.files.exists("s3://bucket/x")
    with pytest.raises(InvalidRequest, match="Invalid bucket name"):
        away.files.exists("s3://not a bucket/x")
    with pytest.raises(InvalidRequest, match="nonsense:// is no scheme that fsspec knows"):
        away.files.exists("nonsense://x")
    with pytest.raises(InvalidRequest, match="chains file systems"):
        away.files.exists("simplecache::s3://bucket/x")
    with pytest.raises((ConfigError, InvalidRequest), match="hdfs"):
        away.files.exists("hdfs://bucket/x")


def test_large_files_go_in_parts(s3_config: Config, tmp_path: Path) -> None:
    big = tmp_path / "big"
    big.write_bytes(os.urandom(1 << 20) * 25)
    client, seen = Client(s3_config), []
    ref = client.upload(big, progress=seen.append)
    assert client.download(ref, tmp_path / "copy", progress=seen.append).read_bytes() == big.read_bytes()
    assert max(item.done for item in seen) == 25 << 20
    assert len(seen) > 5


def test_every_verb_is_there_for_asyncio(s3_config: Config, tree: Path, tmp_path: Path) -> None:
    async def main() -> None:
        async with AsyncClient(s3_config) as client:
            uri = await client.files.put_raw_data(tree, "async")
            assert await client.files.exists(uri)
            assert len(await client.files.list_files(uri)) == 4
            await client.files.download_directory(uri, tmp_path / "back")
            ref = await client.upload(b"abc", name="x")
            assert isinstance(ref, FileRef)
            assert (await client.files.read_tail(ref.uri, 1)) == b"c"
            assert (await client.open(ref)).read() == b"abc"
            await client.files.remove(ref.uri)
            assert not await client.files.exists(ref.uri)

    asyncio.run(main())
    assert contents(tmp_path / "back") == contents(tree)


def test_the_same_verbs_on_both() -> None:
    from bridge_core import AsyncFileAccess, FileAccess

    def verbs(kind: Any) -> set[str]:
        return {name for name in dir(kind) if not name.startswith("_")}

    assert verbs(FileAccess) - verbs(AsyncFileAccess) == {"checkpoint"}


class InPieces(io.StringIO):
    """Gives five characters at a time, as a pipe may."""

    def read(self, size: int | None = -1) -> str:
        return super().read(-1 if size is None or size < 0 else 5)


def test_a_text_is_written_whole_in_every_encoding_that_python_has(local: Client) -> None:
    names = {module.name for module in pkgutil.iter_modules(encodings.__path__)}
    written = refused = 0
    for name in sorted({*names, *encodings.aliases.aliases, "UTF-16", "utf_8_sig", "no-such"}):
        for text in ("", "plain text, more than one chunk of it", "grüße ☃ " * 5, "\ud800"):
            try:
                wanted = text.encode(name)
            except (LookupError, UnicodeError):
                with pytest.raises(InvalidRequest, match="cannot be written in encoding"):
                    local.files.put_raw_data(InPieces(text), encoding=name)
                refused += 1
                continue
            uri = local.files.put_raw_data(InPieces(text), encoding=name)
            found = local.files.open(uri).read()
            assert found == wanted or found.decode(name) == text, (name, text, found)
            written += 1
    assert written > 300
    assert refused > 300


def test_a_text_in_two_bytes_goes_through_signed_urls(flyte: Client) -> None:
    uri = flyte.files.put_raw_data(io.StringIO("grüße"), encoding="utf-16")
    assert flyte.files.open(uri).read() == "grüße".encode("utf-16")
