"""DataProxyService and the HTTP server: signed uploads and downloads, decks, pages."""

from __future__ import annotations

import base64
import hashlib
import http.client
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest
from flyteidl.service import dataproxy_pb2, identity_pb2

from .protos import D, P, echo_workflow, literals, rejected, shell_task, unique
from .test_engine import nodes_of


def md5(data):
    return hashlib.md5(data).digest()


def location(wire, **fields):
    request = {"project": P, "domain": D, **fields}
    return wire.data.CreateUploadLocation(dataproxy_pb2.CreateUploadLocationRequest(**request))


def http_call(method, url, body=None, headers=None):
    """Status and body; no redirects, no exceptions for statuses."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    try:
        connection.request(method, f"{parts.path}?{parts.query}", body=body, headers=headers or {})
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def encoded(data):
    return base64.b64encode(md5(data)).decode()


def test_upload_and_download(wire, sandbox):
    data = b"some code" * 1000
    place = location(wire, filename="fast.tar.gz", content_md5=md5(data))
    root = base64.b32encode(md5(data)).decode()
    assert place.native_url == f"{sandbox.data_dir.resolve()}/blobs/{P}/{D}/{root}/fast.tar.gz"
    assert place.expires_at.seconds
    assert http_call("PUT", place.signed_url, data, {"Content-MD5": encoded(data)})[0] == 200
    assert Path(place.native_url).read_bytes() == data
    assert [path.name for path in Path(place.native_url).parent.iterdir()] == ["fast.tar.gz"]
    request = dataproxy_pb2.CreateDownloadLocationRequest(native_url=place.native_url)
    url = wire.data.CreateDownloadLocation(request).signed_url
    assert http_call("GET", url) == (200, data)
    assert http_call("HEAD", url) == (200, b"")


def test_headers_to_send_back(wire):
    data = b"x"
    place = location(wire, filename="a", content_md5=md5(data), add_content_md5_metadata=True)
    meta = "x-amz-meta-flyteContentMD5"
    assert dict(place.headers) == {"Content-Length": "24", "Content-MD5": encoded(data), meta: encoded(data)}
    for sent in ({}, {"Content-MD5": encoded(data)}, {"Content-MD5": encoded(data), meta: "x"}):
        status, text = http_call("PUT", place.signed_url, data, sent)
        assert (status, b"SignatureDoesNotMatch" in text) == (403, True)
    assert not Path(place.native_url).exists()
    assert http_call("PUT", place.signed_url, data, {"Content-MD5": encoded(data), meta: encoded(data)})[0] == 200
    assert dict(location(wire, filename="a", content_md5=md5(data)).headers).keys() == {"Content-Length", "Content-MD5"}


def test_content_that_does_not_match_is_refused(wire):
    data = b"right"
    place = location(wire, filename="a.bin", content_md5=md5(data))
    status, text = http_call("PUT", place.signed_url, b"wrong", {"Content-MD5": encoded(data)})
    assert status == 400
    assert b"Content-MD5 does not match" in text
    assert http_call("PUT", place.signed_url, data, {"Content-MD5": encoded(b"other")})[0] == 403
    assert not Path(place.native_url).exists()
    assert http_call("PUT", place.signed_url, data, {"Content-MD5": encoded(data)})[0] == 200
    free = location(wire, filename="free.bin", filename_root=unique("root"))  # signed for any content
    assert http_call("PUT", free.signed_url, data, {"Content-MD5": encoded(b"other")})[0] == 400
    assert http_call("PUT", free.signed_url, data)[0] == 200


def test_forged_and_expired_urls_are_refused(wire, sandbox):
    data = b"x"
    place = location(wire, filename=unique("f"), content_md5=md5(data))
    assert http_call("PUT", place.signed_url.replace(f"/{D}/", "/production/"), data)[0] == 403
    assert http_call("GET", place.signed_url)[0] == 403  # signed for PUT
    assert http_call("PUT", place.signed_url.split("?")[0] + "?signature=x", data)[0] == 403
    assert http_call("PUT", f"{sandbox.console_url}/elsewhere", data)[0] == 403
    request = dataproxy_pb2.CreateUploadLocationRequest(project=P, domain=D, filename="f", content_md5=md5(data))
    request.expires_in.FromSeconds(0)
    expired = wire.data.CreateUploadLocation(request)
    assert expired.expires_at.seconds
    request.expires_in.FromSeconds(7200)
    assert "max allowed expiration" in rejected("INVALID_ARGUMENT", wire.data.CreateUploadLocation, request)


def test_other_host_names_are_refused(sandbox):
    assert http_call("GET", f"{sandbox.console_url}/console", headers={"Host": "evil.example:80"})[0] == 403
    assert http_call("GET", f"{sandbox.console_url}/console", headers={"Host": "localhost"})[0] == 200


def test_missing_file_is_404(wire, sandbox):
    native = str(sandbox.data_dir / "blobs" / "nowhere")
    request = dataproxy_pb2.CreateDownloadLocationRequest(native_url=native)
    assert http_call("GET", wire.data.CreateDownloadLocation(request).signed_url)[0] == 404


@pytest.mark.parametrize("name", ["../../../escape", "a/../../../../escape", "/etc/passwd/../../escape"])
def test_names_cannot_leave_their_directory(wire, sandbox, name):
    place = location(
        wire, filename=unique(name), filename_root="r"
    )  # FlyteAdmin joins and cleans the path, and signs it
    http_call("PUT", place.signed_url, b"x")
    blobs = sandbox.data_dir / "blobs"
    assert not [path for path in sandbox.data_dir.rglob("*escape*") if not path.is_relative_to(blobs)]


@pytest.mark.parametrize("native", ["/etc/passwd", "s3://bucket/key", "relative"])
def test_only_the_sandbox_own_files_can_be_downloaded(wire, native):
    request = dataproxy_pb2.CreateDownloadLocationRequest(native_url=native)
    if native == "relative":
        rejected("INTERNAL", wire.data.CreateDownloadLocation, request)
    else:  # FlyteAdmin signs what it is asked for, whether it is there or not
        assert http_call("GET", wire.data.CreateDownloadLocation(request).signed_url)[0] == 404


def test_what_an_upload_needs(wire):
    rejected("INVALID_ARGUMENT", location, wire, filename="a")
    rejected("INVALID_ARGUMENT", location, wire, project="", content_md5=md5(b""))
    assert location(wire, content_md5=md5(b"")).native_url
    # FlyteAdmin does not ask whether there is such a project: the registration that follows fails.
    assert "/nowhere/" in location(wire, project="nowhere", content_md5=md5(b"")).native_url
    # Nor whether the name can be stored: the upload that follows fails.
    for long in ("x" * 256, "x/" * 1024):
        status, _ = http_call("PUT", location(wire, filename=long, filename_root="r").signed_url, b"x")
        assert status >= 400
    place = location(wire, filename="x" * 255, filename_root="r")
    assert http_call("PUT", place.signed_url, b"x")[0] == 200


def test_existing_file_with_another_content_is_already_exists(wire):
    root = unique("root")
    place = location(wire, filename="dir/a", filename_root=root)
    assert place.native_url.endswith(f"/{root}/dir/a")
    assert http_call("PUT", place.signed_url, b"one")[0] == 200
    assert location(wire, filename="dir/a", filename_root=root, content_md5=md5(b"one"))
    rejected("ALREADY_EXISTS", location, wire, filename="dir/a", filename_root=root)
    rejected("ALREADY_EXISTS", location, wire, filename="dir/a", filename_root=root, content_md5=md5(b"two"))


def test_deck_link(wire):
    task = shell_task(unique("deck"), "echo '<p>deck</p>' > {{.outputPrefix}}/deck.html")
    wire.register_task(task)
    run = wire.run(task.id).id
    node = next(node for name, node in nodes_of(wire, run).items() if not name.endswith("-node"))
    assert node.closure.deck_uri
    request = dataproxy_pb2.CreateDownloadLinkRequest(
        artifact_type=dataproxy_pb2.ARTIFACT_TYPE_DECK, node_execution_id=node.id
    )
    link = wire.data.CreateDownloadLink(request)
    assert list(link.signed_url) == list(link.pre_signed_urls.signed_url)
    assert http_call("GET", link.signed_url[0]) == (200, b"<p>deck</p>\n")
    request.node_execution_id.node_id = "start-node"
    assert "no deckUrl" in rejected("NOT_FOUND", wire.data.CreateDownloadLink, request)
    request.node_execution_id.node_id = "nowhere"
    assert "failed to find" in rejected("INVALID_ARGUMENT", wire.data.CreateDownloadLink, request)
    request.ClearField("node_execution_id")
    rejected("INVALID_ARGUMENT", wire.data.CreateDownloadLink, request)


def page(sandbox, path):
    with urllib.request.urlopen(sandbox.console_url + path) as response:
        return response.read().decode()


def test_run_page_shows_what_happened_and_escapes_it(wire, sandbox):
    task = shell_task(unique("page"), "echo '<script>alert(1)</script>'; exit 1")
    wire.register_task(task)
    run = wire.run(task.id).id
    path = f"/console/projects/{P}/domains/{D}/executions/{run.name}"
    html = page(sandbox, path)
    for part in ("FAILED", "&lt;script&gt;alert(1)", "Interrupted", run.name, task.id.name):
        assert part in html
    assert html.count("<script") == 1  # the console's own, by its URL
    assert "http" not in html.replace(sandbox.console_url, "")
    done = wire.run(echo_workflow(wire), literals(n=31337)).id
    assert "31337" in page(sandbox, f"/console/projects/{P}/domains/{D}/executions/{done.name}")
    listing = page(sandbox, "/console")
    assert path in listing
    with pytest.raises(urllib.error.HTTPError, match="404"):
        page(sandbox, "/console/projects/x/domains/y/executions/z")


def test_listens_on_loopback_only(sandbox):
    ports = {sandbox.http_port, int(sandbox.endpoint.rpartition(":")[2])}
    listening = {
        connection.laddr.port: connection.laddr.ip.removeprefix("::ffff:")
        for connection in psutil.Process().net_connections("inet")
        if connection.status == psutil.CONN_LISTEN and connection.laddr.port in ports
    }
    assert listening == dict.fromkeys(ports, "127.0.0.1")


def test_without_logins_there_is_no_identity(wire):
    rejected("UNIMPLEMENTED", wire.identity.UserInfo, identity_pb2.UserInfoRequest())
