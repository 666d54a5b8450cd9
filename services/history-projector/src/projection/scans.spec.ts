import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '@dtm/read-model';
import { startPostgres, type RunningPostgres } from '@dtm/testing';
import { batchOf, ProjectionSpec, type Rows } from '../testing/projection-spec.ts';
import { iso, Story, type StoryMessage } from '../testing/story.ts';
import { applyBatch } from './apply-batch.ts';
import { BEGINNING, type Positions } from './checkpoints.ts';

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

const APP = 'ghcr.io/team/app';

/** Two tags that are tracked. */
function watched(): Story {
  return new Story().tracked('2026-03-01', `${APP}:1`).tracked('2026-03-01', `${APP}:2`);
}

/** When each tag was last scanned, as questions answer it. */
async function lastScans(): Promise<(string | null)[]> {
  const tags = ['1', '2', '3'].map((tag) => spec.readModel.findTag(`${APP}:${tag}`));
  return (await Promise.all(tags)).flatMap((tag) => (tag === null ? [] : [tag.lastScannedAt?.toISOString() ?? null]));
}

/** Gaps of repositories after a story that is cut in some way. */
async function gapsAfter(batches: StoryMessage[][]): Promise<Rows[string] | undefined> {
  await spec.reset();
  let positions: Positions = BEGINNING;
  for (const batch of batches) positions = await applyBatch(spec.database, spec.tables, positions, batchOf(batch));
  return (await spec.rows()).gaps;
}

function of(rows: Rows, column: string): unknown[] {
  return (rows.tags ?? []).map((row) => row[column]);
}

describe('a scan that succeeds', () => {
  it('covers all tags that it knew with one row', async () => {
    const rows = await spec.rowsOf(watched().scanned('2026-03-02 10:00', APP).scanned('2026-03-02 12:00', APP));
    expect(rows.repositories).toMatchObject([{ last_scanned_at: '2026-03-02T12:00:00+00:00', failed_scans: 0 }]);
    expect(of(rows, 'phase')).toEqual(['watched', 'watched']);
    expect(of(rows, 'exempt')).toEqual([false, false]);
    expect(of(rows, 'covered_since')).toEqual(['2026-03-02T10:00:00+00:00', '2026-03-02T10:00:00+00:00']);
    expect(await lastScans()).toEqual([iso('2026-03-02 12:00'), iso('2026-03-02 12:00')]);
    expect(rows.days).toEqual([
      {
        day: '2026-03-02',
        registry: 'ghcr.io',
        succeeded: 2,
        failed: 0,
        duration_seconds: 4,
        requests: 6,
        observations: 4,
      },
    ]);
  });

  it('is projected in the light of the tracking that it knew, however batches are cut', async () => {
    const story = new Story()
      .scanned('2026-03-01 10:00', APP)
      .tracked('2026-03-01 11:00', `${APP}:1`)
      .scanned('2026-03-01 18:00', APP)
      .observed('2026-03-01 18:00', `${APP}:1`, 'a')
      .untracked('2026-03-01 19:00', `${APP}:1`);
    const inOneBatch = await gapsAfter([story.messages]);
    expect(inOneBatch).toMatchObject([{ gap_from: '2026-03-01T11:00:00+00:00' }]);
    expect(await gapsAfter(story.messages.map((message) => [message]))).toEqual(inOneBatch);
  });

  it('leaves a tag pending that was tracked behind its back', async () => {
    const story = watched().tracked('2026-03-02', `${APP}:3`).scanned('2026-03-02 10:00', APP, { trackingSequence: 2 });
    const rows = await spec.rowsOf(story);
    expect(of(rows, 'phase')).toEqual(['watched', 'watched', 'pending']);
    expect(await lastScans()).toEqual([iso('2026-03-02 10:00'), iso('2026-03-02 10:00'), null]);
    await spec.rowsOf(story.scanned('2026-03-02 12:00', APP));
    expect(await lastScans()).toEqual(Array.from({ length: 3 }, () => iso('2026-03-02 12:00')));
  });

  it('excepts the tags that it names', async () => {
    const story = watched()
      .scanned('2026-03-02 10:00', APP)
      .scanned('2026-03-02 12:00', APP, { coverage: { mode: 'all-but', tags: ['2'] } })
      .scanned('2026-03-02 14:00', APP, { coverage: { mode: 'all-but', tags: ['2'] } });
    expect(of(await spec.rowsOf(story), 'exempt')).toEqual([false, true]);
    expect(await lastScans()).toEqual([iso('2026-03-02 14:00'), iso('2026-03-02 10:00')]);
    expect(of(await spec.rowsOf(story.scanned('2026-03-02 16:00', APP)), 'exempt')).toEqual([false, false]);
    expect(await lastScans()).toEqual([iso('2026-03-02 16:00'), iso('2026-03-02 16:00')]);
  });

  it('covers only the tags that it names', async () => {
    const story = watched()
      .scanned('2026-03-02 10:00', APP)
      .scanned('2026-03-02 12:00', APP, { coverage: { mode: 'only', tags: ['1'] } });
    expect(of(await spec.rowsOf(story), 'exempt')).toEqual([false, true]);
    expect(await lastScans()).toEqual([iso('2026-03-02 12:00'), iso('2026-03-02 10:00')]);
  });

  it('moves nothing back when it is heard of late, and nothing at all when it is told twice', async () => {
    const story = watched()
      .scanned('2026-03-02 12:00', APP, { coverage: { mode: 'all-but', tags: ['2'] }, scanId: 'x' })
      .scanned('2026-03-02 10:00', APP);
    await spec.rowsOf(story);
    expect(await lastScans()).toEqual([iso('2026-03-02 12:00'), iso('2026-03-02 10:00')]);
    story.scanned('2026-03-02 14:00', APP, { scanId: 'same' }).scanned('2026-03-02 14:00', APP, { scanId: 'same' });
    expect((await spec.rowsOf(story)).days).toMatchObject([{ succeeded: 3 }]);
  });

  it('says nothing about a tag that is no longer tracked, except for the time before', async () => {
    const story = watched()
      .scanned('2026-03-02 10:00', APP)
      .untracked('2026-03-02 11:00', `${APP}:2`)
      .scanned('2026-03-02 10:30', APP, { trackingSequence: 2 })
      .scanned('2026-03-02 12:00', APP);
    const rows = await spec.rowsOf(story);
    expect(of(rows, 'phase')).toEqual(['watched', 'untracked']);
    expect(await lastScans()).toEqual([iso('2026-03-02 12:00'), iso('2026-03-02 10:30')]);
  });
});

describe('a scan that fails', () => {
  it('makes all tags of the repository unreachable the second time in a row', async () => {
    const story = watched().scanned('2026-03-02 10:00', APP).scanFailed('2026-03-02 12:00', APP, 'no route to host');
    expect(of(await spec.rowsOf(story), 'phase')).toEqual(['watched', 'watched']);
    story.scanFailed('2026-03-02 14:00', APP, 'no route to host');
    const rows = await spec.rowsOf(story);
    expect(of(rows, 'phase')).toEqual(['unreachable', 'unreachable']);
    expect(rows.repositories).toMatchObject([{ failed_scans: 2, last_failure: 'no route to host' }]);
    expect(rows.days).toMatchObject([{ succeeded: 1, failed: 2 }]);
    expect(await spec.readModel.findTag(`${APP}:1`)).toMatchObject({
      state: 'unreachable',
      failure: 'no route to host',
    });
    expect(await lastScans()).toEqual([iso('2026-03-02 10:00'), iso('2026-03-02 10:00')]);
    expect(of(await spec.rowsOf(story.scanned('2026-03-02 16:00', APP)), 'phase')).toEqual(['watched', 'watched']);
  });

  it('stands although an older success is heard of after it', async () => {
    const rows = await spec.rowsOf(
      watched()
        .scanFailed('2026-03-02 12:00', APP)
        .scanFailed('2026-03-02 14:00', APP)
        .scanned('2026-03-02 13:00', APP),
    );
    expect(rows.repositories).toMatchObject([{ failed_scans: 2, last_scanned_at: '2026-03-02T13:00:00+00:00' }]);
  });

  it('is not counted against a newer success', async () => {
    const rows = await spec.rowsOf(watched().scanned('2026-03-02 12:00', APP).scanFailed('2026-03-02 11:00', APP));
    expect(rows.repositories).toMatchObject([{ failed_scans: 0, last_failure: null }]);
    expect(rows.days).toMatchObject([{ failed: 1 }]);
  });

  it('is told of one tag alone, the others being well', async () => {
    const story = watched()
      .scanned('2026-03-02 10:00', APP)
      .scannedBut('2026-03-02 12:00', APP, '2', 'HTTP 500')
      .scannedBut('2026-03-02 14:00', APP, '2', 'HTTP 500 again');
    const rows = await spec.rowsOf(story);
    expect(of(rows, 'phase')).toEqual(['watched', 'unreachable']);
    expect(await spec.readModel.findTag(`${APP}:2`)).toMatchObject({ failure: 'HTTP 500 again' });
    expect(await lastScans()).toEqual([iso('2026-03-02 14:00'), iso('2026-03-02 10:00')]);
    const well = await spec.rowsOf(story.scanned('2026-03-02 16:00', APP));
    expect(well.tags?.[1]).toMatchObject({ failed_scans: 0, last_failure: null, phase: 'watched' });
  });
});

describe('a clock that was ahead once', () => {
  it('dates no scan later than it was told of, and keeps how long it took', async () => {
    const rows = await spec.rowsOf(watched().scanned('2026-04-02 10:00', APP).storedAt('2026-03-02 10:00'));
    expect(rows.repositories).toMatchObject([
      { last_scanned_at: '2026-03-02T10:00:00+00:00', last_scan_started_at: '2026-03-02T09:59:58+00:00' },
    ]);
    expect(of(rows, 'covered_since')).toEqual(['2026-03-02T10:00:00+00:00', '2026-03-02T10:00:00+00:00']);
    expect(rows.days).toMatchObject([{ day: '2026-03-02', succeeded: 1, duration_seconds: 2 }]);
  });

  it('hides neither success nor failure that follows', async () => {
    const story = watched().scanned('2026-04-02 10:00', APP).storedAt('2026-03-02 10:00');
    story.scanFailed('2026-03-02 12:00', APP).scanFailed('2026-04-02 14:00', APP).storedAt('2026-03-02 14:00');
    expect((await spec.rowsOf(story)).repositories).toMatchObject([{ failed_scans: 2 }]);
    const rows = await spec.rowsOf(story.scanned('2026-03-02 16:00', APP));
    expect(rows.repositories).toMatchObject([{ failed_scans: 0, last_scanned_at: '2026-03-02T16:00:00+00:00' }]);
  });

  it('hides nothing that follows where it was the server that was ahead, too', async () => {
    const story = watched().scanned('2026-04-02 10:00', APP).scanFailed('2026-04-02 12:00', APP);
    story.scanFailed('2026-03-02 14:00', APP).storedAt('2026-03-02 14:00');
    expect((await spec.rowsOf(story)).repositories).toMatchObject([{ failed_scans: 2 }]);
    const rows = await spec.rowsOf(story.scanned('2026-03-02 16:00', APP));
    expect(rows.repositories).toMatchObject([{ failed_scans: 0, last_scanned_at: '2026-03-02T16:00:00+00:00' }]);
    expect(await lastScans()).toEqual([iso('2026-03-02 16:00'), iso('2026-03-02 16:00')]);
  });

  it('is no matter where it was ahead by little', async () => {
    const rows = await spec.rowsOf(watched().scanned('2026-03-02 10:05', APP).storedAt('2026-03-02 10:00'));
    expect(rows.repositories).toMatchObject([{ last_scanned_at: '2026-03-02T10:05:00+00:00' }]);
  });
});

describe('a gap', () => {
  it('is a time without an answer for more than two intervals, while something was tracked', async () => {
    const rows = await spec.rowsOf(
      watched()
        .scanned('2026-03-02 10:00', APP)
        .scanned('2026-03-02 14:00', APP)
        .scanFailed('2026-03-02 16:00', APP)
        .scanned('2026-03-02 20:00', APP),
    );
    expect(rows.gaps).toEqual([
      { repository: 'team/app', gap_from: '2026-03-02T14:00:00+00:00', gap_to: '2026-03-02T19:59:58+00:00' },
    ]);
  });

  it('does not count the time in which nothing was tracked', async () => {
    const rows = await spec.rowsOf(
      new Story()
        .tracked('2026-03-01', `${APP}:1`)
        .scanned('2026-03-01 10:00', APP)
        .untracked('2026-03-01 11:00', `${APP}:1`)
        .tracked('2026-03-05', `${APP}:1`)
        .scanned('2026-03-05 01:00', APP),
    );
    expect(rows.gaps).toEqual([]);
  });
});
