import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { ROOT } from './paths.mjs';

/** The version that everything is built and tested with; npm installs its binary on Linux. */
const WANTED_MAJOR = 24;
const LEAST_MAJOR = 22;

/**
 * Makes sure that the rest runs on the wanted Node.js version.
 * @param {string} script the file to run again where this process has another version
 * @returns {boolean} true: go on in this process. false: the script runs in a child, whose end ends this process
 */
export function ensureNode(script) {
  const major = Number(process.versions.node.split('.')[0]);
  if (major >= WANTED_MAJOR) return true;
  const binary = join(ROOT, 'node_modules', `node-${process.platform}-${process.arch}`, 'bin', 'node');
  if (existsSync(binary)) {
    runAgain(binary, script);
    return false;
  }
  if (major >= LEAST_MAJOR) return true;
  console.error(
    `Node.js ${WANTED_MAJOR} is needed and npm has no binary of it for ${process.platform}-${process.arch}: ` +
      `install Node.js ${WANTED_MAJOR} (https://nodejs.org) and run the command again.`,
  );
  process.exit(1);
}

/** @param {string} binary @param {string} script */
function runAgain(binary, script) {
  // The channel tells the child when this process is gone, even by SIGKILL.
  const child = spawn(binary, [script, ...process.argv.slice(2)], {
    cwd: ROOT,
    stdio: ['inherit', 'inherit', 'inherit', 'ipc'],
  });
  for (const signal of /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP'])) {
    process.on(signal, () => child.kill(signal));
  }
  child.once('exit', (code, signal) => process.exit(signal === null ? (code ?? 1) : 128 + constants.signals[signal]));
}
