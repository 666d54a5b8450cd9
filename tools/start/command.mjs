import { spawn } from 'node:child_process';
import { build } from './build.mjs';
import { DataFolder } from './data-folder.mjs';
import { environmentWith, setting } from './environment.mjs';
import { say } from './log.mjs';
import { embeddedStores } from './stores.mjs';

/**
 * Runs a command that needs the stores: those of the running system, those that DATABASE_URL and NATS_URL name, or the
 * embedded ones, started for as long as the command takes. Ends the process with the command's exit code.
 * @param {string} script path of what is run
 * @param {string[]} args
 */
export function runCommand(script, args) {
  return runCommands([[script, args]]);
}

/**
 * As `runCommand`, with several scripts, each after the one before it has succeeded.
 * @param {[script: string, args: string[]][]} scripts
 * @param {{ alone?: boolean }} [options] `alone`: not while the system runs
 */
export async function runCommands(scripts, { alone = false } = {}) {
  const built = await build();
  if (!built.ok) {
    process.stderr.write(`${built.output}\nThe build failed: see above.\n`);
    process.exit(1);
  }
  const folder = dataFolder();
  const taken = await folder.take();
  if ('busy' in taken && alone) {
    say('Nothing was changed: the system is running. Stop "npm start", then run this again.');
    process.exit(1);
  }
  if ('busy' in taken) process.exit(await runAll(scripts, addressesOf(folder)));
  /** @type {Record<string, string>} */
  const env = {};
  const { postgres, nats } = embeddedStores(folder);
  let code = 1;
  try {
    if (postgres) env.DATABASE_URL = await postgres.start();
    if (nats) env.NATS_URL = await nats.start();
    code = await runAll(scripts, env);
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
  } finally {
    await nats?.stop();
    await postgres?.stop();
    folder.release();
  }
  process.exit(code);
}

/** Ends the process with a sentence where DATA_DIR is of no use. */
function dataFolder() {
  try {
    return new DataFolder(setting('DATA_DIR'));
  } catch (error) {
    say(error instanceof Error ? error.message : String(error));
    process.exit(1);
  }
}

/**
 * Where the running system has its embedded stores.
 * @param {DataFolder} folder
 * @returns {Record<string, string>}
 */
function addressesOf(folder) {
  /** @type {Record<string, string>} */
  const env = {};
  if (setting('NATS_URL') === undefined) env.NATS_URL = `nats://127.0.0.1:${folder.portOf('nats')}`;
  if (setting('DATABASE_URL') === undefined) {
    const password = encodeURIComponent(folder.postgresPassword());
    env.DATABASE_URL = `postgresql://postgres:${password}@127.0.0.1:${folder.portOf('postgres')}/postgres`;
  }
  return env;
}

/**
 * @param {[script: string, args: string[]][]} scripts
 * @param {Record<string, string>} env
 */
async function runAll(scripts, env) {
  let code = 0;
  for (const [script, args] of scripts) {
    code = await runWith(script, args, env);
    if (code !== 0) break;
  }
  return code;
}

/**
 * @param {string} script
 * @param {string[]} args
 * @param {Record<string, string>} env
 * @returns {Promise<number>}
 */
function runWith(script, args, env) {
  // A signal reaches the command by the terminal's process group too; this process must outlive it to stop the stores.
  const child = spawn(process.execPath, [script, ...args], { stdio: 'inherit', env: environmentWith(env) });
  const pass = (/** @type {NodeJS.Signals} */ signal) => child.kill(signal);
  process.on('SIGINT', pass);
  process.on('SIGTERM', pass);
  return new Promise((resolve) => {
    child.once('error', () => resolve(1));
    child.once('close', (code) => resolve(code ?? 130));
  });
}
