import {
  Inject,
  Injectable,
  Logger,
  Module,
  type DynamicModule,
  type OnApplicationShutdown,
  type OnModuleInit,
} from '@nestjs/common';
import {
  checkNats,
  HistoryLog,
  HistoryTail,
  JetStreamModule,
  NATS,
  ScanJobs,
  ScanLog,
  ScanStateStore,
  ThrottleBook,
  TrackingTail,
  type NatsConnection,
  type StoredMessage,
} from '@dtm/jetstream';
import { AdapterChooser, knownRequestsPerSecond, RegistryClient } from '@dtm/registry-client';
import { Readiness, registrySettings, type Config } from '@dtm/service-host';
import { QUESTION_CLIENT, RegistryQuestions } from './query/registry-questions.ts';
import { accessOf } from './registries/access.ts';
import { ClientReader } from './registries/client-reader.ts';
import { SharedThrottle } from './registries/shared-throttle.ts';
import type { ScanParts } from './scan/repository-scan.ts';
import { SCAN_PARTS, ScanHandler } from './scan/scan-handler.ts';
import { ScanMetrics } from './scan/scan-metrics.ts';

/** Repositories of one registry that one fetcher scans at once. */
const REPOSITORIES_AT_ONCE = 4;
/** Requests of one scan that are under way at once; the throttle decides how many are sent a second. */
const REQUESTS_AT_ONCE = 16;

const SCAN_CLIENT = Symbol('ScanClient');

/** Reads the streams into memory before the first job, and closes what the fetcher holds open after the last. */
@Injectable()
class FetcherLife implements OnModuleInit, OnApplicationShutdown {
  constructor(
    @Inject(HistoryTail) private readonly historyTail: HistoryTail,
    @Inject(TrackingTail) private readonly trackingTail: TrackingTail,
    @Inject(ScanJobs) private readonly jobs: ScanJobs,
    @Inject(SCAN_CLIENT) private readonly scanClient: RegistryClient,
    @Inject(QUESTION_CLIENT) private readonly questionClient: RegistryClient,
  ) {}

  async onModuleInit(): Promise<void> {
    this.trackingTail.onChange(({ registry, tracked }) => {
      if (tracked) this.jobs.addRegistry(registry);
    });
    await Promise.all([this.historyTail.start(), this.trackingTail.start()]);
  }

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([this.historyTail.stop(), this.trackingTail.stop()]);
    await Promise.all([this.scanClient.close(), this.questionClient.close()]);
  }
}

/** Wires the registry-fetcher. */
@Module({})
export class FetcherModule {
  static forRoot(config: Config): DynamicModule {
    const log = new Logger('registry-fetcher');
    const unreadable = (message: StoredMessage, error: unknown): void =>
      log.error(`message ${message.sequence} on ${message.subject} is passed over: ${String(error)}`);
    const rateOf = (registry: string): number =>
      Math.min(registrySettings(config, registry).requestsPerSecond, knownRequestsPerSecond(registry) ?? Infinity);
    const client = (book: ThrottleBook, purpose: 'scan' | 'question'): RegistryClient =>
      new RegistryClient({
        accessOf: (registry) => accessOf(config, registry),
        throttle: new SharedThrottle(book, rateOf, purpose),
        retry: {
          maxOnRateLimit: config.maxRetriesOnRateLimit,
          sleepMs: config.sleepIntervalOnRateLimit.ms,
          cooldownMs: config.digestRefreshCooldownInterval.ms,
        },
        connectionsPerRegistry: REQUESTS_AT_ONCE * 2,
        // People do not queue behind scans; the shared budget holds for both.
        keepsKnownPaces: purpose === 'scan',
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
      controllers: [ScanHandler, RegistryQuestions],
      providers: [
        FetcherLife,
        ScanMetrics,
        { provide: HistoryTail, useFactory: (nc: NatsConnection) => new HistoryTail(nc, unreadable), inject: [NATS] },
        { provide: TrackingTail, useFactory: (nc: NatsConnection) => new TrackingTail(nc, unreadable), inject: [NATS] },
        { provide: ThrottleBook, useFactory: (nc: NatsConnection) => ThrottleBook.open(nc, rateOf), inject: [NATS] },
        {
          provide: ScanJobs,
          useFactory: (nc: NatsConnection) =>
            new ScanJobs(nc, {
              perRegistry: REPOSITORIES_AT_ONCE,
              onError: (operation, error) =>
                log.error(
                  `${operation} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
                ),
            }),
          inject: [NATS],
        },
        { provide: SCAN_CLIENT, useFactory: (book: ThrottleBook) => client(book, 'scan'), inject: [ThrottleBook] },
        {
          provide: QUESTION_CLIENT,
          useFactory: (book: ThrottleBook) => client(book, 'question'),
          inject: [ThrottleBook],
        },
        {
          provide: SCAN_PARTS,
          useFactory: scanParts(config),
          inject: [NATS, HistoryTail, TrackingTail, SCAN_CLIENT, ScanMetrics],
        },
        {
          provide: 'readiness',
          useFactory: (readiness: Readiness, nc: NatsConnection, history: HistoryTail, tracking: TrackingTail) => {
            readiness.register('nats', () => checkNats(nc));
            readiness.register('tails', async () => {
              const failure = history.failure ?? tracking.failure;
              if (failure !== null) throw failure;
            });
          },
          inject: [Readiness, NATS, HistoryTail, TrackingTail],
        },
      ],
    };
  }
}

function scanParts(
  config: Config,
): (
  nc: NatsConnection,
  historyTail: HistoryTail,
  trackingTail: TrackingTail,
  client: RegistryClient,
  metrics: ScanMetrics,
) => Promise<ScanParts> {
  return async (nc, historyTail, trackingTail, client, metrics) => {
    const chooser = new AdapterChooser(client, {
      credentialsOf: (registry) => accessOf(config, registry).credentials,
    });
    return {
      history: new HistoryLog(nc),
      historyTail,
      trackingTail,
      scanLog: new ScanLog(nc),
      scanState: await ScanStateStore.open(nc),
      reader: new ClientReader(
        (name) => chooser.adapterFor(name),
        REQUESTS_AT_ONCE,
        (registry, adapter, check) => metrics.noteCheck(registry, adapter, check),
      ),
      now: () => new Date(),
    };
  };
}
