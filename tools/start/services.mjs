import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endWithParent, freePort } from '@dtm/embedded';
import { environmentWith, setting } from './environment.mjs';
import { SERVICE_ARENAS, SERVICE_NODE_OPTIONS } from './heap.mjs';
import { eachLine, logLine, say } from './log.mjs';
import { ROOT } from './paths.mjs';

const DRAIN_MS = 15_000;
const LONGEST_PAUSE_MS = 30_000;
/** A service that dies so often without ever being ready is not going to be. */
const DEATHS_ALLOWED_AT_START = 4;

export const SERVICES = /** @type {const} */ (['history-projector', 'registry-fetcher', 'scheduler', 'api']);
/** @typedef {typeof SERVICES[number]} ServiceName */

/** One of the four services as a process of its own, started again when it dies. */
export class Service {
  #stopping = false;
  #restarting = false;
  #everReady = false;
  #deathsAtStart = 0;
  /** Its own word that it listens: the port alone could be answered by another program. */
  #saidUp = false;
  /** @type {unknown} */
  #failure;
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #child;
  /** @type {Promise<void> | undefined} */
  #loop;

  /**
   * @param {ServiceName} name
   * @param {{ port: number, env: Record<string, string>, folder: import('./data-folder.mjs').DataFolder,
   *   portAtStart?: (port: number) => Promise<number> }} options portAtStart: the port to use, asked at each start until
   *   the service was ready once
   */
  constructor(name, { port, env, folder, portAtStart }) {
    this.name = name;
    this.port = port;
    this.env = env;
    this.folder = folder;
    this.portAtStart = portAtStart;
  }

  /** Starts it and waits until it is ready. Throws where it dies again and again. */
  async start() {
    this.#loop = this.#keepRunning().catch((error) => void (this.#failure = error));
    const startedAt = Date.now();
    for (let saidAt = startedAt; !(await this.#isReady()); await sleep(100)) {
      if (this.#stopping) return;
      if (this.#failure) throw this.#failure;
      if (this.#deathsAtStart > DEATHS_ALLOWED_AT_START)
        throw new Error(`${this.name} does not start: see its log above.`);
      if (Date.now() - saidAt < 15_000) continue;
      saidAt = Date.now();
      say(`${this.name} is not ready after ${Math.round((saidAt - startedAt) / 1000)} s: ${await this.#answer()}`);
    }
    this.#everReady = true;
    say(`${this.name.padEnd(17)} | up: port ${this.port}`);
  }

  /** Ends it and starts it anew, for a new build. */
  restart() {
    this.#restarting = true;
    this.#child?.kill('SIGTERM');
  }

  /** Lets it finish what it is doing, for 15 s at most. */
  async stop() {
    this.#stopping = true;
    this.#child?.kill('SIGTERM');
    const insist = setTimeout(() => {
      say(`${this.name} did not end within ${DRAIN_MS / 1000} s: killed`);
      this.kill();
    }, DRAIN_MS);
    await this.#loop;
    clearTimeout(insist);
  }

  kill() {
    this.#child?.kill('SIGKILL');
  }

  async #keepRunning() {
    let pauseMs = 1_000;
    while (!this.#stopping) {
      if (this.portAtStart && !this.#everReady) this.port = await this.portAtStart(this.port);
      const startedAt = Date.now();
      const how = await this.#runOnce();
      if (this.#stopping) return;
      if (this.#restarting) {
        this.#restarting = false;
        continue;
      }
      if (!this.#everReady && ++this.#deathsAtStart > DEATHS_ALLOWED_AT_START) return;
      if (Date.now() - startedAt > 60_000) pauseMs = 1_000;
      say(`${this.name} ended (${how}); starting it again in ${pauseMs / 1000} s`);
      for (const until = Date.now() + pauseMs; Date.now() < until && !this.#stopping;) await sleep(50);
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    }
  }

  /** @returns {Promise<string>} how it ended */
  #runOnce() {
    const main = join(ROOT, 'services', this.name, 'dist', 'main.js');
    // Detached, or a Ctrl-C of the terminal would reach it besides the orderly SIGTERM. The channel tells it when this
    // process is gone; the watchdog sees to it should it not listen.
    const child = spawn(process.execPath, ['--enable-source-maps', main], {
      cwd: ROOT,
      env: environmentWith({
        NODE_OPTIONS: process.env.NODE_OPTIONS ?? SERVICE_NODE_OPTIONS,
        MALLOC_ARENA_MAX: process.env.MALLOC_ARENA_MAX ?? SERVICE_ARENAS,
        ...this.env,
        [this.name === 'api' ? 'PORT' : 'SERVICE_PORT']: String(this.port),
      }),
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
    });
    this.#child = child;
    this.#saidUp = false;
    child.on('message', () => (this.#saidUp = true));
    const forget = child.pid === undefined ? () => undefined : endWithParent(child.pid, 'SIGTERM');
    this.folder.rememberChild(this.name, child.pid);
    eachLine(child.stdout, (line) => logLine(this.name, line));
    eachLine(child.stderr, (line) => logLine(this.name, line));
    return new Promise((resolve) => {
      const end = (/** @type {string} */ how) => {
        forget();
        resolve(how);
      };
      child.once('error', (error) => end(error.message));
      child.once('exit', (code, signal) => end(signal ?? `code ${code}`));
    });
  }

  async #isReady() {
    return this.#saidUp && (await this.#answer()) === 'ready';
  }

  /** What /readyz says, in short. */
  async #answer() {
    try {
      const answer = await fetch(`http://127.0.0.1:${this.port}/readyz`, { signal: AbortSignal.timeout(5_000) });
      const body = await answer.text();
      return answer.status === 200 ? 'ready' : `/readyz answers ${answer.status} ${body.slice(0, 300)}`;
    } catch {
      return 'it does not answer yet';
    }
  }
}

/**
 * The four services, not started yet.
 * @param {import('./data-folder.mjs').DataFolder} folder
 * @param {{ env: Record<string, string>, apiPort: number, portOfApi: (port: number) => Promise<number> }} options
 */
export async function allServices(folder, { env, apiPort, portOfApi }) {
  const staticDir = join(ROOT, 'frontend', 'dist', 'browser');
  if (!existsSync(staticDir)) say('There is no built web UI in frontend/dist/browser: only the API will be served.');
  const forAll = setting('LOG_FORMAT') === undefined ? { LOG_FORMAT: 'pretty', ...env } : env;
  const forApi = existsSync(staticDir) ? { ...forAll, STATIC_DIR: staticDir } : forAll;
  /** @type {Service[]} */
  const services = [];
  for (const name of SERVICES) {
    if (name === 'api') {
      services.push(new Service(name, { port: apiPort, folder, env: forApi, portAtStart: portOfApi }));
      continue;
    }
    const port = await freePort(folder.portOf(name));
    folder.rememberPort(name, port);
    services.push(new Service(name, { port, folder, env: forAll }));
  }
  return services;
}
