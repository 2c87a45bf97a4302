# The image of vvbill itself, for pipelines: with a shell, because GitHub and GitLab run their steps by one, and
# with helm, which installs a plan's operators. It drives AWS and Kubernetes; the platform on one machine wants
# the servers that `cargo xtask setup` installs. Build it from the root of the repository:
#   docker build --build-arg VVBILL_COMMIT="$(git rev-parse HEAD)" --tag vvbill .

FROM golang:1.26-bookworm AS helm
# Static; Go's checksum database vouches for the source.
ENV CGO_ENABLED=0 GOFLAGS=-trimpath
RUN go install -ldflags=-s helm.sh/helm/v4/cmd/helm@v4.3.1

FROM rust:1.95-slim-bookworm AS build
# librdkafka and the SDK's cryptography are compiled from the sources that come with their crates.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
# The sources come without their repository: `vvbill --version` names what is given here.
ARG VVBILL_COMMIT=unknown
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/source/target \
    cargo build --profile dist --locked --package vvbill --bin vvbill \
    && cp target/dist/vvbill /vvbill \
    && mkdir -p /man/man1 \
    && /vvbill man --out-dir /man/man1

FROM debian:bookworm-slim
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 65532 --user-group --create-home vvbill
COPY --from=helm /go/bin/helm /usr/local/bin/helm
COPY --from=build /vvbill /usr/local/bin/vvbill
COPY --from=build /man/man1 /usr/local/share/man/man1
USER 65532:65532
# Plans are mounted here, and state that isn't in a bucket stays here.
WORKDIR /home/vvbill
ENTRYPOINT ["/usr/local/bin/vvbill"]
CMD ["--help"]
