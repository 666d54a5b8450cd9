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

const REPOSITORY = 'docker.io/library/nginx';
const TAG = `${REPOSITORY}:1.27`;

describe('what is tracked', () => {
  it('waits for its first scan', async () => {
    const rows = await spec.rowsOf(new Story().tracked('2026-03-01', TAG));
    expect(rows.tags).toMatchObject([
      {
        reference: TAG,
        tracked: true,
        tracked_by: 'person',
        tracked_since: '2026-03-01T00:00:00+00:00',
        phase: 'pending',
      },
    ]);
    expect(rows.repositories).toMatchObject([{ tags: 1, tracked_tags: 1, watched_from: '2026-03-01T00:00:00+00:00' }]);
    expect(await spec.readModel.trackedTags('docker.io', 'library/nginx')).toEqual(new Set(['1.27']));
    expect(await spec.readModel.trackedAmong([TAG, `${REPOSITORY}:other`])).toEqual(new Set([TAG]));
  });

  it('is untracked by a person, expired by age, and revived by a look; the first time of all stays', async () => {
    const story = new Story().tracked('2026-03-01', TAG, 'popular').untracked('2026-03-02', TAG);
    expect((await spec.rowsOf(story)).tags).toMatchObject([{ tracked: false, phase: 'untracked' }]);
    story.tracked('2026-03-03', TAG).untracked('2026-03-04', TAG, 'expiry');
    const expired = await spec.rowsOf(story);
    expect(expired.tags).toMatchObject([{ tracked: false, phase: 'expired' }]);
    expect(expired.repositories).toMatchObject([{ tracked_tags: 0, watched_from: null }]);
    expect(await spec.readModel.trackedAmong([TAG])).toEqual(new Set());
    const revived = await spec.rowsOf(story.tracked('2026-03-05', TAG, 'view'));
    expect(revived.tags).toMatchObject([
      {
        tracked: true,
        tracked_by: 'view',
        tracked_since: '2026-03-01T00:00:00+00:00',
        untracked_by: null,
        first_tracked_sequence: 1,
        tracked_sequence: 5,
      },
    ]);
  });

  it('stays ended by a person when its age would end it too', async () => {
    const rows = await spec.rowsOf(
      new Story().tracked('2026-03-01', TAG).untracked('2026-03-02', TAG).untracked('2026-03-03', TAG, 'expiry'),
    );
    expect(rows.tags).toMatchObject([{ phase: 'untracked', untracked_at: '2026-03-02T00:00:00+00:00' }]);
  });

  it('is made by its history where the tracking event is not projected yet', async () => {
    const rows = await spec.rowsOf(new Story().observed('2026-03-02', TAG, 'a').tracked('2026-03-01', TAG));
    expect(rows.tags).toMatchObject([{ tracked: true, entry_count: 1, phase: 'pending' }]);
    expect(rows.repositories).toMatchObject([{ tags: 1, tracked_tags: 1 }]);
  });

  it('passes over what it cannot read', async () => {
    const rows = await spec.rowsOf(
      new Story().nonsense('TRACKING', 'tracking.docker=2Eio.library/nginx.1', 'x').tracked('2026-03-01', TAG),
    );
    expect(rows.tags).toHaveLength(1);
    expect(rows.checkpoints).toContainEqual(expect.objectContaining({ stream: 'TRACKING', sequence: 2 }));
  });
});
