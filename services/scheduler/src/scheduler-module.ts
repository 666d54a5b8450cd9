import { Module, type DynamicModule, Logger } from '@nestjs/common';
import {
  checkNats,
  JetStreamModule,
  NATS,
  ScanQueue,
  TrackingLog,
  TrackingTail,
  ViewLog,
  type NatsConnection,
  type StoredMessage,
} from '@dtm/jetstream';
import { Readiness, type Config } from '@dtm/service-host';
import { Expiry } from './expiry/expiry.ts';
import { CADENCE, cadenceOf } from './schedule/cadence.ts';
import { ScanPastTail } from './schedule/scan-past-tail.ts';
import { ScheduleClock } from './schedule/schedule-clock.ts';
import { ScheduleQuestions } from './schedule/schedule-questions.ts';
import { Schedule } from './schedule/schedule.ts';

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
      controllers: [ScheduleQuestions],
      providers: [
        ScheduleClock,
        { provide: CADENCE, useValue: cadence },
        { provide: TrackingTail, useFactory: (nc: NatsConnection) => new TrackingTail(nc, unreadable), inject: [NATS] },
        { provide: ScanPastTail, useFactory: (nc: NatsConnection) => new ScanPastTail(nc, unreadable), inject: [NATS] },
        {
          provide: Schedule,
          useFactory: (nc: NatsConnection, trackingTail: TrackingTail, pastTail: ScanPastTail) =>
            new Schedule({ trackingTail, pastTail, queue: new ScanQueue(nc), cadence }),
          inject: [NATS, TrackingTail, ScanPastTail],
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
