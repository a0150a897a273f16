# Two images: nkdash for the code server, the webserver, the daemon and the dashboard, and the proxy
# before them (docker-compose.yml).
FROM python:3.11-slim-bookworm AS build

WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE workspace.yaml dagster.yaml ./
COPY nkdash nkdash
COPY dashboard dashboard
RUN python -m venv /app \
    && /app/bin/pip install --no-cache-dir -c constraints.txt '.[postgres,s3]'

# The reverse proxy. A copied program has no file capabilities, which a container that may gain no
# rights could not start.
FROM caddy:2-alpine AS proxy

RUN cp /usr/bin/caddy /usr/local/bin/caddy \
    && install -d -o 10001 -g 10001 -m 0750 /caddy
COPY deploy/Caddyfile /etc/caddy/Caddyfile
USER 10001:10001
CMD ["caddy", "run", "--config", "/etc/caddy/Caddyfile", "--adapter", "caddyfile"]

FROM python:3.11-slim-bookworm AS nkdash

# pg_dump and pg_restore for nkdash backup and restore, of the server's version.
RUN apt-get update \
    && apt-get install -y --no-install-recommends postgresql-client \
    && rm -rf /var/lib/apt/lists/*
# A volume that is made from one of these folders belongs to the user, as they do.
RUN useradd --uid 10001 --no-create-home --home-dir /tmp nkdash \
    && install -d -o nkdash -g nkdash -m 0750 /data /dagster /state
COPY --from=build /app /app
COPY deploy/workspace.yaml /etc/nkdash/workspace.yaml

USER 10001:10001
WORKDIR /tmp
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
    DAGSTER_HOME=/dagster DATA_LAKE_ROOT=/data/lake NKDASH_WAREHOUSE=/data/warehouse

# Makes DAGSTER_HOME ready, then becomes the command.
ENTRYPOINT ["python", "-m", "nkdash.home"]
CMD ["nkdash", "--help"]
