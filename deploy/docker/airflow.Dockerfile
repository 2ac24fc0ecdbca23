# Airflow's own image with the provider: docker build -f deploy/docker/airflow.Dockerfile -t airflow-flyte:3.3.0 .
# From the root of a checkout, after `make dist`. One image for API server, scheduler, DAG processor, triggerers and workers: all
# of them import the provider. Not built by our tests, which have no container engine; `make release` does the same in an
# empty environment, and asks `airflow providers list`.
ARG AIRFLOW_VERSION=3.3.0
ARG PYTHON_VERSION=3.12
FROM apache/airflow:${AIRFLOW_VERSION}-python${PYTHON_VERSION}

ARG AIRFLOW_VERSION
COPY dist/flyte_bridge-*.whl /tmp/
# Airflow is named with its version, so that pip refuses rather than moves it.
RUN pip install --no-cache-dir "apache-airflow==${AIRFLOW_VERSION}" "$(ls /tmp/flyte_bridge-*.whl)[airflow]"
