"""What operators meet of a connector service: mutual TLS, reflection, logs that a collector reads."""

from __future__ import annotations

import io
import json
import logging

import grpc
import pytest
from flyteidl.admin import agent_pb2

from bridge_core import ConfigError
from bridge_core.cli.main import _json_lines
from bridge_core.connector import ConnectorServer

from .factory import Works, create_request


def test_callers_without_a_certificate_of_the_authority_are_turned_away(serve, factory, refused, tmp_path):
    import trustme
    from flyteidl.service import agent_pb2_grpc

    from bridge_core.connector import ServerTls

    authority = trustme.CA()
    server, client = authority.issue_cert("localhost"), authority.issue_cert("propeller@example.com")
    paths = {name: str(tmp_path / f"{name}.pem") for name in ("certificate", "key", "client_ca")}
    server.cert_chain_pems[0].write_to_path(paths["certificate"])
    server.private_key_pem.write_to_path(paths["key"])
    authority.cert_pem.write_to_path(paths["client_ca"])
    asked = serve(Works(factory), tls=ServerTls(**paths))
    target, root = f"localhost:{asked.server.port}", authority.cert_pem.bytes()
    own = (client.private_key_pem.bytes(), client.cert_chain_pems[0].bytes())
    for key, fine in ((own, True), ((None, None), False)):
        with grpc.secure_channel(target, grpc.ssl_channel_credentials(root, *key)) as channel:
            ask = agent_pb2_grpc.AgentMetadataServiceStub(channel).ListAgents
            if fine:
                assert [agent.name for agent in ask(agent_pb2.ListAgentsRequest(), timeout=20).agents] == ["Works"]
            else:
                assert refused(ask, agent_pb2.ListAgentsRequest(), timeout=5)[0] == "UNAVAILABLE"
    with pytest.raises(ConfigError, match=r"nothing\.pem cannot be read"):
        ConnectorServer(
            connectors=[Works(factory)], tls=ServerTls(certificate="nothing.pem", key="nothing.pem")
        ).start()


def test_tools_may_ask_what_is_served(serve, factory, refused):
    from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

    def ask(asked, **what):
        request = reflection_pb2.ServerReflectionRequest(**what)
        stub = reflection_pb2_grpc.ServerReflectionStub(asked.channel)
        (answer,) = stub.ServerReflectionInfo(iter([request]), timeout=20)
        return answer

    asked = serve(Works(factory), reflection=True)
    names = {one.name for one in ask(asked, list_services="").list_services_response.service}
    assert {"flyteidl.service.AsyncAgentService", "flyteidl2.connector.ConnectorMetadataService"} <= names
    found = ask(asked, file_containing_symbol="flyteidl2.connector.AsyncConnectorService").file_descriptor_response
    assert any(b"AsyncConnectorService" in data for data in found.file_descriptor_proto)
    assert refused(ask, serve(Works(factory)), list_services="")[0] == "UNIMPLEMENTED"


@pytest.fixture
def lines():
    """What a collector reads of the log, with ``--log-format json``."""
    logger, stream = logging.getLogger("bridge_core.connector"), io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_json_lines())
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel("DEBUG")
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logger.removeHandler(handler)
    logger.setLevel(before)


def test_a_line_of_the_log_says_piece_by_piece_what_was_asked(serve, factory, refused, lines):
    asked = serve(Works(factory))
    asked.get("work", asked.create(create_request("work")))
    refused(asked.get, "work", b"x")
    found = [{name: line[name] for name in ("method", "outcome", "level")} for line in lines() if "method" in line]
    assert found == [
        {"method": "create", "outcome": "OK", "level": "INFO"},
        {"method": "get", "outcome": "OK", "level": "DEBUG"},
        {"method": "get", "outcome": "INVALID_ARGUMENT", "level": "INFO"},
    ]
    (created, *_) = [line for line in lines() if "method" in line]
    assert (created["connector"], created["task_type"], created["task_type_version"]) == ("Works", "work", 0)
    assert created["seconds"] >= 0
