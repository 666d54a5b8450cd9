import { encode, EVENT_TYPES, type RepositoryScanned } from '@dtm/events';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { failedEvent, scannedEvent } from './scan-event.ts';
import type { TagOutcome } from './scan-tally.ts';

const fields = {
  registry: 'registry.example',
  repository: 'team/app',
  scanId: 'scan',
  reason: 'interval' as const,
  startedAt: '2026-01-01T00:00:00.000Z',
  finishedAt: '2026-01-01T00:00:01.000Z',
  requests: 3,
  trackingSequence: 4,
  intervalSeconds: 60,
  adapter: 'oci',
  acceptVersion: 1,
  historySequence: 9,
};
const MOST = 1024 * 1024 - 4096;
const sentAt = new Date(0);
const agreed: TagOutcome = { kind: 'agreed', sequence: 1, sentAt, gone: false };
const gone: TagOutcome = { kind: 'agreed', sequence: 1, sentAt, gone: true };
const missing: TagOutcome = { kind: 'missing', sequence: 1, since: sentAt };
const failed: TagOutcome = { kind: 'failed', code: 'server-error', reason: 'the registry answered 500' };

function bytesOf(event: RepositoryScanned): number {
  const envelope = { id: 'x', source: '/docker-tag-monitor/registry-fetcher', time: fields.finishedAt };
  const subject = `${fields.registry}/${fields.repository}`;
  return encode({ ...envelope, subject, type: EVENT_TYPES.RepositoryScanned, data: event }).length;
}

function isCovered({ coverage: { mode, tags } }: RepositoryScanned, tag: string): boolean {
  return (mode === 'all-but') !== tags.includes(tag);
}

describe('scannedEvent', () => {
  it('names what is not covered where that is shorter, and what is covered otherwise', () => {
    const few = new Map<string, TagOutcome>([
      ['a', agreed],
      ['b', agreed],
      ['c', missing],
      ['d', gone],
      ['e', failed],
    ]);
    const event = scannedEvent(fields, { outcomes: few, changes: 2 }, ['a', 'b', 'c', 'd', 'e', 'skipped']);
    expect(event).toEqual({
      ...fields,
      observations: 2,
      changes: 2,
      coverage: { mode: 'all-but', tags: ['e', 'skipped'] },
      failures: [{ tag: 'e', code: 'server-error', reason: 'the registry answered 500' }],
      missing: ['c', 'd'],
    });
    const most = scannedEvent(fields, { outcomes: new Map([['a', agreed]]), changes: 0 }, ['a', 'x', 'y', 'z']);
    expect(most.coverage).toEqual({ mode: 'only', tags: ['a'] });
    const all = scannedEvent(fields, { outcomes: new Map([['a', agreed]]), changes: 0 }, ['a']);
    expect(all.coverage).toEqual({ mode: 'all-but', tags: [] });
  });

  it('covers nothing where nothing was asked', () => {
    const event = scannedEvent(fields, { outcomes: new Map(), changes: 0 }, ['quiet']);
    expect(event.coverage).toEqual({ mode: 'only', tags: [] });
  });

  it.each([
    ['half of 20,000 covered', (i: number) => (i % 2 === 0 ? agreed : null)],
    ['20,000 gone', () => gone],
    ['20,000 covered', () => agreed],
    ['20,000 failed', (): TagOutcome => ({ kind: 'failed', code: 'internal', reason: '\u0001'.repeat(5000) })],
    ['a third each', (i: number) => [agreed, missing, failed][i % 3] ?? null],
  ])('stays within one message with %s of the longest tags', (_, outcomeOf) => {
    const tags = Array.from({ length: 20_000 }, (__, i) => `${String(i).padStart(6, '0')}${'x'.repeat(122)}`);
    const outcomes = new Map<string, TagOutcome>();
    tags.forEach((tag, i) => {
      const outcome = outcomeOf(i);
      if (outcome !== null) outcomes.set(tag, outcome);
    });
    const event = scannedEvent(fields, { outcomes, changes: 0 }, tags);
    expect(bytesOf(event)).toBeLessThan(MOST);
    const listed = new Set(event.coverage.tags);
    const claimed = tags.filter((tag) => (event.coverage.mode === 'all-but') !== listed.has(tag));
    expect(claimed.filter((tag) => (outcomes.get(tag)?.kind ?? 'failed') === 'failed')).toEqual([]);
  });

  it('never claims a tag that gave no answer, nor hides that one is missing', () => {
    const outcome = fc.constantFrom(agreed, gone, missing, failed, null);
    const known = fc.uniqueArray(fc.tuple(fc.stringMatching(/^[a-z0-9]{1,8}$/), outcome), { selector: ([tag]) => tag });
    fc.assert(
      fc.property(known, (pairs) => {
        const outcomes = new Map(pairs.flatMap(([tag, one]) => (one === null ? [] : [[tag, one] as const])));
        const event = scannedEvent(
          fields,
          { outcomes, changes: 0 },
          pairs.map(([tag]) => tag),
        );
        for (const [tag, one] of pairs) {
          expect(isCovered(event, tag)).toBe(one !== null && one.kind !== 'failed');
          expect(event.missing.includes(tag)).toBe(one === gone || one === missing);
          expect(event.failures.some((failure) => failure.tag === tag)).toBe(one === failed);
        }
      }),
    );
  });
});

describe('failedEvent', () => {
  it('cuts a reason that is too long for the schema', () => {
    const event = failedEvent(fields, { kind: 'failed', code: 'timeout', reason: 'x'.repeat(2000) });
    expect(event.error).toHaveLength(500);
    expect(event.error.endsWith('...')).toBe(true);
  });
});
