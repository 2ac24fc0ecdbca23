"""The fsspec file systems of one client: made from its `Config` on first use, shared with nobody.

fsspec keeps a registry and a cache of instances for the whole process, so that the first client's credentials answer for
everybody's. Here every client has instances of its own, and nothing is registered. A forked child makes its own too: the
parent's connections and threads do not survive a fork.
"""

from __future__ import annotations

import importlib
import logging
import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..model.errors import ConfigError, InvalidRequest, NotFound, Unavailable
from .failures import translated
from .paths import local_path, scheme_of

if TYPE_CHECKING:
    from ..config import AzureConfig, Config

__all__ = ["FileSystems"]

_EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs", "abfs": "azure", "abfss": "azure", "az": "azure"}

_CLASSES = dict.fromkeys(("gs", "gcs"), "gcsfs.core.GCSFileSystem")
"""Other than fsspec's. gcsfs 2026 puts a class in front that asks about every bucket through grpc.aio, which survives no fork,
knows no plain endpoint, and waits a minute where it is blocked; JSON over HTTP serves all buckets but zonal ones."""


class FileSystems:
    """Finds the file system for a URI.

    Args:
        config: Endpoints and credentials: `Config.s3`, `Config.gcs`, `Config.azure`.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._made: dict[tuple[str, bool], Any] = {}

    def of(self, uri: str, *, anonymous: bool = False) -> tuple[Any, str]:
        """The file system of a URI, and the path within it.

        Args:
            uri: With a scheme, or a local path.
            anonymous: Without credentials. Only ever on request.

        Raises:
            ConfigError: The library for this scheme is not installed, or refuses its settings.
            InvalidRequest: No such scheme, or one that is not an object's address.
        """
        scheme = scheme_of(uri)
        if "\0" in uri:
            raise InvalidRequest(f"{uri!r} holds a NUL, which no object's name may")
        if scheme == "flyte":
            raise InvalidRequest(
                f"{uri} names a place to upload to, and nothing can be read there; use the URI it was given"
            )
        system = self.by_scheme(scheme, anonymous=anonymous)
        if scheme == "file":
            return system, str(local_path(uri).absolute())
        lower = f"{scheme}://{uri.partition('://')[2]}"  # fsspec knows no S3://
        return system, str(system._strip_protocol(lower))  # noqa: SLF001  # fsspec's API for implementers

    def by_scheme(self, scheme: str, *, anonymous: bool = False) -> Any:
        """The file system of a scheme; see `of`."""
        if self._pid != os.getpid():
            self._lock, self._pid, self._made = threading.Lock(), os.getpid(), {}
        with self._lock:
            key = (scheme, anonymous)
            if key not in self._made:
                self._made[key] = self._make(scheme, anonymous=anonymous)
            return self._made[key]

    def asynchronous(self, uri: str, *, anonymous: bool = False) -> Any:
        """One for an event loop, where fsspec has such for the scheme; made anew, because it belongs to one loop."""
        from fsspec.asyn import AsyncFileSystem

        system, _ = self.of(uri, anonymous=anonymous)
        if not isinstance(system, AsyncFileSystem):
            return system
        return self._make(scheme_of(uri), anonymous=anonymous, asynchronous=True)

    def _make(self, scheme: str, *, anonymous: bool, **more: Any) -> Any:
        _revive()
        try:
            kind = _class_of(scheme)
        except ImportError as error:
            extra = _EXTRAS.get(scheme)
            way = f"pip install 'flyte-bridge[{extra}]'" if extra else str(error)
            raise ConfigError(f"{scheme}:// needs a library that is not installed: {way}") from None
        if kind is None:
            raise InvalidRequest(
                f"{scheme}:// is no scheme that fsspec knows; known are file, s3, gs, abfs, http and others"
            )
        try:
            with translated(f"{scheme}://"):
                return kind(skip_instance_cache=True, **self.options(scheme, anonymous=anonymous), **more)
        except (InvalidRequest, NotFound, Unavailable) as error:
            part = f". Its settings are Config.{_EXTRAS[scheme]}" if scheme in _EXTRAS else ""
            raise ConfigError(f"no file system can be made for {error.message}{part}") from None

    def options(self, scheme: str, *, anonymous: bool = False) -> dict[str, Any]:
        """What the file system of a scheme is made with: the settings of flytekit's data_persistence."""
        if scheme == "file":
            return {"auto_mkdir": True}
        make = {"s3": _s3, "gcs": _gcs, "azure": _azure}.get(_EXTRAS.get(scheme, ""))
        # Listings are remembered for good by default: others write too, and a stale size cuts what is read.
        return {"use_listings_cache": False, **make(self._config, anonymous=anonymous)} if make else {}


def _revive() -> None:
    """Lets fsspec start a thread of its own in a forked child; before 2024.9 it went on waiting for the parent's."""
    from fsspec import asyn

    thread = asyn.iothread[0]
    if thread is not None and not thread.is_alive():
        asyn.reset_lock()


def _class_of(scheme: str) -> Any:
    """Fsspec's own implementation where it has one, even if somebody registered another for the whole process."""
    from fsspec.registry import known_implementations, registry

    known = known_implementations.get(scheme)
    if known is None:
        return registry.get(scheme)
    module, _, name = str(_CLASSES.get(scheme, known["class"])).rpartition(".")
    return getattr(importlib.import_module(module), name)


def _s3(config: Config, *, anonymous: bool) -> dict[str, Any]:
    s3 = config.s3
    options: dict[str, Any] = {"config_kwargs": {"retries": {"max_attempts": s3.retries, "mode": "standard"}}}
    if s3.addressing_style:
        options["config_kwargs"]["s3"] = {"addressing_style": s3.addressing_style}
    if s3.endpoint:
        options["client_kwargs"] = {"endpoint_url": s3.endpoint}
        options["config_kwargs"].update(_without_new_checksums())
    if s3.enable_debug:
        logging.getLogger("s3fs").setLevel(logging.DEBUG)
    if anonymous:
        return {**options, "anon": True}
    if s3.access_key_id:
        options["key"] = s3.access_key_id
    if s3.secret_access_key:
        options["secret"] = s3.secret_access_key.reveal()
    return options


def _without_new_checksums() -> dict[str, str]:
    """Botocore 1.36 sends and expects CRC checksums that stores other than AWS get wrong (for ranges, say)."""
    try:
        boto = importlib.import_module("botocore.config").Config
    except ImportError:
        return {}
    names = ("request_checksum_calculation", "response_checksum_validation")
    return {name: "when_required" for name in names if name in getattr(boto, "OPTION_DEFAULTS", {})}


def _gcs(config: Config, *, anonymous: bool) -> dict[str, Any]:
    """With Google's own search for credentials named: left to itself, gcsfs goes on without any where it finds none."""
    gcs = config.gcs
    options = {"endpoint_url": gcs.endpoint.rstrip("/")} if gcs.endpoint else {}
    if anonymous or (gcs.endpoint or "").startswith("http://"):
        return {**options, "token": "anon"}
    if not gcs.credentials:
        return {**options, "token": "google_default"}
    file = Path(gcs.credentials).expanduser()
    if not file.is_file():  # gcsfs would take it for a token, and send it
        raise ConfigError(f"gcs.credentials (from {config.origin('gcs.credentials')}) names no file that is here")
    return {**options, "token": str(file)}


def _azure(config: Config, *, anonymous: bool) -> dict[str, Any]:
    azure = config.azure
    options: dict[str, Any] = {"anon": anonymous}
    if azure.storage_account_name:
        options["account_name"] = azure.storage_account_name
    if azure.endpoint:
        options.update(_azure_at(azure, azure.endpoint.rstrip("/"), anonymous=anonymous))
    if anonymous:
        return options
    options.update({name: given for name in ("tenant_id", "client_id") if (given := getattr(azure, name))})
    for name, secret in (("account_key", azure.storage_account_key), ("client_secret", azure.client_secret)):
        if secret:
            options[name] = secret.reveal()
    return options


def _azure_at(azure: AzureConfig, endpoint: str, *, anonymous: bool) -> dict[str, Any]:
    """To adlfs, which has no argument for an endpoint: a host, which it reaches by https only, or a connection string."""
    if not anonymous and not azure.storage_account_key:
        host = endpoint.removeprefix("https://")
        if "://" in host:
            raise ConfigError(
                f"azure.endpoint {endpoint} is not https, and Azure takes tokens by https only; give azure.storage_account_key"
            )
        return {"account_host": host}
    parts = [f"BlobEndpoint={endpoint if '://' in endpoint else f'https://{endpoint}'}"]
    if not anonymous:
        parts += [f"AccountName={azure.storage_account_name or ''}", f"AccountKey={azure.storage_account_key.reveal()}"]
    return {"connection_string": ";".join(parts)}
