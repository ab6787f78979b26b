# Screens photos and serves the web app, without a network: docs/docker.md says how.
FROM python:3.11-slim

ENV PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /source
COPY docker/requirements.txt docker/
RUN pip install --require-hashes --requirement docker/requirements.txt
COPY . .
# The pins hold setuptools, so that building fetches nothing else.
RUN pip install --no-deps --no-build-isolation .
# Bundles start in a moment, and need no TensorFlow while they run.
RUN mpox-keras export --format tfjs --precision uint16 --out /bundles/tfjs
RUN mpox-keras export --format tflite --out /bundles/tflite

RUN useradd --uid 10001 --no-create-home --shell /usr/sbin/nologin screening
USER 10001
# Only /tmp is written to, so the rest can be read-only.
ENV HOME=/tmp
WORKDIR /tmp
EXPOSE 8000
ENTRYPOINT ["mpox-keras"]
CMD ["web", "--model", "/bundles/tfjs", "--host", "0.0.0.0", "--no-open"]
