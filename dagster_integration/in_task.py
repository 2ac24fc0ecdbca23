"""`flyte_pipes`: inside a Flyte task, what it tells Dagster, and what Dagster told it. The other end of `FlytePipesClient`.

Works in flytekit and flyte tasks alike, and needs ``dagster-pipes`` and ``fsspec`` in the image: no Dagster, no Flyte client.

Flyte retries pods and runs map tasks side by side, so each writer has a folder of its own, below one that names what it
works for (node and item) and the attempt: nothing is overwritten, and whoever reads can tell which attempt counts. A message is
in the store before the task ends, or the task fails.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dagster_pipes import (
    PipesContext,
    PipesDefaultContextLoader,
    PipesEnvVarParamsLoader,
    PipesMessageWriter,
    PipesMessageWriterChannel,
    open_dagster_pipes,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dagster_pipes import PipesContextData, PipesMessage

__all__ = ["flyte_pipes"]

_INTERVAL = 2.0  # seconds between two looks at what is to be sent
_TRIES = 6  # of one upload; 15 seconds together, and then the task fails
_FIRST_PAUSE = 0.5


@contextlib.contextmanager
def flyte_pipes(*, storage_options: Mapping[str, Any] | None = None) -> Iterator[PipesContext]:
    """The context of a task that `FlytePipesClient` launched: ``log``, ``report_asset_materialization``, ``extras``, ….

    In a run that Dagster did not launch everything is a no-op (a mock of `PipesContext`), with a warning.

    Args:
        storage_options: fsspec's, for the store. None: the identity of the pod, and ``FLYTE_AWS_*`` where they are set.

    Raises:
        OSError: The store could not be written to, several times: what the task reported would be lost, so the task fails.

    Example:
        >>> from dagster_integration.in_task import flyte_pipes
        >>> with flyte_pipes() as pipes:  # doctest: +SKIP
        ...     pipes.report_asset_materialization(metadata={"rows": 3})
    """
    params = PipesEnvVarParamsLoader()  # type: ignore[no-untyped-call]
    if not params.is_dagster_pipes_process():
        with open_dagster_pipes() as nobody:
            yield nobody
        return
    store = _Store(storage_options)
    context = PipesContext(params, _ContextLoader(store), _Writer(store))
    PipesContext.set(context)  # for code that calls PipesContext.get()
    with context:
        yield context


class _Store:
    """The few things that are done to it, each again when it fails."""

    def __init__(self, options: Mapping[str, Any] | None) -> None:
        self._options = options

    def write(self, uri: str, content: bytes) -> None:
        """Whole or not at all."""
        pause = _FIRST_PAUSE
        for last in range(_TRIES - 1, -1, -1):
            try:
                self._write(uri, content)
            except OSError:
                if not last:
                    raise
                time.sleep(pause)
                pause *= 2
            else:
                return

    def read(self, uri: str) -> bytes:
        """All of an object."""
        files, path = self._files(uri)
        content: bytes = files.cat_file(path)
        return content

    def _write(self, uri: str, content: bytes) -> None:
        files, path = self._files(uri)
        if "file" not in (files.protocol if isinstance(files.protocol, tuple) else (files.protocol,)):
            files.pipe_file(path, content)
            return
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        part.write_bytes(content)
        part.replace(target)

    def _files(self, uri: str) -> tuple[Any, str]:
        import fsspec

        scheme = uri.partition("://")[0]
        options = dict(self._options) if self._options is not None else _from_environment(scheme)
        files, path = fsspec.core.url_to_fs(uri, **options)
        return files, str(path)


def _from_environment(scheme: str) -> dict[str, Any]:
    """What Flyte gives its tasks for a store that is not Amazon's."""
    if scheme != "s3" or not (endpoint := os.environ.get("FLYTE_AWS_ENDPOINT")):
        return {}
    options: dict[str, Any] = {"client_kwargs": {"endpoint_url": endpoint}}
    if key := os.environ.get("FLYTE_AWS_ACCESS_KEY_ID"):
        options |= {"key": key, "secret": os.environ.get("FLYTE_AWS_SECRET_ACCESS_KEY", "")}
    return options


class _ContextLoader(PipesDefaultContextLoader):
    """From the environment, or from the store when it is too large for that."""

    def __init__(self, store: _Store) -> None:
        self._store = store

    @contextlib.contextmanager
    def load_context(self, params: Any) -> Iterator[PipesContextData]:
        if "uri" in params:
            data: PipesContextData = json.loads(self._store.read(params["uri"]))
            yield data
            return
        with super().load_context(params) as given:
            yield given


class _Writer(PipesMessageWriter["_Channel"]):
    def __init__(self, store: _Store) -> None:
        self._store = store
        self._about = _about_us()

    def get_opened_extras(self) -> dict[str, Any]:
        return {"flyte": self._about}

    @contextlib.contextmanager
    def open(self, params: Any) -> Iterator[_Channel]:
        about = self._about
        unit = hashlib.sha256(f"{about['place']}\n{about['index']}".encode()).hexdigest()[:16]
        writer = f"{about['attempt']:04d}-{uuid.uuid4().hex}"
        channel = _Channel(self._store, "/".join((params["uri"].rstrip("/"), about["run"], unit, writer)))
        with channel.sending():
            yield channel


class _Channel(PipesMessageWriterChannel):
    """Sends what was written every other second, and the rest at the end."""

    def __init__(self, store: _Store, folder: str) -> None:
        self._store = store
        self._folder = folder
        self._pending: list[PipesMessage] = []
        self._number = 0
        self._lock, self._sending = threading.Lock(), threading.Lock()

    def write_message(self, message: PipesMessage) -> None:
        with self._lock:
            self._pending.append(message)

    @contextlib.contextmanager
    def sending(self) -> Iterator[None]:
        """For as long as messages are written."""
        over = threading.Event()

        def work() -> None:
            while not over.wait(_INTERVAL):
                with contextlib.suppress(OSError):  # sent with the next ones
                    self._send()

        thread = threading.Thread(target=work, name="flyte-pipes", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
            self._send()

    def _send(self) -> None:
        with self._sending:
            with self._lock:
                messages, self._pending = self._pending, []
            if not messages:
                return
            content = "\n".join(json.dumps(message) for message in messages).encode()
            try:
                self._store.write(f"{self._folder}/{self._number + 1:08d}.jsonl", content)
            except BaseException:
                with self._lock:
                    self._pending[:0] = messages
                raise
            self._number += 1


def _about_us() -> dict[str, Any]:
    """Which run, which node and item of it, which attempt: from what Flyte tells its tasks."""
    env = os.environ
    attempt = env.get("FLYTE_ATTEMPT_NUMBER", "")
    index = env.get(env.get("BATCH_JOB_ARRAY_INDEX_VAR_NAME") or "FLYTE_K8S_ARRAY_INDEX", "")
    place = env.get("ACTION_NAME") or _node(attempt)
    return {
        "run": env.get("RUN_NAME") or env.get("FLYTE_INTERNAL_EXECUTION_ID") or "unknown",
        "task": env.get("FLYTE_INTERNAL_TASK_NAME", ""),
        # Nobody says where we are: then no later attempt can stand for this one.
        "place": place or uuid.uuid4().hex,
        "index": index,
        "attempt": int(attempt) if attempt.isdecimal() else 0,
    }


def _node(attempt: str) -> str:
    """Where flytekit writes the outputs of this node, without the attempt that Flyte 1 puts at the end."""
    flytekit = sys.modules.get("flytekit")
    given = flytekit.current_context() if flytekit is not None else None
    prefix = str(getattr(given, "output_metadata_prefix", None) or "").rstrip("/")
    folder, slash, last = prefix.rpartition("/")
    return folder if slash and last == attempt else prefix
