import { jetstreamManager } from '@nats-io/jetstream';
import { decodeHistory, EVENT_TYPES, hashOf, repositoryKey } from '@dtm/events';
import { readStream, STREAMS, streamState, type NatsConnection } from '@dtm/jetstream';
import type { RepositoryName } from '@dtm/oci';
import { Fingerprints } from './fingerprints.ts';

/** The last event of a tag's imported history. */
export interface ImportedHead {
  sequence: number;
  hash: string;
  /** Of a tag that is gone, the last one before. */
  digest: string;
  gone: boolean;
  observedAt: string;
  /** Latest time in the chain: its last event may tell of an earlier one, where a later import brought it. */
  latestAt: string;
}

const IMPORTED = 'imported.>';

/** What earlier imports brought: makes a second import of the same facts do nothing. */
export class KnownImports {
  readonly #heads = new Map<string, ImportedHead>();
  readonly #facts = new Fingerprints();

  /** Reads all imported history, or that of some repositories. */
  static async read(nc: NatsConnection, repositories?: readonly RepositoryName[]): Promise<KnownImports> {
    const known = new KnownImports();
    const { lastSequence } = await streamState(nc, STREAMS.history);
    if (lastSequence === 0) return known;
    const filters = repositories?.map((name) => `imported.${repositoryKey(name)}.*`) ?? [IMPORTED];
    for (const filter of filters) await known.#read(nc, filter);
    return known;
  }

  /** Of a subject. */
  head(subject: string): ImportedHead | null {
    return this.#heads.get(subject) ?? null;
  }

  /** Whether the very fact was imported before; `digest` null: the tag was gone. */
  has(subject: string, digest: string | null, observedAt: string): boolean {
    return this.#facts.has(factOf(subject, digest, observedAt));
  }

  async #read(nc: NatsConnection, filter: string): Promise<void> {
    const last = await lastImported(nc, filter);
    if (last === 0) return;
    const stop = new AbortController();
    for await (const message of readStream(nc, {
      stream: STREAMS.history,
      after: 0,
      filter,
      signal: stop.signal,
    })) {
      const { type, data } = decodeHistory(message.data);
      const gone = type === EVENT_TYPES.TagDisappeared;
      const { observedAt } = data;
      this.#facts.add(factOf(message.subject, gone ? null : data.digest, observedAt));
      const before = this.#heads.get(message.subject)?.latestAt ?? observedAt;
      this.#heads.set(message.subject, {
        sequence: message.sequence,
        hash: hashOf(message.data),
        digest: gone ? data.previous.digest : data.digest,
        gone,
        observedAt,
        latestAt: observedAt > before ? observedAt : before,
      });
      if (message.sequence >= last) stop.abort();
    }
  }
}

/** Sequence of the last message on these subjects; 0 where there is none. */
async function lastImported(nc: NatsConnection, filter: string): Promise<number> {
  const jsm = await jetstreamManager(nc);
  const message = await jsm.streams.getMessage(STREAMS.history, { last_by_subj: filter });
  return message?.seq ?? 0;
}

function factOf(subject: string, digest: string | null, observedAt: string): string {
  return `${subject}\n${digest ?? 'gone'}\n${observedAt}`;
}
