import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { tagRow } from '../testing/fake-read-model.ts';
import { startApi, type TestApi } from '../testing/start-api.ts';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
  api.readModel.tags = Array.from({ length: 50_001 }, (_, i) =>
    tagRow(`docker.io/library/nginx:${i}`, { lastChangedAt: i === 0 ? new Date('2026-11-20T10:00:00Z') : null }),
  );
});
afterAll(() => api.stop());

async function read(path: string): Promise<{ status: number; type: string | null; text: string }> {
  const answer = await api.get(path);
  return { status: answer.status, type: answer.headers.get('content-type'), text: await answer.text() };
}
const locations = (xml: string): string[] => [...xml.matchAll(/<loc>([^<]*)<\/loc>/g)].map(([, url = '']) => url);

describe('what crawlers are told', () => {
  it('names the sitemap in robots.txt', async () => {
    const { text, type } = await read('/robots.txt');
    expect(text).toBe(`User-agent: *\nDisallow: /api/\nSitemap: ${api.url}/sitemap.xml\n`);
    expect(type).toContain('text/plain');
  });

  it('lists a sitemap for each 50,000 tags, and one of the pages', async () => {
    const { text, type } = await read('/sitemap.xml');
    expect(type).toContain('application/xml');
    expect(locations(text)).toEqual(['pages', '1', '2'].map((name) => `${api.url}/sitemap-${name}.xml`));
    expect(locations((await read('/sitemap-pages.xml')).text)).toEqual([`${api.url}/`, `${api.url}/status`]);
  });

  it('lists every tag exactly once, with the day of its last change', async () => {
    const [first, second] = await Promise.all([read('/sitemap-1.xml'), read('/sitemap-2.xml')]);
    expect(first.text).toContain(
      `<url><loc>${api.url}/details/docker.io/library/nginx:0</loc><lastmod>2026-11-20T10:00:00.000Z</lastmod></url>`,
    );
    expect(locations(first.text)).toHaveLength(50_000);
    expect(locations(second.text)).toEqual([`${api.url}/details/docker.io/library/nginx:50000`]);
    expect(first.text.endsWith('</urlset>\n')).toBe(true);
  });

  it.each(['/sitemap-0.xml', '/sitemap-3.xml', '/sitemap-1e1.xml', '/sitemap-999999.xml'])(
    'knows no %s',
    async (path) => expect((await read(path)).status).toBe(404),
  );

  it('answers HEAD without reading the tags', async () => {
    const read = api.readModel.tagReferences.bind(api.readModel);
    let reads = 0;
    api.readModel.tagReferences = (first, last) => {
      reads += 1;
      return read(first, last);
    };
    const answer = await api.get('/sitemap-1.xml', { method: 'HEAD' });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toContain('application/xml');
    expect((await api.get('/sitemap-3.xml', { method: 'HEAD' })).status).toBe(404);
    expect(reads).toBe(0);
    api.readModel.tagReferences = read;
  });

  it('says where people come in by PUBLIC_URL', async () => {
    const behind = await startApi({ PUBLIC_URL: 'https://tags.example.com' });
    expect(await (await behind.get('/robots.txt')).text()).toContain('Sitemap: https://tags.example.com/sitemap.xml');
    expect(locations(await (await behind.get('/sitemap.xml')).text())).toEqual([
      'https://tags.example.com/sitemap-pages.xml',
    ]);
    await behind.stop();
  });
});
