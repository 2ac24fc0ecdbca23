"""Secrets of a resource reach Flyte and nobody else: no event log, compute log, run configuration, metadata, answer or file."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from dagster_support import CANARIES

from bridge_core import ConfigError
from dagster_integration import FlyteResource

if TYPE_CHECKING:
    from conftest import Running

QUERIES = {
    "run": """query($r: ID!) { runOrError(runId: $r) { ... on Run { status runConfigYaml tags { key value } stats { __typename }
        assetMaterializations { label description metadataEntries { label description ... on TextMetadataEntry { text }
        ... on JsonMetadataEntry { jsonString } ... on UrlMetadataEntry { url } ... on PathMetadataEntry { path } } } } } }""",
    "log": """query($r: ID!) { logsForRun(runId: $r, limit: 1000) { ... on EventConnection { events { __typename
        ... on MessageEvent { message stepKey } ... on ExecutionStepFailureEvent { error { message stack className
        causes { message stack } } failureMetadata { metadataEntries { label ... on TextMetadataEntry { text }
        ... on UrlMetadataEntry { url } } } } ... on EngineEvent { metadataEntries { label
        ... on TextMetadataEntry { text } } error { message stack } } } } } }""",
}
LOCATION = {"repositoryLocationName": "flyte_defs", "repositoryName": "__repository__"}
ABOUT = {
    "resources": """query($s: RepositorySelector!) { allTopLevelResourceDetailsOrError(repositorySelector: $s) { __typename
        ... on ResourceDetailsList { results { name description resourceType configFields { name description defaultValueAsJson }
        configuredValues { key value type } nestedResources { name } } } ... on PythonError { message } } }""",
    "assets": """query($s: RepositorySelector!) { repositoryOrError(repositorySelector: $s) { ... on Repository {
        assetNodes { id description metadataEntries { label ... on TextMetadataEntry { text } } opVersion
        requiredResources { resourceKey } configField { name defaultValueAsJson } } jobs { name runTags { key value } }
        sensors { name description sensorState { ticks { cursor skipReason error { message } } } } } } }""",
    "configuration": """query($s: PipelineSelector!) { runConfigSchemaOrError(selector: $s) { __typename
        ... on RunConfigSchema { rootDefaultYaml allConfigTypes { key description
        ... on CompositeConfigType { fields { name defaultValueAsJson } } } } } }""",
    "instance": "query { instance { info } }",
}


def captured(running: Running, run_id: str) -> str:
    """Compute logs, as the UI shows them."""
    query = """query($r: ID!) { logsForRun(runId: $r, limit: 1000) { ... on EventConnection { events {
        ... on LogsCapturedEvent { fileKey } } } } }"""
    logs = """query($k: [String!]!) { capturedLogs(logKey: $k) { stdout stderr } }"""
    keys = [
        event["fileKey"]
        for event in running.webserver.ask(query, r=run_id)["logsForRun"]["events"]
        if "fileKey" in event
    ]
    assert keys
    return json.dumps([running.webserver.ask(logs, k=[run_id, "compute_logs", key]) for key in keys])


def test_secrets_stay_where_they_belong(running: Running) -> None:
    running.guarded.stub("canaries.wf", inputs={"n": int}, outputs={"n": 7}, project="flytesnacks")
    run_id = running.webserver.launch("secrets")
    finished = running.webserver.finished(run_id, seconds=120)
    assert finished["status"] == "FAILURE", "those that cannot log in fail"
    sent = [dict(call.metadata) for call in running.guarded.calls.of("CreateExecution")]
    assert [metadata.get("x-key") for metadata in sent] == [CANARIES["CANARY_KEY"]], "it is used"
    answers: dict[str, Any] = {name: running.webserver.ask(query, r=run_id) for name, query in QUERIES.items()}
    selector = {**LOCATION, "pipelineName": "secrets"}
    for name, query in ABOUT.items():
        given = {"s": selector if name == "configuration" else LOCATION} if name != "instance" else {}
        answers[name] = running.webserver.ask(query, **given)
    found = {name: json.dumps(answer) for name, answer in answers.items()}
    found["captured"] = captured(running, run_id)
    failed = [
        event for event in answers["log"]["logsForRun"]["events"] if event["__typename"] == "ExecutionStepFailureEvent"
    ]
    assert len(failed) == 9
    for path in running.home.folder.rglob("*"):
        if path.is_file():
            found[str(path.relative_to(running.home.folder))] = path.read_bytes().decode("utf-8", "replace")
    everywhere = "\n".join(found.values())
    assert [
        mark for mark in ("marker-in-the-log", "marker-on-stdout", "marker-in-metadata") if mark not in everywhere
    ] == []
    assert "marker-in-the-log" in found["log"]
    assert "marker-on-stdout" in found["captured"]
    assert "CANARY_CLIENT" in found["resources"], "the variable is named"
    assert [
        (name, text[max(text.index("canary-") - 60, 0) :][:120]) for name, text in found.items() if "canary-" in text
    ] == []
    lines = " ".join(" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"]))
    assert "canary-" not in lines


@pytest.mark.parametrize(
    "fields",
    [
        {"http_proxy_url": "http://user:canary@proxy:3128"},
        {"token_url": "https://user:canary@login/token"},
        {"device_authorization_url": "https://:canary@login/device"},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_a_password_in_an_address_is_refused_like_any_secret(fields: dict[str, str]) -> None:
    """The webserver shows what definitions say, to everybody who sees the resource."""
    with pytest.raises(ConfigError, match=rf"{next(iter(fields))} must not be written out") as caught:
        FlyteResource(endpoint="flyte.example:443", **fields).get_config()  # type: ignore[arg-type]
    assert "canary" not in str(caught.value)


def test_an_address_without_a_password_is_no_secret() -> None:
    config = FlyteResource(endpoint="flyte.example:443", http_proxy_url="http://proxy:3128").get_config()
    assert config.auth.http_proxy_url == "http://proxy:3128"
