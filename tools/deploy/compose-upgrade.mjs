import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { ROOT } from './generated.mjs';
import { run } from './run.mjs';

/** @typedef {import('./engine.mjs').Engine} Engine */
/** @typedef {(...args: string[]) => Promise<string>} Compose */

const WITHIN_MS = 90_000;

/** SQL as the owner of the read models. @param {Compose} compose @param {string} sql */
function asProjector(compose, sql) {
  const password = '$(cat /run/secrets/dtm/projector-password)';
  const psql = 'psql -h 127.0.0.1 -U dtm_projector -d dtm -v ON_ERROR_STOP=1 -tA';
  return compose('exec', '-T', 'postgres', 'bash', '-c', `PGPASSWORD=${password} ${psql} -c "${sql}"`);
}

/**
 * What an upgrade meets: tables that an older version made. The new projector makes its own beside them, nobody has to say
 * so, and what was there is there.
 * @param {Compose} compose
 * @param {() => Promise<unknown>} read what must be the same before and after
 */
export async function upgradeReadModels(compose, read) {
  const pointer = async () =>
    (await asProjector(compose, `select t.current_schema, version from read_model t`)).split('|');
  const [from = '', version = ''] = await pointer();
  const before = JSON.stringify(await read());
  await compose('stop', 'history-projector');
  await asProjector(
    compose,
    `update read_model set version = ${Number(version) - 1}; drop table ${from}.manifest, ${from}.manifest_event;
     delete from ${from}.checkpoint where stream = 'MANIFESTS'`,
  );
  await compose('up', '--detach', '--wait', '--wait-timeout', '240');
  const deadline = Date.now() + WITHIN_MS;
  for (let now = await pointer(); now[0] === from || now[1] !== version; now = await pointer()) {
    if (Date.now() > deadline) throw new Error(`the read models are still ${now.join(', version ')}`);
    await pause(500);
  }
  const after = JSON.stringify(await read());
  if (after !== before) throw new Error(`before: ${before}\nafter: ${after}`);
  return `${from} -> ${(await pointer())[0]}`;
}

/**
 * A new version may have other permissions of NATS: `prepare` writes them, and the server must read them before the new
 * services ask for anything. Here the new version is the same image with another label.
 * @param {Engine} engine
 * @param {Compose} compose
 * @param {string} image of the scheduler, which `prepare` runs too
 */
export async function upgradePermissions(engine, compose, image) {
  const started = async () =>
    engine.docker(['inspect', '--format', '{{.State.StartedAt}}', await compose('ps', '--quiet', 'nats')]);
  const before = await started();
  await engine.docker(['build', '--quiet', '--tag', image, '-'], { input: `FROM ${image}\nLABEL next=version\n` });
  await compose('up', '--detach', '--wait', '--wait-timeout', '240');
  if ((await started()) === before) throw new Error('NATS goes on with the permissions of the version before');
}

/** As the original made them (MShekow/docker-tag-monitor), with two digests of one tag. */
const ORIGINAL = `
  create table image_to_scrape (id serial primary key, endpoint text, image text, tag text, added_at timestamptz,
    last_viewed timestamptz, last_pushed timestamptz);
  create table image_update (id serial primary key, scraped_at timestamptz, image_id int, digest text);
  insert into image_to_scrape (endpoint, image, tag, added_at, last_viewed) values
    ('registry:5000', 'team/original', '1.0', '2024-01-01', '2024-05-01');
  insert into image_update (scraped_at, image_id, digest) values
    ('2024-01-02', 1, 'sha256:${'a'.repeat(64)}'), ('2024-01-09', 1, 'sha256:${'b'.repeat(64)}');`;

/**
 * The documented command that takes over the history of an original whose Compose runs on the same machine.
 * @param {Engine} engine
 * @param {{ name: string, port: number, env: NodeJS.ProcessEnv, project: string, files: string, web: string }} options
 */
export async function migrateFromOriginal(engine, { name, port, env, project, files, web }) {
  const address = `127.0.0.1:${port}`;
  await engine.docker([
    'run',
    '--detach',
    '--name',
    name,
    '--publish',
    `${address}:5432`,
    '--env',
    'POSTGRES_PASSWORD=postgres',
    'postgres:17',
  ]);
  try {
    const psql = ['psql', '-h', '127.0.0.1', '-U', 'postgres', '-v', 'ON_ERROR_STOP=1'];
    const deadline = Date.now() + WITHIN_MS;
    const ready = () => engine.docker(['exec', name, 'pg_isready', '-q', '-h', '127.0.0.1', '-U', 'postgres']);
    while ((await ready().catch(() => null)) === null) {
      if (Date.now() > deadline) throw new Error("the original's database does not start");
      await pause(500);
    }
    await engine.docker(['exec', '--interactive', '--env', 'PGPASSWORD=postgres', name, ...psql], { input: ORIGINAL });
    const command = ['npm', 'run', '--silent', 'import', '--', '--from', 'original'];
    const { stdout, stderr } = await run(
      join(ROOT, 'infra', 'compose', 'as-operator.sh'),
      [...command, '--database-url', `postgresql://postgres:postgres@${address}/postgres`],
      {
        cwd: ROOT,
        env: { ...engine.env, ...env, COMPOSE_PROJECT_NAME: project, COMPOSE_FILE: files },
        limitMs: 600_000,
      },
    );
    const url = `${web}/api/v1/tags/registry:5000/team/original:1.0/changes`;
    const until = Date.now() + WITHIN_MS;
    for (;;) {
      const answer = await fetch(url);
      const items = answer.ok ? (await answer.json()).items : [];
      if (items.length === 2 && items[0].kind === 'change' && items[0].observedAt.startsWith('2024-01-09')) break;
      if (Date.now() > until) throw new Error(`${url}: ${JSON.stringify(items)}\n${stdout}\n${stderr}`);
      await pause(500);
    }
    const ports = await engine.docker([
      'ps',
      '--format',
      '{{.Names}} {{.Ports}}',
      '--filter',
      `label=com.docker.compose.project=${project}`,
    ]);
    const open = ports.split('\n').filter((line) => /(?:nats|postgres)\S* .*->/.test(line));
    if (open.length > 0) throw new Error(`still open afterwards: ${open.join(', ')}`);
    return /^.*imported.*$/m.exec(stdout)?.[0].trim() ?? '';
  } finally {
    await engine.docker(['rm', '--force', '--volumes', name]);
  }
}
