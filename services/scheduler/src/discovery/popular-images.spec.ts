import { afterAll, beforeAll, beforeEach, describe, expect, it, jest } from '@jest/globals';
import {
  askPopularImages,
  PopularLookups,
  QUERIES,
  TrackingLog,
  type NatsConnection,
  type PopularImagesAnswer,
} from '@dtm/jetstream';
import { RepositoryName } from '@dtm/oci';
import { startNats, type RunningNats } from '@dtm/testing';
import { Logger } from '@nestjs/common';
import { SchedulerUnderTest } from '../testing/scheduler-under-test.ts';
import { PopularImages } from './popular-images.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const cadence = { intervalMs: HOUR, rareIntervalMs: 7 * DAY, quietAfterMs: 180 * DAY };
const OK: PopularImagesAnswer = { images: [image('nginx', 'latest', '1.27')], failure: null };
const THROTTLED = { code: 'throttled', reason: 'the registry asked for a pause' } as const;

function image(repository: string, ...tags: string[]): PopularImagesAnswer['images'][number] {
  return { registry: 'docker.io', repository: `library/${repository}`, tags };
}

describe('PopularImages', () => {
  let nats: RunningNats;
  let scheduler: SchedulerUnderTest;
  let trackingLog: TrackingLog;
  let lookups: PopularLookups;
  let now: Date;
  let words: string[];
  let asked: number;
  let signal: AbortSignal;
  beforeAll(async () => {
    nats = await startNats();
    scheduler = await SchedulerUnderTest.start(nats.url, cadence);
    trackingLog = new TrackingLog(scheduler.nc, '/docker-tag-monitor/scheduler');
    lookups = await PopularLookups.open(scheduler.nc);
    now = new Date();
    jest.spyOn(Logger.prototype, 'log').mockImplementation(() => undefined);
    jest.spyOn(Logger.prototype, 'warn').mockImplementation((text) => void words.push(String(text)));
  });
  beforeEach(() => {
    // Each test begins long after the one before.
    now = new Date(now.getTime() + 100 * DAY);
    words = [];
    asked = 0;
    signal = new AbortController().signal;
  });
  afterAll(async () => {
    jest.restoreAllMocks();
    await scheduler.stop();
    await nats.stop();
  });

  /** A scheduler to which the fetcher answers so; without an answer there is no fetcher. */
  function popular(answer?: PopularImagesAnswer | (() => Promise<PopularImagesAnswer | null>)): PopularImages {
    return new PopularImages({
      trackingTail: scheduler.trackingTail,
      trackingLog,
      lookups,
      ask: async (count, stop) => {
        asked++;
        if (answer === undefined) return askPopularImages(scheduler.nc, count, { timeoutMs: 10_000, signal: stop });
        return typeof answer === 'function' ? answer() : answer;
      },
      plan: { count: 50, everyMs: DAY, retryMs: HOUR },
      now: () => now,
    });
  }
  const inMs = (next: Date): number => next.getTime() - now.getTime();
  const tracked = async (repository: string): Promise<Record<string, string>> => {
    await scheduler.trackingTail.catchUp();
    const name = RepositoryName.of('docker.io', `library/${repository}`);
    const tags = [...(scheduler.trackingTail.repository(name)?.tags.values() ?? [])];
    return Object.fromEntries(tags.map(({ tag, by }) => [tag, by]));
  };

  it('are tracked, but for those that a person has untracked', async () => {
    const nginx = RepositoryName.of('docker.io', 'library/nginx');
    await trackingLog.track(nginx.tag('latest'), 'person');
    await trackingLog.track(nginx.tag('1.26'), 'person');
    await trackingLog.untrack(nginx.tag('1.26'), 'person');
    const answer = { images: [image('nginx', 'latest', '1.27', '1.26'), image('redis', '7')], failure: null };
    expect(inMs(await popular(answer).look(signal))).toBe(DAY);
    expect(await tracked('nginx')).toEqual({ latest: 'person', 1.27: 'popular' });
    expect(await tracked('redis')).toEqual({ 7: 'popular' });
    expect(words).toEqual([]);
  });

  it('are looked up once by two schedulers, and by none of them within the interval', async () => {
    await Promise.all([popular(OK).look(signal), popular(OK).look(signal)]);
    expect(asked).toBe(1);
    now = new Date(now.getTime() + DAY - HOUR);
    expect(inMs(await popular(OK).look(signal))).toBe(HOUR);
    expect(asked).toBe(1);
    now = new Date(now.getTime() + HOUR);
    await popular(OK).look(signal);
    expect(asked).toBe(2);
  });

  it.each<[string, PopularImagesAnswer]>([
    ['the list is gone', { images: [], failure: { code: 'not-found', reason: 'no such list' } }],
    ['there is no network', { images: [], failure: { code: 'unreachable', reason: 'no such host' } }],
    ['Docker Hub names none', { images: [], failure: null }],
    ['Docker Hub is halted on the way', { images: [image('halted', '1')], failure: THROTTLED }],
  ])('are looked up again in an hour where %s, which is told in one line', async (_why, answer) => {
    const images = popular(answer);
    expect(inMs(await images.look(signal))).toBe(HOUR);
    // Also after a restart.
    expect(inMs(await popular(OK).look(signal))).toBe(HOUR);
    expect(words).toEqual([expect.stringMatching(/^popular images could not be looked up, trying again later: /)]);
    expect(Object.keys(await tracked('halted'))).toEqual(answer.failure === THROTTLED ? ['1'] : []);
    now = new Date(now.getTime() + HOUR);
    expect(inMs(await popular(OK).look(signal))).toBe(DAY);
  });

  it('are not looked up again at once where one of them could not be', async () => {
    const failure = { code: 'server-error', reason: 'status 500' } as const;
    expect(inMs(await popular({ ...OK, failure }).look(signal))).toBe(DAY);
    expect(words).toEqual(['some popular images could not be looked up: status 500']);
  });

  it('are asked for soon again, without a word, where no fetcher is there', async () => {
    const images = popular();
    expect(inMs(await images.look(signal))).toBe(5_000);
    expect(inMs(await images.look(signal))).toBe(10_000);
    expect(words).toEqual([]);
    for (let i = 0; i < 8; i++) await images.look(signal);
    expect(inMs(await images.look(signal))).toBe(300_000);
    expect(words).toEqual(['no registry-fetcher is there to look up popular images']);
    // The next to answer is asked at once.
    expect(inMs(await popular(OK).look(signal))).toBe(DAY);
  });

  it('are not looked up again at once where a fetcher heard the question and gave no answer', async () => {
    const hears = (nc: NatsConnection) => nc.subscribe(QUERIES.popularImages, { callback: () => undefined });
    const hearing = hears(scheduler.nc);
    const images = popular(() => askPopularImages(scheduler.nc, 1, { timeoutMs: 100, signal }));
    expect(inMs(await images.look(signal))).toBe(HOUR);
    expect(words).toHaveLength(1);
    hearing.unsubscribe();
  });

  it('are left to whoever runs next where the process ends meanwhile', async () => {
    const stop = new AbortController();
    const hanging = popular(() => new Promise((resolve) => stop.signal.addEventListener('abort', () => resolve(null))));
    const looking = hanging.look(stop.signal);
    while (asked === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    stop.abort();
    await looking;
    expect(inMs(await popular(OK).look(signal))).toBe(DAY);
    expect(words).toEqual([]);
  });
});
