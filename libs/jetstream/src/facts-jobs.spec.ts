import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { startNats, type RunningNats } from '@dtm/testing';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { connectNats } from './connection.ts';
import { FactsJobs, type FactsJob } from './facts-jobs.ts';
import { HistoryLog } from './history-log.ts';
import { RetryLater } from './job-message.ts';
import { ensureStreams, STREAMS } from './streams.ts';
import { observed, sampleDigest, until } from './testing/sample-data.ts';

let nats: RunningNats;
let nc: NatsConnection;
let log: HistoryLog;
const running = new Set<{ jobs: FactsJobs; nc: NatsConnection }>();
beforeAll(async () => {
  nats = await startNats();
  nc = await connectNats({ url: nats.url, name: 'spec' });
  await ensureStreams(nc);
  log = new HistoryLog(nc);
});
afterEach(async () => {
  for (const { jobs, nc: own } of running) {
    await jobs.stop();
    await own.close();
  }
  running.clear();
});
afterAll(async () => {
  await nc.close();
  await nats.stop();
});

const errors: string[] = [];

/** A fetcher that works on digests, with a connection of its own. */
async function start(
  registries: readonly string[],
  handle: (job: FactsJob) => Promise<void>,
): Promise<{ jobs: FactsJobs; nc: NatsConnection }> {
  const own = await connectNats({ url: nats.url, name: 'fetcher' });
  const jobs = new FactsJobs(own, { ackWaitMs: 2_000, onError: (operation) => errors.push(operation) });
  for (const registry of registries) jobs.addRegistry(registry);
  jobs.start(handle);
  const started = { jobs, nc: own };
  running.add(started);
  return started;
}

async function record(...references: string[]): Promise<void> {
  for (const reference of references) {
    expect((await log.recordObserved(observed(reference, reference))).outcome).toBe('appended');
  }
}

/** Messages of a registry that are not acknowledged. */
async function open(registry: string): Promise<number> {
  const info = await (await jetstreamManager(nc)).consumers.info(STREAMS.history, `facts-${registry}`);
  return info.num_pending + info.num_ack_pending;
}

describe('FactsJobs', () => {
  it('hands every digest that was ever observed to one of five fetchers', async () => {
    const references = Array.from({ length: 30 }, (_, i) => `five.example/app:${i}`);
    await record(...references.slice(0, 15));
    const seen: string[] = [];
    for (let i = 0; i < 5; i++) {
      await start(['five.example'], async ({ observed: { digest }, delivery }) => {
        expect(delivery).toBe(1);
        seen.push(digest);
      });
    }
    await record(...references.slice(15));
    await until(async () => seen.length >= 30 && (await open('five=2Eexample')) === 0);
    expect(seen.toSorted()).toEqual(references.map(sampleDigest).toSorted());
  });

  it('passes over what is no digest, and gives what cannot be read up', async () => {
    const head = observed('gone.example/app:1', 'x');
    const appended = await log.recordObserved(head);
    if (appended.outcome !== 'appended') throw new Error('refused');
    const { digest, observedAt } = head;
    const hash = 'a'.repeat(64);
    await log.recordDisappeared({
      registry: 'gone.example',
      repository: 'app',
      tag: '1',
      observedAt,
      previous: { digest, lastSeenAt: observedAt, sequence: appended.sequence, hash },
    });
    await jetstream(nc).publish('history.gone=2Eexample.app.2', 'nonsense');
    const seen: FactsJob[] = [];
    await start(['gone.example'], async (job) => void seen.push(job));
    await until(async () => errors.length > 0 && (await open('gone=2Eexample')) === 0);
    expect(errors).toEqual(['read the digest history.gone=2Eexample.app.2']);
    expect(seen).toMatchObject([{ observed: { digest }, sequence: appended.sequence }]);
  });

  it('a registry that rests holds up no other, and goes on after its rest', async () => {
    await record('halted.example/app:1', 'halted.example/app:2', 'busy.example/app:1', 'busy.example/app:2');
    const seen: string[] = [];
    const until_ = new Date(Date.now() + 1_500);
    await start(['halted.example', 'busy.example'], async ({ observed: { registry, tag }, delivery, rest }) => {
      seen.push(`${registry}:${tag}#${delivery}`);
      if (registry !== 'halted.example' || delivery > 1 || Date.now() >= until_.getTime()) return;
      rest(until_);
      throw new RetryLater('halted', until_.getTime() - Date.now());
    });
    await until(() => seen.filter((one) => one.startsWith('busy')).length === 2);
    // The one that found the halt, and none after it.
    expect(seen.filter((one) => one.startsWith('halted'))).toEqual(['halted.example:1#1']);
    await until(async () => (await open('halted=2Eexample')) === 0);
    expect(seen.filter((one) => one.startsWith('halted')).toSorted()).toEqual([
      'halted.example:1#1',
      'halted.example:1#2',
      'halted.example:2#1',
    ]);
  });

  it('hands what a crashed fetcher had in work to another one', async () => {
    await record('crash.example/app:1');
    const taken = Promise.withResolvers<null>();
    const end = Promise.withResolvers<null>();
    const crashed = await start(['crash.example'], async () => {
      taken.resolve(null);
      await end.promise;
    });
    await taken.promise;
    // Its connection is gone, and with it every sign of life.
    await crashed.nc.close();
    running.delete(crashed);
    const deliveries: number[] = [];
    await start(['crash.example'], async ({ delivery }) => void deliveries.push(delivery));
    await until(async () => deliveries.length > 0 && (await open('crash=2Eexample')) === 0);
    expect(deliveries).toEqual([2]);
    end.resolve(null);
    await crashed.jobs.stop();
  });
});
