import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeScanLog, type RepositoryScanned, type RepositoryScanFailed } from '@dtm/events';
import { startNats, type RunningNats } from '@dtm/testing';
import type { NatsConnection } from '@nats-io/transport-node';
import { Appender } from './append.ts';
import { connectNats } from './connection.ts';
import { ScanLog } from './scan-log.ts';
import { ensureStreams, STREAMS, streamState } from './streams.ts';

const SCAN = {
  registry: 'docker.io',
  repository: 'library/app',
  scanId: 'scan-1',
  reason: 'interval',
  startedAt: '2026-11-22T12:00:00.000Z',
  finishedAt: '2026-11-22T12:00:02.000Z',
  requests: 4,
  trackingSequence: 17,
  intervalSeconds: 7200,
} as const;

const SCANNED: RepositoryScanned = {
  ...SCAN,
  adapter: 'oci',
  acceptVersion: 1,
  historySequence: 42,
  observations: 2,
  changes: 1,
  coverage: { mode: 'all-but', tags: ['1.26'] },
  failures: [{ tag: '1.26', code: 'timeout', reason: 'no answer within 10 s' }],
  missing: ['1.0'],
};

const DONE = 'scan.done.docker=2Eio.library/app';
const FAILED = 'scan.failed.docker=2Eio.library/app';

let nats: RunningNats;
let nc: NatsConnection;

beforeAll(async () => {
  nats = await startNats();
  nc = await connectNats({ url: nats.url, name: 'spec' });
  await ensureStreams(nc);
});

afterAll(async () => {
  await nc.close();
  await nats.stop();
});

async function last(subject: string): Promise<unknown> {
  const message = await new Appender(nc, STREAMS.scanLog).last(subject);
  return message === null ? null : decodeScanLog(message.data).data;
}

function manyTags(count: number, length: number): string[] {
  return Array.from({ length: count }, (_, i) => `${i}-`.padEnd(length, 'x'));
}

describe('ScanLog', () => {
  it('records how a scan went, once for each scan', async () => {
    const log = new ScanLog(nc);
    await log.recordScanned(SCANNED);
    await log.recordScanned(SCANNED);
    expect(await last(DONE)).toEqual(SCANNED);
    const failed: RepositoryScanFailed = { ...SCAN, scanId: 'scan-2', code: 'unreachable', error: 'refused' };
    await log.recordFailed(failed);
    expect(await last(FAILED)).toEqual(failed);
    expect((await streamState(nc, STREAMS.scanLog)).lastSequence).toBe(2);
  });

  it('names fewer failures where all of them are more than the server takes; none of their tags is covered', async () => {
    const tags = manyTags(5_000, 20);
    const failures = tags.map((tag) => ({ tag, code: 'server-error' as const, reason: 'x'.repeat(300) }));
    const coverage = { mode: 'all-but' as const, tags };
    await new ScanLog(nc).recordScanned({ ...SCANNED, scanId: 'scan-3', coverage, failures });
    expect(await last(DONE)).toEqual({ ...SCANNED, scanId: 'scan-3', coverage, failures: failures.slice(0, 100) });
  });

  it('claims no coverage where even that is too much', async () => {
    const tags = manyTags(12_000, 128);
    const coverage = { mode: 'only' as const, tags };
    await new ScanLog(nc).recordScanned({ ...SCANNED, scanId: 'scan-4', coverage, missing: tags.slice(0, 5) });
    expect(await last(DONE)).toEqual({
      ...SCANNED,
      scanId: 'scan-4',
      coverage: { mode: 'only', tags: [] },
      missing: [],
    });
  });

  it('rejects and names the repository where the stream is away', async () => {
    const other = await connectNats({ url: nats.url, name: 'other' });
    await other.close();
    await expect(new ScanLog(other).recordScanned(SCANNED)).rejects.toThrow(DONE);
  });
});
