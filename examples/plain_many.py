"""Launch many Flyte runs, then wait for all of them with one question per poll instead of one per run."""

import asyncio
import sys

from bridge_core import AsyncClient, BridgeError, Config, EntityRef, LaunchRequest, RunSnapshot, run_name


async def main(workflow: str, count: int) -> int:
    async with AsyncClient(Config.auto()) as flyte:
        refs = await flyte.launch_many(  # several at once; names make a second start find what the first one launched
            [
                LaunchRequest(EntityRef.parse(workflow), inputs={"n": n}, name=run_name("many", workflow, n))
                for n in range(count)
            ]
        )

        async def report(ref) -> RunSnapshot:
            snapshot = await flyte.wait(ref)  # all these waits share one poll
            print(snapshot.describe())
            return snapshot

        done = await asyncio.gather(*(report(ref) for ref in refs))
    return 0 if all(snapshot.phase.is_success for snapshot in done) else 1


if __name__ == "__main__":
    if len(sys.argv) != 3 or not sys.argv[2].isdecimal():
        sys.exit(f"usage: {sys.argv[0]} WORKFLOW COUNT    (for instance pkg.workflow 100)")
    try:
        sys.exit(asyncio.run(main(sys.argv[1], int(sys.argv[2]))))
    except BridgeError as error:
        sys.exit(str(error))
