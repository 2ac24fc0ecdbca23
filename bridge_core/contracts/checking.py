"""Uses against interfaces: what a launch would refuse, said before, with file and line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from ..backends.values import Interface
from ..literals import Codec
from ..model.capabilities import FLYTE1, FLYTE2_REFUSES
from ..model.errors import InvalidRequest, LiteralError
from ..model.ids import EntityKind, EntityRef
from .uses import Problem, Selection, Use

if TYPE_CHECKING:
    from .interfaces import InterfaceSnapshot

__all__ = ["problems_of", "problems_of_selection"]


def problems_of(uses: Iterable[Use], known: InterfaceSnapshot) -> Iterator[Problem]:
    """What is wrong, in the order of the uses. What cannot be known before it runs is no problem."""
    codec = Codec.default()
    for use in uses:
        texts = list(_problems(use, known, codec))
        yield from (Problem(file=use.file, line=use.line, text=f"{use.what}: {text}") for text in texts)


def _problems(use: Use, known: InterfaceSnapshot, codec: Codec) -> Iterator[str]:
    refused = FLYTE1.refused_options if known.flyte_version == 1 else tuple(FLYTE2_REFUSES)
    for name in use.options:
        if name in refused:
            yield f"option {name!r} cannot be honoured by Flyte {known.flyte_version}"
    found = known.find(use.entity)
    if isinstance(found, str) and use.any_kind:
        task = known.find(replace(use.entity, kind=EntityKind.TASK))
        found = found if isinstance(task, str) else task
    if found is None:
        return
    if isinstance(found, str):
        yield found
        return
    if use.launches:
        yield from _inputs(use, found, codec)
    for name in use.outputs:
        if name not in found.outputs:
            yield f"{found.entity.name!r} has no output {name!r}{_near(name, found.outputs)}"


def problems_of_selection(item: Selection, names: Sequence[EntityRef], known: InterfaceSnapshot) -> Iterator[Problem]:
    """What is wrong with a selection and with each launch that it stands for.

    Args:
        item: In the place of `known`.
        names: All entities of its kind there.
        known: Interfaces of those that are chosen.
    """
    chosen = item.chosen(names)
    noun = item.kind.value.replace("_", " ")
    for pattern in item.patterns:
        if pattern[:1] != "!" and not any(ref.matches([pattern]) for ref in names):
            text = f"{item.what}: {pattern!r} matches no {noun} in {known.project}/{known.domain}"
            yield Problem(
                file=item.file,
                line=item.lines.get(pattern, item.line),
                text=text + _near(pattern, [ref.name for ref in names], tell_all=False),
            )
    taken = {ref.name for ref in chosen}
    for name in item.own:
        if name not in taken:
            text = f"{item.what}: inputs of {name!r}, which is no {noun} that is chosen"
            yield Problem(
                file=item.file, line=item.lines.get(name, item.line), text=text + _near(name, taken, tell_all=False)
            )
    if not item.launches:
        return
    for ref in chosen:
        found = known.find(ref)
        takes = found.parameters if isinstance(found, Interface) else {}
        line, what = item.lines.get(ref.name, item.line), f"{item.what}: {ref.name}"
        given = {name: value for name, value in item.common.items() if name in takes} | dict(item.own.get(ref.name, {}))
        use = Use(
            file=item.file,
            line=line,
            what=what,
            entity=ref,
            inputs={name: value for name, value in given.items() if name not in item.unknown},
            unknown=tuple(name for name in item.unknown if name in takes),
            open=item.open,
        )
        yield from problems_of([use], known)
        for name in item.unknown:
            if name not in takes:
                missing = Use(
                    file=item.file, line=item.lines.get(name, line), what=what, entity=ref, unknown=(name,), open=True
                )
                yield from problems_of([missing], known)


def _inputs(use: Use, interface: Interface, codec: Codec) -> Iterator[str]:
    wanted = interface.parameters
    for name in use.unknown:
        if name in interface.fixed:
            yield f"input {name!r} is fixed by the launch plan"
        elif name not in wanted:
            yield f"{interface.entity.name!r} has no input {name!r}{_near(name, wanted)}"
    left = {name: item for name, item in wanted.items() if name not in use.unknown}
    if use.open:
        left = {name: item for name, item in left.items() if name in use.inputs}
    try:
        codec.encode_inputs(use.inputs, left, fixed=tuple(interface.fixed), coerce_json=True)
    except LiteralError as error:
        yield from error.problems or (error.message,)
    except InvalidRequest as error:
        yield error.message


def _near(name: str, known: Iterable[str], *, tell_all: bool = True) -> str:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    if not tell_all:
        return ""
    return f"; it has {', '.join(sorted(names))}" if names else "; it has none"
