"""Tokens that Airflow does not take: another one is asked for; what the account may not do is not a matter of tokens."""

from __future__ import annotations

import pytest
from support.json_server import JsonHandler, serving

from airflow_provider.connectors.airflow import AirflowDagConnector, AirflowDagRun
from bridge_core import PermissionDenied, Unauthenticated
from bridge_core.connector import TaskPhase


class Airflow(JsonHandler):
    """Signs tokens, and takes the last one only; answers as ``api_fastapi/core_api/security.py`` does."""

    signed = 0
    refusal = 403, "Invalid JWT token"
    forbidden = False

    def do_POST(self):
        self.received()
        type(self).signed += 1
        self.answer(201, access_token=f"t{self.signed}")

    def do_GET(self):
        if self.headers["authorization"] != f"Bearer t{self.signed}":
            code, detail = self.refusal
            self.answer(code, detail=detail)
        elif self.forbidden:
            self.answer(403, detail="Forbidden")
        else:
            self.answer(200, state="running")


@pytest.fixture
def airflow():
    handler = type("One", (Airflow,), {})
    with serving(handler) as url:
        handler.url = url
        yield handler


@pytest.fixture
def connector(airflow, monkeypatch):
    for name in ("USERNAME", "PASSWORD"):
        monkeypatch.setenv(f"_FSEC_AIRFLOW_{name}", "someone")
    made = AirflowDagConnector(airflow.url, auth="jwt")
    yield made
    made.close()


@pytest.mark.parametrize("refusal", [(401, "Token Expired"), (403, "Invalid JWT token")])
def test_another_token_is_asked_for(airflow, connector, refusal):
    airflow.refusal = refusal
    run = AirflowDagRun("d", "r")
    assert connector.get(run).phase is TaskPhase.RUNNING
    airflow.signed += 1  # it has forgotten the one it gave
    assert connector.get(run).phase is TaskPhase.RUNNING
    assert airflow.signed == 3


def test_what_is_forbidden_is_not_a_matter_of_tokens(airflow, connector):
    airflow.forbidden = True
    with pytest.raises(PermissionDenied, match="Forbidden"):
        connector.get(AirflowDagRun("d", "r"))
    assert airflow.signed == 1


def test_a_token_of_ones_own_that_is_not_taken(airflow, monkeypatch):
    monkeypatch.setenv("_FSEC_AIRFLOW_TOKEN", "stale-token")
    connector = AirflowDagConnector(airflow.url, auth="token")
    with pytest.raises(Unauthenticated, match="Invalid JWT token"):
        connector.get(AirflowDagRun("d", "r"))
    connector.close()
