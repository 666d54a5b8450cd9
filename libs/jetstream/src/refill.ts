import { randomUUID } from 'node:crypto';
import { CONTENT_TYPE } from '@dtm/events';
import { jetstream } from '@nats-io/jetstream';
import { headers, type NatsConnection } from '@nats-io/transport-node';
import type { StoredMessage } from './reader.ts';

export interface RefillOptions {
  stream: string;
  /** Sequence that the stream ends with before the first message is appended. */
  after: number;
  /** What follows, in order and without a gap. */
  messages: AsyncIterable<Pick<StoredMessage, 'sequence' | 'subject' | 'data'>>;
  /** Told the sequence that is stored up to here. */
  onProgress?: (sequence: number) => void;
}

/** Messages under way at once: a round trip for each would make a million of them take minutes longer. */
const WINDOW = 256;
const ACK_TIMEOUT_MS = 30_000;

/**
 * Stores messages again under the very sequences that they had: each append expects the one before as the stream's last,
 * so that nothing can slip in between. Returns the last sequence. Throws at the first that is refused, with all before it
 * stored and none after it: refilling from there goes on.
 */
export async function refillStream(nc: NatsConnection, options: RefillOptions): Promise<number> {
  const { stream, messages, onProgress } = options;
  const js = jetstream(nc, { timeout: ACK_TIMEOUT_MS });
  const typed = headers();
  typed.set('content-type', CONTENT_TYPE);
  const underWay: { sequence: number; ack: Promise<{ seq: number }> }[] = [];
  // By its sequence alone, the message behind a refused one would take the intruder for the refused one, and be stored.
  const run = randomUUID();
  const idOf = (sequence: number): string => `refill-${run}-${sequence}`;
  let last = options.after;
  const confirm = async (): Promise<void> => {
    const oldest = underWay.shift();
    if (oldest === undefined) return;
    const { seq } = await oldest.ack.catch((error: unknown) => {
      throw new Error(`${stream} did not take the event ${oldest.sequence} back: ${wordsOf(error)}`, { cause: error });
    });
    if (seq !== oldest.sequence) {
      throw new Error(`${stream} stored the event ${oldest.sequence} under the sequence ${seq}`);
    }
    onProgress?.(seq);
  };
  for await (const { sequence, subject, data } of messages) {
    if (sequence !== last + 1) throw new Error(`the event ${last + 1} of ${stream} is missing in the copy`);
    const expect = { streamName: stream, lastSequence: last };
    const ack = js.publish(subject, data, {
      headers: typed,
      msgID: idOf(sequence),
      expect: last === options.after ? expect : { ...expect, lastMsgID: idOf(last) },
    });
    // Awaited in its turn; one before it may fail first.
    ack.catch(() => undefined);
    underWay.push({ sequence, ack });
    last = sequence;
    if (underWay.length >= WINDOW) await confirm();
  }
  while (underWay.length > 0) await confirm();
  return last;
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
