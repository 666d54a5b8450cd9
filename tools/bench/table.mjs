/**
 * A bound that a figure is to keep.
 * @typedef {{ atLeast?: number, atMost?: number }} Goal
 * @typedef {{ cells: string[], figures: number[] }} Row
 */

const HEAD = ['measure', 'figure', 'goal', 'met'];

/** The one table that the bench prints: sections of rows, notes below. */
export class Table {
  #rows = /** @type {Row[]} */ ([]);
  #notes = /** @type {string[]} */ ([]);
  #missed = 0;
  #goals;

  /** @param {{ goals: boolean }} options goals: whether figures are held against them, which small numbers cannot be */
  constructor({ goals }) {
    this.#goals = goals;
  }

  /** @param {string} title */
  section(title) {
    this.#rows.push({ cells: [`**${title}**`, '', '', ''], figures: [] });
  }

  /** @param {string} what @param {number} value @param {string} unit @param {Goal} [goal] */
  row(what, value, unit, goal = {}) {
    this.#add(what, `${written(value)}${spaced(unit)}`, [{ value, unit, goal }]);
  }

  /**
   * How long an answer takes: the median of one user alone, the 99th percentile of many.
   * @param {string} what
   * @param {{ median: number, p99: number, loadedMedian: number, loadedP99: number }} milliseconds
   * @param {{ median?: number, loadedP99?: number }} goal
   */
  latencyRow(what, milliseconds, goal) {
    const { median, p99, loadedMedian, loadedP99 } = milliseconds;
    const figure = `${written(median)} ms (p99 ${written(p99)}; 50 users: ${written(loadedMedian)}, p99 ${written(loadedP99)})`;
    const bound = (/** @type {number | undefined} */ atMost) => (atMost === undefined ? {} : { atMost });
    this.#add(what, figure, [
      { value: median, unit: 'ms', goal: bound(goal.median) },
      { value: p99, unit: 'ms', goal: {} },
      { value: loadedMedian, unit: 'ms', goal: {} },
      { value: loadedP99, unit: 'ms p99', goal: bound(goal.loadedP99) },
    ]);
  }

  /** @param {string} text */
  note(text) {
    this.#notes.push(text);
  }

  /** In Markdown, aligned for those who read it as it is. */
  toString() {
    const rows = [HEAD, ...this.#rows.map(({ cells }) => cells)];
    const widths = HEAD.map((_, column) => Math.max(...rows.map((cells) => (cells[column] ?? '').length)));
    const line = (/** @type {string[]} */ cells) =>
      `| ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
    const [head = [], ...body] = rows;
    const lines = [line(head), line(widths.map((width) => '-'.repeat(width))), ...body.map(line)];
    const notes = this.#notes.map((note) => `- ${note}`);
    const missed = !this.#goals
      ? 'Small numbers: nothing is held against the goals.'
      : this.#missed === 0
        ? 'All goals are met.'
        : `Goals missed: ${this.#missed}.`;
    return [...lines, '', ...notes, '', missed].join('\n');
  }

  /** @param {string} what @param {string} figure @param {{ value: number, unit: string, goal: Goal }[]} parts */
  #add(what, figure, parts) {
    const bounded = parts.filter(
      ({ goal }) => this.#goals && (goal.atLeast !== undefined || goal.atMost !== undefined),
    );
    const kept = bounded.every(
      ({ value, goal: { atLeast = -Infinity, atMost = Infinity } }) => value >= atLeast && value <= atMost,
    );
    const goal = bounded.map(({ unit, goal: { atLeast, atMost } }) =>
      atLeast === undefined ? `<= ${atMost}${spaced(unit)}` : `>= ${atLeast}${spaced(unit)}`,
    );
    if (!kept) this.#missed++;
    const met = bounded.length === 0 ? '' : kept ? 'yes' : '**missed**';
    this.#rows.push({ cells: [what, figure, goal.join(', '), met], figures: parts.map(({ value }) => value) });
  }
}

/** Three digits that count. @param {number} value */
function written(value) {
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString('en');
  return String(Number(value.toPrecision(3)));
}

/** @param {string} unit */
function spaced(unit) {
  return unit === '' || unit.startsWith('/') ? unit : ` ${unit}`;
}
