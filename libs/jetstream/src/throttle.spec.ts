import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { escapePart } from '@dtm/events';
import { startNats, type RunningNats } from '@dtm/testing';
import { jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { connectNats } from './connection.ts';
import { BUCKETS, ensureStreams } from './streams.ts';
import { readThrottles, ThrottleBook, type LeasePurpose } from './throttle.ts';
import type { ThrottleState } from './throttle-state.ts';

const SECOND = 1_000;

let nats: RunningNats;
let nc: NatsConnection;
let registries = 0;
let registry: string;
let rate = 10;
/** The fetchers' common clock: it moves only where a test moves it. */
let now = 0;

beforeAll(async () => {
  nats = await startNats();
  nc = await connectNats({ url: nats.url, name: 'spec' });
  await ensureStreams(nc);
});

beforeEach(() => {
  registry = `registry-${++registries}.example.com:5000`;
  rate = 10;
  now = Date.now();
});

afterAll(async () => {
  await nc.close();
  await nats.stop();
});

/** As another fetcher has it: nothing shared but the bucket. */
async function book(): Promise<ThrottleBook> {
  return ThrottleBook.open(
    nc,
    () => rate,
    () => new Date(now),
  );
}

async function granted(of: ThrottleBook, wanted: number, purpose: LeasePurpose = 'scan'): Promise<number> {
  return (await of.lease(registry, wanted, purpose)).granted;
}

/** Asks every `stepMs` for `forMs`; gives when each request was granted. */
async function ask(books: readonly ThrottleBook[], forMs: number, stepMs: number): Promise<number[]> {
  const times: number[] = [];
  for (const end = now + forMs; now < end; now += stepMs) {
    const leases = await Promise.all(books.map(async (one) => granted(one, 3)));
    for (const count of leases) times.push(...Array<number>(count).fill(now));
  }
  return times;
}

function mostWithin(ms: number, times: readonly number[]): number {
  return Math.max(0, ...times.map((from) => times.filter((time) => time >= from && time < from + ms).length));
}

async function state(): Promise<ThrottleState | undefined> {
  return (await readThrottles(nc, [registry], new Date(now)))[0];
}

describe('ThrottleBook', () => {
  it('keeps the rate across five fetchers together, in every second', async () => {
    const books = await Promise.all(Array.from({ length: 5 }, book));
    const times = await ask(books, 10 * SECOND, 50);
    expect(times.length).toBeGreaterThanOrEqual(98);
    expect(times.length).toBeLessThanOrEqual(101);
    expect(mostWithin(SECOND, times)).toBeLessThanOrEqual(11);
  });

  it('grants all of the rate to one who asks when it was told to', async () => {
    const one = await book();
    let count = 0;
    let asked = 0;
    for (const end = now + 10 * SECOND; now < end; asked++) {
      const lease = await one.lease(registry, 1, 'scan');
      count += lease.granted;
      now = Math.max(now, lease.retryAt.getTime());
    }
    expect(count).toBeGreaterThanOrEqual(99);
    expect(count).toBeLessThanOrEqual(101);
    // A lease that comes a moment too early would have to be asked for twice.
    expect(asked).toBeLessThanOrEqual(102);
  });

  it('saves nothing up while nobody asks', async () => {
    const one = await book();
    await granted(one, 1);
    now += 3600 * SECOND;
    expect(await granted(one, 1_000)).toBe(1);
  });

  it('grants several at once where the rate is high, and a tenth of a second at most', async () => {
    rate = 200;
    const one = await book();
    expect(await granted(one, 1_000)).toBe(20);
    now += 50;
    expect(await granted(one, 4)).toBe(4);
    expect(await granted(one, 1_000)).toBe(6);
    expect(await granted(one, 1)).toBe(0);
  });

  it.each([0.5, 0.05])('keeps a rate of %d a second', async (below) => {
    rate = below;
    const books = [await book(), await book()];
    const seconds = 100;
    const times = await ask(books, seconds * SECOND, SECOND);
    expect(times.length).toBeGreaterThanOrEqual(Math.floor(seconds * below));
    expect(times.length).toBeLessThanOrEqual(seconds * below + 1);
    const { granted: none, retryAt, halted } = await (await book()).lease(registry, 1, 'scan');
    expect({ none, halted }).toEqual({ none: 0, halted: false });
    now = retryAt.getTime();
    expect(await granted(await book(), 1)).toBe(1);
  });

  it('lets questions go ahead of scans, which wait that much longer', async () => {
    const scans = await book();
    const questions = await book();
    while ((await granted(scans, 1)) === 1);
    expect(await granted(scans, 1)).toBe(0);
    expect(await granted(questions, 2, 'question')).toBe(2);
    const { granted: none, retryAt } = await questions.lease(registry, 1, 'question');
    expect(none).toBe(0);
    expect(retryAt.getTime()).toBeGreaterThan(now);
    now += 150;
    expect(await granted(scans, 1)).toBe(0);
    expect(await granted(questions, 1, 'question')).toBe(0);
    now = retryAt.getTime();
    expect(await granted(questions, 1, 'question')).toBe(1);
    now += 400;
    expect(await granted(scans, 1)).toBe(1);
  });

  it.each([10, 1, 200])('leaves scans four fifths of a rate of %d, however many questions come', async (of) => {
    rate = of;
    const [scans, questions] = [await book(), await book()];
    const counts = { scan: 0, question: 0 };
    const seconds = 20;
    for (const end = now + seconds * SECOND; now < end;) {
      // The questions always come first, and each comes at the moment it was told.
      const question = await questions.lease(registry, 100, 'question');
      const scan = await scans.lease(registry, 1, 'scan');
      counts.question += question.granted;
      counts.scan += scan.granted;
      now = Math.min(question.retryAt.getTime(), scan.retryAt.getTime());
    }
    const all = seconds * of;
    expect(counts.scan + counts.question).toBeLessThanOrEqual(all + 1 + Math.max(1, of / 5) + Math.max(1.5, of / 10));
    expect(counts.scan).toBeGreaterThanOrEqual(all * 0.8 - Math.max(1, of / 5) - 1);
    expect(counts.question).toBeGreaterThanOrEqual(all * 0.2 - 1);
  });

  it('leaves questions all of the rate while nothing is scanned', async () => {
    const questions = await book();
    let count = 0;
    for (const end = now + 10 * SECOND; now < end;) {
      const lease = await questions.lease(registry, 1, 'question');
      count += lease.granted;
      now = Math.max(now, lease.retryAt.getTime());
    }
    expect(count).toBeGreaterThanOrEqual(98);
    expect(count).toBeLessThanOrEqual(104);
  });

  it('keeps registries apart', async () => {
    const one = await book();
    while ((await granted(one, 1)) === 1);
    expect((await one.lease('other.example.com', 1, 'scan')).granted).toBe(1);
  });

  it('halts for all until the time that the registry named', async () => {
    const [first, second] = [await book(), await book()];
    expect(await granted(second, 1)).toBe(1);
    const until = new Date(now + 60 * SECOND);
    await first.halt(registry, until, '429 Too Many Requests');
    now += 59 * SECOND;
    for (const one of [first, second, await book()]) {
      expect(await one.lease(registry, 1, 'question')).toEqual({ granted: 0, retryAt: until, halted: true });
    }
    now += 2 * SECOND;
    expect(await second.lease(registry, 1, 'scan')).toMatchObject({ granted: 1, halted: false });
  });

  it('goes on at half the rate, cut once for all requests that were under way', async () => {
    const books = await Promise.all(Array.from({ length: 5 }, book));
    await Promise.all(books.map(async (one) => one.halt(registry, new Date(now + SECOND), '429')));
    now += 500;
    await Promise.all(books.map(async (one) => one.halt(registry, new Date(now + 600), '429')));
    expect(await state()).toMatchObject({ rate: 5 });
    now += 600;
    const times = await ask(books, 10 * SECOND, 50);
    expect(times.length).toBeGreaterThanOrEqual(49);
    expect(times.length).toBeLessThanOrEqual(54);
  });

  it('cuts once also where the registry names no time to wait', async () => {
    const books = await Promise.all(Array.from({ length: 5 }, book));
    await Promise.all(books.map(async (one) => one.halt(registry, new Date(now), '429')));
    expect(await state()).toMatchObject({ rate: 5 });
  });

  it('never takes back the longer of two halts', async () => {
    const one = await book();
    const until = new Date(now + 60 * SECOND);
    await one.halt(registry, until, 'long');
    await one.halt(registry, new Date(now + SECOND), 'short');
    expect(await state()).toMatchObject({ haltedUntil: until.toISOString(), lastError: { message: 'short' } });
    now = until.getTime();
    expect(await granted(one, 10)).toBe(0);
    now += 200;
    expect(await granted(one, 10)).toBe(1);
  });

  it('cuts again on the next occasion, down to a floor, and comes back in five minutes', async () => {
    const one = await book();
    for (let i = 0; i < 20; i++) {
      await one.halt(registry, new Date(now + 3 * SECOND), '429');
      now += 3 * SECOND;
    }
    expect((await state())?.rate).toBeCloseTo(0.1);
    now += 300 * SECOND;
    await one.noteError(registry, 'anything');
    expect((await state())?.rate).toBe(10);
  });

  it('follows a configured rate that is lower now', async () => {
    const one = await book();
    await granted(one, 1);
    rate = 2;
    const times = await ask([one, await book()], 10 * SECOND, 50);
    expect(times.length).toBeLessThanOrEqual(22);
    expect(await state()).toMatchObject({ rate: 2 });
  });

  it('grants each request once where one process asks for many at once', async () => {
    rate = 100;
    const one = await book();
    const counts = await Promise.all(Array.from({ length: 30 }, async () => granted(one, 1)));
    expect(counts.reduce((sum, count) => sum + count)).toBe(10);
  });

  it('starts at the configured rate where the value is none of ours, and after a halt that was lifted by hand', async () => {
    const one = await book();
    const kv = await new Kvm(nc).open(BUCKETS.throttle);
    await kv.put(escapePart(registry), 'no JSON');
    expect(await granted(one, 1)).toBe(1);
    await one.halt(registry, new Date(now + 3600 * SECOND), '429');
    expect(await granted(one, 1)).toBe(0);
    await kv.delete(escapePart(registry));
    expect(await granted(one, 1)).toBe(1);
  });

  it('starts at the configured rate where what it remembers has expired', async () => {
    const one = await book();
    const expire = async (): Promise<void> => {
      const jsm = await jetstreamManager(nc);
      await jsm.streams.purge(`KV_${BUCKETS.throttle}`, { filter: `$KV.${BUCKETS.throttle}.${escapePart(registry)}` });
    };
    await one.halt(registry, new Date(now + SECOND), '429');
    now += 2 * 24 * 3600 * SECOND;
    await expire();
    expect(await state()).toBeUndefined();
    expect(await granted(one, 1)).toBe(1);
    expect(await state()).toEqual({ registry, rate: 10, haltedUntil: null, lastError: null });
    await expire();
    await one.noteError(registry, 'connection refused');
    expect(await state()).toMatchObject({ rate: 10, lastError: { message: 'connection refused' } });
    await expire();
    expect(await granted(await book(), 1)).toBe(1);
  });

  it('remembers two thousand registries at most, and a halt however many others are asked after it', async () => {
    const one = await book();
    const until = new Date(now + 3600 * SECOND);
    await one.halt(registry, until, '429');
    const others = Array.from({ length: 2_500 }, (_, i) => `host-${i}.${registry}`);
    for (let i = 0; i < others.length; i += 100) {
      await Promise.all(others.slice(i, i + 100).map(async (other) => one.lease(other, 1, 'question')));
    }
    expect(one.size).toBeLessThanOrEqual(2_000);
    expect(await one.lease(registry, 1, 'scan')).toEqual({ granted: 0, retryAt: until, halted: true });
  });

  it('writes a lease without reading before it, where no other fetcher wrote since', async () => {
    const one = await book();
    await granted(one, 1);
    const before = nc.stats().outMsgs;
    now += 100;
    expect(await granted(one, 1)).toBe(1);
    expect(nc.stats().outMsgs).toBe(before + 1);
    expect(await granted(one, 1)).toBe(0);
    expect(nc.stats().outMsgs).toBe(before + 1);
  });
});

describe('readThrottles', () => {
  it('tells how each registry is throttled', async () => {
    const one = await book();
    await granted(one, 1);
    expect(await state()).toEqual({ registry, rate: 10, haltedUntil: null, lastError: null });
    await one.noteError(registry, 'connection refused');
    expect(await state()).toMatchObject({
      lastError: { at: new Date(now).toISOString(), message: 'connection refused' },
    });
    const until = new Date(now + 3600 * SECOND).toISOString();
    await one.halt(registry, new Date(until), '429');
    expect(await state()).toEqual({
      registry,
      rate: 5,
      haltedUntil: until,
      lastError: { at: new Date(now).toISOString(), message: '429' },
    });
  });

  it('tells the rate that holds now, and no halt that is over', async () => {
    await (await book()).halt(registry, new Date(now + 10 * SECOND), '429');
    now += 400 * SECOND;
    expect(await state()).toMatchObject({ rate: 10, haltedUntil: null, lastError: { message: '429' } });
  });

  it('reads those that it is asked about, however many others there are', async () => {
    const one = await book();
    await Promise.all(Array.from({ length: 50 }, async (_, i) => one.lease(`${i}.${registry}`, 1, 'question')));
    const before = nc.stats().outMsgs;
    const states = await readThrottles(nc, [`1.${registry}`, `2.${registry}`, `none.${registry}`]);
    expect(states.map((state) => state.registry)).toEqual([`1.${registry}`, `2.${registry}`]);
    expect(nc.stats().outMsgs - before).toBeLessThan(10);
  });

  it('tells nothing where nothing was asked yet', async () => {
    const empty = await startNats();
    const other = await connectNats({ url: empty.url, name: 'other' });
    await ensureStreams(other);
    expect(await readThrottles(other, ['docker.io'])).toEqual([]);
    await other.close();
    await empty.stop();
  });
});
