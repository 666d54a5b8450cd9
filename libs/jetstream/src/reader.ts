import { DeliverPolicy, jetstream, type ConsumerMessages, type OrderedConsumerOptions } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { TraceContext } from '@dtm/tracing';
import { isPassing } from './failures.ts';
import { traceOf } from './message-trace.ts';
import { onReconnect, unlessReconnected } from './reconnects.ts';
import { pause, unlessAborted } from './waiting.ts';

/** A message as a stream holds it. */
export interface StoredMessage {
  /** Sequence in the stream. */
  sequence: number;
  subject: string;
  /** The exact bytes: what hashes are made of. */
  data: Uint8Array;
  storedAt: Date;
  /** Where in its trace it was appended; absent where nobody traced, or traces here. */
  trace?: TraceContext;
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
const PULL_EXPIRES_MS = 10_000;
/** The server forgets the consumer of a reader that is gone; a shorter absence is bridged by its position. */
const FORGOTTEN_AFTER_MS = 60_000;

/**
 * Reads a stream in order, without gap or duplicate, and goes on with what is appended later until the signal says stop
 * or the connection is closed. Server restarts and lost consumers are survived; the consumer is ephemeral, the position
 * is the caller's. Throws where the stream does not exist.
 */
export async function* readStream(nc: NatsConnection, options: ReadOptions): AsyncGenerator<StoredMessage> {
  const { signal } = options;
  let after = options.after;
  let fromLast = options.lastOfEachSubject === true;
  while (!signal.aborted && !nc.isClosed()) {
    // Asking a server that is away takes seconds to fail: the end is not to wait for that.
    const messages = await unlessAborted(consume(nc, options, after, fromLast), signal, (late) => void late?.close());
    if (messages === null) {
      await pause(RETRY_MS, signal);
      continue;
    }
    const stop = (): void => void messages.close();
    signal.addEventListener('abort', stop, { once: true });
    // The client would look for its old consumer first, and wait seconds where that fails; the position is known here.
    const forget = onReconnect(nc, stop);
    try {
      for await (const message of messages) {
        if (signal.aborted) return;
        // A consumer that was made anew may deliver once more what was seen.
        if (message.seq <= after) continue;
        after = message.seq;
        fromLast = false;
        const trace = traceOf(message);
        const stored = { sequence: message.seq, subject: message.subject, data: message.data, storedAt: message.time };
        yield trace === null ? stored : { ...stored, trace };
      }
    } catch (error) {
      if (signal.aborted || nc.isClosed()) return;
      if (!isPassing(error)) throw readError(options.stream, error);
      await pause(RETRY_MS, signal);
    } finally {
      forget();
      signal.removeEventListener('abort', stop);
      stop();
    }
  }
}

/** Null where it cannot be had at present. */
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
    const making = jetstream(nc).consumers.get(options.stream, { ...start, inactive_threshold: FORGOTTEN_AFTER_MS });
    const consumer = await unlessReconnected(nc, making);
    return await consumer.consume({
      max_messages: options.batch ?? DEFAULT_BATCH,
      expires: PULL_EXPIRES_MS,
      // A stream that was deleted is an error, nothing to wait for without a word.
      abort_on_missing_resource: true,
    });
  } catch (error) {
    if (options.signal.aborted || isPassing(error)) return null;
    throw readError(options.stream, error);
  }
}

function readError(stream: string, error: unknown): Error {
  return new Error(`reading ${stream} failed: ${error instanceof Error ? error.message : String(error)}`, {
    cause: error,
  });
}
