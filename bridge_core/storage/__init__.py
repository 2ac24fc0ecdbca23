"""Bytes in and out: signed URLs and fsspec. Knows nothing of literals or of Flyte's RPCs."""
