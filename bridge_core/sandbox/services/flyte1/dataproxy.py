"""DataProxyService: where to put and get files (flyteadmin ``dataproxy/service.go``).

Uploads go to ``<project>/<domain>/<filename_root or base32(md5)>/<filename>``, by a signed URL of the sandbox's own HTTP server.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from typing import TYPE_CHECKING, Any

from flyteidl.service import dataproxy_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from ...status import Rejected
from .flyte_urls import parse_flyte_url

if TYPE_CHECKING:
    from pathlib import Path

    from ...blobs.signing import Signer
    from ...layout import Layout
    from ...store.entities import Entities
    from ...store.nodes import Nodes

__all__ = ["DataProxyHandlers"]

_MAX_SECONDS = 3600.0
_CHUNK = 1 << 20


class DataProxyHandlers:
    """Handlers by RPC name."""

    def __init__(self, layout: Layout, signer: Signer, entities: Entities, nodes: Nodes) -> None:
        self._nodes = nodes
        self._layout = layout
        self._signer = signer
        self._entities = entities

    def CreateUploadLocation(self, request: Any) -> Any:
        """A signed URL to PUT one file to."""
        self._entities.check_project(request.project, request.domain)
        if not request.content_md5 and not request.filename_root:
            raise Rejected("INVALID_ARGUMENT", "content_md5 or filename_root is required")
        seconds = _seconds(request)
        root = request.filename_root or base64.b32encode(request.content_md5).decode()
        name = request.filename or secrets.token_hex(10)
        key = f"{request.project}/{request.domain}/{root}/{name}"
        native = self._layout.native(self._layout.blobs / key)
        if ".." in key.split("/") or (url_path := self._layout.url_path(native)) is None:
            raise Rejected("INVALID_ARGUMENT", f"filename {request.filename!r} would leave its directory")
        path = self._layout.local(native).resolve()
        if request.filename and request.filename_root and path.exists() and _md5(path) != request.content_md5:
            raise Rejected(
                "ALREADY_EXISTS",
                f"file already exists at location [{path}], specify a matching hash if you wish to rewrite",
            )
        md5 = base64.b64encode(request.content_md5).decode()
        response = dataproxy_pb2.CreateUploadLocationResponse(
            signed_url=self._signer.url("PUT", url_path, seconds=seconds, md5=md5),
            native_url=native,
            expires_at=_expiry(seconds),
        )
        if request.add_content_md5_metadata and md5:
            # What S3's signature would demand; clients must send it back (flyteadmin takes them from stow).
            response.headers["Content-MD5"] = md5
            response.headers["x-amz-meta-flyteContentMD5"] = md5
        return response

    def CreateDownloadLocation(self, request: Any) -> Any:
        """A signed URL to GET any file of the sandbox's own storage."""
        seconds = _seconds(request)
        return dataproxy_pb2.CreateDownloadLocationResponse(
            signed_url=self._download(request.native_url, seconds), expires_at=_expiry(seconds)
        )

    def CreateDownloadLink(self, request: Any) -> Any:
        """A signed URL to GET the deck of a node."""
        if request.artifact_type != dataproxy_pb2.ARTIFACT_TYPE_DECK:
            raise Rejected("INVALID_ARGUMENT", f"unsupported artifact type [{request.artifact_type}]")
        seconds = _seconds(request)
        url, expires_at = self._deck(request.node_execution_id, seconds)
        response = dataproxy_pb2.CreateDownloadLinkResponse(signed_url=[url], expires_at=expires_at)
        response.pre_signed_urls.signed_url.append(url)
        response.pre_signed_urls.expires_at.CopyFrom(response.expires_at)
        return response

    def GetData(self, request: Any) -> Any:
        """Inputs, outputs, one value of them, or the deck that a ``flyte://`` URL names."""
        url = parse_flyte_url(request.flyte_url)
        if url.kind == "d":
            link, expires_at = self._deck(url.node, _MAX_SECONDS)
            signed = dataproxy_pb2.PreSignedURLs(signed_url=[link], expires_at=expires_at)
            return dataproxy_pb2.GetDataResponse(pre_signed_urls=signed)
        if url.attempt is None:
            inputs, outputs, _ = self._nodes.data(url.node)
        else:
            self._nodes.get(url.node)
            found = [one for one in self._nodes.attempts_of(url.node) if one.id.retry_attempt == url.attempt]
            if not found:
                raise Rejected("NOT_FOUND", f"no attempt {url.attempt} of node {url.node.node_id}")
            inputs, outputs = self._nodes.task_data(found[0].id)
        values = inputs if url.kind == "i" else outputs
        if not url.literal:
            return dataproxy_pb2.GetDataResponse(literal_map=values)
        if url.literal not in values.literals:
            raise Rejected("NOT_FOUND", f"the name [{url.literal}] was not found in the literal map")
        return dataproxy_pb2.GetDataResponse(literal=values.literals[url.literal])

    def _deck(self, node: Any, seconds: float) -> tuple[str, Any]:
        self._nodes.get(node)
        attempts = self._layout.node(node.execution_id, node.node_id)
        decks = sorted(attempts.glob("*/deck.html"), key=lambda path: int(path.parent.name))
        if not decks:
            raise Rejected("NOT_FOUND", f"no deck found for node {node.node_id} of {node.execution_id.name}")
        return self._download(self._layout.native(decks[-1]), seconds), _expiry(seconds)

    def _download(self, native: str, seconds: float) -> str:
        path = self._layout.url_path(native)
        if path is None:
            raise Rejected("INVALID_ARGUMENT", f"{native!r} is not in the storage of this sandbox")
        return self._signer.url("GET", path, seconds=seconds)


def _seconds(request: Any) -> float:
    asked = request.expires_in.ToNanoseconds() / 1e9 if request.HasField("expires_in") else _MAX_SECONDS
    if asked < 0 or asked > _MAX_SECONDS:
        raise Rejected("INVALID_ARGUMENT", f"expires_in [{asked:g}s] must be in range [0, {_MAX_SECONDS:g}s]")
    return asked


def _expiry(seconds: float) -> Any:
    stamp = Timestamp()
    stamp.FromNanoseconds(int((time.time() + seconds) * 1e9))
    return stamp


def _md5(path: Path) -> bytes:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.digest()
