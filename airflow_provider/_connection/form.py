"""The connection form: what is asked for besides host, port, client ID and secret. Import-free, like `_info`."""

from __future__ import annotations

from typing import Any

__all__ = ["CONNECTION_FIELDS", "FIELD_BEHAVIOUR", "old_behaviour", "old_widgets"]

_TEXT = {"type": ["string", "null"]}
# No default: the form writes what it shows, and what nobody touched must not beat files and the environment.
_BOOLEAN = {"type": ["boolean", "null"], "default": None}

CONNECTION_FIELDS: dict[str, dict[str, Any]] = {
    "insecure": {
        "label": "Insecure",
        "description": "Plaintext instead of TLS. Only for a Flyte on this machine or behind a mesh.",
        "schema": _BOOLEAN,
    },
    "project": {"label": "Project", "description": "Flyte project of tasks that name none.", "schema": _TEXT},
    "domain": {"label": "Domain", "description": "Flyte domain of tasks that name none.", "schema": _TEXT},
    "auth_mode": {
        "label": "Authentication",
        "description": "ClientSecret, DeviceFlow, ExternalCommand, Passthrough, Pkce, Token, or a plugin's name. Empty: what the "
        "other fields and the server call for. Pkce and DeviceFlow need a person.",
        "schema": _TEXT,
    },
    "token": {
        "label": "Access token",
        "description": "Sent with every call, instead of a client ID and secret.",
        "schema": {**_TEXT, "format": "password"},
    },
    "scopes": {"label": "Scopes", "description": "OAuth scopes, separated by commas.", "schema": _TEXT},
    "flyte_version": {
        "label": "Flyte version",
        "description": "1 or 2. Empty: found out at the first call.",
        "schema": _TEXT,
    },
    "transport": {
        "label": "Transport",
        "description": "grpc, or connect for a Flyte 2 behind an ingress that speaks HTTP/1.1 only. Empty: found out.",
        "schema": _TEXT,
    },
    "org": {"label": "Organization", "description": "Of a hosted Flyte. Empty: none.", "schema": _TEXT},
    "console_endpoint": {
        "label": "Console URL",
        "description": "Base URL of Flyte's web console. Empty: derived from the host.",
        "schema": _TEXT,
    },
    "ca_cert_file": {
        "label": "CA certificate file",
        "description": "PEM file, on every worker and triggerer, that replaces the system's root certificates.",
        "schema": _TEXT,
    },
    "insecure_skip_verify": {
        "label": "Skip certificate verification",
        "description": "Trust whatever certificate the server shows.",
        "schema": _BOOLEAN,
    },
    "config_file": {
        "label": "Configuration file",
        "description": "Flyte configuration file (YAML or INI), on every worker and triggerer; this form wins over it.",
        "schema": _TEXT,
    },
    "data_upload_location": {
        "label": "Upload location",
        "description": "Where local files given as inputs go. Empty: through Flyte's signed URLs.",
        "schema": _TEXT,
    },
    "rpc_timeout": {
        "label": "Call timeout (seconds)",
        "description": "How long one call to Flyte may take, its retries included.",
        "schema": {"type": ["number", "null"], "minimum": 1},
    },
    "command": {
        "label": "Token command",
        "description": "ExternalCommand: the program whose output is the access token, with its arguments; on every worker and "
        "triggerer.",
        "schema": {**_TEXT, "format": "password"},
    },
    "client_secret_location": {
        "label": "Client secret file",
        "description": "ClientSecret: the file with the secret, instead of typing it here; on every worker and triggerer.",
        "schema": _TEXT,
    },
    "client_assertion_location": {
        "label": "Client assertion file",
        "description": "ClientSecret without a secret: the file with a signed JWT, a Kubernetes service account's token "
        "for instance.",
        "schema": _TEXT,
    },
    "token_location": {
        "label": "Access token file",
        "description": "Token: the file with the access token; read again when Flyte refuses it.",
        "schema": _TEXT,
    },
    "audience": {"label": "Audience", "description": "OAuth audience. Empty: what Flyte names.", "schema": _TEXT},
    "authorization_header": {
        "label": "Authorization header",
        "description": "Metadata key of the token. Empty: what Flyte names, else authorization.",
        "schema": _TEXT,
    },
    "client_cert_file": {
        "label": "Client certificate file",
        "description": "PEM file for mutual TLS; with the next field.",
        "schema": _TEXT,
    },
    "client_key_file": {"label": "Client key file", "description": "PEM file of its key.", "schema": _TEXT},
    "allowed_projects": {
        "label": "Allowed projects",
        "description": "The only projects that tasks may use with this connection, separated by commas. Empty: any.",
        "schema": _TEXT,
    },
    "allowed_domains": {
        "label": "Allowed domains",
        "description": "The only domains, separated by commas. Empty: any.",
        "schema": _TEXT,
    },
    "allowed_service_accounts": {
        "label": "Allowed service accounts",
        "description": "The only Kubernetes service accounts that runs may have, separated by commas. Empty: any.",
        "schema": _TEXT,
    },
}

FIELD_BEHAVIOUR: dict[str, Any] = {
    "hidden-fields": ["schema"],
    "relabeling": {"login": "Client ID", "password": "Client secret"},
    "placeholders": {"host": "flyte.example.com", "port": "443"},
}


def old_widgets() -> dict[str, Any]:
    """The same fields for Airflow 3.1, which does not read them from the metadata: texts, so that "untouched" stays empty."""
    from flask_appbuilder.fieldwidgets import BS3PasswordFieldWidget, BS3TextFieldWidget  # type: ignore[import-untyped, import-not-found, unused-ignore]
    from wtforms import PasswordField, StringField  # type: ignore[import-untyped, import-not-found, unused-ignore]

    made = {}
    for name, field in CONNECTION_FIELDS.items():
        is_secret = field["schema"].get("format") == "password"
        kind, widget = (PasswordField, BS3PasswordFieldWidget) if is_secret else (StringField, BS3TextFieldWidget)
        made[name] = kind(field["label"], description=field["description"], widget=widget())
    return made


def old_behaviour() -> dict[str, Any]:
    """The same for the fields that every connection has."""
    return {key.replace("-", "_"): value for key, value in FIELD_BEHAVIOUR.items()}
