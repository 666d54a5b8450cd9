import { connectNats, ensureStreams } from '@dtm/jetstream';
import { ServiceProcess } from './service-process.mjs';
import { startNats } from './stores.mjs';

/** @typedef {import('./service-process.mjs').ServiceName} ServiceName */
/** @typedef {{ ours: number, postgres: number, nats: number }} CpuSeconds */

/** Nothing is asked of the outside world, nothing is scanned but what the bench asks for. */
const SETTINGS = {
  SCRAPE_INTERVAL: '1d',
  POPULAR_IMAGES_MAX_COUNT: '0',
  AUTO_MONITOR_NEW_TAGS: 'false',
  // What digests are is read beside scans, at a fifth of the rate: scans alone are what is measured.
  MANIFEST_FACTS: 'false',
  MAX_API_REQUESTS_PER_MINUTE: '0',
  // The most that can be configured.
  MAX_REQUESTS_PER_SECOND: '10000',
};

/** NATS, a database and some of the real services: what one part of the bench measures. */
export class System {
  #services = /** @type {Map<ServiceName, ServiceProcess>} */ (new Map());
  #ports = /** @type {Map<ServiceName, number>} */ (new Map());

  /** @param {import('./stores.mjs').Postgres} postgres */
  static async start(postgres) {
    const nats = await startNats();
    const nc = await connectNats({ url: nats.url, name: 'bench' });
    await ensureStreams(nc);
    return new System(postgres, await postgres.newDatabase(), nats, nc);
  }

  /**
   * @param {import('./stores.mjs').Postgres} postgres
   * @param {import('./stores.mjs').BenchDatabase} database
   * @param {Awaited<ReturnType<typeof startNats>>} nats
   * @param {import('@dtm/jetstream').NatsConnection} nc
   */
  constructor(postgres, database, nats, nc) {
    this.postgres = postgres;
    this.database = database;
    this.nats = nats;
    this.nc = nc;
  }

  /**
   * Starts services and waits until they are ready. The api needs the projector's tables, so it is none of the first.
   * @param {ServiceName[]} names
   * @param {Record<string, string>} [settings]
   */
  async startServices(names, settings = {}) {
    const env = { ...SETTINGS, NATS_URL: this.nats.url, DATABASE_URL: this.database.url, ...settings };
    await Promise.all(
      names.map(async (name) => {
        const service = new ServiceProcess(name, env);
        this.#services.set(name, service);
        this.#ports.set(name, await service.ready());
      }),
    );
  }

  /** @param {ServiceName} name */
  service(name) {
    const service = this.#services.get(name);
    if (service === undefined) throw new Error(`${name} does not run in this part`);
    return service;
  }

  /** @param {ServiceName} name */
  async stopService(name) {
    await this.service(name).stop();
    this.#services.delete(name);
  }

  /** Throws where a service has ended by itself: nobody should wait for it. */
  checkRunning() {
    for (const { name, running } of this.#services.values()) if (!running) throw new Error(`${name} has ended`);
  }

  /** Of the api. */
  get url() {
    return `http://127.0.0.1:${this.#ports.get('api')}`;
  }

  /** The schema that serves. */
  async schema() {
    const [row] = await this.database.query('select "current_schema" as name from public.read_model');
    return String(row?.name);
  }

  /** @returns {CpuSeconds} used so far */
  cpuSeconds() {
    let ours = 0;
    for (const service of this.#services.values()) ours += service.cpuSeconds;
    return { ours, postgres: this.postgres.cpuSeconds, nats: this.nats.cpuSeconds };
  }

  /** The error with what the services complained of. @param {unknown} error */
  blamed(error) {
    const logs = [...this.#services.values()].map(({ name, log }) => (log === '' ? '' : `\n${name}:\n${log}`));
    return new Error(`${error instanceof Error ? error.message : String(error)}${logs.join('')}`, { cause: error });
  }

  async stop() {
    await Promise.all([...this.#services.values()].map((service) => service.stop()));
    await this.nc.close();
    await this.nats.stop();
    await this.database.close();
  }
}
