import type { RepositoryName } from '@dtm/oci';
import { isRegistryFailure } from '../../failure.ts';
import type { CallOptions, TagList } from '../../registry-client.ts';
import type { RegistryAdapter, ScanRequest, ScanSummary, TagAnswer } from '../adapter.ts';
import type { OciAdapter } from '../oci/oci-adapter.ts';
import type { ChainguardHistoryApi } from './chainguard-history.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Images are built each night: a digest that a tag has now was set not long ago, or is not worth searching for. */
const SEARCHED_MS = 30 * DAY_MS;
/** A repository whose history is not shown is not asked for it again for so long. */
const CLOSED_MS = DAY_MS;
const MAX_REPOSITORIES = 10_000;

/**
 * Chainguard: HEAD per tag, as its history costs a request per tag as well and is no more than a hint; the history is asked
 * where a tag moved, for the time at which it did.
 */
export class ChainguardAdapter implements RegistryAdapter {
  readonly name = 'chainguard';
  readonly #oci: OciAdapter;
  readonly #history: ChainguardHistoryApi;
  readonly #now: () => Date;
  /** Repositories that show no history, and until when that is believed (epoch ms). */
  readonly #closed = new Map<string, number>();

  constructor(oci: OciAdapter, history: ChainguardHistoryApi, now: () => Date = () => new Date()) {
    this.#oci = oci;
    this.#history = history;
    this.#now = now;
  }

  async *scan(repository: RepositoryName, request: ScanRequest): AsyncGenerator<TagAnswer, ScanSummary, undefined> {
    const known = request.known ?? (() => null);
    let extra = 0;
    const asking = this.#oci.scan(repository, request);
    let summary: ScanSummary = { listing: null, requests: 0, disagreements: 0, sampled: 0 };
    try {
      for (;;) {
        const next = await asking.next();
        if (next.done === true) return { ...(summary = next.value), requests: next.value.requests + extra };
        if (next.value.outcome === 'observed') extra += await this.#addPushTime(repository, next.value, known, request);
        yield next.value;
      }
    } finally {
      // Whoever stops reading early wants no further requests.
      await asking.return(summary);
    }
  }

  listTags(repository: RepositoryName, options?: CallOptions): Promise<TagList> {
    return this.#oci.listTags(repository, options);
  }

  /** Adds when a tag got the digest that it has now, where that is news; the requests that it took. */
  async #addPushTime(
    repository: RepositoryName,
    { tag, observation }: TagAnswer & { outcome: 'observed' },
    known: (tag: string) => string | null,
    { signal }: ScanRequest,
  ): Promise<number> {
    if (observation.outcome !== 'present' || observation.digest === known(tag)) return 0;
    const now = this.#now().getTime();
    if ((this.#closed.get(repository.toString()) ?? 0) > now) return 0;
    let requests: number;
    try {
      const start = new Date(now - SEARCHED_MS);
      const got = await this.#history.moves(repository, tag, { start }, { signal });
      requests = got.requests;
      const move = got.moves.findLast(({ digest }) => digest === observation.digest);
      if (move !== undefined) observation.pushedAt = move.at;
    } catch (error) {
      if (!isRegistryFailure(error)) throw error;
      requests = error.requests;
      if (this.#closed.size >= MAX_REPOSITORIES) this.#closed.clear();
      this.#closed.set(repository.toString(), now + CLOSED_MS);
    }
    observation.requests += requests;
    return requests;
  }
}
