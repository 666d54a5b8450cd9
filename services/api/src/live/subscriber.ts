import type { ChangeMessage } from '@dtm/api-contract';
import type { Reference } from '@dtm/oci';
import type { LiveChangeRow, NextChanges } from '@dtm/read-model';
import { change } from '../changes/change.ts';
import type { EventStream } from './event-stream.ts';

/** Reads rows of history behind a sequence, at most `limit`. */
export type ReadChanges = (after: number, limit: number) => Promise<NextChanges>;

const PAGE = 500;
const MAX_WAITING = 5000;
/** How often a replica that does not have all yet is asked again. */
const REPLICA_MS = 100;

/** One client: first what it missed, from the read model, then what happens. Each change once, in order of sequence. */
export class Subscriber {
  readonly #stream: EventStream;
  readonly #reference: Reference | null;
  /** Sequence up to which everything was told. */
  #position: number;
  /** What happens while the client is still catching up. */
  #waiting: LiveChangeRow[] | null = null;
  /** Sequence up to which it has to be read for this client alone. */
  #until = 0;

  constructor(stream: EventStream, reference: Reference | null, position: number) {
    this.#stream = stream;
    this.#reference = reference;
    this.#position = position;
  }

  get stream(): EventStream {
    return this.#stream;
  }

  /**
   * Tells everything behind the position at which it was made, at least up to `until`; live changes wait meanwhile. Other
   * replicas may answer than the one that said how far the record is, so it ends only where the answers have come so far.
   */
  async catchUp(read: ReadChanges, until: number): Promise<void> {
    this.#waiting = [];
    this.#until = until;
    while (this.#stream.open) {
      const { rows, upTo } = await read(this.#position, PAGE);
      for (const row of rows) this.#tell(row);
      this.#position = Math.max(this.#position, upTo);
      await this.#stream.flushed();
      if (upTo >= this.#until) break;
      if (rows.length < PAGE) await new Promise((resolve) => setTimeout(resolve, REPLICA_MS).unref());
    }
    const waiting = this.#waiting;
    this.#waiting = null;
    for (const row of waiting ?? []) this.#tell(row);
  }

  /**
   * The record was restored: it reached `to` and has grown to `reached` since. What comes behind `to` is new to whoever was
   * told more than that of the record before; whoever connected since then reads nothing but the new one.
   */
  goBack(to: number, reached: number): void {
    this.#until = Math.min(this.#until, reached);
    this.#waiting = this.#waiting?.filter(({ sequence }) => sequence <= to) ?? null;
    if (this.#position <= reached) return;
    this.#position = to;
    this.#stream.mark(to);
  }

  changed(row: LiveChangeRow): void {
    if (this.#waiting === null) {
      this.#tell(row);
    } else if (this.#waiting.length < MAX_WAITING) {
      this.#waiting.push(row);
    } else {
      // More than is kept, so that it has to be read too.
      this.#waiting.length = 0;
      this.#until = Math.max(this.#until, row.sequence);
    }
  }

  /** A scan of a repository ended; `data` is the JSON of a ScanMessage. */
  scanned(repository: { registry: string; repository: string }, data: string): void {
    const wanted = this.#reference;
    if (wanted !== null && (wanted.registry !== repository.registry || wanted.repository !== repository.repository))
      return;
    this.#stream.send({ event: 'scan', data });
  }

  #tell(row: LiveChangeRow): void {
    if (row.sequence <= this.#position) return;
    this.#position = row.sequence;
    if (this.#reference !== null && this.#reference.toString() !== row.reference) return;
    const message: ChangeMessage = { reference: row.reference, change: change(row) };
    this.#stream.send({ event: 'change', id: row.sequence, data: JSON.stringify(message) });
  }
}
