import { decodeManifest, type ManifestDescribed } from '@dtm/events';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import {
  connectNats,
  ensureStreams,
  FactsJobs,
  FactsPace,
  HistoryLog,
  HistoryTail,
  ManifestLog,
  ManifestTail,
  readStream,
  STREAMS,
  streamState,
  type FactsJob,
  type NatsConnection,
  type StoredMessage,
} from '@dtm/jetstream';
import { AdapterChooser, LocalThrottle, RegistryClient } from '@dtm/registry-client';
import { startNats, startRegistry, type Pushed, type RunningNats, type RunningRegistry } from '@dtm/testing';
import { digestOf, ScriptedTags } from '../testing/scripted-tags.ts';
import { DigestFacts, type FactsParts } from './digest-facts.ts';

const BUILT_AT = '2026-10-30T08:00:00.000Z';

let nats: RunningNats;
let registry: RunningRegistry;
let scripted: ScriptedTags;
let nc: NatsConnection;
const running = new Set<Fetcher>();
beforeAll(async () => {
  [nats, registry, scripted] = await Promise.all([startNats(), startRegistry(), ScriptedTags.start()]);
  nc = await connectNats({ url: nats.url, name: 'spec' });
  await ensureStreams(nc);
});
afterEach(async () => {
  for (const fetcher of running) await fetcher.stop();
  running.clear();
  scripted.verify();
});
afterAll(async () => {
  await nc.close();
  await Promise.all([nats.stop(), registry.stop(), scripted.close()]);
});

/** What a fetcher works on facts with: a connection, tails and a client of its own. */
class Fetcher {
  /** Requests that were sent to registries. */
  requests = 0;
  readonly nc: NatsConnection;
  readonly errors: unknown[] = [];
  readonly #jobs: FactsJobs;
  readonly #client: RegistryClient;
  readonly #tails: readonly [HistoryTail, ManifestTail];

  static async start(
    over: (parts: FactsParts, fetcher: Fetcher) => Partial<FactsParts> = () => ({}),
  ): Promise<Fetcher> {
    const own = await connectNats({ url: nats.url, name: 'fetcher' });
    const fail = (message: StoredMessage, error: unknown): void => {
      throw new Error(`message ${message.sequence} cannot be read`, { cause: error });
    };
    const fetcher = new Fetcher(own, [new HistoryTail(own, fail), new ManifestTail(own, fail)]);
    await Promise.all(fetcher.#tails.map(async (tail) => tail.start()));
    const parts: FactsParts = {
      historyTail: fetcher.#tails[0],
      manifestTail: fetcher.#tails[1],
      manifests: new ManifestLog(own),
      registries: new AdapterChooser(fetcher.#client, { learn: false }),
      pace: await FactsPace.open(own, () => 10_000),
      now: () => new Date(),
    };
    const facts = new DigestFacts({ ...parts, ...over(parts, fetcher) });
    for (const { host } of [registry, scripted]) fetcher.#jobs.addRegistry(host);
    fetcher.#jobs.start(async (job: FactsJob) => void (await facts.describe(job)));
    running.add(fetcher);
    return fetcher;
  }

  private constructor(own: NatsConnection, tails: readonly [HistoryTail, ManifestTail]) {
    this.nc = own;
    this.#tails = tails;
    this.#jobs = new FactsJobs(own, { ackWaitMs: 2_000, onError: (_operation, error) => this.errors.push(error) });
    this.#client = new RegistryClient({
      accessOf: () => ({ plainHttp: true, privateAddresses: true }),
      throttle: new LocalThrottle({ requestsPerSecond: 100_000 }),
      retry: { maxOnRateLimit: 0, sleepMs: 0, cooldownMs: 60_000 },
      onRequest: () => this.requests++,
    });
  }

  /** As by SIGKILL: what it had in work is never acknowledged. */
  async kill(): Promise<void> {
    await this.nc.close();
  }

  async stop(): Promise<void> {
    await this.#jobs.stop();
    await Promise.all(this.#tails.map(async (tail) => tail.stop()));
    await this.#client.close();
    await this.nc.close();
  }
}

async function observe(host: string, repository: string, tag: string, { digest, mediaType }: Pushed): Promise<void> {
  const result = await new HistoryLog(nc).recordObserved({
    registry: host,
    repository,
    tag,
    digest,
    mediaType,
    observedAt: new Date().toISOString(),
    source: 'head',
    previous: null,
  });
  expect(result.outcome).toBe('appended');
}

async function descriptions(): Promise<ManifestDescribed[]> {
  const { lastSequence } = await streamState(nc, STREAMS.manifests);
  const found: ManifestDescribed[] = [];
  if (lastSequence === 0) return found;
  const end = new AbortController();
  for await (const { data, sequence } of readStream(nc, { stream: STREAMS.manifests, after: 0, signal: end.signal })) {
    found.push(decodeManifest(data).data);
    if (sequence >= lastSequence) break;
  }
  end.abort();
  return found;
}

async function describedAs(digest: string): Promise<ManifestDescribed> {
  for (;;) {
    const all = (await descriptions()).filter((one) => one.digest === digest);
    const [first] = all;
    if (first !== undefined) {
      expect(all).toHaveLength(1);
      return first;
    }
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

/** All jobs of the real registry are done. */
async function allDone(): Promise<void> {
  const port = registry.host.split(':')[1] ?? '';
  for (;;) {
    const answer = await nc.request('$JS.API.CONSUMER.LIST.HISTORY', '', { timeout: 5_000 });
    const { consumers } = answer.json<{
      consumers: { name: string; num_pending: number; num_ack_pending: number }[];
    }>();
    const own = consumers.filter(({ name }) => name.startsWith('facts-') && name.endsWith(port));
    if (own.length > 0 && own.every((one) => one.num_pending + one.num_ack_pending === 0)) return;
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}

describe('facts of what was pushed', () => {
  it('are read once by five fetchers, of a digest that four tags of two repositories share', async () => {
    const platforms = ['linux/arm64/v8', 'linux/amd64'];
    const [one, two] = ['team/one', 'team/two'];
    const pushed = await registry.skopeoCopy(one, '1', { content: 'shared', platforms, created: BUILT_AT });
    await registry.pushIndex(two, '1', { content: 'shared', platforms, created: BUILT_AT });
    for (let i = 0; i < 4; i++) await Fetcher.start();
    for (const [repository, tag] of [
      [one, '1'],
      [one, '1.0'],
      [two, '1'],
      [two, 'latest'],
    ] as const) {
      await observe(registry.host, repository, tag, pushed);
    }
    // One that comes late has the whole history before it, and finds it described.
    const last = await describedAs(pushed.digest);
    const late = await Fetcher.start();
    await allDone();
    expect(last).toMatchObject({
      registry: registry.host,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      createdAt: BUILT_AT,
      source: 'manifest',
      platforms: [
        { os: 'linux', architecture: 'arm64', variant: 'v8' },
        { os: 'linux', architecture: 'amd64', size: last.size },
      ],
    });
    expect(last.size).toBeGreaterThan(100);
    expect(await descriptions()).toHaveLength(1);
    expect(late.requests).toBe(0);
  });

  it('are recorded once where a fetcher is killed between reading and recording, and after recording', async () => {
    const pushed = await registry.pushImage('team/crash', '1', { created: BUILT_AT });
    const killed: string[] = [];
    const before = await Fetcher.start((_parts, fetcher) => ({
      manifests: {
        record: async () => {
          killed.push('before');
          await fetcher.kill();
          throw new Error('killed');
        },
      },
    }));
    await observe(registry.host, 'team/crash', '1', pushed);
    while (killed.length < 1) await new Promise((resolve) => setTimeout(resolve, 20));
    running.delete(before);
    expect((await descriptions()).map(({ digest }) => digest)).not.toContain(pushed.digest);
    const after = await Fetcher.start(({ manifests }, fetcher) => ({
      manifests: {
        record: async (data) => {
          const recorded = await manifests.record(data);
          killed.push('after');
          await fetcher.kill();
          return recorded;
        },
      },
    }));
    while (killed.length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
    running.delete(after);
    const third = await Fetcher.start();
    await allDone();
    expect(await describedAs(pushed.digest)).toMatchObject({
      createdAt: BUILT_AT,
      platforms: [{ os: 'linux', architecture: 'amd64' }],
    });
    // The third one found it described.
    expect([before.requests, after.requests, third.requests]).toEqual([2, 2, 0]);
    await Promise.all([before.stop(), after.stop()]);
  });

  it('wait for a registry that limits requests, which holds up no other', async () => {
    for (const content of ['a', 'b', 'c']) {
      const digest = digestOf(content);
      scripted.tags.set(`team/limited:${digest}`, { status: 429, headers: { 'retry-after': '120' } });
      await observe(scripted.host, 'team/limited', content, { digest, mediaType: '' });
    }
    const fetcher = await Fetcher.start();
    while (scripted.seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    const pushed = await registry.pushImage('team/other', '1', { created: '1970-01-01T00:00:00Z' });
    await observe(registry.host, 'team/other', '1', pushed);
    expect(await describedAs(pushed.digest)).toMatchObject({ createdAt: null });
    await allDone();
    expect(scripted.seen).toHaveLength(1);
    expect(fetcher.errors).toEqual([]);
  });
});
