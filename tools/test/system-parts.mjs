import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { canInstallPackages, installPackages } from '../start/system-packages.mjs';

/**
 * What the tests need besides npm packages: by which name it is found, and Debian's package of it.
 * @type {{ name: string, variable: string, programs: string[], package: string, unlessContainers: boolean, optional?: boolean }[]}
 */
const PARTS = [
  {
    name: 'a NATS server',
    variable: 'NATS_SERVER_BIN',
    programs: ['nats-server'],
    package: 'nats-server',
    unlessContainers: true,
  },
  {
    name: 'an image registry',
    variable: 'REGISTRY_BIN',
    programs: ['docker-registry', 'registry'],
    package: 'docker-registry',
    unlessContainers: true,
  },
  { name: 'skopeo', variable: '', programs: ['skopeo'], package: 'skopeo', unlessContainers: false },
  {
    name: 'Chromium',
    variable: 'CHROMIUM_BIN',
    programs: ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'],
    package: 'chromium',
    unlessContainers: false,
  },
  // What needs it is skipped where it cannot be had.
  {
    name: 'nginx',
    variable: 'NGINX_BIN',
    programs: ['nginx'],
    package: 'nginx-light',
    unlessContainers: false,
    optional: true,
  },
];

/** Installs what is missing where that is allowed; throws one sentence that says what to install where it is not. */
export function ensureSystemParts() {
  const wanted = findMissing();
  if (wanted.length === 0) return;
  let words = '';
  if (canInstallPackages()) {
    console.log(`Installing ${namesOf(wanted)} (Debian packages ${packagesOf(wanted).join(', ')}) ...`);
    words = installPackages(packagesOf(wanted)).output;
  }
  const missing = findMissing().filter((part) => part.optional !== true);
  if (missing.length === 0) return;
  const variables = missing.map((part) => part.variable).filter((name) => name !== '');
  throw new Error(
    `${words}\nThe tests need ${namesOf(missing)}: install ${missing.length === 1 ? 'it' : 'them'} so that PATH has ${missing
      .map((part) => part.programs[0])
      .join(', ')} (Debian and Ubuntu: apt-get install ${packagesOf(missing).join(' ')})` +
      `${variables.length === 0 ? '.' : `, or name the programs in ${variables.join(', ')}.`}`.trim(),
  );
}

function namesOf(/** @type {typeof PARTS} */ parts) {
  return parts.map((part) => part.name).join(', ');
}

function packagesOf(/** @type {typeof PARTS} */ parts) {
  return parts.map((part) => part.package);
}

/**
 * Fetches the images of the tests where a container engine answers and can; where it cannot, libs/testing takes the
 * embedded servers.
 * @param {readonly string[]} images
 */
export function pullImages(images) {
  if ((process.env.TEST_BACKEND ?? 'auto') === 'embedded') return;
  const docker = (/** @type {string[]} */ args, /** @type {number} */ timeout) =>
    spawnSync('docker', args, { timeout, stdio: 'ignore' }).status === 0;
  if (!docker(['version'], 5_000)) return;
  for (const image of images) {
    if (docker(['image', 'inspect', image], 5_000)) continue;
    console.log(`Pulling ${image} ...`);
    if (!docker(['pull', '--quiet', image], 120_000)) return console.log(`${image} cannot be pulled.`);
  }
}

function findMissing() {
  const containers = process.env.TEST_BACKEND === 'containers';
  return PARTS.filter((part) => !(containers && part.unlessContainers)).filter((part) => !isThere(part));
}

/** @param {typeof PARTS[number]} part */
function isThere({ variable, programs }) {
  if (variable !== '' && process.env[variable]) return true;
  const folders = [
    ...(process.env.PATH ?? '').split(delimiter),
    '/usr/bin',
    '/usr/sbin',
    '/usr/local/bin',
    '/usr/local/sbin',
  ];
  return folders.some((folder) => folder !== '' && programs.some((program) => isExecutable(join(folder, program))));
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
