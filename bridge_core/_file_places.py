"""Names of places, remote and local, and their file systems: what both kinds of `FileAccess` share."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from .model.arguments import flags, paths, texts, wrong

if TYPE_CHECKING:
    from ._operations.files import FileOperations
    from .config import Config

__all__ = ["FilePlaces"]


class FilePlaces:
    """Names of places, remote and local: pure, but for the local folder, which is made when one is asked for."""

    def __init__(self, operations: FileOperations, config: Config) -> None:
        self._ops = operations
        self.config = config
        self._lock = threading.Lock()
        self._folder: Path | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.raw_output_prefix!r})"

    @property
    def raw_output_prefix(self) -> str:
        """`Config.data_upload_location`, with a ``/`` at the end."""
        return self._ops.raw_prefix

    @property
    def local_sandbox_dir(self) -> Path:
        """Folder of the random local paths: `Config.local.sandbox_path`, or a temporary one. Never cleaned by us."""
        from .storage.scratch import make_folder, no_room

        with self._lock:
            if self._folder is None:
                given = self.config.local.sandbox_path
                folder = Path(given).expanduser() if given else make_folder()
                try:
                    folder.mkdir(parents=True, exist_ok=True)
                except OSError as error:
                    raise no_room(folder, error) from None
                self._folder = folder
            return self._folder

    @property
    def data_config(self) -> Config:
        """The settings of the stores: `Config.s3`, `Config.gcs`, `Config.azure`."""
        return self.config

    @property
    def raw_output_fs(self) -> Any:
        """The fsspec file system of the raw output prefix, unless that is ``flyte://…``, which has none."""
        return self.get_filesystem_for_path()

    @property
    def local_access(self) -> Any:
        """The fsspec file system of this machine."""
        return self.get_filesystem("file")

    def using(self, **settings: Any) -> Self:
        """The same with other settings, for as long as somebody keeps it: ``files.using(s3={"endpoint": …}).put_data(…)``.

        Args:
            **settings: Fields of `Config` (``s3``, ``gcs``, ``azure``, ``local``, ``data_upload_location``, …); a mapping changes
                what it names, as in `Config.replace`.
        """
        config = self.config.replace(**settings)
        return type(self)(self._ops.using(config), config)

    def get_filesystem(self, protocol: str | None = None, anonymous: bool = False, path: str | None = None) -> Any:
        """The fsspec file system for a scheme, with this client's settings.

        Args:
            protocol: None: that of `path`, else of the raw output prefix.
            anonymous: Without credentials.
            path: Where the scheme is taken from without a `protocol`.
        """
        from .storage.paths import scheme_of

        texts(protocol=protocol)
        flags(anonymous=anonymous)
        if path is not None:
            paths(path=path)
        scheme = protocol or scheme_of(path or self.raw_output_prefix)
        return self._ops.store.systems.by_scheme(scheme, anonymous=anonymous)

    def get_filesystem_for_path(self, path: str = "", anonymous: bool = False) -> Any:
        """The fsspec file system for a path or URI; empty: for the raw output prefix."""
        flags(anonymous=anonymous)
        if path != "":
            paths(path=path)
        return self._ops.store.systems.of(path or self.raw_output_prefix, anonymous=anonymous)[0]

    def get_async_filesystem_for_path(self, path: str = "", anonymous: bool = False) -> Any:
        """The same for code on an event loop: fsspec's methods with an underscore are awaited there (``await fs._cat(path)``).

        A new one at every call, because it belongs to the loop that uses it first. Stores that fsspec knows no asynchronous
        way for, local files among them, give the ordinary file system.
        """
        flags(anonymous=anonymous)
        if path != "":
            paths(path=path)
        return self._ops.store.systems.asynchronous(path or self.raw_output_prefix, anonymous=anonymous)

    @staticmethod
    def is_remote(path: str | os.PathLike[str]) -> bool:
        """Whether it has a scheme other than ``file``."""
        from .storage.paths import is_remote

        paths(path=path)
        return is_remote(path)

    @staticmethod
    def strip_file_header(path: str, trim_trailing_sep: bool = False) -> str:
        """Without a leading ``file://``, and without ``/`` at the end when asked."""
        paths(path=path)
        flags(trim_trailing_sep=trim_trailing_sep)
        bare = os.fspath(path).removeprefix("file://")
        return bare.rstrip("/") or bare[:1] if trim_trailing_sep else bare

    @staticmethod
    def get_file_tail(file_path_or_file_name: str) -> str:
        """The last component of a path. For the end of an object see `read_tail`."""
        from .storage.paths import leaf

        paths(file_path_or_file_name=file_path_or_file_name)
        return leaf(file_path_or_file_name)

    @staticmethod
    def recursive_paths(f: str, t: str) -> tuple[str, str]:
        """Both with a ``/`` at the end: what fsspec wants when it copies a folder into another."""
        paths(f=f, t=t)
        return tuple(os.path.join(item, "") for item in (f, t))  # type: ignore[return-value]  # noqa: PTH118

    @staticmethod
    def sep(file_system: Any = None) -> str:
        """What separates the parts of a path: of this machine, or of an fsspec file system."""
        if file_system is None or "file" in _protocols(file_system):
            return os.sep
        return str(getattr(file_system, "sep", "/"))

    @staticmethod
    def get_random_string() -> str:
        """32 hexadecimal digits."""
        from .storage.paths import random_name

        return random_name()

    def join(self, *args: str, unstrip: bool = False, fs: Any = None) -> str:
        """The parts below the first.

        Args:
            *args: A base, and what goes below it.
            unstrip: With the scheme of the file system before it.
            fs: Whose separator and scheme; None: those of URIs, and of the raw output prefix.
        """
        from .storage.paths import join

        flags(unstrip=unstrip)
        for item in args:
            if item != "":
                paths(path=item)
        if not args:
            return ""
        base, *parts = (os.fspath(item) for item in args)
        joined = join(base, *parts) if fs is None else self.sep(fs).join([base.rstrip(self.sep(fs)) or base, *parts])
        return str((fs or self.raw_output_fs).unstrip_protocol(joined)) if unstrip else joined

    def generate_new_custom_path(self, fs: Any = None, alt: str | None = None, stem: str | None = None) -> str:
        """A place below the raw output prefix, `alt` for the bucket, `stem` for the random name.

        A last segment of `Config.data_upload_location` is dropped unless a ``/`` follows it, as in relative URLs.

        Args:
            fs: Of no effect: the prefix says which store it is.
            alt: Instead of the bucket.
            stem: Instead of a random name.

        Example:
            With ``s3://b/default-prefix-part/``, ``alt="my-alt-bucket", stem="my-stem"`` gives
            ``s3://my-alt-bucket/default-prefix-part/my-stem``.
        """
        from .storage.paths import custom_path

        if isinstance(fs, str):
            raise wrong("generate_new_custom_path: fs", "a file system; alt= and stem= are texts", fs)
        texts(alt=alt, stem=stem)
        return custom_path(self.config.data_upload_location, alt, stem)

    def get_random_remote_path(self, file_path_or_file_name: str | None = None) -> str:
        """A new name below the raw output prefix; given a file name, a new folder for it."""
        tail = (self.get_file_tail(file_path_or_file_name),) if file_path_or_file_name else ()
        return self.join(self.raw_output_prefix, self.get_random_string(), *tail)

    def get_random_remote_directory(self) -> str:
        """A new name below the raw output prefix."""
        return self.get_random_remote_path()

    def get_random_local_path(self, file_path_or_file_name: str | None = None) -> Path:
        """A new name below `local_sandbox_dir`; given a file name, in a new folder. Neither is made."""
        tail = (self.get_file_tail(file_path_or_file_name),) if file_path_or_file_name else ()
        return self.local_sandbox_dir.joinpath(self.get_random_string(), *tail)

    def get_random_local_directory(self) -> Path:
        """A new folder below `local_sandbox_dir`, made."""
        folder = self.get_random_local_path()
        folder.mkdir(parents=True)
        return folder


def _protocols(file_system: Any) -> tuple[str, ...]:
    found = getattr(file_system, "protocol", ())
    return (found,) if isinstance(found, str) else tuple(found) if isinstance(found, list | tuple) else ()
