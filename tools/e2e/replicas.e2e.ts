import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { connectNats, ensureStreams, STREAMS, streamState, TrackingLog, type NatsConnection } from '@dtm/jetstream';
import { RepositoryName } from '@dtm/oci';
import { startNats, type RunningNats } from '@dtm/testing';
import { ServiceProcess, type ServiceName } from '../bench/service-process.mjs';
import { ChangingRegistry } from './changing-registry.ts';
import { byTag, checkChain, digestsOf, eventually, everything, scansOf, Subscriber } from './history-reader.ts';

const REPOSITORIES = 8;
const TAGS_EACH = 5;
const STEPS = 8;

/** Schedulers and fetchers on a NATS of their own, watched from outside. */
class Deployment {
  readonly services: ServiceProcess[] = [];
  readonly nats: RunningNats;
  readonly nc: NatsConnection;
  readonly history: Subscriber;
  /** Message ids of requests that schedulers have made, by the inbox that the answer goes to. */
  readonly #asked = new Map<string, string>();
  /** What came to the schedulers' inboxes. */
  readonly #answers = new Map<string, string>();

  private constructor(nats: RunningNats, nc: NatsConnection) {
    this.nats = nats;
    this.nc = nc;
    this.history = new Subscriber(nc, STREAMS.history);
    // Request and answer may overtake one another on their way here.
    nc.subscribe('scan.request.>', {
      callback: (_, message) => void this.#asked.set(message.reply ?? '', message.headers?.get('Nats-Msg-Id') ?? ''),
    });
    nc.subscribe('_INBOX.scheduler.>', {
      callback: (_, message) => void this.#answers.set(message.subject, message.string()),
    });
  }

  /** Message ids of the requests that the queue took. */
  taken(): string[] {
    return [...this.#asked].flatMap(([inbox, id]) => {
      const answer = JSON.parse(this.#answers.get(inbox) ?? '{}') as {
        seq?: number;
        error?: unknown;
        duplicate?: boolean;
      };
      const took = answer.seq !== undefined && answer.error === undefined && answer.duplicate !== true;
      return took ? [id] : [];
    });
  }

  static async start(registry: ChangingRegistry, schedulers: number, fetchers: number): Promise<Deployment> {
    const nats = await startNats();
    const nc = await connectNats({ url: nats.url, name: 'outside' });
    await ensureStreams(nc);
    const deployment = new Deployment(nats, nc);
    const env = {
      NATS_URL: nats.url,
      SCRAPE_INTERVAL: '1s',
      POPULAR_IMAGES_MAX_COUNT: '0',
      INSECURE_REGISTRIES: registry.host,
      MAX_REQUESTS_PER_SECOND: '10000',
    };
    const names: ServiceName[] = [
      ...Array<ServiceName>(schedulers).fill('scheduler'),
      ...Array<ServiceName>(fetchers).fill('registry-fetcher'),
    ];
    for (const name of names) {
      const service = new ServiceProcess(name, env);
      deployment.services.push(service);
      await service.ready();
    }
    return deployment;
  }

  /** The digests of each tag. */
  digests(): Map<string, (string | null)[]> {
    return new Map([...byTag(this.history.heard)].map(([reference, events]) => [reference, digestsOf(events)]));
  }

  named(name: ServiceName): ServiceProcess[] {
    return this.services.filter((service) => service.name === name);
  }

  async stop(): Promise<void> {
    await this.history.stop();
    await Promise.all(this.services.map(async (service) => service.stop()));
    await this.nc.close();
    await this.nats.stop();
  }
}

describe('two schedulers and five fetchers', () => {
  let registry: ChangingRegistry;
  let one: Deployment;
  let many: Deployment;
  /** By canonical reference, what each tag was made to point to. */
  const plan = new Map<string, string[]>();

  beforeAll(async () => {
    registry = await ChangingRegistry.start();
    for (let r = 0; r < REPOSITORIES; r++) {
      for (let t = 0; t < TAGS_EACH; t++) registry.set(`team/app-${r}`, `1.${t}`, 0);
    }
    [one, many] = await Promise.all([Deployment.start(registry, 1, 1), Deployment.start(registry, 2, 5)]);
  }, 120_000);

  afterAll(async () => {
    await Promise.all([one?.stop(), many?.stop()]);
    await registry?.close();
  }, 60_000);

  function planned(): Map<string, string[]> {
    for (const [repository, tag] of registry.tags()) {
      const digests = registry.served(repository, tag).map(({ digest }) => digest);
      plan.set(`${registry.host}/${repository}:${tag}`, digests);
    }
    return plan;
  }

  /** Every deployment has recorded what the plan holds by now; what follows would otherwise be passed over. */
  async function recorded(): Promise<void> {
    const events = [...planned().values()].flat().length;
    for (const { history } of [one, many]) {
      await eventually(`${events} events are recorded`, () => history.heard.length >= events);
    }
  }

  it('make the same history as one of each, changes, returns and all', async () => {
    for (const { nc } of [one, many]) {
      const log = new TrackingLog(nc, '/docker-tag-monitor/api');
      const names = registry.tags().map(([path, tag]) => RepositoryName.of(registry.host, path).tag(tag));
      await Promise.all(names.map(async (reference) => log.track(reference, 'person')));
    }
    await recorded();
    for (let step = 1; step <= STEPS; step++) {
      for (const [index, [repository, tag]] of registry.tags().entries()) {
        // Each tag at its own pace; every third step of it is a return to what it was.
        if ((index + step) % 3 === 0) continue;
        registry.set(repository, tag, step % 3 === 2 ? Math.max(0, step - 2) : step);
      }
      await recorded();
    }
    expect(many.digests()).toEqual(planned());
    expect(many.digests()).toEqual(one.digests());
    for (const { nc } of [one, many]) {
      for (const events of byTag(await everything(nc, STREAMS.history)).values()) checkChain(events);
    }
  }, 240_000);

  it('scan no repository twice in a slot, and do every request once', async () => {
    for (const deployment of [one, many]) {
      for (const scheduler of deployment.named('scheduler')) scheduler.hold();
      const { nc } = deployment;
      await eventually('no scan is pending, and all answers have come', async () => {
        const { messages, lastSequence } = await streamState(nc, STREAMS.scans);
        return messages === 0 && lastSequence === deployment.taken().length;
      });
      const taken = deployment.taken();
      // An id names a repository and a slot; the queue took each once, though two asked for it, and each was scanned once.
      expect(new Set(taken).size).toBe(taken.length);
      expect(taken.filter((id) => !id.includes('@tag-')).length).toBeGreaterThan(REPOSITORIES * 2);
      const scans = await scansOf(nc);
      expect(scans).toHaveLength(taken.length);
      for (const scheduler of deployment.named('scheduler')) scheduler.release();
    }
  }, 120_000);

  it('end, to be started anew, where the stream that they remember is another one now', async () => {
    await many.history.stop();
    await many.nc.request(`$JS.API.STREAM.DELETE.${STREAMS.history}`);
    await ensureStreams(many.nc);
    const fetchers = many.named('registry-fetcher');
    await eventually('all fetchers have ended', () => fetchers.every(({ running }) => !running));
    for (const { log } of fetchers) expect(log).toMatch(/registry-fetcher: broken: .*HISTORY/);
    expect((await streamState(many.nc, STREAMS.history)).lastSequence).toBe(0);
    expect(many.named('scheduler').every(({ running }) => running)).toBe(true);
  }, 120_000);
});
