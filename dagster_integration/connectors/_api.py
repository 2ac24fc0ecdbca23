"""Dagster's GraphQL API over HTTP. Dagster need not be installed, and no GraphQL client either."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from bridge_core import (
    ConfigError,
    InvalidRequest,
    NotFound,
    PermissionDenied,
    Unauthenticated,
    Unavailable,
)
from bridge_core.connector import connector_secret

__all__ = ["DagsterApi"]

_TIMEOUT = 20.0
_BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN = 400, 401, 403
_KINDS: Mapping[str, type[Exception]] = {
    "PythonError": Unavailable,  # its code server may be away; what it says is passed on
    "UnauthorizedError": PermissionDenied,
    "PipelineNotFoundError": NotFound,
    "PartitionSetNotFoundError": NotFound,
}


class DagsterApi:
    """A Dagster webserver behind its URL. Safe to share between threads; opens nothing before the first call.

    A secret ``token`` of group ``dagster`` (`connector_secret`), if there is one, is sent as Dagster+ wants it.

    Raises:
        ConfigError: The URL is none.
    """

    def __init__(self, url: str) -> None:
        if not url.startswith(("http://", "https://")):
            raise ConfigError(f"Dagster's URL must begin with http:// or https://, got {url!r}")
        self.url = url.rstrip("/")
        self._lock = threading.Lock()
        self._client: Any = None

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The one field that was asked for.

        Raises:
            Unavailable: Dagster could not be asked, or broke.
            InvalidRequest: It does not take the question.
            Unauthenticated: It wants a token, or another one.
            PermissionDenied: The token may not do that.
        """
        import httpx

        with self._lock:
            if self._client is None:
                self._client = httpx.Client(timeout=_TIMEOUT)
            client = self._client
        token = connector_secret("token", "dagster", default="")
        headers = {"Dagster-Cloud-Api-Token": token} if token else {}
        try:
            answer = client.post(f"{self.url}/graphql", json={"query": query, "variables": variables}, headers=headers)
        except httpx.HTTPError as error:
            raise Unavailable(f"Dagster at {self.url} could not be asked: {type(error).__name__}: {error}") from None
        if answer.status_code in (_UNAUTHORIZED, _FORBIDDEN):
            kind = Unauthenticated if answer.status_code == _UNAUTHORIZED else PermissionDenied
            raise kind(f"Dagster at {self.url} refused: {answer.status_code}; set the secret token of group dagster")
        try:
            found = answer.json()
        except ValueError:
            raise Unavailable(f"Dagster at {self.url} answered {answer.status_code} and no JSON") from None
        if errors := found.get("errors"):  # variables that do not fit come with status 500
            text = "; ".join(str(one.get("message", one)) for one in errors)[:500]
            ours = answer.status_code == _BAD_REQUEST or "Variable" in text
            raise (InvalidRequest if ours else Unavailable)(f"Dagster at {self.url}: {text}")
        (result,) = found["data"].values()
        return dict(result)

    def did(self, what: str, result: Mapping[str, Any], *fine: str) -> None:
        """Raises what an answer of another type than the wanted ones means."""
        kind = result["__typename"]
        if kind in fine:
            return
        text = result.get("message") or "; ".join(one["message"] for one in result.get("errors", ())) or kind
        raise _KINDS.get(kind, InvalidRequest)(f"Dagster at {self.url}: {what}: {text[:600]}")

    def close(self) -> None:
        """Closes connections."""
        with self._lock:
            if self._client is not None:
                self._client.close()
                self._client = None
