# LightFuse as a container: docker build -t lightfuse . && docker run --rm -v "$PWD:/work" lightfuse fuse dark.jpg bright.jpg -o fused.jpg
FROM python:3.12-slim-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends gcc g++ && rm -rf /var/lib/apt/lists/*
COPY . /source
RUN pip wheel --no-cache-dir --no-deps -w /wheels /source

FROM python:3.12-slim-bookworm
COPY --from=build /wheels /wheels
RUN pip install --no-cache-dir "$(echo /wheels/lightfuse-*.whl)[raw,heif,jxl,exr]" && rm -r /wheels \
    && useradd --create-home lightfuse
USER lightfuse
WORKDIR /work
ENTRYPOINT ["lightfuse"]
CMD ["--help"]
