"""One row per setting that a file or the environment may set: the table that every source reads.

Spellings are those of flytekit (``FLYTE_<SECTION>_<OPTION>``, INI ``[section] option``: configuration/internal.py) and
flytectl (YAML ``admin.…``: flyteidl clients/go/admin/config.go, and the same as ``FLYTE_ADMIN_…``). Rows marked *ours*
exist in neither; they follow the same pattern.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .parse import boolean, command, integer, level, prefix, seconds, secret, service_config, text, version, words

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["FOREIGN", "FOREIGN_YAML", "KEYS", "Key"]


@dataclass(frozen=True, slots=True)
class Key:
    """Where one setting may come from."""

    field: str
    """Dotted path in `Config`: ``auth.client_id``."""

    variable: str
    """flytekit's variable; its parts after FLYTE are section and option of an INI file."""

    path: str | None
    """Dotted path of the YAML file; None when YAML cannot set it."""

    parse: Callable[[str, Any], Any]
    """``(where, raw) -> value``; raises ConfigError naming ``where``."""

    also: tuple[str, ...] = ()
    """Further variables."""

    hidden: bool = False
    """Whether no message may show the value."""

    @property
    def environment(self) -> tuple[str, ...]:
        """Variables, any of which may be set; two that are set must agree."""
        admin = (
            (f"FLYTE_{self.path.replace('.', '_').upper()}",) if self.path and self.path.startswith("admin.") else ()
        )
        return (self.variable, *admin, *self.also)

    @property
    def ini(self) -> tuple[str, str]:
        """Section and option of an INI file: the flytekit variable without its prefix."""
        section, _, option = self.variable.removeprefix("FLYTE_").lower().partition("_")
        return section, option


PLATFORM: tuple[Key, ...] = (
    Key("endpoint", "FLYTE_PLATFORM_URL", "admin.endpoint", text),
    Key("insecure", "FLYTE_PLATFORM_INSECURE", "admin.insecure", boolean),
    Key("insecure_skip_verify", "FLYTE_PLATFORM_INSECURE_SKIP_VERIFY", "admin.insecureSkipVerify", boolean),
    Key("ca_cert_file", "FLYTE_PLATFORM_CA_CERT_FILE_PATH", "admin.caCertFilePath", text),
    # ours: flytekit and flytectl know no client certificates
    Key("client_cert_file", "FLYTE_PLATFORM_CLIENT_CERT_FILE_PATH", "admin.clientCertFilePath", text),
    Key("client_key_file", "FLYTE_PLATFORM_CLIENT_KEY_FILE_PATH", "admin.clientKeyFilePath", text),
    Key(
        "console_endpoint",
        "FLYTE_PLATFORM_CONSOLE_ENDPOINT",
        "console.endpoint",
        text,
        also=("FLYTE_CONSOLE_ENDPOINT",),
    ),
    Key("retry.retries", "FLYTE_PLATFORM_RPC_RETRIES", "admin.maxRetries", integer),
    Key("retry.longest_delay", "FLYTE_PLATFORM_MAX_BACKOFF_DELAY", "admin.maxBackoffDelay", seconds),
    Key("attempt_timeout", "FLYTE_PLATFORM_PER_RETRY_TIMEOUT", "admin.perRetryTimeout", seconds),
    Key("flyte_version", "FLYTE_PLATFORM_FLYTE_VERSION", "admin.flyteVersion", version),  # ours, with the next
    Key("transport", "FLYTE_PLATFORM_TRANSPORT", "admin.transport", text),
    Key("max_message_bytes", "FLYTE_PLATFORM_MAX_MESSAGE_SIZE_BYTES", "admin.maxMessageSizeBytes", integer),
    Key("service_config", "FLYTE_PLATFORM_DEFAULT_SERVICE_CONFIG", "admin.defaultServiceConfig", service_config),
)

CREDENTIALS: tuple[Key, ...] = (
    Key("auth.mode", "FLYTE_CREDENTIALS_AUTH_MODE", "admin.authType", text, also=("FLYTE_AUTH_TYPE",)),
    Key("auth.client_id", "FLYTE_CREDENTIALS_CLIENT_ID", "admin.clientId", text),
    Key("auth.client_secret.value", "FLYTE_CREDENTIALS_CLIENT_SECRET", None, secret, hidden=True),
    Key("auth.client_secret.location", "FLYTE_CREDENTIALS_CLIENT_SECRET_LOCATION", "admin.clientSecretLocation", text),
    Key("auth.client_secret.env_var", "FLYTE_CREDENTIALS_CLIENT_SECRET_ENV_VAR", "admin.clientSecretEnvVar", text),
    # ours, with the next four
    Key(
        "auth.client_assertion.location",
        "FLYTE_CREDENTIALS_CLIENT_ASSERTION_LOCATION",
        "admin.clientAssertionLocation",
        text,
    ),
    Key(
        "auth.client_assertion.env_var",
        "FLYTE_CREDENTIALS_CLIENT_ASSERTION_ENV_VAR",
        "admin.clientAssertionEnvVar",
        text,
    ),
    Key("auth.token.value", "FLYTE_CREDENTIALS_TOKEN", None, secret, hidden=True),
    Key("auth.token.location", "FLYTE_CREDENTIALS_TOKEN_LOCATION", "admin.tokenLocation", text),
    Key("auth.token.env_var", "FLYTE_CREDENTIALS_TOKEN_ENV_VAR", "admin.tokenEnvVar", text),
    Key("auth.scopes", "FLYTE_CREDENTIALS_SCOPES", "admin.scopes", words),
    Key("auth.audience", "FLYTE_CREDENTIALS_AUDIENCE", "admin.audience", text),
    Key(
        "auth.use_audience_from_admin",
        "FLYTE_CREDENTIALS_USE_AUDIENCE_FROM_ADMIN",
        "admin.useAudienceFromAdmin",
        boolean,
    ),
    Key(
        "auth.command",
        "FLYTE_CREDENTIALS_COMMAND",
        "admin.command",
        command,
        also=("FLYTE_AUTH_COMMAND",),
        hidden=True,
    ),
    Key("auth.command_ttl", "FLYTE_CREDENTIALS_COMMAND_TTL", "admin.commandTtl", seconds),  # ours
    Key(
        "auth.proxy_command",
        "FLYTE_CREDENTIALS_PROXY_COMMAND",
        "admin.proxyCommand",
        command,
        also=("FLYTE_AUTH_PROXY_COMMAND",),
        hidden=True,
    ),
    Key("auth.authorization_header", "FLYTE_CREDENTIALS_AUTHORIZATION_HEADER", "admin.authorizationHeader", text),
    Key("auth.token_url", "FLYTE_CREDENTIALS_TOKEN_URL", "admin.tokenUrl", text),
    Key("auth.authorization_url", "FLYTE_CREDENTIALS_AUTHORIZATION_URL", "admin.authorizationUrl", text),
    Key(
        "auth.device_authorization_url",
        "FLYTE_CREDENTIALS_DEVICE_AUTHORIZATION_URL",
        "admin.deviceAuthorizationUrl",
        text,
    ),
    Key("auth.http_proxy_url", "FLYTE_PLATFORM_HTTP_PROXY_URL", "admin.httpProxyURL", text, hidden=True),
    Key("auth.token_refresh_window", "FLYTE_CREDENTIALS_TOKEN_REFRESH_WINDOW", "admin.tokenRefreshWindow", seconds),
    Key("auth.pkce_timeout", "FLYTE_CREDENTIALS_PKCE_TIMEOUT", "admin.pkceConfig.timeout", seconds),
    Key("auth.pkce_refresh_window", "FLYTE_CREDENTIALS_PKCE_REFRESH_WINDOW", "admin.pkceConfig.refreshTime", seconds),
    Key(
        "auth.device_refresh_window",
        "FLYTE_CREDENTIALS_DEVICE_REFRESH_WINDOW",
        "admin.deviceFlowConfig.refreshTime",
        seconds,
    ),
    Key("auth.device_timeout", "FLYTE_CREDENTIALS_DEVICE_TIMEOUT", "admin.deviceFlowConfig.timeout", seconds),
    Key(
        "auth.device_poll_interval",
        "FLYTE_CREDENTIALS_DEVICE_POLL_INTERVAL",
        "admin.deviceFlowConfig.pollInterval",
        seconds,
    ),
    Key("auth.interactive", "FLYTE_CREDENTIALS_INTERACTIVE", "admin.interactive", boolean),  # ours, with the rest
    Key("auth.token_cache", "FLYTE_CREDENTIALS_TOKEN_CACHE", "admin.tokenCache", text),
    Key("auth.token_cache_dir", "FLYTE_CREDENTIALS_TOKEN_CACHE_DIR", "admin.tokenCacheDir", text),
)

DATA: tuple[Key, ...] = (
    Key("s3.endpoint", "FLYTE_AWS_ENDPOINT", "storage.connection.endpoint", text),
    Key("s3.access_key_id", "FLYTE_AWS_ACCESS_KEY_ID", "storage.connection.access-key", text),
    Key(
        "s3.secret_access_key.value",
        "FLYTE_AWS_SECRET_ACCESS_KEY",
        "storage.connection.secret-key",
        secret,
        hidden=True,
    ),
    Key("s3.addressing_style", "FLYTE_AWS_ADDRESSING_STYLE", "storage.connection.addressing-style", text),
    Key("s3.enable_debug", "FLYTE_AWS_ENABLE_DEBUG", None, boolean),
    Key("s3.retries", "FLYTE_AWS_RETRIES", None, integer),
    Key("s3.backoff", "FLYTE_AWS_BACKOFF_SECONDS", None, seconds),
    Key("gcs.endpoint", "FLYTE_GCP_ENDPOINT", None, text),  # ours, with the next
    Key("gcs.credentials", "FLYTE_GCP_CREDENTIALS", None, text),
    Key("gcs.gsutil_parallelism", "FLYTE_GCP_GSUTIL_PARALLELISM", None, boolean),
    Key("azure.endpoint", "FLYTE_AZURE_ENDPOINT", None, text),  # ours
    Key("azure.storage_account_name", "FLYTE_AZURE_STORAGE_ACCOUNT_NAME", None, text),
    Key("azure.storage_account_key.value", "FLYTE_AZURE_STORAGE_ACCOUNT_KEY", None, secret, hidden=True),
    Key("azure.tenant_id", "FLYTE_AZURE_TENANT_ID", None, text),
    Key("azure.client_id", "FLYTE_AZURE_CLIENT_ID", None, text),
    Key("azure.client_secret.value", "FLYTE_AZURE_CLIENT_SECRET", None, secret, hidden=True),
    Key(  # ours
        "data_upload_location", "FLYTE_PERSISTENCE_DATA_UPLOAD_LOCATION", "admin.dataUploadLocation", text
    ),
    Key("attach_execution_metadata", "FLYTE_PERSISTENCE_ATTACH_EXECUTION_METADATA", None, boolean),
)

LOCAL: tuple[Key, ...] = (
    Key("local.cache_enabled", "FLYTE_LOCAL_CACHE_ENABLED", None, boolean),
    Key("local.cache_overwrite", "FLYTE_LOCAL_CACHE_OVERWRITE", None, boolean),
    Key("local.sandbox_path", "FLYTE_SDK_LOCAL_SANDBOX", None, text),
    Key("local.workflow_packages", "FLYTE_SDK_WORKFLOW_PACKAGES", None, words),
    Key("local.logging_level", "FLYTE_SDK_LOGGING_LEVEL", None, level),
    Key("secrets.env_prefix", "FLYTE_SECRETS_ENV_PREFIX", None, prefix),
    Key("secrets.default_dir", "FLYTE_SECRETS_DEFAULT_DIR", None, text),
    Key("secrets.file_prefix", "FLYTE_SECRETS_FILE_PREFIX", None, prefix),
    # flytekit keeps StatsD in the section of secrets, by mistake; FLYTE_STATSD_… is ours
    Key("stats.host", "FLYTE_SECRETS_HOST", None, text, also=("FLYTE_STATSD_HOST",)),
    Key("stats.port", "FLYTE_SECRETS_PORT", None, integer, also=("FLYTE_STATSD_PORT",)),
    Key("stats.disabled", "FLYTE_SECRETS_DISABLED", None, boolean, also=("FLYTE_STATSD_DISABLED",)),
    Key("stats.disable_tags", "FLYTE_SECRETS_DISABLE_TAGS", None, boolean, also=("FLYTE_STATSD_DISABLE_TAGS",)),
)

TASK: tuple[Key, ...] = (
    Key("project", "FLYTE_LOCAL_PROJECT", "task.project", text),
    Key("domain", "FLYTE_LOCAL_DOMAIN", "task.domain", text),
    Key("org", "FLYTE_LOCAL_ORG", "task.org", text),
)

KEYS: tuple[Key, ...] = (*PLATFORM, *CREDENTIALS, *DATA, *LOCAL, *TASK)
"""Every setting that a file or the environment may set."""

FOREIGN: frozenset[str] = frozenset(
    {
        *("logger", "files", "images", "database", "otel", "union", "sandbox", "rust", "flytectl", "project", "domain"),
        *("storage.type", "storage.kind", "storage.container", "storage.enable-multicontainer", "storage.cache"),
        *("storage.limits", "storage.stow", "storage.signedUrl", "storage.signedURL", "storage.defaultHttpClient"),
        *("storage.connection.auth-type", "storage.connection.region", "storage.connection.disable-ssl"),
        *("admin.useAuth", "admin.authorizationServerUrl"),
        *("image", "admin.disableKeyring"),  # of Flyte 2's SDK
        *("internal", "sdk.use_structured_dataset"),
    }
)
"""Keys of other tools that share the file: not ours, and not worth a warning. A prefix covers what is below it."""

FOREIGN_YAML: frozenset[str] = frozenset({"local"})
"""And sections that are another's in YAML only: of Flyte 2's SDK; in an INI file it is flytekit's, and ours."""
