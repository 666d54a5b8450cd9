import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import { ScanJobs, STREAMS, streamState, type ScanJob } from '@dtm/jetstream';
import { RepositoryName } from '@dtm/oci';
import { startNats, type RunningNats } from '@dtm/testing';
import { logFailure, logScan, SchedulerUnderTest, track } from '../testing/scheduler-under-test.ts';
import type { Cadence } from './next-scan.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const cadence: Cadence = { intervalMs: HOUR, rareIntervalMs: 7 * DAY, quietAfterMs: 180 * DAY };

describe('Schedule', () => {
  let nats: RunningNats;
  let scheduler: SchedulerUnderTest;
  let repositories = 0;
  const fresh = (): RepositoryName => RepositoryName.of('registry.example', `team/app-${++repositories}`);
  beforeAll(async () => void (nats = await startNats()));
  afterAll(async () => nats.stop());
  beforeEach(async () => void (scheduler = await SchedulerUnderTest.start(nats.url, cadence)));
  afterEach(async () => scheduler.stop());

  /** Takes this repository's request off the queue, as a fetcher does. */
  async function take(name: RepositoryName): Promise<void> {
    const jobs = new ScanJobs(scheduler.nc, { perRegistry: 1, onError: (_, error) => fail(error) });
    const taken = new Promise<void>((resolve) => {
      jobs.start(async ({ request }: ScanJob) => {
        if (request.repository === name.repository) resolve();
      });
    });
    jobs.addRegistry(name.registry);
    await taken;
    await jobs.stop();
  }
  const fail = (error: unknown): never => {
    throw error;
  };

  it('asks for a new tag at once, once, and again when a further one comes', async () => {
    const name = fresh();
    const now = new Date();
    expect(await scheduler.look(now, name)).toEqual([]);
    await track(scheduler.nc, name, 'a');
    expect(await scheduler.look(now, name)).toMatchObject([
      { request: { ...name, reason: 'new-tag', intervalSeconds: 3600 }, outcome: 'requested' },
    ]);
    expect(await scheduler.look(now, name)).toEqual([]);
    await take(name);
    const { lastSequence } = await streamState(scheduler.nc, STREAMS.tracking);
    await logScan(scheduler.nc, name, now, { trackingSequence: lastSequence });
    expect(await scheduler.look(now, name)).toEqual([]);

    const { trackingSequence } = scheduler.pastTail.past(name, now);
    await track(scheduler.nc, name, 'b');
    expect(await scheduler.look(now, name)).toMatchObject([{ request: { reason: 'new-tag' }, outcome: 'requested' }]);
    expect((await streamState(scheduler.nc, STREAMS.tracking)).lastSequence).toBeGreaterThan(trackingSequence);
  });

  it('asks anew for a tag that the scan which was on its way did not see', async () => {
    const name = fresh();
    const now = new Date();
    await track(scheduler.nc, name, 'a');
    await scheduler.look(now, name);
    const { lastSequence: knew } = await streamState(scheduler.nc, STREAMS.tracking);
    await track(scheduler.nc, name, 'b');
    const [refused] = await scheduler.look(now, name);
    expect(refused).toMatchObject({ outcome: 'pending', request: { reason: 'new-tag' } });
    await take(name);
    await logScan(scheduler.nc, name, now, { trackingSequence: knew });
    // At once: the end of the other scan makes it another occasion.
    expect(await scheduler.look(now, name)).toMatchObject([{ outcome: 'requested', request: { reason: 'new-tag' } }]);
  });

  it('keeps due what the queue refuses, and asks ever less often', async () => {
    const name = fresh();
    const startedAt = Date.now();
    await track(scheduler.nc, name, 'a');
    await scheduler.look(new Date(startedAt), name);
    await track(scheduler.nc, name, 'b');
    const times: number[] = [];
    for (let second = 0; second <= 120; second++) {
      const asked = await scheduler.look(new Date(startedAt + second * 1000), name);
      for (const { outcome } of asked) {
        expect(outcome).toBe('pending');
        times.push(second);
      }
    }
    expect(times).toEqual([0, 1, 3, 7, 15, 31, 61, 91]);
    expect(scheduler.schedule.due(name.tag('a'), new Date())?.due.reason).toBe('new-tag');
  });

  it('does not ask at once for what has just failed', async () => {
    const name = fresh();
    const now = new Date();
    await track(scheduler.nc, name, 'a');
    await scheduler.look(now, name);
    await take(name);
    await logFailure(scheduler.nc, name, now);
    const due = scheduler.schedule.due(name.tag('a'), now);
    expect(await scheduler.look(now, name)).toEqual([]);
    await scheduler.pastTail.catchUp();
    const next = scheduler.schedule.due(name.tag('a'), now)?.due;
    expect(next).toMatchObject({ reason: 'interval' });
    expect(next?.at.getTime()).toBeGreaterThan(now.getTime());
    expect(next?.at.getTime()).toBeLessThanOrEqual(now.getTime() + HOUR);
    expect(due).not.toBeNull();
    expect(await scheduler.look(new Date(next?.at.getTime() ?? 0), name)).toMatchObject([{ outcome: 'requested' }]);
  });

  it('asks at each interval, once, and says catch-up after a pause', async () => {
    const name = fresh();
    await track(scheduler.nc, name, 'a');
    let startedAt = new Date(Date.UTC(2030, 0, 1));
    await logScan(scheduler.nc, name, startedAt);
    for (let i = 0; i < 3; i++) {
      await scheduler.pastTail.catchUp();
      const due = scheduler.schedule.due(name.tag('a'), startedAt)?.due;
      if (due === undefined) throw new Error('it is tracked');
      if (i > 0) expect(due.at.getTime() - startedAt.getTime()).toBe(HOUR);
      expect(await scheduler.look(new Date(due.at.getTime() - 1), name)).toEqual([]);
      expect(await scheduler.look(due.at, name)).toMatchObject([
        { outcome: 'requested', request: { reason: 'interval' } },
      ]);
      await take(name);
      startedAt = due.at;
      await logScan(scheduler.nc, name, startedAt);
    }
    const late = new Date(startedAt.getTime() + 10 * HOUR);
    expect(await scheduler.look(late, name)).toMatchObject([{ request: { reason: 'catch-up' } }]);
  });

  it('goes on with scans where a clock was ahead once, also after a restart', async () => {
    const name = fresh();
    const now = new Date();
    await track(scheduler.nc, name, 'a');
    await logScan(scheduler.nc, name, new Date(now.getTime() + 30 * DAY), { reason: 'person' });
    const later = new Date(now.getTime() + HOUR);
    expect(await scheduler.look(later, name)).toMatchObject([
      { outcome: 'requested', request: { reason: 'interval' } },
    ]);
    await take(name);
    const restarted = await SchedulerUnderTest.start(nats.url, cadence);
    expect(await restarted.look(later, name)).toMatchObject([{ request: { reason: 'interval' } }]);
    await restarted.stop();
    // Nor does the scan that was "begun" then pass for the one that a person asks for now.
    expect(scheduler.schedule.askNow(name, later)).toBe(true);
    expect(await scheduler.look(later, name)).toMatchObject([{ request: { reason: 'person' } }]);
  });

  it('goes on with scans where its own clock was ahead and is set back', async () => {
    const name = fresh();
    const now = new Date();
    const ahead = new Date(now.getTime() + 30 * DAY);
    await track(scheduler.nc, name, 'a');
    expect(await scheduler.look(ahead, name)).toMatchObject([{ request: { reason: 'new-tag' } }]);
    await take(name);
    // The fetcher says that it began when it was asked for.
    await logScan(scheduler.nc, name, ahead);
    expect(await scheduler.look(ahead, name)).toEqual([]);
    expect(await scheduler.look(now, name)).toEqual([]);
    const later = new Date(now.getTime() + HOUR);
    expect(await scheduler.look(later, name)).toMatchObject([{ request: { reason: 'interval' } }]);
    await take(name);
    await logScan(scheduler.nc, name, later);
    expect(await scheduler.look(later, name)).toEqual([]);
  });

  it('leaves out quiet tags but at the first scan in each rare interval', async () => {
    const name = fresh();
    await track(scheduler.nc, name, 'a');
    let startedAt = new Date(Date.UTC(2031, 0, 1));
    await logScan(scheduler.nc, name, startedAt);
    const whole: number[] = [];
    const ends = new Set<number>();
    for (let hour = 1; hour <= 21 * 24; hour++) {
      startedAt = new Date(startedAt.getTime() + HOUR);
      // Most hours are passed over, to be quick: what was not asked for is not in the queue either.
      if (hour % 24 === 0) {
        const [asked] = await scheduler.look(startedAt, name);
        await take(name);
        const { skipQuietSince, skipQuietUntil } = asked?.request ?? {};
        if (skipQuietSince === undefined) whole.push(hour);
        else expect(Date.parse(skipQuietSince)).toBe(startedAt.getTime() - cadence.quietAfterMs);
        if (skipQuietUntil !== undefined) ends.add(Date.parse(skipQuietUntil));
        await logScan(scheduler.nc, name, startedAt);
      }
    }
    expect(whole).toHaveLength(3);
    expect(whole[1]).toBe((whole[0] ?? 0) + 7 * 24);
    // Each of the first scans is the first one after what the requests before it named.
    const begun = (hour: number): number => Date.UTC(2031, 0, 1) + hour * HOUR;
    const [first = 0, second = 0] = [...ends].toSorted((a, b) => a - b);
    expect(second - first).toBe(7 * DAY);
    for (const [i, end] of [first, second].entries()) {
      expect(begun(whole[i] ?? 0)).toBeGreaterThanOrEqual(end);
      expect(begun((whole[i] ?? 0) - 24)).toBeLessThan(end);
    }
  });

  it('asks when a person wants it, once, and only for what is tracked', async () => {
    const name = fresh();
    const startedAt = new Date();
    expect(scheduler.schedule.askNow(name, startedAt)).toBe(false);
    await track(scheduler.nc, name, 'a');
    await logScan(scheduler.nc, name, startedAt);
    await Promise.all([scheduler.trackingTail.catchUp(), scheduler.pastTail.catchUp()]);
    const askedAt = new Date(startedAt.getTime() + 1);
    expect(scheduler.schedule.askNow(name, askedAt)).toBe(true);
    const [asked] = await scheduler.look(askedAt, name);
    expect(asked).toMatchObject({ outcome: 'requested', request: { reason: 'person' } });
    expect(asked?.request).not.toHaveProperty('skipQuietSince');
    await take(name);
    await logScan(scheduler.nc, name, askedAt, { reason: 'person' });
    await scheduler.pastTail.catchUp();
    expect(scheduler.schedule.due(name.tag('a'), askedAt)?.due.reason).toBe('interval');
  });

  it('makes one request of what two schedulers find, and a restarted one adds none', async () => {
    const names = Array.from({ length: 50 }, fresh);
    for (const name of names) await track(scheduler.nc, name, 'a');
    const before = await streamState(scheduler.nc, STREAMS.scans);
    const other = await SchedulerUnderTest.start(nats.url, cadence);
    try {
      const now = new Date();
      await Promise.all([scheduler.trackingTail.catchUp(), scheduler.pastTail.catchUp()]);
      await Promise.all([scheduler.schedule.requestDue(now), other.schedule.requestDue(now)]);
      const restarted = await SchedulerUnderTest.start(nats.url, cadence);
      await restarted.schedule.requestDue(new Date(now.getTime() + 5000));
      await restarted.stop();
      const after = await streamState(scheduler.nc, STREAMS.scans);
      expect(after.lastSequence - before.lastSequence).toBe(50);
      const slotsOf = (asked: SchedulerUnderTest['asked']): string[] =>
        asked.map(({ request, slot }) => `${request.repository}@${slot}`).toSorted();
      expect(slotsOf(scheduler.asked)).toEqual(slotsOf(other.asked));
    } finally {
      await other.stop();
    }
  });

  it('forgets what is no longer tracked', async () => {
    const name = fresh();
    await track(scheduler.nc, name, 'a', 'b');
    await scheduler.trackingTail.catchUp();
    expect(scheduler.schedule.due(name.tag('a'), new Date())).not.toBeNull();
    expect(scheduler.schedule.due(name.tag('other'), new Date())).toBeNull();
  });
});
