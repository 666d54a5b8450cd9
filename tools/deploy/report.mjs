/** A part of the check cannot run here; the reason is shown, and it never counts as passed. */
export class Skipped extends Error {
  /** @override */
  name = 'Skipped';
}

/** Runs parts one after another and tells at once how each went. */
export class Report {
  passed = 0;
  failed = 0;
  skipped = 0;

  /**
   * @template T
   * @param {string} name
   * @param {() => Promise<T> | T} part throws `Skipped` where it cannot run
   * @returns {Promise<T | undefined>} undefined where it did not pass
   */
  async part(name, part) {
    const started = Date.now();
    try {
      const result = await part();
      this.passed++;
      console.log(`ok       ${name}${typeof result === 'string' ? `: ${result}` : ''} (${seconds(started)} s)`);
      return result;
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      if (error instanceof Skipped) {
        this.skipped++;
        console.log(`skipped: ${name}: ${words}`);
      } else {
        this.failed++;
        console.log(`FAILED   ${name} (${seconds(started)} s)\n${words.replace(/^/gm, '           ')}`);
      }
      return undefined;
    }
  }

  /** The last line, as continuous integration reads it. */
  summary() {
    return `${this.passed} passed, ${this.failed} failed${this.skipped > 0 ? `, ${this.skipped} skipped` : ''}`;
  }
}

function seconds(/** @type {number} */ since) {
  return ((Date.now() - since) / 1000).toFixed(1);
}
