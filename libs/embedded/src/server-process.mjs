import { spawn } from 'node:child_process';
import { endWithParent } from './watchdog.mjs';

const REMEMBERED_LINES = 40;

/** A server as a child process: its output by lines, its readiness, its end. */
export class ServerProcess {
  #child;
  #lines = /** @type {string[]} */ ([]);
  #lineListeners = /** @type {Set<(line: string) => void>} */ (new Set());

  /** Settles when the process is gone. @type {Promise<{ code: number | null, signal: NodeJS.Signals | null }>} */
  exited;

  /**
   * @param {{ name: string, command: string, args: string[], env?: Record<string, string | undefined>, cwd?: string,
   *   uid?: number, gid?: number, politeSignal?: NodeJS.Signals, onLine?: (line: string) => void }} options
   */
  constructor(options) {
    this.name = options.name;
    this.politeSignal = options.politeSignal ?? 'SIGTERM';
    // Detached: the terminal's Ctrl-C must reach only the parent, which stops the servers in its own order.
    this.#child = spawn(options.command, options.args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
      cwd: options.cwd ?? '/',
      env: { ...process.env, ...options.env },
      ...(options.uid === undefined ? {} : { uid: options.uid, gid: options.gid ?? options.uid }),
    });
    const forget = this.#child.pid === undefined ? () => undefined : endWithParent(this.#child.pid, this.politeSignal);
    this.exited = new Promise((resolve) => {
      this.#child.once('error', (error) => {
        this.#remember(`${options.command}: ${error.message}`);
        forget();
        resolve({ code: null, signal: null });
      });
      this.#child.once('exit', (code, signal) => {
        forget();
        resolve({ code, signal });
      });
    });
    if (options.onLine) this.#lineListeners.add(options.onLine);
    for (const stream of [this.#child.stdout, this.#child.stderr]) this.#readLines(stream);
    this.#child.unref();
  }

  get pid() {
    return this.#child.pid;
  }

  get running() {
    return this.#child.pid !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The last lines that the server wrote, for error messages. */
  get output() {
    return this.#lines.join('\n');
  }

  /**
   * Waits until `check` says yes. Throws with the server's own words if it ends before, or after `timeoutMs`.
   * @param {() => boolean | Promise<boolean>} check
   * @param {number} timeoutMs
   */
  async ready(check, timeoutMs) {
    const deadline = Date.now() + timeoutMs;
    while (this.running) {
      if (await check()) return;
      if (Date.now() > deadline) {
        await this.kill('SIGKILL');
        throw new Error(`${this.name} was not ready within ${timeoutMs / 1000} s:\n${this.output}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
    // The last lines may still be in the pipe when the exit is noticed.
    await new Promise((resolve) => setTimeout(resolve, 50));
    throw new Error(`${this.name} ended while starting:\n${this.output}`);
  }

  /** Whether a line written so far contains `text`. @param {string} text */
  wrote(text) {
    return this.#lines.some((line) => line.includes(text));
  }

  /** @param {NodeJS.Signals} signal @returns the exit, once it is gone */
  async kill(signal) {
    // Otherwise this process could end before the exit that it waits for.
    if (this.running) this.#child.ref();
    if (this.running) this.#child.kill(signal);
    return this.exited;
  }

  /** Asks politely, insists after `graceMs`. @param {number} [graceMs] */
  async stop(graceMs = 10_000) {
    if (!this.running) return this.exited;
    this.#child.ref();
    this.#child.kill(this.politeSignal);
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), graceMs);
    const exit = await this.exited;
    clearTimeout(timer);
    return exit;
  }

  /** @param {import('node:stream').Readable} stream */
  #readLines(stream) {
    let rest = '';
    stream.setEncoding('utf8');
    stream.on('data', (/** @type {string} */ text) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) this.#remember(line);
    });
    stream.on('end', () => rest !== '' && this.#remember(rest));
    /** @type {import('node:net').Socket} */ (stream).unref?.();
  }

  /** @param {string} line */
  #remember(line) {
    this.#lines.push(line);
    if (this.#lines.length > REMEMBERED_LINES) this.#lines.shift();
    for (const listener of this.#lineListeners) listener(line);
  }
}
