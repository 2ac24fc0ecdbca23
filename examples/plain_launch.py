"""Launch a Flyte workflow exactly once from plain Python, wait for it, and read its outputs.

Run it against any Flyte: FLYTE_PLATFORM_URL, FLYTE_PLATFORM_INSECURE, FLYTE_LOCAL_PROJECT and FLYTE_LOCAL_DOMAIN, or
~/.flyte/config.yaml, say which. `python -m bridge_core.sandbox` is one.
"""

import sys
from datetime import date

from bridge_core import Client, Config, EntityRef, LaunchRequest, RunFailed, Unavailable, run_name


def main(workflow: str, n: int) -> int:
    today = date.today().isoformat()  # noqa: DTZ011  # the name of the day here is what the job is about
    request = LaunchRequest(
        EntityRef.parse(workflow),
        inputs={"n": n},
        # The same name on every try of today: a crash after launching, and a second start, find the run that exists.
        name=run_name("daily-report", workflow, today, prefix="daily-"),
    )
    with Client(Config.auto()) as flyte:
        launched = flyte.launch_or_attach(request)
        print("launched" if launched.created else "attached to", launched.ref)
        print(launched.snapshot.console_url)
        try:
            flyte.wait(launched.ref, timeout=3600).raise_for_phase()
        except RunFailed as error:  # the run failed …
            print(error)
            return 1
        except Unavailable as error:  # … which is something else than "we could not ask"
            print(error)
            return 2
        for name, value in flyte.outputs(launched.ref).items():
            print(f"{name} = {value!r}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
