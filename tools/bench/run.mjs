import { cpus, platform, release } from 'node:os';
import { benchAdapters } from './adapters.mjs';
import { benchImport } from './import-history.mjs';
import { benchLimits } from './limits.mjs';
import { benchMemory } from './memory.mjs';
import { benchPages } from './page.mjs';
import { benchReads } from './read.mjs';
import { benchScans } from './scan.mjs';
import { Postgres } from './stores.mjs';
import { Table } from './table.mjs';

/** @typedef {(table: Table, postgres: Postgres, options: { quick: boolean, say: (line: string) => void, historyFile: string | undefined }) => Promise<void>} Part */

/** @type {Record<string, Part>} */
const PARTS = {
  scan: benchScans,
  read: benchReads,
  page: benchPages,
  memory: benchMemory,
  limits: benchLimits,
  adapters: benchAdapters,
  import: benchImport,
};
const HISTORY_FILE = '--history-file=';
const USAGE = `usage: npm run bench -- [${Object.keys(PARTS).join('|')} ...] [--quick] [${HISTORY_FILE}<path>]`;

/** Measures what was asked for and prints one table. Progress goes to stderr. @param {string[]} args */
export async function run(args) {
  const quick = args.includes('--quick');
  const historyFile = args.find((arg) => arg.startsWith(HISTORY_FILE))?.slice(HISTORY_FILE.length);
  const asked = args.filter((arg) => arg !== '--quick' && !arg.startsWith(HISTORY_FILE));
  if (asked.some((name) => !Object.hasOwn(PARTS, name))) {
    console.error(USAGE);
    process.exit(1);
  }
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    // The watchdog of @dtm/embedded ends what was started.
    process.once(signal, () => process.exit(130));
  }
  const began = Date.now();
  const say = (/** @type {string} */ line) =>
    process.stderr.write(`${((Date.now() - began) / 1000).toFixed(0).padStart(4)} s  ${line}\n`);
  const table = new Table({ goals: !quick });
  say('starting PostgreSQL');
  const postgres = await Postgres.start();
  try {
    for (const name of asked.length === 0 ? Object.keys(PARTS) : asked)
      await PARTS[name]?.(table, postgres, { quick, say, historyFile: historyFile ?? process.env.DTM_HISTORY_FILE });
  } finally {
    await postgres.stop();
  }
  table.note(
    `Node.js ${process.versions.node}, ${cpus().length} cores (${cpus()[0]?.model.trim()}), ${platform()} ${release()}`,
  );
  console.log(table.toString());
}
