# The web server: serves the built web UI and hands API calls on: docker build -f infra/web.Dockerfile -t docker-tag-monitor/web .
ARG NODE_IMAGE=node:24-bookworm-slim
ARG NGINX_IMAGE=nginx:1.30-alpine-slim

FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS manifests
WORKDIR /src
COPY . .
RUN find . -type f ! -name package.json ! -name package-lock.json ! -name .npmrc -delete && find . -type d -empty -delete

FROM --platform=$BUILDPLATFORM ${NODE_IMAGE} AS build
WORKDIR /src
COPY --from=manifests /src .
RUN --mount=type=cache,target=/root/.npm,sharing=locked --mount=type=secret,id=npmrc,target=/root/.npmrc \
    npm ci --workspace=frontend --workspace=libs/oci --workspace=libs/api-contract --include-workspace-root
COPY tsconfig.base.json ./
COPY libs/oci libs/oci
COPY libs/api-contract libs/api-contract
COPY frontend frontend
RUN npm run build --workspace=frontend
COPY infra/image/preview-head.mjs infra/image/compress.mjs infra/image/
RUN node infra/image/preview-head.mjs frontend/dist/browser/index.html && node infra/image/compress.mjs frontend/dist/browser

FROM ${NGINX_IMAGE} AS web
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Docker Tag Monitor: web" \
      org.opencontainers.image.description="The web UI of Docker Tag Monitor" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
COPY infra/web/nginx.conf infra/web/proxy.conf infra/web/headers.conf infra/web/upstream.conf /etc/nginx/dtm/
COPY --from=build /src/frontend/dist/browser /usr/share/docker-tag-monitor
COPY LICENSE /usr/share/licenses/docker-tag-monitor/LICENSE
USER 65532:65532
EXPOSE 8080
STOPSIGNAL SIGQUIT
HEALTHCHECK --interval=10s --timeout=5s --start-period=10s --retries=3 \
    CMD ["wget", "-q", "-O", "/dev/null", "http://127.0.0.1:8080/healthz"]
# Not the base image's entrypoint, which is a shell script that writes below /etc.
ENTRYPOINT ["nginx", "-c", "/etc/nginx/dtm/nginx.conf", "-e", "stderr", "-g", "daemon off;"]
CMD []
