"""Tokens: asked for by Flyte 2 as by Flyte 1, and told where to get them."""

from __future__ import annotations

import base64
import json
import urllib.request

import pytest

from bridge_core.sandbox import Sandbox

from .wires import Connect, Grpc, Refused


@pytest.mark.parametrize("client", [Grpc, Connect])
def test_a_call_needs_a_token_that_the_metadata_says_how_to_get(client):
    with Sandbox(auth=True) as sandbox:
        wire = client(sandbox.flyte2_endpoint)
        with pytest.raises(Refused) as refused:
            wire("ListProjects")
        assert refused.value.code == "UNAUTHENTICATED"
        header = wire("GetPublicClientConfig").authorization_metadata_key
        metadata = wire("GetOAuth2Metadata")
        words = f"{sandbox.auth.client_id}:{sandbox.auth.client_secret}".encode()
        request = urllib.request.Request(
            metadata.token_endpoint,
            b"grant_type=client_credentials&scope=all",
            {"authorization": f"Basic {base64.b64encode(words).decode()}"},
        )
        with urllib.request.urlopen(request) as answer:
            token = json.loads(answer.read())["access_token"]
        assert wire("ListProjects", headers=[(header, f"Bearer {token}")]).projects.projects
        sandbox.expire_tokens()
        with pytest.raises(Refused):
            wire("ListProjects", headers=[(header, f"Bearer {token}")])
        wire.close()
