"""Auth mode and listening elsewhere: tokens over gRPC, the token endpoint, the token in front of everything."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import grpc
import psutil
import pytest
from flyteidl.admin import version_pb2
from flyteidl.service import admin_pb2_grpc, auth_pb2, auth_pb2_grpc

import bridge_core
from bridge_core.sandbox import Auth, Sandbox
from bridge_core.sandbox.auth.access import Access
from bridge_core.sandbox.auth.tokens import Tokens
from bridge_core.sandbox.model.status import Rejected

from .protos import rejected

SECRET = "a+b/ü ü:%"  # everything that is encoded twice somewhere
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def guarded():
    with Sandbox(auth=Auth(client_id="tester", client_secret=SECRET)) as sandbox:
        yield sandbox


@pytest.fixture
def channel(guarded):
    with grpc.insecure_channel(guarded.endpoint) as channel:
        yield channel


def version(channel, token=None, header="authorization"):
    metadata = ((header, f"Bearer {token}"),) if token else ()
    return admin_pb2_grpc.AdminServiceStub(channel).GetVersion(version_pb2.GetVersionRequest(), metadata=metadata)


def post(url, form, basic=None):
    request = urllib.request.Request(url, urllib.parse.urlencode(form).encode())
    if basic:
        request.add_header("Authorization", "Basic " + base64.b64encode(basic.encode()).decode())
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def get_token(sandbox, **more):
    form = {"grant_type": "client_credentials", "client_id": "tester", "client_secret": SECRET, **more}
    status, answer = post(f"{sandbox.console_url}/oauth2/token", form)
    assert status == 200, answer
    return answer


def test_nothing_without_a_token(guarded, channel):
    rejected("UNAUTHENTICATED", version, channel)
    rejected("UNAUTHENTICATED", version, channel, "guessed")
    rejected("UNAUTHENTICATED", version, channel, guarded.auth.client_secret.encode().hex())
    calls = [call.code for call in guarded.calls]
    assert set(calls) == {"UNAUTHENTICATED"}


def test_a_token_opens_until_its_time_is_over(guarded, channel):
    token = get_token(guarded)["access_token"]
    for header in ("authorization", "flyte-authorization"):
        assert version(channel, token, header)
    guarded.expire_tokens()
    assert "expired" in rejected("UNAUTHENTICATED", version, channel, token)
    assert version(channel, get_token(guarded)["access_token"])


def test_tokens_end_by_the_clock():
    now = [100.0]
    tokens = Tokens(Auth(token_seconds=60), Access(), clock=lambda: now[0])
    token = tokens.issue("all offline")
    metadata = {"authorization": f"Bearer {token}"}
    now[0] = 159.9
    tokens.check_call("GetVersion", metadata)
    now[0] = 160.0
    with pytest.raises(Rejected, match="expired"):
        tokens.check_call("GetVersion", metadata)
    tokens.check_call("GetOAuth2Metadata", {})


def test_a_token_without_the_scope_is_refused(guarded, channel):
    token = get_token(guarded, scope="offline")["access_token"]
    assert "scope" in rejected("UNAUTHENTICATED", version, channel, token)


def test_discovery_needs_no_token_and_names_the_endpoints(guarded, channel):
    stub = auth_pb2_grpc.AuthMetadataServiceStub(channel)
    metadata = stub.GetOAuth2Metadata(auth_pb2.OAuth2MetadataRequest())
    assert metadata.token_endpoint == f"{guarded.console_url}/oauth2/token"
    client = stub.GetPublicClientConfig(auth_pb2.PublicClientAuthConfigRequest())
    assert client.authorization_metadata_key == "flyte-authorization"
    assert list(client.scopes) == ["all"]
    with urllib.request.urlopen(f"{guarded.console_url}/.well-known/oauth-authorization-server") as response:
        assert json.load(response)["token_endpoint"] == metadata.token_endpoint


def test_token_endpoint_follows_rfc_6749(guarded):
    url = f"{guarded.console_url}/oauth2/token"
    grant = {"grant_type": "client_credentials"}
    for basic in (
        f"tester:{urllib.parse.quote_plus(SECRET)}",
        "tester:" + SECRET.replace("%", "%25").replace("+", "%2B"),
    ):
        status, answer = post(url, grant, basic)
        assert (status, answer["token_type"], answer["expires_in"], answer["scope"]) == (200, "Bearer", 3600, "all")
    assert post(url, grant, "tester:wrong") == (401, {"error": "invalid_client"})
    assert post(url, grant, "someone:" + SECRET)[0] == 401
    assert post(url, grant)[0] == 401
    credentials = {"client_id": "tester", "client_secret": SECRET}
    assert post(url, {"grant_type": "password", **credentials}) == (400, {"error": "unsupported_grant_type"})
    with pytest.raises(urllib.error.HTTPError, match="405"):
        urllib.request.urlopen(url)


def test_our_own_client_logs_in_and_again(guarded):
    missing = bridge_core.RunRef(project="flytesnacks", domain="development", name="nothing-there")
    with bridge_core.Client(guarded.config()) as client:
        for _ in range(2):
            with pytest.raises(bridge_core.NotFound):
                client.describe(missing)
            guarded.expire_tokens()


REMOTE = """
import sys
from flytekit.configuration import Config
from flytekit.remote import FlyteRemote
remote = FlyteRemote(Config.auto(config_file=sys.argv[1]), "flytesnacks", "development")
print(remote.client.get_control_plane_version())
print(len(remote.client.list_projects_paginated()[0]))
print("expire", flush=True)
sys.stdin.readline()
print(len(remote.client.list_projects_paginated()[0]))
"""


def test_flytekit_with_client_secret_logs_in_and_refreshes(guarded, tmp_path):
    (tmp_path / "secret").write_text(SECRET)
    config = tmp_path / "config.yaml"
    config.write_text(
        f"admin:\n  endpoint: dns:///{guarded.endpoint}\n  insecure: true\n  authType: ClientSecret\n"
        f"  clientId: tester\n  clientSecretLocation: {tmp_path / 'secret'}\n"
    )
    guarded.calls.clear()
    client = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", REMOTE, str(config)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": str(tmp_path)},
    )
    lines = [client.stdout.readline().strip() for _ in range(3)]
    assert lines[1:] == ["1", "expire"]
    guarded.expire_tokens()
    out, _ = client.communicate("go\n", timeout=60)
    assert (client.returncode, out.strip()) == (0, "1")
    codes = [call.code for call in guarded.calls if call.method == "ListProjects"]
    assert codes == ["OK", "UNAUTHENTICATED", "OK"]


def test_an_eager_task_can_call_back(guarded):
    from bridge_core.sandbox.start.parts import task_login

    env = task_login(guarded.auth)
    assert env[env["FLYTE_CREDENTIALS_CLIENT_SECRET_ENV_VAR"]] == SECRET


def test_without_auth_there_is_no_login_service(sandbox):
    with grpc.insecure_channel(sandbox.endpoint) as channel:
        stub = auth_pb2_grpc.AuthMetadataServiceStub(channel)
        rejected("UNIMPLEMENTED", stub.GetOAuth2Metadata, auth_pb2.OAuth2MetadataRequest())
    with pytest.raises(RuntimeError, match="without auth"):
        sandbox.expire_tokens()


@pytest.mark.parametrize("address", ["0.0.0.0", "192.0.2.1"])
def test_other_machines_need_a_token(address):
    with pytest.raises(ValueError, match="--token"):
        Sandbox(listen=address)


@pytest.mark.parametrize("options", [{"listen": "::1"}, {"listen": "example"}, {"token": ""}, {"token": "a,b"}])
def test_options_that_cannot_work_are_refused(options):
    with pytest.raises(ValueError, match=r"listen|token"):
        Sandbox(**options)
    with pytest.raises(ValueError, match="client id"):
        Auth(client_id="a:b")
    with pytest.raises(ValueError, match="positive"):
        Auth(token_seconds=0)


def test_the_program_refuses_to_listen_without_a_token():
    environment = {name: value for name, value in os.environ.items() if name != "FLYTE_SANDBOX_TOKEN"}
    command = [sys.executable, "-m", "bridge_core.sandbox", "--port", "0", "--http-port", "0", "--listen", "0.0.0.0"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment)
    assert result.returncode == 2
    (line,) = result.stderr.splitlines()
    assert "--token" in line


def test_a_token_is_asked_for_by_everything(tmp_path):
    # 127.0.0.2 stands for an address that others reach: binding to all addresses is not a test's to do.
    with Sandbox(listen="127.0.0.2", token="open-sesame", storage="s3", public_host="127.0.0.2") as sandbox:
        assert sandbox.console_url == f"http://127.0.0.2:{sandbox.http_port}"
        with grpc.insecure_channel(sandbox.endpoint) as channel:
            rejected("UNAUTHENTICATED", version, channel)
            assert version(channel, "open-sesame")
        form = {"grant_type": "client_credentials", "client_id": "flyte-sandbox", "client_secret": "open-sesame"}
        assert post(f"{sandbox.console_url}/oauth2/token", form)[0] == 200
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(f"{sandbox.console_url}/console")
        for value in ("Bearer open-sesame", "Basic " + base64.b64encode(b"me:open-sesame").decode()):
            page = urllib.request.Request(f"{sandbox.console_url}/console", headers={"Authorization": value})
            assert urllib.request.urlopen(page).status == 200
        from .test_s3 import http_call, signed

        url = f"{sandbox.console_url}/my-s3-bucket/x"
        assert http_call("PUT", url, b"1", signed("PUT", url, b"1")[1])[0] == 403  # the well-known secret
        assert http_call("PUT", url, b"1", signed("PUT", url, b"1", ("minio", "open-sesame"))[1])[0] == 200
        ports = {sandbox.http_port, int(sandbox.endpoint.rpartition(":")[2])}
        listening = {
            connection.laddr.ip.removeprefix("::ffff:")
            for connection in psutil.Process().net_connections("inet")
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port in ports
        }
        assert listening == {"127.0.0.2"}
