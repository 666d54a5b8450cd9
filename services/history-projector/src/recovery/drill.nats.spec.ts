import { execFile } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  connectNats,
  ensureStreams,
  HistoryLog,
  HistoryTail,
  ManifestLog,
  readStream,
  streamState,
  TrackingLog,
  type NatsConnection,
} from '@dtm/jetstream';
import { Reference } from '@dtm/oci';
import { Database } from '@dtm/read-model';
import { startNats, startPostgres, type RunningNats, type RunningPostgres } from '@dtm/testing';
import { PROJECTED_STREAMS } from '../projection/messages.ts';
import { tablesOf } from '../projection/tables.ts';
import { streamsOf } from '../reading/event-source.ts';
import { eventfulStory } from '../testing/eventful-story.ts';
import { readRows, type Rows } from '../testing/projection-spec.ts';
import { RunningProjector } from '../testing/running-projector.ts';
import { digest, type StoryMessage } from '../testing/story.ts';
import { restoreHistory } from './restore-history.ts';
import { reunite, type ReuniteReport } from './reunite.ts';

const APP = Reference.parse('ghcr.io/team/app:1') as Reference;
const KEPT = ['HISTORY', 'TRACKING', 'MANIFESTS', 'SCAN_LOG'];
const silent = (): void => undefined;

/** Two stores that belong together. */
interface Stores {
  nc: NatsConnection;
  url: string;
}

interface Ended {
  code: number;
  output: string;
}

let postgres: RunningPostgres;
const servers: RunningNats[] = [];
const connections: NatsConnection[] = [];
const running: RunningProjector[] = [];
let backups: string;
/** The newest backup. */
let backup: string;
/** The system that is lost, and all that it had acknowledged. */
let lost: Stores & { rows: Rows; streams: Record<string, object[]> };
/** A database as it was on an earlier day. */
let earlier: string;

beforeAll(async () => {
  backups = mkdtempSync(join(tmpdir(), 'dtm-drill-'));
  postgres = await startPostgres();
  const nc = await emptyServer();
  const stores = { nc, url: await postgres.newDatabase() };
  await ensureStreams(nc);
  const { messages } = eventfulStory();
  const half = Math.ceil(messages.length / 2);
  await publish(nc, messages.slice(0, half));
  await project(stores);
  earlier = await copyOf(stores.url);
  await publish(nc, messages.slice(half));
  await project(stores);
  lost = { ...stores, rows: await rowsIn(stores.url), streams: await stored(nc) };
  for (const day of ['2026-01-01', '2026-01-02', '2026-01-03']) mkdirSync(join(backups, `${day}T03-00-00Z`));
  const made = await script('backup', [], stores, { BACKUP_DIR: backups, BACKUP_KEEP: '2', PG_DUMP: 'none' });
  expect(made).toMatchObject({ code: 0 });
  backup = join(backups, /backup (\S+) is done/.exec(made.output)?.[1] ?? '');
}, 90_000);
afterEach(async () => {
  for (const projector of running.splice(0)) await projector.stop();
});
afterAll(async () => {
  for (const nc of connections) await nc.close();
  for (const server of servers) await server.stop();
  await postgres.stop();
  rmSync(backups, { recursive: true, force: true });
});

async function emptyServer(): Promise<NatsConnection> {
  const server = await startNats();
  servers.push(server);
  const nc = await connectNats({ url: server.url, name: 'drill' });
  connections.push(nc);
  return nc;
}

async function publish(nc: NatsConnection, story: readonly StoryMessage[]): Promise<void> {
  for (const { message } of story) await nc.request(message.subject, message.data, { timeout: 10_000 });
}

function describeDigest(nc: NatsConnection, digit: string) {
  return new ManifestLog(nc).record({
    registry: APP.registry,
    repository: APP.repository,
    digest: digest(digit),
    mediaType: 'application/vnd.oci.image.index.v1+json',
    size: 72_000_000,
    platforms: [{ os: 'linux', architecture: 'amd64' }],
    createdAt: '2026-01-01T00:00:00.000Z',
    describedAt: '2026-01-02T00:00:00.000Z',
    source: 'manifest',
  });
}

function start({ nc, url }: Stores): RunningProjector {
  const projector = new RunningProjector(url, streamsOf(nc));
  running.push(projector);
  return projector;
}

/** Projects all that the streams hold, then stops. */
async function project(stores: Stores): Promise<void> {
  const projector = start(stores);
  for (const stream of PROJECTED_STREAMS) {
    await projector.reached(stream, (await streamState(stores.nc, stream)).lastSequence);
  }
  await projector.stop();
  running.splice(running.indexOf(projector), 1);
}

async function withDatabase<T>(url: string, work: (database: Database) => Promise<T>): Promise<T> {
  const database = new Database({ url, name: 'drill' });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

function rowsIn(url: string): Promise<Rows> {
  return withDatabase(url, (database) => readRows(database, tablesOf(database, 'read_1')));
}

/** The same rows in a database of its own, as a dump of PostgreSQL brings them back. */
async function copyOf(url: string): Promise<string> {
  const made = new URL(url);
  const name = `${made.pathname.slice(1)}_copy_${Date.now()}`;
  await withDatabase(postgres.url, (database) =>
    database.query(`create database ${name} template ${made.pathname.slice(1)}`),
  );
  made.pathname = `/${name}`;
  return made.href;
}

/** Every event that must survive, with its sequence and its bytes. */
async function stored(nc: NatsConnection): Promise<Record<string, object[]>> {
  const streams: Record<string, object[]> = {};
  for (const stream of KEPT) {
    const events: object[] = (streams[stream] = []);
    const { lastSequence } = await streamState(nc, stream);
    const end = new AbortController();
    if (lastSequence === 0) continue;
    for await (const { sequence, subject, data } of readStream(nc, { stream, after: 0, signal: end.signal })) {
      events.push({ sequence, subject, data: Buffer.from(data).toString('hex') });
      if (sequence === lastSequence) break;
    }
  }
  return streams;
}

/** Runs a script of infra/backup as an operator does. */
function script(name: string, args: string[], { nc, url }: Stores, more: Record<string, string> = {}): Promise<Ended> {
  const path = fileURLToPath(new URL(`../../../../infra/backup/${name}.mjs`, import.meta.url));
  const env = { NATS_URL: `nats://${nc.getServer()}`, DATABASE_URL: url, ...more };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [path, ...args], { env, timeout: 60_000 }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, output: `${stdout}${stderr}` }),
    );
  });
}

function reunited({ nc, url }: Stores): Promise<ReuniteReport> {
  return withDatabase(url, (database) => reunite(database, nc, silent, { patienceMs: 1_500 }));
}

/** Fetcher, api and projector go on behind the last acknowledged event of the tag. */
async function goesOn(stores: Stores): Promise<void> {
  const { nc } = stores;
  const tail = new HistoryTail(nc, silent);
  await tail.start();
  const head = tail.head(APP);
  await tail.stop();
  if (head === null) throw new Error(`${APP.toString()} has no history`);
  const { registry, repository, tag } = APP;
  const observedAt = new Date().toISOString();
  const next = (lost.streams['HISTORY']?.length ?? 0) + 1;
  const appended = await new HistoryLog(nc).recordObserved({
    ...{ registry, repository, tag, observedAt },
    digest: digest('f'),
    mediaType: 'application/vnd.oci.image.index.v1+json',
    source: 'head',
    previous: {
      digest: head.digest,
      lastSeenAt: head.observedAt.toISOString(),
      sequence: head.sequence,
      hash: head.hash,
    },
  });
  expect(appended).toEqual({ outcome: 'appended', sequence: next });
  expect(await new TrackingLog(nc, '/docker-tag-monitor/api').track(APP, 'person')).toBe('already-tracked');
  expect(await describeDigest(nc, 'c')).toEqual({ outcome: 'already-described', sequence: 2 });
  const projector = start(stores);
  await projector.reached('HISTORY', next);
  expect(await projector.readModel.findTag(APP.toString())).toMatchObject({ digest: digest('f') });
  const [change] = await projector.database.query<{ previous: string }>(
    `select convert_from(event, 'utf8')::jsonb->'data'->'previous'->>'hash' as previous from read_1.digest_change where sequence = $1`,
    [next],
  );
  expect(change?.previous).toBe(head.hash);
}

/** Rows without what a log of scans that begins anew changes: its checkpoint. */
function withoutScanCheckpoint(rows: Rows): Rows {
  return { ...rows, checkpoints: (rows['checkpoints'] ?? []).filter(({ stream }) => stream !== 'SCAN_LOG') };
}

describe('a backup', () => {
  it('is kept so often as was said, has checksums, and tells Prometheus when it was made', async () => {
    const made = readdirSync(backups).sort();
    expect(made.filter((name) => name.startsWith('20'))).toEqual(['2026-01-03T03-00-00Z', expect.stringMatching(/Z$/)]);
    expect(join(backups, made.at(-2) ?? '')).toBe(backup);
    expect(readFileSync(join(backup, 'SHA256SUMS'), 'utf8')).toMatch(/^[0-9a-f]{64} {2}HISTORY\/backup\.json$/m);
    const metrics = readFileSync(join(backups, 'docker-tag-monitor-backup.prom'), 'utf8');
    const at = Number(/^dtm_backup_last_success_timestamp_seconds (\d+)$/m.exec(metrics)?.[1]);
    expect(at).toBeGreaterThan(Date.parse('2026-11-01') / 1000);
  });

  it('takes no other of the same second for its own', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'dtm-drill-'));
    const nameOf = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19).replaceAll(':', '-')}Z`;
    const taken = [0, 1, 2].map((seconds) => nameOf(Date.now() + seconds * 1_000));
    for (const name of taken) mkdirSync(join(folder, name));
    const stores = { nc: await emptyServer(), url: lost.url };
    await ensureStreams(stores.nc);
    const made = await script('backup', [], stores, { BACKUP_DIR: folder, PG_DUMP: 'none' });
    expect(made).toMatchObject({ code: 0 });
    const names = readdirSync(folder).filter((name) => name.startsWith('20'));
    expect(names).toHaveLength(4);
    for (const name of names) expect(existsSync(join(folder, name, 'SHA256SUMS'))).toBe(!taken.includes(name));
    rmSync(folder, { recursive: true });
  });

  it('of a NATS that lost everything is no success, and no older one is removed for it', async () => {
    const stores = { nc: await emptyServer(), url: lost.url };
    const kept = readdirSync(backups);
    const more = { BACKUP_DIR: backups, BACKUP_KEEP: '1', PG_DUMP: 'none' };
    const none = await script('backup', [], stores, more);
    expect(none).toMatchObject({ code: 1, output: expect.stringContaining('this NATS has no stream HISTORY') });
    await ensureStreams(stores.nc);
    // Not in the next night either, when the newest backup is that of an empty HISTORY.
    const night = join(backups, '2099-01-01T03-00-00Z');
    mkdirSync(night);
    writeFileSync(join(night, 'summary.json'), '{"streams":[{"stream":"HISTORY","lastSequence":0}]}');
    const empty = await script('backup', [], stores, more);
    expect(empty).toMatchObject({ code: 1, output: expect.stringContaining('HISTORY ends at 0, and a backup before') });
    expect(readdirSync(backups)).toEqual(expect.arrayContaining(kept));
  });
});

describe('the drill', () => {
  it('PostgreSQL is lost: an empty database is filled from the streams', async () => {
    const stores = { nc: lost.nc, url: await postgres.newDatabase() };
    await project(stores);
    expect(await rowsIn(stores.url)).toEqual(lost.rows);
    await goesOn(stores);
  }, 60_000);

  it('NATS is lost: the streams are refilled from the database under their sequences', async () => {
    const stores = { nc: await emptyServer(), url: await copyOf(lost.url) };
    const report = await withDatabase(stores.url, (database) => restoreHistory(database, stores.nc, silent, 1, 1_500));
    const all = (stream: string) => ({
      refilled: lost.streams[stream]?.length,
      events: lost.streams[stream]?.length,
    });
    expect(report).toEqual({
      history: all('HISTORY'),
      tracking: all('TRACKING'),
      manifests: all('MANIFESTS'),
      scanLog: 'begun anew',
    });
    expect(await stored(stores.nc)).toEqual({ ...lost.streams, SCAN_LOG: [] });
    await project(stores);
    expect(withoutScanCheckpoint(await rowsIn(stores.url))).toEqual(withoutScanCheckpoint(lost.rows));
    await goesOn(stores);
  }, 60_000);

  it('both are lost: a backup brings them back, with a database of an earlier day, a later one or none', async () => {
    const nc = await emptyServer();
    const stores = { nc, url: await postgres.newDatabase() };
    const first = await script('restore', [backup], stores);
    const told = `HISTORY is back: ${lost.streams['HISTORY']?.length ?? 0} messages`;
    expect(first).toEqual({ code: 0, output: expect.stringContaining(told) });
    expect(await stored(nc)).toEqual(lost.streams);
    const { restored, verification } = await reunited(stores);
    expect(restored).toBeNull();
    // The story holds one event that nobody can read.
    expect(verification).toMatchObject({ events: lost.streams['HISTORY']?.length, faults: 1 });
    expect(await rowsIn(stores.url)).toEqual(lost.rows);
    await goesOn(stores);
    await Promise.all(running.splice(0).map((projector) => projector.stop()));

    // Once more, over what is there now: the database has one event more than the backup, and gives it back.
    const ahead = await rowsIn(stores.url);
    expect(await script('restore', [backup, '--replace', '--streams-only'], stores)).toMatchObject({ code: 0 });
    expect((await reunited(stores)).restored).toMatchObject({ history: { refilled: 1 }, tracking: { refilled: 0 } });
    expect(await rowsIn(stores.url)).toEqual(ahead);

    const older = { nc, url: earlier };
    const refused = await script('restore', [backup], older);
    expect(refused).toMatchObject({ code: 1, output: expect.stringMatching(/Nothing was changed: HISTORY is there/) });
    expect(await script('restore', [backup, '--replace', '--streams-only'], older)).toMatchObject({ code: 0 });
    // As newer servers do it, a restored stream was made at another time than the one that was backed up.
    await withDatabase(earlier, (database) =>
      database.query(`update read_1.checkpoint set stream_created = stream_created - interval '1 day'`),
    );
    await expect(start(older).done).rejects.toThrow('is not the one that the read models were made from');
    await Promise.all(running.splice(0).map((projector) => projector.stop()));
    const report = await reunited(older);
    expect(report.restored).toMatchObject({ history: { refilled: 0 }, scanLog: 'restored' });
    expect(report.projected).toBeGreaterThan(0);
    expect(await rowsIn(earlier)).toEqual(lost.rows);
    await goesOn(older);
  }, 90_000);
});

describe('what does not belong together', () => {
  it.each([
    ['an event of HISTORY', `update read_1.digest_change set event = '\\x00' where sequence = 2`, 'its event 2'],
    ['an event of TRACKING', `update read_1.tracking_event set event = '\\x00' where sequence = 1`, 'its event 1'],
    ['a description', `update read_1.manifest_event set event = '\\x00' where sequence = 3`, 'its event 3'],
    ['a scan', `update read_1.repository set last_scan_id = 'another'`, 'SCAN_LOG is not the log'],
  ])('is refused: %s differs, and no checkpoint is moved', async (_, change, words) => {
    const stores = { nc: lost.nc, url: await copyOf(lost.url) };
    await withDatabase(stores.url, async (database) => {
      await database.query(change);
      await database.query(`update read_1.checkpoint set stream_created = stream_created - interval '1 day'`);
    });
    await expect(reunited(stores)).rejects.toThrow(words);
    await expect(start(stores).done).rejects.toThrow('is not the one that the read models were made from');
  });

  it('is refused: a backup that was cut, before anything is changed', async () => {
    const before = await stored(lost.nc);
    truncateSync(join(backup, 'TRACKING', 'stream.tar.s2'), 10);
    const { code, output } = await script('restore', [backup, '--replace'], lost);
    expect(code).toBe(1);
    expect(output).toContain('TRACKING/stream.tar.s2 has another content');
    expect(await stored(lost.nc)).toEqual(before);
  });
});
