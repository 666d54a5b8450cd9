import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { startNats, type RunningNats } from '@dtm/testing';
import { AckPolicy, jetstreamManager, type JetStreamManager } from '@nats-io/jetstream';
import { nanos, type NatsConnection } from '@nats-io/transport-node';
import { connectNats } from './connection.ts';
import { isPassing } from './failures.ts';
import { Pulls, type PullLane } from './pulls.ts';
import { requestJetStream } from './requests.ts';
import { ensureStreams, STREAMS } from './streams.ts';

const STREAM = STREAMS.scans;

describe('Pulls', () => {
  let nats: RunningNats;
  let nc: NatsConnection;
  let jsm: JetStreamManager;
  let consumer: string;
  let consumers = 0;
  beforeAll(async () => {
    nats = await startNats();
    nc = await connectNats({ url: nats.url, name: 'pulls' });
    await ensureStreams(nc);
    jsm = await jetstreamManager(nc);
  });
  afterAll(async () => {
    await nc.close();
    await nats.stop();
  });
  beforeEach(async () => {
    consumer = `c-${++consumers}`;
    await jsm.consumers.add(STREAM, {
      durable_name: consumer,
      filter_subject: `scan.request.${consumer}.*`,
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(60_000),
    });
  });

  const put = (name: string): Promise<object> => requestJetStream(nc, `scan.request.${consumer}.${name}`, name);
  const text = async (lane: PullLane): Promise<string> => {
    const message = await lane.next(STREAM, consumer);
    message?.ack();
    return Buffer.from(message?.data ?? []).toString();
  };
  const waiting = async (): Promise<number> => (await jsm.consumers.info(STREAM, consumer)).num_waiting;
  const untilWaiting = async (count: number): Promise<void> => {
    while ((await waiting()) !== count) await new Promise((resolve) => setTimeout(resolve, 10));
  };

  it('takes one message after another, those that are there and those that come', async () => {
    const pulls = new Pulls(nc);
    const lane = pulls.lane();
    await put('one');
    expect(await text(lane)).toBe('one');
    const next = text(lane);
    await untilWaiting(1);
    await put('two');
    expect(await next).toBe('two');
    expect(await waiting()).toBe(0);
    await pulls.end();
  });

  it('tells of a message what the server does', async () => {
    const pulls = new Pulls(nc);
    const lane = pulls.lane();
    const { seq } = (await put('told')) as { seq: number };
    const first = await lane.next(STREAM, consumer);
    expect(first).toMatchObject({ sequence: seq, delivery: 1, subject: `scan.request.${consumer}.told` });
    expect(Math.abs((first?.storedAt.getTime() ?? 0) - Date.now())).toBeLessThan(60_000);
    first?.working();
    first?.nak();
    first?.ack();
    const again = await lane.next(STREAM, consumer);
    expect(again).toMatchObject({ sequence: seq, delivery: 2 });
    again?.term();
    await nc.flush();
    const { num_ack_pending: open, num_pending: left } = await jsm.consumers.info(STREAM, consumer);
    expect([open, left]).toEqual([0, 0]);
    await pulls.end();
  });

  it('keeps what comes for a pull that was given up for the next one', async () => {
    const pulls = new Pulls(nc);
    const lane = pulls.lane();
    const given = lane.next(STREAM, consumer);
    await untilWaiting(1);
    lane.giveUp();
    expect(await given).toBeNull();
    await put('late');
    while ((await jsm.consumers.info(STREAM, consumer)).num_ack_pending !== 1);
    await nc.flush();
    expect(await text(lane)).toBe('late');
    await pulls.end();
  });

  it('gives back at the end what nobody waited for, and pulls no more', async () => {
    const pulls = new Pulls(nc);
    const lane = pulls.lane();
    void lane.next(STREAM, consumer);
    await untilWaiting(1);
    lane.giveUp();
    await put('unwanted');
    // That it is stored does not say yet that it was handed out.
    while ((await jsm.consumers.info(STREAM, consumer)).num_ack_pending !== 1);
    await nc.flush();
    const waits = pulls.lane().next(STREAM, consumer);
    await pulls.end();
    expect(await waits).toBeNull();
    expect(await lane.next(STREAM, consumer)).toBeNull();
    expect(await pulls.lane().next(STREAM, consumer)).toBeNull();
    // At once, and not after the time that the server waits for an acknowledgement. How often it counts that as handed out
    // depends on whether it tried a pull that had ended.
    const other = new Pulls(nc);
    expect(await text(other.lane())).toBe('unwanted');
    await other.end();
  });

  it('rejects, so that it can be made anew, where the consumer is deleted or was never there', async () => {
    const pulls = new Pulls(nc);
    const lane = pulls.lane();
    const pulled = lane.next(STREAM, consumer).catch((error: unknown) => error);
    await untilWaiting(1);
    await jsm.consumers.delete(STREAM, consumer);
    const deleted = await pulled;
    expect(isPassing(deleted)).toBe(true);
    expect(isPassing(await lane.next(STREAM, 'nowhere').catch((error: unknown) => error))).toBe(true);
    await pulls.end();
  }, 30_000);

  it('gives up what an old connection carried, and takes from the new one', async () => {
    const pulls = new Pulls(nc);
    const lane = pulls.lane();
    const lost = lane.next(STREAM, consumer);
    await untilWaiting(1);
    await nats.kill('SIGKILL');
    await nats.restart();
    expect(await lost).toBeNull();
    await put('after');
    expect(await text(lane)).toBe('after');
    await pulls.end();
  });
});
