"""`load_flyte_asset_specs`: what is registered in Flyte, as specs for a code location that must load whatever Flyte does."""

from __future__ import annotations

import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import dagster as dg

from bridge_core import BridgeError, Client, EntityKind, InvalidRequest

from ._catalog import fetch, from_snapshot, from_text, read_state, to_text, write_state
from ._compat import kept_for_this_load
from .translator import FlyteEntityProps, FlyteTranslator

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ._catalog import Selector
    from .resource import FlyteResource

__all__ = ["load_flyte_asset_specs", "specs_of"]

_PATIENCE = 10.0  # seconds for one question: a code location waits for the answer
log = logging.getLogger("dagster_integration")
Split = Literal["run", "output", "node"]
_SPLITS = ("run", "output", "node")


def load_flyte_asset_specs(
    resource: FlyteResource | None = None,
    *,
    selector: Selector | None = None,
    translator: FlyteTranslator | None = None,
    kind: EntityKind | str = EntityKind.LAUNCH_PLAN,
    split: Split = "run",
    project: str | None = None,
    domain: str | None = None,
    state_file: str | Path | None = None,
    snapshot: str | Path | None = None,
) -> list[dg.AssetSpec]:
    """Specs of what is registered in Flyte: to show it in Dagster's catalog, or to give to `build_flyte_assets` (``specs=``).

    Flyte is asked when the code location loads, once; processes of runs and steps load what was found then. A Flyte that cannot
    be asked never keeps the code location from loading: the last state from `state_file` is used, or there are no specs, and a
    warning says so.

    Args:
        resource: Which Flyte. May be left out with a `snapshot`.
        selector: Patterns of names (``["pkg.*", "!pkg.old*"]``), or a function of the `EntityRef`. None: all.
        translator: What they become. None: `FlyteTranslator`.
        kind: ``launch_plan``, ``workflow`` or ``task``.
        split: One asset per ``run``, per ``output`` or per ``node`` of the workflow.
        project: None: the resource's.
        domain: None: the resource's.
        state_file: Where what was found is kept for the next time. None: nowhere.
        snapshot: A file of ``flyte-bridge snapshot`` that is read instead: no network and no login. It is of one project and
            domain, which those of the resource must be, where it has any.

    Raises:
        InvalidRequest: The selector, the kind, `split` or the snapshot cannot be read; or two entities got one key.
    """
    if split not in _SPLITS:
        raise InvalidRequest(f"split: wanted one of {', '.join(map(repr, _SPLITS))}, got {split!r}")
    if snapshot is None and resource is None:
        raise InvalidRequest("load_flyte_asset_specs: wanted a FlyteResource, or snapshot= and a file")
    if snapshot is not None and state_file is not None:
        raise InvalidRequest("load_flyte_asset_specs: a snapshot is read each time; leave out state_file=")
    place = (project or getattr(resource, "project", None), domain or getattr(resource, "domain", None))

    def found() -> Sequence[FlyteEntityProps]:
        if resource is None or snapshot is not None:
            return from_snapshot(snapshot or "", kind, selector, *place)
        return _now(resource, None if state_file is None else Path(state_file), (selector, kind, project, domain))

    source = f"snapshot {snapshot}" if resource is None or snapshot is not None else str(resource.endpoint)
    given = (str(getattr(kind, "value", kind)), str(selector), project or "", domain or "", source)
    text = kept_for_this_load(f"flyte_specs/{'/'.join(given)}", lambda: to_text(found()))
    return specs_of(from_text(text), translator or FlyteTranslator(), split)


def _now(
    resource: FlyteResource, place: Path | None, asked: tuple[Selector | None, EntityKind | str, str | None, str | None]
) -> Sequence[FlyteEntityProps]:
    selector, kind, project, domain = asked
    try:
        config = resource.get_config()
        with Client(replace(config, rpc_timeout=min(config.rpc_timeout, _PATIENCE))) as client:
            found = fetch(client, kind, selector, project, domain)
    except InvalidRequest:
        raise
    except BridgeError as error:
        return _of_last_time(place, error)
    if place is not None:
        write_state(place, found)
    return found


def _of_last_time(place: Path | None, error: BridgeError) -> Sequence[FlyteEntityProps]:
    if place is not None and place.exists():
        log.warning("Flyte cannot be asked for what is registered; using the state in %s: %s", place, error)
        return read_state(place)
    log.warning(
        "Flyte cannot be asked for what is registered, and no state was kept: there are no specs of it: %s", error
    )
    return ()


def specs_of(found: Sequence[FlyteEntityProps], translator: FlyteTranslator, split: Split) -> list[dg.AssetSpec]:
    """The specs of these entities.

    Raises:
        InvalidRequest: Two got one key.
    """
    parts: Callable[[FlyteEntityProps], Iterator[FlyteEntityProps]] = {
        "run": lambda props: iter((props,)),
        "output": FlyteEntityProps.by_output,
        "node": FlyteEntityProps.by_node,
    }[split]
    specs: dict[dg.AssetKey, tuple[dg.AssetSpec, FlyteEntityProps]] = {}
    for props in (part for one in found for part in parts(one)):
        spec = translator.get_asset_spec(props)
        if spec.key in specs:
            raise InvalidRequest(
                f"{props.entity} and {specs[spec.key][1].entity} both became asset {spec.key.to_user_string()!r}; let the "
                "translator's key= tell them apart, or the selector leave one out"
            )
        specs[spec.key] = (spec, props)
    return [spec for spec, _ in specs.values()]
