import { spawn } from 'node:child_process';
import { existsSync, readdirSync, watch } from 'node:fs';
import { join } from 'node:path';
import { endWithParent } from '@dtm/embedded';
import { eachLine, logLine, say } from './log.mjs';
import { programOf, ROOT } from './paths.mjs';

const QUIET_MS = 500;

/**
 * Rebuilds libs, services and frontend on each change; restarts a service when its own output changes, all when a
 * library's does. The browser needs no restart: the api serves the new files.
 * @param {import('./services.mjs').Service[]} services
 * @returns {() => Promise<void>} ends it
 */
export function watchAndRestart(services) {
  const compilers = [
    compiler('tsc', programOf('tsc'), ['-b', '-w', '--preserveWatchOutput'], ROOT),
    compiler('ng', programOf('ng'), ['build', '--watch'], join(ROOT, 'frontend')),
  ];
  /** @type {Set<string>} */
  const changed = new Set();
  /** @type {NodeJS.Timeout | undefined} */
  let timer;
  const note = (/** @type {string} */ folder) => (/** @type {string} */ _event, /** @type {string | null} */ file) => {
    if (!file?.endsWith('.js')) return;
    changed.add(folder);
    clearTimeout(timer);
    timer = setTimeout(() => {
      const concerned = services.filter(
        ({ name }) => changed.has(`services/${name}`) || [...changed].some((one) => one.startsWith('libs/')),
      );
      changed.clear();
      if (concerned.length === 0) return;
      say(`Changed: restarting ${concerned.map(({ name }) => name).join(', ')}.`);
      for (const service of concerned) service.restart();
    }, QUIET_MS);
  };
  const watchers = ['libs', 'services']
    .flatMap((kind) => readdirSync(join(ROOT, kind)).map((name) => `${kind}/${name}`))
    .filter((folder) => existsSync(join(ROOT, folder, 'dist')))
    .map((folder) => watch(join(ROOT, folder, 'dist'), { recursive: true }, note(folder)));
  say('Watching for changes.');
  return async () => {
    clearTimeout(timer);
    for (const watcher of watchers) watcher.close();
    for (const child of compilers) child.kill('SIGTERM');
  };
}

/** @param {string} name @param {string} script @param {string[]} args @param {string} cwd */
function compiler(name, script, args, cwd) {
  const child = spawn(process.execPath, [script, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  if (child.pid !== undefined) child.once('exit', endWithParent(child.pid, 'SIGTERM'));
  eachLine(child.stdout, (line) => line.trim() !== '' && logLine(name, line));
  eachLine(child.stderr, (line) => line.trim() !== '' && logLine(name, line));
  return child;
}
