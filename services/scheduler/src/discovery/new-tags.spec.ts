import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { decodeTracking, EVENT_TYPES } from '@dtm/events';
import { readStream, ScanNews, STREAMS, streamState, TrackingLog } from '@dtm/jetstream';
import { RepositoryName } from '@dtm/oci';
import { startNats, type RunningNats } from '@dtm/testing';
import { Logger } from '@nestjs/common';
import { logScan, SchedulerUnderTest } from '../testing/scheduler-under-test.ts';
import { NewTags } from './new-tags.ts';

const cadence = { intervalMs: 3_600_000, rareIntervalMs: 7 * 86_400_000, quietAfterMs: 180 * 86_400_000 };

describe('NewTags', () => {
  let nats: RunningNats;
  let people: TrackingLog;
  let observer: SchedulerUnderTest;
  const schedulers: { scheduler: SchedulerUnderTest; news: NewTags }[] = [];
  let handled = 0;
  let logged = 0;
  let repositories = 0;
  const fresh = (): RepositoryName => RepositoryName.of('registry.example', `team/app-${++repositories}`);

  beforeAll(async () => {
    Logger.overrideLogger(false);
    nats = await startNats();
    observer = await SchedulerUnderTest.start(nats.url, cadence);
    people = new TrackingLog(observer.nc, '/docker-tag-monitor/api');
    schedulers.push(await start(), await start());
    await until(async () => {
      const reply = await observer.nc.request(`$JS.API.CONSUMER.NAMES.${STREAMS.scanLog}`, '', { timeout: 5000 });
      return reply.json<{ consumers: string[] | null }>().consumers?.includes('discovery') === true;
    });
  });
  afterEach(async () => until(() => handled >= logged));
  afterAll(async () => {
    for (const { scheduler, news } of schedulers) {
      await news.onModuleDestroy();
      await scheduler.stop();
    }
    await observer.stop();
    await nats.stop();
  });

  async function start(): Promise<{ scheduler: SchedulerUnderTest; news: NewTags }> {
    const scheduler = await SchedulerUnderTest.start(nats.url, cadence);
    const source = new ScanNews(scheduler.nc, (operation, error) => {
      throw new Error(operation, { cause: error });
    });
    const trackingLog = new TrackingLog(scheduler.nc, '/docker-tag-monitor/scheduler');
    const news = new NewTags({ trackingTail: scheduler.trackingTail, trackingLog }, source);
    source.start(async (job) => {
      await news.track(job);
      handled++;
    });
    return { scheduler, news };
  }

  /** Logs a scan that saw tags appear, and waits until a scheduler is done with it. */
  async function appear(name: RepositoryName, ...appeared: string[]): Promise<void> {
    await logScan(observer.nc, name, new Date(), { trackingSequence: await trackingSequence(), appeared });
    logged++;
    await until(() => handled >= logged);
    await observer.trackingTail.catchUp();
  }
  const trackingSequence = async (): Promise<number> => (await streamState(observer.nc, STREAMS.tracking)).lastSequence;
  const tracked = (name: RepositoryName): Record<string, string> =>
    Object.fromEntries(
      [...(observer.trackingTail.repository(name)?.tags.values() ?? [])].map(({ tag, by }) => [tag, by]),
    );

  async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  it('are tracked, and due at once', async () => {
    const name = fresh();
    await people.track(name.tag('1'), 'person');
    await appear(name, '2', '3');
    expect(tracked(name)).toEqual({ 1: 'person', 2: 'new-tag', 3: 'new-tag' });
    expect(await observer.look(new Date(), name)).toMatchObject([
      { outcome: 'requested', request: { reason: 'new-tag' } },
    ]);
  });

  it('that a person has untracked, or nobody has looked at for long, stay so, and what is tracked stays as it is', async () => {
    const name = fresh();
    for (const tag of ['1', 'untracked', 'expired']) await people.track(name.tag(tag), 'person');
    await people.untrack(name.tag('untracked'), 'person');
    await people.untrack(name.tag('expired'), 'expiry');
    const before = await trackingSequence();
    await appear(name, '1', 'untracked', 'expired');
    expect(tracked(name)).toEqual({ 1: 'person' });
    expect(await trackingSequence()).toBe(before);
  });

  it('of a repository that nobody watches any more are left alone', async () => {
    const name = fresh();
    await people.track(name.tag('1'), 'person');
    await people.untrack(name.tag('1'), 'person');
    await appear(name, '2');
    expect(tracked(name)).toEqual({});
  });

  it('are tracked once by two schedulers, also where a scan is told twice', async () => {
    const name = fresh();
    await people.track(name.tag('1'), 'person');
    const tags = Array.from({ length: 50 }, (_, i) => `new-${i}`);
    await Promise.all([appear(name, ...tags), appear(name, ...tags.toReversed()), appear(name, ...tags)]);
    const last = await trackingSequence();
    const events: string[] = [];
    for await (const { sequence, data } of readStream(observer.nc, {
      stream: STREAMS.tracking,
      after: 0,
      signal: AbortSignal.timeout(60_000),
    })) {
      const event = decodeTracking(data);
      if (event.data.repository === name.repository && event.type === EVENT_TYPES.TagTracked)
        events.push(event.data.tag);
      if (sequence >= last) break;
    }
    expect(events.sort()).toEqual(['1', ...tags].sort());
  });
});
