# syntax=docker/dockerfile:1

# Two stages: the first compiles on the machine that builds, for whichever platform is asked for; the
# second holds the static binary and nothing else.
FROM --platform=$BUILDPLATFORM golang:1.26-alpine AS build
WORKDIR /src

# Modules change less often than code, so they get a layer of their own.
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download

COPY . .
ARG TARGETOS TARGETARCH
ARG VERSION=dev
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$VERSION" -o /pointcharge .

# The SQLite database's folder, here because the last stage has no shell to make it with.
RUN mkdir /data

# CA certificates, time zones and the user "nonroot" (65532), but no shell.
FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /pointcharge /pointcharge
COPY --from=build --chown=65532:65532 /data /data

# In a container, loopback reaches nobody. The sandbox refuses every other address, and says so, until
# SANDBOX_REMOTE=true asks for it; so a container started without any settings serves no free points.
ENV ADDR=0.0.0.0:8080
# DATABASE_URL's default is a path relative to here: /data/pointcharge.db.
WORKDIR /
VOLUME /data
EXPOSE 8080
USER 65532:65532

HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --start-interval=1s \
    CMD ["/pointcharge", "health"]
ENTRYPOINT ["/pointcharge"]
CMD ["serve"]
