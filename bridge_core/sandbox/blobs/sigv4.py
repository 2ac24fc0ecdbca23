"""AWS's request signature, version 4, for the one kind of request that the sandbox itself sends to its object server.

Pinned by the object server, which checks it; what clients send is signed by their own libraries.
"""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime

__all__ = ["signed_headers"]

_SIGNED = "host;x-amz-content-sha256;x-amz-date"
_UNSIGNED_BODY = "UNSIGNED-PAYLOAD"
_REGION = "us-east-1"


def signed_headers(method: str, target: str, access_key: str, secret: str) -> dict[str, str]:
    """Headers that make a request without a query valid.

    Args:
        method: Its method.
        target: Its path, percent-encoded.
        access_key: Who asks.
        secret: Their secret.
    """
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
    headers = {"host": "localhost", "x-amz-content-sha256": _UNSIGNED_BODY, "x-amz-date": stamp}
    listed = "".join(f"{name}:{value}\n" for name, value in headers.items())
    canonical = f"{method}\n{target}\n\n{listed}\n{_SIGNED}\n{_UNSIGNED_BODY}"
    scope = f"{stamp[:8]}/{_REGION}/s3/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    key = f"AWS4{secret}".encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    signature = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    credential = f"AWS4-HMAC-SHA256 Credential={access_key}/{scope}, SignedHeaders={_SIGNED}, Signature={signature}"
    return {**headers, "Authorization": credential}
