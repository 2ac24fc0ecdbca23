"""What FlyteAdmin checks of a task before it registers it (flyteadmin ``validation/task_validator.go``)."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flyteidl.core import tasks_pb2

from ..model.go_text import go_text
from ..model.status import Rejected
from .requests import missing

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["check_task", "limits_by_number", "quantity"]

_Name = tasks_pb2.Resources.ResourceName
_CHECKED = (_Name.CPU, _Name.MEMORY, _Name.GPU, _Name.EPHEMERAL_STORAGE)

_FORM = r"([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)"
_SUFFIXES = {
    **{name: Decimal(1024) ** power for power, name in enumerate(("Ki", "Mi", "Gi", "Ti", "Pi", "Ei"), start=1)},
    **{name: Decimal(1000) ** power for power, name in enumerate(("k", "M", "G", "T", "P", "E"), start=1)},
    **{name: Decimal(1000) ** -power for power, name in enumerate(("m", "u", "n"), start=1)},
    "": Decimal(1),
}


def limits_by_number(limits: Mapping[str, str]) -> dict[int, str]:
    """Limits by the number of their resource.

    Args:
        limits: What a task may ask for at most, ``{"cpu": "4", "memory": "8Gi"}``.

    Raises:
        ValueError: There is no such resource, or a limit is no quantity.
    """
    found: dict[int, str] = {}
    for name, most in limits.items():
        if name.upper() not in list(_Name.keys()) or quantity(most) is None:
            raise ValueError(f"a limit of tasks is a resource and a quantity of Kubernetes, got {name!r}: {most!r}")
        found[_Name.Value(name.upper())] = most
    return found


def check_task(identifier: Any, template: Any, limits: Mapping[int, str]) -> None:
    """Refuses a template without what every task needs, or that asks for more than there is.

    Args:
        identifier: Of the task.
        template: What is registered.
        limits: What a task may ask for at most, by resource: FlyteAdmin's ``task_resources.limits``.

    Raises:
        Rejected: INVALID_ARGUMENT; what a pod says wrongly is UNKNOWN.
    """
    if not template.type:
        raise missing("type")
    if not template.HasField("metadata"):
        raise missing("metadata")
    if template.metadata.HasField("runtime") and not template.metadata.runtime.version:
        raise missing("runtime version")
    if not template.HasField("interface"):
        raise missing("typed interface")
    target = template.WhichOneof("target")
    if target == "container":
        _check_container(identifier, template.container, limits)
    elif target == "k8s_pod" and not template.k8s_pod.HasField("pod_spec"):
        text = "invalid TaskSpecification, pod tasks should specify their target as a K8sPod with a defined pod spec"
        raise Rejected("INVALID_ARGUMENT", text)


def quantity(text: str) -> Decimal | None:
    """A quantity of Kubernetes as a number; None when it is none."""
    match = re.fullmatch(_FORM, text)
    if match is None:
        return None
    number, suffix = match.groups()
    try:
        if suffix[:1] in ("e", "E") and suffix[1:]:
            return Decimal(number) * Decimal(10) ** int(suffix[1:])
        return Decimal(number) * _SUFFIXES[suffix]
    except (KeyError, ValueError, ArithmeticError):
        return None


def _check_container(identifier: Any, container: Any, limits: Mapping[int, str]) -> None:
    if not container.image:
        raise missing("image")
    if not container.HasField("resources"):
        return
    asked = _quantities(identifier, container.resources.requests)
    most = _quantities(identifier, container.resources.limits)
    for name, (given, amount) in sorted(asked.items()):
        what = _Name.Name(name)
        limit = most.get(name)
        if name == _Name.GPU:
            if limit is not None and limit[1] != amount:
                text = "For extended resource 'gpu' the default value must equal the limit value for task"
                raise Rejected("INVALID_ARGUMENT", f"{text} [{go_text(identifier)}]")
        elif limit is not None and limit[1] < amount:
            text = f"Requested {what} default [{given}] is greater than the limit [{limit[0]}]. Please fix your configuration"
            raise Rejected("INVALID_ARGUMENT", text)
        elif limit is not None:
            _check_platform(name, "limit", limit, limits)
        _check_platform(name, "default", (given, amount), limits)


def _check_platform(name: int, what: str, asked: tuple[str, Decimal], limits: Mapping[int, str]) -> None:
    if name in limits and asked[1] > (quantity(limits[name]) or 0):
        text = f"Requested {_Name.Name(name)} {what} [{asked[0]}] is greater than current limit set in the platform configuration"
        way_out = "Please contact Flyte Admins to change these limits or consult the configuration"
        raise Rejected("INVALID_ARGUMENT", f"{text} [{limits[name]}]. {way_out}")


def _quantities(identifier: Any, entries: Iterable[Any]) -> dict[int, tuple[str, Decimal]]:
    found: dict[int, tuple[str, Decimal]] = {}
    for entry in entries:
        if entry.name not in _CHECKED:
            continue
        what = _Name.Name(entry.name)
        if entry.name in found:
            text = f"can't specify {what} limit for task [{go_text(identifier)}] multiple times"
            raise Rejected("INVALID_ARGUMENT", text)
        amount = quantity(entry.value)
        if amount is None:
            why = f"quantities must match the regular expression '^{_FORM}$'"
            text = f"Parsing of {what} request failed for value {entry.value} - reason  {why}. Please follow K8s conventions for"
            page = "https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/"
            raise Rejected("INVALID_ARGUMENT", f"{text} resources {page}")
        if entry.name == _Name.GPU and amount * 1000 % 1000:
            text = f"gpu for [{go_text(identifier)}] must be a whole number, got: {entry.value} instead"
            raise Rejected("INVALID_ARGUMENT", text)
        found[entry.name] = (entry.value, amount)
    return found
