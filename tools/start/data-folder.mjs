import { randomBytes } from 'node:crypto';
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { ROOT } from './paths.mjs';
import { endProcess, identityOf, isAlive } from './processes.mjs';

/**
 * @typedef {{ pid: number, startedAt: string, name: string }} RecordedProcess
 * @typedef {{ start: RecordedProcess, url: string, children: RecordedProcess[] }} RunningRecord
 */

/** @param {string} path @param {unknown} error */
function unusable(path, error) {
  const { code } = /** @type {NodeJS.ErrnoException} */ (error);
  const reasons = {
    EEXIST: 'is no folder',
    ENOTDIR: 'lies in something that is no folder',
    EACCES: 'cannot be made, read or written by this user',
    EPERM: 'cannot be made, read or written by this user',
    EROFS: 'is on a file system that is read-only',
  };
  const why = reasons[/** @type {keyof typeof reasons} */ (code)] ?? `cannot be made (${code ?? error})`;
  return new Error(
    `DATA_DIR is ${path}, which ${why}: set DATA_DIR to a folder that this user may write, or to a new one.`,
  );
}

/** DATA_DIR: the embedded stores, the ports that they had, the processes that use them. */
export class DataFolder {
  /** @param {string} [path] relative to the repository */
  constructor(path = '.data') {
    this.path = resolve(ROOT, path);
    try {
      // As root, PostgreSQL runs as another user, who must be able to enter; what is secret inside has a mode of its own.
      mkdirSync(this.path, { recursive: true, mode: process.getuid?.() === 0 ? 0o755 : 0o700 });
      this.path = realpathSync(this.path);
      accessSync(this.path, constants.R_OK | constants.W_OK | constants.X_OK);
    } catch (error) {
      throw unusable(this.path, error);
    }
    this.#ports = this.#read('ports.json') ?? {};
  }

  /** @type {Record<string, number>} */
  #ports;
  /** @type {RunningRecord | undefined} */
  #running;

  /** The port that `name` had the last time. @param {string} name */
  portOf(name) {
    return this.#ports[name];
  }

  /** @param {string} name @param {number} port */
  rememberPort(name, port) {
    if (this.#ports[name] === port) return;
    this.#ports[name] = port;
    this.#write('ports.json', this.#ports);
  }

  /** The password of the embedded PostgreSQL, made at the first start; readable by this user only. */
  postgresPassword() {
    const path = join(this.path, 'postgres-password');
    if (!existsSync(path)) writeFileSync(path, randomBytes(24).toString('base64url'), { mode: 0o600 });
    return readFileSync(path, 'utf8').trim();
  }

  /**
   * Takes the folder for this process. Where a start was killed, what it left running is ended first.
   * @returns {Promise<{ busy: RunningRecord } | { ended: string[] }>}
   */
  async take() {
    /** @type {RunningRecord | undefined} */
    const before = this.#read('running.json');
    if (before && isAlive(before.start) && before.start.pid !== process.pid) return { busy: before };
    /** @type {string[]} */
    const ended = [];
    for (const child of before?.children ?? []) {
      if (!isAlive(child)) continue;
      await endProcess(child);
      ended.push(child.name);
    }
    this.#running = { start: identityOf(process.pid, 'start'), url: '', children: [] };
    this.#write('running.json', this.#running);
    return { ended };
  }

  /** @param {string} url */
  rememberUrl(url) {
    if (this.#running) this.#write('running.json', Object.assign(this.#running, { url }));
  }

  /** Notes a child, so that the next start can end it should this one be killed. @param {string} name @param {number | undefined} pid */
  rememberChild(name, pid) {
    if (!this.#running || pid === undefined) return;
    const others = this.#running.children.filter((child) => child.name !== name);
    this.#running.children = [...others, identityOf(pid, name)];
    this.#write('running.json', this.#running);
  }

  /** Everything was stopped in order. */
  release() {
    if (this.#running) rmSync(join(this.path, 'running.json'), { force: true });
    this.#running = undefined;
  }

  /** @param {string} name */
  #read(name) {
    try {
      return JSON.parse(readFileSync(join(this.path, name), 'utf8'));
    } catch {
      return undefined;
    }
  }

  /** @param {string} name @param {unknown} value */
  #write(name, value) {
    const path = join(this.path, name);
    writeFileSync(`${path}.new`, JSON.stringify(value, null, 2), { mode: 0o600 });
    renameSync(`${path}.new`, path);
  }
}
