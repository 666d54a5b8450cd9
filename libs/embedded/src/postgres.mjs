import { spawnSync } from 'node:child_process';
import { chownSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { choosePostgresPlace, postgresCommand } from './postgres-place.mjs';
import { freePort } from './ports.mjs';
import { ServerProcess } from './server-process.mjs';

/**
 * Only for data that nobody misses: nothing is forced to disk. But what is committed was written (synchronous_commit stays
 * on), so that it outlives a SIGKILL, as tests expect of a database.
 */
const FORGETFUL = ['fsync=off', 'full_page_writes=off', 'max_connections=60', 'shared_buffers=64MB'];

/**
 * A PostgreSQL server on 127.0.0.1, ready to serve; its cluster (UTF-8, UTC) is made at the first start.
 * Throws with the server's own words if it does not start.
 * @param {{ home: string, password: string, port?: number, forgetful?: boolean, onLine?: (line: string) => void }} options
 *   home: folder for the cluster; forgetful: faster and not crash-safe, for tests
 */
export async function startPostgresServer(options) {
  const place = choosePostgresPlace(options.home);
  if (!existsSync(join(place.home, 'data', 'PG_VERSION')))
    initialise(place, options.password, options.forgetful === true);
  removeStalePid(place);
  const port = options.port ?? (await freePort());
  const settings = [
    'listen_addresses=127.0.0.1',
    `port=${port}`,
    // Nobody connects by socket, and its folder would have to be reachable too.
    'unix_socket_directories=',
    'timezone=UTC',
    'log_timezone=UTC',
    ...(options.forgetful ? FORGETFUL : []),
  ];
  const args = ['-D', `${place.homeInside}/data`, ...settings.flatMap((setting) => ['-c', setting])];
  const server = new ServerProcess({
    name: 'postgres',
    ...postgresCommand(place, 'postgres', args),
    env: { TZ: 'UTC', LC_ALL: 'C' },
    cwd: place.mountOver === undefined ? place.home : '/',
    // A fast shutdown: sessions are cut, the data are written.
    politeSignal: 'SIGINT',
    ...(options.onLine ? { onLine: options.onLine } : {}),
  });
  await server.ready(() => isReady(place), 120_000);
  const url = `postgresql://postgres:${encodeURIComponent(options.password)}@127.0.0.1:${port}/postgres`;
  return { url, port, home: place.home, process: server, ...(place.note === undefined ? {} : { note: place.note }) };
}

/**
 * @param {import('./postgres-place.mjs').PostgresPlace} place
 * @param {string} password
 * @param {boolean} forgetful
 */
function initialise(place, password, forgetful) {
  // What an interrupted first start left behind would make initdb refuse.
  rmSync(join(place.home, 'data'), { recursive: true, force: true });
  const passwordFile = join(place.home, 'password');
  writeFileSync(passwordFile, password, { mode: 0o600 });
  if (place.uid !== undefined) chownSync(passwordFile, place.uid, place.gid ?? place.uid);
  const { command, args, ...owner } = postgresCommand(place, 'initdb', [
    '--pgdata',
    `${place.homeInside}/data`,
    '--username=postgres',
    `--pwfile=${place.homeInside}/password`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
    '--locale-provider=builtin',
    '--builtin-locale=C.UTF-8',
    '--no-instructions',
    ...(forgetful ? ['--no-sync'] : []),
  ]);
  const cwd = place.mountOver === undefined ? place.home : '/';
  const result = spawnSync(command, args, {
    cwd,
    ...owner,
    encoding: 'utf8',
    env: { ...process.env, TZ: 'UTC', LC_ALL: 'C' },
  });
  rmSync(passwordFile, { force: true });
  if (result.status !== 0) {
    rmSync(join(place.home, 'data'), { recursive: true, force: true });
    throw new Error(
      `initdb failed in ${place.home}: ${result.error?.message ?? ''}\n${result.stdout}\n${result.stderr}`,
    );
  }
}

/** PostgreSQL writes its state into the eighth line of postmaster.pid; pg_ctl waits for the same word. */
function isReady(/** @type {import('./postgres-place.mjs').PostgresPlace} */ place) {
  return pidFile(place)?.[7]?.trim() === 'ready';
}

/**
 * After a SIGKILL the pid file stays, and its number may meanwhile belong to somebody else's process: PostgreSQL would
 * refuse to start for ever.
 * @param {import('./postgres-place.mjs').PostgresPlace} place
 */
function removeStalePid(place) {
  const pid = Number(pidFile(place)?.[0]);
  if (!Number.isInteger(pid) || pid <= 0) return;
  let commandLine = '';
  try {
    commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    if (process.platform !== 'linux') return;
  }
  if (!commandLine.includes('postgres')) rmSync(join(place.home, 'data', 'postmaster.pid'), { force: true });
}

/** @param {import('./postgres-place.mjs').PostgresPlace} place */
function pidFile(place) {
  try {
    return readFileSync(join(place.home, 'data', 'postmaster.pid'), 'utf8').split('\n');
  } catch {
    return undefined;
  }
}
