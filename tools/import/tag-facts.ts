import type { ImportedRow } from './row.ts';

const FIRST_CAPACITY = 1024;
const NONE = -1;
const IS_GONE = -1;
const HEX_DIGITS = 12;

type State = Pick<ImportedRow, 'digest' | 'observedAt'>;

/** 48 bits of a digest: enough to tell those of one tag apart, and a number, of which half a million take little memory. */
export function stateOf(digest: string | null): number {
  return digest === null ? IS_GONE : parseInt(digest.slice(-HEX_DIGITS), 16);
}

/** The facts of all tags, each with the one of its tag before it: as objects they would take more memory than an import may. */
export class FactLog {
  #times = new Float64Array(FIRST_CAPACITY);
  #states = new Float64Array(FIRST_CAPACITY);
  #before = new Int32Array(FIRST_CAPACITY);
  #size = 0;

  /** Answers where the fact lies; `before`: where its tag's fact before lies, undefined for the first. */
  add({ digest, observedAt }: State, before = NONE): number {
    if (this.#size === this.#times.length) this.#grow();
    this.#times[this.#size] = observedAt.getTime();
    this.#states[this.#size] = stateOf(digest);
    this.#before[this.#size] = before;
    return this.#size++;
  }

  /** The facts of one tag, of which the last lies at `last`; undefined: it has none. */
  factsUntil(last = NONE): TagFacts {
    const facts = new TagFacts();
    const places: number[] = [];
    for (let at = last; at !== NONE; at = this.#before[at] ?? NONE) places.push(at);
    for (const at of places.reverse()) facts.insert(this.#times[at] ?? NaN, this.#states[at] ?? NaN);
    return facts;
  }

  #grow(): void {
    const grown = <T extends Float64Array | Int32Array>(larger: T, from: T): T => {
      larger.set(from);
      return larger;
    };
    const capacity = this.#size * 2;
    this.#times = grown(new Float64Array(capacity), this.#times);
    this.#states = grown(new Float64Array(capacity), this.#states);
    this.#before = grown(new Int32Array(capacity), this.#before);
  }
}

/** What a tag's imported history tells, from whatever source, in order of time; of one time, in order of import. */
export class TagFacts {
  readonly #times: number[] = [];
  readonly #states: number[] = [];

  note({ digest, observedAt }: State): void {
    this.insert(observedAt.getTime(), stateOf(digest));
  }

  insert(time: number, state: number): void {
    const at = this.#countUntil(time);
    this.#times.splice(at, 0, time);
    this.#states.splice(at, 0, state);
  }

  /** Whether the very fact is among them. */
  has({ digest, observedAt }: State): boolean {
    const time = observedAt.getTime();
    const state = stateOf(digest);
    for (let at = this.#countBefore(time); this.#times[at] === time; at++) if (this.#states[at] === state) return true;
    return false;
  }

  /** Whether the tag was already in the state of a row when that was seen. */
  foretell({ digest, observedAt }: State): boolean {
    return this.#states[this.#countBefore(observedAt.getTime()) - 1] === stateOf(digest);
  }

  /** Whether the state of a row is the last before another one, which was seen before `until`; null: at any time. */
  replace({ digest, observedAt }: State, until: Date | null): boolean {
    const next = this.#countUntil(observedAt.getTime());
    const time = this.#times[next];
    return time !== undefined && time < (until?.getTime() ?? Infinity) && this.#states[next] !== stateOf(digest);
  }

  /** How many lie before a time. */
  #countBefore(time: number): number {
    let [low, high] = [0, this.#times.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#times[middle] ?? NaN) < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** How many lie before a time or at it. */
  #countUntil(time: number): number {
    let count = this.#countBefore(time);
    while (this.#times[count] === time) count++;
    return count;
  }
}
