import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Database } from '@dtm/read-model';
import { startPostgres, type RunningPostgres } from '@dtm/testing';
import { ForeignStream, openCheckpoints } from './projection/open-checkpoints.ts';
import { tablesOf } from './projection/tables.ts';
import type { EventSource } from './reading/event-source.ts';
import { ListedStreams } from './testing/listed-streams.ts';
import { readRows } from './testing/projection-spec.ts';
import { eventually, RunningProjector } from './testing/running-projector.ts';
import { Story } from './testing/story.ts';

let postgres: RunningPostgres;
let url: string;
let running: RunningProjector[];
beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(async () => {
  await postgres.stop();
});
beforeEach(async () => {
  url = await postgres.newDatabase();
  running = [];
});
afterEach(async () => {
  for (const projector of running) await projector.stop();
});

function start(source: ListedStreams, limits = {}): RunningProjector {
  const projector = new RunningProjector(url, source, limits);
  running.push(projector);
  return projector;
}

const APP = 'ghcr.io/team/app:1.0';

/** A hundred tags, each with a baseline and two changes. */
function longStory(): Story {
  const story = new Story();
  for (const [month, digit] of ['a', 'b', 'c'].entries()) {
    for (let tag = 0; tag < 100; tag++)
      story.observed(`2026-0${month + 1}-01`, `ghcr.io/team/app-${tag % 7}:${tag}`, digit);
  }
  return story;
}

async function expectLongStory(projector: RunningProjector): Promise<void> {
  const status = await projector.readModel.status(new Date());
  expect(status).toMatchObject({ tags: 100, repositories: 7, changes: 200 });
  const [rows] = await projector.database.query<{ entries: number; changes: number; months: number }>(
    `select (select count(*) from read_1.digest_change) as entries, (select sum(change_count) from read_1.tag) as changes,
      (select sum(changes) from read_1.change_month) as months`,
  );
  expect(rows).toEqual({ entries: 300, changes: 200, months: 200 });
}

describe('Projector', () => {
  it('makes the tables, projects what is there and what is to come, and says that it is ready', async () => {
    const story = new Story().tracked('2026-03-01', APP).observed('2026-03-01', APP, 'a');
    const source = new ListedStreams().append(story.messages);
    const projector = start(source);
    await projector.reached('HISTORY', 1);
    await expect(projector.watch.check()).resolves.toBeUndefined();
    source.append(story.observed('2026-03-02', APP, 'b').messages.slice(2));
    await projector.reached('HISTORY', 2);
    expect(await projector.readModel.findTag(APP)).toMatchObject({ changeCount: 1, trackedBy: 'person' });
  });

  it('goes on where it was after a restart', async () => {
    const { messages } = longStory();
    const source = new ListedStreams().append(messages.slice(0, 150));
    const first = start(source);
    await first.reached('HISTORY', 150);
    await first.stop();
    running.pop();
    const second = start(source.append(messages.slice(150)));
    await second.reached('HISTORY', 300);
    await expectLongStory(second);
  });

  it('stands by while another one is at work, and takes over when that one ends', async () => {
    const { messages } = longStory();
    const source = new ListedStreams().append(messages.slice(0, 150));
    const first = start(source);
    await first.reached('HISTORY', 150);
    const second = start(source);
    await eventually(() => second.log.some((line) => line.includes('standing by')));
    // Ready to take over: a rolling update ends the first one only then.
    await expect(second.watch.check()).resolves.toBeUndefined();
    running.shift();
    await first.stop();
    source.append(messages.slice(150));
    await second.reached('HISTORY', 300);
    await expectLongStory(second);
  });

  it('loses nothing and doubles nothing when its transaction dies in the middle', async () => {
    const { messages } = longStory();
    const source = new ListedStreams();
    const projector = start(source);
    await projector.reached('HISTORY', 0);
    const [table] = await projector.database.query<{ pid: number }>('select pg_backend_pid() as pid');
    expect(table).toBeDefined();
    // Nobody can write tags, so the batch hangs between its first statements and its last.
    const killed = projector.database.transaction(async (sql) => {
      await sql.query('lock table read_1.tag in share mode');
      source.append(messages);
      await eventually(async () => {
        const [waiting] = await sql.query<{ pid: number }>(
          `select pid from pg_locks where not granted and relation = 'read_1.tag'::regclass`,
        );
        if (waiting === undefined) return false;
        await sql.query('select pg_terminate_backend($1)', [waiting.pid]);
        return true;
      });
    });
    await killed;
    await projector.reached('HISTORY', 300);
    await expectLongStory(projector);
  });

  it('goes on by itself when PostgreSQL was away', async () => {
    const { messages } = longStory();
    const source = new ListedStreams().append(messages.slice(0, 150));
    const projector = start(source);
    await projector.reached('HISTORY', 150);
    await postgres.kill();
    source.append(messages.slice(150));
    await eventually(() =>
      projector.watch.check().then(
        () => false,
        () => true,
      ),
    );
    await postgres.restart();
    await projector.reached('HISTORY', 300);
    await expectLongStory(projector);
  });

  it('lets a scan wait for the tracking events that it knew', async () => {
    const story = new Story().tracked('2026-03-01', APP).scanned('2026-03-02', 'ghcr.io/team/app');
    const [tracking, scan] = story.messages;
    if (tracking === undefined || scan === undefined) throw new Error('the story is too short');
    const source = new ListedStreams().append([scan]);
    const projector = start(source, { holdMs: 600_000 });
    await projector.reached('SCAN_LOG', 0);
    source.append([tracking]);
    await projector.reached('SCAN_LOG', 1);
    expect(await projector.readModel.findTag(APP)).toMatchObject({ state: 'active' });
  });

  it('does not wait for ever for tracking events that never come', async () => {
    const story = new Story().scanned('2026-03-02', 'ghcr.io/team/app', { trackingSequence: 99 });
    const projector = start(new ListedStreams().append(story.messages), { holdMs: 50 });
    await projector.reached('SCAN_LOG', 1);
    expect((await projector.readModel.scanDays(1, new Date('2026-03-02')))[0]).toMatchObject({ succeeded: 1 });
  });
});

describe('an event that PostgreSQL refuses', () => {
  /** Of a change in the year 0 a month would have to be written, and there is none in PostgreSQL. */
  const refused = (): Story =>
    new Story()
      .tracked('2026-03-01', APP)
      .observed('2026-03-01', APP, 'a')
      .observed('0000-03-02', APP, 'b')
      .observed('2026-03-03', APP, 'c')
      .observed('2026-03-03', 'ghcr.io/team/app:2.0', 'c')
      .scanned('0000-03-03', 'ghcr.io/team/other')
      .scanned('2026-03-03', 'ghcr.io/team/app');

  it('is set aside with its name, kept byte for byte, and holds up nothing, whatever it came with', async () => {
    const story = refused();
    const told: string[] = [];
    for (const size of [1_000, 1]) {
      url = await postgres.newDatabase();
      const projector = start(new ListedStreams().append(story.messages), { size });
      await projector.reached('HISTORY', 4);
      await projector.reached('SCAN_LOG', 2);
      expect(projector.log.filter((line) => line.includes('PostgreSQL refuses a value in it')).sort()).toEqual([
        expect.stringMatching(/^HISTORY 2 \(history\.ghcr=2Eio\.team\/app\.1=2E0\)/),
        expect.stringMatching(/^SCAN_LOG 1 \(scan\.done/),
      ]);
      expect(await projector.readModel.findTag(APP)).toMatchObject({ changeCount: 1, state: 'active' });
      const kept = await projector.database.query<{ kind: string | null; event: Buffer }>(
        `select kind, event from read_1.digest_change where sequence = 2`,
      );
      expect(kept).toEqual([{ kind: null, event: Buffer.from(story.messages[2]?.message.data ?? []) }]);
      told.push(JSON.stringify(await readRows(projector.database, tablesOf(projector.database, 'read_1'))));
    }
    expect(told[1]).toBe(told[0]);
  });

  it('is named where it contradicts the rows that are there, and waited for', async () => {
    const story = new Story();
    for (const digit of ['a', 'b', 'c', 'd']) story.observed('2026-03-01', APP, digit);
    const source = new ListedStreams().append(story.messages.slice(0, 1));
    const projector = start(source);
    await projector.reached('HISTORY', 1);
    const insert = `insert into read_1.digest_change select (jsonb_populate_record(c, '{"sequence": 3}')).* from read_1.digest_change c`;
    await projector.database.query(insert);
    source.append(story.messages.slice(1));
    await eventually(() => projector.log.some((line) => /HISTORY 3 \(.*\) contradicts the read models/.test(line)));
    await expect(projector.watch.check()).rejects.toThrow('HISTORY 3');
    await projector.database.query(`delete from read_1.digest_change where sequence = 3`);
    await projector.reached('HISTORY', 4);
    expect(await projector.readModel.findTag(APP)).toMatchObject({ changeCount: 3 });
  });
});

describe('a stream that is not the one that was projected', () => {
  async function projected(): Promise<ListedStreams> {
    const source = new ListedStreams().append(longStory().messages);
    const projector = start(source);
    await projector.reached('HISTORY', 300);
    await projector.stop();
    running.pop();
    return source;
  }

  it('is refused when it was made at another time', async () => {
    const source = await projected();
    source.created = new Date('2026-02-02T00:00:00Z');
    await expect(start(source).done).rejects.toThrow(ForeignStream);
    await expect(start(source).done).rejects.toThrow(/HISTORY .* made at 2026-02-02.*npm run rebuild/);
  });

  it('is the same one when it grows and is projected while it is looked at', async () => {
    const source = await projected();
    const database = new Database({ url, name: 'spec' });
    const growing: EventSource = {
      read: (stream, after, signal) => source.read(stream, after, signal),
      async state(stream) {
        const before = await source.state(stream);
        await database.query(`update read_1.checkpoint set sequence = sequence + 1 where stream = $1`, [stream]);
        return before;
      },
    };
    await expect(openCheckpoints(database, tablesOf(database, 'read_1'), growing)).resolves.toMatchObject({
      HISTORY: 300,
    });
    await database.close();
  });

  it('is refused when it is shorter than what is projected', async () => {
    await projected();
    const shorter = new ListedStreams().append(longStory().messages.slice(0, 100));
    await expect(start(shorter).done).rejects.toThrow(/ends at 100, and 300 is projected already/);
  });

  it('is refused when its beginning is missing', async () => {
    const source = new ListedStreams().append(longStory().messages);
    source.forget('HISTORY', 10);
    await expect(start(source).done).rejects.toThrow(/begins at 11, and only 0 is projected/);
  });

  it('may have forgotten old scans', async () => {
    const story = new Story().scanned('2026-03-01', 'ghcr.io/team/app').scanned('2026-03-02', 'ghcr.io/team/app');
    const source = new ListedStreams().append(story.messages);
    source.forget('SCAN_LOG', 1);
    await start(source).reached('SCAN_LOG', 2);
  });
});
