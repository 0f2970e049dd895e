# driftbell's one image: `docker run driftbell worker`, `driftbell router`, `driftbell topics create`, ...

FROM python:3.13-slim-trixie AS build

WORKDIR /build
RUN python -m venv /opt/driftbell
ENV PATH=/opt/driftbell/bin:$PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1

# What changes seldom comes first, so that a change of the source rebuilds only the last layer.
COPY deploy/requirements.lock ./
RUN pip install --require-hashes --requirement requirements.lock

COPY deploy/build.lock ./
RUN python -m venv /opt/tools && /opt/tools/bin/pip install --require-hashes --requirement build.lock

COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY runtime runtime
COPY streams streams
COPY alerting alerting
COPY driftbell driftbell
RUN /opt/tools/bin/pip wheel --no-deps --no-build-isolation --wheel-dir dist . \
    && pip install --no-deps --no-index dist/*.whl


FROM python:3.13-slim-trixie

LABEL org.opencontainers.image.title="driftbell" \
      org.opencontainers.image.description="Watches machine-learning models on Kafka and pages the on-call person" \
      org.opencontainers.image.licenses="Apache-2.0"

# A number rather than a name, so that Kubernetes can see that it is not root (runAsNonRoot).
RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin driftbell
COPY --from=build /opt/driftbell /opt/driftbell
ENV PATH=/opt/driftbell/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DRIFTBELL_CONFIG=/etc/driftbell/driftbell.yaml
COPY deploy/driftbell.yaml /etc/driftbell/driftbell.yaml

WORKDIR /tmp
USER 10001:10001
# /healthz, /readyz and /metrics: of the worker, of the router.
EXPOSE 8081 8082
# Draining (docs/operations.md): the worker saves, publishes and leaves its group, then ends with 0.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 CMD ["python", "-m", "driftbell.runtime.observability.probe"]

ENTRYPOINT ["driftbell"]
CMD ["worker"]
