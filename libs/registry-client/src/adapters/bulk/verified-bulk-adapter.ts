import type { RepositoryName } from '@dtm/oci';
import { isRegistryFailure, RegistryFailure } from '../../failure.ts';
import type { CallOptions, TagList } from '../../registry-client.ts';
import type { PushedObservation, RegistryAdapter, ScanRequest, ScanSummary, TagAnswer } from '../adapter.ts';
import type { OciAdapter } from '../oci/oci-adapter.ts';
import type { BulkAnswer, BulkRow, BulkSource } from './bulk-source.ts';
import type { BulkTrust } from './bulk-trust.ts';
import { VouchedTags } from './vouched-tags.ts';

/** So many wrong digests and none that was right, and the API is of no use for a repository. */
const USELESS_AFTER = 3;

/** A scan's tags, by what is to be done about each. */
interface Sorted {
  /** The API names the digest that the record holds. */
  agreed: { tag: string; row: BulkRow | undefined }[];
  /** The registry itself is asked. */
  asked: string[];
}

/** How the registry's own answers compare with the API's. */
interface Comparison {
  disagreements: number;
  agreements: number;
  /** Tags whose state is known beyond doubt as of this scan. */
  settled: string[];
}

/**
 * Asks a registry's own API, and lets nothing of what it says become history: a digest that the record holds already is
 * agreement; any other, and a tag that it does not name, is asked of the registry itself, whose answer counts. One random
 * tag of those agreed is asked as well each day, and an API that is found wrong is not asked for a day.
 */
export class VerifiedBulkAdapter implements RegistryAdapter {
  readonly name: string;
  readonly #source: BulkSource;
  readonly #oci: OciAdapter;
  readonly #trust: BulkTrust;
  readonly #vouched = new VouchedTags();

  constructor(source: BulkSource, oci: OciAdapter, trust: BulkTrust) {
    this.name = source.name;
    this.#source = source;
    this.#oci = oci;
    this.#trust = trust;
  }

  async *scan(repository: RepositoryName, request: ScanRequest): AsyncGenerator<TagAnswer, ScanSummary, undefined> {
    const tags = [...new Set(request.tags)];
    if (tags.length < this.#source.worthFrom || !this.#trust.mayAsk(repository)) {
      return yield* this.#oci.scan(repository, request);
    }
    const known = request.known ?? (() => null);
    const opened = request.full === true ? null : this.#vouched.open(repository, request.cursor, tags);
    const remembered = this.#vouched.rememberedBy(repository, request.cursor);
    let bulk: BulkAnswer;
    try {
      const cursor = opened?.inner ?? null;
      const wanted = { tags: new Set(tags), remembered, known, cursor, signal: request.signal };
      bulk = await this.#source.read(repository, wanted);
    } catch (error) {
      if (!isRegistryFailure(error)) throw error;
      return yield* this.#withoutApi(repository, request, tags, error);
    }
    this.#trust.noteAnswer(repository.registry);
    const sorted = sort(tags, bulk, known, opened?.vouches ?? (() => false));
    const sample = this.#takeSample(repository, sorted.agreed);
    for (const { tag, row } of sorted.agreed) yield agreement(tag, row);
    if (sample !== null) sorted.asked.push(sample);
    const compared: Comparison = {
      disagreements: 0,
      agreements: sorted.agreed.length,
      settled: sorted.agreed.map(({ tag }) => tag),
    };
    const asking = this.#oci.scan(repository, { ...request, tags: sorted.asked });
    const asked = yield* this.#compared(asking, (answer) => {
      const { tag, observation } = answer;
      const row = bulk.rows.get(tag);
      const claimed = row !== undefined ? row.digest : tag === sample ? known(tag) : null;
      const agrees = compare(claimed, row, observation);
      if (agrees === true) compared.agreements += 1;
      if (agrees === false) compared.disagreements += 1;
      // Of what was not there only the registry itself can say that it still is not.
      else if (observation.outcome === 'present') compared.settled.push(tag);
      if (tag === sample) this.#trust.noteSample(repository, agrees !== false);
      if (agrees === true && row?.pushedAt !== undefined) observation.pushedAt = row.pushedAt;
    });
    if (compared.agreements === 0 && compared.disagreements >= USELESS_AFTER) {
      this.#trust.noteUseless(repository, 'its API names other digests than the registry itself');
    }
    const cursor =
      bulk.cursor === null ? undefined : this.#seal(repository, request, bulk, bulk.cursor, compared, known);
    return {
      listing: bulk.listing,
      ...(cursor === undefined ? {} : { cursor }),
      requests: bulk.requests + asked.requests,
      disagreements: compared.disagreements,
      sampled: sample === null ? 0 : 1,
    };
  }

  async listTags(repository: RepositoryName, options?: CallOptions): Promise<TagList> {
    if (this.#source.listTags === undefined || !this.#trust.mayAsk(repository)) {
      return this.#oci.listTags(repository, options);
    }
    try {
      return await this.#source.listTags(repository, options);
    } catch (error) {
      if (!isRegistryFailure(error) || error.code === 'throttled') throw error;
      const list = await this.#oci.listTags(repository, options);
      return { ...list, requests: list.requests + error.requests };
    }
  }

  /** The API did not answer: each tag is asked of the registry itself, unless that is halted. */
  async *#withoutApi(
    repository: RepositoryName,
    request: ScanRequest,
    tags: readonly string[],
    failure: RegistryFailure,
  ): AsyncGenerator<TagAnswer, ScanSummary, undefined> {
    const { cursor } = request;
    const kept = { listing: null, ...(cursor === undefined ? {} : { cursor }), disagreements: 0, sampled: 0 };
    if (failure.code === 'throttled') {
      const { code, operation, reason, retryAt } = failure;
      for (const tag of tags) {
        const reference = repository.tag(tag).toString();
        const own = new RegistryFailure({ code, operation, reference, reason, retryAt, requests: 0, cause: failure });
        yield { tag, outcome: 'failed', failure: own };
      }
      return { ...kept, requests: failure.requests };
    }
    const ofRepository =
      failure.code === 'not-found' || failure.code === 'unauthorized' || failure.code === 'bad-answer';
    if (ofRepository) this.#trust.noteUseless(repository, failure.reason);
    else this.#trust.noteOutage(repository.registry, failure.reason);
    const summary = yield* this.#oci.scan(repository, request);
    return { ...kept, requests: summary.requests + failure.requests };
  }

  /** Passes the registry's own answers on, each shown to `look` before. */
  async *#compared(
    asking: AsyncGenerator<TagAnswer, ScanSummary, undefined>,
    look: (answer: TagAnswer & { outcome: 'observed' }) => void,
  ): AsyncGenerator<TagAnswer, ScanSummary, undefined> {
    let summary: ScanSummary = { listing: null, requests: 0, disagreements: 0, sampled: 0 };
    try {
      for (;;) {
        const next = await asking.next();
        if (next.done === true) return (summary = next.value);
        if (next.value.outcome === 'observed') look(next.value);
        yield next.value;
      }
    } finally {
      // Whoever stops reading early wants no further requests.
      await asking.return(summary);
    }
  }

  /** Takes the tag of the day out of those agreed; null where none is due. */
  #takeSample(repository: RepositoryName, agreed: Sorted['agreed']): string | null {
    if (agreed.length === 0 || !this.#trust.isSampleDue(repository)) return null;
    const at = Math.min(agreed.length - 1, Math.floor(this.#trust.random() * agreed.length));
    return agreed.splice(at, 1)[0]?.tag ?? null;
  }

  #seal(
    repository: RepositoryName,
    request: ScanRequest,
    bulk: BulkAnswer,
    inner: string,
    { settled }: Comparison,
    known: (tag: string) => string | null,
  ): string {
    const asked = new Set(request.tags);
    const still: string[] = [];
    if (bulk.restUnchanged) {
      // Tags that were not asked for this time stay vouched for, unless the list shows that they moved.
      for (const tag of this.#vouched.rememberedBy(repository, request.cursor)) {
        const row = bulk.rows.get(tag);
        const unmoved = row === undefined ? showsNoEnd(bulk) : row.digest !== null && row.digest === known(tag);
        if (!asked.has(tag) && unmoved) still.push(tag);
      }
    }
    return this.#vouched.seal(repository, inner, settled, still);
  }
}

function sort(
  tags: readonly string[],
  bulk: BulkAnswer,
  known: (tag: string) => string | null,
  vouched: (tag: string) => boolean,
): Sorted {
  const sorted: Sorted = { agreed: [], asked: [] };
  for (const tag of tags) {
    const row = bulk.rows.get(tag);
    const recorded = known(tag);
    const agrees =
      recorded !== null &&
      (row === undefined ? bulk.restUnchanged && showsNoEnd(bulk) && vouched(tag) : row.digest === recorded);
    if (agrees) sorted.agreed.push({ tag, row });
    else sorted.asked.push(tag);
  }
  return sorted;
}

/** Whether there may be tags that it did not name: a list that came to its end shows that others are not there. */
function showsNoEnd({ listing }: BulkAnswer): boolean {
  return listing?.complete !== true;
}

function agreement(tag: string, row: BulkRow | undefined): TagAnswer {
  return {
    tag,
    outcome: 'agreed',
    ...(row?.pushedAt === undefined ? {} : { pushedAt: row.pushedAt }),
    ...(row?.provenAt === undefined ? {} : { provenAt: row.provenAt }),
    requests: 0,
  };
}

/**
 * Whether the registry's answer is what its API claims. Null where it claims nothing; a deletion does not show in a list of
 * what is new, so that a tag without a row may be gone.
 */
function compare(claimed: string | null, row: BulkRow | undefined, observation: PushedObservation): boolean | null {
  if (claimed === null || (row === undefined && observation.outcome === 'absent')) return null;
  return observation.outcome === 'present' && observation.digest === claimed;
}
