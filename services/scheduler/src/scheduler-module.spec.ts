import 'reflect-metadata';
import { EVENT_TYPES } from '@dtm/events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  askNextScan,
  askScanNow,
  connectNats,
  ensureStreams,
  HistoryLog,
  JetStreamStrategy,
  NATS,
  ScanJobs,
  TrackingLog,
  type NatsConnection,
  type ScanJob,
} from '@dtm/jetstream';
import { RepositoryName } from '@dtm/oci';
import { HostModule, loadConfig } from '@dtm/service-host';
import { startNats, type RunningNats } from '@dtm/testing';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
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

  async function start(interval = '2h'): Promise<NestExpressApplication> {
    const env = { NATS_URL: nats.url, SCRAPE_INTERVAL: interval, LOG_LEVEL: 'silent' };
    const config = loadConfig('scheduler', env);
    const app = await NestFactory.create<NestExpressApplication>(
      HostModule.forRoot(config, SchedulerModule.forRoot(config)),
      { logger: false, abortOnError: false },
    );
    app.connectMicroservice({ strategy: new JetStreamStrategy(app.get<NatsConnection>(NATS), {}) });
    await app.listen(0, '127.0.0.1');
    await app.startAllMicroservices();
    // Subscriptions are sent, but a question on another connection could be faster.
    await app.get<NatsConnection>(NATS).flush();
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
      await logScan(nc, name, new Date(), { reason: request.reason });
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
    const name = RepositoryName.of('answers.example', 'team/app');
    await start();
    expect(await askNextScan(nc, name.tag('none'), deadline)).toEqual({ at: null, reason: 'it is not tracked' });
    for (const tag of ['a', 'quiet', 'latest', 'ended', 'expired']) await tracking.track(name.tag(tag), 'person');
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

  /** A tag whose last change was a year ago. */
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
