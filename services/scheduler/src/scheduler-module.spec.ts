import 'reflect-metadata';
import { EVENT_TYPES, repositoryKey } from '@dtm/events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  askNextScan,
  askScanNow,
  connectNats,
  ensureStreams,
  HistoryLog,
  ManifestLog,
  JetStreamStrategy,
  NATS,
  QUERIES,
  ScanJobs,
  STREAMS,
  streamState,
  TrackingLog,
  TrackingTail,
  type NatsConnection,
  type PopularImagesAnswer,
  type ScanJob,
  type ScanNewsJob,
  type WorkSource,
} from '@dtm/jetstream';
import { RepositoryName } from '@dtm/oci';
import { HostModule, loadConfig } from '@dtm/service-host';
import { startNats, type RunningNats } from '@dtm/testing';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { SCAN_DONE, SCAN_NEWS } from './discovery/new-tags.ts';
import { PopularImages } from './discovery/popular-images.ts';
import { phaseOf } from './schedule/next-scan.ts';
import { SchedulerModule } from './scheduler-module.ts';
import { logScan } from './testing/scheduler-under-test.ts';

const DAY = 86_400_000;
const deadline = { timeoutMs: 5000 };

describe('SchedulerModule', () => {
  let nats: RunningNats;
  let nc: NatsConnection;
  let tracking: TrackingLog;
  const apps: NestExpressApplication[] = [];
  const jobs: ScanJobs[] = [];
  const requests: ScanJob['request'][] = [];
  beforeAll(async () => {
    nats = await startNats();
    nc = await connectNats({ url: nats.url, name: 'test' });
    await ensureStreams(nc);
    tracking = new TrackingLog(nc, '/docker-tag-monitor/api');
  });
  afterEach(async () => {
    await Promise.all(jobs.splice(0).map((one) => one.stop()));
    await Promise.all(apps.splice(0).map((app) => app.close()));
    requests.length = 0;
  });
  afterAll(async () => {
    await nc.close();
    await nats.stop();
  });

  async function start(
    interval = '2h',
    settings: Record<string, string> = { POPULAR_IMAGES_MAX_COUNT: '0' },
  ): Promise<NestExpressApplication> {
    const env = { NATS_URL: nats.url, SCRAPE_INTERVAL: interval, LOG_LEVEL: 'silent', ...settings };
    const config = loadConfig('scheduler', env);
    const app = await NestFactory.create<NestExpressApplication>(
      HostModule.forRoot(config, SchedulerModule.forRoot(config)),
      { logger: false, abortOnError: false },
    );
    const sources = { [SCAN_DONE]: app.get<WorkSource<ScanNewsJob>>(SCAN_NEWS) };
    app.connectMicroservice({ strategy: new JetStreamStrategy(app.get<NatsConnection>(NATS), sources) });
    await app.listen(0, '127.0.0.1');
    await app.startAllMicroservices();
    apps.push(app);
    return app;
  }

  /** Does the jobs of a registry as a fetcher that finds nothing new. */
  function fetcher(registry: string): void {
    const source = new ScanJobs(nc, {
      perRegistry: 1,
      onError: (_, error) => {
        throw error;
      },
    });
    source.start(async ({ request }) => {
      const name = RepositoryName.of(request.registry, request.repository);
      const { lastSequence } = await streamState(nc, STREAMS.tracking);
      await logScan(nc, name, new Date(), { reason: request.reason, trackingSequence: lastSequence });
      requests.push(request);
    });
    source.addRegistry(registry);
    jobs.push(source);
  }

  async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 20));
  }

  it('asks for a new tag at once and then at every interval, and is ready', async () => {
    const name = RepositoryName.of('often.example', 'team/app');
    const app = await start('1s');
    fetcher(name.registry);
    await tracking.track(name.tag('a'), 'person');
    await until(() => requests.length >= 3);
    expect(requests.map(({ reason }) => reason).slice(0, 1)).toEqual(['new-tag']);
    expect(requests.slice(1).every(({ reason }) => reason === 'interval' || reason === 'catch-up')).toBe(true);
    const url = await app.getUrl();
    expect(await (await fetch(`${url}/readyz`)).json()).toEqual({ status: 'ok', checks: { nats: 'ok', tails: 'ok' } });
  });

  it('answers when a tag is due, and why', async () => {
    const name = farFromRareScan();
    await start();
    expect(await askNextScan(nc, name.tag('none'), deadline)).toEqual({ at: null, reason: 'it is not tracked' });
    for (const tag of ['a', 'quiet', 'old-image', 'latest', 'ended', 'expired'])
      await tracking.track(name.tag(tag), 'person');
    await tracking.untrack(name.tag('ended'), 'person');
    await tracking.untrack(name.tag('expired'), 'expiry');
    await until(async () => (await askNextScan(nc, name.tag('expired'), deadline)).reason.includes('nobody looked'));
    expect(await askNextScan(nc, name.tag('ended'), deadline)).toEqual({
      at: null,
      reason: 'no longer scanned, as somebody ended it',
    });
    const now = Date.now();
    const due = await askNextScan(nc, name.tag('a'), deadline);
    expect(due.reason).toBe('due now, as the tag is new');
    expect(Math.abs(Date.parse(due.at ?? '') - now)).toBeLessThan(10_000);

    await logScan(nc, name, new Date());
    await until(async () => (await askNextScan(nc, name.tag('a'), deadline)).reason === 'scanned every 2 hours');
    const next = Date.parse((await askNextScan(nc, name.tag('a'), deadline)).at ?? '');
    expect(next).toBeGreaterThan(now);
    expect(next).toBeLessThanOrEqual(Date.now() + 2 * 3_600_000);

    await changedLong(name, 'quiet');
    await changedLong(name, 'latest');
    const rare = await askNextScan(nc, name.tag('quiet'), deadline);
    expect(rare.reason).toBe('scanned rarely, every 7 days, as it has not changed for 183 days');
    expect(Date.parse(rare.at ?? '')).toBeLessThanOrEqual(Date.now() + 7 * DAY + 2 * 3_600_000);
    expect((await askNextScan(nc, name.tag('latest'), deadline)).reason).toBe('scanned every 2 hours');
    await builtLongAgo(name, 'old-image');
    expect((await askNextScan(nc, name.tag('old-image'), deadline)).reason).toBe(rare.reason);
  });

  it('makes a repository due when a person asks, also right after it was tracked', async () => {
    const name = RepositoryName.of('asked.example', 'team/app');
    await start();
    fetcher(name.registry);
    await expect(askScanNow(nc, name, deadline)).rejects.toThrow('no tag of asked.example/team/app is tracked');
    await tracking.track(name.tag('a'), 'person');
    const { dueAt } = await askScanNow(nc, name, deadline);
    expect(Math.abs(Date.parse(dueAt) - Date.now())).toBeLessThan(10_000);
    await until(() => requests.some(({ reason }) => reason === 'person'));
    expect(requests.map(({ reason }) => reason)).toEqual(['new-tag', 'person']);
  });

  it('tracks what a scan saw appear, and has it scanned at once', async () => {
    const name = RepositoryName.of('appears.example', 'team/app');
    const app = await start();
    await until(async () => (await consumerNames()).includes('discovery'));
    await tracking.track(name.tag('a'), 'person');
    fetcher(name.registry);
    await until(() => requests.length === 1);
    await logScan(nc, name, new Date(), { trackingSequence: 0, appeared: ['b'] });
    await until(() => requests.some(({ reason }, i) => i > 0 && reason === 'new-tag'));
    expect(app.get(TrackingTail).repository(name)?.tags.get('b')).toMatchObject({ by: 'new-tag' });
  });

  it('tracks nothing that appears where that is not wanted, nor later what appeared until then', async () => {
    const name = RepositoryName.of('unwanted.example', 'team/app');
    await tracking.track(name.tag('a'), 'person');
    const app = await start('2h', { POPULAR_IMAGES_MAX_COUNT: '0', AUTO_MONITOR_NEW_TAGS: 'false' });
    await until(async () => !(await consumerNames()).includes('discovery'));
    await logScan(nc, name, new Date(), { appeared: ['b'] });
    await app.close();
    apps.splice(0);
    const on = await start();
    await until(async () => (await consumerNames()).includes('discovery'));
    await logScan(nc, name, new Date(), { appeared: ['c'] });
    const tail = on.get(TrackingTail);
    await until(() => tail.repository(name)?.tags.has('c') === true);
    expect([...(tail.repository(name)?.tags.keys() ?? [])]).toEqual(['a', 'c']);
  });

  it('asks for popular images when somebody is there to answer, and not again after a restart', async () => {
    const settings = { POPULAR_IMAGES_MAX_COUNT: '3' };
    const asked: unknown[] = [];
    const image = { registry: 'docker.io', repository: 'library/popular', tags: ['latest', '1'] };
    const answer: PopularImagesAnswer = { images: [image], failure: null };
    const answering = nc.subscribe(QUERIES.popularImages, {
      callback: (_, message) => {
        asked.push(message.json());
        message.respond(JSON.stringify({ answer }));
      },
    });
    const name = RepositoryName.of(image.registry, image.repository);
    const isTracked = (app: NestExpressApplication) => app.get(TrackingTail).repository(name)?.tags.size === 2;
    const app = await start('2h', settings);
    await until(() => isTracked(app));
    expect(app.get(TrackingTail).repository(name)?.tags.get('latest')).toMatchObject({ by: 'popular' });
    await app.close();
    apps.splice(0);
    const again = await start('2h', settings);
    await until(() => isTracked(again));
    const clock = again.get(PopularImages);
    expect((await clock.look(AbortSignal.timeout(10_000))).getTime()).toBeGreaterThan(Date.now() + DAY / 2);
    expect(asked).toEqual([{ count: 3 }]);
    answering.unsubscribe();
  });

  /** A repository whose rare scan is not the next one, as every one's is for two hours a week. */
  function farFromRareScan(): RepositoryName {
    for (let i = 0; ; i++) {
      const name = RepositoryName.of('answers.example', `team/app-${i}`);
      const weeks = Date.now() / (7 * DAY) - phaseOf(repositoryKey(name));
      const share = weeks - Math.floor(weeks);
      if (share > 0.1 && share < 0.9) return name;
    }
  }

  async function consumerNames(): Promise<string[]> {
    const reply = await nc.request(`$JS.API.CONSUMER.NAMES.${STREAMS.scanLog}`, '', { timeout: 5000 });
    return reply.json<{ consumers: string[] | null }>().consumers ?? [];
  }

  /** A tag whose last change was a year ago. */
  /** A baseline of two days ago, whose image is a year older. */
  async function builtLongAgo(name: RepositoryName, tag: string): Promise<void> {
    const where = { registry: name.registry, repository: name.repository, digest: `sha256:${'c'.repeat(64)}` };
    const observedAt = new Date(Date.now() - 2 * DAY).toISOString();
    const head = { mediaType: '', source: 'head', observedAt, previous: null };
    await new HistoryLog(nc).recordObserved({ ...where, ...head, tag });
    const createdAt = new Date(Date.now() - 365 * DAY).toISOString();
    const facts = { mediaType: '', size: null, platforms: [], createdAt, describedAt: observedAt };
    await new ManifestLog(nc).record({ ...where, ...facts, source: 'manifest' });
  }

  async function changedLong(name: RepositoryName, tag: string): Promise<void> {
    const history = new HistoryLog(nc);
    const data = { registry: name.registry, repository: name.repository, tag, mediaType: '', source: 'head' };
    const observedAt = new Date(Date.now() - 365 * DAY).toISOString();
    const digest = (hex: string): string => `sha256:${hex.repeat(64)}`;
    const first = await history.recordObserved({ ...data, digest: digest('a'), observedAt, previous: null });
    if (first.outcome !== 'appended') throw new Error(`${EVENT_TYPES.DigestObserved} was refused`);
    const previous = { digest: digest('a'), lastSeenAt: observedAt, sequence: first.sequence, hash: '0'.repeat(64) };
    await history.recordObserved({ ...data, digest: digest('b'), observedAt, previous });
  }
});
