# A Dagster code location: docker build -f deploy/docker/dagster.Dockerfile -t dagster-flyte-code .
# From the root of a checkout, after `make dist`; put your definitions in place of examples/dagster_run_workflow.py. The web server and
# daemon need nothing of ours. Not built by our tests, which have no container engine; they run its command as a process.
FROM python:3.12-slim

RUN useradd --uid 10001 --create-home bridge
COPY dist/flyte_bridge-*.whl /tmp/
RUN pip install --no-cache-dir "$(ls /tmp/flyte_bridge-*.whl)[dagster]" dagster-postgres dagster-k8s && rm /tmp/flyte_bridge-*.whl
COPY examples/dagster_run_workflow.py /opt/code/definitions.py

USER 10001
WORKDIR /opt/code
EXPOSE 4000
CMD ["dagster", "code-server", "start", "--host", "0.0.0.0", "--port", "4000", "--python-file", "definitions.py"]
