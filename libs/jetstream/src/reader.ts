import { DeliverPolicy, jetstream, type ConsumerMessages, type OrderedConsumerOptions } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';

/** A message as a stream holds it. */
export interface StoredMessage {
  /** Sequence in the stream. */
  sequence: number;
  subject: string;
  /** The exact bytes: what hashes are made of. */
  data: Uint8Array;
  storedAt: Date;
}

/** Where to read, and from where on. */
export interface ReadOptions {
  stream: string;
  /** Sequence of the last message that is known already; 0 reads from the beginning. */
  after: number;
  /** One subject, wildcards allowed; absent: all. */
  filter?: string;
  /** Begin with the last message of each subject instead of `after`, then go on with every new one. */
  lastOfEachSubject?: boolean;
  /** Ends the iteration. */
  signal: AbortSignal;
  /** Messages asked for at once. */
  batch?: number;
}

const DEFAULT_BATCH = 1_000;
const RETRY_MS = 500;

/**
 * Reads a stream in order, without gap or duplicate, and goes on with what is appended later until the signal says stop.
 * Server restarts and lost consumers are survived; the consumer is ephemeral, the position is the caller's.
 */
export async function* readStream(nc: NatsConnection, options: ReadOptions): AsyncGenerator<StoredMessage> {
  let after = options.after;
  let fromLast = options.lastOfEachSubject === true;
  while (!options.signal.aborted && !nc.isClosed()) {
    const messages = await consume(nc, options, after, fromLast);
    if (messages === null) {
      await pause(RETRY_MS, options.signal);
      continue;
    }
    const stop = (): void => void messages.close();
    options.signal.addEventListener('abort', stop, { once: true });
    try {
      for await (const message of messages) {
        if (options.signal.aborted) return;
        // A consumer that was made anew may deliver once more what was seen.
        if (message.seq <= after) continue;
        after = message.seq;
        fromLast = false;
        yield { sequence: message.seq, subject: message.subject, data: message.data, storedAt: message.time };
      }
    } catch (error) {
      if (options.signal.aborted || nc.isClosed()) return;
      if (!isPassing(error)) throw error;
    } finally {
      options.signal.removeEventListener('abort', stop);
      void messages.close();
    }
    if (!options.signal.aborted) await pause(RETRY_MS, options.signal);
  }
}

async function consume(
  nc: NatsConnection,
  options: ReadOptions,
  after: number,
  fromLast: boolean,
): Promise<ConsumerMessages | null> {
  const start: Partial<OrderedConsumerOptions> = fromLast
    ? { deliver_policy: DeliverPolicy.LastPerSubject, filter_subjects: options.filter ?? '>' }
    : { opt_start_seq: after + 1, ...(options.filter === undefined ? {} : { filter_subjects: options.filter }) };
  try {
    const consumer = await jetstream(nc).consumers.get(options.stream, start);
    return await consumer.consume({ max_messages: options.batch ?? DEFAULT_BATCH, expires: 10_000 });
  } catch (error) {
    if (options.signal.aborted || isPassing(error)) return null;
    throw error;
  }
}

/** Whether waiting may mend it: the server is away, restarting, or electing a leader. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return /timeout|no responders|disconnect|unavailable|heartbeat|closed|draining|consumer not found|503|stream offline/i.test(
    `${error.name} ${error.message}`,
  );
}

/** Waits, or returns at once when the signal says stop. */
export async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  if (signal?.aborted === true) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener('abort', end, { once: true });
  });
}
