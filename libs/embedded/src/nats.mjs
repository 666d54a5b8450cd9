import { execFileSync } from 'node:child_process';
import { accessSync, constants, mkdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { freePort } from './ports.mjs';
import { ServerProcess } from './server-process.mjs';

/**
 * The NATS server's binary: NATS_SERVER_BIN, else on PATH, else where distributions put it outside a user's PATH.
 * @param {Record<string, string | undefined>} [env]
 * @returns {string | undefined}
 */
export function findNatsServer(env = process.env) {
  if (env.NATS_SERVER_BIN) return env.NATS_SERVER_BIN;
  const folders = (env.PATH ?? '').split(delimiter).filter((folder) => folder !== '');
  return [...folders, '/usr/sbin', '/usr/local/sbin', '/usr/local/bin', '/opt/homebrew/bin']
    .map((folder) => join(folder, 'nats-server'))
    .find((path) => isExecutable(path));
}

/**
 * @param {string} binary
 * @returns {string} such as `2.9.10`
 */
export function natsServerVersion(binary) {
  const text = execFileSync(binary, ['--version'], { encoding: 'utf8' });
  const version = /v?(\d+\.\d+\.\d+)/.exec(text)?.[1];
  if (version === undefined) throw new Error(`${binary} --version does not say a version: ${text.trim()}`);
  return version;
}

/**
 * The server's configuration for the version found.
 * @param {{ version: string, host?: string, port: number, storeDir: string, durable: boolean, extra?: string }} options
 *   durable: every write reaches the disk before it is acknowledged, where the server can do that
 */
export function natsConfiguration({ version, host = '127.0.0.1', port, storeDir, durable, extra = '' }) {
  // 2.9 refuses to start when it finds sync_interval.
  const sync = durable && canSyncAlways(version) ? '\n  sync_interval: always' : '';
  return `listen: "${host}:${port}"
jetstream {
  store_dir: ${JSON.stringify(storeDir)}${sync}
}
${extra}`;
}

/** @param {string} version */
export function canSyncAlways(version) {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major > 2 || (major === 2 && minor >= 10);
}

/**
 * A NATS server with JetStream on 127.0.0.1, ready to serve. Throws with the server's own words if it does not start.
 * @param {{ storeDir: string, binary?: string, port?: number, durable?: boolean, extra?: string,
 *   onLine?: (line: string) => void }} options
 */
export async function startNatsServer(options) {
  const binary = options.binary ?? findNatsServer();
  if (binary === undefined) throw new Error('nats-server was not found: set NATS_SERVER_BIN or put it on PATH');
  const version = natsServerVersion(binary);
  const port = options.port ?? (await freePort());
  mkdirSync(options.storeDir, { recursive: true, mode: 0o700 });
  const configuration = join(options.storeDir, 'nats.conf');
  const { storeDir, durable = false, extra } = options;
  writeFileSync(configuration, natsConfiguration({ version, port, storeDir, durable, ...(extra ? { extra } : {}) }));
  const server = new ServerProcess({
    name: 'nats-server',
    command: binary,
    args: ['-c', configuration],
    ...(options.onLine ? { onLine: options.onLine } : {}),
  });
  // A large store is read in full before the server is ready.
  await server.ready(() => server.wrote('Server is ready'), 120_000);
  return {
    url: `nats://127.0.0.1:${port}`,
    port,
    version,
    process: server,
    syncAlways: durable && canSyncAlways(version),
  };
}

/** @param {string} path */
function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
