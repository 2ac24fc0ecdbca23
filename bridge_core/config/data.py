"""How to reach object stores directly, for those who do not go through Flyte's signed URLs.

Settings and defaults: flytekit's DataConfig (configuration/__init__.py: S3Config, GCSConfig, AzureBlobStorageConfig).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ..model.errors import ConfigError
from ..model.masking import WithSecrets, hide_passwords
from .numbers import check_count, check_seconds
from .secret import NO_SECRET, Secret, wrap_secrets

__all__ = ["AzureConfig", "GcsConfig", "S3Config"]


@dataclass(frozen=True, slots=True, kw_only=True)
class S3Config(WithSecrets):
    """S3 and what speaks its language."""

    PARTS: ClassVar[dict[str, type]] = {"secret_access_key": Secret}

    endpoint: str | None = None
    """Base URL; None for AWS."""

    access_key_id: str | None = None
    """None: whatever the AWS libraries find (roles, profiles, variables)."""

    secret_access_key: Secret = NO_SECRET
    """Belongs to `access_key_id`."""

    addressing_style: str | None = None
    """``path``, ``virtual`` or ``auto``."""

    enable_debug: bool = False
    """Ask the store's client for its debug log."""

    retries: int = 3
    """Further attempts after the first one."""

    backoff: float = 5.0
    """Seconds between attempts."""

    def __post_init__(self) -> None:
        check_count("s3.retries", self.retries, zero=True)
        check_seconds("s3.backoff", self.backoff, zero=True)
        hide_passwords(self)
        wrap_secrets(self, "s3")


@dataclass(frozen=True, slots=True, kw_only=True)
class GcsConfig(WithSecrets):
    """Google Cloud Storage."""

    endpoint: str | None = None
    """Base URL; None for Google. One that is ``http://`` is an emulator: it is sent no credentials, ever."""

    credentials: str | None = None
    """JSON file of a service account or user; None: whatever Google's libraries find (variables, gcloud, metadata server)."""

    gsutil_parallelism: bool = False
    """flytekit's, and without effect there and here: neither uses gsutil. Tasks of a sandbox inherit its variable."""

    def __post_init__(self) -> None:
        # Else every message that names the file would show a private key.
        if self.credentials and self.credentials.lstrip().startswith("{"):
            raise ConfigError("gcs.credentials holds credentials themselves; write them to a file, and name that")
        hide_passwords(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class AzureConfig(WithSecrets):
    """Azure Blob Storage."""

    PARTS: ClassVar[dict[str, type]] = {"storage_account_key": Secret, "client_secret": Secret}

    endpoint: str | None = None
    """Base URL of the account's blobs; None for ``https://ACCOUNT.blob.core.windows.net``."""

    storage_account_name: str | None = None
    """The storage account."""

    storage_account_key: Secret = NO_SECRET
    """Its key; or the three settings below."""

    tenant_id: str | None = None
    """Of the service principal."""

    client_id: str | None = None
    """Of the service principal."""

    client_secret: Secret = NO_SECRET
    """Of the service principal."""

    def __post_init__(self) -> None:
        hide_passwords(self)
        wrap_secrets(self, "azure")
