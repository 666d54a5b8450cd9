import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startNats, type RunningNats } from '@dtm/testing';
import { jetstream, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { nanos, type NatsConnection } from '@nats-io/transport-node';
import { connectNats } from './connection.ts';
import { BUCKETS, ensureStreams, limitThrottleAge, STREAMS, streamState } from './streams.ts';

const TWO_DAYS_MS = 2 * 24 * 3600 * 1000;
const SIXTY_DAYS_MS = 60 * 24 * 3600 * 1000;

let nats: RunningNats;
let nc: NatsConnection;
let jsm: JetStreamManager;

beforeAll(async () => {
  nats = await startNats();
  nc = await connectNats({ url: nats.url, name: 'spec' });
  jsm = await jetstreamManager(nc);
});

afterAll(async () => {
  await nc.close();
  await nats.stop();
});

describe('ensureStreams', () => {
  it('is safe for several services that start at once on an empty server', async () => {
    const services = await Promise.all(
      Array.from({ length: 6 }, async (_, i) => connectNats({ url: nats.url, name: `service-${i}` })),
    );
    await Promise.all(services.flatMap((service) => [ensureStreams(service), ensureStreams(service)]));
    await Promise.all(services.map(async (service) => service.close()));

    const names = new Set<string>();
    for await (const stream of jsm.streams.list()) names.add(stream.config.name);
    const buckets = Object.values(BUCKETS).map((bucket) => `KV_${bucket}`);
    expect(names).toEqual(new Set([...Object.values(STREAMS), ...buckets]));
  });

  it('keeps history, manifests and tracking for ever: nothing in them can be deleted or purged', async () => {
    for (const [stream, subject] of [
      [STREAMS.history, 'history.r.a.1'],
      [STREAMS.manifests, 'manifest.sha256=3Aa'],
      [STREAMS.tracking, 'tracking.r.a.1'],
    ] as const) {
      const { config } = await jsm.streams.info(stream);
      expect(config).toMatchObject({ deny_delete: true, deny_purge: true, max_age: 0, max_msgs: -1, max_bytes: -1 });
      const { seq } = await jetstream(nc).publish(subject, 'kept');
      await expect(jsm.streams.deleteMessage(stream, seq)).rejects.toThrow();
      await expect(jsm.streams.purge(stream)).rejects.toThrow();
      await expect(jsm.streams.update(stream, { deny_purge: false })).rejects.toThrow();
      expect((await jsm.streams.getMessage(stream, { seq }))?.string()).toBe('kept');
    }
    expect((await jsm.streams.info(STREAMS.history)).config.subjects).toEqual(['history.>', 'imported.>']);
  });

  it('makes SCANS a work queue with one pending request for each repository', async () => {
    const { config } = await jsm.streams.info(STREAMS.scans);
    expect(config).toMatchObject({
      retention: 'workqueue',
      max_msgs_per_subject: 1,
      discard: 'new',
      discard_new_per_subject: true,
    });
    const js = jetstream(nc);
    await js.publish('scan.request.r.a', '1');
    await expect(js.publish('scan.request.r.a', '2')).rejects.toThrow('maximum messages per subject exceeded');
    await js.publish('scan.request.r.b', '1');
    expect((await jsm.streams.info(STREAMS.scans)).state.messages).toBe(2);
  });

  it('keeps the log of scans 60 days, and one value for each key of a bucket', async () => {
    expect((await jsm.streams.info(STREAMS.scanLog)).config.max_age).toBe(nanos(SIXTY_DAYS_MS));
    for (const bucket of Object.values(BUCKETS)) {
      expect((await jsm.streams.info(`KV_${bucket}`)).config.max_msgs_per_subject).toBe(1);
    }
  });

  it('keeps what is in THROTTLE two days, and in other buckets for ever', async () => {
    const ages = await Promise.all(
      Object.values(BUCKETS).map(async (bucket) => [bucket, (await jsm.streams.info(`KV_${bucket}`)).config.max_age]),
    );
    expect(Object.fromEntries(ages)).toEqual({ SCAN_STATE: 0, THROTTLE: nanos(TWO_DAYS_MS), VIEWS: 0 });
  });

  it('leaves what exists as it is, with its messages', async () => {
    await jsm.streams.update(STREAMS.scanLog, { max_age: nanos(1000 * SIXTY_DAYS_MS) });
    const before = await streamState(nc, STREAMS.history);
    await ensureStreams(nc);
    expect(await streamState(nc, STREAMS.history)).toEqual(before);
    expect((await jsm.streams.info(STREAMS.scanLog)).config.max_age).toBe(nanos(1000 * SIXTY_DAYS_MS));
  });

  it('says so where the server stays away', async () => {
    const other = await startNats();
    const lost = await connectNats({ url: other.url, name: 'spec' });
    await lost.close();
    await other.stop();
    await expect(ensureStreams(lost)).rejects.toThrow(/could not make the streams/);
  });
});

describe('limitThrottleAge', () => {
  let old: RunningNats;
  let connection: NatsConnection;
  beforeAll(async () => {
    old = await startNats();
    connection = await connectNats({ url: old.url, name: 'spec' });
  });
  afterAll(async () => {
    await connection.close();
    await old.stop();
  });

  it('limits a bucket of an older version too, and leaves what is in it', async () => {
    const kv = await new Kvm(connection).create(BUCKETS.throttle, { history: 1 });
    await kv.put('docker=2Eio', '{}');
    await ensureStreams(connection);
    const config = async () => (await (await jetstreamManager(connection)).streams.info('KV_THROTTLE')).config;
    const before = await config();
    expect(before.max_age).toBe(0);
    await Promise.all([limitThrottleAge(connection), limitThrottleAge(connection)]);
    expect(await config()).toEqual({ ...before, max_age: nanos(TWO_DAYS_MS) });
    expect((await kv.get('docker=2Eio'))?.string()).toBe('{}');
    await limitThrottleAge(connection);
  });
});

describe('streamState', () => {
  it('tells the first and last sequence, and when the stream was made', async () => {
    expect(await streamState(nc, STREAMS.scanLog)).toMatchObject({ lastSequence: 0 });
    for (const tag of ['a', 'b', 'c']) await jetstream(nc).publish(`scan.done.r.${tag}`, tag);
    const state = await streamState(nc, STREAMS.scanLog);
    expect(state).toMatchObject({ firstSequence: 1, lastSequence: 3 });
    const ageMs = Date.now() - state.created.getTime();
    expect(ageMs).toBeGreaterThan(0);
    expect(ageMs).toBeLessThan(3600_000);
  });

  it('begins beyond the last sequence where everything has expired', async () => {
    await jsm.streams.purge(STREAMS.scanLog);
    expect(await streamState(nc, STREAMS.scanLog)).toMatchObject({ firstSequence: 4, lastSequence: 3 });
  });

  it('throws where there is no such stream', async () => {
    await expect(streamState(nc, 'NOWHERE')).rejects.toThrow('stream not found');
  });
});
