# An image of one file (and the CA roots):
#
#   docker build --build-arg VERSION=1.0.0 -t infuse .
#
# Into an image of your own:
#
#   COPY --from=infuse /infuse /infuse
#   ENTRYPOINT ["/infuse", "run", "--"]
#   CMD ["node", "server.js"]
#
# As process 1 infuse stays as an init: it forwards signals and reaps orphans.

ARG GO_IMAGE=golang:1.26-alpine
FROM ${GO_IMAGE} AS build
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=devel
WORKDIR /src
COPY . .
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} \
    go build -trimpath -buildvcs=false \
      -gcflags=all=-l -gcflags=runtime/...= -gcflags=internal/...= -gcflags=crypto/internal/...= -gcflags=encoding/asn1= \
      -gcflags=encoding/json= -gcflags=bytes= -gcflags=slices= -gcflags=strconv= -gcflags=strings= -gcflags=sync/...= \
      -gcflags=unicode/utf8= -gcflags=infuse/fetch= -gcflags=infuse/fetch/api= -gcflags=infuse/fetch/secret= \
      -gcflags=infuse/runner/...= \
      -ldflags "-s -w -buildid= -funcalign=16 -X main.version=${VERSION}" -tags nethttpomithttp2 -o /out/infuse .

FROM scratch
ARG VERSION=devel
ARG REVISION=
LABEL org.opencontainers.image.title="infuse" \
      org.opencontainers.image.description="Start a program with its team's Infisical secrets in its environment" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.vendor="The infuse authors" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/infuse /infuse
# A number, so that Kubernetes can check runAsNonRoot.
USER 65532:65532
ENTRYPOINT ["/infuse"]
