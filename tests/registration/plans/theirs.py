"""The launch plans of `test_launch_plans`, written with flytekit."""

from datetime import UTC, datetime, timedelta

from flows import Model, Size, report, rich
from flytekit import Email, FixedRate, LaunchPlan, Slack
from flytekit.models.common import Annotations, Labels, RawOutputDataConfig
from flytekit.models.concurrency import ConcurrencyPolicy
from flytekit.models.core.execution import WorkflowExecutionPhase
from flytekit.models.schedule import Schedule
from flytekit.models.security import Identity, SecurityContext
from flytekit.types.file import FlyteFile

LaunchPlan.get_or_create(report, name="plans.plain", default_inputs={"top": 3})
LaunchPlan.get_or_create(report, name="plans.fixed", fixed_inputs={"top": 3, "sizes": [1, 2]}, auto_activate=True)
LaunchPlan.get_or_create(
    report,
    name="plans.nightly",
    default_inputs={"word": "night"},
    fixed_inputs={"top": 3, "rate": 1.5},
    # the time zone, which CronSchedule's own check does not read
    schedule=Schedule("", cron_schedule=Schedule.CronSchedule("CRON_TZ=Europe/Berlin 0 3 * * 1-5", "")),
    labels=Labels({"team": "shop"}),
    annotations=Annotations({"note": "at night"}),
    notifications=[
        Email(phases=[WorkflowExecutionPhase.FAILED], recipients_email=["a@example.com"]),
        Slack(
            phases=[WorkflowExecutionPhase.SUCCEEDED, WorkflowExecutionPhase.ABORTED],
            recipients_email=["b@example.com"],
        ),
    ],
    max_parallelism=5,
    raw_output_data_config=RawOutputDataConfig("s3://bucket/here"),
    security_context=SecurityContext(run_as=Identity(k8s_service_account="robot")),
    overwrite_cache=True,
    concurrency=ConcurrencyPolicy(max_concurrency=2),
)
LaunchPlan.get_or_create(
    report, name="plans.hourly", default_inputs={"top": 1}, schedule=FixedRate(duration=timedelta(hours=2))
)
LaunchPlan.get_or_create(
    report,
    name="plans.every",
    fixed_inputs={"top": 1},
    schedule=Schedule("", cron_schedule=Schedule.CronSchedule("@every 30m", "")),
)
LaunchPlan.get_or_create(
    rich,
    name="plans.rich",
    default_inputs={
        "day": datetime(2026, 11, 20, tzinfo=UTC),
        "wait": timedelta(minutes=5),
        "model": Model(layers=2),
        "maybe": 4,
    },
    fixed_inputs={"size": Size.LARGE, "table": {"a": 1}, "file": FlyteFile("s3://bucket/file")},
)
LaunchPlan.get_or_create(
    rich,
    name="plans.daily",
    default_inputs={"wait": timedelta(minutes=5), "model": Model(layers=2), "table": {}, "file": "s3://bucket/file"},
    schedule=Schedule("day", cron_schedule=Schedule.CronSchedule("CRON_TZ=UTC 0 3 * * *", "")),
)
