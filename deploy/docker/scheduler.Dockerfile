# The schedule runner: docker build -f deploy/docker/scheduler.Dockerfile -t flyte-bridge-scheduler .
# From the root of a checkout, after `make dist` (the wheel in dist/). Where the package comes from an index, name it in PACKAGE
# and leave the COPY out. Not built by our tests, which have no container engine; they run its command as a process.
FROM python:3.12-slim

RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin bridge
COPY dist/flyte_bridge-*.whl /tmp/
RUN pip install --no-cache-dir "$(ls /tmp/flyte_bridge-*.whl)[scheduler]" "psycopg[binary]>=3.2" && rm /tmp/flyte_bridge-*.whl

USER 10001
EXPOSE 8080
# Exec form: SIGTERM reaches the runner itself, which then stops in good order within --stop-timeout.
ENTRYPOINT ["flyte-bridge"]
CMD ["scheduler", "run", "/etc/flyte-bridge/triggers.yaml", "--state", "env:FLYTE_BRIDGE_STATE", "--http-host", "0.0.0.0", "--http-port", "8080", "--log-format", "json"]
