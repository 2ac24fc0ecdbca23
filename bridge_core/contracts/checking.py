"""Uses against interfaces: what a launch would refuse, said before, with file and line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from ..literals import Codec
from ..model.capabilities import FLYTE1
from ..model.errors import InvalidRequest, LiteralError
from .uses import Problem, Use

if TYPE_CHECKING:
    from ..backends.values import Interface
    from .interfaces import InterfaceSnapshot

__all__ = ["problems_of"]


def problems_of(uses: Iterable[Use], known: InterfaceSnapshot) -> Iterator[Problem]:
    """What is wrong, in the order of the uses. What cannot be known before it runs is no problem."""
    codec = Codec.default()
    for use in uses:
        texts = list(_problems(use, known, codec))
        yield from (Problem(file=use.file, line=use.line, text=f"{use.what}: {text}") for text in texts)


def _problems(use: Use, known: InterfaceSnapshot, codec: Codec) -> Iterator[str]:
    refused = FLYTE1.refused_options if known.flyte_version == 1 else ()
    for name in use.options:
        if name in refused:
            yield f"option {name!r} cannot be honoured by Flyte {known.flyte_version}"
    found = known.find(use.entity)
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


def _near(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; it has {', '.join(sorted(names))}" if names else "; it has none"
