import { decodeHistory, decodeScanLog, hashOf, type HistoryEvent, type ScanLogEvent } from '@dtm/events';
import { readStream, STREAMS, streamState, type NatsConnection, type StoredMessage } from '@dtm/jetstream';

/** An outside subscriber: hears of every message of a stream as soon as it is stored, over a connection of its own. */
export class Subscriber {
  readonly heard: StoredMessage[] = [];
  readonly #end = new AbortController();
  readonly #reading: Promise<void>;

  constructor(nc: NatsConnection, stream: string) {
    this.#reading = (async () => {
      for await (const message of readStream(nc, { stream, after: 0, signal: this.#end.signal })) {
        this.heard.push(message);
      }
    })();
  }

  async stop(): Promise<void> {
    this.#end.abort();
    await this.#reading;
  }
}

/** All that a stream holds now. */
export async function everything(nc: NatsConnection, stream: string): Promise<StoredMessage[]> {
  const { lastSequence } = await streamState(nc, stream);
  const messages: StoredMessage[] = [];
  const end = new AbortController();
  if (lastSequence === 0) return messages;
  for await (const message of readStream(nc, { stream, after: 0, signal: end.signal })) {
    messages.push(message);
    if (message.sequence >= lastSequence) break;
  }
  end.abort();
  return messages;
}

/** An event of HISTORY as it is stored. */
export interface Recorded {
  sequence: number;
  hash: string;
  event: HistoryEvent;
}

/** The events of each tag, oldest first, by canonical reference. */
export function byTag(messages: readonly StoredMessage[]): Map<string, Recorded[]> {
  const tags = new Map<string, Recorded[]>();
  for (const { sequence, data } of messages) {
    const event = decodeHistory(data);
    const recorded = { sequence, hash: hashOf(data), event };
    const events = tags.get(event.subject);
    if (events === undefined) tags.set(event.subject, [recorded]);
    else events.push(recorded);
  }
  return tags;
}

/** The digests that a tag went through; null for a disappearance. */
export function digestsOf(recorded: readonly Recorded[]): (string | null)[] {
  return recorded.map(({ event }) => ('digest' in event.data ? event.data.digest : null));
}

/** Throws where the events of a tag are not one chain, each linked to the one before by sequence and hash. */
export function checkChain(recorded: readonly Recorded[]): void {
  recorded.forEach(({ sequence, event }, i) => {
    const before = recorded[i - 1];
    const { previous } = event.data;
    if (previous?.sequence === before?.sequence && previous?.hash === before?.hash) return;
    throw new Error(`${event.subject}: event ${sequence} is not linked to ${before?.sequence ?? 'nothing'}`);
  });
}

/** All scans that were logged, oldest first. */
export async function scansOf(nc: NatsConnection): Promise<ScanLogEvent[]> {
  return (await everything(nc, STREAMS.scanLog)).map(({ data }) => decodeScanLog(data));
}

/** Waits for something to become true; throws, in words, where it does not. */
export async function eventually(
  what: string,
  holds: () => boolean | Promise<boolean>,
  withinMs = 60_000,
): Promise<void> {
  for (const deadline = Date.now() + withinMs; !(await holds());) {
    if (Date.now() > deadline) throw new Error(`after ${withinMs / 1000} s still not: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
