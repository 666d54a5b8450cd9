import { hash } from 'node:crypto';

/** 64-bit words of a fingerprint. */
const WORDS = 2;
const FIRST_CAPACITY = 1024;
/** The fuller the table, the longer the search in it. */
const FULLEST = 0.6;

/** Remembers texts by 128 bits of their hash: half a million as texts would take more memory than an import may. */
export class Fingerprints {
  #table = new BigUint64Array(FIRST_CAPACITY * WORDS);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  has(text: string): boolean {
    if (this.#size === 0) return false;
    const print = printOf(text);
    return this.#table[this.#slotOf(this.#table, print)] === print[0];
  }

  add(text: string): void {
    if ((this.#size + 1) * WORDS > this.#table.length * FULLEST) this.#grow();
    const print = printOf(text);
    const slot = this.#slotOf(this.#table, print);
    if (this.#table[slot] === print[0]) return;
    this.#table.set(print, slot);
    this.#size++;
  }

  /** Where the fingerprint lies, or the free place where it belongs; none has 0 as its first word. */
  #slotOf(table: BigUint64Array, print: BigUint64Array): number {
    const capacity = table.length / WORDS;
    for (let at = Number((print[0] ?? 0n) % BigInt(capacity)); ; at = (at + 1) % capacity) {
      const slot = at * WORDS;
      if (table[slot] === 0n || (table[slot] === print[0] && table[slot + 1] === print[1])) return slot;
    }
  }

  #grow(): void {
    const larger = new BigUint64Array(this.#table.length * 2);
    for (let slot = 0; slot < this.#table.length; slot += WORDS) {
      const print = this.#table.slice(slot, slot + WORDS);
      if (print[0] !== 0n) larger.set(print, this.#slotOf(larger, print));
    }
    this.#table = larger;
  }
}

function printOf(text: string): BigUint64Array {
  const bytes = hash('sha256', text, 'buffer');
  return BigUint64Array.of(bytes.readBigUInt64LE(0) || 1n, bytes.readBigUInt64LE(8));
}
