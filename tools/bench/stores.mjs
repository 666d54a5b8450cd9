import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startNatsServer, startPostgresServer } from '@dtm/embedded';
import pg from 'pg';
import { cpuSecondsOf, cpuSecondsOfTree } from './process-usage.mjs';

const PASSWORD = 'bench';
/** The bench's own statements run under a name of their own, so that they can be told from the services'. */
const BENCH_ROLE = 'bench';

/** PostgreSQL with the settings that `npm start` gives it, for all parts of a run; each takes a database of its own. */
export class Postgres {
  #folder;
  #server;
  #databases = 0;

  static async start() {
    const folder = await mkdtemp(join(tmpdir(), 'dtm-bench-'));
    // As root, PostgreSQL runs as another user, who must be able to enter.
    await chmod(folder, 0o755);
    const home = join(folder, 'postgres');
    const first = await startPostgresServer({ home, password: PASSWORD });
    const client = new pg.Client({ connectionString: first.url });
    await client.connect();
    await client.query(`create role ${BENCH_ROLE} superuser login password '${PASSWORD}'`);
    await client.query('alter system set shared_preload_libraries = pg_stat_statements');
    await client.query('alter system set pg_stat_statements.track_utility = on');
    const { rows } = await client.query("select split_part(version(), ' ', 2) as version");
    await client.end();
    await first.process.stop();
    const server = await startPostgresServer({ home, password: PASSWORD });
    return new Postgres(folder, server, String(rows[0].version));
  }

  /** @param {string} folder @param {Awaited<ReturnType<typeof startPostgresServer>>} server @param {string} version */
  constructor(folder, server, version) {
    this.#folder = folder;
    this.#server = server;
    this.version = version;
  }

  /** Makes an empty database; `url` is for the services. */
  async newDatabase() {
    const name = `part_${++this.#databases}`;
    const maintenance = new pg.Client({ connectionString: this.#urlOf('postgres', BENCH_ROLE) });
    await maintenance.connect();
    await maintenance.query(`create database ${name}`);
    await maintenance.end();
    const client = new pg.Client({ connectionString: this.#urlOf(name, BENCH_ROLE) });
    await client.connect();
    await client.query('create extension pg_stat_statements');
    return new BenchDatabase(name, this.#urlOf(name, 'postgres'), client);
  }

  get cpuSeconds() {
    return cpuSecondsOfTree(this.#server.process.pid ?? NaN);
  }

  async stop() {
    await this.#server.process.stop();
    for (const folder of new Set([this.#folder, this.#server.home])) await rm(folder, { recursive: true, force: true });
  }

  /** @param {string} database @param {string} role */
  #urlOf(database, role) {
    const url = new URL(this.#server.url);
    url.pathname = `/${database}`;
    url.username = role;
    return url.href;
  }
}

/** A database of one part, and the bench's own connection to it. */
export class BenchDatabase {
  /** @param {string} name @param {string} url @param {pg.Client} client */
  constructor(name, url, client) {
    this.name = name;
    this.url = url;
    this.client = client;
  }

  /**
   * @template {Record<string, unknown>} Row
   * @param {string} text
   * @param {unknown[]} [values]
   * @returns {Promise<Row[]>}
   */
  async query(text, values = []) {
    return /** @type {Row[]} */ ((await this.client.query(text, values)).rows);
  }

  /** How many statements the services have run so far: every one that PostgreSQL executed, begin and commit included. */
  async statements() {
    const [row] = await this.query(
      `select coalesce(sum(s.calls), 0)::float8 as calls from pg_stat_statements s join pg_database d on d.oid = s.dbid
        where d.datname = current_database() and s.userid <> (select oid from pg_roles where rolname = current_user)`,
    );
    return Number(row?.calls);
  }

  async close() {
    await this.client.end();
  }
}

/** A NATS server as `npm start` runs it, with an empty store. */
export async function startNats() {
  const storeDir = await mkdtemp(join(tmpdir(), 'dtm-bench-nats-'));
  const server = await startNatsServer({ storeDir, durable: true });
  return {
    url: server.url,
    /** Such as `NATS 2.9.10, synced every 2 minutes`. */
    description: `NATS ${server.version}, ${server.syncAlways ? 'sync_interval: always' : 'synced every 2 minutes (this version cannot sync each write)'}`,
    get cpuSeconds() {
      return cpuSecondsOf(server.process.pid ?? NaN);
    },
    async stop() {
      await server.process.stop();
      await rm(storeDir, { recursive: true, force: true });
    },
  };
}
