# syntax=docker/dockerfile:1
# One image for each service, and one for the command line: a static binary and nothing else.
#   docker build --target orders -t madang/orders:dev .
# All targets share the build stage, whose dependencies are kept between builds. `make images` builds all of them.
ARG RUST=1.95

FROM rust:${RUST}-slim-bookworm AS build
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /src
COPY . .
# Of a crate that is not built there is the manifest alone; with an empty library it makes the workspace whole.
RUN for crate in */Cargo.toml; do [ -d "${crate%/*}/src" ] || install -D /dev/null "${crate%/*}/src/lib.rs"; done
# Without the C library's loader there is nothing to link against at run time. glibc resolves names by files and DNS on its own.
# Relocations are packed: they were half a megabyte of each binary.
# No panic passes through C, so C needs no tables for it.
ENV RUSTFLAGS="-C target-feature=+crt-static -C link-arg=-Wl,-z,pack-relative-relocs" \
    CFLAGS="-fno-asynchronous-unwind-tables" CARGO_INCREMENTAL=0 CARGO_TERM_COLOR=never
# Jobs at once: fat LTO takes about 2 GiB for each binary.
ARG JOBS=2
# `release` is built sooner, and larger.
ARG PROFILE=dist
# What is built: an image of one service needs that one alone, and CLI empty.
ARG SERVICES="catalog inventory payments shipping orders notifications gateway console"
ARG CLI=cli
# The command line on its own, or the services would carry what its client of Kubernetes asks of the libraries they share.
# Where cargo unpacks them is left out of what a panic says: 0.05 MB of paths.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,id=madang-target,sharing=locked \
    host="$(rustc -vV | sed -n 's/^host: //p')" && binaries="target/$host/$PROFILE" \
 && cargo fetch --locked --target "$host" \
 && for folder in "$CARGO_HOME"/registry/src/*/; do RUSTFLAGS="$RUSTFLAGS --remap-path-prefix=$folder="; done \
 && build() { cargo build --profile "$PROFILE" --locked --jobs "$JOBS" --target "$host" --bins "$@"; } \
 && for name in $SERVICES; do set -- "$@" -p "madang-$name"; done && build "$@" \
 && mkdir -p /out/etc /out/tmp && chmod 1777 /out/tmp \
 && for name in $SERVICES; do cp "$binaries/madang-$name" /out/ || exit 1; done \
 && if [ -n "$CLI" ]; then build -p madang-cli && cp "$binaries/madang" /out/; fi \
 && printf 'nonroot:x:65532:65532:nonroot:/:/sbin/nologin\n' > /out/etc/passwd \
 && printf 'nonroot:x:65532:\n' > /out/etc/group \
 && printf 'hosts: files dns\n' > /out/etc/nsswitch.conf

FROM scratch AS base
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.source="https://github.com/madang-dev/madang" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.vendor="Madang" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /out/etc /etc
COPY --from=build /out/tmp /tmp
USER 65532:65532

FROM base AS catalog
LABEL org.opencontainers.image.title="madang-catalog"
COPY --from=build /out/madang-catalog /madang-catalog
ENTRYPOINT ["/madang-catalog"]

FROM base AS inventory
LABEL org.opencontainers.image.title="madang-inventory"
COPY --from=build /out/madang-inventory /madang-inventory
ENTRYPOINT ["/madang-inventory"]

FROM base AS payments
LABEL org.opencontainers.image.title="madang-payments"
COPY --from=build /out/madang-payments /madang-payments
ENTRYPOINT ["/madang-payments"]

FROM base AS shipping
LABEL org.opencontainers.image.title="madang-shipping"
COPY --from=build /out/madang-shipping /madang-shipping
ENTRYPOINT ["/madang-shipping"]

FROM base AS orders
LABEL org.opencontainers.image.title="madang-orders"
COPY --from=build /out/madang-orders /madang-orders
ENTRYPOINT ["/madang-orders"]

FROM base AS notifications
LABEL org.opencontainers.image.title="madang-notifications"
COPY --from=build /out/madang-notifications /madang-notifications
ENTRYPOINT ["/madang-notifications"]

FROM base AS gateway
LABEL org.opencontainers.image.title="madang-gateway"
COPY --from=build /out/madang-gateway /madang-gateway
ENTRYPOINT ["/madang-gateway"]

FROM base AS console
LABEL org.opencontainers.image.title="madang-console"
COPY --from=build /out/madang-console /madang-console
ENTRYPOINT ["/madang-console"]

FROM base AS cli
LABEL org.opencontainers.image.title="madang"
COPY --from=build /out/madang /madang
ENTRYPOINT ["/madang"]
