import { createHash } from 'node:crypto';
import { jetstreamManager } from '@nats-io/jetstream';
import { decodeHistory, EVENT_TYPES, hashOf } from '@dtm/events';
import { readStream, STREAMS, streamState, type NatsConnection } from '@dtm/jetstream';

/** The last event of a tag's imported history. */
export interface ImportedHead {
  sequence: number;
  hash: string;
  digest: string;
}

const IMPORTED = 'imported.>';

/** What was imported before: makes a second import of the same facts do nothing. */
export class KnownImports {
  readonly #heads = new Map<string, ImportedHead>();
  readonly #facts = new Set<string>();

  /** Reads all imported history. */
  static async read(nc: NatsConnection): Promise<KnownImports> {
    const known = new KnownImports();
    const { lastSequence } = await streamState(nc, STREAMS.history);
    const last = await lastImported(nc, lastSequence);
    if (last === 0) return known;
    const stop = new AbortController();
    for await (const message of readStream(nc, {
      stream: STREAMS.history,
      after: 0,
      filter: IMPORTED,
      signal: stop.signal,
    })) {
      const event = decodeHistory(message.data);
      if (event.type === EVENT_TYPES.DigestObserved) {
        const { digest, observedAt } = event.data;
        known.add(message.subject, digest, observedAt, {
          sequence: message.sequence,
          hash: hashOf(message.data),
          digest,
        });
      }
      if (message.sequence >= last) stop.abort();
    }
    return known;
  }

  head(subject: string): ImportedHead | null {
    return this.#heads.get(subject) ?? null;
  }

  /** Whether the very fact was imported before. */
  has(subject: string, digest: string, observedAt: string): boolean {
    return this.#facts.has(factKey(subject, digest, observedAt));
  }

  add(subject: string, digest: string, observedAt: string, head: ImportedHead): void {
    this.#facts.add(factKey(subject, digest, observedAt));
    this.#heads.set(subject, head);
  }
}

/** Sequence of the last imported message; 0 where there is none. */
async function lastImported(nc: NatsConnection, lastSequence: number): Promise<number> {
  if (lastSequence === 0) return 0;
  const jsm = await jetstreamManager(nc);
  const message = await jsm.streams.getMessage(STREAMS.history, { last_by_subj: IMPORTED });
  return message?.seq ?? 0;
}

/** A short fingerprint: half a million facts as whole text would take more memory than an import may. */
function factKey(subject: string, digest: string, observedAt: string): string {
  return createHash('sha256').update(`${subject}\n${digest}\n${observedAt}`).digest('base64').slice(0, 16);
}
