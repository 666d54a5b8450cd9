import 'reflect-metadata';
import type { ScanRequest } from '@dtm/events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  askAvailableTags,
  askPopularImages,
  askTagExists,
  connectNats,
  ensureStreams,
  JetStreamStrategy,
  ListingStore,
  NATS,
  readThrottles,
  ScanQueue,
  STREAMS,
  streamState,
  TrackingLog,
  type NatsConnection,
} from '@dtm/jetstream';
import { RepositoryName } from '@dtm/oci';
import { HostModule, loadConfig } from '@dtm/service-host';
import { startNats, startRegistry, type RunningNats, type RunningRegistry } from '@dtm/testing';
import { NestFactory } from '@nestjs/core';
import type { NestExpressApplication } from '@nestjs/platform-express';
import { FetcherModule, workSources } from './fetcher-module.ts';
import { digestsOf, scansOf } from './testing/fetcher-under-test.ts';
import { digestOf, ScriptedTags } from './testing/scripted-tags.ts';

describe('FetcherModule', () => {
  let nats: RunningNats;
  let registry: RunningRegistry;
  let scripted: ScriptedTags;
  let nc: NatsConnection;
  const apps: NestExpressApplication[] = [];
  beforeAll(async () => {
    [nats, registry, scripted] = await Promise.all([startNats(), startRegistry(), ScriptedTags.start()]);
    nc = await connectNats({ url: nats.url, name: 'test' });
    await ensureStreams(nc);
  });
  afterEach(async () => {
    await Promise.all(apps.splice(0).map((app) => app.close()));
    scripted.verify();
  });
  afterAll(async () => {
    await nc.close();
    await Promise.all([nats.stop(), registry.stop(), scripted.close()]);
  });

  async function start(): Promise<NestExpressApplication> {
    const config = loadConfig('registry-fetcher', {
      NATS_URL: nats.url,
      INSECURE_REGISTRIES: `${registry.host},${scripted.host}`,
      MAX_REQUESTS_PER_SECOND: '1000',
      LOG_LEVEL: 'silent',
    });
    const app = await NestFactory.create<NestExpressApplication>(
      HostModule.forRoot(config, FetcherModule.forRoot(config)),
      { logger: false, abortOnError: false },
    );
    app.connectMicroservice({ strategy: new JetStreamStrategy(app.get<NatsConnection>(NATS), workSources(app)) });
    await app.listen(0, '127.0.0.1');
    await app.startAllMicroservices();
    apps.push(app);
    return app;
  }

  async function request(name: RepositoryName, slot = 'slot'): Promise<void> {
    const scan: ScanRequest = {
      registry: name.registry,
      repository: name.repository,
      requestedAt: new Date().toISOString(),
      reason: 'interval',
      intervalSeconds: 60,
    };
    expect(await new ScanQueue(nc).request(scan, slot)).toBe('requested');
  }

  const track = async (name: RepositoryName, tag: string): Promise<unknown> =>
    new TrackingLog(nc, '/docker-tag-monitor/api').track(name.tag(tag), 'person');

  async function until<T>(read: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
    for (;;) {
      const value = await read();
      if (holds(value)) return value;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  it('scans what the queue asks for, answers questions, and is ready', async () => {
    const name = RepositoryName.of(registry.host, 'team/app');
    const { digest } = await registry.pushImage('team/app', '1.0');
    const app = await start();
    // Tracked after the start: the registry is new to this fetcher.
    await track(name, '1.0');
    await request(name);
    const [scan] = await until(
      () => scansOf(nc, name),
      ({ length }) => length > 0,
    );
    expect(scan?.data).toMatchObject({ observations: 1, changes: 1 });
    expect(await digestsOf(nc, name, '1.0')).toEqual([digest]);

    expect(await askTagExists(nc, name.tag('1.0'), { timeoutMs: 5000 })).toEqual({ outcome: 'exists' });
    expect(await askTagExists(nc, name.tag('none'), { timeoutMs: 5000 })).toMatchObject({ outcome: 'not-found' });
    expect(await askAvailableTags(nc, name, { timeoutMs: 5000 })).toEqual({ outcome: 'listed', tags: ['1.0'] });
    const { signal } = new AbortController();
    const none = { images: [], failure: null };
    expect(await askPopularImages(nc, 0, { timeoutMs: 5000, signal })).toEqual(none);
    // What the scan listed is remembered, so that the next one sees what appears.
    const listings = await ListingStore.open(nc);
    const head = await until(
      () => listings.readHead(name),
      ({ hasTags }) => hasTags,
    );
    expect(await listings.readTags(name, head)).toEqual(new Set(['1.0']));

    await until(
      () => streamState(nc, STREAMS.manifests),
      ({ lastSequence }) => lastSequence === 1,
    );

    const url = await app.getUrl();
    expect(await (await fetch(`${url}/readyz`)).json()).toEqual({ status: 'ok', checks: { nats: 'ok', tails: 'ok' } });
    const metrics = await until(
      async () => (await fetch(`${url}/metrics`)).text(),
      (text) => text.includes(`dtm_facts_digests_total{registry="${registry.host}",outcome="described"} 1`),
    );
    // Of the facts, not of the scan: manifest and configuration.
    expect(metrics).toContain(`dtm_facts_requests_total{registry="${registry.host}"} 2`);
    expect(metrics).toContain(`dtm_registry_requests_total{registry="${registry.host}"} ${scan?.data.requests}`);
    expect(metrics).toContain(`dtm_changes_recorded_total{registry="${registry.host}"} 1`);
    expect(metrics).toContain(`dtm_scans_total{registry="${registry.host}",outcome="scanned"} 1`);
  });

  it('tells the status page what went wrong with a registry last', async () => {
    const name = RepositoryName.of(scripted.host, 'team/failing');
    for (const tag of ['a', 'b']) scripted.tags.set(`team/failing:${tag}`, { status: 500 });
    scripted.listings.set('team/failing', { status: 200, body: '{"tags":["a","b"]}' });
    await track(name, 'a');
    await track(name, 'b');
    await start();
    await request(name);
    const [throttle] = await until(
      async () => (await readThrottles(nc, [scripted.host])).filter((one) => one.lastError !== null),
      ({ length }) => length > 0,
    );
    expect(throttle?.lastError?.message).toMatch(/^team\/failing: .*500/);
  });

  it('hands a job that a drain cuts short to the next fetcher', async () => {
    const name = RepositoryName.of(scripted.host, 'team/drained');
    scripted.tags.set('team/drained:a', 'hang');
    scripted.listings.set('team/drained', { status: 200, body: '{"tags":["a"]}' });
    await track(name, 'a');
    const app = await start();
    await request(name);
    await until(
      async () => scripted.seen.length,
      (count) => count > 0,
    );
    await app.close();
    apps.splice(0);
    expect(await scansOf(nc, name)).toEqual([]);
    scripted.tags.set('team/drained:a', { content: 'v1' });
    scripted.tags.set(`team/drained:${digestOf('v1')}`, { status: 404 });
    await start();
    const scans = await until(
      () => scansOf(nc, name),
      ({ length }) => length > 0,
    );
    expect(scans).toHaveLength(1);
    expect(scans[0]?.data).toMatchObject({ observations: 1, changes: 1 });
    await until(
      async () => (await streamState(nc, STREAMS.scans)).firstSequence,
      (first) => first > 2,
    );
  });
});
