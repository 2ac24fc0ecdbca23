"""`Checkpoint`, and `SecretStore`'s order."""

from __future__ import annotations

import io
import threading
from pathlib import Path

import pytest

from bridge_core import Client, Config, InvalidRequest, NotFound, SecretNotFound, SecretStore


def test_without_a_previous_one_there_is_nothing(local: Client, tmp_path: Path) -> None:
    checkpoint = local.files.checkpoint(str(tmp_path / "cp"))
    assert not checkpoint.prev_exists()
    assert checkpoint.restore(tmp_path) is None
    assert checkpoint.read() is None
    assert local.files.checkpoint(str(tmp_path / "cp"), str(tmp_path / "never")).read() is None


def test_saved_and_restored_once(local: Client, tree: Path, tmp_path: Path) -> None:
    place = str(tmp_path / "cp")
    local.files.checkpoint(place).save(tree)
    again = local.files.checkpoint(place, place)
    assert again.prev_exists()
    with pytest.raises(ValueError, match="existing folder"):
        again.restore(tmp_path / "not-there")
    (tmp_path / "back").mkdir()
    assert again.restore(tmp_path / "back") == tmp_path / "back"
    (tmp_path / "back" / "a.txt").write_text("mine")
    assert again.restore() == tmp_path / "back", "downloaded once"
    assert (tmp_path / "back" / "a.txt").read_text() == "mine"
    with pytest.raises(ValueError, match=r"expected a checkpoint of one file, found 3"):
        again.read()


def test_one_file_is_read_and_write_replaces_everything(local: Client, tree: Path, tmp_path: Path) -> None:
    place = str(tmp_path / "cp")
    checkpoint = local.files.checkpoint(place)
    checkpoint.save(tree / "a.txt")
    assert local.files.checkpoint(place, place).read() == b"a"
    checkpoint.save(str(tree / "deep" / "b.bin"))
    checkpoint.write(b"state")
    assert local.files.checkpoint(place, place).read() == b"state"
    checkpoint.save(io.BytesIO(b"stream"))
    assert local.files.checkpoint(place, place).read() == b"stream"
    with pytest.raises(InvalidRequest, match="a path or a reader"):
        checkpoint.save(3)  # type: ignore[arg-type]
    with pytest.raises(InvalidRequest, match="does not exist"):
        checkpoint.save("missing")


def test_many_threads(s3_config: Config) -> None:
    files = Client(s3_config).files
    checkpoint = files.checkpoint("s3://bucket/cp")
    threads = [threading.Thread(target=checkpoint.write, args=[bytes([n]) * 1000]) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(files.checkpoint("s3://bucket/x", "s3://bucket/cp").read() or b"")) == 1


@pytest.fixture
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SecretStore:
    for name in ("_FSEC_G_V1_K", "_FSEC_G_K", "G_K", "FLYTE_SECRETS_G_K", "_FSEC_K"):
        monkeypatch.delenv(name, raising=False)
    config = Config.for_endpoint("x:1", search_cwd=False, secrets={"default_dir": str(tmp_path), "file_prefix": "pre-"})
    return SecretStore(config)


def test_the_order_of_places(secrets: SecretStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SecretNotFound, match=r"secret G/K was not found; looked at variable _FSEC_G_K") as caught:
        secrets.get("G", "K")
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, NotFound)
    assert "variable FLYTE_SECRETS_G_K" in str(caught.value)
    assert f"file {tmp_path}/g/pre-k" in str(caught.value)
    assert "variable G_K" not in str(caught.value)
    (tmp_path / "g").mkdir()
    (tmp_path / "g" / "pre-k").write_text(" from file \n")
    assert secrets.get("G", "K") == "from file"
    assert secrets.get("G", "K", encode_mode="rb") == b" from file \n"
    monkeypatch.setenv("G_K", " bare ")
    assert secrets.get("G", "K") == "from file"
    assert secrets.get("G", "K", local=True) == "bare"
    monkeypatch.setenv("FLYTE_SECRETS_G_K", "alias")
    assert secrets.get("G", "K", local=True) == "alias"
    monkeypatch.setenv("_FSEC_G_K", " first\n")
    assert secrets.get("g", "k", local=True) == "first"
    assert secrets.get("G", "K", encode_mode="rb") == b" first\n"


def test_versions_and_single_names(secrets: SecretStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert secrets.get_secrets_env_var("g", "k", "v1") == "_FSEC_G_V1_K"
    assert secrets.get_secrets_file("G", "K", "V1") == tmp_path / "g" / "v1" / "pre-k"
    assert secrets.get_secrets_file(key="K") == tmp_path / "pre-k"
    monkeypatch.setenv("_FSEC_K", "only key")
    assert secrets.get(key="k") == "only key"
    monkeypatch.setenv("FLYTE_SECRETS_DEFAULT_DIR", "/a/setting")
    with pytest.raises(SecretNotFound):
        secrets.get("default", "dir")


def test_names_that_are_none(secrets: SecretStore, tmp_path: Path) -> None:
    for group, key, text in [
        (None, None, "needs a group"),
        ("..", "x", "cannot be part"),
        ("g", "../x", "cannot be part"),
        ("g", "a=b", "cannot be part"),
    ]:
        with pytest.raises(InvalidRequest, match=text):
            secrets.get(group, key)
    with pytest.raises(InvalidRequest, match="encode_mode"):
        secrets.get("g", "k", encode_mode="x")  # type: ignore[call-overload]
    (tmp_path / "pre-raw").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidRequest, match="holds no text"):
        secrets.get(key="raw")
    assert secrets.get(key="raw", encode_mode="rb") == b"\xff\xfe"
