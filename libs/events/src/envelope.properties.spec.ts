import { describe, expect, it } from '@jest/globals';
import { Reference } from '@dtm/oci';
import fc from 'fast-check';
import { decode, encode, UnreadableEvent, type NewEvent } from './envelope.ts';
import { FAILURE_CODES, SCAN_REASONS } from './scan-events.ts';
import { TRACKED_BY, UNTRACKED_BY } from './tracking-events.ts';

const timestamp = fc
  .date({ min: new Date('2000-01-01T00:00:00Z'), max: new Date('2999-12-31T23:59:59Z'), noInvalidDate: true })
  .map((date) => date.toISOString());
const hex = fc.stringMatching(/^[a-f0-9]{64}$/);
const digest = hex.map((encoded) => `sha256:${encoded}`);
const count = fc.nat();
const seconds = fc.double({ min: 0, max: 1e9, noNaN: true }).map((value) => Math.abs(value));
const reason = fc.constantFrom(...SCAN_REASONS);
const code = fc.constantFrom(...FAILURE_CODES);
const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,40}$/);
const reference = fc
  .tuple(
    fc.constantFrom('docker.io', 'quay.io', '[::1]:5000'),
    fc.stringMatching(/^[a-z0-9]{1,9}\/[a-z0-9]{1,9}$/),
    tag,
  )
  .map(([registry, repository, name]) => Reference.of(registry, repository, name));
/** Text as servers send it: any, cut to what the schema takes. */
const words = fc.string({ unit: 'grapheme', maxLength: 60 });
const previous = fc.record({ digest, lastSeenAt: timestamp, sequence: fc.integer({ min: 1 }), hash: hex });

const parts = ({ registry, repository }: Reference): { registry: string; repository: string } => ({
  registry,
  repository,
});
const scan = {
  scanId: hex,
  reason,
  startedAt: timestamp,
  finishedAt: timestamp,
  requests: count,
  trackingSequence: count,
  intervalSeconds: seconds,
};

const observed = fc.record(
  {
    digest,
    mediaType: words,
    observedAt: timestamp,
    source: hex,
    previous: fc.option(previous),
    reappeared: fc.constant(true as const),
    pushedAt: timestamp,
  },
  { requiredKeys: ['digest', 'mediaType', 'observedAt', 'source', 'previous'] },
);
const scanned = fc.record({
  ...scan,
  adapter: fc.constantFrom('oci', 'docker-hub'),
  acceptVersion: count,
  historySequence: count,
  observations: count,
  changes: count,
  coverage: fc.record({ mode: fc.constantFrom('all-but' as const, 'only' as const), tags: fc.array(tag) }),
  failures: fc.array(fc.record({ tag, code, reason: words })),
  missing: fc.array(tag),
});
const requested = fc.record(
  { requestedAt: timestamp, reason, intervalSeconds: seconds, skipQuietSince: timestamp, skipQuietUntil: timestamp },
  { requiredKeys: ['requestedAt', 'reason', 'intervalSeconds'] },
);

const ofTag = (subject: Reference) => ({ ...parts(subject), tag: subject.tag });
const attributes = (subject: string) => ({
  id: `${subject}@0`,
  source: '/docker-tag-monitor/test',
  subject,
  time: '2026-11-22T12:00:00.000Z',
});

type AnyNewEvent = NewEvent<Parameters<typeof encode>[0]['type']>;

const event: fc.Arbitrary<AnyNewEvent> = fc.oneof(
  fc.tuple(reference, observed).map(([of, data]) => ({
    ...attributes(`${of}`),
    type: 'dockertagmonitor.DigestObserved.v1' as const,
    data: { ...ofTag(of), ...data },
  })),
  fc.tuple(reference, fc.record({ observedAt: timestamp, previous })).map(([of, data]) => ({
    ...attributes(`${of}`),
    type: 'dockertagmonitor.TagDisappeared.v1' as const,
    data: { ...ofTag(of), ...data },
  })),
  fc.tuple(reference, fc.record({ trackedAt: timestamp, by: fc.constantFrom(...TRACKED_BY) })).map(([of, data]) => ({
    ...attributes(`${of}`),
    type: 'dockertagmonitor.TagTracked.v1' as const,
    data: { ...ofTag(of), ...data },
  })),
  fc
    .tuple(reference, fc.record({ untrackedAt: timestamp, by: fc.constantFrom(...UNTRACKED_BY) }))
    .map(([of, data]) => ({
      ...attributes(`${of}`),
      type: 'dockertagmonitor.TagUntracked.v1' as const,
      data: { ...ofTag(of), ...data },
    })),
  fc.tuple(reference, scanned).map(([of, data]) => ({
    ...attributes(`${of.name}`),
    type: 'dockertagmonitor.RepositoryScanned.v1' as const,
    data: { ...parts(of), ...data },
  })),
  fc.tuple(reference, fc.record({ ...scan, code, error: words })).map(([of, data]) => ({
    ...attributes(`${of.name}`),
    type: 'dockertagmonitor.RepositoryScanFailed.v1' as const,
    data: { ...parts(of), ...data },
  })),
  fc.tuple(reference, requested).map(([of, data]) => ({
    ...attributes(`${of.name}`),
    type: 'dockertagmonitor.ScanRequest.v1' as const,
    data: { ...parts(of), ...data },
  })),
);

describe('an event of any type', () => {
  it('is read as it was written, and written again as the same bytes', () => {
    fc.assert(
      fc.property(event, (written) => {
        const stored = encode(written);
        const read = decode(stored);
        expect(read).toEqual({ specversion: '1.0', datacontenttype: 'application/json', ...written });
        expect(Buffer.from(encode(read)).equals(stored)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('decode', () => {
  it('throws UnreadableEvent and nothing else, whatever the bytes', () => {
    const damaged = fc.tuple(event, fc.nat(), fc.integer({ min: 0, max: 255 })).map(([written, at, byte]) => {
      const stored = encode(written);
      stored[at % stored.length] = byte;
      return stored;
    });
    const json = fc.jsonValue().map((value) => new TextEncoder().encode(JSON.stringify(value)));
    fc.assert(
      fc.property(fc.oneof(damaged, json, fc.uint8Array()), (stored) => {
        try {
          decode(stored);
        } catch (error) {
          expect(error).toBeInstanceOf(UnreadableEvent);
        }
      }),
      { numRuns: 3000 },
    );
  });
});
