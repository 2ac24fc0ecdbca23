"""Run options of the wrong kind are refused by name, before anything is sent; what templates render to is read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bridge_core import (
    Client,
    Config,
    EntityRef,
    InvalidRequest,
    LaunchRequest,
    PermissionDenied,
    RunOptions,
    SecurityContext,
    Unavailable,
    Unsupported,
)
from bridge_core.model.retry_policy import may_pass
from bridge_core.model.status import from_status

if TYPE_CHECKING:
    from support.flyte import RawFlyte

    from bridge_core.sandbox import Sandbox

WRONG = [
    ("tags", "nightly", "a list of texts"),
    ("tags", [1], "a list of texts"),
    ("labels", "x", "a mapping of text to text"),
    ("labels", ["x"], "a mapping of text to text"),
    ("annotations", {"x": 1}, "text to text"),
    ("env_vars", {1: "x"}, "text to text"),
    ("max_parallelism", "many", "a whole number"),
    ("max_parallelism", True, "a whole number"),
    ("max_parallelism", 2.5, "a whole number"),
    ("interruptible", 1, "true or false"),
    ("interruptible", "maybe", "true or false"),
    ("overwrite_cache", "no", "true or false"),
    ("disable_notifications", [], "true or false"),
    ("raw_data_path", 5, "a text"),
    ("service_account", 5, "a text"),
    ("cluster_pool", ["x"], "a text"),
    ("execution_cluster_label", 5, "a text"),
    ("security_context", "me", "a SecurityContext"),
    ("notifications", "me@example.com", "a list of Notifications"),
    ("log_level", "loud", "a number, or one of debug, info, warning, error, critical"),
    ("log_level", True, "a number, or one of debug, info, warning, error, critical"),
    ("log_level", -1, "a number, or one of debug, info, warning, error, critical"),
    ("log_format", "xml", "json or console"),
]


@pytest.mark.parametrize(("option", "value", "wanted"), WRONG)
def test_an_option_of_the_wrong_kind_is_refused_by_name(option: str, value: Any, wanted: str) -> None:
    with pytest.raises(InvalidRequest, match=f"run option {option}.*{wanted}, got"):
        RunOptions.from_mapping({option: value})


def test_nothing_is_sent_for_an_option_of_the_wrong_kind(flyte_sandbox: Sandbox, raw: RawFlyte, name: str) -> None:
    raw.register(name, {})
    flyte_sandbox.calls.clear()
    config = Config.for_endpoint(flyte_sandbox.endpoint, insecure=True, project="flytesnacks", domain="development")
    with Client(config) as flyte:
        for option, value, wanted in [*WRONG, ("max_parallelism", "5", "number"), ("interruptible", "false", "false")]:
            options = RunOptions(**{option: value})
            with pytest.raises(InvalidRequest, match=f"run option {option}.*{wanted}"):
                flyte.launch(LaunchRequest(EntityRef.launch_plan(name), options=options))
    assert flyte_sandbox.calls.count("CreateExecution") == 0


def test_what_templates_render_to_is_read() -> None:
    options = RunOptions.from_mapping(
        {
            "max_parallelism": "5",
            "interruptible": "false",
            "overwrite_cache": "True",
            "tags": ["nightly"],
            "security_context": {"service_account": "me"},
        }
    )
    assert options == RunOptions(
        max_parallelism=5,
        interruptible=False,
        overwrite_cache=True,
        tags=("nightly",),
        security_context=SecurityContext(service_account="me"),
    )


@pytest.mark.parametrize(("code", "status"), [("UNIMPLEMENTED", "404"), ("PERMISSION_DENIED", "403")])
def test_a_404_or_403_of_an_ingress_is_not_an_answer_of_flyte(code: str, status: str) -> None:
    details = f"Received http2 header with status: {status}"
    error = from_status(code, details, rpc="GetExecution", target="host:443", request_id="r")
    assert isinstance(error, Unavailable)
    assert may_pass(error)
    assert (error.code, error.details) == (code, details)
    assert "proxy" in str(error)
    assert status in str(error)
    assert "owner of the project" not in str(error)
    assert isinstance(
        from_status("PERMISSION_DENIED", "not yours", rpc="x", target="y", request_id=None), PermissionDenied
    )
    assert isinstance(from_status("UNIMPLEMENTED", "unknown method", rpc="x", target="y", request_id=None), Unsupported)


def test_the_advice_for_an_unreachable_server_is_right_with_and_without_tls() -> None:
    error = from_status("UNAVAILABLE", "connection refused", rpc="GetExecution", target="host:1", request_id=None)
    assert "true: plaintext, false: TLS" in str(error)


@pytest.mark.parametrize(("level", "number"), [("debug", "10"), (20, "20"), ("WARNING", "30"), ("40", "40")])
def test_log_level_and_format_are_variables_of_the_tasks(
    client: Client, raw: RawFlyte, name: str, level: Any, number: str
) -> None:
    raw.register(name, {})
    options = RunOptions(log_level=level, log_format="json", env_vars={"A": "b"})
    ref = client.launch(LaunchRequest(name, name=name, options=options))
    (run,) = [item for item in raw.executions() if item.id.name == ref.name]
    assert {pair.key: pair.value for pair in run.spec.envs.values} == {
        "A": "b",
        "FLYTE_SDK_LOGGING_LEVEL": number,
        "FLYTE_SDK_LOGGING_FORMAT": "json",
    }


def test_log_level_is_given_once(client: Client, raw: RawFlyte, name: str) -> None:
    raw.register(name, {})
    options = RunOptions(log_level=10, env_vars={"FLYTE_SDK_LOGGING_LEVEL": "20"})
    with pytest.raises(InvalidRequest, match="FLYTE_SDK_LOGGING_LEVEL is given in env_vars, and log_level"):
        client.launch(LaunchRequest(name, options=options))
