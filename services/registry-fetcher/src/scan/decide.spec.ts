import { describe, expect, it } from '@jest/globals';
import type { HistoryHead, TagScanState } from '@dtm/jetstream';
import { decide, type Answer, type Decision } from './decide.ts';

const reference = { registry: 'registry.example', repository: 'team/app', tag: '1.0' };
const A = `sha256:${'a'.repeat(64)}`;
const B = `sha256:${'b'.repeat(64)}`;
const HASH = 'c'.repeat(64);
const INTERVAL = 3600;
const at = (seconds: number): Date => new Date(Date.UTC(2026, 0, 1) + seconds * 1000);

const present = (digest: string, sent = 100): Answer & { outcome: 'present' } => ({
  outcome: 'present',
  digest,
  mediaType: 'application/vnd.oci.image.index.v1+json',
  source: 'head',
  sentAt: at(sent),
  receivedAt: at(sent + 1),
});
const absent = (sent: number): Answer => ({ outcome: 'absent', sentAt: at(sent), receivedAt: at(sent + 1) });
const head = (over: Partial<HistoryHead> = {}): HistoryHead => ({
  sequence: 7,
  hash: HASH,
  digest: A,
  gone: false,
  observedAt: at(10),
  pushedAt: null,
  changedAt: null,
  ...over,
});
const state = (over: Partial<TagScanState> = {}): TagScanState => ({
  sequence: 7,
  lastSeenAt: at(50),
  missingSince: null,
  ...over,
});
const decided = (h: HistoryHead | null, s: TagScanState | null, answer: Answer): Decision =>
  decide({ reference, head: h, state: s }, answer, INTERVAL);

describe('decide, present', () => {
  it('records a baseline with no previous', () => {
    expect(decided(null, null, present(A))).toEqual({
      kind: 'observed',
      data: {
        ...reference,
        digest: A,
        mediaType: 'application/vnd.oci.image.index.v1+json',
        observedAt: at(101).toISOString(),
        source: 'head',
        previous: null,
      },
    });
  });

  it('says unchanged where the record holds the same digest', () => {
    expect(decided(head(), state(), present(A))).toEqual({ kind: 'unchanged' });
    expect(decided(head(), null, present(A))).toEqual({ kind: 'unchanged' });
  });

  it('claims no sight of the old digest after the request that found the new one, whatever clocks say', () => {
    expect(decided(head(), state({ lastSeenAt: at(190) }), present(B))).toMatchObject({
      data: { previous: { lastSeenAt: at(100).toISOString() } },
    });
  });

  it('records a change after the last request that confirmed the event before', () => {
    expect(decided(head(), state(), present(B))).toMatchObject({
      kind: 'observed',
      data: { digest: B, previous: { digest: A, lastSeenAt: at(50).toISOString(), sequence: 7, hash: HASH } },
    });
  });

  it.each([
    ['there is no state', null],
    ['the state is of an older event', state({ sequence: 6 })],
    ['the state is of a newer event', state({ sequence: 8 })],
  ])("falls back to the event's own time where %s", (_, known) => {
    expect(decided(head(), known, present(B))).toMatchObject({
      data: { previous: { lastSeenAt: at(10).toISOString() } },
    });
  });

  it.each([
    ['the same digest', A],
    ['another digest', B],
  ])('records a return with %s as an event', (_, digest) => {
    expect(decided(head({ gone: true }), state({ lastSeenAt: at(60) }), present(digest))).toMatchObject({
      kind: 'observed',
      data: { digest, reappeared: true, previous: { digest: A, lastSeenAt: at(60).toISOString() } },
    });
  });

  it('keeps the time of the push where the registry names one', () => {
    expect(decided(null, null, { ...present(A), pushedAt: at(5) })).toMatchObject({
      data: { pushedAt: at(5).toISOString() },
    });
    expect(decided(null, null, present(A))).not.toHaveProperty('data.pushedAt');
    // Seen with another digest since then, it was moved back to this one later.
    expect(
      decided(head(), state({ lastSeenAt: at(1000) }), { ...present(B, 1100), pushedAt: at(5) }),
    ).not.toHaveProperty('data.pushedAt');
    expect(decided(head(), state(), { ...present(B), pushedAt: at(5) })).toHaveProperty('data.pushedAt');
    expect(decided(null, null, present(A))).not.toHaveProperty('data.reappeared');
  });
});

describe('decide, absent', () => {
  it('never lets disappear what was never there', () => {
    expect(decided(null, null, absent(100))).toEqual({ kind: 'missing', since: at(101) });
    const missing = state({ sequence: 0, missingSince: at(5) });
    expect(decided(null, missing, absent(1_000_000))).toEqual({ kind: 'missing', since: at(5) });
  });

  it('notes the first answer, and since when', () => {
    expect(decided(head(), state(), absent(100))).toEqual({ kind: 'missing', since: at(101) });
    expect(decided(head(), null, absent(100))).toEqual({ kind: 'missing', since: at(101) });
  });

  it('waits until a second answer was asked for one interval after the first had arrived', () => {
    const missing = state({ missingSince: at(101) });
    expect(decided(head(), missing, absent(101 + INTERVAL - 1))).toEqual({ kind: 'missing', since: at(101) });
    expect(decided(head(), missing, absent(101 + INTERVAL))).toEqual({
      kind: 'disappeared',
      since: at(101),
      data: {
        ...reference,
        observedAt: at(102 + INTERVAL).toISOString(),
        previous: { digest: A, lastSeenAt: at(50).toISOString(), sequence: 7, hash: HASH },
      },
    });
  });

  it('begins anew where another event was recorded since the first answer', () => {
    const stale = state({ sequence: 6, missingSince: at(20) });
    expect(decided(head(), stale, absent(100_000))).toEqual({ kind: 'missing', since: at(100_001) });
  });

  it('leaves gone what is gone', () => {
    expect(decided(head({ gone: true }), state({ missingSince: at(20) }), absent(100_000))).toEqual({
      kind: 'unchanged',
    });
  });
});
