import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { findNatsServer, freePort, ServerProcess, startNatsServer } from '@dtm/embedded';
import { say } from './log.mjs';
import { canInstallPackages, installPackages } from './system-packages.mjs';

const IMAGE = 'nats:2.12';

/**
 * @typedef {{ url: string, port: number, process: ServerProcess, description: string }} StartedNats
 * @typedef {(options: { port: number | undefined, onLine: (line: string) => void }) => Promise<StartedNats>} NatsStart
 */

/**
 * How a NATS server can be started on this machine: the one found, else Debian's package, else Docker. Throws one
 * sentence that says what to install where there is none.
 * @param {string} storeDir
 * @returns {NatsStart}
 */
export function chooseNats(storeDir) {
  const named = process.env.NATS_SERVER_BIN;
  if (named && !existsSync(named)) throw new Error(`NATS_SERVER_BIN is ${named}: there is no such file.`);
  let binary = findNatsServer();
  let failed = '';
  if (binary === undefined && canInstallPackages()) {
    say('Installing the NATS server (Debian package nats-server) ...');
    failed = installPackages(['nats-server']).output;
    binary = findNatsServer();
  }
  if (binary !== undefined) return fromBinary(storeDir, binary);
  if (dockerAnswers()) return fromDocker(storeDir);
  if (failed !== '') say(failed);
  throw new Error(
    'A NATS server is needed and none was found: install nats-server 2.9 or newer (Debian and Ubuntu: ' +
      'apt-get install nats-server; others: https://github.com/nats-io/nats-server/releases) so that it is on PATH, ' +
      'name it in NATS_SERVER_BIN, start Docker, or set NATS_URL to a server with JetStream.',
  );
}

/** @param {string} storeDir @param {string} binary @returns {NatsStart} */
function fromBinary(storeDir, binary) {
  return async ({ port, onLine }) => {
    const started = await startNatsServer({ storeDir, binary, port: await freePort(port), durable: true, onLine });
    const safety = started.syncAlways
      ? 'every write on disk before it is acknowledged'
      : 'writes on disk within 2 minutes';
    return { ...started, description: `NATS ${started.version} with JetStream (${safety})` };
  };
}

/** @param {string} storeDir @returns {NatsStart} */
function fromDocker(storeDir) {
  const name = `docker-tag-monitor-nats-${createHash('sha256').update(storeDir).digest('hex').slice(0, 8)}`;
  return async ({ port: preferred, onLine }) => {
    // A killed start leaves the container running, since it is no child of anybody here.
    spawnSync('docker', ['rm', '--force', name], { stdio: 'ignore' });
    const port = await freePort(preferred);
    const options = ['run', '--rm', '--name', name, '-p', `127.0.0.1:${port}:4222`, '-v', `${storeDir}:/data`];
    const server = new ServerProcess({
      name: 'nats',
      command: 'docker',
      args: [...options, IMAGE, '-js', '-sd', '/data'],
      onLine,
    });
    await server.ready(() => server.wrote('Server is ready'), 300_000);
    return {
      url: `nats://127.0.0.1:${port}`,
      port,
      process: server,
      description: `NATS with JetStream in Docker (${IMAGE})`,
    };
  };
}

function dockerAnswers() {
  const result = spawnSync('docker', ['version', '--format', '{{.Server.Version}}'], {
    timeout: 10_000,
    encoding: 'utf8',
  });
  return result.status === 0 && result.stdout.trim() !== '';
}
