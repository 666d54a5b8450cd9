import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startPostgres, type RunningPostgres } from '@dtm/testing';
import type { TagRecord } from '../entities/rows.ts';
import { FilledReadModel } from '../testing/filled-read-model.ts';

const NOW = new Date('2026-11-15T12:00:00Z');
const BUSY = 'ghcr.io/team/app:busy';
const QUIET = 'ghcr.io/team/app:quiet';
const DAY_MS = 24 * 3600 * 1000;

let postgres: RunningPostgres;
let filled: FilledReadModel;

beforeAll(async () => {
  postgres = await startPostgres();
  filled = await FilledReadModel.in(await postgres.newDatabase());
  await filled.tag(BUSY, {}, { lastScannedAt: new Date('2026-11-15T11:00:00Z'), intervalSeconds: 7_200 });
  await filled.tag(QUIET);
  // A baseline on 1 September, then a change every five days at noon.
  await filled.history(
    BUSY,
    Array.from({ length: 14 }, (_, i) => new Date(Date.parse('2026-09-01T12:00:00Z') + i * 5 * DAY_MS)),
  );
});
afterAll(async () => {
  await filled.close();
  await postgres.stop();
});

describe('history of a tag', () => {
  it('comes newest first, page by page', async () => {
    const all = await filled.readModel.listChanges({ reference: BUSY, limit: 100, offset: 0, since: null });
    expect(all.rows.map(({ sequence }) => sequence)).toEqual([14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
    const paged: number[] = [];
    for (let offset = 0; offset < 14; offset += 4) {
      const { rows, total } = await filled.readModel.listChanges({ reference: BUSY, limit: 4, offset, since: null });
      expect(total).toBe(14);
      paged.push(...rows.map(({ sequence }) => sequence));
    }
    expect(paged).toEqual(all.rows.map(({ sequence }) => sequence));
  });

  it('ends where the api shows no more, but never before the newest', async () => {
    const since = new Date('2026-10-20');
    const recent = await filled.readModel.listChanges({ reference: BUSY, limit: 3, offset: 3, since });
    expect([recent.total, recent.rows.map(({ sequence }) => sequence)]).toEqual([4, [11]]);
    const none = await filled.readModel.listChanges({ reference: BUSY, limit: 10, offset: 0, since: NOW });
    expect([none.total, none.rows.map(({ sequence }) => sequence)]).toEqual([1, [14]]);
  });

  it('is empty of a tag without any, and of an unknown one', async () => {
    for (const reference of [QUIET, 'ghcr.io/team/app:unknown']) {
      const question = { reference, limit: 10, offset: 0, since: NOW };
      expect(await filled.readModel.listChanges(question)).toEqual({ rows: [], total: 0 });
    }
  });

  it('is told live behind a sequence', async () => {
    const { rows, upTo } = await filled.readModel.nextChanges(11, 2, null);
    expect(rows.map(({ sequence, reference }) => [sequence, reference])).toEqual([
      [12, BUSY],
      [13, BUSY],
    ]);
    expect(upTo).toBe(13);
  });

  it('says how far the record is read with what is told, also where that is nothing', async () => {
    const end = 20;
    await filled.database.query(
      `insert into ${filled.schema}.checkpoint (stream, stream_created, sequence) values ('HISTORY', now(), $1)`,
      [end],
    );
    expect((await filled.readModel.nextChanges(11, 100, null)).upTo).toBe(end);
    expect(await filled.readModel.nextChanges(0, 10, QUIET)).toEqual({ rows: [], upTo: end });
    // Whoever has read further than this record reaches is told so.
    expect(await filled.readModel.nextChanges(end + 100, 10, null)).toEqual({ rows: [], upTo: end });
  });
});

describe('description of a tag', () => {
  it('tells how often it changes', async () => {
    expect(await filled.readModel.describeTag(BUSY, NOW, null)).toEqual({
      changes30d: 4,
      changes90d: 13,
      changes365d: 13,
      medianGapSeconds: 5 * 24 * 3600,
      longestGapSeconds: 5 * 24 * 3600,
      watchedSince: new Date('2026-09-01T12:00:00Z'),
      coveredSince: null,
      recentGaps: [],
    });
    expect(await filled.readModel.describeTag(BUSY, NOW, new Date('2026-11-01'))).toMatchObject({
      changes90d: 1,
      medianGapSeconds: null,
    });
    expect(await filled.readModel.describeTag(QUIET, NOW, null)).toMatchObject({ changes365d: 0, watchedSince: null });
    expect(await filled.readModel.describeTag('ghcr.io/team/app:unknown', NOW, null)).toBeNull();
  });

  it('tells since when it is observed here, whatever was imported', async () => {
    const reference = 'ghcr.io/team/imported:1';
    const [baselineAt, trackedSince] = [new Date('2023-01-02'), new Date('2023-01-01')];
    const coveredSince = new Date('2026-11-20T00:00:00Z');
    const since = async (more: Partial<TagRecord>): Promise<Date | null | undefined> => {
      await filled.tag(reference, { baselineAt, trackedSince, coveredSince, ...more });
      return (await filled.readModel.describeTag(reference, NOW, null))?.coveredSince;
    };
    // The original's history comes with the time from which on the original watched.
    expect(await since({ imported: true })).toEqual(coveredSince);
    expect(await since({ imported: true, coveredSince: null })).toBeNull();
    expect(await since({})).toEqual(baselineAt);
    expect(await since({ trackedSince: null })).toBeNull();
    expect(await since({ baselineAt: null })).toBeNull();
  });

  it('tells the gaps of the last 60 days since it was covered, the open one included', async () => {
    const reference = 'ghcr.io/team/gaps:1';
    const lastScannedAt = new Date('2026-11-15T06:00:00Z');
    const { repositoryId } = await filled.tag(
      reference,
      { trackedSince: new Date('2026-11-01'), coveredSince: new Date('2026-11-01T02:00:00Z') },
      { lastScannedAt, intervalSeconds: 7_200 },
    );
    for (const day of ['2026-08-01', '2026-10-20', '2026-11-01', '2026-11-05']) {
      await filled.database.query(
        `insert into ${filled.schema}.scan_gap select $1, $2::timestamptz, $2::timestamptz + interval '6 hours'`,
        [repositoryId, `${day}T00:00:00Z`],
      );
    }
    expect((await filled.readModel.describeTag(reference, NOW, null))?.recentGaps).toEqual([
      { from: new Date('2026-11-01T02:00:00Z'), to: new Date('2026-11-01T06:00:00Z') },
      { from: new Date('2026-11-05T00:00:00Z'), to: new Date('2026-11-05T06:00:00Z') },
      { from: lastScannedAt, to: NOW },
    ]);
  });
});

describe('gaps of a tag alone', () => {
  it('are told with those of its repository, what overlaps as one', async () => {
    const at = (day: number): Date => new Date(Date.UTC(2026, 10, day));
    const more = { trackedSince: at(1), coveredSince: at(1) };
    const newest = { lastScannedAt: NOW, intervalSeconds: 7_200 };
    const { id, repositoryId } = await filled.tag('ghcr.io/team/alone:1', more, newest);
    await filled.tag('ghcr.io/team/alone:2', more, newest);
    const gap = (table: string, of: number, from: number, to: number): Promise<unknown> =>
      filled.database.query(`insert into ${filled.schema}.${table} values ($1, $2, $3)`, [of, at(from), at(to)]);
    await gap('scan_gap', repositoryId, 3, 4);
    await gap('scan_gap', repositoryId, 7, 9);
    await gap('tag_gap', id, 2, 5);
    await gap('tag_gap', id, 8, 10);
    const gapsOf = async (tag: string): Promise<unknown> =>
      (await filled.readModel.describeTag(`ghcr.io/team/alone:${tag}`, NOW, null))?.recentGaps;
    expect(await gapsOf('1')).toEqual([
      { from: at(2), to: at(5) },
      { from: at(7), to: at(10) },
    ]);
    expect(await gapsOf('2')).toEqual([
      { from: at(3), to: at(4) },
      { from: at(7), to: at(9) },
    ]);
  });
});

describe('the open gap of a tag', () => {
  const OPEN = 'ghcr.io/team/open:1';
  const gapsOf = async (
    tag: Partial<TagRecord>,
    lastScannedAt = '2026-11-15T11:00:00Z',
  ): Promise<{ from: Date; to: Date }[] | undefined> => {
    await filled.tag(OPEN, tag, { lastScannedAt: new Date(lastScannedAt), intervalSeconds: 7_200 });
    return (await filled.readModel.describeTag(OPEN, NOW, null))?.recentGaps;
  };

  it('is not from before it was tracked, however long ago its repository was scanned', async () => {
    const pending = { trackedSince: new Date('2026-11-15T11:59:00Z'), coveredSince: null, exempt: true };
    expect(await gapsOf(pending, '2026-01-01T01:00:00Z')).toEqual([]);
  });

  it('is its own while its siblings answer', async () => {
    const own = new Date('2026-11-10T11:00:00Z');
    const left = { trackedSince: new Date('2026-11-01'), coveredSince: new Date('2026-11-01'), exempt: true };
    expect(await gapsOf({ ...left, ownLastScannedAt: own })).toEqual([{ from: own, to: NOW }]);
    expect(await gapsOf({ ...left, ownLastScannedAt: new Date('2026-11-15T09:00:00Z') })).toEqual([]);
    // Of what nobody watches any more, its last scan tells.
    expect(await gapsOf({ ...left, ownLastScannedAt: own, tracked: false })).toEqual([]);
  });
});

describe('changes per bucket', () => {
  const question = { reference: BUSY, from: null, to: null, since: null, now: NOW, maxBuckets: 520 };

  it('counts months in UTC from the baseline to now, empty ones included', async () => {
    expect(await filled.readModel.countChanges({ ...question, interval: 'month' })).toEqual([
      { start: new Date('2026-09-01T00:00:00Z'), changes: 5 },
      { start: new Date('2026-10-01T00:00:00Z'), changes: 7 },
      { start: new Date('2026-11-01T00:00:00Z'), changes: 1 },
    ]);
  });

  it('counts weeks from Monday', async () => {
    const weeks = await filled.readModel.countChanges({ ...question, interval: 'week' });
    expect(weeks).toHaveLength(11);
    expect(weeks[0]).toEqual({ start: new Date('2026-08-31T00:00:00Z'), changes: 1 });
    expect(weeks.at(-1)).toEqual({ start: new Date('2026-11-09T00:00:00Z'), changes: 0 });
    expect(weeks.reduce((sum, { changes }) => sum + changes, 0)).toBe(13);
  });

  it('keeps to the instants asked for, and to so many buckets', async () => {
    const from = new Date('2026-10-15');
    const bounded = await filled.readModel.countChanges({
      ...question,
      interval: 'month',
      from,
      to: new Date('2026-10-20'),
    });
    expect(bounded).toEqual([{ start: new Date('2026-10-01T00:00:00Z'), changes: 7 }]);
    const old = await filled.readModel.countChanges({
      ...question,
      interval: 'week',
      from: new Date('1970-01-01'),
      maxBuckets: 3,
    });
    expect(old.map(({ start }) => start.toISOString().slice(0, 10))).toEqual([
      '2026-10-26',
      '2026-11-02',
      '2026-11-09',
    ]);
  });

  it.each(['week', 'month'] as const)(
    'counts by the %s nothing from before the instant since which it is shown',
    async (interval) => {
      // Changes come on 16, 21, 26 and 31 October and on 5 November.
      const since = new Date('2026-10-21T12:00:01Z');
      const shown = await filled.readModel.countChanges({ ...question, interval, from: since, since });
      expect(shown[0]?.start).toEqual(new Date(interval === 'week' ? '2026-10-19T00:00:00Z' : '2026-10-01T00:00:00Z'));
      expect(shown.reduce((sum, { changes }) => sum + changes, 0)).toBe(3);
      const atOnce = await filled.readModel.countChanges({
        ...question,
        interval,
        from: since,
        since: new Date('2026-10-21T12:00:00Z'),
      });
      expect(atOnce[0]?.changes).toBe((shown[0]?.changes ?? 0) + 1);
      // What lies before all buckets that were asked for changes nothing.
      const later = { ...question, interval, from: new Date('2026-11-01') };
      expect(await filled.readModel.countChanges({ ...later, since })).toEqual(
        await filled.readModel.countChanges(later),
      );
    },
  );

  it('has none for a tag without a baseline', async () => {
    expect(await filled.readModel.countChanges({ ...question, reference: QUIET, interval: 'week' })).toEqual([]);
  });

  it('is the sparkline of the last twelve months', async () => {
    const tag = await filled.readModel.findTag(BUSY, { now: NOW, inactiveBefore: new Date(0) });
    expect(tag?.sparkline).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 7, 1]);
    const earlier = await filled.readModel.findTag(BUSY, {
      now: new Date('2026-10-31T23:00:00Z'),
      inactiveBefore: new Date(0),
    });
    expect(earlier?.sparkline).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5, 7]);
  });
});
