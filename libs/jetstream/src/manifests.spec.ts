import { SUBJECTS } from '@dtm/events';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startNats, type RunningNats } from '@dtm/testing';
import { jetstream } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { connectNats } from './connection.ts';
import { FactsPace } from './facts-pace.ts';
import { ManifestLog } from './manifest-log.ts';
import { ManifestTail } from './manifest-tail.ts';
import { ensureStreams, STREAMS, streamState } from './streams.ts';
import { described, sampleDigest } from './testing/sample-data.ts';
import { readThrottles, ThrottleBook } from './throttle.ts';

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

describe('ManifestLog', () => {
  it('describes a digest once, whoever else does and wherever it was seen', async () => {
    const logs = Array.from({ length: 5 }, () => new ManifestLog(nc));
    const outcomes = await Promise.all(
      logs.map(async (log, i) => log.record(described(`team/app-${i}:1`, 'once', { size: i }))),
    );
    expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual([
      ...Array<string>(4).fill('already-described'),
      'described',
    ]);
    expect(new Set(outcomes.map(({ sequence }) => sequence))).toEqual(new Set([1]));
    expect(await streamState(nc, STREAMS.manifests)).toMatchObject({ lastSequence: 1, messages: 1 });
  });
});

describe('ManifestTail', () => {
  it('knows which digests are described, and when each image was built', async () => {
    const unreadable: string[] = [];
    const tail = new ManifestTail(nc, ({ subject }) => unreadable.push(subject));
    const log = new ManifestLog(nc);
    await log.record(described('app:1', 'dated', { createdAt: '2026-11-22T10:00:00.750Z' }));
    await tail.start();
    await log.record(described('app:1', 'undated', { createdAt: null }));
    const odd = described('app:1', '', { digest: 'sha512+x:abc', createdAt: '1999-12-31T00:00:00.000Z' });
    await log.record(odd);
    await jetstream(nc).publish(SUBJECTS.manifest('sha256:no-event'), '{"data":{}}');
    await tail.catchUp();
    expect(tail.size).toBe(4);
    expect(tail.builtAt(sampleDigest('dated'))).toEqual(new Date('2026-11-22T10:00:00.000Z'));
    expect([tail.isDescribed(sampleDigest('undated')), tail.builtAt(sampleDigest('undated'))]).toEqual([true, null]);
    expect(tail.builtAt(odd.digest)).toEqual(new Date('1999-12-31'));
    expect([tail.isDescribed(sampleDigest('other')), tail.builtAt(sampleDigest('other'))]).toEqual([false, null]);
    expect(unreadable).toEqual([SUBJECTS.manifest('sha256:no-event')]);
    await tail.stop();
  });
});

describe('FactsPace', () => {
  const NOW = new Date('2026-11-22T12:00:00.000Z');
  const secondsFrom = (at: Date): number => (at.getTime() - NOW.getTime()) / 1000;

  it('spends a fifth of a rate over time, across all fetchers', async () => {
    let now = NOW;
    const open = (): Promise<FactsPace> =>
      FactsPace.open(
        nc,
        () => 10,
        () => now,
      );
    const [one, two] = [await open(), await open()];
    expect(secondsFrom(await one.spend('docker.io', 3))).toBe(1.5);
    expect(secondsFrom(await two.spend('docker.io', 1))).toBe(2);
    // What fails before a request was sent costs nothing.
    expect(secondsFrom(await two.spend('docker.io', 0))).toBe(2);
    expect(secondsFrom(await two.spend('quay.io', 2))).toBe(1);
    now = new Date(NOW.getTime() + 60_000);
    expect(secondsFrom(await one.spend('docker.io', 1))).toBe(60.5);
    const together = await Promise.all([one, two, one, two].map(async (pace) => pace.spend('docker.io', 2)));
    expect(Math.max(...together.map(secondsFrom))).toBe(64.5);
  });

  it('puts off by a quarter of an hour at most', async () => {
    const pace = await FactsPace.open(
      nc,
      () => 0.001,
      () => NOW,
    );
    expect(secondsFrom(await pace.spend('slow.example', 3))).toBe(900);
  });

  it('is no registry of its own to those who read the throttles', async () => {
    const book = await ThrottleBook.open(nc, () => 10);
    await book.lease('docker.io', 1, 'scan');
    const registries = ['docker.io', 'facts.docker.io', 'facts'];
    expect((await readThrottles(nc, registries)).map(({ registry }) => registry)).toEqual(['docker.io']);
  });
});
