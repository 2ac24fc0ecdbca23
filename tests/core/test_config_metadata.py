"""Metadata and tokens that gRPC cannot send are errors of the configuration, told by name and never by value."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from bridge_core import Client, Config, ConfigError, RunRef
from bridge_core.model.errors import NotFound

if TYPE_CHECKING:
    from bridge_core.sandbox import Sandbox


def test_keys_are_sent_in_lower_case_and_values_without_white_space(flyte_sandbox: Sandbox) -> None:
    config = Config.for_endpoint(
        flyte_sandbox.endpoint, insecure=True, metadata=(("X-Team", "ml\n"), ("Trace-Bin", b"\xff\x00"))
    )
    assert config.metadata == (("x-team", "ml"), ("trace-bin", b"\xff\x00"))
    assert config.replace(metadata={"Authorization": " Bearer t "}).metadata == (("authorization", "Bearer t"),)
    with Client(config) as flyte, pytest.raises(NotFound):  # asked and answered: not "cannot reach Flyte"
        flyte.describe(RunRef("flytesnacks", "development", "nope"))


@pytest.mark.parametrize(
    ("pairs", "told"),
    [
        ((("x-key", "hunter2\nhunter3"),), "metadata key 'x-key'"),
        ((("x-key", "hunter2-é"),), "metadata key 'x-key'"),
        ((("x-key", 5),), "metadata key 'x-key'.*got int"),
        ((("x key", "hunter2"),), "metadata key 'x key' cannot be sent"),
        ((("schlüssel", "hunter2"),), "metadata key 'schlüssel' cannot be sent"),
        ((("grpc-timeout", "hunter2"),), "metadata key 'grpc-timeout' cannot be sent"),
        (("hunter2",), r"metadata\[0\] must be"),
        ("hunter2", "metadata must be a list"),
        (5, "metadata must be a list"),
    ],
)
def test_what_cannot_be_sent_is_refused(pairs: Any, told: str) -> None:
    for build in (lambda: Config(metadata=pairs), lambda: Config.for_sandbox(metadata=pairs)):
        with pytest.raises(ConfigError, match=told) as caught:
            build()
        assert "hunter" not in str(caught.value)


def test_a_token_that_cannot_be_sent_is_refused_when_it_is_read(flyte_sandbox: Sandbox, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("hunter2\nhunter3\n")
    config = Config.for_endpoint(flyte_sandbox.endpoint, insecure=True, auth={"token": {"location": str(file)}})
    with Client(config) as flyte, pytest.raises(ConfigError, match=r"auth\.token.*printable ASCII") as caught:
        flyte.describe(RunRef("flytesnacks", "development", "nope"))
    assert "hunter" not in str(caught.value)
    file.write_text("hunter2\n")
    with Client(config) as flyte, pytest.raises(NotFound):
        flyte.describe(RunRef("flytesnacks", "development", "nope"))
