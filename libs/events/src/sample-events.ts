import { type EventType, type NewEvent } from './envelope.ts';

/** For specs: one digest of every hex digit. */
export function sampleDigest(digit: string): string {
  return `sha256:${digit.repeat(64)}`;
}

const TAG = { registry: 'docker.io', repository: 'library/nginx', tag: '1.27' };
const REPOSITORY = { registry: TAG.registry, repository: TAG.repository };
const SCAN = {
  ...REPOSITORY,
  scanId: '01JD7Z9V6M',
  reason: 'interval',
  startedAt: '2026-11-22T12:00:00.000Z',
  finishedAt: '2026-11-22T12:00:01.500Z',
  requests: 4,
  trackingSequence: 17,
  intervalSeconds: 7200,
} as const;

/** For specs: one event of every type, each with all its optional members. */
export const SAMPLE_EVENTS: { readonly [K in EventType]: NewEvent<K> } = {
  'dockertagmonitor.DigestObserved.v1': {
    id: 'docker.io/library/nginx:1.27@41',
    source: '/docker-tag-monitor/registry-fetcher',
    type: 'dockertagmonitor.DigestObserved.v1',
    subject: 'docker.io/library/nginx:1.27',
    time: '2026-11-22T12:00:00.250Z',
    data: {
      ...TAG,
      digest: sampleDigest('b'),
      mediaType: 'application/vnd.oci.image.index.v1+json',
      observedAt: '2026-11-22T12:00:00.250Z',
      source: 'head',
      previous: {
        digest: sampleDigest('a'),
        lastSeenAt: '2026-11-22T10:00:00.000Z',
        sequence: 41,
        hash: 'c'.repeat(64),
      },
      reappeared: true,
      pushedAt: '2026-11-22T11:58:00.000Z',
    },
  },
  'dockertagmonitor.TagDisappeared.v1': {
    id: 'docker.io/library/nginx:1.27@42',
    source: '/docker-tag-monitor/registry-fetcher',
    type: 'dockertagmonitor.TagDisappeared.v1',
    subject: 'docker.io/library/nginx:1.27',
    time: '2026-11-22T16:00:00.000Z',
    data: {
      ...TAG,
      observedAt: '2026-11-22T16:00:00.000Z',
      previous: {
        digest: sampleDigest('b'),
        lastSeenAt: '2026-11-22T12:00:00.000Z',
        sequence: 42,
        hash: 'd'.repeat(64),
      },
    },
  },
  'dockertagmonitor.TagTracked.v1': {
    id: 'docker.io/library/nginx:1.27@0',
    source: '/docker-tag-monitor/api',
    type: 'dockertagmonitor.TagTracked.v1',
    subject: 'docker.io/library/nginx:1.27',
    time: '2026-11-22T09:00:00.000Z',
    data: { ...TAG, trackedAt: '2026-11-22T09:00:00.000Z', by: 'person' },
  },
  'dockertagmonitor.TagUntracked.v1': {
    id: 'docker.io/library/nginx:1.27@3',
    source: '/docker-tag-monitor/scheduler',
    type: 'dockertagmonitor.TagUntracked.v1',
    subject: 'docker.io/library/nginx:1.27',
    time: '2026-11-22T17:00:00.000Z',
    data: { ...TAG, untrackedAt: '2026-11-22T17:00:00.000Z', by: 'expiry' },
  },
  'dockertagmonitor.RepositoryScanned.v1': {
    id: '01JD7Z9V6M',
    source: '/docker-tag-monitor/registry-fetcher',
    type: 'dockertagmonitor.RepositoryScanned.v1',
    subject: 'docker.io/library/nginx',
    time: '2026-11-22T12:00:01.500Z',
    data: {
      ...SCAN,
      adapter: 'oci',
      acceptVersion: 1,
      historySequence: 42,
      observations: 2,
      changes: 1,
      coverage: { mode: 'all-but', tags: ['1.26'] },
      failures: [{ tag: '1.26', code: 'timeout', reason: 'no answer within 10 s' }],
      missing: ['1.0'],
      appeared: ['1.28'],
    },
  },
  'dockertagmonitor.RepositoryScanFailed.v1': {
    id: '01JD7Z9V6M',
    source: '/docker-tag-monitor/registry-fetcher',
    type: 'dockertagmonitor.RepositoryScanFailed.v1',
    subject: 'docker.io/library/nginx',
    time: '2026-11-22T12:00:01.500Z',
    data: { ...SCAN, code: 'unreachable', error: 'connection refused' },
  },
  'dockertagmonitor.ScanRequest.v1': {
    id: 'docker.io/library/nginx@247000',
    source: '/docker-tag-monitor/scheduler',
    type: 'dockertagmonitor.ScanRequest.v1',
    subject: 'docker.io/library/nginx',
    time: '2026-11-22T12:00:00.000Z',
    data: {
      ...REPOSITORY,
      requestedAt: '2026-11-22T12:00:00.000Z',
      reason: 'interval',
      intervalSeconds: 7200,
      skipQuietSince: '2026-05-22T12:00:00.000Z',
      skipQuietUntil: '2026-11-26T04:30:00.000Z',
    },
  },
  'dockertagmonitor.ManifestDescribed.v1': {
    id: sampleDigest('b'),
    source: '/docker-tag-monitor/registry-fetcher',
    type: 'dockertagmonitor.ManifestDescribed.v1',
    subject: sampleDigest('b'),
    time: '2026-11-22T12:00:02.000Z',
    data: {
      ...REPOSITORY,
      digest: sampleDigest('b'),
      mediaType: 'application/vnd.oci.image.index.v1+json',
      size: 72_000_000,
      platforms: [
        { os: 'linux', architecture: 'amd64', digest: sampleDigest('c'), size: 72_000_000 },
        { os: 'linux', architecture: 'arm', variant: 'v7', digest: sampleDigest('d') },
      ],
      createdAt: '2026-11-22T11:30:00.000Z',
      describedAt: '2026-11-22T12:00:02.000Z',
      source: 'manifest',
    },
  },
};
