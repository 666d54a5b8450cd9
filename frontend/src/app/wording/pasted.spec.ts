import { describe, expect, it } from '@jest/globals';
import { pastedReference } from './pasted.ts';

describe('a pasted line', () => {
  it.each([
    ['nginx:1.27', 'nginx:1.27'],
    ['  nginx:1.27  ', 'nginx:1.27'],
    ['docker pull nginx:1.27', 'nginx:1.27'],
    ['podman pull quay.io/a/b', 'quay.io/a/b'],
    ['$ docker pull --platform linux/arm64 nginx:1.27', 'nginx:1.27'],
    ['sudo docker image pull -q --platform=linux/amd64 nginx', 'nginx'],
    ['docker pull nginx@sha256:00', 'nginx@sha256:00'],
    ['FROM nginx:1.27 AS build', 'nginx:1.27'],
    ['from --platform=$BUILDPLATFORM golang:1.25 as builder', 'golang:1.25'],
    ['    image: nginx:1.27', 'nginx:1.27'],
    ['  - image: "ghcr.io/owner/app:latest" # the app', 'ghcr.io/owner/app:latest'],
    ['"image": "nginx:1.27",', 'nginx:1.27'],
    ['https://hub.docker.com/_/nginx', 'nginx'],
    ['https://hub.docker.com/r/grafana/grafana/tags?page=1', 'grafana/grafana'],
    ['https://hub.docker.com/layers/library/nginx/1.27/images/sha256-00', 'library/nginx:1.27'],
    ['https://quay.io/repository/prometheus/node-exporter?tab=tags', 'quay.io/prometheus/node-exporter'],
  ])('%s names %s', (line, reference) => expect(pastedReference(line)).toBe(reference));

  it.each([
    ['docker pull'],
    ['docker pull a && docker run b'],
    ['nginx redis'],
    ['from'],
    ['image:1'],
    ['FROM nginx and more words'],
  ])('%s stays as it is', (line) => expect(pastedReference(line)).toBe(line));
});
