"""Connections that end at every byte of head and body: what arrives is whole, or it is an error. Never half, never empty."""

from __future__ import annotations

from pathlib import Path

import pytest
from storage_support import md5
from support.cutting import CuttingServer, http

from bridge_core import Config, RetryPolicy, Unavailable
from bridge_core.storage import signed
from bridge_core.storage.http import HttpPool

CONTENT = b'{"a": "0123456789", "the end": true}'
TAG = 'ETag: "tag-1"'
ANSWERS = {
    "length": http(CONTENT, TAG, "Content-Type: application/octet-stream"),
    "chunks": http(CONTENT, TAG, chunked=True),
    "closing": http(CONTENT, "Connection: close"),
    "empty": http(b"", TAG),
}


def pool(retries: int) -> HttpPool:
    return HttpPool(Config(retry=RetryPolicy(retries=retries, first_delay=0.0, longest_delay=0.0)))


def content_of(answer: bytes) -> bytes:
    return b"" if b"Content-Length: 0" in answer else CONTENT


@pytest.fixture(params=["end", "reset"])
def reset(request: pytest.FixtureRequest) -> bool:
    return request.param == "reset"


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_download_cut_at_any_byte_is_an_error_and_leaves_nothing(kind: str, reset: bool, tmp_path: Path) -> None:
    answer, target = ANSWERS[kind], tmp_path / "t"
    with CuttingServer(lambda _: answer, reset=reset) as server, pool(0) as connections:
        for cut in range(len(answer)):
            server.after.append(cut)
            with pytest.raises(Unavailable, match="failed 1 time; last"):
                signed.get(f"{server.url}/k", target, pool=connections)
            assert list(tmp_path.iterdir()) == [], f"cut after {answer[:cut]!r}"
        signed.get(f"{server.url}/k", target, pool=connections)
        assert target.read_bytes() == content_of(answer)


@pytest.mark.parametrize("kind", ANSWERS)
def test_a_download_cut_at_any_byte_is_whole_when_it_is_asked_for_again(kind: str, tmp_path: Path) -> None:
    answer = ANSWERS[kind]

    def give(request: bytes) -> bytes:
        """The rest for whoever asks for the rest, as a store does."""
        if b"\r\nrange: bytes=" not in request.lower():
            return answer
        assert b'if-range: "tag-1"' in request.lower()
        start = int(request.lower().partition(b"range: bytes=")[2].partition(b"-")[0])
        where = f"Content-Range: bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}"
        return http(CONTENT[start:], TAG, where, status="206 Partial Content")

    resumed = 0
    with CuttingServer(give) as server, pool(2) as connections:
        for cut in range(len(answer)):
            server.after.extend((cut, cut))
            signed.get(f"{server.url}/k", tmp_path / "t", pool=connections)
            assert (tmp_path / "t").read_bytes() == content_of(answer), f"cut after {answer[:cut]!r}"
            resumed += any(b"range" in request.lower() for request in server.requests[-2:])
            server.after.clear()
    assert (resumed > 0) is (kind in ("length", "chunks"))


@pytest.mark.parametrize(
    "part",
    [
        "Content-Range: bytes 0-{last}/{total}",
        "Content-Range: bytes {next}-{last}/{total}",
        "Content-Range: bytes {start}-{last}/{more}",
        "Content-Range: bytes {start}-{less}/{total}",
        "Content-Range: bytes */{total}",
        "X-Nothing: 1",
    ],
)
@pytest.mark.parametrize("tag", [TAG, 'ETag: "tag-2"', "X-No-Tag: 1"])
def test_a_part_that_does_not_go_on_where_we_stopped_is_not_put_together(part: str, tag: str, tmp_path: Path) -> None:
    whole, start = http(CONTENT, TAG), 10
    numbers = {
        "start": start, "next": start + 1, "last": len(CONTENT) - 1, "less": len(CONTENT) - 2, "total": len(CONTENT),
        "more": len(CONTENT) + 7,
    }  # fmt: skip

    def give(request: bytes) -> bytes:
        if b"range: " not in request.lower():
            return whole
        return http(CONTENT[start:], tag, part.format(**numbers), status="206 Partial Content")

    with CuttingServer(give) as server, pool(2) as connections:
        server.after.append(len(whole) - len(CONTENT) + start)
        signed.get(f"{server.url}/k", tmp_path / "t", pool=connections)
        assert (tmp_path / "t").read_bytes() == CONTENT
        assert ["range" in request.lower().decode() for request in server.requests] == [False, True, False]


def test_an_answer_without_length_is_no_answer(tmp_path: Path) -> None:
    """Its end is the end of the connection, which a cut is, too."""
    with CuttingServer(lambda _: b"HTTP/1.1 200 OK\r\n\r\n" + CONTENT) as server, pool(0) as connections:
        broken = pytest.raises(Unavailable, match="neither how long it is nor where it ends")
        with broken:
            signed.get(f"{server.url}/k", tmp_path / "t", pool=connections)
    assert list(tmp_path.iterdir()) == []


def test_a_part_that_nobody_asked_for_is_not_the_whole(tmp_path: Path) -> None:
    part = http(CONTENT[:9], TAG, f"Content-Range: bytes 0-8/{len(CONTENT)}", status="206 Partial Content")
    with (
        CuttingServer(lambda _: part) as server,
        pool(1) as connections,
        pytest.raises(Unavailable, match="failed 2 times"),
    ):
        signed.get(f"{server.url}/k", tmp_path / "t", pool=connections)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(params=["bytes", "file", "nothing"])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> bytes | Path:
    if request.param == "file":
        (tmp_path / "source").write_bytes(CONTENT)
    return {"bytes": CONTENT, "nothing": b"", "file": tmp_path / "source"}[request.param]


def test_an_upload_cut_at_any_byte_is_an_error_or_whole(source: bytes | Path, reset: bool) -> None:
    data = source if isinstance(source, bytes) else source.read_bytes()
    answer, failures = http(b"<ok/>"), []

    def put(connections: HttpPool) -> bool:
        try:
            signed.put(
                f"{server.url}/k?s=secret", source, headers={"x-a": "1"}, content_md5=md5(data), pool=connections
            )
        except Unavailable as error:
            failures.append(str(error))
            return False
        return True

    with CuttingServer(lambda _: answer, reset=reset) as server, pool(0) as once, pool(1) as twice:
        assert put(once)
        (request,) = server.requests
        assert request.partition(b"\r\n\r\n")[2] == data
        for cut in range(len(request)):
            server.within.append(cut)
            assert not put(once), f"{cut} bytes were read"
            server.within.append(cut)
            assert put(twice)
            assert server.requests[-1] == request
        assert len(server.requests) == 1 + len(request)
        for cut in range(len(answer)):
            server.after.append(cut)
            put(once)
            assert server.requests[-1] == request
            server.after.append(cut)
            assert put(twice)
            assert server.requests[-1] == request
    assert failures
    assert "secret" not in str(failures)


def test_a_store_that_says_yes_before_it_has_everything_has_not(tmp_path: Path) -> None:
    file = tmp_path / "big"
    with file.open("wb") as stream:
        stream.truncate(64 << 20)  # more than the buffers of two sockets hold

    def take(request: bytes) -> bytes:
        raise AssertionError("it never has the whole request")

    class Hasty(CuttingServer):
        def _end(self, connection: object) -> None:
            connection.sendall(http(b""))  # type: ignore[attr-defined]

    with Hasty(take) as server, pool(0) as connections:
        server.within.append(1000)
        with pytest.raises(Unavailable):
            signed.put(f"{server.url}/k", file, headers={}, content_md5=b"", pool=connections)
