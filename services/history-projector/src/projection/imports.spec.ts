import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '@dtm/read-model';
import { startPostgres, type RunningPostgres } from '@dtm/testing';
import fc from 'fast-check';
import { ProjectionSpec } from '../testing/projection-spec.ts';
import { digest, Story } from '../testing/story.ts';

let postgres: RunningPostgres;
let spec: ProjectionSpec;
beforeAll(async () => {
  postgres = await startPostgres();
  spec = await ProjectionSpec.in(new Database({ url: await postgres.newDatabase(), name: 'spec' }));
});
afterAll(async () => {
  await spec.close();
  await postgres.stop();
});

const APP = 'ghcr.io/team/app:1.0';

describe('imported history', () => {
  it('makes the live baseline a change, wherever it comes in', async () => {
    const rows = await spec.rowsOf(
      new Story()
        .observed('2026-03-10', APP, 'c')
        .observed('2026-03-20', APP, 'd', { lastSeenAt: '2026-03-19' })
        .imported('2026-01-01', APP, 'a')
        .imported('2026-02-01', APP, 'b'),
    );
    expect(rows.tags).toMatchObject([
      {
        digest: digest('d'),
        change_count: 3,
        entry_count: 4,
        baseline_at: '2026-01-01T00:00:00+00:00',
        last_changed_at: '2026-03-20T00:00:00+00:00',
        imported: true,
        history_sequence: 2,
      },
    ]);
    expect(rows.changes).toMatchObject([
      { sequence: 1, kind: 'change', previous_digest: digest('b'), not_before: '2026-02-01T00:00:00+00:00' },
      { sequence: 2, kind: 'change', previous_digest: digest('c'), not_before: '2026-03-19T00:00:00+00:00' },
      { sequence: 3, kind: 'baseline', imported: true },
      { sequence: 4, kind: 'change', imported: true },
    ]);
    expect(rows.months).toEqual([
      { reference: APP, month: '2026-02-01', changes: 1 },
      { reference: APP, month: '2026-03-01', changes: 2 },
    ]);
    expect(rows.repositories).toMatchObject([{ changes: 3 }]);
    const { rows: listed } = await spec.readModel.listChanges({ reference: APP, limit: 10, offset: 0, since: null });
    expect(listed.map(({ sequence }) => sequence)).toEqual([2, 1, 4, 3]);
    expect((await spec.readModel.changesAfter(0, 10, null)).map(({ sequence }) => sequence)).toEqual([1, 2]);
  });

  it('is on record, and does not tell how far the record is', async () => {
    const at = async (): Promise<Date | null | undefined> =>
      (await spec.readModel.checkpoints()).find(({ stream }) => stream === 'HISTORY')?.at;
    await spec.rowsOf(new Story().imported('2026-01-01', APP, 'a').imported('2026-02-01', APP, 'b'));
    expect(await at()).toBeNull();
    expect(await spec.readModel.status(new Date())).toMatchObject({ registriesOnRecord: 1, registries: [] });
    await spec.rowsOf(new Story().observed('2026-03-10', APP, 'c').imported('2026-01-01', APP, 'a'));
    expect(await at()).toEqual(new Date('2026-03-10'));
  });

  it('does not repeat what the live record tells', async () => {
    const rows = await spec.rowsOf(
      new Story().imported('2026-01-01', APP, 'a').observed('2026-03-10', APP, 'a').observed('2026-03-11', APP, 'b'),
    );
    expect(rows.changes?.map(({ shown }) => shown)).toEqual([true, false, true]);
    expect(rows.tags).toMatchObject([{ change_count: 1, entry_count: 2 }]);
    const { rows: listed, total } = await spec.readModel.listChanges({
      reference: APP,
      limit: 10,
      offset: 0,
      since: null,
    });
    expect([total, listed.map(({ kind }) => kind)]).toEqual([2, ['change', 'baseline']]);
    const exported: number[] = [];
    for await (const batch of spec.readModel.exportChanges()) exported.push(...batch.map(({ sequence }) => sequence));
    expect(exported).toEqual([1, 3]);
  });

  it('hides no change that was observed here', async () => {
    const lastSeenAt = '2026-03-09 22:00';
    for (const digit of ['b', 'c'] as const) {
      const rows = await spec.rowsOf(
        new Story()
          .observed('2026-03-01', APP, 'a')
          .observed('2026-03-10', APP, digit, { lastSeenAt })
          .imported('2026-03-05', APP, 'b'),
      );
      expect(rows.changes?.[1]).toMatchObject({
        kind: 'change',
        shown: true,
        previous_digest: digest('a'),
        not_before: '2026-03-09T22:00:00+00:00',
      });
      expect(rows.tags).toMatchObject([{ change_count: 2, digest: digest(digit) }]);
      expect((await spec.readModel.changesAfter(0, 10, null)).map(({ sequence }) => sequence)).toEqual([1, 2]);
    }
  });

  it('newer than the last change seen here is an entry, but what the registry answered stays what the tag points to', async () => {
    const story = new Story().observed('2026-03-01', APP, 'a').imported('2026-03-05', APP, 'b');
    expect((await spec.rowsOf(story)).tags).toMatchObject([{ digest: digest('a'), change_count: 1 }]);
    const gone = await spec.rowsOf(story.disappeared('2026-03-10', APP, '2026-03-09'));
    expect(gone.changes?.[2]).toMatchObject({ kind: 'disappearance', previous_digest: digest('a') });
  });

  it('is told and listed in one order where it is of the same instant', async () => {
    const rows = await spec.rowsOf(new Story().observed('2026-03-01', APP, 'b').imported('2026-03-01', APP, 'a'));
    expect(rows.tags).toMatchObject([{ digest: digest('b') }]);
    const { rows: listed } = await spec.readModel.listChanges({ reference: APP, limit: 10, offset: 0, since: null });
    // Newest first: each follows from the one below it.
    expect(listed).toMatchObject([
      { sequence: 2, kind: 'change', previousDigest: digest('b'), digest: digest('a') },
      { sequence: 1, kind: 'baseline', previousDigest: null, digest: digest('b') },
    ]);
  });

  it('alone says what a tag pointed to, of a tag that is not tracked', async () => {
    await spec.rowsOf(new Story().imported('2026-01-01', APP, 'a').imported('2026-01-05', APP, 'b'));
    expect(await spec.readModel.findTag(APP)).toMatchObject({
      digest: digest('b'),
      state: 'untracked',
      trackedSince: null,
      changeCount: 1,
    });
  });

  it('makes the same rows of any mixture, however it is cut into batches', async () => {
    const days = fc.integer({ min: 0, max: 3 });
    const step = fc.record({ live: fc.boolean(), day: days, digit: fc.constantFrom('a', 'b', null) });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 8 }), async (steps) => {
        await spec.rowsOf(storyOf(steps));
      }),
      { numRuns: 25 },
    );
  });
});

/** Live history goes forward in time, imports come in any order; `digit` null: the tag was gone. */
function storyOf(steps: readonly { live: boolean; day: number; digit: 'a' | 'b' | null }[]): Story {
  const story = new Story();
  let today = 0;
  const begun = { live: false, imported: false };
  for (const { live, day, digit } of steps) {
    const root = live ? 'live' : 'imported';
    if (live) today += day;
    const at = `2026-01-${String(1 + (live ? today : 8 * day)).padStart(2, '0')}`;
    // Nothing disappears before it came.
    if (digit === null && !begun[root]) continue;
    begun[root] = true;
    if (live && digit === null) story.disappeared(at, APP);
    else if (digit === null) story.importedGone(at, APP);
    else if (live) story.observed(at, APP, digit);
    else story.imported(at, APP, digit);
  }
  return story;
}
