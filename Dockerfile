# The gateway in an image: dependencies and model are fixed at build, data lives in one volume, nobody is root.
#   docker build -t hotline-gateway .
#   docker run --rm -p 127.0.0.1:12345:12345 -v hotline:/var/lib/hotline hotline-gateway
# `make fresh` carries out the same steps on a bare Debian where no image registry is reachable.

FROM python:3.11-slim-bookworm AS build
# An index other than the default one: --build-arg PIP_INDEX_URL=...
ARG PIP_INDEX_URL
WORKDIR /srv/hotline
COPY requirements/run.txt requirements/
RUN python3 -m venv .venv \
    && .venv/bin/pip install --no-cache-dir --no-deps --require-hashes --requirement requirements/run.txt
COPY asr_models asr_models
COPY channels channels
COPY config config
COPY gateway gateway
COPY LICENSE NOTICE README.md pyproject.toml ./
RUN .venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation --editable . \
    && .venv/bin/python -m compileall -q gateway channels
# Empty for an image that records calls without understanding them: --build-arg MODEL=
ARG MODEL=whisper-base
RUN if [ -n "$MODEL" ]; then .venv/bin/hotline models fetch "$MODEL"; fi

FROM python:3.11-slim-bookworm
# Reads what citizens record that is not WAV: AMR, MP3, M4A and their like.
RUN apt-get update && apt-get install -y --no-install-recommends ffmpeg && rm -rf /var/lib/apt/lists/*
RUN useradd --system --uid 10001 --home-dir /var/lib/hotline --shell /usr/sbin/nologin hotline \
    && install -d -o hotline -g hotline -m 0750 /var/lib/hotline
COPY --from=build /srv/hotline /srv/hotline
WORKDIR /srv/hotline
ENV PATH=/srv/hotline/.venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
USER hotline
VOLUME /var/lib/hotline
EXPOSE 12345
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s CMD ["python3", "-c", "import urllib.request as web; web.urlopen('http://127.0.0.1:12345/healthz', timeout=4)"]
ENTRYPOINT ["hotline"]
CMD ["serve", "--config", "config/demo.yaml", "--data", "/var/lib/hotline", "--host", "0.0.0.0"]
