import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { startNats, type RunningNats } from '@dtm/testing';
import { AckPolicy, jetstream, jetstreamManager, RetentionPolicy, type JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { connectNats } from './connection.ts';
import { LeftBehind } from './left-behind.ts';

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

it('removes what was acknowledged and is still there, by the second look, and nothing else', async () => {
  // Kept by limits, a stream goes on holding what is acknowledged, as a work queue does whose removal was lost.
  await jsm.streams.add({ name: 'WORK', subjects: ['work.>'], retention: RetentionPolicy.Limits });
  await jsm.consumers.add('WORK', { durable_name: 'all', ack_policy: AckPolicy.Explicit, filter_subject: 'work.a.*' });
  const js = jetstream(nc);
  for (const subject of ['work.a.1', 'work.b.1', 'work.a.2', 'work.a.3']) await js.publish(subject);
  const consumer = await js.consumers.get('WORK', 'all');
  for (let i = 0; i < 2; i++) {
    const message = await consumer.next();
    expect(await message?.ackAck()).toBe(true);
  }
  const leftBehind = new LeftBehind(nc, 'WORK');
  const another = new LeftBehind(nc, 'WORK');
  const look = (): Promise<number[]> =>
    Promise.all([leftBehind, another].map((fetcher) => fetcher.remove('all', 'work.a.*')));
  expect(await look()).toEqual([0, 0]);
  // Two fetchers look at once: each message is removed by one of them, which is no fault of the other.
  const [one = NaN, two = NaN] = await look();
  expect(one + two).toBe(2);
  expect(await look()).toEqual([0, 0]);

  const { state } = await jsm.streams.info('WORK', { subjects_filter: '>' });
  expect(state.subjects).toEqual({ 'work.b.1': 1, 'work.a.3': 1 });
  expect((await consumer.next())?.subject).toBe('work.a.3');
});
