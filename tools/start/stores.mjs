import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort, startPostgresServer } from '@dtm/embedded';
import { setting } from './environment.mjs';
import { logLine, say } from './log.mjs';
import { chooseNats } from './nats-source.mjs';

const LONGEST_PAUSE_MS = 30_000;

/**
 * @typedef {{ url: string, port: number, process: import('@dtm/embedded').ServerProcess, description: string }} StartedStore
 */

/** An embedded server that is started again on the same port when it dies. */
export class Store {
  #stopping = false;
  /** @type {StartedStore | undefined} */
  #current;

  /**
   * @param {string} name
   * @param {import('./data-folder.mjs').DataFolder} folder
   * @param {(port: number | undefined) => Promise<StartedStore>} launch
   */
  constructor(name, folder, launch) {
    this.name = name;
    this.folder = folder;
    this.launch = launch;
  }

  /** Starts it and answers its address. Throws where it does not start. */
  async start() {
    await this.#launch(this.folder.portOf(this.name));
    void this.#keepRunning();
    if (!this.#current) throw new Error(`${this.name} did not start`);
    say(`${this.name.padEnd(17)} | up: ${this.#current.description}`);
    return this.#current.url;
  }

  async stop() {
    this.#stopping = true;
    await this.#current?.process.stop(30_000);
  }

  /** @param {number | undefined} port */
  async #launch(port) {
    this.#current = await this.launch(port);
    this.folder.rememberPort(this.name, this.#current.port);
    this.folder.rememberChild(this.name, this.#current.process.pid);
  }

  async #keepRunning() {
    let pauseMs = 1_000;
    for (;;) {
      const startedAt = Date.now();
      const exit = await this.#current?.process.exited;
      if (this.#stopping) return;
      if (Date.now() - startedAt > 60_000) pauseMs = 1_000;
      say(`${this.name} ended (${exit?.signal ?? `code ${exit?.code}`}); starting it again in ${pauseMs / 1000} s`);
      await sleep(pauseMs, undefined, { ref: false });
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
      if (this.#stopping) return;
      try {
        // The services know its port, so it must be the same one.
        await this.#launch(this.#current?.port);
        say(`${this.name} is up again`);
      } catch (error) {
        logLine(this.name, error instanceof Error ? error.message : String(error));
      }
    }
  }
}

/**
 * The embedded stores that this environment needs, not started yet. Throws where NATS cannot be had.
 * @param {import('./data-folder.mjs').DataFolder} folder
 * @returns {{ postgres: Store | undefined, nats: Store | undefined }}
 */
export function embeddedStores(folder) {
  const natsDir = join(folder.path, 'nats');
  const launchNats = setting('NATS_URL') !== undefined ? undefined : chooseNats(natsDir);
  return {
    nats:
      launchNats &&
      new Store('nats', folder, (port) => launchNats({ port, onLine: onlyTrouble('nats', /\[(WRN|ERR|FTL)\]/) })),
    postgres:
      setting('DATABASE_URL') !== undefined
        ? undefined
        : new Store('postgres', folder, (port) => launchPostgres(folder, port)),
  };
}

/**
 * @param {import('./data-folder.mjs').DataFolder} folder
 * @param {number | undefined} port
 */
async function launchPostgres(folder, port) {
  const started = await startPostgresServer({
    home: join(folder.path, 'postgres'),
    password: folder.postgresPassword(),
    port: await freePort(port),
    onLine: onlyTrouble('postgres', /\b(WARNING|ERROR|FATAL|PANIC):(?!.*administrator command)/),
  });
  if (started.note) logLine('postgres', started.note);
  return { ...started, description: `PostgreSQL on 127.0.0.1:${started.port}` };
}

/** @param {string} name @param {RegExp} trouble */
function onlyTrouble(name, trouble) {
  return (/** @type {string} */ line) => {
    if (trouble.test(line)) logLine(name, line);
  };
}
