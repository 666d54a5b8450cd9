import { type Digest, parseDigest, type RepositoryName } from '@dtm/oci';
import { z } from 'zod';
import { Trouble } from '../../failure.ts';
import type { CallOptions, RegistryClient } from '../../registry-client.ts';
import { timeOf } from '../bulk/bulk-reading.ts';
import type { HistoryRow } from '../history-row.ts';

/** The most that one answer holds. */
const MOST_RECORDS = 1000;
/** Answers of one tag's history. */
const MAX_ANSWERS = 100;

const record = z.record(z.string(), z.unknown());
const shape = z.record(z.string(), z.array(record).nullable());

/** A tag began to point to a digest. */
export interface ChainguardMove {
  at: Date;
  digest: Digest;
}

/** Chainguard's tag history: each move of a tag with its time, to whoever may pull. */
export class ChainguardHistoryApi {
  readonly #client: RegistryClient;

  constructor(client: RegistryClient) {
    this.#client = client;
  }

  /** The moves of a tag in a span of time, a thousand at most, the oldest first. Throws `RegistryFailure`. */
  moves(
    name: RepositoryName,
    tag: string,
    span: { start?: Date | undefined; end?: Date | undefined },
    options?: CallOptions,
  ): Promise<{ moves: ChainguardMove[]; cut: boolean; requests: number }> {
    const query = new URLSearchParams();
    if (span.start !== undefined) query.set('start', toSeconds(span.start));
    if (span.end !== undefined) query.set('end', toSeconds(span.end));
    const search = query.size === 0 ? '' : `?${query.toString()}`;
    return this.#client.ask(
      name,
      {
        operation: `read the history of tag ${tag} of`,
        target: `/v2/${name.repository}/_chainguard/history/${tag}${search}`,
      },
      (answer) => {
        const parsed = shape.safeParse(answer.json());
        const records = parsed.success ? field(parsed.data, 'history') : undefined;
        if (!Array.isArray(records) && records !== null) {
          throw new Trouble('bad-answer', 'the registry answered JSON that is no history of a tag');
        }
        const moves: ChainguardMove[] = [];
        for (const entry of records ?? []) {
          const at = timeOf(field(entry, 'updateTimestamp'));
          const named = field(entry, 'digest');
          const digest = typeof named === 'string' ? parseDigest(named) : null;
          if (at !== null && digest !== null) moves.push({ at, digest });
        }
        moves.sort((a, b) => a.at.getTime() - b.at.getTime());
        return { moves, cut: (records ?? []).length >= MOST_RECORDS, requests: answer.requests };
      },
      options,
    );
  }
}

/**
 * Everything that Chainguard remembers of a tag, or of a span of time, the oldest first. Throws `RegistryFailure`. The
 * newest row has no end unless the span has one.
 */
export async function* chainguardHistory(
  api: Pick<ChainguardHistoryApi, 'moves'>,
  name: RepositoryName,
  tag: string,
  options: CallOptions & { start?: Date; end?: Date } = {},
): AsyncGenerator<HistoryRow, void, undefined> {
  const { start, end, signal } = options;
  const moves = new Map<string, ChainguardMove>();
  const spans: { start: Date | undefined; end: Date | undefined }[] = [{ start, end }];
  for (let answers = 0; answers < MAX_ANSWERS; answers++) {
    const span = spans.shift();
    if (span === undefined) break;
    const before = moves.size;
    const got = await api.moves(name, tag, span, { signal });
    for (const move of got.moves) moves.set(`${move.at.getTime()} ${move.digest}`, move);
    const first = got.moves[0];
    const last = got.moves.at(-1);
    if (!got.cut || first === undefined || last === undefined || moves.size === before) continue;
    // Which end of the span was cut off is not documented: both are asked for.
    spans.push({ start: last.at, end: span.end }, { start: span.start, end: first.at });
  }
  const sorted = [...moves.values()].sort((a, b) => a.at.getTime() - b.at.getTime());
  for (const [i, { at, digest }] of sorted.entries()) {
    yield { tag, digest, from: at, to: sorted[i + 1]?.at ?? end ?? null, source: 'chainguard' };
  }
}

/** Keys are documented in small letters now, and began with capitals once. */
function field<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : record[key.charAt(0).toUpperCase() + key.slice(1)];
}

function toSeconds(date: Date): string {
  return date.toISOString().replace(/\.\d{3}Z$/, 'Z');
}
