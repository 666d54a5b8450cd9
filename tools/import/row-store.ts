import { Reference } from '@dtm/oci';
import type { ImportedRow } from './row.ts';

/** Numbers of a row: tag, digest, media type (indexes), observedAt, notBefore and pushedAt (epoch ms; NaN: none). */
const NUMBERS = 6;
/** In place of the index of a digest: it is a SHA-256, or there is none. */
const IS_SHA256 = -1;
const IS_GONE = -2;
const SHA256_PREFIX = 'sha256:';
const SHA256_BYTES = 32;

/**
 * Holds a source's rows until they are grouped by tag, in a few dozen bytes each: as objects, half a million of them
 * would take more memory than an import may.
 */
export class RowStore {
  readonly #tags = new Interned();
  readonly #otherDigests = new Interned();
  readonly #mediaTypes = new Interned();
  #numbers = new Float64Array(NUMBERS * 1024);
  #digests = Buffer.alloc(SHA256_BYTES * 1024);
  #size = 0;

  get rows(): number {
    return this.#size;
  }

  get tags(): number {
    return this.#tags.size;
  }

  add(row: ImportedRow): void {
    if ((this.#size + 1) * NUMBERS > this.#numbers.length) this.#grow();
    this.#numbers.set(
      [
        this.#tags.indexOf(row.reference.toString()),
        this.#noteDigest(row.digest),
        this.#mediaTypes.indexOf(row.mediaType),
        row.observedAt.getTime(),
        row.notBefore?.getTime() ?? NaN,
        row.pushedAt?.getTime() ?? NaN,
      ],
      this.#size * NUMBERS,
    );
    this.#size++;
  }

  /** Each tag's rows in order of time, one tag after another by name: whoever indexes them finds neighbours together. */
  *byTag(): Generator<ImportedRow[]> {
    const ranks = this.#tags.ranks();
    const rank = (row: number): number => ranks[this.#number(row, 0)] ?? 0;
    const order = Uint32Array.from({ length: this.#size }, (_, index) => index);
    order.sort((a, b) => rank(a) - rank(b) || this.#number(a, 3) - this.#number(b, 3) || a - b);
    let ofTag: number[] = [];
    for (const index of order) {
      const first = ofTag[0];
      if (first !== undefined && this.#number(first, 0) !== this.#number(index, 0)) {
        yield this.#rowsOf(ofTag);
        ofTag = [];
      }
      ofTag.push(index);
    }
    if (ofTag.length > 0) yield this.#rowsOf(ofTag);
  }

  #rowsOf(indexes: readonly number[]): ImportedRow[] {
    const reference = Reference.parse(this.#tags.text(this.#number(indexes[0] ?? 0, 0)));
    if (!(reference instanceof Reference)) throw new Error(`a reference is no longer one: ${reference.text}`);
    return indexes.map((index) => {
      return {
        reference,
        digest: this.#digest(index),
        mediaType: this.#mediaTypes.text(this.#number(index, 2)),
        observedAt: new Date(this.#number(index, 3)),
        notBefore: this.#time(index, 4),
        pushedAt: this.#time(index, 5),
      };
    });
  }

  /** Keeps the digest of the row that is added; the number that stands for it. */
  #noteDigest(digest: string | null): number {
    if (digest === null) return IS_GONE;
    if (!digest.startsWith(SHA256_PREFIX)) return this.#otherDigests.indexOf(digest);
    this.#digests.write(digest.slice(SHA256_PREFIX.length), this.#size * SHA256_BYTES, 'hex');
    return IS_SHA256;
  }

  #time(index: number, column: number): Date | null {
    const time = this.#number(index, column);
    return Number.isNaN(time) ? null : new Date(time);
  }

  #digest(index: number): string | null {
    const other = this.#number(index, 1);
    if (other === IS_GONE) return null;
    if (other >= 0) return this.#otherDigests.text(other);
    const from = index * SHA256_BYTES;
    return SHA256_PREFIX + this.#digests.toString('hex', from, from + SHA256_BYTES);
  }

  #number(row: number, column: number): number {
    return this.#numbers[row * NUMBERS + column] ?? NaN;
  }

  #grow(): void {
    const numbers = new Float64Array(this.#numbers.length * 2);
    numbers.set(this.#numbers);
    this.#numbers = numbers;
    this.#digests = Buffer.concat([this.#digests, Buffer.alloc(this.#digests.length)]);
  }
}

/** Texts by number. */
class Interned {
  readonly #indexes = new Map<string, number>();
  readonly #texts: string[] = [];

  get size(): number {
    return this.#texts.length;
  }

  indexOf(text: string): number {
    const known = this.#indexes.get(text);
    if (known !== undefined) return known;
    this.#indexes.set(text, this.#texts.length);
    this.#texts.push(text);
    return this.#texts.length - 1;
  }

  /** The place of each text, by its number, in alphabetical order. */
  ranks(): Uint32Array {
    const order = Array.from(this.#texts.keys()).sort((a, b) => (this.text(a) < this.text(b) ? -1 : 1));
    const ranks = new Uint32Array(order.length);
    order.forEach((index, rank) => (ranks[index] = rank));
    return ranks;
  }

  text(index: number): string {
    const text = this.#texts[index];
    if (text === undefined) throw new Error(`no text has the number ${index}`);
    return text;
  }
}
