"""Which assets and checks one Flyte run makes, and what becomes of each when the run succeeded.

A run is one piece of work for Flyte: choosing some of its assets runs it whole, and reports those that were chosen.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import dagster as dg

from bridge_core import InvalidRequest, RunOutputs

from .results import materialize_result, output_metadata

if TYPE_CHECKING:
    from ._step import Outcome
    from .results import Shown

__all__ = ["NODE", "OUTPUT", "Made", "Piece", "passed_of", "pieces_of", "results"]

OUTPUT, NODE = "flyte/output", "flyte/node"
"""Keys of an asset's metadata that say which part of the run it is."""
Made = str | Sequence[str] | dg.AssetKey | dg.AssetSpec | dg.AssetCheckSpec
"""What an output may become."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One asset or check of a run.

    Attributes:
        spec: What Dagster knows of it.
        output: Name of the output it is; None: the whole run, or all outputs of the node.
        node: Of the run, whose outputs it is; None: of the run itself.
    """

    spec: dg.AssetSpec | dg.AssetCheckSpec
    output: str | None = None
    node: str | None = None


def pieces_of(
    outputs: Mapping[str, Made] | None, specs: Sequence[dg.AssetSpec | dg.AssetCheckSpec] | None, where: str
) -> tuple[Piece, ...]:
    """The pieces that an author declared; empty when the run is one asset.

    Args:
        outputs: Output name -> key, `AssetSpec` or `AssetCheckSpec`.
        specs: Specs whose metadata may name ``flyte/output`` or ``flyte/node``.
        where: For messages.

    Raises:
        InvalidRequest: Nothing was declared, both ways were used, or something is neither an asset nor a check.
    """
    if outputs is None and specs is None:
        return ()
    if outputs is not None and specs is not None:
        raise InvalidRequest(f"{where}: give outputs= or specs=, not both")
    found: list[Piece] = []
    for output, made in (outputs or {}).items():
        spec = _spec_of(made)
        found.append(Piece(spec=spec, output=output, node=_of(spec, NODE)))
    for spec in specs or ():
        if not isinstance(spec, dg.AssetSpec | dg.AssetCheckSpec):
            raise InvalidRequest(f"{where}: specs must be AssetSpecs and AssetCheckSpecs, got {type(spec).__name__}")
        found.append(Piece(spec=spec, output=_of(spec, OUTPUT), node=_of(spec, NODE)))
    if not any(isinstance(piece.spec, dg.AssetSpec) for piece in found):
        raise InvalidRequest(f"{where}: at least one asset must come of the run")
    for piece in found:
        if isinstance(piece.spec, dg.AssetCheckSpec) and piece.output is None:
            raise InvalidRequest(
                f"{where}: check {piece.spec.name!r} must name its output: {OUTPUT!r} in its metadata, or outputs="
            )
    return tuple(found)


def _spec_of(made: Made) -> dg.AssetSpec | dg.AssetCheckSpec:
    if isinstance(made, dg.AssetSpec | dg.AssetCheckSpec):
        return made
    return dg.AssetSpec(dg.AssetKey.from_coercible(made))


def _of(spec: dg.AssetSpec | dg.AssetCheckSpec, key: str) -> str | None:
    value = (spec.metadata or {}).get(key)
    value = value.value if isinstance(value, dg.MetadataValue) else value
    return str(value) if value else None


def results(
    context: dg.AssetExecutionContext, pieces: Sequence[Piece], outcome: Outcome, shown: Shown
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """One result for each piece that was chosen: checks last, so that a failing one finds its asset there.

    Raises:
        Failure: The run has no such output, or the output of a check does not say whether it passed.
    """
    assets, checks = context.selected_asset_keys, context.selected_asset_check_keys
    for piece in sorted(pieces, key=lambda one: isinstance(one.spec, dg.AssetCheckSpec)):
        key = piece.spec.key
        if key not in (checks if isinstance(piece.spec, dg.AssetCheckSpec) else assets):
            continue
        values: Mapping[str, Any] = (outcome.of_nodes[piece.node] if piece.node else outcome.outputs) or {}
        if piece.output is not None:
            if piece.output not in values:
                part = f"node {piece.node!r} of run" if piece.node else "run"
                raise dg.Failure(
                    f"{part} {outcome.snapshot.ref} has no output {piece.output!r}, which {key.to_user_string()!r} is made of; "
                    f"it has {', '.join(values) or 'none'}",
                    allow_retries=False,
                )
            values = _only(piece.output, values)
        yield (
            _check(piece, values)
            if isinstance(piece.spec, dg.AssetCheckSpec)
            else _asset(piece, values, outcome, shown)
        )


def _only(name: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(values, RunOutputs):
        return {name: values[name]}
    found = values.hash(name)
    return RunOutputs({name: values[name]}, hashes={name: found} if found else None)


def _asset(piece: Piece, values: Mapping[str, Any], outcome: Outcome, shown: Shown) -> dg.MaterializeResult[Any]:
    found = materialize_result(outcome.snapshot, values, differing=outcome.differing, shown=shown)
    metadata = dict(found.metadata or {})
    if piece.output is not None:
        metadata[OUTPUT] = dg.MetadataValue.text(piece.output)
    if piece.node is not None:
        metadata[NODE] = dg.MetadataValue.text(piece.node)
    assert isinstance(piece.spec, dg.AssetSpec)
    return dg.MaterializeResult(asset_key=piece.spec.key, metadata=metadata, data_version=found.data_version)


def _check(piece: Piece, values: Mapping[str, Any]) -> dg.AssetCheckResult:
    assert isinstance(piece.spec, dg.AssetCheckSpec)
    passed, more = passed_of(piece, values)
    return dg.AssetCheckResult(
        asset_key=piece.spec.asset_key, check_name=piece.spec.name, passed=passed, metadata=output_metadata(more)
    )


def passed_of(piece: Piece, values: Mapping[str, Any]) -> tuple[bool, dict[str, Any]]:
    """Whether a check passed, and what else is said about it: of a boolean, or a structure with a boolean ``passed``.

    Raises:
        Failure: The output says neither yes nor no.
    """
    value = values[piece.output or ""]
    more = {str(name): item for name, item in value.items() if name != "passed"} if isinstance(value, Mapping) else {}
    passed = value.get("passed") if isinstance(value, Mapping) else value
    if not isinstance(passed, bool):
        called = piece.spec.name if isinstance(piece.spec, dg.AssetCheckSpec) else piece.spec.key.to_user_string()
        raise dg.Failure(
            f"output {piece.output!r} decides check {called!r}, and must be a boolean or a structure with a boolean "
            f"'passed'; it is {type(value).__name__}",
            allow_retries=False,
        )
    return passed, more
