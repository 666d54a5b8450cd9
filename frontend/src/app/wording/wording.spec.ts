import { describe, expect, it } from '@jest/globals';
import { details, DIGEST_A, NOW } from '../../testing/samples.ts';
import { boundsInWords } from './bounds.ts';
import { cadenceSentence } from './cadence.ts';
import { shortDigest } from './digest.ts';
import { detailsLink } from './links.ts';
import { markedReference } from './marked.ts';
import { isWatched, outcomeInWords, sentenceOf } from './outcomes.ts';
import { agoInWords, durationInWords, exactUtc, periodInWords, relativeInWords, weekInWords } from './time.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

describe('time in words', () => {
  it.each([
    [0, '0 seconds'],
    [1_000, '1 second'],
    [89_000, '89 seconds'],
    [90_000, '2 minutes'],
    [80 * MINUTE, '80 minutes'],
    [2 * HOUR, '2 hours'],
    [35 * HOUR, '35 hours'],
    [48 * HOUR, '2 days'],
    [59 * DAY, '59 days'],
    [61 * DAY, '2 months'],
    [730 * DAY, '2 years'],
  ])('%d ms is %s', (length, words) => expect(durationInWords(length)).toBe(words));

  it('follows "every" without a one', () => {
    expect(periodInWords(1_000)).toBe('second');
    expect(periodInWords(6 * DAY)).toBe('6 days');
  });

  it.each([
    ['2026-11-22T12:00:00Z', '2 days ago'],
    ['2026-11-24T12:00:08Z', 'in 8 seconds'],
    ['2026-11-24T11:59:58Z', 'just now'],
    ['2026-11-24T12:00:02Z', 'now'],
  ])('tells %s relative to now', (at, words) => expect(relativeInWords(at, NOW)).toBe(words));

  it('puts nothing that has happened into the future, although clocks differ', () => {
    expect(agoInWords(new Date(NOW + 7 * MINUTE).toISOString(), NOW)).toBe('just now');
    expect(agoInWords(new Date(NOW - 7 * MINUTE).toISOString(), NOW)).toBe('7 minutes ago');
  });

  it('tells the exact instant in UTC', () => {
    expect(exactUtc('2026-11-03T12:01:07.4Z')).toBe('Tuesday 3 Nov 2026, 12:01:07 UTC');
    expect(exactUtc('2026-11-03T00:30:00+02:00')).toBe('Monday 2 Nov 2026, 22:30:00 UTC');
  });

  it('labels weeks as the original does, with both years where they differ', () => {
    expect(weekInWords('2024-11-11T00:00:00Z')).toBe('Nov 11 – Nov 17 2024');
    expect(weekInWords('2024-12-30T00:00:00Z')).toBe('Dec 30 2024 – Jan 5 2025');
  });
});

describe('bounds in words', () => {
  const words = (notBefore: string | null, observedAt: string): string => boundsInWords({ notBefore, observedAt }, NOW);

  it('names one day once', () =>
    expect(words('2026-11-03T10:02:00Z', '2026-11-03T12:01:00Z')).toBe('between 10:02 and 12:01 UTC on 3 Nov'));
  it('names both days across midnight', () =>
    expect(words('2026-11-02T23:02:00Z', '2026-11-03T01:01:00Z')).toBe(
      'between 23:02 on 2 Nov and 01:01 UTC on 3 Nov',
    ));
  it('names the year of another year', () =>
    expect(words('2024-11-03T10:02:00Z', '2024-11-03T12:01:00Z')).toBe('between 10:02 and 12:01 UTC on 3 Nov 2024'));
  it('names both years across New Year', () =>
    expect(words('2025-12-31T23:00:00Z', '2026-01-01T01:00:00Z')).toBe(
      'between 23:00 on 31 Dec 2025 and 01:00 UTC on 1 Jan',
    ));
  it('shows seconds where the bounds are close', () =>
    expect(words('2026-11-03T10:02:03Z', '2026-11-03T10:02:13Z')).toBe('between 10:02:03 and 10:02:13 UTC on 3 Nov'));
  it('has no bound before a baseline', () => expect(words(null, '2026-11-03T10:02:03Z')).toBe('at 10:02 UTC on 3 Nov'));
});

describe('the cadence sentence', () => {
  it('answers how often, when last, how many and since when', () =>
    expect(cadenceSentence(details(), NOW)).toBe(
      'Rebuilt about every 6 days; last 2 days ago; 15 changes in 90 days; watched since 12 May.',
    ));

  it('says that nothing changed', () =>
    expect(cadenceSentence(details({ changeCount: 0, lastChangedAt: null }), NOW)).toBe(
      'Not rebuilt since it was first seen 6 months ago; watched since 12 May.',
    ));

  it('claims no rhythm after a single change', () =>
    expect(
      cadenceSentence(details({ changeCount: 1, cadence: { ...details().cadence, medianGapSeconds: null } }), NOW),
    ).toBe('Rebuilt once, 2 days ago; watched since 12 May.'));

  it('does not promise a rhythm that ended', () =>
    expect(
      cadenceSentence(
        details({
          state: 'inactive',
          trackedSince: '2025-05-12T08:00:00Z',
          lastChangedAt: '2026-03-24T12:00:00Z',
          cadence: { ...details().cadence, changes30d: 0, changes90d: 0, watchedSince: '2025-05-12T08:00:00Z' },
        }),
        NOW,
      ),
    ).toBe(
      'Not rebuilt for 8 months; before that about every 6 days; 31 changes in a year; watched since 12 May 2025.',
    ));

  it('does not promise a rhythm that it had long ago', () =>
    expect(
      cadenceSentence(
        details({ changeCount: 113, cadence: { ...details().cadence, changes90d: 1, medianGapSeconds: 5 * 3_600 } }),
        NOW,
      ),
    ).toBe(
      'Rebuilt once in 90 days, last 2 days ago; about every 5 hours over the whole record, 113 changes; watched since 12 May.',
    ));

  it('tells history that was imported from what was watched here', () => {
    const since = (watchedSince: string, trackedSince: string | null): string =>
      cadenceSentence(details({ trackedSince, cadence: { ...details().cadence, watchedSince } }), NOW);
    expect(since('2019-05-12T08:00:00Z', '2026-11-03T08:00:00Z')).toMatch(
      /; history since 12 May 2019, imported; watched here since 3 Nov\.$/,
    );
    expect(since('2019-05-12T08:00:00Z', null)).toMatch(/; history since 12 May 2019, imported\.$/);
  });

  describe('of a tag that nobody looks at any more', () => {
    const unwatched = { state: 'untracked', lastScannedAt: null, lastChangedAt: '2026-08-19T20:50:00Z' } as const;
    const known = 'nothing is known since 19 Aug; watched since 12 May.';

    it('claims nothing of the time since then', () =>
      expect(cadenceSentence(details(unwatched), NOW)).toBe(
        `Rebuilt about every 6 days; last 3 months ago; 31 changes in all; ${known}`,
      ));

    it('claims no silence but what was seen', () => {
      expect(cadenceSentence(details({ ...unwatched, lastScannedAt: '2026-11-20T20:50:00Z' }), NOW)).toBe(
        'Not rebuilt for 3 months until 20 Nov; before that about every 6 days; 31 changes in all; nothing is known since 20 Nov; watched since 12 May.',
      );
      expect(cadenceSentence(details({ ...unwatched, changeCount: 0, lastChangedAt: null }), NOW)).toBe(
        'No change on record; first seen 6 months ago; nothing is known since 12 May; watched since 12 May.',
      );
    });

    it('says so a day after the last look, whatever the reason', () => {
      const lastScannedAt = '2026-11-22T13:00:00Z';
      for (const state of ['expired', 'unreachable', 'untracked'] as const)
        expect(cadenceSentence(details({ state, lastScannedAt }), NOW)).toContain('nothing is known since 22 Nov');
      expect(cadenceSentence(details({ state: 'unreachable' }), NOW)).not.toContain('nothing is known');
    });
  });

  it('says that a tag is gone, and that its record stays', () =>
    expect(cadenceSentence(details({ state: 'gone', digest: null }), NOW)).toMatch(
      /^Gone from its registry; the record stays\. Rebuilt about every 6 days/,
    ));

  it('says when the first result is due', () => {
    const pending = details({
      state: 'pending',
      trackedSince: '2026-11-24T11:59:50Z',
      nextScanAt: '2026-11-24T12:00:06Z',
      cadence: { ...details().cadence, watchedSince: null },
    });
    expect(cadenceSentence(pending, NOW)).toBe('Watching began 10 seconds ago. The first result is due in 6 seconds.');
    expect(cadenceSentence({ ...pending, nextScanAt: null }, NOW)).toBe(
      'Watching began 10 seconds ago. The first result is due shortly.',
    );
  });
});

describe('a short digest', () => {
  it('keeps both ends', () => expect(shortDigest(DIGEST_A)).toBe('sha256:a1a1a1a1…a1a1a1a1'));
  it('leaves what is short already', () => expect(shortDigest('sha256:abc')).toBe('sha256:abc'));
});

describe('marks of a search', () => {
  const of = { registry: 'docker.io', repository: 'library/nginx', tag: '1.27' };
  const hits = (sought: string): string[] => {
    const { registry, repository, tag } = markedReference(of, sought);
    return [registry, repository, tag].map((parts) =>
      parts.map(({ text, hit }) => (hit ? `<${text}>` : text)).join(''),
    );
  };
  it.each([
    ['', ['docker.io/', 'library/nginx', '1.27']],
    ['nginx', ['docker.io/', 'library/<nginx>', '1.27']],
    ['NGINX:1.2', ['docker.io/', 'library/<nginx>', '<1.2>7']],
    ['io/lib', ['docker.<io/>', '<lib>rary/nginx', '1.27']],
    ['27', ['docker.io/', 'library/nginx', '1.<27>']],
  ])('of "%s"', (sought, parts) => expect(hits(sought)).toEqual(parts));
});

describe('outcomes in words', () => {
  it('say what happened, why, and what to do', () => {
    expect(outcomeInWords({ reference: 'docker.io/a/b:1', outcome: 'refused', reason: 'it is private' })).toBe(
      'docker.io/a/b:1 was refused. It is private.',
    );
    expect(outcomeInWords({ reference: 'x', outcome: 'throttled', reason: 'until 12:00.' })).toContain(
      'Until 12:00. Try',
    );
  });
  it('know what is watched', () => {
    expect(isWatched({ outcome: 'already-tracked' })).toBe(true);
    expect(isWatched({ outcome: 'not-found' })).toBe(false);
  });
});

describe('a sentence', () => {
  it.each([
    ['the registry does not answer', 'The registry does not answer.'],
    ['quay.io has no such tag', 'quay.io has no such tag.'],
    ['127.0.0.1:5000/team/app: refused', '127.0.0.1:5000/team/app: refused.'],
    ['stop. Try again?', 'Stop. Try again?'],
  ])('of "%s"', (text, sentence) => expect(sentenceOf(text)).toBe(sentence));
});

describe('links', () => {
  it('keep slashes and colons', () =>
    expect(detailsLink('127.0.0.1:5000/team/app:1.0')).toEqual(['/details', '127.0.0.1:5000', 'team', 'app:1.0']));
});
