"""`FileAccess` as code written for flytekit's ``FileAccessProvider`` calls it: names, keywords, positions, flags."""

from __future__ import annotations

import asyncio
import io
import os
from pathlib import Path

import pytest

from bridge_core import Client, Config, InvalidRequest, PermissionDenied


def test_uploads_and_downloads(local: Client, tmp_path: Path) -> None:
    files = local.files
    (tmp_path / "a").write_text("a")
    (tmp_path / "tree" / "sub").mkdir(parents=True)
    (tmp_path / "tree" / "sub" / "b").write_text("b")
    raw = files.raw_output_prefix
    assert files.put_raw_data(lpath=tmp_path / "a", upload_prefix="p", read_chunk_size_bytes=10) == f"{raw}p/a"
    assert files.put_raw_data(io.StringIO("text"), "p", "t", read_chunk_size_bytes=1) == f"{raw}p/t"
    assert files.upload(file_path=tmp_path / "a", to_path=f"{raw}one") == f"{raw}one"
    assert files.put_data(tmp_path / "tree", f"{raw}tree", True) == f"{raw}tree"
    assert files.upload_directory(local_path=tmp_path / "tree", remote_path=f"{raw}tree2") == f"{raw}tree2"
    assert files.get(from_path=f"{raw}tree", to_path=tmp_path / "back", recursive=True) == tmp_path / "back"
    assert (tmp_path / "back" / "sub" / "b").read_text() == "b"
    assert files.get_data(f"{raw}tree2", tmp_path / "back2", True) == tmp_path / "back2"
    assert files.download(remote_path=f"{raw}one", local_path=tmp_path / "c").read_text() == "a"
    with pytest.raises(InvalidRequest, match="data: wanted once, as data= or as lpath=; neither was given"):
        files.put_raw_data()
    with pytest.raises(InvalidRequest, match="both was given"):
        files.put_raw_data(b"", lpath=b"")
    with pytest.raises(InvalidRequest, match="read_chunk_size_bytes: wanted a whole number from 1 on, got 0"):
        files.put_raw_data(b"", read_chunk_size_bytes=0)


def test_places(local: Client) -> None:
    files = local.files
    assert files.recursive_paths("a/b", "s3://b/c/") == ("a/b/", "s3://b/c/")
    assert files.sep() == os.sep
    assert files.sep(files.get_filesystem("memory")) == "/"
    assert files.sep(files.local_access) == os.sep
    assert files.strip_file_header("file:///a/", trim_trailing_sep=True) == "/a"
    assert files.strip_file_header("/") == "/"
    assert files.get_file_tail(file_path_or_file_name="s3://b/c.txt") == "c.txt"
    assert files.join("a", "b", "c") == "a/b/c"
    assert files.join("bucket", "b", unstrip=True, fs=files.get_filesystem("memory")).startswith("memory://")
    assert files.join() == ""
    assert files.data_config is files.config
    assert files.raw_output_fs is files.get_filesystem_for_path(files.raw_output_prefix)
    assert files.get_filesystem(path="memory://x") is files.get_filesystem("memory")
    assert files.generate_new_custom_path(fs=files.raw_output_fs, stem="stem").endswith("/stem")
    with pytest.raises(InvalidRequest, match="alt= and stem= are texts"):
        files.generate_new_custom_path("alt")
    for made in (files.get_random_remote_path("x/y.txt"), files.get_random_local_path("x/y.txt")):
        assert str(made).endswith("/y.txt")


def test_other_settings_for_one_call(s3_config: Config, tmp_path: Path) -> None:
    files = Client(s3_config).files
    uri = files.put_raw_data(b"mine", "", "using.txt")
    wrong = files.using(s3={"secret_access_key": "wrong", "retries": 0})
    with pytest.raises(PermissionDenied):
        wrong.get_data(uri, tmp_path / "x")
    assert files.open(uri).read() == b"mine", "the others keep theirs"
    assert wrong.using(s3={"secret_access_key": s3_config.s3.secret_access_key}).open(uri).read() == b"mine"
    elsewhere = files.using(data_upload_location="s3://bucket/other/")
    assert elsewhere.put_raw_data(b"x", "", "y") == "s3://bucket/other/y"


def test_an_asynchronous_file_system(s3_config: Config, local: Client) -> None:
    files = Client(s3_config).files
    uri = files.put_raw_data(b"awaited", "", "async.txt")

    async def read() -> bytes:
        system = files.get_async_filesystem_for_path(uri)
        assert system.asynchronous
        session = await system.set_session()
        try:
            found: bytes = await system._cat_file(uri)
        finally:
            await session.close()
        return found

    assert asyncio.run(read()) == b"awaited"
    assert not files.get_filesystem_for_path(uri).asynchronous
    assert local.files.get_async_filesystem_for_path("/tmp") is local.files.get_filesystem("file")


def test_a_checkpoint_needs_a_place_that_can_be_read(local: Client) -> None:
    for places in (("flyte://bucket/c",), ("s3://bucket/c", "FLYTE://bucket/c")):
        with pytest.raises(
            InvalidRequest, match=r"checkpoint .*: Flyte's own road only takes files; name a folder of a store"
        ):
            local.files.checkpoint(*places)
