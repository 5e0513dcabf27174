# The same image as hack/image.sh makes, for those who build with a container
# engine: the controller, and nothing else.
FROM --platform=${BUILDPLATFORM:-linux/amd64} golang:1.26 AS build
WORKDIR /src
# The modules have a layer of their own, so that a change of code downloads none.
COPY go.mod go.sum ./
RUN go mod download
# With .git, from which the version is taken.
COPY . .
# Set by the engine. A default here would win over it.
ARG TARGETOS
ARG TARGETARCH
RUN CGO_ENABLED=0 GOOS=${TARGETOS:-linux} GOARCH=${TARGETARCH} \
    go build -trimpath -ldflags "-s -w" -o /sluice-controller ./cmd/sluice-controller

FROM scratch
COPY --from=build /sluice-controller /sluice-controller
USER 65532:65532
ENTRYPOINT ["/sluice-controller"]
