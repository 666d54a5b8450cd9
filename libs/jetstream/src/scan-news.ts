import { decodeScanLog, EVENT_TYPES, type RepositoryScanned } from '@dtm/events';
import { AckPolicy, DeliverPolicy, JetStreamApiCodes, JetStreamApiError, jetstreamManager } from '@nats-io/jetstream';
import { nanos, type NatsConnection } from '@nats-io/transport-node';
import { traced } from '@dtm/tracing';
import { isPassing } from './failures.ts';
import { workOn } from './job-message.ts';
import { traceOf } from './message-trace.ts';
import type { PulledMessage } from './pulled-message.ts';
import { Pulls } from './pulls.ts';
import { STREAMS } from './streams.ts';
import type { WorkSource } from './transport.ts';
import { pause, unlessAborted } from './waiting.ts';

/** The durable consumer of SCAN_LOG that all schedulers share. Operators grant its acknowledgements by this name. */
export const SCAN_NEWS_CONSUMER = 'discovery';

/** A scan that succeeded, to be worked on once at least. */
export interface ScanNewsJob {
  event: RepositoryScanned;
  /** Ends when the process drains. */
  signal: AbortSignal;
}

export type OnScanNewsError = (operation: string, error: unknown) => void;

const ACK_WAIT_MS = 60_000;
const RETRY_MS = 1_000;
/** Another scheduler, on its way down with the configuration of before, makes the consumer anew. */
const END_EVERY_MS = 60_000;

/**
 * Every scan that succeeds, from the moment on at which this was first started by anyone: handed to one of those that share
 * the consumer, again where that one failed, and kept while none of them runs.
 */
export class ScanNews implements WorkSource<ScanNewsJob> {
  readonly #nc: NatsConnection;
  readonly #onError: OnScanNewsError;
  readonly #stop = new AbortController();
  readonly #pulls: Pulls;
  #working: Promise<void> = Promise.resolve();

  constructor(nc: NatsConnection, onError: OnScanNewsError) {
    this.#nc = nc;
    this.#onError = onError;
    this.#pulls = new Pulls(nc);
  }

  start(handle: (job: ScanNewsJob) => Promise<void>): void {
    this.#working = this.#work(handle);
  }

  /** Takes no further scan and resolves when the one in work is done. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#pulls.end();
    await this.#working;
  }

  async #work(handle: (job: ScanNewsJob) => Promise<void>): Promise<void> {
    const { signal } = this.#stop;
    const pulls = this.#pulls.lane();
    let isMade = false;
    while (!signal.aborted && !this.#nc.isClosed()) {
      try {
        // Asking a server that is away takes seconds to fail: the end is not to wait for that.
        if (!isMade) await unlessAborted(this.#makeConsumer(), signal, () => undefined);
        isMade = true;
        const message = await pulls.next(STREAMS.scanLog, SCAN_NEWS_CONSUMER);
        if (message !== null) await this.#run(message, handle);
      } catch (error) {
        if (signal.aborted || this.#nc.isClosed()) return;
        if (!isPassing(error)) this.#onError('take what scans have told', error);
        isMade = false;
        await pause(RETRY_MS, signal);
      }
    }
  }

  async #makeConsumer(): Promise<void> {
    const jsm = await jetstreamManager(this.#nc, { checkAPI: false });
    await jsm.consumers.add(STREAMS.scanLog, {
      durable_name: SCAN_NEWS_CONSUMER,
      ack_policy: AckPolicy.Explicit,
      // Not what was logged before anyone wanted it.
      deliver_policy: DeliverPolicy.New,
      filter_subject: 'scan.done.>',
      ack_wait: nanos(ACK_WAIT_MS),
      max_deliver: -1,
    });
  }

  async #run(message: PulledMessage, handle: (job: ScanNewsJob) => Promise<void>): Promise<void> {
    const { signal } = this.#stop;
    if (signal.aborted) {
      message.nak();
      return;
    }
    let event: RepositoryScanned;
    try {
      const decoded = decodeScanLog(message.data);
      if (decoded.type !== EVENT_TYPES.RepositoryScanned) throw new Error(`it is a ${decoded.type}`);
      event = decoded.data;
    } catch (error) {
      this.#onError(`read ${message.subject}, which is passed over`, error);
      message.term();
      return;
    }
    const options = {
      kind: 'consumer',
      parent: traceOf(message),
      attributes: { 'dtm.scan_id': event.scanId },
    } as const;
    await traced('follow scan', options, async (span) => {
      // Most scans tell of nothing to follow.
      if (event.appeared === undefined || event.appeared.length === 0) span.discard();
      try {
        await workOn(this.#nc, message, ACK_WAIT_MS, () => handle({ event, signal }));
      } catch (error) {
        span.fail(String(error));
        if (!signal.aborted && !isPassing(error))
          this.#onError(`follow the scan of ${event.registry}/${event.repository}`, error);
      }
    });
  }
}

/**
 * Stands in for `ScanNews` where nobody wants the news: ends the shared consumer, so that whoever wants them later is told
 * nothing of what was scanned until then.
 */
export class NoScanNews implements WorkSource<ScanNewsJob> {
  readonly #nc: NatsConnection;
  readonly #onError: OnScanNewsError;
  readonly #stop = new AbortController();
  #ending: Promise<void> = Promise.resolve();

  constructor(nc: NatsConnection, onError: OnScanNewsError) {
    this.#nc = nc;
    this.#onError = onError;
  }

  start(): void {
    this.#ending = this.#end();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#ending;
  }

  async #end(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted && !this.#nc.isClosed()) {
      let again = END_EVERY_MS;
      try {
        await unlessAborted(this.#delete(), signal, () => undefined);
      } catch (error) {
        const isGone = error instanceof JetStreamApiError && error.code === JetStreamApiCodes.ConsumerNotFound;
        if (!isGone && isPassing(error)) again = RETRY_MS;
        else if (!isGone && !signal.aborted) this.#onError('end the consumer of what scans tell', error);
      }
      await pause(again, signal);
    }
  }

  async #delete(): Promise<void> {
    const jsm = await jetstreamManager(this.#nc, { checkAPI: false });
    await jsm.consumers.delete(STREAMS.scanLog, SCAN_NEWS_CONSUMER);
  }
}
