"""Errors: two trees that never meet, data that survives pickling, messages that help."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import pytest

import bridge_core
from bridge_core import BridgeError, Client, Config, RunEnded, RunRef, Unavailable, WaitTimeout
from bridge_core.model import errors
from bridge_core.model.status import STATUS_ERRORS, from_status

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox

KINDS = [getattr(errors, name) for name in errors.__all__ if isinstance(getattr(errors, name), type)]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_error_is_public_and_pickles_with_its_data(kind: type[BridgeError]) -> None:
    assert getattr(bridge_core, kind.__name__) is kind
    ref = RunRef("p", "d", "n")
    copy = pickle.loads(pickle.dumps(kind("it broke", code="NOT_FOUND", rpc="GetExecution", ref=ref)))
    assert type(copy) is kind
    assert (str(copy), copy.code, copy.rpc, copy.ref) == ("it broke", "NOT_FOUND", "GetExecution", ref)
    assert copy.request_id is None


def test_a_failed_run_and_an_unanswered_question_share_no_ancestor_but_the_root() -> None:
    for asked in (Unavailable, WaitTimeout):
        shared = set(asked.__mro__) & set(RunEnded.__mro__)
        assert shared == {BridgeError, Exception, BaseException, object}


def test_every_grpc_status_but_ok_has_an_error() -> None:
    import grpc

    assert set(STATUS_ERRORS) == {code.name for code in grpc.StatusCode} - {"OK"}


def test_unreachable_says_whom_and_what_to_check() -> None:
    error = from_status("UNAVAILABLE", "connection refused", rpc="GetExecution", target="host:1", request_id="r1")
    assert isinstance(error, Unavailable)
    for part in ("host:1", "GetExecution", "connection refused", "insecure"):
        assert part in str(error)
    assert (error.code, error.request_id, error.details) == ("UNAVAILABLE", "r1", "connection refused")
    assert isinstance(from_status("FUTURE_CODE", "?", rpc="x", target="y", request_id=None), Unavailable)


def test_advice_is_a_sentence_of_its_own_and_fits_the_cause() -> None:
    def say(code: str, details: str) -> str:
        return str(from_status(code, details, rpc="GetExecution", target="host:1", request_id=None))

    assert say("PERMISSION_DENIED", "not yours").endswith(
        "PERMISSION_DENIED: not yours. Ask the owner of the project for the right, or use other credentials."
    )
    assert "not yours! Ask" in say("PERMISSION_DENIED", "not yours!")
    assert "CERTIFICATE" in say("UNAVAILABLE", "CERTIFICATE_VERIFY_FAILED: self signed")
    assert "set ca_cert_file" in say("UNAVAILABLE", "CERTIFICATE_VERIFY_FAILED: self signed")


def test_tls_to_a_plaintext_server_names_the_setting(flyte_sandbox: Sandbox) -> None:
    config = Config.for_endpoint(flyte_sandbox.endpoint, rpc_timeout=10, retry={"retries": 0})
    with Client(config) as client, pytest.raises(Unavailable, match=r"speaks plaintext, .* set insecure to true"):
        client.describe(RunRef("p", "d", "n"))
