"""DataProxyService: where to put and get files (flyteadmin ``dataproxy/service.go``).

Uploads go to ``<project>/<domain>/<filename_root or base32(md5)>/<filename>``, by a signed URL of the sandbox's own HTTP server.
"""

from __future__ import annotations

import base64
import hashlib
import time
from typing import TYPE_CHECKING, Any

from flyteidl.core import identifier_pb2
from flyteidl.service import dataproxy_pb2
from google.protobuf.timestamp_pb2 import Timestamp

from ...controls.outages import BLOBS
from ...model.go_duration import as_nanoseconds, go_duration
from ...model.go_text import go_text
from ...model.go_url import GoUrlError, join_path, key_of
from ...model.ids import random_text
from ...model.layout import BUCKET
from ...model.status import Rejected
from .flyte_urls import parse_flyte_url

if TYPE_CHECKING:
    from pathlib import Path

    from ...admin.context import Admin
    from ...blobs.signing import Signer
    from ...model.layout import Layout

__all__ = ["DataProxyHandlers"]

_LONGEST = 3600 * 1_000_000_000  # nanoseconds
_CHUNK = 1 << 20
_S3 = "s3://"


class DataProxyHandlers:
    """Handlers by RPC name."""

    def __init__(self, admin: Admin, layout: Layout, signer: Signer) -> None:
        self._nodes = admin.nodes
        self._offloaded = admin.offloaded
        self._outages = admin.faults.outages
        self._layout = layout
        self._signer = signer

    def CreateUploadLocation(self, request: Any) -> Any:
        """A signed URL to PUT one file to. Whether there is such a project is not asked."""
        if not request.project or not request.domain:
            raise Rejected("INVALID_ARGUMENT", "project and domain are required parameters")
        if not request.content_md5 and not request.filename_root:
            raise Rejected("INVALID_ARGUMENT", "content_md5 or filename_root is a required parameter")
        place = (request.project, request.domain)
        if request.filename and request.filename_root:
            native, path = self._place(
                "failed to create storage location", *place, request.filename_root, request.filename
            )
            self._check_new(native, path, request.content_md5)
        nanoseconds = _LONGEST
        if request.HasField("expires_in"):
            nanoseconds = as_nanoseconds(request.expires_in)
            if nanoseconds > _LONGEST:
                text = f"expiresIn [{go_duration(nanoseconds)}] cannot exceed max allowed expiration [{go_duration(_LONGEST)}]"
                raise Rejected("INVALID_ARGUMENT", text)
        root = request.filename_root or base64.b32encode(request.content_md5).decode()
        name = request.filename or random_text(20)
        native, path = self._place("failed to create shardedStorageLocation", *place, root, name)
        md5 = base64.b64encode(request.content_md5).decode()
        # As stow makes them for S3 (s3/container.go), with its bug: the length is that of the MD5's text, not of the file.
        headers = {"Content-Length": str(len(md5)), "Content-MD5": md5}
        if request.add_content_md5_metadata:
            headers["x-amz-meta-flyteContentMD5"] = md5
        signed = tuple(name for name in headers if md5 and name != "Content-Length")
        return dataproxy_pb2.CreateUploadLocationResponse(
            signed_url=self._signer.url(
                "PUT", self._url_path(path), seconds=nanoseconds / 1e9, md5=md5, headers=signed
            ),
            native_url=native,
            expires_at=_expiry(nanoseconds),
            headers=headers,
        )

    def _place(self, what: str, *parts: str) -> tuple[str, str]:
        """Where a file goes: its native URL as FlyteAdmin tells it, and the native URL of the object that is meant."""
        base = self._base()
        try:
            told = join_path(*(part for part in parts if part))
            key = key_of(told)
        except GoUrlError as error:
            text = (
                f"failed to construct datastore reference. Error: Reference is of an invalid format [{base}]: {error}"
            )
            raise Rejected("INTERNAL", f"{what}, Error: {text}") from None
        return f"{base}{told}", f"{base}/{key}"

    def _base(self) -> str:
        return self._layout.native(self._layout.blobs) if self._layout.bucket is None else f"{_S3}{self._layout.bucket}"

    def _check_new(self, native: str, path: str, md5: bytes) -> None:
        """A place that the caller chose is taken, unless the content is the same."""
        key = path.removeprefix(self._base())
        why = self._outages.check_blobs("Head", f"{BUCKET}{key}")
        if why:
            text = f"path:{key.lstrip('/')}: getItem, getting the object: {why}"
            raise Rejected("INTERNAL", f"failed to check if file exists at location [{native}], Error: {text}")
        file = self._layout.local(path)
        if _is_file(file) and _md5(file) != md5:
            text = f"file already exists at location [{native}], specify a matching hash if you wish to rewrite"
            raise Rejected("ALREADY_EXISTS", text)

    def CreateDownloadLocation(self, request: Any) -> Any:
        """A signed URL to GET any object: whether it is there is not asked, nor whether there is such a bucket."""
        nanoseconds = _checked("error while validating request: ", request)
        native = request.native_url
        try:
            key = key_of(native.removeprefix(_S3))
        except GoUrlError:
            text = f"error while validating request: failed to parse native_url [{native}]"
            raise Rejected("INVALID_ARGUMENT", text) from None
        meant = f"{_S3}{key}" if native.startswith(_S3) else f"/{key}"
        if not native.startswith((_S3, "/")) or not key:
            wrong = (
                "InvalidParameter: 1 validation error(s) found.\n- minimum field size of 1, GetObjectInput.Bucket.\n"
            )
            raise Rejected("INTERNAL", f"failed to create a signed url. Error: {wrong}")
        return dataproxy_pb2.CreateDownloadLocationResponse(
            signed_url=self._download(meant, nanoseconds), expires_at=_expiry(nanoseconds)
        )

    def CreateDownloadLink(self, request: Any) -> Any:
        """A signed URL to GET the deck of a node."""
        before = "error while validating request. Error: "
        nanoseconds = _checked(before, request)
        if request.artifact_type != dataproxy_pb2.ARTIFACT_TYPE_DECK:
            name = dataproxy_pb2.ArtifactType.Name(0) if request.artifact_type == 0 else str(request.artifact_type)
            raise Rejected("INVALID_ARGUMENT", f"{before}invalid artifact type [{name}]")
        if request.WhichOneof("source") is None:
            raise Rejected("INVALID_ARGUMENT", f"{before}source is required. Provided nil")
        request.expires_in.FromNanoseconds(nanoseconds)
        url, expires_at = self._deck(request)
        response = dataproxy_pb2.CreateDownloadLinkResponse(signed_url=[url], expires_at=expires_at)
        response.pre_signed_urls.signed_url.append(url)
        response.pre_signed_urls.expires_at.CopyFrom(response.expires_at)
        return response

    def GetData(self, request: Any) -> Any:
        """Inputs, outputs, one value of them, or the deck that a ``flyte://`` URL names."""
        url = parse_flyte_url(request.flyte_url)
        if url.attempt is not None:
            return self._data_of_attempt(url)
        inputs, outputs, _ = self._nodes.data(url.node)
        node = self._nodes.get(url.node)
        if url.kind == "d":
            link = dataproxy_pb2.CreateDownloadLinkRequest(
                artifact_type=dataproxy_pb2.ARTIFACT_TYPE_DECK, node_execution_id=url.node
            )
            link.expires_in.FromNanoseconds(_LONGEST)
            signed, expires_at = self._deck(link)
            return dataproxy_pb2.GetDataResponse(
                pre_signed_urls=dataproxy_pb2.PreSignedURLs(signed_url=[signed], expires_at=expires_at)
            )
        if url.kind == "i":
            return _values(
                self._offloaded.read(inputs, node.input_uri), url.literal, f"node execution [{go_text(url.node)}]"
            )
        values = self._offloaded.read(outputs, node.closure.output_uri)
        return _values(values, url.literal, f"node execution [{go_text(url.node)}]")

    def _data_of_attempt(self, url: Any) -> Any:
        found = [one for one in self._nodes.attempts_of(url.node) if one.id.retry_attempt == url.attempt]
        if not found:
            asked = identifier_pb2.TaskExecutionIdentifier(node_execution_id=url.node, retry_attempt=url.attempt)
            raise Rejected("INVALID_ARGUMENT", f"no task executions were listed [{go_text(asked)}]. Error: <nil>")
        if url.kind == "d":
            text = "deck type cannot be specified with a retry attempt, just use the node instead"
            raise Rejected("INVALID_ARGUMENT", text)
        task = found[0]
        inputs, outputs = self._nodes.task_data(task.id)
        where = f"task execution [{go_text(task.id)}]"
        if url.kind == "i":
            return _values(self._offloaded.read(inputs, task.input_uri), url.literal, where)
        return _values(self._offloaded.read(outputs, task.closure.output_uri), url.literal, where)

    def _deck(self, request: Any) -> tuple[str, Any]:
        identifier = request.node_execution_id
        try:
            node = self._nodes.get(identifier)
        except Rejected as rejected:
            text = f"failed to find node execution [{go_text(identifier)}]. Error: {rejected.message}"
            raise Rejected("INVALID_ARGUMENT", text) from None
        if not node.closure.deck_uri:
            raise Rejected("NOT_FOUND", f"no deckUrl found for request [{go_text(request)}]")
        if self._outages.away(BLOBS):
            why = self._outages.check_blobs("Head", node.closure.deck_uri.removeprefix(_S3))
            raise Rejected("INTERNAL", f"failed to head object before signing url. Error: {why}")
        if not self._layout.local(node.closure.deck_uri).is_file():
            raise Rejected("NOT_FOUND", "object not found")
        nanoseconds = as_nanoseconds(request.expires_in)
        return self._download(node.closure.deck_uri, nanoseconds), _expiry(nanoseconds)

    def _download(self, native: str, nanoseconds: int) -> str:
        return self._signer.url("GET", self._url_path(native), seconds=nanoseconds / 1e9)

    def _url_path(self, native: str) -> str:
        """The path of signed URLs of an object. What is in no storage of the sandbox is signed too, and not found later."""
        path = self._layout.url_path(native)
        return path if path is not None else f"/{native.removeprefix(_S3).lstrip('/')}"


def _values(literals: Any, name: str, where: str) -> Any:
    if not name:
        return dataproxy_pb2.GetDataResponse(literal_map=literals)
    if name not in literals.literals:
        raise Rejected("INVALID_ARGUMENT", f"name [{name}] not found in {where}")
    return dataproxy_pb2.GetDataResponse(literal=literals.literals[name])


def _checked(before: str, request: Any) -> int:
    """How long a URL is to be good for, in nanoseconds."""
    if not request.HasField("expires_in"):
        return _LONGEST
    asked = as_nanoseconds(request.expires_in)
    text = f"{before}expiresIn is invalid. Error: input duration [{go_duration(asked)}]"
    if asked < 0:
        raise Rejected("INVALID_ARGUMENT", f"{text} should not less than 0")
    if asked > _LONGEST:
        raise Rejected("INVALID_ARGUMENT", f"{text} cannot exceed max allowed expiration [{go_duration(_LONGEST)}]")
    return int(asked)


def _expiry(nanoseconds: int) -> Any:
    stamp = Timestamp()
    stamp.FromNanoseconds(time.time_ns() + nanoseconds)
    return stamp


def _is_file(path: Path) -> bool:
    try:
        return path.resolve().is_file()
    except OSError:  # a name that no file can have
        return False


def _md5(path: Path) -> bytes:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.digest()
