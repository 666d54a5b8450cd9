import type { RepositoryScanFailed, RepositoryScanned, ScanRequest } from '@dtm/events';
import {
  connectNats,
  ensureStreams,
  ScanLog,
  ScanQueue,
  TrackingLog,
  TrackingTail,
  type NatsConnection,
  type RequestOutcome,
  type StoredMessage,
} from '@dtm/jetstream';
import type { RepositoryName } from '@dtm/oci';
import { ScanPastTail } from '../schedule/scan-past-tail.ts';
import { Schedule } from '../schedule/schedule.ts';
import type { Cadence } from '../schedule/next-scan.ts';

/** What was asked of the queue, and what it said. */
export interface Asked {
  request: ScanRequest;
  slot: string;
  outcome: RequestOutcome;
}

/** One scheduler: its own connection and tails; the clock is the caller's. */
export class SchedulerUnderTest {
  readonly nc: NatsConnection;
  readonly trackingTail: TrackingTail;
  readonly pastTail: ScanPastTail;
  readonly schedule: Schedule;
  /** Every request so far. */
  readonly asked: Asked[] = [];

  private constructor(nc: NatsConnection, cadence: Cadence) {
    this.nc = nc;
    const fail = (message: StoredMessage, error: unknown): void => {
      throw new Error(`message ${message.sequence} cannot be read`, { cause: error });
    };
    this.trackingTail = new TrackingTail(nc, fail);
    this.pastTail = new ScanPastTail(nc, fail);
    const scans = new ScanQueue(nc);
    const queue = {
      request: async (request: ScanRequest, slot: string): Promise<RequestOutcome> => {
        const outcome = await scans.request(request, slot);
        this.asked.push({ request, slot, outcome });
        return outcome;
      },
    };
    const { trackingTail, pastTail } = this;
    this.schedule = new Schedule({ trackingTail, pastTail, queue, cadence });
  }

  static async start(natsUrl: string, cadence: Cadence): Promise<SchedulerUnderTest> {
    const nc = await connectNats({ url: natsUrl, name: 'scheduler-under-test' });
    await ensureStreams(nc);
    const scheduler = new SchedulerUnderTest(nc, cadence);
    await Promise.all([scheduler.trackingTail.start(), scheduler.pastTail.start()]);
    return scheduler;
  }

  /** Looks once, with all that the streams hold, and returns what it asked for of one repository. */
  async look(now: Date, name: RepositoryName): Promise<Asked[]> {
    await Promise.all([this.trackingTail.catchUp(), this.pastTail.catchUp()]);
    const before = this.asked.length;
    await this.schedule.requestDue(now);
    return this.asked.slice(before).filter(({ request }) => request.repository === name.repository);
  }

  async stop(): Promise<void> {
    await Promise.all([this.trackingTail.stop(), this.pastTail.stop()]);
    await this.nc.close();
  }
}

/** Tracks tags, as a person does. */
export async function track(nc: NatsConnection, name: RepositoryName, ...tags: string[]): Promise<void> {
  const log = new TrackingLog(nc, '/docker-tag-monitor/api');
  for (const tag of tags) await log.track(name.tag(tag), 'person');
}

let scans = 0;

/** Logs a scan as a fetcher would. */
export async function logScan(
  nc: NatsConnection,
  name: RepositoryName,
  startedAt: Date,
  over: Partial<RepositoryScanned> = {},
): Promise<void> {
  await new ScanLog(nc).recordScanned({
    ...fields(name, startedAt),
    adapter: 'oci',
    acceptVersion: 1,
    historySequence: 0,
    observations: 1,
    changes: 0,
    coverage: { mode: 'all-but', tags: [] },
    failures: [],
    missing: [],
    ...over,
  });
}

/** Logs a scan that failed. */
export async function logFailure(
  nc: NatsConnection,
  name: RepositoryName,
  startedAt: Date,
  over: Partial<RepositoryScanFailed> = {},
): Promise<void> {
  await new ScanLog(nc).recordFailed({ ...fields(name, startedAt), code: 'unreachable', error: 'away', ...over });
}

function fields(name: RepositoryName, startedAt: Date) {
  return {
    registry: name.registry,
    repository: name.repository,
    scanId: `scan-${process.pid}-${++scans}`,
    reason: 'interval' as const,
    startedAt: startedAt.toISOString(),
    finishedAt: startedAt.toISOString(),
    requests: 1,
    trackingSequence: 1_000_000,
    intervalSeconds: 60,
  };
}
