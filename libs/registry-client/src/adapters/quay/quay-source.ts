import type { RepositoryName } from '@dtm/oci';
import { isRegistryFailure } from '../../failure.ts';
import type { CallOptions, TagList } from '../../registry-client.ts';
import { TagNames } from '../../tag-names.ts';
import { BulkReading } from '../bulk/bulk-reading.ts';
import type { BulkAnswer, BulkRequest, BulkSource } from '../bulk/bulk-source.ts';
import { type QuayApi, secondsToDate } from './quay-api.ts';

/** What a replica of Quay's database may lag behind: so much is given away of what its rows prove. */
const REPLICA_LAG_MS = 60 * 1000;
/** Pages of a listing of all names, each of some 40 kB, and their bytes together. */
const MAX_PAGES = 500;
const MAX_BYTES = 64 * 1024 * 1024;

/**
 * Quay: a hundred tags a request, the last moved first. Each move ends a row of Quay's own tag table and begins another, so
 * that with a cursor (the newest start, in seconds) reading ends at the first row that began earlier. The rows are what Quay
 * itself resolves tags by: one without an end proves that the tag still pointed there.
 */
export class QuaySource implements BulkSource {
  readonly name = 'quay';
  readonly worthFrom = 1;
  readonly #api: QuayApi;

  constructor(api: QuayApi) {
    this.#api = api;
  }

  async read(repository: RepositoryName, request: BulkRequest): Promise<BulkAnswer> {
    const reading = new BulkReading(request);
    const before = /^\d{9,11}$/.test(request.cursor ?? '') ? Number(request.cursor) : null;
    let newest = 0;
    let complete = false;
    let reached = false;
    for (let number = 1; number === 1 || reading.worthAnotherPage; number++) {
      const page = await reading.page(() => this.#api.tags(repository, number, 'active', { signal: request.signal }));
      if (page === null) break;
      const provenAt = new Date(page.sentAt.getTime() - REPLICA_LAG_MS);
      for (const { name, manifest_digest: digest, start_ts: start } of page.tags) {
        const startedAt = secondsToDate(start);
        if (startedAt !== null) newest = Math.max(newest, startedAt.getTime() / 1000);
        // Of the same second there may be some that came after the last scan.
        if (before !== null && startedAt !== null && startedAt.getTime() / 1000 < before) reached = true;
        const isProof = startedAt !== null && startedAt <= provenAt;
        reading.add(name, digest, { pushedAt: startedAt, provenAt: isProof ? provenAt : null });
      }
      complete = !page.more;
      if (complete || reached) break;
    }
    return reading.answer({ complete, restUnchanged: reached, cursor: newest === 0 ? null : String(newest) });
  }

  /** By Quay's own API, as its tag lists of the OCI protocol are limited harder and no longer. */
  async listTags(repository: RepositoryName, options?: CallOptions): Promise<TagList> {
    const names = new TagNames();
    let requests = 0;
    let size = 0;
    for (let number = 1; number <= MAX_PAGES && size < MAX_BYTES && !names.isCut; number++) {
      try {
        const page = await this.#api.tags(repository, number, 'active', options);
        requests += page.requests;
        size += page.size;
        for (const { name } of page.tags) names.add(name);
        if (!page.more) return { tags: names.toArray(), complete: !names.isCut, requests };
      } catch (error) {
        if (!isRegistryFailure(error) || number === 1) throw error;
        return { tags: names.toArray(), complete: false, requests: requests + error.requests };
      }
    }
    return { tags: names.toArray(), complete: false, requests };
  }
}
