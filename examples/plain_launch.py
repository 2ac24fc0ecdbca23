"""Launch a Flyte workflow exactly once from plain Python, wait for it, and read its outputs.

Run it against any Flyte: FLYTE_PLATFORM_URL, FLYTE_PLATFORM_INSECURE, FLYTE_LOCAL_PROJECT and FLYTE_LOCAL_DOMAIN, or
~/.flyte/config.yaml, say which. `python -m bridge_core.sandbox` is one.
"""

import sys
from datetime import date

from bridge_core import (
    BridgeError,
    Client,
    Config,
    EntityRef,
    LaunchRequest,
    RunEnded,
    Unavailable,
    WaitTimeout,
    run_name,
)


def main(workflow: str, n: int) -> int:
    today = date.today().isoformat()  # noqa: DTZ011  # the name of the day here is what the job is about
    request = LaunchRequest(
        EntityRef.parse(workflow),
        inputs={"n": n},
        # The same name on every try of today: a crash after launching, and a second start, find the run that exists.
        name=run_name("daily-report", workflow, today, prefix="daily-"),
    )
    try:
        with Client(Config.auto()) as flyte:
            launched = flyte.launch_or_attach(request)
            print("launched" if launched.created else "attached to", launched.ref)
            print(launched.snapshot.console_url)
            flyte.wait(launched.ref, timeout=3600).raise_for_phase()
            for name, value in flyte.outputs(launched.ref).items():
                print(f"{name} = {value!r}")
    except RunEnded as error:  # the run failed, was aborted or timed out …
        print(error)
        return 1
    except (
        Unavailable
    ) as error:  # … which is something else than "we could not ask": start this again, nothing runs twice
        print(error)
        return 2
    except WaitTimeout as error:  # an hour was not enough, or Flyte went away meanwhile; the run goes on
        print(error)
        return 3
    except BridgeError as error:  # a mistake: no such workflow, wrong inputs, not allowed; nothing was launched
        print(error)
        return 4
    return 0


if __name__ == "__main__":
    if len(sys.argv) != 3 or not sys.argv[2].isdecimal():
        sys.exit(f"usage: {sys.argv[0]} WORKFLOW N    (for instance pkg.workflow 3)")
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
