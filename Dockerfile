# docker build --tag m3leo-sar .
# docker run --rm --volume "$PWD:/data" m3leo-sar prepare stack chips
# EXTRAS chooses what is installed beside the core, for example --build-arg EXTRAS=train.
FROM python:3.13-slim-bookworm AS build
RUN apt-get update && apt-get install --yes --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY pyproject.toml setup.py constraints.txt MANIFEST.in README.md LICENSE ./
COPY ext ext
COPY src src
# The stable ABI is of use to wheels that serve several Pythons; here there is one.
RUN pip wheel --no-cache-dir --no-deps --constraint constraints.txt --wheel-dir /wheels .

FROM python:3.13-slim-bookworm
ARG EXTRAS=app
# The runtime of OpenMP, which the compiler's image has and the slim one has not.
RUN apt-get update && apt-get install --yes --no-install-recommends libgomp1 && rm -rf /var/lib/apt/lists/*
COPY constraints.txt /tmp/
RUN --mount=type=bind,from=build,source=/wheels,target=/wheels \
    pip install --no-cache-dir --constraint /tmp/constraints.txt "$(echo /wheels/*.whl)[${EXTRAS}]"
RUN useradd --create-home --uid 1000 sar
USER 1000
WORKDIR /data
# A build whose kernels do not load ends here.
RUN m3leo-sar doctor && python -c "import m3leo_sar; m3leo_sar.coherence"
HEALTHCHECK NONE
ENTRYPOINT ["m3leo-sar"]
CMD ["--help"]
