import type { RepositoryName } from '@dtm/oci';
import { type FailureCode, isRegistryFailure, RegistryFailure } from '../../failure.ts';
import type { CallOptions, RegistryClient, TagList } from '../../registry-client.ts';
import { type RegistryAdapter, requestsOf, type ScanRequest, type ScanSummary, type TagAnswer } from '../adapter.ts';

/** Failures that are of the registry or the repository rather than of the tag. */
const SPREADING: ReadonlySet<FailureCode> = new Set(['refused', 'unauthorized', 'unreachable', 'timeout']);
/** So many of them, before any tag was answered, and the rest is not tried. */
const HOPELESS_AFTER = 3;

/** Asks by the plain OCI protocol: HEAD per tag. Works everywhere, at one request per tag. */
export class OciAdapter implements RegistryAdapter {
  readonly name = 'oci';
  readonly #client: RegistryClient;

  constructor(client: RegistryClient) {
    this.#client = client;
  }

  async *scan(repository: RepositoryName, request: ScanRequest): AsyncGenerator<TagAnswer, ScanSummary, undefined> {
    const course = new Course(request.tags);
    const ready: TagAnswer[] = [];
    let requests = 0;
    let broken: { error: unknown } | null = null;
    let wake = (): void => undefined;
    const askInTurn = async (): Promise<void> => {
      for (let tag = course.next(); tag !== undefined; tag = course.next()) {
        const answer = await this.#ask(repository, tag, request.signal);
        course.note(answer);
        requests += requestsOf(answer);
        ready.push(answer);
        wake();
      }
    };
    let running = Math.max(1, Math.min(Math.floor(request.concurrency), request.tags.length));
    for (let i = running; i > 0; i--) {
      askInTurn()
        .catch((error: unknown) => {
          broken ??= { error };
        })
        .finally(() => {
          running -= 1;
          wake();
        });
    }
    try {
      for (;;) {
        // Not by yield*, which in an async generator makes three promises more of each.
        for (const answer of ready.splice(0)) yield answer;
        if (broken !== null) throw (broken as { error: unknown }).error;
        if (running === 0 && ready.length === 0) break;
        if (ready.length > 0) continue;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    } finally {
      // Whoever stops reading early wants no further requests.
      course.stop();
    }
    for (const { tag, because } of course.untried()) {
      yield { tag, outcome: 'failed', failure: sameFor(because, repository.tag(tag).toString()) };
    }
    const { cursor } = request;
    return { listing: null, ...(cursor === undefined ? {} : { cursor }), requests, disagreements: 0, sampled: 0 };
  }

  listTags(repository: RepositoryName, options?: CallOptions): Promise<TagList> {
    return this.#client.listTags(repository, options);
  }

  async #ask(repository: RepositoryName, tag: string, signal: AbortSignal | undefined): Promise<TagAnswer> {
    try {
      return { tag, outcome: 'observed', observation: await this.#client.observe(repository.tag(tag), { signal }) };
    } catch (error) {
      if (!isRegistryFailure(error)) throw error;
      return { tag, outcome: 'failed', failure: error };
    }
  }
}

/** Which tag is next, and whether it is worth asking at all. */
class Course {
  readonly #tags: readonly string[];
  #at = 0;
  #answered = false;
  #failed = 0;
  #hopeless: RegistryFailure | null = null;
  #stopped = false;

  constructor(tags: readonly string[]) {
    this.#tags = [...new Set(tags)];
  }

  next(): string | undefined {
    return this.#stopped || this.#hopeless !== null ? undefined : this.#tags[this.#at++];
  }

  note(answer: TagAnswer): void {
    if (answer.outcome !== 'failed') {
      this.#answered = true;
      return;
    }
    const { failure } = answer;
    // A halted registry answers nobody; a closed door is found closed three times, then believed.
    const spreads = !this.#answered && SPREADING.has(failure.code) && ++this.#failed >= HOPELESS_AFTER;
    if (failure.code === 'throttled' || spreads) this.#hopeless ??= failure;
  }

  stop(): void {
    this.#stopped = true;
  }

  /** The tags that were not asked for, and the failure that stands for theirs. */
  *untried(): Generator<{ tag: string; because: RegistryFailure }> {
    if (this.#hopeless === null) return;
    for (const tag of this.#tags.slice(this.#at)) yield { tag, because: this.#hopeless };
  }
}

/** The failure of a tag that was not asked for, because others had failed in the same way. */
function sameFor(failure: RegistryFailure, reference: string): RegistryFailure {
  const { code, operation, reason, retryAt } = failure;
  return new RegistryFailure({ code, operation, reference, reason, retryAt, requests: 0, cause: failure });
}
