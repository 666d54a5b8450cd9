import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import {
  nextRareScan,
  nextScan,
  phaseOf,
  skipQuiet,
  type Cadence,
  type Candidate,
  type ScanPast,
} from './next-scan.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const cadence: Cadence = { intervalMs: 2 * HOUR, rareIntervalMs: 7 * DAY, quietAfterMs: 180 * DAY };
/** A start of an interval and of a rare interval at phase 0. */
const T0 = Math.floor(Date.UTC(2026, 0, 1) / (7 * DAY)) * 7 * DAY;
const at = (ms: number): Date => new Date(T0 + ms);

function candidate(over: Partial<Omit<Candidate, 'past'>> = {}, past: Partial<ScanPast> = {}): Candidate {
  return {
    phase: 0,
    newestTag: 5,
    askedAt: null,
    ...over,
    past: { lastStartedAt: at(0), lastSucceededAt: at(0), lastForPersonAt: null, trackingSequence: 5, ...past },
  };
}

describe('nextScan', () => {
  it.each([
    ['never scanned', candidate({}, { lastStartedAt: null, lastSucceededAt: null, trackingSequence: 0 })],
    ['with a tag that the last scan did not know', candidate({ newestTag: 6 })],
    ['with a new tag that a person asks for', candidate({ newestTag: 6, askedAt: at(1) })],
  ])('is due at once: a repository %s', (_, one) => {
    expect(nextScan(one, cadence, at(1))).toEqual({ at: new Date(0), reason: 'new-tag', slot: `tag-${one.newestTag}` });
  });

  it('is due when a person asks, until a scan for a person has begun', () => {
    const asked = candidate({ askedAt: at(HOUR) });
    const due = { at: at(HOUR), reason: 'person', slot: `asked-${at(HOUR).getTime()}` };
    expect(nextScan(asked, cadence, at(HOUR))).toEqual(due);
    // Another scan was on its way: it may have left out the very tag that the person looks at.
    expect(nextScan(candidate(asked, { lastStartedAt: at(HOUR + 1) }), cadence, at(HOUR))).toEqual(due);
    const done = candidate(asked, { lastStartedAt: at(HOUR + 1), lastForPersonAt: at(HOUR + 1) });
    expect(nextScan(done, cadence, at(HOUR + 2))).toMatchObject({ at: at(2 * HOUR), reason: 'interval' });
  });

  it('is due at the start of the next interval, wherever in its own the last scan began', () => {
    for (const started of [0, 1, HOUR, 2 * HOUR - 1]) {
      const due = nextScan(candidate({}, { lastStartedAt: at(started) }), cadence, at(started));
      expect(due).toEqual({ at: at(2 * HOUR), reason: 'interval', slot: String(at(2 * HOUR).getTime() / (2 * HOUR)) });
    }
  });

  it('says catch-up where an interval passed without a scan, and names the present one', () => {
    const slot = (now: number): string => String(Math.floor(at(now).getTime() / (2 * HOUR)));
    const one = candidate();
    expect(nextScan(one, cadence, at(3 * HOUR))).toMatchObject({ reason: 'interval', slot: slot(2 * HOUR) });
    expect(nextScan(one, cadence, at(4 * HOUR))).toEqual({
      at: at(2 * HOUR),
      reason: 'catch-up',
      slot: slot(4 * HOUR),
    });
  });

  it('asks for each repository exactly once in each interval, whatever the delays, restarts and replicas', () => {
    const delays = fc.array(fc.integer({ min: 0, max: 9_000 }), { minLength: 30, maxLength: 30 });
    const intervals = fc.integer({ min: 10_000, max: 100_000 });
    fc.assert(
      fc.property(fc.double({ min: 0, max: 0.999999, noNaN: true }), intervals, delays, (phase, intervalMs, waits) => {
        const own: Cadence = { ...cadence, intervalMs };
        const origin = T0 + Math.floor(phase * intervalMs);
        let past = candidate({}, { lastStartedAt: new Date(origin) }).past;
        const slots: string[] = [];
        for (const wait of waits) {
          // Two schedulers look, one of them later and freshly started: both name the same occasion.
          const due = nextScan(candidate({ phase }, past), own, new Date(origin));
          const late = new Date(due.at.getTime() + Math.min(wait, intervalMs - 1));
          const found = [due.at, late].map((now) => nextScan(candidate({ phase }, past), own, now).slot);
          slots.push(...new Set(found));
          past = { ...past, lastStartedAt: late };
        }
        expect(slots.map(Number)).toEqual(waits.map((_, i) => Number(slots[0]) + i));
      }),
    );
  });

  it('takes a scan that begins at its due time for one of that interval', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 0.9999999999, noNaN: true }),
        fc.integer({ min: 1000, max: 30 * DAY }),
        fc.integer({ min: 0, max: 100_000 }),
        (phase, intervalMs, ahead) => {
          const own: Cadence = { ...cadence, intervalMs };
          const first = nextScan(candidate({ phase }, { lastStartedAt: at(ahead) }), own, at(ahead));
          const second = nextScan(candidate({ phase }, { lastStartedAt: first.at }), own, first.at);
          expect(second.at.getTime() - first.at.getTime()).toBe(intervalMs);
        },
      ),
    );
  });
});

describe('phaseOf', () => {
  it('spreads repositories evenly and always alike', () => {
    const keys = Array.from({ length: 10_000 }, (_, i) => `docker=2Eio.library/app-${i}`);
    expect(keys.map(phaseOf)).toEqual(keys.map(phaseOf));
    const tenths = new Array<number>(10).fill(0);
    for (const tenth of keys.map((key) => Math.floor(phaseOf(key) * 10))) tenths[tenth] = (tenths[tenth] ?? 0) + 1;
    for (const count of tenths) {
      expect(count).toBeGreaterThan(900);
      expect(count).toBeLessThan(1100);
    }
  });
});

describe('skipQuiet', () => {
  it.each([
    ['a person asks', candidate(), at(HOUR), 'person' as const],
    ['nothing was ever scanned', candidate({}, { lastSucceededAt: null }), at(HOUR), 'interval' as const],
    ['no scan succeeded in this rare interval', candidate(), at(7 * DAY), 'interval' as const],
    ['several rare intervals were missed', candidate(), at(30 * DAY), 'catch-up' as const],
  ])('leaves out nothing where %s', (_, one, now, reason) => {
    expect(skipQuiet(one, cadence, now, reason)).toBeNull();
  });

  it('leaves out quiet tags in the rest of a rare interval', () => {
    const now = at(6 * DAY);
    expect(skipQuiet(candidate(), cadence, now, 'interval')).toEqual({
      since: new Date(now.getTime() - cadence.quietAfterMs),
      until: at(7 * DAY),
    });
  });
});

describe('nextRareScan', () => {
  it('is the first scan in the next rare interval', () => {
    expect(nextRareScan(candidate(), cadence)).toEqual(at(7 * DAY));
    expect(nextRareScan(candidate({}, { lastSucceededAt: at(8 * DAY) }), cadence)).toEqual(at(14 * DAY));
    expect(nextRareScan(candidate({}, { lastSucceededAt: null }), cadence)).toBeNull();
  });

  it('is a time at which the repository is scanned, and at which quiet tags are not left out', () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0, max: 0.999999, noNaN: true }),
        fc.integer({ min: 60_000, max: DAY }),
        fc.integer({ min: 0, max: 30 * DAY }),
        (phase, intervalMs, started) => {
          const own: Cadence = { ...cadence, intervalMs };
          const one = candidate({ phase }, { lastSucceededAt: at(started), lastStartedAt: at(started) });
          const rare = nextRareScan(one, own);
          expect(rare).not.toBeNull();
          if (rare === null) return;
          const justBefore = new Date(rare.getTime() - 1);
          expect(nextScan(candidate(one, { lastStartedAt: justBefore }), own, rare).at).toEqual(rare);
          expect(skipQuiet(one, own, rare, 'interval')).toBeNull();
          const before = new Date(rare.getTime() - intervalMs);
          const until = skipQuiet(one, own, before, 'interval')?.until;
          // Begun before that, it is no scan of the next rare interval; begun then, it is, and left out nothing.
          expect(until?.getTime()).toBeGreaterThan(before.getTime());
          expect(until?.getTime()).toBeLessThanOrEqual(rare.getTime());
          expect(skipQuiet(one, own, new Date((until?.getTime() ?? 0) - 1), 'interval')).not.toBeNull();
          expect(skipQuiet(one, own, until ?? before, 'interval')).toBeNull();
        },
      ),
    );
  });
});
