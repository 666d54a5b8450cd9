import {
  Inject,
  Injectable,
  Logger,
  Module,
  type DynamicModule,
  type INestApplicationContext,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import {
  checkNats,
  FactsJobs,
  FactsPace,
  HistoryLog,
  HistoryTail,
  JetStreamModule,
  limitThrottleAge,
  ListingStore,
  ManifestLog,
  ManifestTail,
  NATS,
  ScanJobs,
  ScanLog,
  ScanStateStore,
  Tail,
  ThrottleBook,
  TrackingTail,
  type NatsConnection,
  type StoredMessage,
  type WorkSource,
} from '@dtm/jetstream';
import { AdapterChooser, knownRequestsPerSecond, RegistryClient } from '@dtm/registry-client';
import { Readiness, registrySettings, type Config } from '@dtm/service-host';
import { isTracing } from '@dtm/tracing';
import type { FactsParts } from './facts/digest-facts.ts';
import { DIGEST_OBSERVED, FACTS_PARTS, FactsHandler } from './facts/facts-handler.ts';
import { FactsMetrics } from './facts/facts-metrics.ts';
import { PopularQuestions } from './query/popular-questions.ts';
import { QUESTION_CLIENT, RegistryQuestions } from './query/registry-questions.ts';
import { configuredAccess } from './registries/access.ts';
import { ClientReader } from './registries/client-reader.ts';
import { SharedThrottle } from './registries/shared-throttle.ts';
import { traceRequest } from './registries/trace-request.ts';
import { LastErrors } from './scan/last-errors.ts';
import { ForgottenListings, ListingMemory } from './scan/listing-memory.ts';
import type { ScanParts } from './scan/repository-scan.ts';
import { SCAN_PARTS, SCAN_REQUEST, ScanHandler } from './scan/scan-handler.ts';
import { ScanMetrics } from './scan/scan-metrics.ts';

/** Repositories of one registry that one fetcher scans at once. */
const REPOSITORIES_AT_ONCE = 4;
/** Requests of one scan that are under way at once; the throttle decides how many are sent a second. */
const REQUESTS_AT_ONCE = 16;

const SCAN_CLIENT = Symbol('ScanClient');

/** Reads the streams into memory before the first job, and closes what the fetcher holds open after the last. */
@Injectable()
class FetcherLife implements OnModuleInit, OnModuleDestroy, OnApplicationShutdown {
  #ending = false;

  constructor(
    @Inject(HistoryTail) private readonly historyTail: HistoryTail,
    @Inject(TrackingTail) private readonly trackingTail: TrackingTail,
    @Inject(ManifestTail) private readonly manifestTail: ManifestTail,
    @Inject(ScanJobs) private readonly scanJobs: ScanJobs,
    @Inject(FactsJobs) private readonly factsJobs: FactsJobs,
    @Inject(SCAN_CLIENT) private readonly scanClient: RegistryClient,
    @Inject(QUESTION_CLIENT) private readonly questionClient: RegistryClient,
  ) {}

  async onModuleInit(): Promise<void> {
    this.trackingTail.onChange(({ registry, tracked }) => {
      if (!tracked) return;
      this.scanJobs.addRegistry(registry);
      this.factsJobs.addRegistry(registry);
    });
    await Promise.all(this.#tails.map(async (tail) => tail.start()));
    void this.#endWithTails();
  }

  onModuleDestroy(): void {
    this.#ending = true;
  }

  /**
   * A failed tail holds what is no longer kept up, and nothing but a new start mends that: unhandled, its failure ends the
   * service with its words, and whoever supervises it starts it again.
   */
  async #endWithTails(): Promise<void> {
    try {
      await Promise.all(this.#tails.map((tail) => tail.ended));
    } catch (error) {
      if (!this.#ending) throw error;
    }
  }

  get #tails(): readonly Tail[] {
    return [this.historyTail, this.trackingTail, this.manifestTail];
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all(this.#tails.map(async (tail) => tail.stop()));
    await Promise.all([this.scanClient.close(), this.questionClient.close()]);
  }
}

/** Wires the registry-fetcher. */
@Module({})
export class FetcherModule {
  static forRoot(config: Config): DynamicModule {
    const log = new Logger('registry-fetcher');
    const access = configuredAccess(config);
    const unreadable = (message: StoredMessage, error: unknown): void =>
      log.error(`message ${message.sequence} on ${message.subject} is passed over: ${String(error)}`);
    const failed = (operation: string, error: unknown): void =>
      log.error(`${operation} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
    const rateOf = (registry: string): number =>
      Math.min(registrySettings(config, registry).requestsPerSecond, knownRequestsPerSecond(registry) ?? Infinity);
    const client = (book: ThrottleBook, metrics: ScanMetrics, purpose: 'scan' | 'question'): RegistryClient =>
      new RegistryClient({
        accessOf: (registry) => access.of(registry),
        throttle: new SharedThrottle(book, rateOf, purpose, (registry, until) => metrics.noteHalt(registry, until)),
        retry: {
          maxOnRateLimit: config.maxRetriesOnRateLimit,
          sleepMs: config.sleepIntervalOnRateLimit.ms,
          cooldownMs: config.digestRefreshCooldownInterval.ms,
        },
        connectionsPerRegistry: REQUESTS_AT_ONCE * 2,
        // People do not queue behind scans; the shared budget holds for both.
        keepsKnownPaces: purpose === 'scan',
        ...(isTracing() ? { onRequest: traceRequest } : {}),
      });
    return {
      module: FetcherModule,
      imports: [
        JetStreamModule.forRoot({
          url: config.natsUrl,
          name: 'registry-fetcher',
          replicas: config.natsReplicas,
          onStatus: (text) => log.warn(text),
        }),
      ],
      controllers: [ScanHandler, FactsHandler, RegistryQuestions, PopularQuestions],
      providers: [
        FetcherLife,
        LastErrors,
        ScanMetrics,
        FactsMetrics,
        { provide: HistoryTail, useFactory: (nc: NatsConnection) => new HistoryTail(nc, unreadable), inject: [NATS] },
        { provide: TrackingTail, useFactory: (nc: NatsConnection) => new TrackingTail(nc, unreadable), inject: [NATS] },
        { provide: ManifestTail, useFactory: (nc: NatsConnection) => new ManifestTail(nc, unreadable), inject: [NATS] },
        {
          provide: ThrottleBook,
          useFactory: async (nc: NatsConnection) => {
            // Without it the registries are asked all the same: a server of somebody's own may not allow it yet.
            await limitThrottleAge(nc).catch((error: unknown) => failed('limiting the age of KV THROTTLE', error));
            return ThrottleBook.open(nc, rateOf);
          },
          inject: [NATS],
        },
        {
          provide: ScanJobs,
          useFactory: (nc: NatsConnection) => new ScanJobs(nc, { perRegistry: REPOSITORIES_AT_ONCE, onError: failed }),
          inject: [NATS],
        },
        {
          provide: FactsJobs,
          useFactory: (nc: NatsConnection) => new FactsJobs(nc, { isOff: !config.manifestFacts, onError: failed }),
          inject: [NATS],
        },
        {
          provide: FACTS_PARTS,
          useFactory: factsParts(rateOf),
          inject: [NATS, HistoryTail, ManifestTail, AdapterChooser],
        },
        {
          provide: SCAN_CLIENT,
          useFactory: (book: ThrottleBook, metrics: ScanMetrics) => client(book, metrics, 'scan'),
          inject: [ThrottleBook, ScanMetrics],
        },
        {
          provide: QUESTION_CLIENT,
          useFactory: (book: ThrottleBook, metrics: ScanMetrics) => client(book, metrics, 'question'),
          inject: [ThrottleBook, ScanMetrics],
        },
        {
          provide: SCAN_PARTS,
          useFactory: scanParts(config.autoMonitorNewTags),
          inject: [NATS, HistoryTail, TrackingTail, ManifestTail, AdapterChooser, ScanMetrics],
        },
        {
          provide: AdapterChooser,
          useFactory: (scanClient: RegistryClient) =>
            new AdapterChooser(scanClient, { credentialsOf: (registry) => access.of(registry).credentials }),
          inject: [SCAN_CLIENT],
        },
        {
          // A provider, as only what is logged from here on reaches the service's own logger.
          provide: 'complaints',
          useFactory: () => access.complaints.forEach((complaint) => log.warn(`DOCKER_CONFIG_FILE: ${complaint}`)),
        },
        {
          provide: 'readiness',
          useFactory: (readiness: Readiness, nc: NatsConnection, ...tails: Tail[]) => {
            readiness.register('nats', () => checkNats(nc));
            readiness.register('tails', async () => {
              for (const { failure } of tails) if (failure !== null) throw failure;
            });
          },
          inject: [Readiness, NATS, HistoryTail, TrackingTail, ManifestTail],
        },
      ],
    };
  }
}

function scanParts(
  watchesNewTags: boolean,
): (
  nc: NatsConnection,
  historyTail: HistoryTail,
  trackingTail: TrackingTail,
  manifestTail: ManifestTail,
  chooser: AdapterChooser,
  metrics: ScanMetrics,
) => Promise<ScanParts> {
  return async (nc, historyTail, trackingTail, manifestTail, chooser, metrics) => {
    const listings = await ListingStore.open(nc);
    return {
      history: new HistoryLog(nc),
      historyTail,
      trackingTail,
      manifestTail,
      scanLog: new ScanLog(nc),
      scanState: await ScanStateStore.open(nc),
      listings: watchesNewTags ? new ListingMemory(listings) : new ForgottenListings(listings),
      reader: new ClientReader(
        (name) => chooser.adapterFor(name),
        REQUESTS_AT_ONCE,
        (registry, adapter, check) => metrics.noteCheck(registry, adapter, check),
      ),
      now: () => new Date(),
    };
  };
}

function factsParts(
  rateOf: (registry: string) => number,
): (
  nc: NatsConnection,
  historyTail: HistoryTail,
  manifestTail: ManifestTail,
  chooser: AdapterChooser,
) => Promise<FactsParts> {
  return async (nc, historyTail, manifestTail, chooser) => ({
    historyTail,
    manifestTail,
    manifests: new ManifestLog(nc),
    registries: chooser,
    pace: await FactsPace.open(nc, rateOf),
    now: () => new Date(),
  });
}

/** Where the jobs of the handlers come from, by event pattern. */
export function workSources(app: INestApplicationContext): Record<string, WorkSource<unknown>> {
  return { [SCAN_REQUEST]: app.get(ScanJobs), [DIGEST_OBSERVED]: app.get(FactsJobs) };
}
