"""Register launch plans of a workflow that Flyte knows, from plain Python: with inputs, a schedule, and a limit of runs.

Run it against any Flyte, as plain_launch.py. Registering the same again changes nothing; a changed launch plan is a new version.
"""

import sys

from bridge_core import BridgeError, Client, Config, Cron, LaunchPlan, Notification


def plans(workflow: str) -> list[LaunchPlan]:
    return [
        LaunchPlan("reports.by-hand", workflow, defaults={"n": 3}),
        LaunchPlan(
            "reports.nightly",
            workflow,
            fixed={"n": 10},
            schedule=Cron("0 3 * * 1-5", timezone="Europe/Berlin"),
            notifications=[Notification(kind="email", recipients=("oncall@example.com",))],
            concurrency=1,
            auto_activate=True,  # Flyte fires it from now on, this version instead of the one before
        ),
    ]


def main(workflow: str) -> int:
    try:
        with Client(Config.auto()) as flyte:
            for item in flyte.register(plans(workflow)).entities:
                print(item.outcome, item.ref, item.url)
    except BridgeError as error:  # a mistake: no such workflow, inputs that do not fit; nothing was written
        print(error)
        return 4
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} WORKFLOW    (for instance pkg.workflow)")
    sys.exit(main(sys.argv[1]))
