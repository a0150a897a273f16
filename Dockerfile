# One image for the webserver, the daemon and the dashboard (see docker-compose.yml).
FROM python:3.11-slim

WORKDIR /app
COPY pyproject.toml constraints.txt README.md LICENSE workspace.yaml dagster.yaml ./
COPY nkdash nkdash
COPY dashboard dashboard
RUN pip install --no-cache-dir -c constraints.txt -e . \
    && useradd --create-home nkdash \
    && install -d -o nkdash -g nkdash /data

USER nkdash
VOLUME /data
ENV DAGSTER_HOME=/data/dagster DATA_LAKE_ROOT=/data/lake

# Makes DAGSTER_HOME ready, then becomes the command.
ENTRYPOINT ["python", "-m", "nkdash.home"]
CMD ["nkdash", "--help"]
