import { createHash } from 'node:crypto';
import { escapePart } from '@dtm/events';
import { AckPolicy, JetStreamApiError, jetstreamManager } from '@nats-io/jetstream';
import { nanos, type NatsConnection } from '@nats-io/transport-node';
import { traced } from '@dtm/tracing';
import { isPassing } from './failures.ts';
import { LONGEST_WAIT_MS, RetryLater, workOn } from './job-message.ts';
import { LeftBehind } from './left-behind.ts';
import { traceOf } from './message-trace.ts';
import type { PulledMessage } from './pulled-message.ts';
import { Pulls } from './pulls.ts';
import type { StoredMessage } from './reader.ts';
import type { WorkSource } from './transport.ts';
import { pause } from './waiting.ts';

/** How jobs are taken. */
export interface RegistryJobsOptions {
  /** Jobs of one registry that are worked on at once by this process. */
  perRegistry: number;
  /** Told of what goes wrong outside a job, and of jobs that fail without saying when to try again. */
  onError: (operation: string, error: unknown) => void;
  /** How long a job may be silent before the queue hands it to another fetcher; the same in all of them. */
  ackWaitMs?: number;
}

/** What every job has. */
export interface RegistryJob {
  /** 1 on the first delivery. */
  delivery: number;
  /** Ends when the process drains. */
  signal: AbortSignal;
}

/** A stream's messages as jobs. */
export interface JobKind<Job extends RegistryJob> {
  stream: string;
  /** What names of its consumers begin with: `<prefix>-<registry>`. */
  prefix: string;
  /** Subjects of a registry's messages. */
  subjectsOf: (registry: string) => string;
  /** Jobs in work or put off, of one registry and all processes together. */
  maxPending: number;
  /** Whether the stream is a work queue, from which what is done disappears. */
  isQueue: boolean;
  /** What one message is called: `scan request`. */
  what: string;
  /** What traces call the work on one: `scan repository`. */
  span: string;
  /** Makes a job of a message; null: there is nothing to do. Throws where it cannot be read: it then never comes again. */
  jobOf: (message: StoredMessage, how: RegistryJob & { rest: (until: Date) => void }) => Job | null;
  /** What is done, in words: `scan docker.io/library/nginx`. */
  operationOf: (job: Job) => string;
}

const ACK_WAIT_MS = 30_000;
const RETRY_MS = 1_000;
/** How often a work queue is looked through for what is done and still there. */
const LOOK_THROUGH_MS = 10_000;
/** The server's code for "consumer already exists", with other settings. */
const CONSUMER_EXISTS = 10148;
/** The server's bound on names is 255. */
const LONGEST_NAME = 200;

/**
 * Jobs out of a stream: one durable consumer for each registry, shared by all processes, so that a halted registry, whose
 * delayed jobs count against its consumer, holds up no other. A job is acknowledged when its handler resolves.
 */
export abstract class RegistryJobs<Job extends RegistryJob> implements WorkSource<Job> {
  readonly #nc: NatsConnection;
  readonly #kind: JobKind<Job>;
  readonly #options: RegistryJobsOptions;
  readonly #stop = new AbortController();
  readonly #workers = new Map<string, Promise<void>>();
  readonly #pulls: Pulls;
  /** Stream sequences of the jobs in work. */
  readonly #inWork = new Set<number>();
  readonly #ackWaitMs: number;
  #handle: ((job: Job) => Promise<void>) | null = null;

  protected constructor(nc: NatsConnection, kind: JobKind<Job>, options: RegistryJobsOptions) {
    this.#nc = nc;
    this.#kind = kind;
    this.#options = options;
    this.#ackWaitMs = options.ackWaitMs ?? ACK_WAIT_MS;
    this.#pulls = new Pulls(nc);
  }

  /** Begins to work on a registry's jobs; does nothing where it is worked on already. */
  addRegistry(registry: string): void {
    if (this.#workers.has(registry) || this.#stop.signal.aborted) return;
    this.#workers.set(registry, this.#handle === null ? Promise.resolve() : this.#work(registry, this.#handle));
  }

  start(handle: (job: Job) => Promise<void>): void {
    this.#handle = handle;
    for (const registry of this.#workers.keys()) this.#workers.set(registry, this.#work(registry, handle));
  }

  /** Takes no further job and resolves when those in work are done. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#pulls.end();
    await Promise.all(this.#workers.values());
  }

  async #work(registry: string, handle: (job: Job) => Promise<void>): Promise<void> {
    const lanes = Array.from({ length: this.#options.perRegistry }, () => this.#lane(registry, handle));
    if (this.#kind.isQueue) lanes.push(this.#lookThrough(registry));
    await Promise.all(lanes);
  }

  async #lookThrough(registry: string): Promise<void> {
    const { stream, prefix, subjectsOf, what } = this.#kind;
    const leftBehind = new LeftBehind(this.#nc, stream);
    while (!this.#stop.signal.aborted && !this.#nc.isClosed()) {
      await pause(LOOK_THROUGH_MS, this.#stop.signal);
      if (this.#stop.signal.aborted || this.#nc.isClosed()) return;
      try {
        await leftBehind.remove(consumerName(prefix, registry), subjectsOf(registry));
      } catch (error) {
        if (this.#stop.signal.aborted || this.#nc.isClosed()) return;
        if (!isPassing(error)) this.#options.onError(`look through each ${what} of ${registry}`, error);
      }
    }
  }

  /** One job after another: pulls the next only when the last is done, so that no job waits in a busy fetcher. */
  async #lane(registry: string, handle: (job: Job) => Promise<void>): Promise<void> {
    const pulls = this.#pulls.lane();
    let consumer: string | null = null;
    while (!this.#stop.signal.aborted && !this.#nc.isClosed()) {
      try {
        consumer ??= await this.#consumer(registry);
        const message = await pulls.next(this.#kind.stream, consumer);
        if (message === null) continue;
        const restMs = await this.#run(message, handle);
        if (restMs > 0) await pause(restMs, this.#stop.signal);
      } catch (error) {
        if (this.#stop.signal.aborted || this.#nc.isClosed()) return;
        if (!isPassing(error)) this.#options.onError(`take a ${this.#kind.what} of ${registry}`, error);
        consumer = null;
        await pause(RETRY_MS, this.#stop.signal);
      }
    }
  }

  /** Sees to it that there is one; returns its name. */
  async #consumer(registry: string): Promise<string> {
    const jsm = await jetstreamManager(this.#nc, { checkAPI: false });
    const { stream, prefix, maxPending, subjectsOf } = this.#kind;
    const name = consumerName(prefix, registry);
    const settings = { ack_wait: nanos(this.#ackWaitMs), max_deliver: -1, max_ack_pending: maxPending };
    try {
      await jsm.consumers.add(stream, {
        ...settings,
        durable_name: name,
        ack_policy: AckPolicy.Explicit,
        filter_subject: subjectsOf(registry),
      });
    } catch (error) {
      // Made with other settings by another version; up to 2.9 the server takes over the new ones without a word.
      if (!(error instanceof JetStreamApiError && error.code === CONSUMER_EXISTS)) throw error;
      await jsm.consumers.update(stream, name, settings);
    }
    return name;
  }

  /** Milliseconds that the lane is to rest after it. */
  async #run(message: PulledMessage, handle: (job: Job) => Promise<void>): Promise<number> {
    if (this.#stop.signal.aborted) {
      message.nak();
      return 0;
    }
    if (this.#inWork.has(message.sequence)) {
      // A server that was killed forgets whom it gave a job to; the one that has it works on, and acknowledges it.
      message.working();
      return 0;
    }
    let restUntil = 0;
    let job: Job | null;
    try {
      job = this.#kind.jobOf(message, {
        delivery: message.delivery,
        signal: this.#stop.signal,
        rest: (until) => (restUntil = until.getTime()),
      });
    } catch (error) {
      this.#options.onError(`read the ${this.#kind.what} ${message.subject}`, error);
      message.term();
      return 0;
    }
    if (job === null) message.ack();
    else await this.#settle(message, job, handle);
    return Math.min(Math.max(0, restUntil - Date.now()), LONGEST_WAIT_MS);
  }

  /** Acknowledges a job that was done, and gives back one that failed. */
  async #settle(message: PulledMessage, job: Job, handle: (job: Job) => Promise<void>): Promise<void> {
    this.#inWork.add(message.sequence);
    const operation = this.#kind.operationOf(job);
    const attributes = { 'messaging.system': 'nats', 'dtm.operation': operation, 'dtm.delivery': job.delivery };
    await traced(this.#kind.span, { kind: 'consumer', parent: traceOf(message), attributes }, async (span) => {
      try {
        await workOn(this.#nc, message, this.#ackWaitMs, () => handle(job));
      } catch (error) {
        if (error instanceof RetryLater) span.set({ 'dtm.outcome': `put off: ${error.message}` });
        else {
          span.fail(String(error));
          this.#options.onError(operation, error);
        }
      } finally {
        this.#inWork.delete(message.sequence);
      }
    });
  }
}

function consumerName(prefix: string, registry: string): string {
  const name = `${prefix}-${escapePart(registry)}`;
  return name.length <= LONGEST_NAME ? name : `${prefix}-${createHash('sha256').update(registry).digest('hex')}`;
}
