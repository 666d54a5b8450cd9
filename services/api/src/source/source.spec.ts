import { createServer, type Server } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { sourceSchema } from '../openapi/schemas.ts';
import { startApi } from '../testing/start-api.ts';
import { StarCount, starQuestion } from './star-count.ts';

/** A code host that answers what a test says; any other question fails it. */
let host: Server;
let url: string;
let answers: { status: number; body: string }[] = [];
let asked: string[] = [];
beforeAll(async () => {
  host = createServer((request, response) => {
    asked.push(`${request.method ?? ''} ${request.url ?? ''}`);
    const next = answers.shift() ?? { status: 500, body: 'unexpected' };
    response.writeHead(next.status, { 'content-type': 'application/json' }).end(next.body);
  });
  await new Promise<void>((resolve) => host.listen(0, '127.0.0.1', resolve));
  const address = host.address();
  url = `http://127.0.0.1:${typeof address === 'object' ? (address?.port ?? 0) : 0}/owner/name`;
});
afterAll(() => void host.close());
afterEach(() => {
  expect(answers).toEqual([]);
  asked = [];
});

const stars = (count: unknown): { status: number; body: string } => ({
  status: 200,
  body: JSON.stringify({ stars_count: count }),
});

describe('the number of stars', () => {
  it('is asked once an hour, and an old one is shown until the next has come', async () => {
    let now = 0;
    const count = new StarCount(url, () => now);
    answers = [stars(7)];
    expect(await count.stars()).toBe(7);
    now = 3_599_999;
    expect(await count.stars()).toBe(7);
    expect(asked).toEqual(['GET /api/v1/repos/owner/name']);
    answers = [stars(8)];
    now = 3_600_000;
    expect(await count.stars()).toBe(7);
    while ((await count.stars()) === 7) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await count.stars()).toBe(8);
    expect(asked).toHaveLength(2);
  });

  it.each([
    ['a refusal', { status: 403, body: '{}' }],
    ['no JSON', { status: 200, body: '<html>' }],
    ['no number', stars('many')],
    ['nonsense', stars(-1)],
  ])('is absent after %s', async (_, answer) => {
    answers = [answer];
    expect(await new StarCount(url).stars()).toBeNull();
  });

  it('is absent where nobody answers', async () => {
    expect(await new StarCount('http://127.0.0.1:1/owner/name').stars()).toBeNull();
  });

  it('is asked from the API of GitHub where the source is there', () => {
    expect(starQuestion('https://github.com/owner/name')).toEqual({
      url: 'https://api.github.com/repos/owner/name',
      field: 'stargazers_count',
    });
  });
});

describe('GET /api/v1/source', () => {
  it('tells version, address and stars', async () => {
    answers = [stars(42)];
    const api = await startApi({ SOURCE_URL: `${url}/` });
    expect(sourceSchema.parse(await (await api.get('/api/v1/source')).json())).toMatchObject({ url, stars: 42 });
    await api.stop();
  });

  it('asks nobody where no link is wanted', async () => {
    const api = await startApi({ SOURCE_URL: 'none' });
    expect(sourceSchema.parse(await (await api.get('/api/v1/source')).json())).toMatchObject({
      url: null,
      stars: null,
    });
    await api.stop();
    expect(asked).toEqual([]);
  });
});
