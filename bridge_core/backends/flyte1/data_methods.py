"""The RPCs of FlyteAdmin that sign URLs, and the one that says who we are."""

from __future__ import annotations

from flyteidl.service import dataproxy_pb2, identity_pb2

from .methods import service

CREATE_UPLOAD_LOCATION = service(
    "DataProxyService",
    "CreateUploadLocation",
    dataproxy_pb2.CreateUploadLocationRequest,
    dataproxy_pb2.CreateUploadLocationResponse,
)
CREATE_DOWNLOAD_LOCATION = service(
    "DataProxyService",
    "CreateDownloadLocation",
    dataproxy_pb2.CreateDownloadLocationRequest,
    dataproxy_pb2.CreateDownloadLocationResponse,
)
USER_INFO = service("IdentityService", "UserInfo", identity_pb2.UserInfoRequest, identity_pb2.UserInfoResponse)
