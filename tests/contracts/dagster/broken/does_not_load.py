"""Definitions that Dagster cannot load either."""

import dagster as dg

defs = dg.Definitions(no_such_argument=3)  # wrong: cannot be loaded: TypeError
