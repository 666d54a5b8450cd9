import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { FILLING, listen, READ_MODEL_VERSION, readPointer, type Database } from '@dtm/read-model';
import { startPostgres, type RunningPostgres } from '@dtm/testing';
import { tablesOf } from '../projection/tables.ts';
import { eventfulStory } from '../testing/eventful-story.ts';
import { ListedStreams } from '../testing/listed-streams.ts';
import { readRows, type Rows } from '../testing/projection-spec.ts';
import { eventually, RunningProjector } from '../testing/running-projector.ts';
import { Story } from '../testing/story.ts';
import { rebuild } from './rebuild.ts';

const APP = 'ghcr.io/team/app';
const silent = (): void => undefined;

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

/** A projector that has projected all there is. */
async function projected(source: ListedStreams, database = url): Promise<RunningProjector> {
  const projector = new RunningProjector(database, source);
  running.push(projector);
  for (const stream of ['HISTORY', 'MANIFESTS', 'TRACKING', 'SCAN_LOG']) {
    await projector.reached(stream, (await source.state(stream)).lastSequence);
  }
  return projector;
}

/** All rows of a schema; of those of a checkpoint only what does not depend on when they were written. */
function rowsIn(database: Database, schema: string): Promise<Rows> {
  return readRows(database, tablesOf(database, schema));
}

async function schemas(database: Database): Promise<string[]> {
  const rows = await database.query<{ name: string }>(
    `select nspname as name from pg_namespace where nspname ~ '^read_' order by 1`,
  );
  return rows.map(({ name }) => name);
}

/** The indexes of a schema as statements, without its name. */
async function indexesOf(database: Database, schema: string): Promise<string[]> {
  const rows = await database.query<{ index: string }>(
    `select replace(indexdef, schemaname, '') as index from pg_indexes where schemaname = $1 order by indexname`,
    [schema],
  );
  return rows.map(({ index }) => index);
}

describe('a rebuild', () => {
  it('makes the same rows from the streams alone, and projector and readers go on in the new schema', async () => {
    const story = eventfulStory();
    const source = new ListedStreams().append(story.messages);
    const projector = await projected(source);
    const { database, readModel } = projector;
    const before = await rowsIn(database, 'read_1');
    // What a rebuild is for: rows that are wrong.
    await database.query(`update read_1.tag set change_count = 99, failed_scans = 7; delete from read_1.change_month`);
    const report = await rebuild(database, source, silent);
    expect(report).toMatchObject({ from: 'read_1', to: 'read_2', carriedScans: false, dropped: [] });
    expect(await rowsIn(database, 'read_2')).toEqual(before);
    expect(await indexesOf(database, 'read_2')).toEqual(await indexesOf(database, 'read_1'));
    expect(await readPointer(database)).toEqual({ schema: 'read_2', version: READ_MODEL_VERSION });
    await eventually(() => projector.log.some((line) => line.includes('going on in read_2')));
    const told = story.messages.length;
    source.append(story.observed('2026-02-01', `${APP}:1`, 'f').messages.slice(told));
    await eventually(async () => (await readModel.findTag(`${APP}:1`))?.digest === `sha256:${'f'.repeat(64)}`);
    expect(await schemas(database)).toEqual(['read_1', 'read_2']);
  });

  it.each([1, 4, 9, 11])('carries over what scans told when SCAN_LOG has forgotten %i of them', async (forgotten) => {
    const source = new ListedStreams().append(eventfulStory().messages);
    const { database } = await projected(source);
    const before = await rowsIn(database, 'read_1');
    source.forget('SCAN_LOG', forgotten);
    expect(await rebuild(database, source, silent)).toMatchObject({ to: 'read_2', carriedScans: true });
    expect(await rowsIn(database, 'read_2')).toEqual(before);
  });

  it('keeps what scans told when SCAN_LOG was lost, and reads the new one from its beginning', async () => {
    const story = eventfulStory();
    const source = new ListedStreams().append(story.messages);
    const first = await projected(source);
    const before = await rowsIn(first.database, 'read_1');
    await first.stop();
    running.pop();
    source.begin('SCAN_LOG', new Date('2026-06-01'));
    const other = new RunningProjector(url, source);
    running.push(other);
    await expect(other.done).rejects.toThrow('The stream SCAN_LOG is not the one');
    await rebuild(other.database, source, silent);
    const after = await rowsIn(other.database, 'read_2');
    expect({ ...after, checkpoints: [] }).toEqual({ ...before, checkpoints: [] });
    const scan = new Story().scanned('2026-07-01', APP, { trackingSequence: 3 });
    const third = await projected(source.append(scan.messages));
    expect((await third.readModel.scanDays(1, new Date('2026-07-01')))[0]).toMatchObject({ succeeded: 1 });
    const told = await rowsIn(third.database, 'read_2');
    expect(told.days).toEqual(expect.arrayContaining(before.days ?? []));
    // The new log has no gap, and yet it does not hold what the lost one did: not for any later rebuild either.
    for (const schema of ['read_3', 'read_4']) {
      expect(await rebuild(third.database, source, silent)).toMatchObject({ to: schema, carriedScans: true });
      // Hours are forgotten after a week, by the projector that goes on in the new schema.
      expect({ ...(await rowsIn(third.database, schema)), hours: [] }).toEqual({ ...told, hours: [] });
    }
  });

  it.each([0, 1, 5])('counts no scan twice when SCAN_LOG was restored without its last %i', async (lacking) => {
    const { messages } = eventfulStory();
    const first = await projected(new ListedStreams().append(messages));
    const before = await rowsIn(first.database, 'read_1');
    await first.stop();
    running.pop();
    const scans = messages.filter(({ stream }) => stream === 'SCAN_LOG');
    const kept = messages.filter((message) => !scans.slice(scans.length - lacking).includes(message));
    const source = new ListedStreams().append(kept);
    source.created = new Date('2026-06-01');
    const other = new RunningProjector(url, source);
    running.push(other);
    await expect(other.done).rejects.toThrow('is not the one');
    expect(await rebuild(other.database, source, silent)).toMatchObject({ carriedScans: lacking > 0 });
    const after = await rowsIn(other.database, 'read_2');
    expect({ ...after, checkpoints: [] }).toEqual({ ...before, checkpoints: [] });
    const checkpoint = after.checkpoints?.find(({ stream }) => stream === 'SCAN_LOG');
    expect(checkpoint).toMatchObject({ sequence: scans.length - lacking });
  });

  it('is exact while much is appended, and nobody who reads meets an error or is woken by it', async () => {
    const story = eventfulStory();
    for (let i = 0; i < 2_000; i++) {
      story.observed('2026-02-01', `ghcr.io/many/app-${i % 7}:${i % 500}`, 'abcdef'.charAt(Math.floor(i / 500)));
    }
    const { messages } = story;
    const source = new ListedStreams().append(messages.slice(0, 1_200));
    const projector = await projected(source);
    const heard: number[] = [];
    const end = new AbortController();
    const listener = listen({
      url,
      name: 'listener',
      signal: end.signal,
      onNotify: (channel, payload) => channel === 'history' && heard.push(Number(payload)),
    });
    let reads = 0;
    const reader = (async () => {
      for (; !end.signal.aborted; reads++) {
        await projector.readModel.status(new Date());
        await pause(5);
      }
    })();
    let sent = 1_200;
    const appending = setInterval(() => {
      source.append(messages.slice(sent, (sent += 50)));
    }, 5);
    await rebuild(projector.database, source, silent);
    await eventually(() => sent >= messages.length);
    clearInterval(appending);
    const { lastSequence } = await source.state('HISTORY');
    await projector.reached('HISTORY', lastSequence);
    end.abort();
    await Promise.all([reader, listener]);
    expect(reads).toBeGreaterThan(0);
    expect(heard).toEqual([...heard].sort((a, b) => a - b));
    const reference = await projected(new ListedStreams().append(messages), await postgres.newDatabase());
    expect(await rowsIn(projector.database, 'read_2')).toEqual(await rowsIn(reference.database, 'read_1'));
  });

  it('keeps one older schema, and removes what an interrupted rebuild left', async () => {
    const source = new ListedStreams().append(eventfulStory().messages);
    const { database } = await projected(source);
    await database.query(`create schema read_2; comment on schema read_2 is '${FILLING}'`);
    expect(await rebuild(database, source, silent)).toMatchObject({ to: 'read_2' });
    expect(await rebuild(database, source, silent)).toMatchObject({ to: 'read_3', dropped: ['read_1'] });
    expect(await schemas(database)).toEqual(['read_2', 'read_3']);
  });
});

describe('a rebuild is refused, and changes nothing,', () => {
  async function expectRefusal(database: Database, source: ListedStreams, words: RegExp): Promise<void> {
    const before = await rowsIn(database, 'read_1');
    await expect(rebuild(database, source, silent)).rejects.toThrow(words);
    expect(await readPointer(database)).toEqual({ schema: 'read_1', version: READ_MODEL_VERSION });
    expect(await rowsIn(database, 'read_1')).toEqual(before);
  }

  it('where a stream is shorter than what is projected', async () => {
    const { messages } = eventfulStory();
    const { database } = await projected(new ListedStreams().append(messages));
    const shorter = new ListedStreams().append(messages.slice(0, 12));
    await expectRefusal(database, shorter, /HISTORY .* ends at 5, and 10 is projected.*npm run restore-history/);
  });

  it('where a stream was made at another time and holds other events', async () => {
    const { database } = await projected(new ListedStreams().append(eventfulStory().messages));
    const foreign = new Story();
    for (let i = 0; i < 20; i++)
      foreign.tracked('2026-01-01', `${APP}:${i}`).observed('2026-01-01', `${APP}:${i}`, 'f');
    const source = new ListedStreams().append(foreign.messages);
    source.created = new Date('2026-08-01');
    await expectRefusal(database, source, /HISTORY is not the one .* event 1 is one of .*the last copy/);
  });

  it('where a stream has lost events in between', async () => {
    const source = new ListedStreams().append(eventfulStory().messages);
    const { database } = await projected(source);
    source.lose('TRACKING', 2);
    await expectRefusal(database, source, /TRACKING .* it has 8 events, from 1 to 9/);
  });

  it('where an event was altered', async () => {
    const source = new ListedStreams().append(eventfulStory().messages);
    const { database } = await projected(source);
    source.alter('HISTORY', 2, new TextEncoder().encode('{}'));
    await expectRefusal(database, source, /its event 2 is not the one that was projected/);
  });

  it('while another one is at work', async () => {
    const source = new ListedStreams().append(eventfulStory().messages);
    const { database } = await projected(source);
    const both = await Promise.allSettled([rebuild(database, source, silent), rebuild(database, source, silent)]);
    expect(both.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    expect(both.find((one) => one.status === 'rejected')?.reason).toMatchObject({
      message: expect.stringContaining('Another rebuild is at work'),
    });
  });
});

it('takes a stream that was made anew and holds the very same events', async () => {
  const source = new ListedStreams().append(eventfulStory().messages);
  const first = await projected(source);
  const before = await rowsIn(first.database, 'read_1');
  await first.stop();
  running.pop();
  source.created = new Date('2026-08-01');
  const second = new RunningProjector(url, source);
  running.push(second);
  await expect(second.done).rejects.toThrow('is not the one');
  await rebuild(second.database, source, silent);
  expect({ ...(await rowsIn(second.database, 'read_2')), checkpoints: [] }).toEqual({ ...before, checkpoints: [] });
});
