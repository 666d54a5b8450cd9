import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';

const POLICY = '/usr/sbin/policy-rc.d';

/** Whether this process may install Debian packages. */
export function canInstallPackages() {
  if (process.getuid?.() !== 0 || !existsSync('/usr/bin/apt-get')) return false;
  const release = existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '';
  return /^ID(_LIKE)?=.*(debian|ubuntu)/m.test(release);
}

/**
 * Installs Debian packages without their services being started: a registry or a NATS server of the machine's own would
 * take the ports that people expect to be free.
 * @param {string[]} packages
 * @returns {{ ok: boolean, output: string }}
 */
export function installPackages(packages) {
  const denyStart = !existsSync(POLICY);
  if (denyStart) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const update = apt(['update', '-qq']);
    const install = apt(['install', '-y', '-qq', '--no-install-recommends', ...packages]);
    return { ok: install.status === 0, output: `${update.output}${install.output}`.trim() };
  } finally {
    if (denyStart) rmSync(POLICY, { force: true });
  }
}

/** @param {string[]} args */
function apt(args) {
  const result = spawnSync('apt-get', args, {
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' },
  });
  return { status: result.status, output: `${result.stdout ?? ''}${result.stderr ?? ''}` };
}
