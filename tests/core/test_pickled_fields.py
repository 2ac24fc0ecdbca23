"""A pickle of a public class is read by a release that has more fields, in another order; and by one that has fewer."""

from __future__ import annotations

import copy
import pickle
from dataclasses import _dataclass_setstate, dataclass, field, fields, make_dataclass  # type: ignore[attr-defined]
from typing import Any

import pytest

import bridge_core
from bridge_core import EntityRef, LaunchRequest, RunOptions, RunRef
from bridge_core.model.public import public


def release(*names: str) -> Any:
    """A class as one release has it; fields but the first have defaults."""
    first, *others = names
    spec = [(first, Any), *((name, Any, field(default=f"default of {name}")) for name in others)]
    return public(make_dataclass("Thing", spec, frozen=True, slots=True))


def moved(thing: Any, to: Any) -> dict[str, Any]:
    """What the other release makes of a pickle."""
    again = to.__new__(to)
    again.__setstate__(pickle.loads(pickle.dumps(thing.__getstate__())))
    return {item.name: getattr(again, item.name) for item in fields(again)}


def test_fields_of_a_newer_release_have_their_defaults_wherever_they_stand() -> None:
    old, new = release("a", "b"), release("a", "c", "b")
    assert moved(old(1, 2), new) == {"a": 1, "b": 2, "c": "default of c"}
    assert moved(new(1, 3, 2), old) == {"a": 1, "b": 2}


def test_what_was_pickled_by_place_is_read_too() -> None:
    new = release("a", "b", "c")
    again = new.__new__(new)
    again.__setstate__([1, 2])
    assert (again.a, again.b, again.c) == (1, 2, "default of c")


def test_a_release_that_reads_by_place_stops_before_the_names() -> None:
    """Going back to one that does not know of them."""
    thing = release("a", "b")(1, 2)
    old = release("a", "b")
    again = old.__new__(old)
    _dataclass_setstate(again, thing.__getstate__())
    assert (again.a, again.b) == (1, 2)


def test_a_field_without_default_is_not_made_up() -> None:
    old, new = release("a"), release("b", "a")
    with pytest.raises(TypeError, match="a pickled Thing lacks 'b', which has no default: another release wrote it"):
        moved(old(1), new)


@pytest.mark.parametrize("name", bridge_core.__all__)
def test_every_public_dataclass_with_slots_is_pickled_so(name: str) -> None:
    thing = getattr(bridge_core, name)
    own = getattr(thing, "__dict__", {}).get("__getstate__")
    assert getattr(own, "__module__", "") != "dataclasses"


def test_copies_are_equal() -> None:
    request = LaunchRequest(EntityRef.launch_plan("wf"), inputs={"n": [1]}, name="b1", options=RunOptions(tags=("a",)))
    for again in (copy.copy(request), copy.deepcopy(request), pickle.loads(pickle.dumps(request))):
        assert again == request
    assert hash(pickle.loads(pickle.dumps(RunRef("p", "d", "n")))) == hash(RunRef("p", "d", "n"))


def test_a_class_with_a_pickle_of_its_own_keeps_it() -> None:
    @public
    @dataclass(frozen=True, slots=True)
    class Own:
        a: int

        def __reduce__(self) -> Any:
            return (int, (self.a,))

    assert pickle.loads(pickle.dumps(Own(3))) == 3
