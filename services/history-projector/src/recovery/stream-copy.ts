import type { Sql } from '@dtm/read-model';

/** An event as the read models keep it: enough to store it again. */
export interface CopiedEvent {
  sequence: number;
  subject: string;
  data: Uint8Array;
}

export interface CopySummary {
  /** Events in the copy. */
  events: number;
  /** Sequence of the newest; 0 where there is none. */
  last: number;
  /** Up to where the stream was projected; 0 before that. */
  checkpoint: number;
  /** When the stream was made that this is a copy of; null before the first projection. */
  streamCreated: Date | null;
  /** The lowest sequence that is missing; null where the copy is whole. */
  gap: number | null;
}

const PAGE = 1_000;

/** Where the read models keep the events of a stream with their bytes. */
const TABLES = { HISTORY: 'digest_change', TRACKING: 'tracking_event', MANIFESTS: 'manifest_event' } as const;

/** The streams that a copy is kept of: of SCAN_LOG there is none. */
export type CopiedStream = keyof typeof TABLES;

/** The copy of a stream that the read models keep, event by event. */
export class StreamCopy {
  readonly #sql: Sql;
  readonly #checkpoints: string;
  readonly stream: CopiedStream;
  /** `"schema".table` */
  readonly table: string;

  constructor(sql: Sql, schema: string, stream: CopiedStream) {
    this.#sql = sql;
    this.stream = stream;
    this.table = `"${schema}".${TABLES[stream]}`;
    this.#checkpoints = `"${schema}".checkpoint`;
  }

  /** False in read models of a version that kept no such copy. */
  async exists(): Promise<boolean> {
    const [row] = await this.#sql.query<{ present: boolean }>('select to_regclass($1) is not null as present', [
      this.table,
    ]);
    return row?.present === true;
  }

  async summary(): Promise<CopySummary> {
    const [row] = await this.#sql.query<Omit<CopySummary, 'gap'>>(
      `select count(e.sequence) as events, coalesce(max(e.sequence), 0) as last,
          coalesce(max(c.sequence), 0) as checkpoint, max(c.stream_created) as "streamCreated"
        from (select 1) as one left join ${this.table} e on true
        left join ${this.#checkpoints} c on c.stream = $1`,
      [this.stream],
    );
    if (row === undefined) throw new Error(`no summary of ${this.table}`);
    const whole = row.events === row.last && row.last === row.checkpoint;
    return { ...row, gap: whole ? null : await this.#firstGap() };
  }

  /** Hashes (SHA-256, hex) and subjects by sequence, both ends included. */
  async hashes(from: number, to: number): Promise<Map<number, { hash: string; subject: string }>> {
    const rows = await this.#sql.query<{ sequence: number; hash: string; subject: string }>(
      `select sequence, encode(sha256(event), 'hex') as hash, subject from ${this.table} where sequence between $1 and $2`,
      [from, to],
    );
    return new Map(rows.map(({ sequence, hash, subject }) => [sequence, { hash, subject }]));
  }

  /** The events behind a sequence, in order. */
  async *eventsAfter(after: number): AsyncGenerator<CopiedEvent> {
    for (let last = after; ;) {
      const rows = await this.#sql.query<CopiedEvent>(
        `select sequence, subject, event as data from ${this.table} where sequence > $1 order by sequence limit $2`,
        [last, PAGE],
      );
      yield* rows;
      if (rows.length < PAGE) return;
      last = rows.at(-1)?.sequence ?? last;
    }
  }

  async #firstGap(): Promise<number> {
    const [row] = await this.#sql.query<{ gap: number }>(
      `select coalesce(min(n), 1) as gap from (
          select e.sequence + 1 as n from ${this.table} e
            where not exists (select 1 from ${this.table} o where o.sequence = e.sequence + 1)
          union all select 1 where not exists (select 1 from ${this.table} where sequence = 1)
        ) as gaps`,
    );
    return row?.gap ?? 1;
  }
}
