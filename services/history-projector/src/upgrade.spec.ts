import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { Database, READ_MODEL_VERSION, readPointer } from '@dtm/read-model';
import { startPostgres, type RunningPostgres } from '@dtm/testing';
import { tablesOf } from './projection/tables.ts';
import { eventfulStory } from './testing/eventful-story.ts';
import { ListedStreams } from './testing/listed-streams.ts';
import { readRows, type Rows } from './testing/projection-spec.ts';
import { eventually, RunningProjector } from './testing/running-projector.ts';
import type { Story } from './testing/story.ts';

// A projector of a new version beside one of the version before, as a rolling update has them.
const OLDER = READ_MODEL_VERSION - 1;

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

function start(source: ListedStreams, database = url): RunningProjector {
  const projector = new RunningProjector(database, source);
  running.push(projector);
  return projector;
}

async function projected(projector: RunningProjector, source: ListedStreams): Promise<RunningProjector> {
  for (const stream of ['HISTORY', 'MANIFESTS', 'TRACKING', 'SCAN_LOG']) {
    await projector.reached(stream, (await source.state(stream)).lastSequence);
  }
  return projector;
}

/** From now on the tables are those of the version before; whoever is at work in them has found that already. */
async function age(database: Database, version = OLDER): Promise<void> {
  await database.query(`update public.read_model set version = $1`, [version]);
}

function rowsIn(database: Database, schema: string): Promise<Rows> {
  return readRows(database, tablesOf(database, schema));
}

function isReady(watch: RunningProjector['watch']): Promise<boolean> {
  return watch.check().then(
    () => true,
    () => false,
  );
}

/** So many events that filling takes longer than what goes on beside it. */
function longStory(): Story {
  const story = eventfulStory();
  for (let i = 0; i < 3_000; i++) {
    story.observed('2026-02-01', `ghcr.io/many/app-${i % 7}:${i % 500}`, 'abcdef'.charAt(Math.floor(i / 500)));
  }
  return story;
}

describe('a projector of a newer version', () => {
  it('makes its own read models while the older one goes on with the old ones, and nothing is lost or late', async () => {
    const { messages } = longStory();
    const source = new ListedStreams().append(messages.slice(0, 1_500));
    const old = await projected(start(source), source);
    await age(old.database);

    // Whoever reads meets no error, and sees the history grow and never shrink.
    const reader = { end: false, reads: 0, last: 0 };
    const reading = (async () => {
      for (; !reader.end; reader.reads++) {
        const sequence = await old.readModel.lastChangeSequence();
        expect(sequence).toBeGreaterThanOrEqual(reader.last);
        reader.last = sequence;
        await old.readModel.status(new Date());
        await pause(2);
      }
    })();

    const fresh = start(source);
    let sent = 1_500;
    const appending = setInterval(() => source.append(messages.slice(sent, (sent += 50))), 5);
    await eventually(() => fresh.log.some((line) => line.includes('going on in read_2')));
    await eventually(() => sent >= messages.length);
    clearInterval(appending);
    await projected(fresh, source);
    reader.end = true;
    await reading;

    expect(await readPointer(fresh.database)).toEqual({ schema: 'read_2', version: READ_MODEL_VERSION });
    expect(reader.reads).toBeGreaterThan(0);
    const reference = await projected(
      start(new ListedStreams().append(messages), await postgres.newDatabase()),
      new ListedStreams().append(messages),
    );
    expect(await rowsIn(fresh.database, 'read_2')).toEqual(await rowsIn(reference.database, 'read_1'));
  });

  it('is not ready before its read models are there, so that the older one is kept until then', async () => {
    const source = new ListedStreams().append(eventfulStory().messages);
    const old = await projected(start(source), source);
    await age(old.database);
    // Holds up the switch: the rows that it must lock are taken.
    const { promise: released, resolve: release } = Promise.withResolvers<null>();
    const locked = Promise.withResolvers<null>();
    const held = old.database.transaction(async (sql) => {
      await sql.query(`select * from read_1.checkpoint for update`);
      locked.resolve(null);
      await released;
    });
    await locked.promise;
    const fresh = start(source);
    await eventually(() => fresh.log.some((line) => line.includes(`while those of version ${OLDER} serve`)));
    await expect(fresh.watch.check()).rejects.toThrow(/making read models of this version .*\d+ %/);
    release(null);
    await held;
    await eventually(() => fresh.log.some((line) => line.includes('going on in read_2')));
    await eventually(() => isReady(fresh.watch));
  });

  it('knows streams and tables that the older version did not', async () => {
    const source = new ListedStreams().append(eventfulStory().messages);
    const first = await projected(start(source), source);
    const before = await rowsIn(first.database, 'read_1');
    await first.stop();
    running.pop();
    const database = new Database({ url, name: 'operator' });
    await database.query(`drop table read_1.tracking_event, read_1.manifest, read_1.manifest_event, read_1.tag_gap`);
    await database.query(`delete from read_1.checkpoint where stream = 'MANIFESTS'`);
    await age(database, 1);
    await database.close();
    const fresh = await projected(start(source), source);
    expect(await rowsIn(fresh.database, 'read_2')).toEqual(before);
  });

  it('waits where another one makes them already, and goes on in what that one made', async () => {
    const source = new ListedStreams().append(eventfulStory().messages);
    const old = await projected(start(source), source);
    await age(old.database);
    await old.stop();
    running.pop();
    const both = [start(source), start(source)];
    await eventually(() => both.some(({ log }) => log.some((line) => line.includes('projecting from'))));
    for (const { watch } of both) await eventually(() => isReady(watch));
    await eventually(() => both.some(({ log }) => log.some((line) => line.includes('standing by'))));
  });

  it('is refused where the streams lack what the older tables hold, and changes nothing', async () => {
    const { messages } = eventfulStory();
    const source = new ListedStreams().append(messages);
    const old = await projected(start(source), source);
    await age(old.database);
    await old.stop();
    running.pop();
    const fresh = start(new ListedStreams().append(messages.slice(0, 12)));
    await expect(fresh.done).rejects.toThrow(/HISTORY is not the one .*may be the last copy/);
    expect(await readPointer(fresh.database)).toEqual({ schema: 'read_1', version: OLDER });
  });
});

describe('a projector of an older version', () => {
  it('ends with its words where a newer one has switched, and does not switch back', async () => {
    const source = new ListedStreams().append(eventfulStory().messages);
    const { database } = await projected(start(source), source);
    await age(database, READ_MODEL_VERSION + 1);
    const late = start(source);
    const words = `have version ${READ_MODEL_VERSION + 1}, this projector writes version ${READ_MODEL_VERSION}: start the newer`;
    await expect(late.done).rejects.toThrow(words);
    expect(await readPointer(database)).toEqual({ schema: 'read_1', version: READ_MODEL_VERSION + 1 });
  });
});
