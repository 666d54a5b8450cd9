/**
 * Options of Node.js that an import runs with. Without a bound, V8 lets garbage grow to four times what lives on a large
 * machine. What lives are tags, not rows: a gigabyte is enough for millions.
 * @type {[string, string]}
 */
export const HEAP_OPTIONS = ['--max-semi-space-size=16', '--max-old-space-size=1024'];
