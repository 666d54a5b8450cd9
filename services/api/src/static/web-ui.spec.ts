import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApi, type TestApi } from '../testing/start-api.ts';

const PAGE = '<!doctype html><title>Docker Tag Monitor</title>';

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
    expect(await answer.text()).toBe(PAGE);
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

  it('tells crawlers what there is', async () => {
    const robots = await (await api.get('/robots.txt')).text();
    expect(robots).toBe(`User-agent: *\nDisallow: /api/\nSitemap: ${api.url}/sitemap.xml\n`);
    expect(await (await api.get('/sitemap.xml')).text()).toContain(`<loc>${api.url}/status</loc>`);
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
