import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import type { RepositoryScanned } from '@dtm/events';
import { startNats, type RunningNats } from '@dtm/testing';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { connectNats } from './connection.ts';
import { ScanLog } from './scan-log.ts';
import { NoScanNews, SCAN_NEWS_CONSUMER, ScanNews, type ScanNewsJob } from './scan-news.ts';
import { ensureStreams, STREAMS } from './streams.ts';
import type { WorkSource } from './transport.ts';

const AT = '2026-11-22T12:00:00.000Z';

let nats: RunningNats;
let nc: NatsConnection;
let scans = 0;
const sources: WorkSource<ScanNewsJob>[] = [];
const errors: string[] = [];

beforeAll(async () => {
  nats = await startNats();
  nc = await connectNats({ url: nats.url, name: 'spec' });
  await ensureStreams(nc);
});
beforeEach(() => void errors.splice(0));
afterEach(async () => {
  await Promise.all(sources.splice(0).map(async (source) => source.stop()));
  await (await jetstreamManager(nc)).consumers.delete(STREAMS.scanLog, SCAN_NEWS_CONSUMER).catch(() => false);
});
afterAll(async () => {
  await nc.close();
  await nats.stop();
});

const onError = (operation: string, error: unknown): void =>
  void errors.push(`${operation}: ${error instanceof Error ? error.message : String(error)}`);

async function log(...appeared: string[]): Promise<void> {
  const data: RepositoryScanned = {
    registry: 'docker.io',
    repository: 'library/nginx',
    scanId: `scan-${++scans}`,
    reason: 'interval',
    startedAt: AT,
    finishedAt: AT,
    requests: 1,
    trackingSequence: 1,
    intervalSeconds: 60,
    adapter: 'oci',
    acceptVersion: 1,
    historySequence: 1,
    observations: 1,
    changes: 0,
    coverage: { mode: 'all-but', tags: [] },
    failures: [],
    missing: [],
    appeared,
  };
  await new ScanLog(nc).recordScanned(data);
}

/** Starts a reader and waits until its consumer exists; what is logged before is none of its business. */
async function read(handle: (job: ScanNewsJob) => Promise<void>): Promise<ScanNews> {
  const news = new ScanNews(nc, onError);
  sources.push(news);
  news.start(handle);
  await until(hasConsumer);
  return news;
}

async function hasConsumer(): Promise<boolean> {
  const jsm = await jetstreamManager(nc, { checkAPI: false });
  return jsm.consumers.info(STREAMS.scanLog, SCAN_NEWS_CONSUMER).then(
    () => true,
    () => false,
  );
}

/** A question that was asked of the server which died is lost: only one to the new server says so. */
async function isConnected(): Promise<boolean> {
  return nc.flush().then(
    () => true,
    () => false,
  );
}

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
}

describe('ScanNews', () => {
  it('tells of scans from its first start on, of each one reader, also of those while none runs', async () => {
    await log('before');
    const told: string[][] = [[], []];
    const note = (reader: number) => async (job: ScanNewsJob) => void told[reader]?.push(...(job.event.appeared ?? []));
    const readers = [await read(note(0)), await read(note(1))];
    for (let i = 0; i < 20; i++) await log(`t${i}`);
    await until(() => told.flat().length >= 20);
    await Promise.all(readers.map((reader) => reader.stop()));
    await log('meanwhile');
    await read(note(0));
    await until(() => told.flat().includes('meanwhile'));
    expect(told.flat().sort()).toEqual([...Array.from({ length: 20 }, (_, i) => `t${i}`), 'meanwhile'].sort());
    expect(errors).toEqual([]);
  });

  it('tells again what could not be handled, and passes over what cannot be read', async () => {
    const told: string[] = [];
    await read(async ({ event }) => {
      told.push(...(event.appeared ?? []));
      if (told.length === 1) throw new Error('not now');
    });
    await jetstream(nc).publish('scan.done.r.broken', 'no event');
    await log('twice');
    await until(() => told.length >= 2);
    expect(told).toEqual(['twice', 'twice']);
    expect(errors).toEqual([
      expect.stringContaining('read scan.done.r.broken, which is passed over'),
      'follow the scan of docker.io/library/nginx: not now',
    ]);
  });

  it('goes on after the server was killed', async () => {
    const told: string[] = [];
    await read(async ({ event }) => void told.push(...(event.appeared ?? [])));
    await nats.kill('SIGKILL');
    await nats.restart();
    await until(isConnected);
    await log('after');
    await until(() => told.includes('after'));
  });

  it('is ended where nobody wants it, and begins anew where somebody does later', async () => {
    const told: string[] = [];
    const note = async ({ event }: ScanNewsJob): Promise<void> => void told.push(...(event.appeared ?? []));
    await (await read(note)).stop();
    const off = new NoScanNews(nc, onError);
    off.start();
    await until(async () => !(await hasConsumer()));
    await log('unwanted');
    await off.stop();
    await read(note);
    await log('wanted');
    await until(() => told.length > 0);
    expect(told).toEqual(['wanted']);
    expect(errors).toEqual([]);
  });

  it('ends at once while the server is away', async () => {
    const news = await read(async () => Promise.resolve());
    const off = new NoScanNews(nc, onError);
    await nats.kill('SIGKILL');
    off.start();
    await Promise.all([news.stop(), off.stop()]);
    await nats.restart();
    await until(isConnected);
  });
});
