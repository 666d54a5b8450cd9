import type { StoredMessage, StreamSummary } from '@dtm/jetstream';
import type { EventSource } from './event-source.ts';

/** Whether a stream holds every message from its first sequence to its last. */
export function isWhole({ firstSequence, lastSequence, messages }: StreamSummary): boolean {
  return lastSequence === 0 || (firstSequence <= 1 && messages === lastSequence);
}

/** The messages of a stream behind one sequence and up to another; ends earlier where the stream does. */
export async function* readThrough(
  source: EventSource,
  stream: string,
  after: number,
  through: number,
): AsyncGenerator<StoredMessage> {
  const { firstSequence, lastSequence, messages } = await source.state(stream);
  const end = Math.min(through, lastSequence);
  if (after >= end || firstSequence > end || messages === 0) return;
  // A stream that lost its last message keeps the number: then its count is what ends the reading.
  let left = after === 0 ? messages : Infinity;
  const done = new AbortController();
  try {
    for await (const message of source.read(stream, after, done.signal)) {
      if (message.sequence > end) return;
      yield message;
      left -= 1;
      if (message.sequence === end || left === 0) return;
    }
  } finally {
    done.abort();
  }
}
