"""Every name that a file system allows: uploaded as a file, in a directory, as an input, through signed URLs and through fsspec.

FlyteAdmin reads names as URLs (``%``, ``#``, ``?`` mean something there) and fsspec reads some as patterns. What lies in the
store must be found by who reads the URI in the literal as tasks do, with s3fs, and by our own download.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flyteidl.core import types_pb2
from flyteidl.service import dataproxy_pb2, dataproxy_pb2_grpc
from support.flyte import DIRECTORY, DOMAIN, FILE, PROJECT, RawFlyte
from support.matrix import rows

from bridge_core import Client, EntityRef, InvalidRequest, LaunchRequest
from bridge_core.sandbox import Sandbox
from bridge_core.storage.paths import places_below

if TYPE_CHECKING:
    from bridge_core import Config

s3fs = pytest.importorskip("s3fs")

FILES_COUNT, TREE_COUNT = 150, 120
"""Of each road, each with names of its own: the nasty ones, and as many by chance. 2,000 in all in ``make test-full``, many more
in ``make test-long``."""
ACCESS = {"access_key_id": "minio", "secret_access_key": "miniostorage"}
FILES = types_pb2.LiteralType(collection_type=FILE)
NASTY = (
    "a b", " a", "a ", "%", "a%b", "a%20b", "%2F", "%2e%2e", "%00", "a#b", "#", "q?1", "q?2", "q", "?", "a?b#c%d", "a&b=c", "a+b",
    "a;b", "a:b", "a,b", "a=b", "a@b", "a!b", "a$b", "a'b", 'a"b', "a(b)", "a[1]", "a1", "[", "]", "[!a]", "a*b", "*", "**", "~",
    "a\\b", "\\", "..a", "a..", "...", ".hidden", "-", "é", "e\u0301", "ß", "日本語", "😀", "a\nb", "\n", "a\tb", "\x01", "\x7f",
    "\u2028", "a|b", "a<b>", "a^b", "a`b", "{a}", "con", "NUL", "a.", "s3:", "http:", "index.html", "x" * 255, "é" * 127,
)  # fmt: skip
LETTERS = "ab%%##??  ++&&==[]*é日😀.\\:;,@!$'\"()~^`|<>{}-_\n\t%2F0"


def names(count: int, seed: str) -> list[str]:
    """Names that differ, the nasty ones first, then chance."""
    chance = random.Random(seed)
    found = dict.fromkeys(NASTY)
    while len(found) < count:
        name = "".join(chance.choice(LETTERS) for _ in range(chance.randint(1, 12)))
        if name != "." and ".." not in name.split("\\"):  # some read "..\\x" as the folder above
            found[name] = None
    return list(found)


def planted(root: Path, count: int, seed: str) -> Path:
    """One file of each name, some in folders; the content of each is its name.

    rclone, the embedded Flyte's object server, tells control characters as their pictures (``␉``) once it has read a
    directory from disk, and may do so while the first file of a new one is written: names that have some lie at the top.
    """
    for number, name in enumerate(names(count, seed)):
        folder = root / f"d?{number % 7}" if number % 5 == 0 and name.isprintable() else root
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(name.encode())
    return root


@pytest.fixture(scope="module")
def flyte() -> Iterator[Sandbox]:
    with Sandbox(storage="s3") as running:
        yield running


@pytest.fixture(scope="module")
def store(flyte: Sandbox) -> Any:
    return s3fs.S3FileSystem(
        key=ACCESS["access_key_id"],
        secret=ACCESS["secret_access_key"],
        client_kwargs={"endpoint_url": flyte.console_url},
        skip_instance_cache=True,
        use_listings_cache=False,
    )


def roads(flyte: Sandbox) -> dict[str, Config]:
    s3 = {"endpoint": flyte.console_url, **ACCESS}
    return {
        "signed": flyte.config(s3=s3),
        "fsspec": flyte.config(s3=s3, data_upload_location="s3://my-s3-bucket/direct"),
    }


def files_of(root: Path) -> dict[str, bytes]:
    return {file.relative_to(root).as_posix(): file.read_bytes() for file in root.rglob("*") if file.is_file()}


LONG = pytest.param(2000, marks=pytest.mark.long)


@pytest.mark.parametrize("road", ["signed", "fsspec"])
@pytest.mark.parametrize("count", [FILES_COUNT, *rows(750), LONG])
def test_files_given_as_inputs(flyte: Sandbox, store: Any, tmp_path: Path, road: str, count: int) -> None:
    tree = planted(tmp_path / "tree", count, f"{road} files")
    RawFlyte(flyte.endpoint).register(f"files-{road}-{count}", {"f": FILES})
    entity = EntityRef.launch_plan(f"files-{road}-{count}")
    paths = sorted(path for path in tree.rglob("*") if path.is_file())
    with Client(roads(flyte)[road]) as client:
        ref = client.launch(LaunchRequest(entity, inputs={"f": [*map(str, paths)]}))
        uris = [item.uri for item in client.inputs(ref)["f"]]  # type: ignore[attr-defined]
        assert len(set(uris)) == len(uris) == count
        read = store.cat(uris)
        assert [read[uri.removeprefix("s3://")] for uri in uris] == [path.read_bytes() for path in paths]
        for number, (path, uri) in enumerate(list(zip(paths, uris, strict=True))[:: count // 50]):
            assert client.download(uri, tmp_path / str(number)).read_bytes() == path.read_bytes()
            store.get(uri, str(tmp_path / f"got{number}"))  # as flytekit does
            assert (tmp_path / f"got{number}").read_bytes() == path.read_bytes()


@pytest.mark.parametrize("road", ["signed", "fsspec"])
@pytest.mark.parametrize("count", [TREE_COUNT, *rows(250), LONG])
def test_files_in_a_directory(flyte: Sandbox, store: Any, tmp_path: Path, road: str, count: int) -> None:
    tree = planted(tmp_path / "tree", count, f"{road} directory")
    RawFlyte(flyte.endpoint).register(f"directory-{road}-{count}", {"d": DIRECTORY})
    with Client(roads(flyte)[road]) as client:
        ref = client.launch(LaunchRequest(EntityRef.launch_plan(f"directory-{road}-{count}"), inputs={"d": tree}))
        stored = client.inputs(ref)["d"]
        store.get(stored.uri, str(tmp_path / "task"), recursive=True)  # type: ignore[attr-defined]  # as flytekit does
        assert files_of(tmp_path / "task") == files_of(tree)
        assert files_of(client.download(stored, tmp_path / "ours")) == files_of(tree)  # type: ignore[arg-type]


@pytest.mark.parametrize("road", ["signed", "fsspec"])
def test_files_with_one_content_and_many_names(flyte: Sandbox, store: Any, tmp_path: Path, road: str) -> None:
    with Client(roads(flyte)[road]) as client:
        uris = []
        for name in NASTY:
            (tmp_path / name).write_bytes(b"the same")
            uris += [client.upload(tmp_path / name).uri, client.upload(b"the same", name=name).uri]
        assert len(set(uris)) == len(NASTY)
        assert set(store.cat(uris).values()) == {b"the same"}


@pytest.mark.parametrize("road", ["signed", "fsspec"])
def test_raw_data_lies_where_its_uri_says(flyte: Sandbox, store: Any, tmp_path: Path, road: str) -> None:
    with Client(roads(flyte)[road]) as client:
        for name in NASTY:
            uri = client.files.put_raw_data(name.encode(), upload_prefix="raw?data", file_name=name)
            assert uri.endswith(f"/raw?data/{name}")
            with store.open(uri, "rb") as stream:
                assert stream.read() == name.encode()
            assert client.download(uri, tmp_path / "x").read_bytes() == name.encode()


@pytest.mark.parametrize("road", ["signed", "fsspec"])
@pytest.mark.parametrize(
    "name",
    ["/a", "..\\a", "a/", "a//b", "./a", "a/./b", "..", "a/../b", "a\0b", "a?versionId=1", "a\udc80b", "x" * 1100],
)
def test_what_cannot_be_stored_is_refused_by_name_before_anything_is_sent(flyte: Sandbox, road: str, name: str) -> None:
    before = flyte.calls.count("CreateUploadLocation")
    with Client(roads(flyte)[road]) as client:
        with pytest.raises(InvalidRequest, match=r"file name|cannot be stored"):
            client.upload(b"x", name=name)
        with pytest.raises(InvalidRequest, match=r"file name|cannot be stored"):
            client.files.put_raw_data(b"x", file_name=name)
    assert flyte.calls.count("CreateUploadLocation") == before


def test_what_others_uploaded_through_flyteadmin_is_found_by_its_spelling(flyte: Sandbox, tmp_path: Path) -> None:
    """FlyteRemote asks for the name as it is, and puts FlyteAdmin's percent-encoded answer into the literal."""
    import hashlib
    import urllib.request
    from base64 import b64encode

    import grpc

    md5 = hashlib.md5(b"theirs", usedforsecurity=False).digest()
    request = dataproxy_pb2.CreateUploadLocationRequest(
        project=PROJECT, domain=DOMAIN, filename="their file.txt", content_md5=md5
    )
    with grpc.insecure_channel(flyte.endpoint) as channel:
        answer = dataproxy_pb2_grpc.DataProxyServiceStub(channel).CreateUploadLocation(request)
    assert answer.native_url.endswith("/their%20file.txt")
    headers = {"Content-MD5": b64encode(md5).decode()}
    put = urllib.request.Request(answer.signed_url, data=b"theirs", headers=headers, method="PUT")
    urllib.request.urlopen(put).close()
    with Client(flyte.config()) as client:
        assert client.download(answer.native_url, tmp_path / "x").read_bytes() == b"theirs"


@pytest.mark.parametrize("pair", [("a", "a/b"), ("a/b", "a"), ("a/b", "a//b"), ("a", "./a")])
def test_objects_that_cannot_both_be_files_here_are_named(tmp_path: Path, pair: tuple[str, str]) -> None:
    with pytest.raises(InvalidRequest, match="cannot both be files below"):
        places_below(tmp_path, ["x", *pair], "s3://b/d")
    assert places_below(tmp_path, ["a\\b", "a/b"], "s3://b/d") == [tmp_path / "a\\b", tmp_path / "a" / "b"]
