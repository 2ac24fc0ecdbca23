"""Names made of content: the letters and digits that are legal wherever Flyte and Kubernetes take a name."""

from __future__ import annotations

__all__ = ["digest_of", "letters"]


def digest_of(*parts: object, chars: int) -> str:
    """So many characters of ``[a-z2-7]`` (5 bits each, at most 52) that follow from the parts and from where one ends."""
    import hashlib  # with OpenSSL behind it: nothing that an import may cost

    encoded = b"".join(b"%d:%s" % (len(raw), raw) for raw in (str(part).encode() for part in parts))
    return letters(hashlib.sha256(encoded).digest(), chars)


def letters(digest: bytes, chars: int) -> str:
    """The first characters of a digest, as ``[a-z2-7]``."""
    from base64 import b32encode

    return b32encode(digest).decode().lower()[:chars]
