import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tagRow } from '../testing/fake-read-model.ts';
import { startApi, type TestApi } from '../testing/start-api.ts';

const PAGE = `<!doctype html><html><head>
    <title>Docker Tag Monitor</title>
    <meta name="description" content="The record." />
    <meta property="og:title" content="Docker Tag Monitor" />
    <meta
      property="og:description"
      content="The record."
    />
    <meta property="og:image" content="/social.png" />
  </head></html>`;
const NGINX = 'docker.io/library/nginx:latest';

let folder: string;
let api: TestApi;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dtm-web-ui-'));
  mkdirSync(join(folder, 'media'));
  writeFileSync(join(folder, 'index.html'), PAGE);
  writeFileSync(join(folder, 'main-ABCD1234.js'), 'export {};');
  writeFileSync(join(folder, 'favicon.svg'), '<svg/>');
  writeFileSync(join(folder, 'media', 'inter-WXYZ5678.woff2'), 'font');
  api = await startApi({ STATIC_DIR: folder });
});
afterAll(async () => {
  await api.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('the web UI', () => {
  it.each([
    ['/', 200],
    ['/status', 200],
    ['/details/docker.io/library/nginx:latest', 200],
    ['/details/127.0.0.1:5000/team/app:1.0', 200],
    ['/?q=nginx', 200],
    ['/details', 404],
    ['/nothing', 404],
    ['/missing-ABCD1234.js', 404],
    ['/..%2f..%2fetc/passwd', 404],
  ])('answers %s with the page and status %s', async (path, status) => {
    const answer = await api.get(path);
    expect(answer.status).toBe(status);
    expect(answer.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(answer.headers.get('cache-control')).toBe('no-cache');
    expect(await answer.text()).toMatch(/^<!doctype html>.*<\/html>$/s);
  });

  it('lets browsers keep what has a hash in its name, and nothing else', async () => {
    const cached = async (path: string): Promise<string | null> => {
      const answer = await api.get(path);
      expect(answer.status).toBe(200);
      return answer.headers.get('cache-control');
    };
    expect(await cached('/main-ABCD1234.js')).toBe('public, max-age=31536000, immutable');
    expect(await cached('/media/inter-WXYZ5678.woff2')).toBe('public, max-age=31536000, immutable');
    expect(await cached('/favicon.svg')).toBe('no-cache');
  });

  it.each(['/api/nothing', '/v2/nothing', '/feeds/nothing'])('leaves %s alone', async (path) => {
    const answer = await api.get(path);
    expect(answer.status).toBe(404);
    expect(answer.headers.get('content-type')).toContain('application/problem+json');
  });

  it('serves none where there is none', async () => {
    const bare = await startApi({ STATIC_DIR: join(folder, 'missing') });
    try {
      expect((await bare.get('/')).status).toBe(404);
      expect((await bare.get('/healthz')).status).toBe(200);
    } finally {
      await bare.stop();
    }
  });
});

describe('the head of a page', () => {
  const headOf = async (path: string): Promise<string> => (await api.get(path)).text();

  it('says of a tag what the page will show, and where it is at home', async () => {
    api.readModel.tags = [
      tagRow(NGINX, { changeCount: 1_031, lastChangedAt: new Date('2026-11-20T10:00:00Z'), digest: 'sha256:abc' }),
    ];
    api.readModel.description = {
      changes30d: 5,
      changes90d: 15,
      changes365d: 31,
      medianGapSeconds: 6 * 86_400,
      longestGapSeconds: 20 * 86_400,
      watchedSince: new Date('2020-05-12T00:00:00Z'),
      coveredSince: new Date('2020-05-12T00:00:00Z'),
      recentGaps: [],
    };
    const description =
      'Rebuilt about every 6 days; last on 20 November 2026; 1,031 changes on record. On record since 12 May 2020. Now sha256:abc.';
    const html = await headOf('/details/nginx?page=2');
    expect(html).toContain('<title>library/nginx:latest · Docker Tag Monitor</title>');
    expect(html).toContain('property="og:title" content="library/nginx:latest · Docker Tag Monitor"');
    expect(html).toMatch(new RegExp(`property="og:description"\\s+content="${description}"`));
    expect(html).toContain(`name="description" content="${description}"`);
    expect(html).toContain(`<link rel="canonical" href="${api.url}/details/${NGINX}" />`);
    expect(html).toContain(`property="og:image" content="${api.url}/social.png"`);
    expect(html).not.toContain('noindex');
  });

  it('keeps what nobody watches out of search engines', async () => {
    const html = await headOf('/details/docker.io/library/unknown:1');
    expect(html).toContain('<meta name="robots" content="noindex" />');
    expect(html).toContain('What docker.io/library/unknown:1 pointed to, and when.');
  });

  it.each([
    '/details/"><script>alert(1)</script>',
    '/details/%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E',
    "/details/nginx:'onload='x",
    '/details/%E0%A4%A',
    '/details/%00',
    '/details/$&$`:$1',
    `/details/${'a'.repeat(5_000)}`,
  ])('repeats nothing of %s', async (path) => {
    const html = await headOf(path);
    expect(html).toContain('<title>Docker Tag Monitor</title>');
    expect(html).not.toMatch(/<script|alert|onload|canonical|aaaa/);
  });

  it('escapes what the record says, and takes no host that is none', async () => {
    api.readModel.tags = [tagRow(NGINX, { digest: '"><script>$&' })];
    expect(await headOf('/details/nginx')).toContain('Now &quot;&gt;&lt;script&gt;$&amp;.');
    const { port } = new URL(api.url);
    const html = await rawGet(Number(port), '/details/nginx', 'evil"><script>');
    expect(html).not.toMatch(/evil|canonical/);
    expect(html).toContain('<title>library/nginx:latest');
  });

  it('does without the record where the database is away', async () => {
    api.readModel.fault = new Error('away');
    expect(await headOf('/details/nginx')).toContain('<title>library/nginx:latest · Docker Tag Monitor</title>');
    api.readModel.fault = null;
  });
});

/** `fetch` sends no other host than the one that it connects to. */
function rawGet(port: number, path: string, host: string): Promise<string> {
  return new Promise((resolve, reject) => {
    get({ port, host: '127.0.0.1', path, headers: { host } }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (part: string) => (text += part));
      answer.on('end', () => resolve(text));
    }).on('error', reject);
  });
}
