import { jetstreamManager } from '@nats-io/jetstream';
import { decodeHistory, EVENT_TYPES, hashOf, repositoryKey } from '@dtm/events';
import { readStream, STREAMS, streamState, type NatsConnection } from '@dtm/jetstream';
import type { RepositoryName } from '@dtm/oci';
import { FactLog, type TagFacts } from './tag-facts.ts';

/** The last event of a tag's imported history. */
export interface ImportedHead {
  sequence: number;
  hash: string;
  /** Of a tag that is gone, the last one before. */
  digest: string;
  gone: boolean;
  /** Not always the latest time in the chain: a later import may have brought an earlier fact. */
  observedAt: string;
}

const IMPORTED = 'imported.>';

/** What earlier imports brought: makes a second import of the same facts do nothing. */
export class KnownImports {
  /** `fact`: where the fact that the event tells lies in the log. */
  readonly #heads = new Map<string, ImportedHead & { fact: number }>();
  readonly #facts = new FactLog();

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

  /** All facts of a subject, to which those that are written may be added. */
  facts(subject: string): TagFacts {
    return this.#facts.factsUntil(this.#heads.get(subject)?.fact);
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
      const fact = { digest: gone ? null : data.digest, observedAt: new Date(observedAt) };
      this.#heads.set(message.subject, {
        sequence: message.sequence,
        hash: hashOf(message.data),
        digest: gone ? data.previous.digest : data.digest,
        gone,
        observedAt,
        fact: this.#facts.add(fact, this.#heads.get(message.subject)?.fact),
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
