import { spawn } from 'node:child_process';
import { programOf, ROOT } from './paths.mjs';

/**
 * Builds libs, services and frontend; what did not change comes from the cache.
 * @returns {Promise<{ ok: boolean, output: string, seconds: number }>}
 */
export async function build() {
  const started = Date.now();
  const child = spawn(process.execPath, [programOf('nx'), 'run-many', '-t', 'build', '--output-style=static'], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    // No daemon: it would stay behind as an orphan.
    env: {
      ...process.env,
      NX_DAEMON: 'false',
      NX_TUI: 'false',
      CI: process.env.CI ?? 'true',
      NO_COLOR: '1',
      FORCE_COLOR: '0',
    },
  });
  const end = () => child.kill('SIGTERM');
  process.once('exit', end);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (/** @type {string} */ text) => (output += text));
  }
  const code = await new Promise((resolve) => {
    child.once('error', () => resolve(1));
    child.once('close', resolve);
  });
  process.off('exit', end);
  return { ok: code === 0, output: code === 0 ? output : onlyFailed(output), seconds: (Date.now() - started) / 1000 };
}

/** What Nx shows of the failed tasks; all of it where that cannot be told. @param {string} output */
function onlyFailed(output) {
  const failed = [...(/Failed tasks:\s+((?:- \S+\s+)+)/.exec(output)?.[1]?.matchAll(/- (\S+)/g) ?? [])].map(
    (match) => match[1],
  );
  const sections = output
    .split(/^(?=> nx run )/m)
    .filter((section) => failed.includes(/^> nx run (\S+)/.exec(section)?.[1] ?? ''));
  return sections.length === 0 ? output : sections.map((section) => section.split(/^ NX /m)[0]?.trim()).join('\n\n');
}
