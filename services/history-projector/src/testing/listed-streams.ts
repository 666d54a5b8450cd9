import type { StoredMessage, StreamSummary } from '@dtm/jetstream';
import { BEGINNING } from '../projection/checkpoints.ts';
import { PROJECTED_STREAMS, type ProjectedStream } from '../projection/messages.ts';
import type { EventSource } from '../reading/event-source.ts';
import type { StoryMessage } from './story.ts';

/** Streams in memory, for tests of what a projector does with them. */
export class ListedStreams implements EventSource {
  readonly #messages: Record<ProjectedStream, StoredMessage[]> = {
    HISTORY: [],
    MANIFESTS: [],
    TRACKING: [],
    SCAN_LOG: [],
  };
  readonly #last: Record<ProjectedStream, number> = { ...BEGINNING };
  readonly #readers = new Set<() => void>();
  /** When streams were made, where `begin` does not say otherwise. */
  created = new Date('2026-01-01T00:00:00Z');
  readonly #begun = new Map<string, Date>();

  append(messages: readonly StoryMessage[]): this {
    for (const { stream, message } of messages) {
      this.#messages[stream].push(message);
      this.#last[stream] = message.sequence;
    }
    for (const wake of this.#readers) wake();
    return this;
  }

  /** Takes the oldest messages away. */
  forget(stream: ProjectedStream, count: number): void {
    this.#messages[stream].splice(0, count);
  }

  /** Takes one message away. */
  lose(stream: ProjectedStream, sequence: number): void {
    const at = this.#messages[stream].findIndex((message) => message.sequence === sequence);
    this.#messages[stream].splice(at, 1);
  }

  /** Changes what one message holds. */
  alter(stream: ProjectedStream, sequence: number, data: Uint8Array): void {
    this.#messages[stream] = this.#messages[stream].map((message) =>
      message.sequence === sequence ? { ...message, data } : message,
    );
  }

  /** Makes a stream anew, empty. */
  begin(stream: ProjectedStream, created: Date): void {
    this.#messages[stream] = [];
    this.#last[stream] = 0;
    this.#begun.set(stream, created);
  }

  state(stream: string): Promise<StreamSummary> {
    const messages = this.#messages[nameOf(stream)];
    const last = this.#last[nameOf(stream)];
    return Promise.resolve({
      created: this.#begun.get(stream) ?? this.created,
      firstSequence: messages[0]?.sequence ?? (last === 0 ? 0 : last + 1),
      lastSequence: last,
      messages: messages.length,
    });
  }

  async *read(stream: string, after: number, signal: AbortSignal): AsyncGenerator<StoredMessage> {
    const name = nameOf(stream);
    for (let last = after; !signal.aborted;) {
      const messages = this.#messages[name];
      const guess = messages[last];
      // A find from the beginning would take a second for some thousand messages.
      const next = guess?.sequence === last + 1 ? guess : messages.find(({ sequence }) => sequence > last);
      if (next === undefined) {
        await this.#more(signal);
        continue;
      }
      last = next.sequence;
      yield next;
    }
  }

  async #more(signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#readers.add(resolve);
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
  }
}

function nameOf(stream: string): ProjectedStream {
  const name = PROJECTED_STREAMS.find((projected) => projected === stream);
  if (name === undefined) throw new Error(`no stream ${stream}`);
  return name;
}
