import { describe, expect, it } from '@jest/globals';
import { digest, iso } from '../testing/story.ts';
import { mergeTimeline, type RecordedEntry } from './merge-timeline.ts';

let sequence = 0;
function entry(
  at: string,
  digit: string | null,
  imported: boolean,
  previous?: { digit: string; seen: string; gone?: boolean },
): RecordedEntry {
  return {
    sequence: ++sequence,
    imported,
    observedAt: new Date(iso(at)),
    digest: digit === null ? null : digest(digit),
    previous:
      previous === undefined
        ? null
        : { digest: digest(previous.digit), gone: previous.gone ?? false, lastSeenAt: new Date(iso(previous.seen)) },
  };
}

/** kind, previous digest's digit, not before; hidden entries in brackets. */
function told(entries: RecordedEntry[]): string[] {
  return mergeTimeline(entries).map(({ kind, shown, previousDigest, notBefore }) => {
    const words = [kind, previousDigest?.at(-1) ?? '-', notBefore?.toISOString().slice(0, 10) ?? '-'].join(' ');
    return shown ? words : `(${words})`;
  });
}

describe('mergeTimeline', () => {
  it('leaves a chain of its own as it is', () => {
    const chain = [
      entry('2026-01-01', 'a', false),
      entry('2026-01-05', 'b', false, { digit: 'a', seen: '2026-01-04' }),
      entry('2026-01-09', null, false, { digit: 'b', seen: '2026-01-08' }),
      entry('2026-01-11', 'b', false, { digit: 'b', seen: '2026-01-10', gone: true }),
    ];
    expect(told(chain)).toEqual([
      'baseline - -',
      'change a 2026-01-04',
      'disappearance b 2026-01-08',
      'return b 2026-01-10',
    ]);
  });

  it('makes the live baseline a change where the import ends with another digest', () => {
    expect(told([entry('2026-02-01', 'b', false), entry('2026-01-01', 'a', true)])).toEqual([
      'baseline - -',
      'change a 2026-01-01',
    ]);
  });

  it('bounds a fact that a later import brought by its neighbour in time, not by its place in the chain', () => {
    const entries = [
      entry('2026-01-01', 'a', true),
      entry('2026-05-01', 'b', true, { digit: 'a', seen: '2026-01-01' }),
      entry('2026-03-01', 'c', true, { digit: 'b', seen: '1970-01-01' }),
    ];
    expect(told(entries).toSorted()).toEqual(['baseline - -', 'change a 2026-01-01', 'change c 2026-03-01']);
  });

  it('lets equal neighbours collapse, and bounds the next change by the later sight', () => {
    const entries = [
      entry('2026-01-01', 'a', true),
      entry('2026-02-01', 'a', false),
      entry('2026-02-05', 'a', true),
      entry('2026-03-01', 'b', false, { digit: 'a', seen: '2026-02-03' }),
    ];
    expect(told(entries)).toEqual([
      'baseline - -',
      '(return a 2026-01-01)',
      '(return a 2026-02-01)',
      'change a 2026-02-05',
    ]);
  });

  it('tells a change from what the registry itself answered last, whatever an import said before', () => {
    const a = entry('2026-03-01', 'a', false);
    const said = entry('2026-03-05', 'b', true);
    const seen = { digit: 'a', seen: '2026-03-09' };
    const before = ['baseline - -', 'change a 2026-03-01'];
    expect(told([a, said, entry('2026-03-10', 'b', false, seen)])).toEqual([...before, 'change a 2026-03-09']);
    expect(told([a, said, entry('2026-03-10', 'c', false, seen)])).toEqual([...before, 'change a 2026-03-09']);
    expect(told([a, said, entry('2026-03-10', null, false, seen)])).toEqual([...before, 'disappearance a 2026-03-09']);
    // What was seen before the import speaks says nothing against it.
    const earlier = entry('2026-03-10', 'b', false, { digit: 'a', seen: '2026-03-04' });
    expect(told([a, said, earlier])).toEqual([...before, '(return b 2026-03-05)']);
  });

  it('believes the registry too that a tag was there, or was gone', () => {
    const a = entry('2026-03-01', 'a', false);
    const saidGone = entry('2026-03-05', null, true, { digit: 'a', seen: '2026-03-04' });
    expect(told([a, saidGone, entry('2026-03-10', null, false, { digit: 'a', seen: '2026-03-09' })])[2]).toBe(
      'disappearance a 2026-03-09',
    );
    const gone = entry('2026-03-02', null, false, { digit: 'a', seen: '2026-03-01' });
    const said = entry('2026-03-05', 'b', true);
    const back = entry('2026-03-10', 'a', false, { digit: 'a', seen: '2026-03-09', gone: true });
    expect(told([a, gone, said, back])[3]).toBe('return a 2026-03-09');
  });

  it('takes no digest from the chain of an import', () => {
    const said = entry('2026-03-10', 'b', true, { digit: 'a', seen: '2026-03-09' });
    expect(told([entry('2026-03-01', 'a', true), entry('2026-03-05', 'b', false), said])[2]).toBe(
      '(return b 2026-03-09)',
    );
  });

  it('keeps the order of the stream at the same instant', () => {
    const entries = [entry('2026-01-01', 'b', false), entry('2026-01-01', 'a', true)];
    expect(told(entries)).toEqual(['baseline - -', 'change b 2026-01-01']);
    expect(mergeTimeline(entries.toReversed())).toEqual(mergeTimeline(entries));
  });

  it('collapses a second disappearance', () => {
    const entries = [
      entry('2026-01-01', 'a', true),
      entry('2026-01-02', null, true, { digit: 'a', seen: '2026-01-01' }),
      entry('2026-01-01', 'a', false),
      entry('2026-01-03', null, false, { digit: 'a', seen: '2026-01-02' }),
    ];
    expect(told(entries)[3]).toMatch(/^\(disappearance/);
  });
});
