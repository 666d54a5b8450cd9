import type { RepositoryName } from '@dtm/oci';
import { z } from 'zod';
import { BulkReading, timeOf } from '../bulk/bulk-reading.ts';
import type { BulkAnswer, BulkRequest, BulkSource } from '../bulk/bulk-source.ts';
import type { DockerHubApi, HubTag } from './docker-hub-api.ts';

/** What is read again behind the newest tag of the last time: pushes need not appear in the order of their times. */
const OVERLAP_MS = 10 * 60 * 1000;

/** Remembered from scan to scan: `w`, when the newest tag was updated (epoch ms), and `c`, the number of tags. */
const cursorShape = z.object({ w: z.number(), c: z.number().optional() });

/**
 * Docker Hub: a hundred tags a request, newest first. Every push moves a tag to the front, so that with a cursor reading ends
 * at the first tag that is older. The number of tags is the alarm for deletions, which no order shows.
 */
export class DockerHubSource implements BulkSource {
  readonly name = 'docker-hub';
  readonly worthFrom = 1;
  readonly #api: DockerHubApi;

  constructor(api: DockerHubApi) {
    this.#api = api;
  }

  async read(repository: RepositoryName, request: BulkRequest): Promise<BulkAnswer> {
    const reading = new BulkReading(request);
    const before = parseCursor(request.cursor);
    let newest = 0;
    let total: number | null = null;
    let mayBeNew = 0;
    let complete = false;
    let reached = false;
    for (let number = 1; number === 1 || reading.worthAnotherPage; number++) {
      const page = await reading.page(() => this.#api.tags(repository, number, { signal: request.signal }));
      if (page === null || page.cut) break;
      total ??= page.total;
      for (const row of page.tags) {
        const updatedAt = timeOf(row.last_updated)?.getTime() ?? null;
        if (updatedAt !== null && updatedAt > newest) newest = updatedAt;
        if (before !== null && updatedAt !== null && updatedAt < before.w - OVERLAP_MS) reached = true;
        else if (typeof row.name === 'string' && request.known(row.name) === null) mayBeNew += 1;
        reading.add(row.name, row.digest, { pushedAt: pushedAt(row) });
      }
      complete = page.last;
      if (complete || reached) break;
    }
    // A complete list shows itself what is missing.
    const alarm = !complete && before?.c !== undefined && total !== null && !isPlausible(total - before.c, mayBeNew);
    return reading.answer({
      complete,
      ...(total === null ? {} : { total }),
      restUnchanged: reached,
      cursor: newest === 0 || alarm ? null : JSON.stringify({ w: newest, ...(total === null ? {} : { c: total }) }),
    });
  }
}

function pushedAt(row: HubTag): Date | null {
  return timeOf(row.tag_last_pushed) ?? timeOf(row.last_updated);
}

/** Whether the number of tags can have changed by so many without a deletion: by new tags alone, of which these may be some. */
function isPlausible(more: number, mayBeNew: number): boolean {
  return more >= 0 && more <= mayBeNew;
}

function parseCursor(cursor: string | null): z.infer<typeof cursorShape> | null {
  if (cursor === null) return null;
  try {
    return cursorShape.safeParse(JSON.parse(cursor)).data ?? null;
  } catch {
    return null;
  }
}
