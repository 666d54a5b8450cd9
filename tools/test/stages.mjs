import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from '../start/build.mjs';
import { programOf, ROOT } from '../start/paths.mjs';
import { ensureSystemParts, pullImages } from './system-parts.mjs';

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

/** As in libs/testing/src/backend.ts, which is not built yet when this runs. */
const IMAGES = ['nats:2.10', 'postgres:17', 'registry:2'];

const STAGE_LIMIT_MS = 20 * 60_000;

/** What a user of `npm start` sets must not reach the tests: each makes its own. */
const NOT_FOR_TESTS = ['PORT', 'DATA_DIR', 'DATABASE_URL', 'NATS_URL', 'LOG_LEVEL', 'LOG_FORMAT', 'REGISTRIES_FILE'];

/** @type {{ name: string, run: () => Promise<Counts> }[]} */
const STAGES = [
  {
    name: 'lint',
    run: () => check([programOf('eslint'), '.', '--max-warnings', '0'], [programOf('prettier'), '--check', '.']),
  },
  { name: 'type check', run: () => check([programOf('tsc'), '-b'], [programOf('tsc'), '-p', 'tsconfig.specs.json']) },
  { name: 'unit and integration', run: () => jest('jest.config.mjs', ['-w', '2', '--workerIdleMemoryLimit=200MB']) },
  { name: 'frontend', run: () => jest('frontend/jest.config.mjs', ['-w', '2', '--workerIdleMemoryLimit=500MB']) },
  { name: 'build', run: builds },
  { name: 'end to end', run: () => jest('jest.e2e.config.mjs', ['--runInBand']) },
];

/**
 * Runs every stage, whatever became of the one before; its last line is `N passed, N failed`.
 * @returns {Promise<number>} the exit code
 */
export async function runAll() {
  try {
    ensureSystemParts();
    pullImages(IMAGES);
  } catch (error) {
    console.error(error instanceof Error ? error.message.trim() : error);
    return 1;
  }
  const total = { passed: 0, failed: 0, skipped: 0 };
  const began = Date.now();
  for (const [index, { name, run }] of STAGES.entries()) {
    console.log(`\n=== ${index + 1}/${STAGES.length} ${name}`);
    const started = Date.now();
    const counts = await run();
    total.passed += counts.passed;
    total.failed += counts.failed;
    total.skipped += counts.skipped;
    console.log(`=== ${name}: ${sentence(counts)} (${seconds(started)} s)`);
  }
  console.log(`\nAll stages: ${seconds(began)} s`);
  console.log(sentence(total));
  return total.failed > 0 || total.passed === 0 ? 1 : 0;
}

/** @param {Counts} counts */
function sentence({ passed, failed, skipped }) {
  return `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;
}

/** @param {number} since */
function seconds(since) {
  return Math.round((Date.now() - since) / 1000);
}

/** Programs that say yes or no, together one test. @param {...string[]} programs @returns {Promise<Counts>} */
async function check(...programs) {
  let ok = true;
  for (const program of programs) ok = (await node(program)) === 0 && ok;
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 };
}

/** @returns {Promise<Counts>} */
async function builds() {
  const { ok, output } = await build();
  if (!ok) console.log(output);
  return { passed: ok ? 1 : 0, failed: ok ? 0 : 1, skipped: 0 };
}

/**
 * @param {string} config
 * @param {string[]} options
 * @returns {Promise<Counts>}
 */
async function jest(config, options) {
  const folder = mkdtempSync(join(tmpdir(), 'dtm-test-'));
  const outputFile = join(folder, 'results.json');
  const args = ['--experimental-vm-modules', '--no-warnings=ExperimentalWarning', programOf('jest'), '-c', config];
  const code = await node([...args, ...options, '--json', `--outputFile=${outputFile}`]);
  try {
    const results = JSON.parse(readFileSync(outputFile, 'utf8'));
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    return {
      passed: results.numPassedTests,
      // Jest also fails where no test failed: none found, a leak of its own, a broken teardown.
      failed: failed === 0 && code !== 0 ? 1 : failed,
      skipped: results.numPendingTests + results.numTodoTests,
    };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string[]} args
 * @returns {Promise<number | null>}
 */
function node(args) {
  const env = { ...process.env };
  for (const name of NOT_FOR_TESTS) {
    delete env[name];
    delete env[`${name}_FILE`];
  }
  return new Promise((resolve) => {
    const child = spawn(process.execPath, args, { cwd: ROOT, stdio: ['ignore', 'inherit', 'inherit'], env });
    const end = () => child.kill('SIGTERM');
    const limit = setTimeout(() => {
      console.log(`Not done after ${STAGE_LIMIT_MS / 60_000} minutes: ended.`);
      child.kill('SIGKILL');
    }, STAGE_LIMIT_MS);
    process.once('exit', end);
    const done = (/** @type {number | null} */ code) => {
      clearTimeout(limit);
      process.off('exit', end);
      resolve(code);
    };
    child.once('error', () => done(1));
    child.once('exit', done);
  });
}
