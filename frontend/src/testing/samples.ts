import type { Change, ChangeMessage, Page, TagDetails, TagSummary } from '@dtm/api-contract';

export const DIGEST_A = `sha256:${'a1'.repeat(32)}`;
export const DIGEST_B = `sha256:${'b2'.repeat(32)}`;
/** A Tuesday. */
export const NOW = Date.parse('2026-11-24T12:00:00Z');

/** A watched tag as lists show it. */
export function summary(changes: Partial<TagSummary> = {}): TagSummary {
  return {
    reference: 'docker.io/library/nginx:1.27',
    registry: 'docker.io',
    repository: 'library/nginx',
    tag: '1.27',
    state: 'active',
    trackedSince: '2026-05-12T08:00:00Z',
    trackedBy: 'person',
    digest: DIGEST_A,
    platforms: ['linux/amd64'],
    lastScannedAt: '2026-11-24T11:00:00Z',
    lastChangedAt: '2026-11-22T12:00:00Z',
    lastPushedAt: null,
    changeCount: 31,
    sparkline: [0, 0, 0, 0, 0, 0, 2, 4, 6, 7, 6, 6],
    failure: null,
    ...changes,
  };
}

/** The same tag in full. */
export function details(changes: Partial<TagDetails> = {}): TagDetails {
  return {
    ...summary(),
    cadence: {
      changes30d: 5,
      changes90d: 15,
      changes365d: 31,
      medianGapSeconds: 6 * 86_400,
      longestGapSeconds: 20 * 86_400,
      watchedSince: '2026-05-12T08:00:05Z',
    },
    coverage: { since: '2026-05-12T08:00:05Z', recentGaps: [] },
    nextScanAt: '2026-11-24T13:00:00Z',
    nextScanReason: 'every 2 hours',
    ...changes,
  };
}

/** A change from A to B. */
export function change(changes: Partial<Change> = {}): Change {
  return {
    sequence: 7,
    digest: DIGEST_B,
    previousDigest: DIGEST_A,
    notBefore: '2026-11-24T10:02:00Z',
    observedAt: '2026-11-24T12:01:00Z',
    pushedAt: null,
    source: 'head',
    kind: 'change',
    ...changes,
  };
}

/** The same as a live message. */
export function changeMessage(changes: Partial<Change> = {}): ChangeMessage {
  return { reference: 'docker.io/library/nginx:1.27', change: change(changes) };
}

/** The only page of a list. */
export function onlyPage<T>(...items: T[]): Page<T> {
  return { items, total: items.length, page: 1, pages: 1, next: null };
}
