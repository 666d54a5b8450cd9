import { Module, type DynamicModule, Logger } from '@nestjs/common';
import {
  askPopularImages,
  checkNats,
  JetStreamModule,
  NATS,
  NoScanNews,
  PopularLookups,
  ScanNews,
  ScanQueue,
  TrackingLog,
  TrackingTail,
  ViewLog,
  type NatsConnection,
  type StoredMessage,
} from '@dtm/jetstream';
import { Readiness, type Config } from '@dtm/service-host';
import { NewTags, SCAN_NEWS, TRACKING_PARTS } from './discovery/new-tags.ts';
import { PopularClock } from './discovery/popular-clock.ts';
import { PopularImages } from './discovery/popular-images.ts';
import type { TrackingParts } from './discovery/track-tags.ts';
import { Expiry } from './expiry/expiry.ts';
import { CADENCE, cadenceOf } from './schedule/cadence.ts';
import { ScanPastTail } from './schedule/scan-past-tail.ts';
import { ScheduleClock } from './schedule/schedule-clock.ts';
import { ScheduleQuestions } from './schedule/schedule-questions.ts';
import { Schedule } from './schedule/schedule.ts';
import { SchedulerMetrics } from './scheduler-metrics.ts';

/** A registry-fetcher sends some fifty requests for it, and shares the registry's budget with scans. */
const POPULAR_WITHIN_MS = 300_000;
const POPULAR_AGAIN_MS = 3_600_000;

/** Wires the scheduler. */
@Module({})
export class SchedulerModule {
  static forRoot(config: Config): DynamicModule {
    const log = new Logger('scheduler');
    const unreadable = (message: StoredMessage, error: unknown): void =>
      log.error(`message ${message.sequence} on ${message.subject} is passed over: ${String(error)}`);
    const cadence = cadenceOf(config);
    return {
      module: SchedulerModule,
      imports: [
        JetStreamModule.forRoot({
          url: config.natsUrl,
          name: 'scheduler',
          replicas: config.natsReplicas,
          onStatus: (text) => log.warn(text),
        }),
      ],
      controllers: [ScheduleQuestions, NewTags],
      providers: [
        ScheduleClock,
        SchedulerMetrics,
        ...(config.popularImagesMaxCount > 0 ? [PopularClock] : []),
        { provide: CADENCE, useValue: cadence },
        { provide: TrackingTail, useFactory: (nc: NatsConnection) => new TrackingTail(nc, unreadable), inject: [NATS] },
        { provide: ScanPastTail, useFactory: (nc: NatsConnection) => new ScanPastTail(nc, unreadable), inject: [NATS] },
        {
          provide: Schedule,
          useFactory: (nc: NatsConnection, trackingTail: TrackingTail, pastTail: ScanPastTail) =>
            new Schedule({
              trackingTail,
              pastTail,
              queue: new ScanQueue(nc),
              cadence,
              onRequested: (id, reason) => log.debug({ msg: `asked for a scan (${reason})`, scanRequest: id }),
            }),
          inject: [NATS, TrackingTail, ScanPastTail],
        },
        {
          provide: TRACKING_PARTS,
          useFactory: (nc: NatsConnection, trackingTail: TrackingTail): TrackingParts => ({
            trackingTail,
            trackingLog: new TrackingLog(nc, '/docker-tag-monitor/scheduler'),
          }),
          inject: [NATS, TrackingTail],
        },
        {
          provide: Expiry,
          useFactory: async (nc: NatsConnection, trackingTail: TrackingTail) =>
            new Expiry({
              trackingTail,
              trackingLog: new TrackingLog(nc, '/docker-tag-monitor/scheduler'),
              views: await ViewLog.open(nc),
              maxUnseenMs: config.imageLastAccessedMaxAge.ms,
            }),
          inject: [NATS, TrackingTail],
        },
        {
          provide: SCAN_NEWS,
          useFactory: (nc: NatsConnection) => {
            const onError = (operation: string, error: unknown): void =>
              log.error(
                `could not ${operation}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
              );
            return config.autoMonitorNewTags ? new ScanNews(nc, onError) : new NoScanNews(nc, onError);
          },
          inject: [NATS],
        },
        {
          provide: PopularImages,
          useFactory: async (nc: NatsConnection, parts: TrackingParts) =>
            new PopularImages({
              ...parts,
              lookups: await PopularLookups.open(nc),
              ask: (count, signal) => askPopularImages(nc, count, { timeoutMs: POPULAR_WITHIN_MS, signal }),
              plan: {
                count: config.popularImagesMaxCount,
                everyMs: config.imageRefreshInterval.ms,
                retryMs: Math.min(POPULAR_AGAIN_MS, config.imageRefreshInterval.ms),
              },
              now: () => new Date(),
            }),
          inject: [NATS, TRACKING_PARTS],
        },
        {
          provide: 'readiness',
          useFactory: (readiness: Readiness, nc: NatsConnection, tracking: TrackingTail, past: ScanPastTail) => {
            readiness.register('nats', () => checkNats(nc));
            readiness.register('tails', async () => {
              const failure = tracking.failure ?? past.failure;
              if (failure !== null) throw failure;
            });
          },
          inject: [Readiness, NATS, TrackingTail, ScanPastTail],
        },
      ],
    };
  }
}
