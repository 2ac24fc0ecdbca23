"""Definitions without Flyte."""

import dagster as dg


@dg.asset
def nothing():
    return 1


defs = dg.Definitions(assets=[nothing])
