import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Database } from '@dtm/read-model';
import { startPostgres, type RunningPostgres } from '@dtm/testing';
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

describe('history of a tag', () => {
  it('begins with a baseline, which is no change', async () => {
    const rows = await spec.rowsOf(new Story().observed('2026-03-01', APP, 'a'));
    expect(rows.changes).toMatchObject([
      { sequence: 1, reference: APP, kind: 'baseline', digest: digest('a'), previous_digest: null, not_before: null },
    ]);
    expect(rows.tags).toMatchObject([{ change_count: 0, entry_count: 1, last_changed_at: null, digest: digest('a') }]);
    expect(rows.tags?.[0]?.baseline_at).toBe('2026-03-01T00:00:00+00:00');
    expect(rows.months).toEqual([]);
  });

  it('counts another digest as a change, bounded by when the old one was seen last', async () => {
    const rows = await spec.rowsOf(
      new Story()
        .observed('2026-03-01', APP, 'a')
        .observed('2026-03-05', APP, 'b', { lastSeenAt: '2026-03-04', pushedAt: '2026-03-04 12:00' })
        .observed('2026-04-05', APP, 'a'),
    );
    expect(rows.changes?.slice(1)).toMatchObject([
      { kind: 'change', digest: digest('b'), previous_digest: digest('a'), not_before: '2026-03-04T00:00:00+00:00' },
      { kind: 'change', digest: digest('a'), previous_digest: digest('b'), not_before: '2026-03-05T00:00:00+00:00' },
    ]);
    expect(rows.tags).toMatchObject([
      {
        change_count: 2,
        last_changed_at: '2026-04-05T00:00:00+00:00',
        // Of the present digest, of which the registry names no push.
        last_pushed_at: null,
        last_pushed_source: null,
        history_sequence: 3,
      },
    ]);
    expect(rows.months).toEqual([
      { reference: APP, month: '2026-03-01', changes: 1 },
      { reference: APP, month: '2026-04-01', changes: 1 },
    ]);
    expect(rows.repositories).toMatchObject([{ tags: 1, changes: 2 }]);
  });

  it('keeps a disappearance and a return, neither a change; another digest after it is one', async () => {
    const gone = new Story().observed('2026-03-01', APP, 'a').disappeared('2026-03-02', APP);
    const rowsGone = await spec.rowsOf(gone);
    expect(rowsGone.tags).toMatchObject([{ digest: null, gone_at: '2026-03-02T00:00:00+00:00', change_count: 0 }]);
    expect(rowsGone.changes?.[1]).toMatchObject({ kind: 'disappearance', digest: null, previous_digest: digest('a') });
    const rowsBack = await spec.rowsOf(gone.observed('2026-03-03', APP, 'a'));
    expect(rowsBack.changes?.[2]).toMatchObject({
      kind: 'return',
      digest: digest('a'),
      not_before: '2026-03-02T00:00:00+00:00',
    });
    expect(rowsBack.tags).toMatchObject([{ digest: digest('a'), gone_at: null, change_count: 0, entry_count: 3 }]);
    const rowsOther = await spec.rowsOf(gone.disappeared('2026-03-04', APP).observed('2026-03-05', APP, 'b'));
    expect(rowsOther.changes?.[4]).toMatchObject({ kind: 'change', previous_digest: digest('a') });
    expect(rowsOther.tags).toMatchObject([{ change_count: 1 }]);
  });

  it('keeps every message byte for byte, also one that nobody can read', async () => {
    const story = new Story()
      .observed('2026-03-01', APP, 'a')
      .nonsense('HISTORY', 'history.ghcr=2Eio.team/app.1=2E0', '{"not": "an event"}')
      .observed('2026-03-02', APP, 'b');
    const rows = await spec.rowsOf(story);
    expect(rows.changes?.[1]).toMatchObject({ sequence: 2, kind: null, shown: false, reference: null });
    expect(rows.changes?.map(({ event }) => event)).toEqual(
      story.messages.map(({ message }) => `\\x${Buffer.from(message.data).toString('hex')}`),
    );
    expect(rows.tags).toMatchObject([{ change_count: 1 }]);
    expect(await spec.readModel.lastChangeSequence()).toBe(3);
  });

  it('does not believe an event that lies under the subject of another tag', async () => {
    const story = new Story().observed('2026-03-01', APP, 'a');
    const message = story.messages[0]?.message;
    if (message === undefined) throw new Error('the story is empty');
    message.subject = 'history.ghcr=2Eio.team/other.1=2E0';
    const rows = await spec.rowsOf(story);
    expect(rows.tags).toEqual([]);
    expect(rows.changes).toMatchObject([{ kind: null }]);
  });
});
