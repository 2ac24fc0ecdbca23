"""Files, frames, containers, shells, plans."""

from datetime import timedelta

import pandas as pd
from flytekit import (
    ContainerTask,
    CronSchedule,
    Email,
    FixedRate,
    LaunchPlan,
    WorkflowFailurePolicy,
    kwtypes,
    task,
    workflow,
)
from flytekit.core.workflow import ImperativeWorkflow
from flytekit.extras.tasks.shell import OutputLocation, ShellTask
from flytekit.models.common import Annotations, Labels
from flytekit.models.core.execution import WorkflowExecutionPhase
from flytekit.types.directory import FlyteDirectory
from flytekit.types.file import FlyteFile
from flytekit.types.structured import StructuredDataset

from shop.steps.basics import double, inner


@task
def read(file: FlyteFile) -> int:
    return len(open(file).read())


@task
def folder(place: FlyteDirectory) -> FlyteFile["txt"]:
    path = "out.txt"
    open(path, "w").write(str(place))
    return FlyteFile(path)


@task
def frame(rows: int) -> StructuredDataset:
    return StructuredDataset(dataframe=pd.DataFrame({"n": list(range(rows))}))


@task
def rows(table: pd.DataFrame) -> int:
    return len(table)


squeeze = ContainerTask(
    name="shop.squeeze",
    image="example.com/squeeze:1",
    input_data_dir="/var/inputs",
    output_data_dir="/var/outputs",
    inputs=kwtypes(level=int),
    outputs=kwtypes(size=int),
    command=["/bin/sh", "-c", "echo {{.inputs.level}} > /var/outputs/size"],
)

shell = ShellTask(
    name="shop.shell",
    script="echo hello > {outputs.out}",
    inputs=kwtypes(name=str),
    output_locs=[OutputLocation(var="out", var_type=FlyteFile, location="hello.txt")],
)


@workflow(failure_policy=WorkflowFailurePolicy.FAIL_AFTER_EXECUTABLE_NODES_COMPLETE, interruptible=True)
def tables(count: int = 3) -> int:
    return rows(table=frame(rows=count))


@workflow
def squeezed(level: int) -> int:
    return squeeze(level=level)


built = ImperativeWorkflow(name="shop.built")
built.add_workflow_input("value", int)
_node = built.add_entity(double, value=built.inputs["value"])
built.add_workflow_output("out", _node.outputs["o0"])

nightly = LaunchPlan.get_or_create(
    inner,
    name="shop.nightly",
    fixed_inputs={"value": 7},
    schedule=CronSchedule(schedule="0 3 * * *"),
    labels=Labels({"team": "shop"}),
    annotations=Annotations({"note": "at night"}),
    notifications=[Email(phases=[WorkflowExecutionPhase.FAILED], recipients_email=["a@example.com"])],
    max_parallelism=3,
)
hourly = LaunchPlan.get_or_create(
    inner, name="shop.hourly", default_inputs={"value": 1}, schedule=FixedRate(duration=timedelta(hours=1))
)
