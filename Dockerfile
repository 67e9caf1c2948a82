# The one binary on an empty image: no shell, no package manager, nobody's root.
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG VERSION=dev
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 go build -trimpath -buildvcs=false \
    -ldflags "-s -w -X github.com/paysaga/paysaga/cmd.Version=${VERSION}" -o /out/paysaga . \
    && mkdir /out/data /out/tmp

FROM scratch
LABEL org.opencontainers.image.title="paysaga" org.opencontainers.image.licenses="Apache-2.0"
# Banks are called over TLS.
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/paysaga /usr/local/bin/paysaga
COPY --from=build /src/LICENSE /LICENSE
# A volume mounted here (the sandbox keeps its book in it) belongs to the user below.
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build --chown=65532:65532 /out/tmp /tmp
ENV PAYSAGA_HOME=/data
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/paysaga"]
CMD ["api"]
