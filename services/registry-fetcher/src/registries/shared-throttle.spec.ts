import { afterAll, beforeAll, describe, expect, it, jest } from '@jest/globals';
import {
  connectNats,
  ensureStreams,
  ThrottleBook,
  type Lease,
  type LeasePurpose,
  type NatsConnection,
} from '@dtm/jetstream';
import { Metrics } from '@dtm/service-host';
import { startNats, type RunningNats } from '@dtm/testing';
import { ScanMetrics } from '../scan/scan-metrics.ts';
import { SharedThrottle } from './shared-throttle.ts';

describe('SharedThrottle', () => {
  let nats: RunningNats;
  const connections: NatsConnection[] = [];
  beforeAll(async () => {
    nats = await startNats();
    await ensureStreams(await connect());
  });
  afterAll(async () => {
    await Promise.all(connections.map((nc) => nc.close()));
    await nats.stop();
  });

  async function connect(): Promise<NatsConnection> {
    const nc = await connectNats({ url: nats.url, name: 'throttle' });
    connections.push(nc);
    return nc;
  }

  async function throttle(rate: number, purpose: LeasePurpose = 'scan'): Promise<SharedThrottle> {
    const rateOf = (): number => rate;
    return new SharedThrottle(await ThrottleBook.open(await connect(), rateOf), rateOf, purpose);
  }

  it('keeps the budget of one registry across five fetchers', async () => {
    const throttles = await Promise.all(Array.from({ length: 5 }, async () => throttle(10)));
    const stop = new AbortController();
    const sent: number[] = [];
    const startedAt = Date.now();
    const workers = throttles.flatMap((one) =>
      Array.from({ length: 4 }, async () => {
        while (!stop.signal.aborted) {
          await one.acquire('five.example', stop.signal);
          sent.push(Date.now());
        }
      }),
    );
    await new Promise((resolve) => setTimeout(resolve, 5000));
    stop.abort();
    await Promise.allSettled(workers);
    const seconds = (Date.now() - startedAt) / 1000;
    // The budget of the time plus what may go out at once. How near it comes is a matter of the machine's load.
    expect(sent.length).toBeLessThanOrEqual(10 * seconds + 2);
    expect(sent.length).toBeGreaterThan(10);
  });

  it('hands out what was leased without asking again', async () => {
    let leases = 0;
    const one = new SharedThrottle(
      book(() => {
        leases++;
        return { granted: 5, retryAt: new Date(), halted: false };
      }),
      () => 100,
      'scan',
    );
    for (let i = 0; i < 5; i++) await one.acquire('r');
    expect(leases).toBe(1);
    await one.acquire('r');
    expect(leases).toBe(2);
  });

  it('gives up what was leased when the registry is halted', async () => {
    const one = await throttle(1000);
    await one.acquire('halt.example');
    await one.halt('halt.example', new Date(Date.now() + 60_000), 'the registry answered 429');
    await expect(one.acquire('halt.example')).rejects.toMatchObject({ code: 'throttled', requests: 0 });
  });

  it('rejects those who wait, in every fetcher, naming the time', async () => {
    const [one, two] = [await throttle(1), await throttle(1)];
    const until = new Date(Date.now() + 60_000);
    await one.acquire('all.example');
    const waiting = Promise.allSettled(Array.from({ length: 3 }, async () => two.acquire('all.example')));
    await one.halt('all.example', until, 'the registry answered 429');
    const failures = (await waiting).filter(({ status }) => status === 'rejected');
    expect(failures.length).toBeGreaterThanOrEqual(2);
    for (const failure of failures) {
      expect(failure).toMatchObject({ reason: { code: 'throttled', retryAt: until } });
      expect(String((failure as PromiseRejectedResult).reason)).toContain(until.toISOString());
    }
    await expect(two.acquire('other.example')).resolves.toBeUndefined();
  });

  it('lets those who are aborted go at once, and spends nothing on them', async () => {
    let grant: (lease: Lease) => void = () => undefined;
    const asked: number[] = [];
    const one = new SharedThrottle(
      book((wanted) => {
        asked.push(wanted);
        return new Promise((resolve) => (grant = resolve));
      }),
      () => 1,
      'scan',
    );
    const stop = new AbortController();
    const leaving = [one.acquire('r', stop.signal), one.acquire('r', stop.signal)];
    const staying = one.acquire('r');
    stop.abort(new Error('drained'));
    for (const waiter of leaving) await expect(waiter).rejects.toThrow('drained');
    await expect(one.acquire('r', stop.signal)).rejects.toThrow('drained');
    grant({ granted: 1, retryAt: new Date(), halted: false });
    await staying;
    expect(asked).toEqual([1]);
  });

  it('tells of a halt, by itself or by another fetcher, until when it lasts', async () => {
    const metrics = new Metrics();
    const told = new ScanMetrics(metrics);
    const until = new Date('2026-11-22T12:00:00.000Z');
    const halted = book(() => ({ granted: 0, retryAt: until, halted: true }));
    const one = new SharedThrottle(
      halted,
      () => 10,
      'scan',
      (registry, time) => told.noteHalt(registry, time),
    );
    await expect(one.acquire('found.example')).rejects.toMatchObject({ code: 'throttled' });
    await one.halt('halted.example', new Date(until.getTime() + 1_000), 'the registry answered 429');
    const lines = (await metrics.metrics()).split('\n').filter((line) => line.startsWith('dtm_registry_halted'));
    const name = 'dtm_registry_halted_until_timestamp_seconds';
    const seconds = until.getTime() / 1000;
    expect(lines).toEqual([
      `${name}{registry="found.example"} ${seconds}`,
      `${name}{registry="halted.example"} ${seconds + 1}`,
    ]);
  });

  it('tells of a thousand halts at most, the latest', async () => {
    const metrics = new Metrics();
    const told = new ScanMetrics(metrics);
    const until = new Date('2026-11-22T12:00:00.000Z');
    for (let i = 0; i < 1_500; i++) told.noteHalt(`host-${i}.example`, until);
    told.noteHalt('host-500.example', until);
    told.noteHalt('one-more.example', until);
    const lines = (await metrics.metrics()).split('\n').filter((line) => line.startsWith('dtm_registry_halted'));
    const registries = lines.map((line) => /registry="(.+)"/.exec(line)?.[1]);
    expect(registries).toHaveLength(1_000);
    expect(registries).toEqual(expect.arrayContaining(['host-500.example', 'host-1499.example', 'one-more.example']));
    expect(registries).not.toContain('host-501.example');
  });

  it('forgets registries that nobody asks any more, and none that somebody waits for or has a lease of', async () => {
    let leased = 0;
    let grant: (lease: Lease) => void = () => undefined;
    const stub: Pick<ThrottleBook, 'lease' | 'halt'> = {
      lease: (registry) => {
        if (registry === 'slow') return new Promise((resolve) => (grant = resolve));
        leased++;
        return Promise.resolve({ granted: 2, retryAt: new Date(), halted: false });
      },
      halt: () => Promise.resolve(),
    };
    const one = new SharedThrottle(stub as ThrottleBook, () => 10, 'question');
    const clock = jest.spyOn(Date, 'now');
    const start = 1_800_000_000_000;
    clock.mockReturnValue(start);
    const waiting = one.acquire('slow');
    for (let i = 0; i < 3_000; i++) {
      clock.mockReturnValue(start + i * 10);
      await one.acquire(`host-${i}`);
    }
    expect(one.size).toBeLessThanOrEqual(1_000);
    const before = leased;
    await one.acquire('host-2999');
    expect(leased).toBe(before);
    grant({ granted: 1, retryAt: new Date(), halted: false });
    await waiting;
    clock.mockRestore();
  });

  it('fails those who wait where the book cannot be read, and goes on afterwards', async () => {
    let away = true;
    const one = new SharedThrottle(
      book(() => {
        if (away) throw new Error('no responders');
        return { granted: 1, retryAt: new Date(), halted: false };
      }),
      () => 10,
      'scan',
    );
    await expect(one.acquire('r')).rejects.toThrow('no responders');
    away = false;
    await one.acquire('r');
  });

  function book(lease: (wanted: number) => Lease | Promise<Lease>): ThrottleBook {
    const stub: Pick<ThrottleBook, 'lease' | 'halt'> = {
      lease: async (_registry, wanted) => lease(wanted),
      halt: async () => undefined,
    };
    return stub as ThrottleBook;
  }
});
