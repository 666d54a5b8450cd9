import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startApi, type TestApi } from '../testing/start-api.ts';
import { openApiDocument } from './document.ts';
import { OPERATIONS } from './operations.ts';

const GOLDEN = new URL('../../openapi.json', import.meta.url);

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

describe('the OpenAPI document', () => {
  it('is the golden (after a wanted change: npm run openapi -w services/api)', () => {
    expect(JSON.parse(JSON.stringify(openApiDocument()))).toEqual(JSON.parse(readFileSync(GOLDEN, 'utf8')));
  });

  it('is served, with its page and everything the page loads', async () => {
    const answer = await api.get('/api/openapi.json');
    expect(answer.headers.get('content-type')).toContain('application/json');
    expect(await answer.json()).toEqual(JSON.parse(readFileSync(GOLDEN, 'utf8')));
    const page = await api.get('/api/docs');
    expect(page.status).toBe(200);
    const html = await page.text();
    const sources = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path = '']) => path);
    expect(sources.length).toBeGreaterThan(2);
    for (const source of sources) {
      const url = new URL(source, page.url);
      expect(url.origin).toBe(api.url);
      expect((await fetch(url)).status).toBe(200);
    }
    // The page must live with the policy that forbids inline scripts.
    expect(html).not.toMatch(/<script>/);
  });

  it('describes every call there is, and no other', () => {
    const described = OPERATIONS.map(({ method, path }) => `${method} ${path.replace(/\{(\w+)\}/, '*$1')}`).sort();
    expect(
      api
        .routes()
        .filter((route) => route.includes(' /api/v1/'))
        .sort(),
    ).toEqual(described);
  });

  it('has no reference that leads nowhere', () => {
    const document = openApiDocument();
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g)].map(([, target = '']) => target);
    expect(references.length).toBeGreaterThan(50);
    for (const target of new Set(references)) {
      const found = target
        .replace(/^#\//, '')
        .split('/')
        .reduce<unknown>((at, key) => (at as Record<string, unknown> | undefined)?.[key], document);
      expect([target, typeof found]).toEqual([target, 'object']);
    }
  });
});
