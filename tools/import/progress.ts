const EVERY_MS = 250;
const BAR = 30;

/** A bar on a terminal; a line every tenth elsewhere, so that logs stay short. */
export class Progress {
  readonly #terminal = process.stderr.isTTY;
  readonly #startedAt = Date.now();
  #shownAt = 0;
  #tenth = -1;

  update(done: number, all: number): void {
    const share = all === 0 ? 1 : done / all;
    if (this.#terminal) {
      if (Date.now() - this.#shownAt < EVERY_MS && done < all) return;
      this.#shownAt = Date.now();
      const full = Math.round(share * BAR);
      process.stderr.write(`\r${'#'.repeat(full)}${'.'.repeat(BAR - full)} ${this.#words(done, all, share)} `);
      return;
    }
    const tenth = Math.floor(share * 10);
    if (tenth === this.#tenth) return;
    this.#tenth = tenth;
    process.stderr.write(`${this.#words(done, all, share)}\n`);
  }

  end(): void {
    if (this.#terminal) process.stderr.write('\n');
  }

  #words(done: number, all: number, share: number): string {
    const seconds = (Date.now() - this.#startedAt) / 1000;
    const left = share > 0 ? Math.round((seconds / share) * (1 - share)) : null;
    return `${Math.floor(share * 100)} % (${done} of ${all} rows${left === null ? '' : `, ${left} s left`})`;
  }
}
