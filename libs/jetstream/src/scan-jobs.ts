import { decodeScanRequest, escapePart, SUBJECTS, type ScanRequest } from '@dtm/events';
import {
  AckPolicy,
  jetstream,
  jetstreamManager,
  type Consumer,
  type ConsumerMessages,
  type JsMsg,
} from '@nats-io/jetstream';
import { nanos, type NatsConnection } from '@nats-io/transport-node';
import { isPassing, pause } from './reader.ts';
import { STREAMS } from './streams.ts';
import type { WorkSource } from './transport.ts';

/** How scan requests are taken from the queue. */
export interface ScanJobsOptions {
  /** Repositories of one registry that are scanned at once by this process. */
  perRegistry: number;
  /** Told of what goes wrong outside a job. */
  onError: (operation: string, error: unknown) => void;
}

/** How long a job may be silent before the queue hands it to another fetcher. */
export const ACK_WAIT_MS = 30_000;
const WORKING_EVERY_MS = 10_000;
const PULL_EXPIRES_MS = 10_000;
const RETRY_MS = 1_000;
const MAX_NAK_MS = 60_000;

/** Thrown by a handler: try again, not before the time has passed. */
export class RetryLater extends Error {
  override readonly name = 'RetryLater';
  readonly delayMs: number;
  constructor(message: string, delayMs: number, options?: ErrorOptions) {
    super(message, options);
    this.delayMs = Math.max(0, delayMs);
  }
}

/** One scan request in work. */
export interface ScanJob {
  request: ScanRequest;
  /** 1 on the first delivery. */
  delivery: number;
  /** Ends when the process drains. */
  signal: AbortSignal;
}

/**
 * The reading side of SCANS: one durable consumer for each registry, so that a halted registry, whose delayed jobs count
 * against its consumer, holds up no other.
 */
export class ScanJobs implements WorkSource<ScanJob> {
  readonly #nc: NatsConnection;
  readonly #options: ScanJobsOptions;
  readonly #stop = new AbortController();
  readonly #workers = new Map<string, Promise<void>>();
  readonly #pulls = new Set<ConsumerMessages>();
  #handle: ((job: ScanJob) => Promise<void>) | null = null;

  constructor(nc: NatsConnection, options: ScanJobsOptions) {
    this.#nc = nc;
    this.#options = options;
  }

  /** Begins to work on a registry's requests; does nothing where it is worked on already. */
  addRegistry(registry: string): void {
    if (this.#workers.has(registry) || this.#stop.signal.aborted) return;
    this.#workers.set(registry, this.#handle === null ? Promise.resolve() : this.#work(registry, this.#handle));
  }

  start(handle: (job: ScanJob) => Promise<void>): void {
    this.#handle = handle;
    for (const registry of this.#workers.keys()) this.#workers.set(registry, this.#work(registry, handle));
  }

  /** Takes no further job and resolves when those in work are done. */
  async stop(): Promise<void> {
    this.#stop.abort();
    for (const pull of this.#pulls) pull.stop();
    await Promise.all(this.#workers.values());
  }

  async #work(registry: string, handle: (job: ScanJob) => Promise<void>): Promise<void> {
    const lanes = Array.from({ length: this.#options.perRegistry }, () => this.#lane(registry, handle));
    await Promise.all(lanes);
  }

  /** One job after another: pulls the next only when the last is done, so that no job waits in a busy fetcher. */
  async #lane(registry: string, handle: (job: ScanJob) => Promise<void>): Promise<void> {
    let consumer: Consumer | null = null;
    while (!this.#stop.signal.aborted && !this.#nc.isClosed()) {
      try {
        consumer ??= await this.#consumer(registry);
        const pull = await consumer.fetch({ max_messages: 1, expires: PULL_EXPIRES_MS });
        this.#pulls.add(pull);
        try {
          for await (const message of pull) await this.#run(message, handle);
        } finally {
          this.#pulls.delete(pull);
        }
      } catch (error) {
        if (this.#stop.signal.aborted || this.#nc.isClosed()) return;
        if (!isPassing(error)) this.#options.onError(`take a scan request of ${registry}`, error);
        consumer = null;
        await pause(RETRY_MS, this.#stop.signal);
      }
    }
  }

  async #consumer(registry: string): Promise<Consumer> {
    const jsm = await jetstreamManager(this.#nc, { checkAPI: false });
    const name = `fetcher-${escapePart(registry)}`;
    await jsm.consumers.add(STREAMS.scans, {
      durable_name: name,
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(ACK_WAIT_MS),
      max_deliver: -1,
      max_ack_pending: 10_000,
      filter_subject: SUBJECTS.scanRequestsOfRegistry(registry),
    });
    return jetstream(this.#nc).consumers.get(STREAMS.scans, name);
  }

  async #run(message: JsMsg, handle: (job: ScanJob) => Promise<void>): Promise<void> {
    if (this.#stop.signal.aborted) {
      message.nak();
      return;
    }
    let request: ScanRequest;
    try {
      request = decodeScanRequest(message.data).data;
    } catch (error) {
      this.#options.onError(`read the scan request ${message.subject}`, error);
      message.term();
      return;
    }
    const working = setInterval(() => message.working(), WORKING_EVERY_MS);
    try {
      await handle({ request, delivery: message.info.deliveryCount, signal: this.#stop.signal });
      message.ack();
    } catch (error) {
      const delay = error instanceof RetryLater ? error.delayMs : 1_000 * 2 ** Math.min(message.info.deliveryCount, 6);
      message.nak(Math.min(delay, MAX_NAK_MS));
      if (!(error instanceof RetryLater))
        this.#options.onError(`scan ${request.registry}/${request.repository}`, error);
    } finally {
      clearInterval(working);
    }
  }
}
