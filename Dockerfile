# One stage compiles the wheel; the other has neither a compiler nor root. See OPERATIONS.md, "Run it in a container".
FROM python:3.11-slim AS builder
RUN apt-get update \
 && apt-get install -y --no-install-recommends gcc libc6-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY pyproject.toml setup.py MANIFEST.in LICENSE README.md OPERATIONS.md CHANGELOG.md ./
COPY atomizer atomizer
RUN pip wheel --no-cache-dir --wheel-dir /wheels .

FROM python:3.11-slim
RUN --mount=type=bind,from=builder,source=/wheels,target=/wheels \
    pip install --no-cache-dir --no-index --find-links /wheels atomizer \
 && useradd --uid 10001 --create-home atomizer
USER atomizer
WORKDIR /home/atomizer
RUN mkdir state logs
VOLUME ["/home/atomizer/state", "/home/atomizer/logs"]
ENV PYTHONUNBUFFERED=1
# The trader's own word on itself; it listens on this address unless --http-port says otherwise.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:8080/health', timeout=2)"]
# SIGTERM lets it cancel its orders and prove that they are gone: give it its time, docker stop --time 60.
STOPSIGNAL SIGTERM
ENTRYPOINT ["atomizer"]
CMD ["rfq-responder"]
