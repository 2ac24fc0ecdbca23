"""Secrets by attribute, as flytekit's ``current_context().secrets`` gives them; unprefixed names where that is local."""

from __future__ import annotations

import copy
import pickle

import pytest

from bridge_core import Client, Config, SecretNotFound, SecretStore

CONFIG = Config.for_sandbox()


def test_by_group_and_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("_FSEC_MY_GROUP_MY_KEY", " value\n")
    with Client(CONFIG) as client:
        assert client.secrets.my_group.my_key == client.secrets.get("my_group", "my_key") == "value"
        with pytest.raises(
            SecretNotFound, match=r"secret my_group/other was not found; looked at variable _FSEC_MY_GROUP_OTHER"
        ):
            client.secrets.my_group.other  # noqa: B018
        assert "value" not in repr(client.secrets.my_group)


def test_flyte_secrets_variables_of_the_guides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLYTE_SECRETS_MY_GROUP_MY_SECRET_KEY", "my_value")
    assert SecretStore(CONFIG).my_group.my_secret_key == "my_value"


def test_unprefixed_names_only_where_local(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_GROUP_MY_KEY", "bare")
    assert SecretStore(CONFIG, local=True).my_group.my_key == "bare"
    with pytest.raises(SecretNotFound):
        SecretStore(CONFIG).my_group.my_key  # noqa: B018


def test_a_store_is_an_object_like_others() -> None:
    """What Python itself looks for are no groups: copies, pickles and `hasattr` work."""
    store = SecretStore(CONFIG)
    for other in (copy.copy(store), copy.deepcopy(store), pickle.loads(pickle.dumps(store))):
        assert repr(other) == repr(store)
    assert not hasattr(store, "__html__")
    assert not hasattr(store.group, "_repr_html_")
