"""What a registered workflow becomes in Dagster: `FlyteTranslator` turns what Flyte says about it into an `AssetSpec`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import dagster as dg

from bridge_core import Entity, EntityRef, InputSpec

from ._pieces import NODE, OUTPUT

__all__ = ["FlyteEntityProps", "FlyteTranslator"]

_JSON = (str, int, float, bool, type(None))
_KNOWN = frozenset(item.name for item in fields(InputSpec))


@dataclass(frozen=True, slots=True, kw_only=True)
class FlyteEntityProps:
    """What Flyte says about an entity, or about the part of it that an asset is: plain data, so that it can be kept.

    Attributes:
        entity: Which, with project and domain, without version.
        version: Newest (for launch plans: active, if there is one) when it was asked for.
        description: What its author wrote.
        inputs: What it takes.
        outputs: What it gives: name -> type in words.
        nodes: Of the workflow: id -> the author's name.
        edges: (node, node that waits for it).
        output: The output that the asset is; empty for a whole run or node.
        node: The node that the asset is; empty for the run.
    """

    entity: EntityRef
    version: str = ""
    description: str = ""
    inputs: Mapping[str, InputSpec] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    nodes: Mapping[str, str] = field(default_factory=dict)
    edges: tuple[tuple[str, str], ...] = ()
    output: str = ""
    node: str = ""

    @property
    def name(self) -> str:
        """``pkg.train``."""
        return self.entity.name

    @property
    def project(self) -> str:
        """Where it is registered."""
        return self.entity.project or ""

    @property
    def domain(self) -> str:
        """Where it is registered."""
        return self.entity.domain or ""

    @classmethod
    def of(cls, found: Entity) -> Self:
        """From what the client says."""
        graph = found.graph
        return cls(
            entity=replace(found.ref, version=None),
            version=found.ref.version or "",
            description=found.description,
            inputs={
                name: _plain(found.inputs[name]) for name in sorted(found.inputs)
            },  # maps of the wire have no order
            outputs={name: found.outputs[name] for name in sorted(found.outputs)},
            nodes={node.id: node.name for node in graph.nodes} if graph else {},
            edges=graph.edges if graph else (),
        )

    def by_output(self) -> Iterator[Self]:
        """One for each output; the whole run when there is none."""
        yield from (replace(self, output=name) for name in self.outputs)
        if not self.outputs:
            yield self

    def by_node(self) -> Iterator[Self]:
        """One for each node; the whole run when there is none."""
        yield from (replace(self, node=node) for node in self.nodes)
        if not self.nodes:
            yield self

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        inputs = {
            name: {
                "type": spec.type,
                "required": spec.required,
                "default": spec.default,
                "description": spec.description,
            }
            for name, spec in self.inputs.items()
        }
        return {
            "entity": str(self.entity),
            "version": self.version,
            "description": self.description,
            "inputs": inputs,
            "outputs": dict(self.outputs),
            "nodes": dict(self.nodes),
            "edges": [list(edge) for edge in self.edges],
        }

    @classmethod
    def from_dict(cls, told: Mapping[str, Any]) -> Self:
        """Reads `to_dict`, of another release too: what this one does not know of an input is left out."""
        return cls(
            entity=EntityRef.parse(told["entity"]),
            version=told["version"],
            description=told["description"],
            inputs={
                name: InputSpec(**{key: value for key, value in spec.items() if key in _KNOWN})
                for name, spec in told["inputs"].items()
            },
            outputs=told["outputs"],
            nodes=told["nodes"],
            edges=tuple((before, after) for before, after in told["edges"]),
        )


def _plain(spec: InputSpec) -> InputSpec:
    """Defaults that are no plain JSON are Flyte's to know."""
    plain = isinstance(spec.default, _JSON) or (
        isinstance(spec.default, list) and all(isinstance(item, _JSON) for item in spec.default)
    )
    return spec if plain else replace(spec, default=None)


Said = Callable[[FlyteEntityProps], Any] | Any
"""A value for all, or a function of the properties that gives it."""


class FlyteTranslator:
    """Makes specs of what Flyte says. Give functions (or values) for single aspects, or override `get_asset_spec`.

    Args:
        key: Of the asset. Left out: the parts of the entity's name, then of the node and the output.
        group_name: Left out: none.
        deps: Assets that this one waits for, besides other nodes of its run.
        metadata: Added to ours: ``flyte/entity``, ``flyte/inputs``, ``flyte/outputs``.
        tags: Left out: none.
        owners: Left out: none.
        kinds: Beside ``flyte``.
        partitions_def: Left out: none.
        automation_condition: Left out: none.
        description: Left out: what the entity's author wrote.
        checks: Specs of checks that outputs decide (``metadata={"flyte/output": "ok"}``), for `get_check_specs`.

    Example:
        >>> from bridge_core import EntityRef
        >>> from dagster_integration import FlyteEntityProps, FlyteTranslator
        >>> train = FlyteEntityProps(entity=EntityRef.launch_plan("pkg.train", project="ml", domain="production"))
        >>> FlyteTranslator(group_name=lambda props: props.domain).get_asset_spec(train).key.to_user_string()
        'pkg/train'
    """

    def __init__(
        self,
        *,
        key: Said = None,
        group_name: Said = None,
        deps: Said = None,
        metadata: Said = None,
        tags: Said = None,
        owners: Said = None,
        kinds: Said = None,
        partitions_def: Said = None,
        automation_condition: Said = None,
        description: Said = None,
        checks: Said = None,
    ) -> None:
        self._said = {
            "key": key,
            "group_name": group_name,
            "deps": deps,
            "metadata": metadata,
            "tags": tags,
            "owners": owners,
            "kinds": kinds,
            "partitions_def": partitions_def,
            "automation_condition": automation_condition,
            "description": description,
            "checks": checks,
        }

    def get_asset_key(self, props: FlyteEntityProps) -> dg.AssetKey:
        """The key; also of what a node waits for."""
        said = self._of("key", props)
        if said is not None:
            return dg.AssetKey.from_coercible(said)
        parts = props.name.split(".")
        parts += [props.nodes.get(props.node, props.node)] if props.node else []
        parts += [props.output] if props.output else []
        return dg.AssetKey([re.sub(r"\W", "_", part) or "_" for part in parts])

    def get_asset_spec(self, props: FlyteEntityProps) -> dg.AssetSpec:
        """The asset that these properties describe."""
        metadata: dict[str, Any] = {"flyte/entity": str(props.entity)}
        if props.inputs:
            metadata["flyte/inputs"] = dg.MetadataValue.json({name: spec.type for name, spec in props.inputs.items()})
        if props.outputs:
            metadata["flyte/outputs"] = dg.MetadataValue.json(dict(props.outputs))
        metadata |= {key: value for key, value in ((OUTPUT, props.output), (NODE, props.node)) if value}
        before = [replace(props, node=first) for first, then in props.edges if props.node and then == props.node]
        return dg.AssetSpec(
            key=self.get_asset_key(props),
            description=self._of("description", props) or props.description or f"Flyte {props.entity}",
            group_name=self._of("group_name", props),
            deps=[*map(self.get_asset_key, before), *(self._of("deps", props) or ())],
            metadata={**metadata, **(self._of("metadata", props) or {})},
            tags=self._of("tags", props),
            owners=self._of("owners", props),
            kinds={"flyte", *(self._of("kinds", props) or ())},
            partitions_def=self._of("partitions_def", props),
            automation_condition=self._of("automation_condition", props),
        )

    def get_check_specs(self, props: FlyteEntityProps) -> Sequence[dg.AssetCheckSpec]:
        """Checks that come with an asset."""
        return tuple(self._of("checks", props) or ())

    def _of(self, aspect: str, props: FlyteEntityProps) -> Any:
        said = self._said[aspect]
        return said(props) if callable(said) else said
