import { Inject, Injectable, Logger, type OnApplicationBootstrap, type OnApplicationShutdown } from '@nestjs/common';
import type { TrackedBy } from '@dtm/events';
import {
  askAvailableTags,
  askNextScan,
  askScanNow,
  askTagExists,
  checkNats,
  connectNats,
  ensureStreams,
  NoAnswer,
  readThrottles,
  streamState,
  TrackingLog,
  ViewLog,
  type AvailableTagsAnswer,
  type NatsConnection,
  type NextScanAnswer,
  type ScanNowAnswer,
  type TagExistsAnswer,
  type ThrottleState,
  type TrackOutcome,
  type UntrackOutcome,
} from '@dtm/jetstream';
import type { Reference, RepositoryName } from '@dtm/oci';
import { CONFIG, Readiness, type Config } from '@dtm/service-host';
import { BusAway } from './bus-away.ts';

/** What hangs on a connection. */
interface Connected {
  nc: NatsConnection;
  tracking: TrackingLog;
  views: ViewLog;
}

const RETRY_MS = 1000;
const STATE_DEADLINE_MS = 2000;
const APPEND_DEADLINE_MS = 10_000;

/**
 * The api's one door to NATS. It connects in the background, as everything that is only read is served without NATS;
 * until then, and while nobody answers, every question rejects with `BusAway`.
 */
@Injectable()
export class Bus implements OnApplicationBootstrap, OnApplicationShutdown {
  readonly #logger = new Logger('Bus');
  #connected: Connected | null = null;
  /** False while the connection is lost: what is asked then would wait for its deadline in vain. */
  #online = true;
  #ended = false;

  constructor(
    @Inject(CONFIG) private readonly config: Config,
    readiness: Readiness,
  ) {
    readiness.register('nats', async () => checkNats(this.#now().nc), 'optional');
  }

  onApplicationBootstrap(): void {
    void this.#connect();
  }

  async onApplicationShutdown(): Promise<void> {
    this.#ended = true;
    const nc = this.#connected?.nc;
    // Draining waits for the server; one that is away must not hold up the end.
    if (nc !== undefined) await within(2000, nc.drain()).catch(() => undefined);
  }

  /** Whether a registry has a tag. */
  tagExists(reference: Reference, timeoutMs: number): Promise<TagExistsAnswer> {
    return ask('The registry cannot be asked at the moment', () =>
      askTagExists(this.#now().nc, reference, { timeoutMs }),
    );
  }

  /** Which tags a repository has. */
  availableTags(name: RepositoryName, timeoutMs: number): Promise<AvailableTagsAnswer> {
    return ask('The registry cannot be asked at the moment', () =>
      askAvailableTags(this.#now().nc, name, { timeoutMs }),
    );
  }

  /** When a tag is due next, and why. */
  nextScan(reference: Reference, timeoutMs: number): Promise<NextScanAnswer> {
    return ask('The scheduler does not answer', async () => askNextScan(this.#now().nc, reference, { timeoutMs }));
  }

  /** Makes a repository due now. */
  scanNow(name: RepositoryName, timeoutMs: number): Promise<ScanNowAnswer> {
    return ask('The scheduler does not answer: try again in a moment', () =>
      askScanNow(this.#now().nc, name, { timeoutMs }),
    );
  }

  /** Durable when it resolves. */
  track(reference: Reference, by: TrackedBy): Promise<TrackOutcome> {
    return store(async () => this.#now().tracking.track(reference, by));
  }

  /** Durable when it resolves. */
  untrack(reference: Reference): Promise<UntrackOutcome> {
    return store(async () => this.#now().tracking.untrack(reference, 'person'));
  }

  /** Notes a look at a tag, at most once within the configured threshold. */
  async noteView(reference: Reference): Promise<void> {
    await this.#now().views.noteView(reference, new Date(), this.config.imageLastViewedUpdateThreshold);
  }

  /** How registries are throttled; rejects within seconds where NATS does not answer. */
  throttles(registries: readonly string[]): Promise<ThrottleState[]> {
    return state(async () => readThrottles(this.#now().nc, registries));
  }

  /** The last sequence of a stream; rejects within seconds where NATS does not answer. */
  lastSequence(stream: string): Promise<number> {
    return state(async () => (await streamState(this.#now().nc, stream)).lastSequence);
  }

  #now(): Connected {
    if (this.#connected === null || !this.#online) throw new BusAway();
    return this.#connected;
  }

  async #connect(): Promise<void> {
    const nc = await connectNats({
      url: this.config.natsUrl,
      name: 'api',
      onStatus: (text) => this.#logger.warn(text),
    });
    void this.#watch(nc);
    while (!this.#ended) {
      try {
        await ensureStreams(nc, { replicas: this.config.natsReplicas });
        const tracking = new TrackingLog(nc, '/docker-tag-monitor/api');
        this.#connected = { nc, tracking, views: await ViewLog.open(nc) };
        return;
      } catch (error) {
        this.#logger.warn(`streams are not there yet: ${error instanceof Error ? error.message : String(error)}`);
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  async #watch(nc: NatsConnection): Promise<void> {
    for await (const { type } of nc.status()) {
      if (type === 'disconnect') this.#online = false;
      if (type === 'reconnect') this.#online = true;
    }
  }
}

async function ask<T>(silence: string, question: () => Promise<T>): Promise<T> {
  try {
    return await question();
  } catch (error) {
    throw error instanceof NoAnswer ? new BusAway(silence, { cause: error }) : error;
  }
}

async function store<T>(append: () => Promise<T>): Promise<T> {
  try {
    return await within(APPEND_DEADLINE_MS, append());
  } catch (error) {
    throw error instanceof BusAway ? error : new BusAway(undefined, { cause: error });
  }
}

async function state<T>(question: () => Promise<T>): Promise<T> {
  try {
    return await within(STATE_DEADLINE_MS, question());
  } catch (error) {
    throw error instanceof BusAway ? error : new BusAway(undefined, { cause: error });
  }
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new BusAway()), ms);
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
