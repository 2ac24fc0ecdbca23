"""How a run gets its name: the same on every try, legal in Flyte 1 and Flyte 2, chosen before anything is sent."""

from __future__ import annotations

import os
import re

from .arguments import need_text
from .digests import digest_of
from .errors import InvalidRequest
from .public import public

__all__ = ["check_run_name", "is_run_name", "random_run_name", "run_name", "versioned_run_name"]

_DIGEST_CHARS = 18  # 18 base32 characters = 90 bits; api.md asks for at least 80
_NAME_LIMIT = 30  # Flyte 2's limit; Flyte 1 allows 63 (flyteadmin validation/execution_validator.go)
_FLYTE1_LIMIT = 63
_VERSION_CHARS = 10  # so that a name of run_name() without prefix stays one that Flyte 2 takes
_FLYTE1_NAME = re.compile(r"[a-z][a-z0-9-]*")


@public
def run_name(*parts: object, prefix: str = "") -> str:
    """A run name that is the same whenever the parts are the same: the idempotency key of a launch.

    Parts are encoded with their lengths, so ``("etl_", "load")`` and ``("etl", "_load")`` differ. The digest is SHA-256 in
    base32, 90 bits, so that two of a billion names meet with a probability below 1e-9.

    Args:
        *parts: Whatever identifies the launch, as text (``str()`` of each): dag, run, task, map index, epoch, attempt.
        prefix: Starts the name, for people who read lists of runs. At most 12 characters of ``[a-z0-9-]``, beginning with
            a letter other than ``r`` and ``u`` (Flyte 2 keeps those for names it makes).

    Returns:
        At most 30 characters, legal in Flyte 1 and Flyte 2. Starts with ``b`` when there is no prefix.

    Raises:
        InvalidRequest: No parts, or an illegal prefix. A prefix is never cut.

    Example:
        >>> run_name("my_dag", "manual__1", "train", -1, 0)
        'b7tgwsfyori3ybyxhpq'
    """
    if not parts:
        raise InvalidRequest("run_name() needs at least one part: without one, every run would have the same name")
    need_text("run_name: prefix", prefix, "a text")
    room = _NAME_LIMIT - _DIGEST_CHARS
    if prefix and (len(prefix) > room or not _FLYTE1_NAME.fullmatch(prefix) or prefix[0] in "ru"):
        raise InvalidRequest(
            f"run name prefix {prefix!r} is not usable: wanted at most {room} characters of a-z, 0-9 and '-', beginning with a "
            f"letter other than 'r' and 'u' (got {len(prefix)} characters)"
        )
    return (prefix or "b") + digest_of(*parts, chars=_DIGEST_CHARS)


def random_run_name() -> str:
    """A fresh legal name for a launch that was given none: chosen before sending, so that a resend cannot launch twice."""
    return run_name(os.urandom(16).hex())


def versioned_run_name(name: str, version: str) -> str:
    """The name of the run of this version, when what is launched under a name is registered along with the launch.

    Raises:
        InvalidRequest: The name is not legal, or too long.
    """
    if len(check_run_name(name)) + 1 + _VERSION_CHARS > _FLYTE1_LIMIT:
        raise InvalidRequest(
            f"run name {name!r} is too long for a launch that registers: {_VERSION_CHARS} characters of the version are put "
            f"behind it, and Flyte takes {_FLYTE1_LIMIT}; give at most {_FLYTE1_LIMIT - 1 - _VERSION_CHARS}"
        )
    return f"{name}-{digest_of(version, chars=_VERSION_CHARS)}"


def is_run_name(name: object) -> bool:
    """Whether a run of Flyte 1 can have this name."""
    return isinstance(name, str) and len(name) <= _FLYTE1_LIMIT and _FLYTE1_NAME.fullmatch(name) is not None


def check_run_name(name: str) -> str:
    """Returns the name when Flyte takes it.

    Raises:
        InvalidRequest: FlyteAdmin wants ``[a-z][a-z0-9-]*``, at most 63 characters (it checks the lower-cased text, but an
            upper-case name then fails as a Kubernetes object; flyteadmin validation/execution_validator.go).
    """
    if not is_run_name(name):
        raise InvalidRequest(
            f"run name {name!r} is not legal in Flyte: wanted 1 to {_FLYTE1_LIMIT} characters of a-z, 0-9 and '-', beginning "
            f"with a letter (got {len(str(name))} characters). run_name(…) makes legal names from any parts."
        )
    return name
