import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createHttpServer, get } from 'node:http';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tagRow } from '../testing/fake-read-model.ts';
import { startApi, type TestApi } from '../testing/start-api.ts';

// The real web server with the configuration of its image, its page made as infra/web.Dockerfile does, before a real api.
const ROOT = join(import.meta.dirname, '..', '..', '..', '..');
const WEB = join(ROOT, 'infra', 'web');
const NGINX_BIN = process.env['NGINX_BIN'] ?? 'nginx';
const isThere = spawnSync(NGINX_BIN, ['-v'], { env: withSbin() }).status === 0;
const NGINX = 'docker.io/library/nginx:latest';

/** Where Debian puts servers, which the PATH of a user may lack. */
function withSbin(): NodeJS.ProcessEnv {
  return { ...process.env, PATH: `${process.env['PATH'] ?? ''}:/usr/sbin:/usr/local/sbin` };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}

interface WebServer {
  url: string;
  stop(): Promise<void>;
}

/** Lets Compose's `prepare` write what goes into the volume of the web server. */
function prepare(folder: string, trustedProxies: string): string {
  const WEB_DIR = join(folder, 'conf', 'trusted');
  mkdirSync(WEB_DIR);
  const env = { ...process.env, WEB_DIR, SECRETS_DIR: join(folder, 'secrets'), TRUSTED_PROXIES: trustedProxies };
  const script = join(ROOT, 'infra', 'compose', 'prepare.mjs');
  return spawnSync(process.execPath, [script], { env, encoding: 'utf8' }).stderr;
}

/** Starts nginx with the image's configuration; only paths, port and the address of the api differ. */
async function startWebServer(apiUrl: string, trustedProxies?: string): Promise<WebServer> {
  const folder = mkdtempSync(join(tmpdir(), 'dtm-nginx-'));
  const port = await freePort();
  cpSync(WEB, join(folder, 'conf'), { recursive: true });
  mkdirSync(join(folder, 'www'));
  mkdirSync(join(folder, 'tmp'));
  cpSync(join(ROOT, 'frontend', 'src', 'index.html'), join(folder, 'www', 'index.html'));
  writeFileSync(join(folder, 'www', 'main-ABCD1234.js'), 'export {};');
  for (const script of ['preview-head.mjs', 'compress.mjs']) {
    const target = script === 'compress.mjs' ? join(folder, 'www') : join(folder, 'www', 'index.html');
    const made = spawnSync(process.execPath, [join(ROOT, 'infra', 'image', script), target], { encoding: 'utf8' });
    if (made.status !== 0) throw new Error(made.stderr);
  }
  if (trustedProxies !== undefined && prepare(folder, trustedProxies) !== '') throw new Error('not prepared');
  const conf = join(folder, 'conf', 'nginx.conf');
  const text = readFileSync(conf, 'utf8')
    .replaceAll('/tmp/', `${join(folder, 'tmp')}/`)
    .replaceAll('/etc/nginx/dtm', join(folder, 'conf'))
    .replaceAll('/usr/share/docker-tag-monitor', join(folder, 'www'))
    .replace('/dev/stdout', join(folder, 'access.log'))
    .replace('listen 8080', `listen 127.0.0.1:${port}`);
  writeFileSync(conf, text);
  writeFileSync(join(folder, 'conf', 'upstream.conf'), `map "" $api {\n  default ${apiUrl};\n}\n`);
  const options = ['-c', conf, '-p', folder, '-e', 'stderr', '-g', 'daemon off; master_process off;'];
  const child: ChildProcess = spawn(NGINX_BIN, options, { env: withSbin(), stdio: ['ignore', 'ignore', 'pipe'] });
  let words = '';
  child.stderr?.on('data', (chunk) => (words += String(chunk)));
  const ended = new Promise((resolve) => child.once('close', resolve));
  const url = `http://127.0.0.1:${port}`;
  while ((await fetch(`${url}/healthz`).catch(() => null))?.ok !== true) {
    if (child.exitCode !== null) throw new Error(`nginx ended: ${words}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  return {
    url,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

// Where there is no nginx (Debian: apt-get install nginx-light), this shows as skipped.
(isThere ? describe : describe.skip)('pages behind nginx', () => {
  let api: TestApi;
  let web: WebServer | undefined;
  beforeAll(async () => {
    api = await startApi();
    api.readModel.tags = [tagRow(NGINX, { changeCount: 3, lastChangedAt: new Date('2026-11-20T10:00:00Z') })];
    web = await startWebServer(api.url);
  });
  afterAll(async () => {
    await web?.stop();
    await api.stop();
  });

  const webUrl = (): string => web?.url ?? '';
  const page = async (path: string, init?: RequestInit): Promise<string> => {
    const answer = await fetch(`${webUrl()}${path}`, init);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(answer.headers.get('cache-control')).toBe('no-cache');
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'self'");
    return answer.text();
  };
  const count = (html: string, words: string): number => html.split(words).length - 1;
  const isWhole = (html: string): void => {
    expect(html).toMatch(/^<!doctype html>.*<dtm-root><\/dtm-root>.*<\/html>\s*$/s);
    for (const once of ['<title>', 'name="description"', '"og:title"', '"og:description"', '"og:image"'])
      expect([once, count(html, once)]).toEqual([once, 1]);
    expect(html).not.toContain('<!--#');
  };

  it('say in their head what the api says of a tag', async () => {
    const html = await page('/details/nginx?page=2');
    isWhole(html);
    expect(html).toContain('<title>library/nginx:latest · Docker Tag Monitor</title>');
    expect(html).toContain('content="3 changes on record, last on 20 November 2026.');
    expect(html).toContain(`<link rel="canonical" href="${webUrl()}/details/${NGINX}" />`);
    expect(html).toContain(`<meta property="og:image" content="${webUrl()}/social.png" />`);
    expect(html).not.toContain('noindex');
  });

  it('keep what nobody watches out of search engines', async () => {
    const html = await page('/details/registry.example.com:5000/team/app:1.0');
    isWhole(html);
    expect(html).toContain('<meta name="robots" content="noindex" />');
    expect(html).toContain('<title>team/app:1.0 · Docker Tag Monitor</title>');
  });

  it.each(['/', '/status', '/compare', '/details/%22%3E%3Cscript%3E', "/details/nginx:'onload='x"])(
    'say at %s what the page says itself',
    async (path) => {
      const html = await page(path);
      isWhole(html);
      expect(html).toContain('<title>Docker Tag Monitor</title>');
      expect(html).toContain(`<meta property="og:image" content="${webUrl()}/social.png" />`);
      expect(html).not.toMatch(/canonical|noindex/);
    },
  );

  it('are whole for a browser that has them already, that takes them compressed, or asks for the head alone', async () => {
    const headers = { 'if-none-match': '*', 'if-modified-since': new Date().toUTCString() };
    isWhole(await page('/details/nginx', { headers }));
    const compressed = await rawGet(`${webUrl()}/details/nginx`, { 'accept-encoding': 'gzip' });
    expect(compressed.encoding).toBe('gzip');
    isWhole(gunzipSync(compressed.body).toString());
    expect(await page('/details/nginx', { method: 'HEAD' })).toBe('');
  });

  it.each([
    ['/details/%E0%A4%A', 400],
    ['/nothing', 404],
    ['/details', 404],
  ])('answer %s with %s', async (path, status) => {
    expect((await fetch(`${webUrl()}${path}`)).status).toBe(status);
  });

  it('repeat no host that is none', async () => {
    const { body } = await rawGet(`${webUrl()}/status`, { host: 'evil"><script>' });
    expect(body.toString()).not.toContain('evil');
    expect((await rawGet(`${webUrl()}/details/nginx`, { host: 'evil"><script>' })).body.toString()).not.toContain(
      'evil',
    );
  });

  it('do not show the place that the head comes from', async () => {
    for (const path of ['/page-head', '/page-head/details/nginx']) {
      expect((await fetch(`${webUrl()}${path}`)).status).toBe(404);
    }
  });

  it('answer without the api', async () => {
    const alone = await startWebServer(`http://127.0.0.1:${await freePort()}`);
    try {
      const html = await (await fetch(`${alone.url}/details/nginx`)).text();
      isWhole(html);
      expect(html).toContain('<title>Docker Tag Monitor</title>');
    } finally {
      await alone.stop();
    }
  });
});

(isThere ? describe : describe.skip)('the address that a client is counted under', () => {
  const api = createHttpServer((request, response) => response.end(String(request.headers['x-forwarded-for'])));
  beforeAll(() => new Promise<void>((resolve) => api.listen(0, '127.0.0.1', resolve)));
  afterAll(() => new Promise((resolve) => api.close(resolve)));

  it.each([
    ['nobody is trusted', undefined, '198.51.100.7', '127.0.0.1'],
    ['TRUSTED_PROXIES is empty', '', '198.51.100.7', '127.0.0.1'],
    ['another is trusted', '10.0.0.0/8', '198.51.100.7', '127.0.0.1'],
    ['the proxy is trusted', '10.0.0.0/8, 127.0.0.1,::1', '198.51.100.7', '198.51.100.7'],
    ['the client claims more', '127.0.0.0/8', '203.0.113.9, 198.51.100.7', '198.51.100.7'],
    ['two proxies are trusted', '10.0.0.0/8,127.0.0.1', '198.51.100.7, 10.1.2.3', '198.51.100.7'],
  ])('where %s', async (_, trusted, told, expected) => {
    const web = await startWebServer(`http://127.0.0.1:${(api.address() as AddressInfo).port}`, trusted);
    try {
      const { body } = await rawGet(`${web.url}/api/v1/status`, { 'x-forwarded-for': told });
      expect(body.toString()).toBe(expected);
    } finally {
      await web.stop();
    }
  });

  it.each(['10.0.0.0/33', 'proxy.lan', '10.0.0.1; } http {', 'fe80::1%eth0'])('never from %s', (wrong) => {
    const folder = mkdtempSync(join(tmpdir(), 'dtm-prepare-'));
    mkdirSync(join(folder, 'conf'));
    try {
      expect(prepare(folder, wrong)).toContain(`TRUSTED_PROXIES has "${wrong}": allowed are addresses and networks`);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

/** `fetch` sends no other host than the one that it connects to, and undoes compression by itself. */
function rawGet(url: string, headers: Record<string, string>): Promise<{ encoding: string | undefined; body: Buffer }> {
  return new Promise((resolve, reject) => {
    get(url, { headers }, (answer) => {
      const parts: Buffer[] = [];
      answer.on('data', (part: Buffer) => parts.push(part));
      answer.on('end', () => resolve({ encoding: answer.headers['content-encoding'], body: Buffer.concat(parts) }));
    }).on('error', reject);
  });
}
