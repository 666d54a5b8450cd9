import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeScanRequest, SUBJECTS } from '@dtm/events';
import { startNats, type RunningNats } from '@dtm/testing';
import { jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { connectNats } from './connection.ts';
import { scanRequest, until } from './testing/sample-data.ts';
import { ScanJobs } from './scan-jobs.ts';
import { ScanQueue } from './scan-queue.ts';
import { ensureStreams, STREAMS } from './streams.ts';

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

async function pending(subject?: string): Promise<number> {
  const jsm = await jetstreamManager(nc);
  const { state } = await jsm.streams.info(STREAMS.scans, { subjects_filter: subject ?? '>' });
  return subject === undefined ? state.messages : (state.subjects?.[subject] ?? 0);
}

async function workOff(registry: string): Promise<void> {
  const jobs = new ScanJobs(nc, { perRegistry: 1, onError: (operation) => expect(operation).toBe('no error') });
  jobs.addRegistry(registry);
  jobs.start(() => Promise.resolve());
  await until(async () => (await pending()) === 0);
  await jobs.stop();
}

describe('ScanQueue', () => {
  const queue = (): ScanQueue => new ScanQueue(nc);
  const app = scanRequest('app:1');

  it('asks for a scan, as an event under the id of its occasion', async () => {
    expect(await queue().request(app, 'slot-1')).toBe('requested');
    const jsm = await jetstreamManager(nc);
    const message = await jsm.streams.getMessage(STREAMS.scans, { last_by_subj: SUBJECTS.scanRequest(app) });
    if (message === null) throw new Error('nothing was stored');
    expect(decodeScanRequest(message.data)).toMatchObject({
      id: 'docker=2Eio.library/app@slot-1',
      source: '/docker-tag-monitor/scheduler',
      subject: 'docker.io/library/app',
      data: app,
    });
    expect(message.header.get('content-type')).toBe('application/cloudevents+json');
  });

  it('takes the same occasion from two schedulers for one', async () => {
    expect(await queue().request(app, 'slot-1')).toBe('requested');
    expect(await pending(SUBJECTS.scanRequest(app))).toBe(1);
  });

  it('refuses another occasion while one is pending, of this repository only', async () => {
    expect(await queue().request(app, 'slot-2')).toBe('pending');
    expect(await queue().request(scanRequest('tool:1'), 'slot-2')).toBe('requested');
    expect(await pending(SUBJECTS.scanRequest(app))).toBe(1);
  });

  it('takes the refused occasion once the pending one is done, and a done one not again', async () => {
    await workOff('docker.io');
    expect(await queue().request(app, 'slot-1')).toBe('requested');
    expect(await pending()).toBe(0);
    expect(await queue().request(app, 'slot-2')).toBe('requested');
    expect(await pending(SUBJECTS.scanRequest(app))).toBe(1);
    await workOff('docker.io');
  });

  it('takes one of many that ask at once', async () => {
    const outcomes = await Promise.all(Array.from({ length: 20 }, async (_, i) => queue().request(app, `crowd-${i}`)));
    expect(outcomes.filter((outcome) => outcome === 'requested')).toHaveLength(1);
    expect(await pending(SUBJECTS.scanRequest(app))).toBe(1);
    await workOff('docker.io');
  });

  it('rejects where the queue is away', async () => {
    const other = await connectNats({ url: nats.url, name: 'other' });
    await other.close();
    await expect(new ScanQueue(other).request(app, 'x')).rejects.toThrow();
  });
});
