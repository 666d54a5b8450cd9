import { describe, expect, it } from '@jest/globals';
import type { HistoryHead, TagScanState } from '@dtm/jetstream';
import { nextState } from './next-state.ts';

const at = (seconds: number): Date => new Date(seconds * 1000);
const before: TagScanState = { sequence: 7, lastSeenAt: at(50), missingSince: at(60) };
const head = { sequence: 7, observedAt: at(10) } as HistoryHead;

describe('nextState', () => {
  it('keeps what is known of a tag that gave no answer', () => {
    expect(nextState(undefined, before, () => head)).toBe(before);
    expect(nextState({ kind: 'failed', code: 'timeout', reason: 'x' }, before, () => head)).toBe(before);
    expect(nextState(undefined, null, () => head)).toBeNull();
  });

  it('remembers the sending of the request that confirmed the record, and forgets absence', () => {
    expect(nextState({ kind: 'agreed', sequence: 8, sentAt: at(100), gone: false }, before, () => head)).toEqual({
      sequence: 8,
      lastSeenAt: at(100),
      missingSince: null,
    });
  });

  it('keeps the later bound of a scan that ran at the same time, as long as it is about the same event', () => {
    const agreed = { kind: 'agreed', sequence: 7, sentAt: at(40), gone: false } as const;
    expect(nextState(agreed, before, () => head)).toMatchObject({ lastSeenAt: at(50), missingSince: null });
    expect(nextState(agreed, { ...before, sequence: 6 }, () => head)).toMatchObject({ lastSeenAt: at(40) });
  });

  it('does not take a list for proof that a tag is there again, unless the registry says when', () => {
    const listed = { kind: 'agreed', sequence: 7, sentAt: at(50), gone: false, listed: true } as const;
    expect(nextState(listed, before, () => head)).toEqual(before);
    expect(nextState({ ...listed, sentAt: at(70) }, before, () => head)).toMatchObject({ missingSince: null });
    expect(nextState({ ...listed, sequence: 8 }, before, () => head)).toMatchObject({ missingSince: null });
  });

  it('confirms nothing by an absence', () => {
    const missing = { kind: 'missing', sequence: 7, since: at(60) } as const;
    expect(nextState(missing, before, () => head)).toEqual(before);
    expect(nextState(missing, { ...before, sequence: 6 }, () => head)).toEqual({
      sequence: 7,
      lastSeenAt: at(10),
      missingSince: at(60),
    });
    expect(nextState({ ...missing, sequence: 0 }, null, () => null)).toEqual({
      sequence: 0,
      lastSeenAt: at(60),
      missingSince: at(60),
    });
  });
});
