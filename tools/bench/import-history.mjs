import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { STREAMS, streamState } from '@dtm/jetstream';
import { HEAP_OPTIONS } from '../import/heap.mjs';
import { ROOT } from '../start/paths.mjs';
import { cpuSecondsOf } from './process-usage.mjs';
import { System } from './system.mjs';

const POLL_MS = 100;
const LIMIT_MS = 30 * 60 * 1000;

/**
 * How long the import of a large file takes until the read models show it, and what memory. It needs the file: without one
 * there is nothing to measure.
 * @param {import('./table.mjs').Table} table
 * @param {import('./stores.mjs').Postgres} postgres
 * @param {{ quick: boolean, say: (line: string) => void, historyFile: string | undefined }} options
 */
export async function benchImport(table, postgres, { quick, say, historyFile }) {
  const missing = quick
    ? 'it has no small form'
    : historyFile === undefined
      ? 'give a CSV file by --history-file=<path> or DTM_HISTORY_FILE'
      : existsSync(historyFile)
        ? null
        : `there is no file ${historyFile}`;
  if (missing !== null || historyFile === undefined) {
    table.note(`import: left out: ${missing}`);
    return;
  }
  const system = await System.start(postgres);
  try {
    await system.startServices(['history-projector']);
    const projector = system.service('history-projector');
    const cpu = system.cpuSeconds();
    say(`import: ${historyFile} goes into the stream, and the projector follows`);
    const began = performance.now();
    const imported = await runImport(system.nats.url, historyFile);
    const written = (performance.now() - began) / 1000;
    const { lastSequence } = await streamState(system.nc, STREAMS.history);
    say(`import: ${imported.report}`);
    await projected(system, lastSequence);
    const shown = (performance.now() - began) / 1000;
    const used = system.cpuSeconds();
    const [rows] = await system.database.query(
      `select (select count(*) from "${await system.schema()}".tag)::float8 as tags,
        (select count(*) from "${await system.schema()}".digest_change)::float8 as changes`,
    );
    if (rows?.changes !== lastSequence) throw new Error(`${rows?.changes} of ${lastSequence} events are projected.`);
    table.section(
      `Import of ${lastSequence.toLocaleString('en')} events of ${Number(rows.tags).toLocaleString('en')} tags`,
    );
    table.row('until the read models hold all', shown, 's', { atMost: 180 });
    table.row('until the stream holds all', written, 's');
    table.row('peak memory, import', imported.peak, 'MB', { atMost: 400 });
    table.row('peak memory, projector', projector.memory.peak, 'MB', { atMost: 400 });
    table.row('CPU, import', imported.cpu, 's');
    table.row('CPU, projector', used.ours - cpu.ours, 's');
    table.row('CPU, PostgreSQL', used.postgres - cpu.postgres, 's');
    table.row('CPU, NATS', used.nats - cpu.nats, 's');
  } catch (error) {
    throw system.blamed(error);
  } finally {
    await system.stop();
  }
}

/**
 * @param {string} natsUrl @param {string} file
 * @returns {Promise<{ peak: number, cpu: number, report: string }>} peak: MB
 */
async function runImport(natsUrl, file) {
  const format = /\.ndjson(\.gz)?$/.test(file) ? 'ndjson' : 'csv';
  const script = join(ROOT, 'tools', 'import', 'import.ts');
  const child = spawn(process.execPath, [...HEAP_OPTIONS, script, '--from', format, '--file', file], {
    cwd: ROOT,
    env: { PATH: process.env.PATH ?? '', NATS_URL: natsUrl },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
  const ended = new Promise((resolve) => child.once('close', resolve));
  let cpu = 0;
  const watch = setInterval(() => {
    try {
      cpu = cpuSecondsOf(child.pid ?? NaN);
    } catch {
      // It has just ended.
    }
  }, POLL_MS);
  const code = await ended;
  clearInterval(watch);
  const peak = Number(/Peak memory (\d+) MB/.exec(output)?.[1]);
  if (code !== 0 || Number.isNaN(peak)) throw new Error(`The import ended with ${code}:\n${output}`);
  return { peak, cpu, report: output.split('\n', 1)[0] ?? '' };
}

/** Waits until HISTORY is in PostgreSQL up to a sequence. @param {System} system @param {number} sequence */
async function projected(system, sequence) {
  const deadline = Date.now() + LIMIT_MS;
  for (;;) {
    system.checkRunning();
    const [row] = await system.database.query(
      `select sequence::float8 as sequence from "${await system.schema()}".checkpoint where stream = 'HISTORY'`,
    );
    if (Number(row?.sequence) >= sequence) return;
    if (Date.now() > deadline) throw new Error(`HISTORY is projected up to ${row?.sequence} of ${sequence}.`);
    await sleep(POLL_MS);
  }
}
