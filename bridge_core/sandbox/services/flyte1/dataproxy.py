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

from ...model.status import Rejected
from .flyte_urls import parse_flyte_url

if TYPE_CHECKING:
    from pathlib import Path

    from ...blobs.signing import Signer
    from ...model.layout import Layout
    from ...store.nodes import Nodes

__all__ = ["DataProxyHandlers"]

_MAX_SECONDS = 3600.0
_CHUNK = 1 << 20
_LONGEST_KEY, _LONGEST_PART = 1024, 255  # bytes: of S3, of file systems


class DataProxyHandlers:
    """Handlers by RPC name."""

    def __init__(self, layout: Layout, signer: Signer, nodes: Nodes) -> None:
        self._nodes = nodes
        self._layout = layout
        self._signer = signer

    def CreateUploadLocation(self, request: Any) -> Any:
        """A signed URL to PUT one file to. Whether there is such a project is not asked."""
        if not request.project or not request.domain:
            raise Rejected("INVALID_ARGUMENT", "project and domain are required parameters")
        if not request.content_md5 and not request.filename_root:
            raise Rejected("INVALID_ARGUMENT", "content_md5 or filename_root is a required parameter")
        seconds = _seconds(request)
        root = request.filename_root or base64.b32encode(request.content_md5).decode()
        name = request.filename or secrets.token_hex(10)
        key = f"{request.project}/{request.domain}/{root}/{name}"
        parts = key.split("/")
        if len(key.encode()) > _LONGEST_KEY or any(len(part.encode()) > _LONGEST_PART for part in parts):
            raise Rejected("INVALID_ARGUMENT", f"a key of {len(key.encode())} bytes is too long")
        native = self._layout.native(self._layout.blobs / key)
        if ".." in parts or (url_path := self._layout.url_path(native)) is None:
            raise Rejected("INVALID_ARGUMENT", f"filename {request.filename!r} would leave its directory")
        path = self._layout.local(native).resolve()
        if request.filename and request.filename_root and path.exists() and _md5(path) != request.content_md5:
            raise Rejected(
                "ALREADY_EXISTS",
                f"file already exists at location [{path}], specify a matching hash if you wish to rewrite",
            )
        md5 = base64.b64encode(request.content_md5).decode()
        # As stow makes them for S3 (s3/container.go), with its bug: the length is that of the MD5's text, not of the file.
        headers = {"Content-Length": str(len(md5)), "Content-MD5": md5}
        if request.add_content_md5_metadata:
            headers["x-amz-meta-flyteContentMD5"] = md5
        signed = tuple(name for name in headers if md5 and name != "Content-Length")
        return dataproxy_pb2.CreateUploadLocationResponse(
            signed_url=self._signer.url("PUT", url_path, seconds=seconds, md5=md5, headers=signed),
            native_url=native,
            expires_at=_expiry(seconds),
            headers=headers,
        )

    def CreateDownloadLocation(self, request: Any) -> Any:
        """A signed URL to GET any file of the sandbox's own storage."""
        seconds = _seconds(request)
        return dataproxy_pb2.CreateDownloadLocationResponse(
            signed_url=self._download(request.native_url, seconds), expires_at=_expiry(seconds)
        )

    def CreateDownloadLink(self, request: Any) -> Any:
        """A signed URL to GET the deck of a node."""
        if request.artifact_type != dataproxy_pb2.ARTIFACT_TYPE_DECK:
            raise Rejected("INVALID_ARGUMENT", f"invalid artifact type [{request.artifact_type}]")
        if request.WhichOneof("source") is None:
            raise Rejected("INVALID_ARGUMENT", "source is required. Provided nil")
        seconds = _seconds(request)
        url, expires_at = self._deck(request.node_execution_id, seconds)
        response = dataproxy_pb2.CreateDownloadLinkResponse(signed_url=[url], expires_at=expires_at)
        response.pre_signed_urls.signed_url.append(url)
        response.pre_signed_urls.expires_at.CopyFrom(response.expires_at)
        return response

    def GetData(self, request: Any) -> Any:
        """Inputs, outputs, one value of them, or the deck that a ``flyte://`` URL names."""
        url = parse_flyte_url(request.flyte_url)
        if url.attempt is not None:
            found = [one for one in self._nodes.attempts_of(url.node) if one.id.retry_attempt == url.attempt]
            if not found:
                raise Rejected("INVALID_ARGUMENT", f"no task executions were listed [{url.node.node_id}/{url.attempt}]")
            if url.kind == "d":
                text = "deck type cannot be specified with a retry attempt, just use the node instead"
                raise Rejected("INVALID_ARGUMENT", text)
            inputs, outputs = self._nodes.task_data(found[0].id)
        else:
            inputs, outputs, _ = self._nodes.data(url.node)
            if url.kind == "d":
                link, expires_at = self._deck(url.node, _MAX_SECONDS)
                signed = dataproxy_pb2.PreSignedURLs(signed_url=[link], expires_at=expires_at)
                return dataproxy_pb2.GetDataResponse(pre_signed_urls=signed)
        values = inputs if url.kind == "i" else outputs
        if not url.literal:
            return dataproxy_pb2.GetDataResponse(literal_map=values)
        if url.literal not in values.literals:
            what = "node" if url.attempt is None else "task"
            raise Rejected(
                "INVALID_ARGUMENT", f"name [{url.literal}] not found in {what} execution [{url.node.node_id}]"
            )
        return dataproxy_pb2.GetDataResponse(literal=values.literals[url.literal])

    def _deck(self, identifier: Any, seconds: float) -> tuple[str, Any]:
        try:
            node = self._nodes.get(identifier)
        except Rejected as rejected:
            text = f"failed to find node execution [{identifier.node_id}]. Error: {rejected.message}"
            raise Rejected("INVALID_ARGUMENT", text) from None
        if not node.closure.deck_uri:
            raise Rejected("NOT_FOUND", f"no deckUrl found for request [{identifier.node_id}]")
        if not self._layout.local(node.closure.deck_uri).is_file():
            raise Rejected("NOT_FOUND", "object not found")
        return self._download(node.closure.deck_uri, seconds), _expiry(seconds)

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
