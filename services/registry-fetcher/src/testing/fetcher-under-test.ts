import { decodeHistory, hashOf, SUBJECTS, type HistoryEvent, type ScanLogEvent, type ScanRequest } from '@dtm/events';
import { decodeScanLog } from '@dtm/events';
import {
  connectNats,
  ensureStreams,
  HistoryLog,
  HistoryTail,
  ListingStore,
  ManifestTail,
  readStream,
  ScanLog,
  ScanStateStore,
  STREAMS,
  streamState,
  TrackingLog,
  TrackingTail,
  type NatsConnection,
  type StoredMessage,
} from '@dtm/jetstream';
import { Reference, type RepositoryName } from '@dtm/oci';
import { LocalThrottle, OciAdapter, RegistryClient, type RegistryAccess, type Throttle } from '@dtm/registry-client';
import { ClientReader } from '../registries/client-reader.ts';
import { ForgottenListings, ListingMemory } from '../scan/listing-memory.ts';
import { RepositoryScan, type ScanParts, type ScanReport } from '../scan/repository-scan.ts';

const INSECURE: RegistryAccess = { plainHttp: true, privateAddresses: true };

export interface FetcherOptions {
  access?: RegistryAccess;
  throttle?: Throttle;
  /** Answers of a registry are waited for so long. */
  operationMs?: number;
  /** Whether it looks for tags that appear; default: not. */
  newTags?: boolean;
}

/** One fetcher: its own connection, tails and client, and a clock that a test can move. */
export class FetcherUnderTest {
  readonly nc: NatsConnection;
  readonly parts: ScanParts;
  readonly client: RegistryClient;
  /** Milliseconds by which the fetcher's clock is ahead of the real one. */
  ahead = 0;
  readonly #tails: readonly [HistoryTail, TrackingTail, ManifestTail];

  private constructor(
    nc: NatsConnection,
    tails: readonly [HistoryTail, TrackingTail, ManifestTail],
    stores: { scanState: ScanStateStore; listings: ListingStore },
    options: FetcherOptions,
  ) {
    this.nc = nc;
    this.#tails = tails;
    const now = (): Date => new Date(Date.now() + this.ahead);
    this.client = new RegistryClient({
      accessOf: () => options.access ?? INSECURE,
      throttle: options.throttle ?? new LocalThrottle({ requestsPerSecond: 100_000 }),
      retry: { maxOnRateLimit: 0, sleepMs: 0, cooldownMs: 60_000 },
      limits: options.operationMs === undefined ? {} : { operationMs: options.operationMs },
      now,
    });
    const adapter = new OciAdapter(this.client);
    this.parts = {
      history: new HistoryLog(nc),
      historyTail: tails[0],
      trackingTail: tails[1],
      manifestTail: tails[2],
      scanLog: new ScanLog(nc),
      scanState: stores.scanState,
      listings:
        options.newTags === true ? new ListingMemory(stores.listings, { now }) : new ForgottenListings(stores.listings),
      reader: new ClientReader(() => adapter, 8),
      now,
    };
  }

  static async start(natsUrl: string, options: FetcherOptions = {}): Promise<FetcherUnderTest> {
    const nc = await connectNats({ url: natsUrl, name: 'fetcher-under-test' });
    await ensureStreams(nc);
    const fail = (message: StoredMessage, error: unknown): void => {
      throw new Error(`message ${message.sequence} cannot be read`, { cause: error });
    };
    const tails = [new HistoryTail(nc, fail), new TrackingTail(nc, fail), new ManifestTail(nc, fail)] as const;
    await Promise.all(tails.map(async (tail) => tail.start()));
    const stores = { scanState: await ScanStateStore.open(nc), listings: await ListingStore.open(nc) };
    return new FetcherUnderTest(nc, tails, stores, options);
  }

  /** Runs one job. `parts` replaces parts of this fetcher's own. */
  scan(
    name: RepositoryName,
    request: Partial<ScanRequest> = {},
    parts: Partial<ScanParts> = {},
    signal = new AbortController().signal,
  ): Promise<ScanReport | null> {
    const whole: ScanRequest = {
      registry: name.registry,
      repository: name.repository,
      requestedAt: this.parts.now().toISOString(),
      reason: 'interval',
      intervalSeconds: 3600,
      ...request,
    };
    return new RepositoryScan({ ...this.parts, ...parts }, whole, signal).run();
  }

  /** Scans and expects that this succeeded. */
  async scanned(
    ...scan: Parameters<FetcherUnderTest['scan']>
  ): Promise<Extract<ScanReport, { outcome: 'scanned' }>['event']> {
    const report = await this.scan(...scan);
    if (report?.outcome !== 'scanned') throw new Error(`no successful scan: ${JSON.stringify(report)}`);
    return report.event;
  }

  async track(name: RepositoryName, ...tags: string[]): Promise<void> {
    const log = new TrackingLog(this.nc, '/docker-tag-monitor/api');
    for (const tag of tags) await log.track(name.tag(tag), 'person');
  }

  async untrack(name: RepositoryName, tag: string): Promise<void> {
    await new TrackingLog(this.nc, '/docker-tag-monitor/api').untrack(name.tag(tag), 'person');
  }

  async stop(): Promise<void> {
    await Promise.all(this.#tails.map(async (tail) => tail.stop()));
    await this.client.close();
    await this.nc.close();
  }
}

/** The calls of a store, for a test that replaces some of them. */
export function stateOf(store: ScanParts['scanState']): ScanParts['scanState'] {
  return {
    remembered: (name) => store.remembered(name),
    read: (name) => store.read(name),
    write: (...state) => store.write(...state),
  };
}

/** A stored event of a tag's history. */
export interface Stored {
  event: HistoryEvent;
  sequence: number;
  hash: string;
}

/** All events of a tag, oldest first. */
export async function historyOf(nc: NatsConnection, name: RepositoryName, tag: string): Promise<Stored[]> {
  const subject = SUBJECTS.history(Reference.of(name.registry, name.repository, tag));
  const messages = await everything(nc, STREAMS.history);
  return messages
    .filter((message) => message.subject === subject)
    .map(({ data, sequence }) => ({ event: decodeHistory(data), sequence, hash: hashOf(data) }));
}

/** The digests of a tag's events, oldest first; null for a disappearance. */
export async function digestsOf(nc: NatsConnection, name: RepositoryName, tag: string): Promise<(string | null)[]> {
  const stored = await historyOf(nc, name, tag);
  return stored.map(({ event }) => ('digest' in event.data ? event.data.digest : null));
}

/** All logged scans of a repository, oldest first. */
export async function scansOf(nc: NatsConnection, name: RepositoryName): Promise<ScanLogEvent[]> {
  const messages = await everything(nc, STREAMS.scanLog);
  const subjects = [SUBJECTS.scanDone(name), SUBJECTS.scanFailed(name)];
  return messages.filter(({ subject }) => subjects.includes(subject)).map(({ data }) => decodeScanLog(data));
}

async function everything(nc: NatsConnection, stream: string): Promise<StoredMessage[]> {
  const { lastSequence } = await streamState(nc, stream);
  const messages: StoredMessage[] = [];
  const stop = new AbortController();
  if (lastSequence === 0) return messages;
  for await (const message of readStream(nc, { stream, after: 0, signal: stop.signal })) {
    messages.push(message);
    if (message.sequence >= lastSequence) break;
  }
  stop.abort();
  return messages;
}
