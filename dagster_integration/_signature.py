"""A user's function, and the parameters that Dagster is shown of it.

Dagster finds upstream assets, configuration and resources in a function's parameters. Resources are taken out of them here and
required by key instead, ours among them: Dagster takes keys or parameters, not both, and a parameter of ours could be the name
of an upstream asset.
"""

from __future__ import annotations

import functools
import inspect
import typing
from collections.abc import Callable, Mapping
from typing import Any

import dagster as dg

from ._compat import resource_given, resource_parameters

__all__ = ["OF_CONTEXT", "UserFunction"]

OF_CONTEXT = inspect.Signature([inspect.Parameter("context", inspect.Parameter.POSITIONAL_OR_KEYWORD)])
"""Of a function that takes the context alone: said to Python, so that it is not found out for each of thousands."""

_CONTEXT_NAMES = ("context", "_context", "context_", "_")


class UserFunction:
    """A function that returns the inputs of a run.

    Args:
        function: Its parameters are ``context`` first if it is wanted, then upstream assets, ``config`` and resources.
    """

    def __init__(self, function: Callable[..., Mapping[str, Any]]) -> None:
        self._function = function
        self._parameters = tuple(inspect.signature(function).parameters.values())
        self._takes_context = bool(self._parameters) and self._parameters[0].name in _CONTEXT_NAMES
        hints = _hints_of(function)
        own = self._parameters[1:] if self._takes_context else self._parameters
        self._own = tuple(each.replace(annotation=hints.get(each.name, inspect.Parameter.empty)) for each in own)
        """All but the context."""
        self.resources = resource_parameters(self._shown(self._own)) if own else ()
        """Names of the resources that it takes as parameters."""

    @property
    def takes_nothing(self) -> bool:
        """Whether it takes the context at most: no upstream assets, no configuration, no resources."""
        return not self._own

    def __call__(self, context: dg.AssetExecutionContext, arguments: Mapping[str, Any]) -> Any:
        """What it returns, given what Dagster gave."""
        given = {**arguments, **{name: resource_given(context, name) for name in self.resources}}
        return self._function(context, **given) if self._takes_context else self._function(**given)

    def dress(self, compute: Callable[..., Any], *, several: bool = False) -> Callable[..., Any]:
        """Gives `compute` the name, the docstring and the parameters that Dagster is to see.

        Args:
            compute: What Dagster calls.
            several: Whether it returns more than one result.
        """
        functools.update_wrapper(compute, self._function)
        del compute.__wrapped__  # type: ignore[attr-defined]  # else annotations would be looked up there
        context = inspect.Parameter(
            "context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=dg.AssetExecutionContext
        )
        seen = [parameter for parameter in self._own if parameter.name not in self.resources]
        return self._shown(
            [context, *seen], compute, returned=inspect.Signature.empty if several else dg.MaterializeResult
        )

    def _shown(
        self,
        parameters: typing.Sequence[inspect.Parameter],
        compute: Callable[..., Any] | None = None,
        returned: Any = dg.MaterializeResult,
    ) -> Callable[..., Any]:
        def nothing() -> None: ...

        shown: Any = compute or nothing
        shown.__annotations__ = {
            **{each.name: each.annotation for each in parameters if each.annotation is not inspect.Parameter.empty},
            **({} if returned is inspect.Signature.empty else {"return": returned}),
        }
        shown.__signature__ = inspect.Signature(list(parameters), return_annotation=returned)
        function: Callable[..., Any] = shown
        return function


def _hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Annotations as objects: ``from __future__ import annotations`` makes texts of them, whose names are the user's.

    A text that cannot be read at run time (imported for type checkers only) is left out: upstream assets need none.

    Raises:
        DagsterInvalidDefinitionError: It is the configuration's, which Dagster knows by its annotation only.
    """
    found: dict[str, Any] = {}
    if not getattr(function, "__annotations__", None):
        return found
    globals_ = getattr(function, "__globals__", {})
    locals_ = inspect.getclosurevars(function).nonlocals if inspect.isfunction(function) else {}
    for name, annotation in getattr(function, "__annotations__", {}).items():
        holder = type("_", (), {"__annotations__": {name: annotation}})
        try:
            found |= typing.get_type_hints(holder, globals_, dict(locals_), include_extras=True)
        except NameError as error:
            if name == "config":
                raise dg.DagsterInvalidDefinitionError(
                    f"{function.__name__}(): the annotation {annotation!r} of config cannot be read when definitions load "
                    f"({error}); import its class outside of TYPE_CHECKING, in the module and not in a function"
                ) from None
    return found
