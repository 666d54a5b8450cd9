import { fork } from 'node:child_process';
import { join } from 'node:path';

/**
 * What the responder counted.
 * @typedef {{ requests: number, unknown: number, sockets: number, perSecond: [string, number][] }} Counts
 * perSecond: requests by `<port> <second since 1970>`
 */

/** The trivial registry, in a process of its own. */
export class Responder {
  #child = fork(join(import.meta.dirname, 'responder.mjs'), { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  #waiting = /** @type {Map<number, (result: any) => void>} */ (new Map());
  #asked = 0;
  #exited = new Promise((resolve) => this.#child.once('exit', resolve));

  /** @param {number} [registries] how many ports, each a registry of its own with the same content */
  static async start(registries = 1) {
    const responder = new Responder();
    const ports = await responder.#ask('listen', registries);
    responder.hosts = ports.map((/** @type {number} */ port) => `127.0.0.1:${port}`);
    return responder;
  }

  constructor() {
    /** As they stand in references. @type {string[]} */
    this.hosts = [];
    this.#child.on('message', (message) => {
      const { id, result } = /** @type {{ id: number, result: unknown }} */ (message);
      this.#waiting.get(id)?.(result);
      this.#waiting.delete(id);
    });
  }

  get host() {
    return this.hosts[0] ?? '';
  }

  /** @param {import('./manifests.mjs').TagSet} set @returns {Promise<void>} */
  serve(set) {
    return this.#ask('serve', set);
  }

  /** Gives each tag another digest. @param {{ repository: string, tag: string }[]} tags @returns {Promise<void>} */
  change(tags) {
    return this.#ask('change', tags);
  }

  /** What was counted since this was asked the last time. @returns {Promise<Counts>} */
  take() {
    return this.#ask('take', null);
  }

  async stop() {
    this.#child.kill();
    await this.#exited;
  }

  /** @param {string} order @param {unknown} value @returns {Promise<any>} */
  #ask(order, value) {
    return new Promise((resolve, reject) => {
      const id = ++this.#asked;
      this.#waiting.set(id, resolve);
      this.#child.send({ id, order, value }, (error) => error && reject(error));
    });
  }
}
