"""What the Flyte at an endpoint can do: asked once, so that callers decide before they ask for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from .public import public

__all__ = ["FLYTE1", "FLYTE2_REFUSES", "Capabilities"]


@public
@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What this Flyte, reached so, offers. What it does not is refused with `Unsupported`, never silently left out."""

    flyte_version: int
    """1 or 2."""
    transport: str
    """``grpc`` or ``connect``."""
    entities: tuple[str, ...]
    """Kinds of entities that can be launched."""
    recover: bool
    """Whether `Client.recover` keeps what succeeded."""
    archive: bool
    """Whether runs can be hidden from lists."""
    log_text: bool
    """Whether `Client.tail_logs` gives the text of logs, and not only links to them."""
    signs_any_download: bool
    """Whether Flyte signs a URL for any object of its store; else files are read from the store itself."""
    finds_by_label: bool
    """Whether lists of runs can be narrowed by labels."""
    versions_are_final: bool
    """Whether a registered version keeps its content; False: registering it again replaces it."""
    names_unique_everywhere: bool
    """Whether two runs in different projects or domains must not have one name."""
    ignored_options: tuple[str, ...] = ()
    """`RunOptions` that are sent and that the open-source backend stores without acting on them; warned about once."""
    refused_options: tuple[str, ...] = ()
    """`RunOptions` that raise `Unsupported`."""


FLYTE1 = Capabilities(
    flyte_version=1,
    transport="grpc",
    entities=("launch_plan", "workflow", "task"),
    recover=True,
    archive=True,
    log_text=False,
    signs_any_download=True,
    finds_by_label=True,
    versions_are_final=True,
    names_unique_everywhere=False,
    refused_options=(
        "queue",
        "custom_context",
        "cache_lookup_scope",
        "run_base_dir",
        "reset_root_logger",
        "max_queued_time",
    ),
)

FLYTE2_REFUSES: Mapping[str, str] = {
    "tags": "Flyte 2 has no tags; use labels",
    "notifications": "its notification rules are not FlyteAdmin's; set them up in Flyte 2 itself",
    "disable_notifications": "Flyte 2 has no such switch",
    "execution_cluster_label": "Flyte 2 has no such labels; use queue or cluster_pool",
}
"""`RunOptions` that Flyte 2 has no field for, and why."""
