"""The code archive: the files that an interpreter named, as one ``.tar.gz`` whose bytes depend on nothing but them.

Times, owners and the compressor's own header are fixed, paths are relative, files are sorted. Symbolic links inside the tree are
followed once; what leads out of it is refused by name.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import tarfile
from collections.abc import Sequence
from pathlib import Path

from ..model.errors import InvalidRequest
from .source import Code

__all__ = ["bundle"]

_TIME = 315532800  # 1 January 1980, what flytekit writes (tools/script_mode.py)


def bundle(root: Path, files: Sequence[str]) -> Code:
    """Reads and packs them.

    Args:
        root: The source root.
        files: Paths relative to it.

    Raises:
        InvalidRequest: A file is outside the root, a broken link, or cannot be read.
    """
    real = root.resolve()
    content = hashlib.sha256()
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for name in sorted(set(files)):
            path = root / name
            try:
                target = path.resolve(strict=True)
                if ".." in Path(name).parts or not target.is_relative_to(real):
                    raise InvalidRequest(
                        f"{path} leads out of the source root {root}, to {target}; copy it into the tree, list it in "
                        ".flyteignore, or choose a source_root= that holds both"
                    )
                data, mode = target.read_bytes(), target.stat().st_mode
            except OSError as error:
                raise InvalidRequest(f"{path} cannot be read: {error.strerror or error}") from None
            member = tarfile.TarInfo(Path(name).as_posix())
            member.size, member.mtime = len(data), _TIME
            member.mode = 0o755 if mode & 0o100 else 0o644
            archive.addfile(member, io.BytesIO(data))
            content.update(b"%d:%s%d:" % (len(member.name.encode()), member.name.encode(), len(data)))
            content.update(data + (b"x" if mode & 0o100 else b"-"))
    compressed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=compressed, mtime=0) as writer:
        writer.write(packed.getvalue())
    return Code(f"fast{content.hexdigest()[:32]}.tar.gz", compressed.getvalue())
