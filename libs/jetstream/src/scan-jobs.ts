import { createHash } from 'node:crypto';
import { decodeScanRequest, escapePart, SUBJECTS, type ScanRequest } from '@dtm/events';
import {
  AckPolicy,
  jetstream,
  JetStreamApiError,
  jetstreamManager,
  type Consumer,
  type ConsumerMessages,
  type JsMsg,
} from '@nats-io/jetstream';
import { nanos, type NatsConnection } from '@nats-io/transport-node';
import { isPassing } from './failures.ts';
import { onReconnect } from './reconnects.ts';
import { STREAMS } from './streams.ts';
import type { WorkSource } from './transport.ts';
import { atMost, pause } from './waiting.ts';

/** How scan requests are taken from the queue. */
export interface ScanJobsOptions {
  /** Repositories of one registry that are scanned at once by this process. */
  perRegistry: number;
  /** Told of what goes wrong outside a job, and of jobs that fail without saying when to try again. */
  onError: (operation: string, error: unknown) => void;
  /** How long a job may be silent before the queue hands it to another fetcher; the same in all of them. */
  ackWaitMs?: number;
}

const ACK_WAIT_MS = 30_000;
/** So many signs of life in the time after which the queue would give a job away. */
const SIGNS_OF_LIFE = 3;
const PULL_EXPIRES_MS = 10_000;
const RETRY_MS = 1_000;
const LAST_WORD_MS = 1_000;
const FIRST_BACKOFF_MS = 1_000;
const LONGEST_BACKOFF_MS = 60_000;
/** A registry that names a time beyond it, or a clock that is off, must not park a repository for good. */
const LONGEST_WAIT_MS = 24 * 3600 * 1000;
/** The server's code for "consumer already exists", with other settings. */
const CONSUMER_EXISTS = 10148;
/** The server's bound on names is 255. */
const LONGEST_NAME = 200;

/** Thrown by a handler: try again, not before the time has passed (24 hours at most). */
export class RetryLater extends Error {
  override readonly name = 'RetryLater';
  readonly delayMs: number;
  constructor(message: string, delayMs: number, options?: ErrorOptions) {
    super(message, options);
    // In whole milliseconds: the server takes a delay with a fraction for none at all.
    this.delayMs = Math.max(0, Math.ceil(delayMs));
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
  /** Stream sequences of the jobs in work. */
  readonly #inWork = new Set<number>();
  readonly #ackWaitMs: number;
  readonly #forget: () => void;
  #handle: ((job: ScanJob) => Promise<void>) | null = null;

  constructor(nc: NatsConnection, options: ScanJobsOptions) {
    this.#nc = nc;
    this.#options = options;
    this.#ackWaitMs = options.ackWaitMs ?? ACK_WAIT_MS;
    // Pulls that the old connection carried are lost; without a word the next would come when they expire.
    this.#forget = onReconnect(nc, () => this.#endPulls());
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
    this.#endPulls();
    // Until the server knows, it would hand jobs to pulls that are gone, where they lie until the queue gives them away.
    await atMost(LAST_WORD_MS, this.#nc.flush());
    await Promise.all(this.#workers.values());
    this.#forget();
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
        const message = await this.#next(consumer);
        if (message !== null) await this.#run(message, handle);
      } catch (error) {
        if (this.#stop.signal.aborted || this.#nc.isClosed()) return;
        if (!isPassing(error)) this.#options.onError(`take a scan request of ${registry}`, error);
        consumer = null;
        await pause(RETRY_MS, this.#stop.signal);
      }
    }
  }

  /** Null where none came in time. The pull ends before the job begins: a long job would let its heartbeats go missing. */
  async #next(consumer: Consumer): Promise<JsMsg | null> {
    const pull = await consumer.fetch({ max_messages: 1, expires: PULL_EXPIRES_MS });
    this.#pulls.add(pull);
    if (this.#stop.signal.aborted) pull.stop();
    try {
      for await (const message of pull) return message;
      return null;
    } finally {
      this.#pulls.delete(pull);
    }
  }

  #endPulls(): void {
    for (const pull of this.#pulls) pull.stop();
  }

  async #consumer(registry: string): Promise<Consumer> {
    const jsm = await jetstreamManager(this.#nc, { checkAPI: false });
    const name = consumerName(registry);
    const settings = { ack_wait: nanos(this.#ackWaitMs), max_deliver: -1, max_ack_pending: 10_000 };
    try {
      await jsm.consumers.add(STREAMS.scans, {
        ...settings,
        durable_name: name,
        ack_policy: AckPolicy.Explicit,
        filter_subject: SUBJECTS.scanRequestsOfRegistry(registry),
      });
    } catch (error) {
      // Made with other settings by another version; up to 2.9 the server takes over the new ones without a word.
      if (!(error instanceof JetStreamApiError && error.code === CONSUMER_EXISTS)) throw error;
      await jsm.consumers.update(STREAMS.scans, name, settings);
    }
    return jetstream(this.#nc).consumers.get(STREAMS.scans, name);
  }

  async #run(message: JsMsg, handle: (job: ScanJob) => Promise<void>): Promise<void> {
    if (this.#stop.signal.aborted) {
      message.nak();
      return;
    }
    if (this.#inWork.has(message.seq)) {
      // A server that was killed forgets whom it gave a job to; the one that has it works on, and acknowledges it.
      message.working();
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
    this.#inWork.add(message.seq);
    const working = setInterval(() => {
      if (!this.#nc.isClosed()) message.working();
    }, this.#ackWaitMs / SIGNS_OF_LIFE);
    try {
      await handle({ request, delivery: message.info.deliveryCount, signal: this.#stop.signal });
      message.ack();
    } catch (error) {
      message.nak(delayAfter(error, message.info.deliveryCount));
      if (!(error instanceof RetryLater))
        this.#options.onError(`scan ${request.registry}/${request.repository}`, error);
    } finally {
      clearInterval(working);
      this.#inWork.delete(message.seq);
    }
  }
}

function delayAfter(error: unknown, delivery: number): number {
  if (error instanceof RetryLater && Number.isFinite(error.delayMs)) return Math.min(error.delayMs, LONGEST_WAIT_MS);
  return Math.min(FIRST_BACKOFF_MS * 2 ** Math.min(delivery, 10), LONGEST_BACKOFF_MS);
}

function consumerName(registry: string): string {
  const name = `fetcher-${escapePart(registry)}`;
  return name.length <= LONGEST_NAME ? name : `fetcher-${createHash('sha256').update(registry).digest('hex')}`;
}
