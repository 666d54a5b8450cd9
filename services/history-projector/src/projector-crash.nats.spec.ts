import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, it } from '@jest/globals';
import { connectNats, ensureStreams, refillStream, streamState, type NatsConnection } from '@dtm/jetstream';
import { Database, openReadModel } from '@dtm/read-model';
import { startNats, startPostgres, type RunningNats, type RunningPostgres } from '@dtm/testing';
import { eventually } from './testing/running-projector.ts';
import { Story } from './testing/story.ts';

const PACKAGE = fileURLToPath(new URL('../', import.meta.url));
const EVENTS = 20_000;
const TAGS = 1_700;

let nats: RunningNats;
let postgres: RunningPostgres;
let nc: NatsConnection;
const processes: ChildProcess[] = [];
beforeAll(async () => {
  // The processes run what is built, so it must be what is here.
  const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc');
  execFileSync(process.execPath, [tsc, '-b', PACKAGE]);
  [nats, postgres] = await Promise.all([startNats(), startPostgres()]);
  nc = await connectNats({ url: nats.url, name: 'spec' });
  await ensureStreams(nc);
}, 120_000);
afterEach(() => {
  for (const child of processes) child.kill('SIGKILL');
});
afterAll(async () => {
  await nc.close();
  await nats.stop();
  await postgres.stop();
});

/** A projector as a process of its own. */
function startProjector(databaseUrl: string): ChildProcess {
  const env = {
    PATH: process.env['PATH'],
    NATS_URL: nats.url,
    DATABASE_URL: databaseUrl,
    SERVICE_PORT: '0',
    LOG_LEVEL: 'warn',
  };
  const child = spawn(process.execPath, [`${PACKAGE}dist/main.js`], { env, stdio: 'ignore' });
  processes.push(child);
  return child;
}

/** Many tags that change again and again. */
function longStory(): Story {
  const story = new Story();
  for (let i = 0; i < EVENTS; i++) {
    const tag = i % TAGS;
    story.observed(
      '2026-03-01',
      `ghcr.io/many/app-${tag % 13}:${tag}`,
      'abcdef0123456789'.charAt(Math.floor(i / TAGS)),
    );
  }
  return story;
}

it('loses and doubles nothing when projectors are killed in the middle of 20,000 events, beside a rival', async () => {
  const url = await postgres.newDatabase();
  const database = new Database({ url, name: 'spec' });
  const readModel = openReadModel({ url, name: 'reader' });
  const { messages } = longStory();
  const append = async (from: number, to: number): Promise<void> => {
    const some = messages.slice(from, to).map(({ message }) => message);
    await refillStream(nc, {
      stream: 'HISTORY',
      after: from,
      messages: (async function* () {
        yield* some;
      })(),
    });
  };
  const reached = (sequence: number): Promise<void> =>
    eventually(async () => (await readModel.lastChangeSequence().catch(() => 0)) >= sequence);
  /** Ends a process while its transaction hangs between its first statement and its last. */
  const killInTransaction = async (child: ChildProcess, more: () => Promise<void>): Promise<void> => {
    const ended = once(child, 'exit');
    await database.transaction(async (sql) => {
      await sql.query('lock table read_1.tag in share mode');
      await more();
      await eventually(async () => {
        const waiting = await sql.query(
          `select 1 as one from pg_locks where not granted and relation = 'read_1.tag'::regclass`,
        );
        return waiting.length > 0;
      });
      child.kill('SIGKILL');
      await ended;
    });
  };

  const first = startProjector(url);
  await reached(0);
  await eventually(async () => (await readModel.checkpoints().catch(() => [])).length === 4);
  const rival = startProjector(url);
  await append(0, 6_000);
  await reached(2_000);
  await killInTransaction(first, () => append(6_000, 12_000));
  await reached(9_000);
  startProjector(url);
  await killInTransaction(rival, () => append(12_000, EVENTS));
  await reached(EVENTS);

  const [counts] = await database.query<object>(
    `select (select count(*) from read_1.digest_change) as rows, (select sum(entry_count) from read_1.tag) as entries,
      (select sum(change_count) from read_1.tag) as changes, (select sum(changes) from read_1.repository) as "ofRepositories",
      (select sum(changes) from read_1.change_month) as "ofMonths", (select count(*) from read_1.tag) as tags,
      (select sum(tags) from read_1.repository) as "tagsOfRepositories",
      (select count(*) from read_1.tag t where history_sequence <>
        (select max(sequence) from read_1.digest_change c where c.tag_id = t.id)) as behind`,
  );
  const changes = EVENTS - TAGS;
  expect(counts).toEqual({
    rows: EVENTS,
    entries: EVENTS,
    changes,
    ofRepositories: changes,
    ofMonths: changes,
    tags: TAGS,
    tagsOfRepositories: TAGS,
    behind: 0,
  });
  expect(await streamState(nc, 'HISTORY')).toMatchObject({ firstSequence: 1, lastSequence: EVENTS, messages: EVENTS });
  await readModel.close();
  await database.close();
}, 300_000);
