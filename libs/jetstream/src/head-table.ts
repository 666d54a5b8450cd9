/** A tag's last event as it is kept: times as epoch ms. */
export interface KeptHead {
  sequence: number;
  /** SHA-256 of the stored bytes, hex. */
  hash: string;
  digest: string;
  gone: boolean;
  observedAt: number;
  pushedAt: number | null;
  changedAt: number | null;
}

const FIRST_ROWS = 1_024;
const GROWTH = 1.5;
const HASH_BYTES = 32;
/** Hash and digest of one row. */
const ROW_BYTES = 2 * HASH_BYTES;
/** Sequence, and the three times. */
const ROW_NUMBERS = 4;
const SHA256 = /^sha256:[a-f0-9]{64}$/;

/**
 * Rows of a table in two blocks of memory: a fetcher holds one for each tag there is, and an object of its own for each
 * would take four times as much, and the garbage collector's time with it.
 */
export class HeadTable {
  #bytes = Buffer.alloc(FIRST_ROWS * ROW_BYTES);
  /** Of a time that is not known: NaN. A sequence below zero is that of a tag's disappearance. */
  #numbers = new Float64Array(FIRST_ROWS * ROW_NUMBERS);
  /** Digests that are no SHA-256, by row. */
  readonly #otherDigests = new Map<number, string>();
  #rows = 0;

  get size(): number {
    return this.#rows;
  }

  /** Adds a row; returns its number. */
  add(head: KeptHead): number {
    const row = this.#rows++;
    if (this.#rows * ROW_BYTES > this.#bytes.length) this.#grow();
    this.set(row, head);
    return row;
  }

  set(row: number, { sequence, hash, digest, gone, observedAt, pushedAt, changedAt }: KeptHead): void {
    const at = row * ROW_NUMBERS;
    this.#numbers[at] = gone ? -sequence : sequence;
    this.#numbers[at + 1] = observedAt;
    this.#numbers[at + 2] = pushedAt ?? NaN;
    this.#numbers[at + 3] = changedAt ?? NaN;
    const byte = row * ROW_BYTES;
    this.#bytes.write(hash, byte, 'hex');
    if (SHA256.test(digest)) {
      this.#bytes.write(digest.slice('sha256:'.length), byte + HASH_BYTES, 'hex');
      this.#otherDigests.delete(row);
    } else {
      this.#otherDigests.set(row, digest);
    }
  }

  sequence(row: number): number {
    return Math.abs(this.#numbers[row * ROW_NUMBERS] ?? 0);
  }

  get(row: number): KeptHead {
    const at = row * ROW_NUMBERS;
    const [sequence = 0, observedAt = 0, pushedAt = NaN, changedAt = NaN] = this.#numbers.subarray(
      at,
      at + ROW_NUMBERS,
    );
    const byte = row * ROW_BYTES;
    const digest = byte + HASH_BYTES;
    return {
      sequence: Math.abs(sequence),
      hash: this.#bytes.toString('hex', byte, digest),
      digest: this.#otherDigests.get(row) ?? `sha256:${this.#bytes.toString('hex', digest, byte + ROW_BYTES)}`,
      gone: sequence < 0,
      observedAt,
      pushedAt: Number.isNaN(pushedAt) ? null : pushedAt,
      changedAt: Number.isNaN(changedAt) ? null : changedAt,
    };
  }

  #grow(): void {
    const rows = Math.ceil(this.#rows * GROWTH);
    const bytes = Buffer.alloc(rows * ROW_BYTES);
    bytes.set(this.#bytes);
    this.#bytes = bytes;
    const numbers = new Float64Array(rows * ROW_NUMBERS);
    numbers.set(this.#numbers);
    this.#numbers = numbers;
  }
}
