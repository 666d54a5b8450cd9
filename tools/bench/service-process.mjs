import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { endWithParent } from '@dtm/embedded';
import { SERVICE_ARENAS, SERVICE_NODE_OPTIONS } from '../start/heap.mjs';
import { ROOT } from '../start/paths.mjs';
import { cpuSecondsOf, memoryOf } from './process-usage.mjs';

/** @typedef {'history-projector' | 'registry-fetcher' | 'scheduler' | 'api'} ServiceName */

const READY_WITHIN_MS = 120_000;
const REMEMBERED_LINES = 30;
/** BENCH_NODE_OPTIONS: instead of what `npm start` gives them; for a profile, as `--cpu-prof --cpu-prof-dir=/tmp/profiles`. */
const OWN_ENVIRONMENT = {
  PATH: process.env.PATH ?? '',
  LOG_LEVEL: 'warn',
  NODE_OPTIONS: process.env.BENCH_NODE_OPTIONS ?? SERVICE_NODE_OPTIONS,
  MALLOC_ARENA_MAX: SERVICE_ARENAS,
};

/** One built service as a process of its own, as `npm start` runs it. */
export class ServiceProcess {
  #child;
  #forget;
  #lines = /** @type {string[]} */ ([]);
  #exited;
  /** @type {Promise<number>} */
  #up;

  /**
   * @param {ServiceName} name
   * @param {Record<string, string>} env what it is told, and nothing of the user's own settings
   * @param {string} root where it was built; another version may lie elsewhere
   */
  constructor(name, env, root = ROOT) {
    this.name = name;
    const main = join(root, 'services', name, 'dist', 'main.js');
    this.#child = spawn(process.execPath, ['--enable-source-maps', main], {
      cwd: root,
      env: { ...OWN_ENVIRONMENT, [name === 'api' ? 'PORT' : 'SERVICE_PORT']: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
    });
    this.#forget = this.#child.pid === undefined ? () => undefined : endWithParent(this.#child.pid, 'SIGTERM');
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8');
      stream?.on('data', (/** @type {string} */ text) => this.#remember(text));
    }
    this.#exited = new Promise((resolve) => this.#child.once('close', resolve));
    this.#up = new Promise((resolve, reject) => {
      this.#child.on('message', (message) => resolve(/** @type {{ port: number }} */ (message).port));
      this.#child.once('exit', () => reject(new Error(`${name} ended while starting:\n${this.log}`)));
    });
    this.#up.catch(() => undefined);
  }

  get running() {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  get pid() {
    const { pid } = this.#child;
    if (pid === undefined) throw new Error(`${this.name} could not be started`);
    return pid;
  }

  /** The last lines that it wrote: warnings and errors. */
  get log() {
    return this.#lines.join('\n');
  }

  get cpuSeconds() {
    return cpuSecondsOf(this.pid);
  }

  get memory() {
    return memoryOf(this.pid);
  }

  /** Waits until it is ready; answers its port. */
  async ready() {
    const port = await this.#up;
    const deadline = Date.now() + READY_WITHIN_MS;
    for (;;) {
      const answer = await fetch(`http://127.0.0.1:${port}/readyz`);
      const body = await answer.text();
      if (answer.status === 200) return port;
      if (Date.now() > deadline) throw new Error(`${this.name} is not ready: ${body}\n${this.log}`);
      await sleep(50);
    }
  }

  /** Stops its work between two instructions, so that what comes queues up before it. */
  hold() {
    process.kill(this.pid, 'SIGSTOP');
  }

  /** Lets it go on. */
  release() {
    process.kill(this.pid, 'SIGCONT');
  }

  async stop() {
    if (this.running) {
      this.#child.kill('SIGCONT');
      this.#child.kill('SIGTERM');
      const insist = setTimeout(() => this.#child.kill('SIGKILL'), 15_000);
      await this.#exited;
      clearTimeout(insist);
    }
    this.#forget();
  }

  /** @param {string} text */
  #remember(text) {
    this.#lines.push(...text.split('\n').filter((line) => line !== ''));
    this.#lines.splice(0, this.#lines.length - REMEMBERED_LINES);
  }
}
