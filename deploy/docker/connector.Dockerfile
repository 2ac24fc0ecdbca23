# The connector service: docker build -f deploy/docker/connector.Dockerfile -t flyte-bridge-connector .
# From the root of a checkout, after `make dist`. Connectors of installed packages are served (Airflow's and Dagster's are ours); your
# own come by --module. Not built by our tests, which have no container engine; they run its command as a process.
FROM python:3.12-slim

RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin bridge
COPY dist/flyte_bridge-*.whl /tmp/
RUN pip install --no-cache-dir "$(ls /tmp/flyte_bridge-*.whl)[sandbox]" && rm /tmp/flyte_bridge-*.whl

USER 10001
EXPOSE 8000 9090
ENTRYPOINT ["flyte-bridge"]
CMD ["connector", "serve", "--host", "0.0.0.0", "--port", "8000", "--http-port", "9090", "--grace", "20", "--log-format", "json"]
