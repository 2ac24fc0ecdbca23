"""``@task.flyte``: a function that returns the inputs of a run; what the task returns are the run's outputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import (
    DecoratedOperator,
    context_merge,
    determine_kwargs,
    task_decorator_factory,
)

from ..operators.flyte import FlyteRunOperator

if TYPE_CHECKING:
    from airflow.providers.common.compat.sdk import Context, TaskDecorator

__all__ = ["flyte_task"]


class _DecoratedFlyteRunOperator(DecoratedOperator, FlyteRunOperator):
    """Calls the function on the worker, before the launch; not again when the task resumes."""

    template_fields: Sequence[str] = (*DecoratedOperator.template_fields, *FlyteRunOperator.template_fields)
    template_fields_renderers = {
        **DecoratedOperator.template_fields_renderers,
        **FlyteRunOperator.template_fields_renderers,
    }
    custom_operator_name: str = "@task.flyte"

    def execute(self, context: Context) -> dict[str, Any] | None:
        """See `FlyteRunOperator.execute`.

        Raises:
            AirflowFailException: The function returned no mapping; or see there.
        """
        context_merge(context, self.op_kwargs)
        arguments = determine_kwargs(self.python_callable, self.op_args, context)
        self.inputs = self.python_callable(*self.op_args, **arguments)
        return FlyteRunOperator.execute(self, context)


def flyte_task(python_callable: Callable[..., Any] | None = None, **kwargs: Any) -> TaskDecorator:
    """Makes a `FlyteRunOperator` of a function that returns its inputs: name -> value.

    Args:
        python_callable: The function. Its arguments may be XComs of other tasks and names of Airflow's context.
        **kwargs: Of `FlyteRunOperator`, ``entity`` above all.

    Example:
        >>> from airflow.sdk import task
        >>> @task.flyte(entity="ml.train", deferrable=True)
        ... def train(day, logical_date=None):
        ...     return {"day": day, "at": logical_date}  # doctest: +SKIP
    """
    kwargs.setdefault("multiple_outputs", True)  # of the run; Airflow would read it off the function's annotation
    return task_decorator_factory(
        python_callable=python_callable, decorated_operator_class=_DecoratedFlyteRunOperator, **kwargs
    )
