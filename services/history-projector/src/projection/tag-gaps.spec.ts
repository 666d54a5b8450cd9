import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '@dtm/read-model';
import { startPostgres, type RunningPostgres } from '@dtm/testing';
import { ProjectionSpec } from '../testing/projection-spec.ts';
import { Story } from '../testing/story.ts';

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

/** Two tags that are tracked and scanned. */
function scanned(): Story {
  return new Story()
    .tracked('2026-03-01', `${APP}:1`)
    .tracked('2026-03-01', `${APP}:2`)
    .scanned('2026-03-01 02:00', APP);
}

/** Scans on time, the first and the last included. */
function everyTwoHours(story: Story, from: string, until: string, more: Parameters<Story['scanned']>[2] = {}): Story {
  for (let at = Date.parse(`${from}Z`); at <= Date.parse(`${until}Z`); at += 7_200_000) {
    story.scanned(new Date(at).toISOString().slice(0, 16).replace('T', ' '), APP, more);
  }
  return story;
}

async function gapsAfter(story: Story): Promise<unknown[]> {
  const rows = await spec.rowsOf(story);
  return (rows.tagGaps ?? []).map(({ reference, gap_from: from, gap_to: to }) => [reference, from, to]);
}

describe('a gap of a tag alone', () => {
  it('is the time in which it was not tracked, though its sibling was scanned', async () => {
    const story = scanned().untracked('2026-03-01 03:00', `${APP}:1`);
    everyTwoHours(story, '2026-03-01 04:00', '2026-03-02 00:00');
    story.tracked('2026-03-02 01:00', `${APP}:1`, 'view').scanned('2026-03-02 02:00', APP);
    const gap = [`${APP}:1`, '2026-03-01T02:00:00+00:00', '2026-03-02T01:59:58+00:00'];
    expect(await gapsAfter(story)).toEqual([gap]);
    const now = new Date('2026-03-02T02:30:00Z');
    const gaps = async (tag: string): Promise<unknown> =>
      (await spec.readModel.describeTag(`${APP}:${tag}`, now, null))?.recentGaps;
    expect(await gaps('1')).toEqual([{ from: new Date('2026-03-01T02:00:00Z'), to: new Date('2026-03-02T01:59:58Z') }]);
    expect(await gaps('2')).toEqual([]);
  });

  it('is the time in which nothing of its repository was tracked, too', async () => {
    const story = new Story()
      .tracked('2026-03-01', `${APP}:1`)
      .scanned('2026-03-01 10:00', APP)
      .untracked('2026-03-01 11:00', `${APP}:1`, 'expiry')
      .tracked('2026-03-05', `${APP}:1`, 'view')
      .scanned('2026-03-05 01:00', APP);
    expect(await gapsAfter(story)).toEqual([[`${APP}:1`, '2026-03-01T10:00:00+00:00', '2026-03-05T00:59:58+00:00']]);
  });

  it('is the time in which it alone gave no answer, or was scanned rarely', async () => {
    const story = scanned();
    everyTwoHours(story, '2026-03-01 04:00', '2026-03-03 00:00', { coverage: { mode: 'all-but', tags: ['2'] } });
    const gap = [`${APP}:2`, '2026-03-01T02:00:00+00:00', '2026-03-03T01:59:58+00:00'];
    expect(await gapsAfter(story.scanned('2026-03-03 02:00', APP))).toEqual([gap]);
  });

  it('is none of one failure, nor where its repository has the same', async () => {
    const story = scanned()
      .scannedBut('2026-03-01 04:00', APP, '2', 'HTTP 500')
      .scanned('2026-03-01 06:00', APP)
      .scanFailed('2026-03-01 08:00', APP)
      .scanFailed('2026-03-01 10:00', APP)
      .scanned('2026-03-01 18:00', APP);
    const rows = await spec.rowsOf(story);
    expect([rows.tagGaps, rows.gaps?.length]).toEqual([[], 1]);
  });

  it('is forgotten when the tag has one that is 60 days newer', async () => {
    const story = scanned();
    const leftOut = { coverage: { mode: 'all-but' as const, tags: ['2'] } };
    for (const day of ['2026-03-02', '2026-03-20', '2026-05-25']) {
      story.scanned(`${day} 00:00`, APP, leftOut).scanned(`${day} 02:00`, APP, leftOut).scanned(`${day} 12:00`, APP);
    }
    expect((await gapsAfter(story)).map((gap) => (gap as string[])[2])).toEqual(['2026-05-25T11:59:58+00:00']);
  });
});
