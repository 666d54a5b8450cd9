import { setTimeout as pause } from 'node:timers/promises';
import { createServer } from 'node:net';
import { migrateFromOriginal, upgradePermissions, upgradeReadModels } from './compose-upgrade.mjs';
import { imageOf, PREFIX } from './images.mjs';
import { pushImage } from './push.mjs';

/** @typedef {import('./engine.mjs').Engine} Engine */
/** @typedef {import('./report.mjs').Report} Report */

const PROJECT = `dtm-check-${process.pid}`;
const REFERENCE = 'registry:5000/team/app:1.0';
const WITHIN_MS = 90_000;

/** The whole system as compose.yml runs it, from a push to a change on an open page. @param {Engine} engine @param {Report} report */
export async function composeRun(engine, report) {
  const [port, registryPort, originalPort] = [await freePort(), await freePort(), await freePort()];
  const web = `http://127.0.0.1:${port}`;
  const registry = `http://127.0.0.1:${registryPort}`;
  const env = {
    DTM_IMAGES: PREFIX,
    DTM_VERSION: 'check',
    DTM_PULL_POLICY: 'never',
    PORT: String(port),
    CHECK_REGISTRY_PORT: String(registryPort),
    SCRAPE_INTERVAL: '5s',
    POPULAR_IMAGES_MAX_COUNT: '0',
    INSECURE_REGISTRIES: 'registry:5000',
  };
  const files = 'compose.yml:tools/deploy/compose.check.yml';
  const compose = (/** @type {string[]} */ ...args) =>
    engine.docker(['compose', '-p', PROJECT, ...args], { env: { ...env, COMPOSE_FILE: files } });

  try {
    const up = await report.part('compose up --wait', async () => {
      await compose('up', '--detach', '--wait', '--wait-timeout', '240').catch(async (error) => {
        throw new Error(`${error.message}\n${(await compose('logs', '--no-color', '--tail', '15')).slice(-6_000)}`);
      });
      return (await compose('ps', '--services')).split('\n').join(', ');
    });
    if (up === undefined) return;
    await report.part('compose: containers are contained', () => contained(engine));
    await report.part('compose: the web UI', () => webUi(web));
    const first = await report.part('compose: a push becomes a change on an open page', () =>
      pushToChange(web, registry),
    );
    await report.part('compose: previews of links', () => previews(web, first ?? ''));
    await report.part('compose: the api may only read the database', () => readOnlyApi(compose));
    await report.part('compose: a backup', () => backup(compose));
    await report.part('compose: the consumer of a subscriber', async () => {
      const words = await compose('run', '--rm', 'subscribers');
      const again = await compose('run', '--rm', 'subscribers');
      if (!words.includes('subscriber made') || !again.includes('subscriber exists'))
        throw new Error(`${words}\n${again}`);
    });
    await report.part('compose: everything is there after down and up', async () => {
      if (first === undefined) throw new Error('there is nothing to look for');
      await compose('down');
      await compose('up', '--detach', '--wait', '--wait-timeout', '240');
      const { items } = await json(`${web}/api/v1/tags/${REFERENCE}/changes`);
      if (items.at(0)?.digest !== first) throw new Error(`the newest digest is ${items.at(0)?.digest}, was ${first}`);
      return `${items.length} events`;
    });
    const changes = async () => (await json(`${web}/api/v1/tags/${REFERENCE}/changes`)).items;
    await report.part('compose: an upgrade makes its own read models', () => upgradeReadModels(compose, changes));
    await report.part('compose: an upgrade brings its permissions', () =>
      upgradePermissions(engine, compose, imageOf('scheduler')),
    );
    const original = { name: `${PROJECT}-original`, port: originalPort, env, project: PROJECT, files, web };
    await report.part('compose: the history of the original is taken over', () =>
      migrateFromOriginal(engine, original),
    );
    await report.part('compose: NATS refused nobody what its work needs', async () => {
      const refused = (await compose('logs', '--no-color', 'nats')).match(/^.*(?:Violation|Authorization).*$/gim) ?? [];
      if (refused.length > 0) throw new Error([...new Set(refused)].slice(0, 20).join('\n'));
    });
  } finally {
    await report.part('compose down -v leaves nothing', async () => {
      await compose('--profile', '*', 'down', '--volumes', '--remove-orphans');
      const filter = ['--filter', `label=com.docker.compose.project=${PROJECT}`, '--quiet'];
      for (const kind of [
        ['ps', '--all'],
        ['volume', 'ls'],
        ['network', 'ls'],
      ]) {
        const left = await engine.docker([...kind, ...filter]);
        if (left !== '') throw new Error(`docker ${kind.join(' ')}: ${left}`);
      }
    });
  }
}

/** @param {Engine} engine */
async function contained(engine) {
  const ids = (await engine.docker(['ps', '--quiet', '--filter', `label=com.docker.compose.project=${PROJECT}`])).split(
    '\n',
  );
  const faults = [];
  let published = 0;
  for (const one of JSON.parse(await engine.docker(['inspect', ...ids]))) {
    const name = one.Config.Labels['com.docker.compose.service'];
    if (name === 'registry') continue;
    if (!one.HostConfig.ReadonlyRootfs) faults.push(`${name} may write to its file system`);
    if (!one.Config.User || one.Config.User.startsWith('0')) faults.push(`${name} runs as root`);
    if (!one.HostConfig.CapDrop?.includes('ALL')) faults.push(`${name} keeps capabilities`);
    if (one.State.Health?.Status !== 'healthy')
      faults.push(`${name} is ${one.State.Health?.Status ?? 'without a health check'}`);
    published += Object.values(one.HostConfig.PortBindings ?? {}).flat().length;
  }
  if (published !== 1) faults.push(`${published} ports are reached from outside`);
  if (faults.length > 0) throw new Error(faults.join('\n'));
}

/** @param {string} web */
async function webUi(web) {
  for (const [path, status] of /** @type {[string, number][]} */ ([
    ['/', 200],
    ['/status', 200],
    [`/details/${REFERENCE}`, 200],
    ['/nothing', 404],
  ])) {
    const answer = await fetch(`${web}${path}`);
    const text = await answer.text();
    if (answer.status !== status || !text.includes('<dtm-root>'))
      throw new Error(`${path} answers ${answer.status}: ${text.slice(0, 200)}`);
    for (const header of ['content-security-policy', 'x-content-type-options', 'referrer-policy']) {
      if (answer.headers.get(header) === null) throw new Error(`${path} comes without ${header}`);
    }
  }
  const page = await (await fetch(web)).text();
  const script = /src="([^"]*main-[^"]+\.js)"/.exec(page)?.[1];
  if (script === undefined) throw new Error('the page names no script with a hash');
  const answer = await fetch(new URL(script, web), { headers: { 'accept-encoding': 'gzip' } });
  const caching = answer.headers.get('cache-control') ?? '';
  if (!answer.ok || !caching.includes('immutable') || answer.headers.get('content-encoding') !== 'gzip') {
    throw new Error(`${script} answers ${answer.status}, ${caching}, ${answer.headers.get('content-encoding')}`);
  }
  for (const path of ['/metrics', '/readyz']) {
    const { status } = await fetch(`${web}${path}`);
    if (status !== 404) throw new Error(`${path} is reached from outside: ${status}`);
  }
  await json(`${web}/api/v1/status`);
  await json(`${web}/api/openapi.json`);
}

/** @param {string} web @param {string} registry @returns {Promise<string>} the digest of the newest change */
async function pushToChange(web, registry) {
  const before = await pushImage(registry, 'team/app', '1.0', 'one');
  const { results } = await json(`${web}/api/v1/tags`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ references: [REFERENCE] }),
  });
  if (results[0]?.outcome !== 'tracked') throw new Error(JSON.stringify(results));
  await eventually(async () => (await json(`${web}/api/v1/tags/${REFERENCE}`)).digest === before, 'the baseline');

  const end = new AbortController();
  try {
    const events = await fetch(`${web}/api/v1/events?reference=${encodeURIComponent(REFERENCE)}`, {
      signal: end.signal,
    });
    if (!events.headers.get('content-type')?.startsWith('text/event-stream'))
      throw new Error(`events: ${events.status}`);
    const after = await pushImage(registry, 'team/app', '1.0', 'two');
    const change = await Promise.race([
      nextChange(events, after),
      pause(WITHIN_MS, undefined, { ref: false }).then(() => {
        throw new Error(`no change on the open page within ${WITHIN_MS / 1000} s`);
      }),
    ]);
    if (change.previousDigest !== before) throw new Error(`the change follows ${change.previousDigest}, not ${before}`);
    return after;
  } finally {
    end.abort();
  }
}

/** What a crawler, which runs no script, reads in a tag's page; and another page's own words. @param {string} web @param {string} digest */
async function previews(web, digest) {
  const tag = await (await fetch(`${web}/details/${REFERENCE}`)).text();
  const page = await (await fetch(`${web}/status`)).text();
  const expected = /** @type {[string, string][]} */ ([
    [tag, '<title>team/app:1.0 · Docker Tag Monitor</title>'],
    [tag, `Now ${digest}.`],
    [tag, `<link rel="canonical" href="${web}/details/${REFERENCE}" />`],
    [page, '<title>Docker Tag Monitor</title>'],
    ...[tag, page].map((html) => [html, `property="og:image" content="${web}/social.png"`]),
  ]);
  for (const [html, words] of expected) {
    if (!html.includes(words)) throw new Error(`not there: ${words}\n${html.slice(0, 2_000)}`);
  }
  for (const html of [tag, page]) {
    for (const element of ['<title>', 'property="og:title"', 'name="description"']) {
      if (html.split(element).length !== 2) throw new Error(`not there once: ${element}\n${html.slice(0, 2_000)}`);
    }
  }
}

/** @param {Response} events @param {string} digest */
async function nextChange(events, digest) {
  const text = new TextDecoder();
  let waiting = '';
  for await (const bytes of events.body ?? []) {
    waiting += text.decode(bytes, { stream: true });
    const messages = waiting.split('\n\n');
    waiting = messages.pop() ?? '';
    for (const message of messages) {
      const data = /^data: (.*)$/m.exec(message)?.[1];
      if (data !== undefined && message.includes('event: change') && data.includes(digest)) {
        const parsed = JSON.parse(data);
        return parsed.change ?? parsed;
      }
    }
  }
  throw new Error('the event stream ended');
}

/** @param {(...args: string[]) => Promise<string>} compose */
async function readOnlyApi(compose) {
  // As the api's own user, by its own password.
  const psql = (/** @type {string} */ sql) =>
    compose(
      'exec',
      '-T',
      'postgres',
      'bash',
      '-c',
      `PGPASSWORD=$(cat /run/secrets/dtm/api-password) psql -h 127.0.0.1 -U dtm_api -d dtm -v ON_ERROR_STOP=1 -tAc "${sql}"`,
    );
  const schema = (await psql('select read_model.current_schema from read_model')).trim();
  if (Number(await psql(`select count(*) from ${schema}.digest_change`)) < 1) throw new Error('the api reads nothing');
  for (const sql of [
    `delete from ${schema}.digest_change`,
    `set default_transaction_read_only = off; delete from ${schema}.digest_change`,
    'create table mine ()',
    'create schema mine',
  ]) {
    const done = await psql(sql).then(
      () => true,
      () => false,
    );
    if (done) throw new Error(`the api may: ${sql}`);
  }
}

/** @param {(...args: string[]) => Promise<string>} compose */
async function backup(compose) {
  const words = await compose('run', '--rm', 'backup');
  if (!/HISTORY: \d+ messages/.test(words) || !/backup \S+ is done/.test(words)) throw new Error(words);
  const name = /backup (\S+) is done/.exec(words)?.[1];
  const script = `import('/app/infra/backup/checksums.mjs').then(({verifyBackup}) => verifyBackup('/backups/${name}')).then(() => console.log(require('node:fs').readdirSync('/backups/${name}').join(' ')))`;
  return compose('run', '--rm', 'backup', '-e', script);
}

/** @param {string} url @param {RequestInit} [options] */
async function json(url, options) {
  const answer = await fetch(url, options);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${text.slice(0, 500)}`);
  return JSON.parse(text);
}

/** @param {() => Promise<boolean>} is @param {string} what */
async function eventually(is, what) {
  const deadline = Date.now() + WITHIN_MS;
  while (!(await is().catch(() => false))) {
    if (Date.now() > deadline) throw new Error(`${what} is not there after ${WITHIN_MS / 1000} s`);
    await pause(500);
  }
}

/** @returns {Promise<number>} */
function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
