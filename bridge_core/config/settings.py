"""From flat settings (``auth.client_id`` -> value) to frozen parts and back: the half of `Config` that knows no source."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any

from ..model.errors import ConfigError
from ..model.masking import Hidden
from .auth import CLIENT_SECRET
from .secret import Secret
from .sources import Found

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "above_all", "build", "changed", "export", "flatten", "layered", "leaves", "short_repr", "with_forced_mode",
]  # fmt: skip

_ALIASES = {
    "auth_mode": "auth.mode",
    "client_id": "auth.client_id",
    "client_credentials_secret": "auth.client_secret",
    "scopes": "auth.scopes",
    "audience": "auth.audience",
    "command": "auth.command",
    "proxy_command": "auth.proxy_command",
    "http_proxy_url": "auth.http_proxy_url",
    "ca_cert_file_path": "ca_cert_file",
    "rpc_retries": "retry.retries",
}
"""Names that flytekit's PlatformConfig has for settings of ours; understood at the top level."""

_INSTEAD = {"auth.http_proxy_url": "set HTTPS_PROXY where the copy is used instead"}
_FORCING = tuple(
    f"auth.{kind}.{place}" for kind in ("client_secret", "client_assertion") for place in ("location", "env_var")
)


def parts_of(cls: type) -> dict[str, type]:
    """Fields that are parts of their own."""
    return getattr(cls, "PARTS", {})


def flatten(cls: type, values: Mapping[str, Any], origin: str, above: str = "") -> dict[str, Found]:
    """Flat settings of nested ones. None means "not given"; a part given as an object stays one.

    Raises:
        ConfigError: An unknown name; the message names the nearest known one.
    """
    known, parts, out = {item.name for item in fields(cls) if item.name != "origins"}, parts_of(cls), {}
    for given, value in values.items():
        name, _, below = (given if above else _ALIASES.get(given, given)).partition(".")
        if name not in known:
            raise ConfigError(f"unknown setting {above + given!r}{_did_you_mean(given, known)}")
        if value is None:
            continue
        if below or (name in parts and isinstance(value, Mapping)):
            if name not in parts:
                raise ConfigError(f"unknown setting {above + given!r}: {above}{name} has no parts")
            out.update(flatten(parts[name], {below: value} if below else value, origin, f"{above}{name}."))
        elif name in parts and parts[name] is Secret and isinstance(value, str):
            out[f"{above}{name}.value"] = Found(value, origin)
        else:
            out[f"{above}{name}"] = Found(value, origin)
    return out


def layered(*layers: Mapping[str, Found]) -> dict[str, Found]:
    """Later layers win, per setting. A part that is given whole hides what earlier layers say about its settings."""
    out: dict[str, Found] = {}
    for layer in layers:
        for name, found in layer.items():
            for other in [item for item in out if item.startswith(f"{name}.")]:
                del out[other]
            out[name] = found
    return out


def build(cls: type, settings: Mapping[str, Found], above: str = "") -> Any:
    """An instance of ``cls`` with these settings, and defaults elsewhere."""
    values: dict[str, Any] = {}
    for name, part in parts_of(cls).items():
        prefix = f"{above}{name}"
        below = {key: found for key, found in settings.items() if key.startswith(f"{prefix}.")}
        whole = settings.get(prefix)
        if whole is not None:
            if not isinstance(whole.value, part):
                raise ConfigError(f"{prefix} must be a {part.__name__} or a mapping, got {type(whole.value).__name__}")
            values[name] = whole.value
        if below:  # a setting of a later layer than the whole part
            made = build(part, below, f"{prefix}.")
            named = {key.removeprefix(f"{prefix}.").partition(".")[0] for key in below}
            values[name] = (
                replace(whole.value, **{key: getattr(made, key) for key in named}) if whole is not None else made
            )
    for key, found in settings.items():
        name = key.removeprefix(above)
        if "." not in name and key.startswith(above) and name not in values:
            values[name] = found.value
    try:
        return cls(**values)
    except TypeError as error:  # an origin that checked no names: a part was given something its constructor refuses
        raise ConfigError(f"{above.rstrip('.') or 'config'}: {error}") from None


def changed(value: Any, changes: Mapping[str, Any]) -> Any:
    """A copy with these fields changed; parts may be given as mappings of what changes in them."""
    parts = parts_of(type(value))
    return replace(
        value,
        **{
            name: changed(getattr(value, name), change) if name in parts and isinstance(change, Mapping) else change
            for name, change in changes.items()
        },
    )


def export(value: Any, above: str = "") -> dict[str, Any]:
    """Plain JSON of every setting that differs from its default.

    Raises:
        ConfigError: A secret is given by value.
    """
    out: dict[str, Any] = {}
    for item in fields(value):
        setting, default = getattr(value, item.name), default_of(item)
        if item.name == "origins" or setting == default:
            continue
        if isinstance(setting, Secret):
            out[item.name] = setting.to_mapping(above + item.name)
        elif item.name in parts_of(type(value)):
            out[item.name] = export(setting, f"{above}{item.name}.")
        elif isinstance(setting, Hidden):
            raise ConfigError(
                f"{above}{item.name} holds a user and a password, and secrets are exported by reference only; "
                f"{_INSTEAD.get(above + item.name, 'set it where the copy is used')}"
            )
        elif isinstance(setting, tuple):
            out[item.name] = [list(one) if isinstance(one, tuple) else _plain(one) for one in setting]
        else:
            out[item.name] = setting
    return out


def _plain(item: Any) -> Any:
    return str(item) if isinstance(item, str) else item


def leaves(value: Any, above: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting with its dotted name; a `Secret` is one setting."""
    for item in fields(value):
        setting = getattr(value, item.name)
        if item.name == "origins":
            continue
        if is_dataclass(setting) and not isinstance(setting, Secret):
            yield from leaves(setting, f"{above}{item.name}.")
        else:
            yield f"{above}{item.name}", setting


def short_repr(value: Any) -> str:
    """``Config(endpoint='…')``: what differs from the defaults, without what is never shown."""
    shown = [
        f"{item.name}={getattr(value, item.name)!r}"
        for item in fields(value)
        if item.repr and getattr(value, item.name) != default_of(item)
    ]
    return f"{type(value).__name__}({', '.join(shown)})"


def default_of(item: Any) -> Any:
    """The default of one field."""
    return item.default_factory() if item.default_factory is not MISSING else item.default


def with_forced_mode(settings: Mapping[str, Found]) -> dict[str, Found]:
    """A client secret by reference forces ClientSecret over what files and environment say (flytekit PlatformConfig.auto)."""
    out = dict(settings)
    forced = next((out[name] for name in _FORCING if name in out), None)
    mode = out.get("auth.mode")
    if forced is not None and not (mode is not None and mode.origin in {"argument", "mapping"}):
        out["auth.mode"] = Found(CLIENT_SECRET, f"forced by {forced.origin}")
    return out


def above_all(setting: str) -> list[str]:
    """The parts that a dotted name is in, the nearest first."""
    parts = setting.split(".")
    return [".".join(parts[:length]) for length in range(len(parts) - 1, 0, -1)]


def _did_you_mean(name: str, known: set[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, sorted(known), n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(sorted(known))}"
