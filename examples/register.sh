#!/bin/sh
# Register from a shell or a CI job, and launch what was registered: register.sh SOURCE PYTHON
# Which Flyte: FLYTE_* variables, or ~/.flyte/config.yaml. Exit codes: flyte-bridge's (docs/cli.md).
set -eu

flyte-bridge register "$1" --python "$2" --dry-run # what would change; writes nothing
version=$(flyte-bridge register "$1" --python "$2" --output json | python3 -c 'import json, sys; print(json.load(sys.stdin)["version"])')
flyte-bridge launch "workflows.extract@$version" -i day=2026-11-20 -i limit=100 --wait
