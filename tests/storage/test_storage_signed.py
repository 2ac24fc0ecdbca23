"""Signed URLs: what is sent, sent again, resumed and refused; against an HTTP store that fails on demand."""

from __future__ import annotations

import logging
import os
import threading
from pathlib import Path
from typing import Any

import pytest
from storage_support import HttpStore, Request, md5

from bridge_core import InvalidRequest, NotFound, Unavailable
from bridge_core.storage import signed
from bridge_core.storage.http import HttpPool

BIG = os.urandom(3 << 20)


def failing(times: int, answer: Any) -> Any:
    """A hook that answers badly that many times."""
    left = [times]

    def before(handler: Any, request: Request) -> bool:
        if left[0] <= 0:
            return False
        left[0] -= 1
        answer(handler)
        return True

    return before


def cut(handler: Any) -> None:
    """Reads some of an upload, then hangs up."""
    if handler.command == "PUT":
        handler.rfile.read(1)
    handler.close_connection = True
    handler.connection.close()


def test_no_log_at_any_level_holds_a_signature(
    store: HttpStore, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    signed.put(store.url("k"), b"x", headers={"x-amz-meta-a": "1"}, content_md5=md5(b"x"))
    signed.get(store.url("k"), tmp_path / "t")
    assert "HTTP Request: PUT http://127.0.0.1:" in caplog.text
    assert "very-secret" not in caplog.text


@pytest.mark.parametrize(
    "path", ["a%20b/c~d", "a%2Fb", "a'b(c)", "a/../b", "a//b", "./a", "%C3%BC", "a+b=c;d,e", "a[1]", 'a"b']
)
def test_a_signed_url_is_sent_to_the_byte(store: HttpStore, path: str) -> None:
    """Its signature covers how it is spelled."""
    query = "?b=2&a=1&X-Amz-Credential=AK/2026/us-east-1&t=2026-01-01T00:00:00Z&empty=&X=%2f%2F'~!*()"
    signed.put(store.url(path, query), b"x", headers={}, content_md5=md5(b"x"))
    assert store.requests[0].path == f"/{path}{query}"


def test_headers_of_the_server_are_honoured_except_its_wrong_length(store: HttpStore, tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(BIG)
    headers = {"x-amz-meta-flyteContentMD5": "abc", "Content-Length": "24", "content-md5": "wrong"}
    signed.put(store.url("k"), tmp_path / "f", headers=headers, content_md5=md5(BIG))
    (request,) = store.requests
    assert store.objects["/k"] == BIG
    assert request.headers["x-amz-meta-flytecontentmd5"] == "abc"
    assert request.headers["content-length"] == str(len(BIG))
    assert request.path == "/k?X-Amz-Signature=very-secret"


def test_connections_are_used_again_from_several_threads(store: HttpStore) -> None:
    with HttpPool() as pool:

        def send(number: int) -> None:
            for each in range(5):
                signed.put(store.url(f"{number}-{each}"), b"x", headers={}, content_md5=md5(b"x"), pool=pool)

        threads = [threading.Thread(target=send, args=[number]) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(store.objects) == 20
    assert len(store.connections) <= 4


def test_a_connection_that_was_closed_meanwhile_is_replaced(store: HttpStore) -> None:
    def close(handler: Any, request: Request) -> bool:
        handler.close_connection = True  # after this answer, without saying so
        return False

    store.before = close
    with HttpPool() as pool:
        for number in range(3):
            signed.put(store.url(str(number)), BIG, headers={}, content_md5=md5(BIG), pool=pool)
    assert [item.path[:2] for item in store.requests] == ["/0", "/1", "/2"]


@pytest.mark.parametrize("answer", [cut, lambda h: (h.read_body(), h.answer(503, b"slow down"))], ids=["cut", "503"])
def test_a_failed_upload_is_sent_again_from_the_start(store: HttpStore, tmp_path: Path, answer: Any) -> None:
    (tmp_path / "f").write_bytes(BIG)
    store.before = failing(2, answer)
    seen: list[int] = []
    signed.put(
        store.url("k"),
        tmp_path / "f",
        headers={},
        content_md5=md5(BIG),
        name="f",
        progress=lambda p: seen.append(p.done),
    )
    assert store.objects["/k"] == BIG
    assert len(store.requests) == 3
    assert seen[-1] == len(BIG)
    assert seen.count(1 << 20) >= 2, "progress begins again"


def test_a_store_that_never_works_is_unavailable_and_signatures_stay_secret(store: HttpStore, tmp_path: Path) -> None:
    store.before = failing(99, lambda h: (h.read_body(), h.answer(500, b"see /k?X-Amz-Signature=very-secret here")))
    with pytest.raises(Unavailable, match=r"failed 4 times; last: HTTP 500") as caught:
        signed.put(store.url("k"), b"x", headers={}, content_md5=md5(b"x"))
    assert "very-secret" not in str(caught.value)
    store.before = failing(99, cut)
    with pytest.raises(Unavailable, match="failed 4 times") as caught:
        signed.get(store.url("k"), tmp_path / "t")
    assert "very-secret" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_refused_upload_is_not_sent_again_and_says_why(store: HttpStore, tmp_path: Path) -> None:
    def refuse(handler: Any, request: Request) -> bool:
        handler.answer(403, b"<Code>AccessDenied</Code>")
        handler.close_connection = True  # the body was not read
        return True

    store.before = refuse
    (tmp_path / "f").write_bytes(BIG * 4)
    with pytest.raises((InvalidRequest, Unavailable)) as caught:
        signed.put(store.url("k"), tmp_path / "f", headers={}, content_md5=md5(BIG * 4))
    if isinstance(caught.value, InvalidRequest):  # the answer may be lost with the connection: that is TCP's choice
        assert "AccessDenied" in str(caught.value)
        assert len(store.requests) == 1


def test_a_damaged_body_is_noticed_by_the_store(store: HttpStore) -> None:
    with pytest.raises(InvalidRequest, match="BadDigest"):
        signed.put(store.url("k"), b"right", headers={}, content_md5=md5(b"wrong"))


@pytest.mark.parametrize("change", ["shorter", "longer"])
def test_a_file_that_changes_while_it_is_sent(store: HttpStore, tmp_path: Path, change: str) -> None:
    file = tmp_path / "f"
    file.write_bytes(BIG)

    def alter(progress: Any) -> None:
        with file.open("r+b") as stream:
            stream.truncate(1 << 20 if change == "shorter" else 4 << 20)

    with pytest.raises(InvalidRequest, match=f"became {change} while it was being uploaded"):
        signed.put(store.url("k"), file, headers={}, content_md5=md5(BIG), name="f", progress=alter)
    assert "/k" not in store.objects


def halfway(store: HttpStore, *, etag: bool = True, again: bytes | None = None) -> None:
    """The first download breaks in the middle; optionally the object is another one afterwards."""

    def before(handler: Any, request: Request) -> bool:
        if len(store.requests) > 1:
            return False
        body = store.objects["/k"]
        handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        if etag:
            handler.send_header("ETag", f'"{md5(body).hex()}"')
        handler.end_headers()
        handler.wfile.write(body[: 2 << 20])
        handler.wfile.flush()
        handler.close_connection = True
        handler.connection.close()
        if again is not None:
            store.objects["/k"] = again
        return True

    store.before = before


@pytest.mark.parametrize("etag", [True, False])
def test_a_broken_download_goes_on_where_it_broke_if_the_object_is_the_same(
    store: HttpStore, tmp_path: Path, etag: bool
) -> None:
    store.objects["/k"] = BIG
    halfway(store, etag=etag)
    signed.get(store.url("k"), tmp_path / "t")
    assert (tmp_path / "t").read_bytes() == BIG
    assert ("range" in store.requests[1].headers) is etag


def test_a_broken_download_of_an_object_that_changed_begins_again(store: HttpStore, tmp_path: Path) -> None:
    store.objects["/k"] = BIG
    halfway(store, again=b"new")
    signed.get(store.url("k"), tmp_path / "t")
    assert (tmp_path / "t").read_bytes() == b"new"
    assert [file.name for file in tmp_path.iterdir()] == ["t"]


def test_missing_and_refused_downloads_leave_nothing(store: HttpStore, tmp_path: Path) -> None:
    (tmp_path / "t").write_text("before")
    with pytest.raises(NotFound, match="nothing is there"):
        signed.get(store.url("missing"), tmp_path / "t")
    store.before = failing(1, lambda h: h.answer(403, b"expired"))
    with pytest.raises(InvalidRequest, match="HTTP 403: expired"):
        signed.get(store.url("k"), tmp_path / "t")
    assert (tmp_path / "t").read_text() == "before"
    assert [file.name for file in tmp_path.iterdir()] == ["t"]


def test_an_environment_proxy_is_used(store: HttpStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", store.url("", ""))
    monkeypatch.delenv("no_proxy", raising=False)
    signed.put("http://store.invalid/k?s=1", b"x", headers={}, content_md5=md5(b"x"))
    assert store.requests[0].path == "http://store.invalid/k?s=1"
    assert store.requests[0].headers["host"] == "store.invalid"
