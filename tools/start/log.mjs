const COLOURS = [36, 35, 33, 32, 34, 96, 95, 93];
const WIDTH = 'history-projector'.length;
const colourful = process.stdout.isTTY === true && process.env.NO_COLOR === undefined;
/** @type {Map<string, number>} */
const colours = new Map();

// The reader of the log may go first (`npm start | head`); that must not take the stores down without a shutdown.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

/** Writes one line of the common log. @param {string} who @param {string} line */
export function logLine(who, line) {
  if (!colours.has(who)) colours.set(who, COLOURS[colours.size % COLOURS.length] ?? 36);
  const name = who.padEnd(WIDTH);
  process.stdout.write(`${colourful ? `\u001b[${colours.get(who)}m${name}\u001b[0m` : name} | ${line}\n`);
}

/** Writes a line of the start script itself. @param {string} line */
export function say(line) {
  process.stdout.write(`${line}\n`);
}

/**
 * Cuts a stream into lines.
 * @param {import('node:stream').Readable | null} stream
 * @param {(line: string) => void} onLine
 */
export function eachLine(stream, onLine) {
  if (stream === null) return;
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (/** @type {string} */ text) => {
    const lines = (rest + text).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
  stream.on('end', () => {
    if (rest !== '') onLine(rest);
  });
}
