import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { findNatsServer } from '@dtm/embedded';
import { SUBJECTS, type DigestObserved, type RepositoryScanFailed, type RepositoryScanned } from '@dtm/events';
import {
  Appender,
  askPopularImages,
  connectNats,
  ensureStreams,
  FactsJobs,
  FactsPace,
  HistoryLog,
  HistoryTail,
  limitThrottleAge,
  ListingStore,
  ManifestLog,
  ManifestTail,
  NoScanNews,
  PopularLookups,
  QUERIES,
  readStream,
  readThrottles,
  ScanJobs,
  ScanLog,
  ScanNews,
  ScanQueue,
  ScanStateStore,
  storeUse,
  streamState,
  STREAMS,
  ThrottleBook,
  TrackingLog,
  TrackingTail,
  ViewLog,
  type FactsJob,
  type NatsConnection,
  type ScanJob,
  type ScanNewsJob,
} from '@dtm/jetstream';
import { Reference } from '@dtm/oci';
import { startNats, type RunningNats } from '@dtm/testing';
import { AckPolicy, DeliverPolicy, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import { natsConfiguration } from '../../infra/compose/nats-configuration.mjs';

/** infra/nats.conf without the parts that the test's own server has already: name, addresses, store. */
function accounts(): string {
  const variables = Object.fromEntries(
    ['API', 'SCHEDULER', 'FETCHER', 'PROJECTOR', 'BACKUP', 'OPERATOR', 'SUBSCRIBER', 'SYSTEM'].map((name) => [
      `NATS_${name}_PASSWORD`,
      'secret',
    ]),
  );
  const folder = fileURLToPath(new URL('../../infra', import.meta.url));
  const whole = natsConfiguration({ folder, variables, version: '2.12' });
  return whole.slice(whole.indexOf('\naccounts {'));
}

const SERVICES = ['api', 'scheduler', 'registry-fetcher', 'history-projector'] as const;
type Service = (typeof SERVICES)[number];

const NGINX = Reference.parse('nginx:1.27') as Reference;
const REPOSITORY = { registry: NGINX.registry, repository: NGINX.repository };
const AT = '2026-11-22T12:00:00.000Z';
const OBSERVED: DigestObserved = {
  ...REPOSITORY,
  tag: NGINX.tag,
  digest: `sha256:${'a'.repeat(64)}`,
  mediaType: 'application/vnd.oci.image.index.v1+json',
  observedAt: AT,
  source: 'head',
  previous: null,
};
const SCAN = {
  ...REPOSITORY,
  scanId: 'scan-1',
  reason: 'interval',
  startedAt: AT,
  finishedAt: AT,
  requests: 1,
  trackingSequence: 1,
  intervalSeconds: 7200,
} as const;
const SCANNED: RepositoryScanned = {
  ...SCAN,
  adapter: 'oci',
  acceptVersion: 1,
  historySequence: 1,
  observations: 1,
  changes: 1,
  coverage: { mode: 'all-but', tags: [] },
  failures: [],
  missing: [],
};
const FAILED: RepositoryScanFailed = { ...SCAN, scanId: 'scan-2', code: 'unreachable', error: 'connection refused' };

let nats: RunningNats;
const connections = new Map<string, NatsConnection>();
/** What the server refused each user, in its words. */
const refused = new Map<string, string[]>();

beforeAll(async () => {
  const binary = process.env['NATS_SERVER_BIN'] ?? findNatsServer();
  if (binary === undefined) throw new Error('These tests need nats-server on the PATH, or NATS_SERVER_BIN');
  nats = await startNats({ binary, config: accounts() });
  const url = (user: string): string => nats.url.replace('nats://', `nats://${user}:secret@`);
  for (const name of [...SERVICES, 'operator']) connections.set(name, await connectNats({ url: url(name), name }));
  for (const name of ['backup', 'subscriber']) {
    const options = { servers: nats.url, user: name, pass: 'secret', inboxPrefix: `_INBOX.${name}` };
    connections.set(name, await connect(options));
  }
  for (const [name, nc] of connections) {
    const words: string[] = [];
    refused.set(name, words);
    void (async () => {
      for await (const status of nc.status()) if (status.type === 'error') words.push(status.error.message);
    })();
  }
});

afterAll(async () => {
  for (const nc of connections.values()) await nc.close();
  await nats.stop();
});

function as(name: string): NatsConnection {
  const nc = connections.get(name);
  if (nc === undefined) throw new Error(`${name} is not connected`);
  return nc;
}

/** Does the work, and fails where the server refused any part of it: some of the client's calls go on without a word. */
async function unhindered(name: string, work: (nc: NatsConnection) => Promise<void>): Promise<void> {
  const before = refused.get(name)?.length ?? 0;
  await work(as(name));
  await as(name).flush();
  expect(refused.get(name)?.slice(before)).toEqual([]);
}

async function first<T>(messages: AsyncIterable<T>): Promise<T | undefined> {
  for await (const message of messages) return message;
  return undefined;
}

const fail = (message: unknown, error: unknown): never => {
  throw new Error(`${String(message)}: ${String(error)}`);
};

describe('each service can do its work', () => {
  it.each(SERVICES)('%s makes the streams that are missing', async (service) => {
    await unhindered(service, (nc) => ensureStreams(nc, { replicas: 1 }));
  });

  it('api: tracks, notes views, reads throttles, untracks', async () => {
    await unhindered('api', async (nc) => {
      const log = new TrackingLog(nc, '/docker-tag-monitor/api');
      expect(await log.track(NGINX, 'person')).toBe('tracked');
      expect(await log.untrack(NGINX, 'person')).toBe('untracked');
      expect(await log.track(NGINX, 'person')).toBe('tracked');
      expect(await (await ViewLog.open(nc)).noteView(NGINX, new Date(AT), { ms: 1 })).toBe(true);
      expect(await readThrottles(nc, [REPOSITORY.registry])).toEqual([]);
      expect((await streamState(nc, STREAMS.history)).lastSequence).toBe(0);
    });
  });

  it('scheduler: follows what is tracked and looked at, asks for a scan', async () => {
    await unhindered('scheduler', async (nc) => {
      const tail = new TrackingTail(nc, fail);
      await tail.start();
      expect(tail.repository(REPOSITORY)?.tags.has(NGINX.tag)).toBe(true);
      await tail.stop();
      const views = await ViewLog.open(nc);
      expect((await views.all()).size).toBe(1);
      expect((await views.madeAt()).getTime()).toBeLessThanOrEqual(Date.now());
      expect(await new Appender(nc, STREAMS.history).last('history.docker=2Eio.library/nginx.1=2E27')).toBeNull();
      const request = { ...REPOSITORY, requestedAt: AT, reason: 'interval', intervalSeconds: 7200 } as const;
      expect(await new ScanQueue(nc).request(request, '1')).toBe('requested');
      const log = new TrackingLog(nc, '/docker-tag-monitor/scheduler');
      expect(await log.track(Reference.parse('redis') as Reference, 'popular')).toBe('tracked');
    });
  });

  it('registry-fetcher: takes the request, records, keeps its state, shares the budget', async () => {
    await unhindered('registry-fetcher', async (nc) => {
      const history = new HistoryTail(nc, fail);
      const tracking = new TrackingTail(nc, fail);
      await Promise.all([history.start(), tracking.start()]);
      const jobs = new ScanJobs(nc, { perRegistry: 1, onError: fail });
      jobs.addRegistry(REPOSITORY.registry);
      const job = await new Promise<ScanJob>((resolve) => jobs.start(async (taken) => resolve(taken)));
      expect(job.request).toMatchObject(REPOSITORY);
      await jobs.stop();
      expect(await new HistoryLog(nc).recordObserved(OBSERVED)).toEqual({ outcome: 'appended', sequence: 1 });
      await history.waitFor(1);
      await Promise.all([history.stop(), tracking.stop()]);
      const log = new ScanLog(nc);
      await log.recordScanned(SCANNED);
      await log.recordFailed(FAILED);
      const states = await ScanStateStore.open(nc);
      const state = new Map([[NGINX.tag, { sequence: 1, lastSeenAt: new Date(AT), missingSince: null }]]);
      expect(await states.write(REPOSITORY, state, 0, 'scan-1')).toBe(true);
      expect((await states.read(REPOSITORY)).tags.size).toBe(1);
      const listings = await ListingStore.open(nc);
      const tags = new Set([NGINX.tag]);
      expect(await listings.write(REPOSITORY, await listings.readHead(REPOSITORY), tags, null)).toBe(true);
      expect(await listings.readTags(REPOSITORY, await listings.readHead(REPOSITORY))).toEqual(tags);
      await listings.forget(REPOSITORY);
      const book = await ThrottleBook.open(nc, () => 10);
      expect((await book.lease(REPOSITORY.registry, 1, 'scan')).granted).toBe(1);
      await book.halt(REPOSITORY.registry, new Date(Date.now() + 60_000), 'too many requests');
    });
    await unhindered('api', async (nc) => {
      expect(await readThrottles(nc, [REPOSITORY.registry, 'ghcr.io'])).toMatchObject([
        { registry: REPOSITORY.registry, rate: 5 },
      ]);
    });
  });

  it('registry-fetcher: limits how long the budgets are kept', async () => {
    const jsm = await jetstreamManager(as('operator'));
    const { config } = await jsm.streams.update('KV_THROTTLE', { max_age: 0 });
    expect(config.max_age).toBe(0);
    // Where a server does not allow it, the one who starts is told at once.
    await expect(limitThrottleAge(as('api'))).rejects.toThrow(/permissions/i);
    await unhindered('registry-fetcher', limitThrottleAge);
    expect((await jsm.streams.info('KV_THROTTLE')).config.max_age).toBeGreaterThan(0);
    for (const service of ['api', 'scheduler', 'history-projector']) await unhindered(service, limitThrottleAge);
  });

  it('registry-fetcher: describes what was observed', async () => {
    await unhindered('registry-fetcher', async (nc) => {
      const jobs = new FactsJobs(nc, { onError: fail });
      jobs.addRegistry(REPOSITORY.registry);
      const job = await new Promise<FactsJob>((resolve) => jobs.start(async (taken) => resolve(taken)));
      expect(job.observed).toEqual(OBSERVED);
      await jobs.stop();
      const tail = new ManifestTail(nc, fail);
      await tail.start();
      const { digest, mediaType } = OBSERVED;
      const facts = { size: null, platforms: [], createdAt: AT, describedAt: AT, source: 'manifest' } as const;
      const log = new ManifestLog(nc);
      const described = { ...REPOSITORY, digest, mediaType, ...facts };
      expect(await log.record(described)).toEqual({ outcome: 'described', sequence: 1 });
      expect(await log.record(described)).toEqual({ outcome: 'already-described', sequence: 1 });
      await tail.waitFor(1);
      expect(tail.builtAt(digest)).toEqual(new Date(AT));
      await tail.stop();
      await (await FactsPace.open(nc, () => 10)).spend(REPOSITORY.registry, 3);
    });
    await unhindered('scheduler', async (nc) => {
      const last = await new Appender(nc, STREAMS.manifests).last(SUBJECTS.manifest(OBSERVED.digest));
      expect(last?.sequence).toBe(1);
    });
  });

  it.each([STREAMS.history, STREAMS.manifests, STREAMS.tracking, STREAMS.scanLog])(
    'history-projector: reads %s',
    async (stream) => {
      await unhindered('history-projector', async (nc) => {
        const end = new AbortController();
        expect((await streamState(nc, stream)).lastSequence).toBeGreaterThan(0);
        const message = await first(readStream(nc, { stream, after: 0, signal: end.signal }));
        end.abort();
        expect(message?.sequence).toBe(1);
      });
    },
  );

  it('scheduler: follows what scans saw appear, and ends that', async () => {
    const scheduler = as('scheduler');
    const consumer = async (): Promise<unknown> =>
      (await jetstreamManager(as('operator'))).consumers.info(STREAMS.scanLog, 'discovery').catch(() => null);
    const isThere = async (wanted: boolean): Promise<void> => {
      while (((await consumer()) !== null) !== wanted) await new Promise((resolve) => setTimeout(resolve, 20));
    };
    await unhindered('scheduler', async (nc) => {
      const news = new ScanNews(nc, fail);
      const told = new Promise<ScanNewsJob>((resolve) => news.start(async (job) => resolve(job)));
      await isThere(true);
      await new ScanLog(as('registry-fetcher')).recordScanned({ ...SCANNED, scanId: 'scan-3', appeared: ['1.28'] });
      expect((await told).event.appeared).toEqual(['1.28']);
      await news.stop();
      const { num_ack_pending: open } = (await consumer()) as { num_ack_pending: number };
      expect(open).toBe(0);
      const off = new NoScanNews(scheduler, fail);
      off.start();
      await isThere(false);
      await off.stop();
    });
  });

  it('scheduler asks for popular images, the fetcher answers, and it is remembered', async () => {
    const answering = as('registry-fetcher').subscribe(QUERIES.popularImages, {
      queue: 'docker-tag-monitor',
      callback: (_, message) => void message.respond(JSON.stringify({ answer: { images: [], failure: null } })),
    });
    await as('registry-fetcher').flush();
    await unhindered('scheduler', async (nc) => {
      const lookups = await PopularLookups.open(nc);
      const turn = await lookups.takeTurn(new Date(), { count: 1, everyMs: 60_000, retryMs: 60_000 });
      if (!turn.mayLook) throw new Error('nobody has looked before');
      const { signal } = new AbortController();
      expect(await askPopularImages(nc, 1, { timeoutMs: 5_000, signal })).toEqual({ images: [], failure: null });
      await lookups.succeeded(turn, new Date(), 1);
      expect(await lookups.takeTurn(new Date(), { count: 1, everyMs: 60_000, retryMs: 60_000 })).toMatchObject({
        mayLook: false,
      });
    });
    answering.unsubscribe();
  });

  // Whatever question is added to the code is asked here too, by the one who asks it.
  it.each(Object.entries(QUERIES))('%s is asked and answered', async (name, subject) => {
    const asker = name === 'popularImages' ? 'scheduler' : 'api';
    const answerer = subject.startsWith('registry.') ? 'registry-fetcher' : 'scheduler';
    const answering = as(answerer).subscribe(subject, {
      queue: 'docker-tag-monitor',
      callback: (_, message) => void message.respond('{"answer":{}}'),
    });
    await as(answerer).flush();
    await unhindered(asker, async (nc) => {
      expect((await nc.request(subject, '{}', { timeout: 5_000 })).json()).toEqual({ answer: {} });
    });
    await unhindered(answerer, async () => answering.unsubscribe());
  });

  it('scheduler: measures what the streams take', async () => {
    await unhindered('scheduler', async (nc) => {
      const { streams, usedBytes } = await storeUse(nc);
      expect(streams.map(({ stream }) => stream)).toEqual(Object.values(STREAMS));
      expect(usedBytes).toBeGreaterThan(0);
    });
  });

  it('registry-fetcher: removes from its queue what a killed server forgot to', async () => {
    await unhindered('registry-fetcher', async (nc) => {
      const jsm = await jetstreamManager(nc, { checkAPI: false });
      const publisher = jetstream(as('operator'));
      const { seq } = await publisher.publish('scan.request.ghcr=2Eio.left/behind', 'x');
      expect(await jsm.streams.deleteMessage(STREAMS.scans, seq, false)).toBe(true);
    });
  });
});

const NOBODY = [
  '$JS.API.STREAM.DELETE.HISTORY',
  '$JS.API.STREAM.DELETE.MANIFESTS',
  '$JS.API.STREAM.PURGE.MANIFESTS',
  '$JS.API.CONSUMER.DELETE.HISTORY.facts-docker=2Eio',
  '$JS.API.STREAM.PURGE.HISTORY',
  '$JS.API.STREAM.UPDATE.HISTORY',
  '$JS.API.STREAM.UPDATE.KV_SCAN_STATE',
  '$JS.API.STREAM.PURGE.KV_THROTTLE',
  '$JS.API.STREAM.MSG.DELETE.HISTORY',
  '$JS.API.STREAM.SNAPSHOT.HISTORY',
  '$JS.API.STREAM.RESTORE.HISTORY',
  '$JS.API.CONSUMER.DELETE.HISTORY.subscriber',
  '$JS.API.STREAM.CREATE.OTHER',
  '$SYS.REQ.SERVER.PING',
];
const BY_SERVICE: Record<Service, string[]> = {
  api: [
    'manifest.a',
    'history.a.b.c',
    'imported.a.b.c',
    'scan.request.a.b',
    'scan.done.a.b',
    '$KV.THROTTLE.a',
    '$JS.API.STREAM.UPDATE.KV_THROTTLE',
    '$JS.API.CONSUMER.CREATE.KV_THROTTLE.a',
    '$KV.SCAN_STATE.a.b',
  ],
  scheduler: [
    'manifest.a',
    'history.a.b.c',
    'imported.a.b.c',
    'scan.done.a.b',
    '$KV.VIEWS.a.b.c',
    '$KV.SCAN_STATE.a.b',
    '$JS.API.CONSUMER.DELETE.SCAN_LOG.other',
    '$JS.ACK.SCAN_LOG.other.1.1.1.1.1',
    'registry.query.tag-exists',
  ],
  'registry-fetcher': ['tracking.a.b.c', 'scan.request.a.b', 'imported.a.b.c', '$KV.VIEWS.a.b.c', 'schedule.query.x'],
  'history-projector': [
    '$JS.API.STREAM.UPDATE.KV_THROTTLE',
    'manifest.a',
    '$JS.ACK.HISTORY.x',
    'history.a.b.c',
    'tracking.a.b.c',
    'scan.request.a.b',
    '$KV.VIEWS.a.b.c',
    '$JS.ACK.SCANS.x',
  ],
};

describe('no service can do another one’s', () => {
  const cases = SERVICES.flatMap((service) => [...NOBODY, ...BY_SERVICE[service]].map((subject) => [service, subject]));
  it.each(cases)('%s may not publish on %s', async (service, subject) => {
    await expect(as(String(service)).request(String(subject), '', { timeout: 2_000 })).rejects.toThrow(/permissions/i);
  });

  it.each(SERVICES)('%s may not listen to what others are answered', async (service) => {
    const other = service === 'api' ? 'scheduler' : 'api';
    const listening = as(service).subscribe(`_INBOX.${other}.>`);
    await expect(first(listening)).rejects.toThrow(/permissions/i);
  });
});

describe('a subscriber, in an account of its own', () => {
  const asSubscriber = () => jetstream(as('subscriber'), { domain: 'dtm' });

  beforeAll(async () => {
    const jsm = await jetstreamManager(as('operator'));
    const own = { durable_name: 'subscriber', ack_policy: AckPolicy.Explicit, deliver_policy: DeliverPolicy.All };
    await jsm.consumers.add(STREAMS.history, { ...own, filter_subject: 'history.sub.>', max_ack_pending: 1 });
    await jsm.consumers.add(STREAMS.history, { ...own, durable_name: 'other' });
  });

  it('is given every change once and in order, across a stop', async () => {
    const publisher = jetstream(as('operator'));
    const sent = Array.from({ length: 300 }, (_, i) => `event ${i}`);
    for (const text of sent) await publisher.publish('history.sub.repository.tag', text);
    const got: string[] = [];
    for (const many of [100, 200]) {
      const consumer = await asSubscriber().consumers.get(STREAMS.history, 'subscriber');
      for await (const message of await consumer.fetch({ max_messages: many, expires: 20_000 })) {
        got.push(message.string());
        expect(await message.ackAck()).toBe(true);
      }
    }
    expect(got).toEqual(sent);
  });

  it('cannot have the server write into another stream, by naming it as the place for an answer', async () => {
    const jsm = await jetstreamManager(as('operator'));
    const count = async (stream: string): Promise<number> => (await jsm.streams.info(stream)).state.last_seq;
    const [tracking, history] = [await count('TRACKING'), await count('HISTORY')];
    await jetstream(as('operator')).publish('history.sub.repository.tag', 'bait');
    for (const reply of [
      'tracking.evil.repository.tag',
      'history.evil.repository.tag',
      'scan.request.evil.repository',
    ]) {
      as('subscriber').publish('$JS.dtm.API.CONSUMER.MSG.NEXT.HISTORY.subscriber', '{"batch":1}', { reply });
    }
    await as('subscriber').flush();
    // The server works on requests in order: when it has answered this one, it is done with those before.
    await (await asSubscriber().consumers.get(STREAMS.history, 'subscriber')).info();
    await as('operator').flush();
    expect(await count('TRACKING')).toBe(tracking);
    expect(await count('HISTORY')).toBe(history + 1);
    expect((await jsm.streams.info('SCANS')).state.messages).toBe(0);
  });

  it.each([
    'history.a.b.c',
    'imported.a.b.c',
    'tracking.a.b.c',
    'scan.request.a.b',
    'registry.query.tag-exists',
    '$JS.API.INFO',
    '$JS.API.STREAM.NAMES',
    'manifest.a',
    '$JS.API.STREAM.INFO.TRACKING',
    '$JS.API.STREAM.INFO.MANIFESTS',
    '$JS.API.STREAM.MSG.GET.MANIFESTS',
    '$JS.API.STREAM.MSG.GET.TRACKING',
    '$JS.API.STREAM.DELETE.HISTORY',
    '$JS.API.STREAM.PURGE.HISTORY',
    '$JS.API.STREAM.MSG.DELETE.HISTORY',
    '$JS.API.CONSUMER.CREATE.HISTORY.mine',
    '$JS.API.CONSUMER.DELETE.HISTORY.other',
    '$JS.API.CONSUMER.MSG.NEXT.HISTORY.other',
    '$JS.dtm.API.INFO',
    '$JS.dtm.API.STREAM.INFO.HISTORY',
    '$JS.dtm.API.STREAM.INFO.TRACKING',
    '$JS.dtm.API.STREAM.INFO.MANIFESTS',
    '$JS.dtm.API.CONSUMER.MSG.NEXT.MANIFESTS.subscriber',
    '$JS.dtm.API.CONSUMER.INFO.HISTORY.other',
    '$JS.dtm.API.CONSUMER.MSG.NEXT.HISTORY.other',
    '$JS.dtm.API.CONSUMER.DELETE.HISTORY.subscriber',
    '$JS.dtm.API.CONSUMER.CREATE.HISTORY.subscriber',
    '$JS.ACK.HISTORY.other.1.1.1.1.1',
  ])('may not publish on %s', async (subject) => {
    await expect(as('subscriber').request(subject, '', { timeout: 2_000 })).rejects.toThrow(/permissions/i);
  });

  it.each(['history.>', 'tracking.>', '>'])('may not listen to %s', async (subject) => {
    await expect(first(as('subscriber').subscribe(subject))).rejects.toThrow(/permissions/i);
  });
});
