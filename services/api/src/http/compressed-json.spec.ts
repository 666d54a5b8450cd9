import { afterAll, beforeAll, expect, it } from '@jest/globals';
import { tagRow } from '../testing/fake-read-model.ts';
import { startApi, type TestApi } from '../testing/start-api.ts';

const PATH = '/api/v1/tags';

let api: TestApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.stop());

function ask(encoding: string, more: Record<string, string> = {}): Promise<Response> {
  return api.get(PATH, { headers: { 'accept-encoding': encoding, ...more } });
}

function manyTags(count: number): void {
  api.readModel.tags = Array.from({ length: count }, (_, i) => tagRow(`docker.io/library/nginx:${i}`));
}

it('compresses what is long enough, for those who take it, and says the same to all', async () => {
  manyTags(25);
  const [compressed, plain] = [await ask('gzip, deflate, br'), await ask('identity')];
  expect(compressed.headers.get('content-encoding')).toBe('gzip');
  expect(plain.headers.get('content-encoding')).toBeNull();
  for (const answer of [compressed, plain]) {
    expect(answer.headers.get('content-type')).toBe('application/json; charset=utf-8');
    expect(answer.headers.get('vary')?.toLowerCase()).toBe('accept-encoding');
  }
  expect(Number(compressed.headers.get('content-length'))).toBeLessThan(
    Number(plain.headers.get('content-length')) / 3,
  );
  expect(await compressed.json()).toEqual(await plain.json());
  expect((await ask('gzip;q=0')).headers.get('content-encoding')).toBeNull();
});

it('leaves short answers as they are', async () => {
  manyTags(1);
  const answer = await ask('gzip');
  expect(answer.headers.get('content-encoding')).toBeNull();
  expect(await answer.json()).toMatchObject({ total: 1 });
});

it('answers 304 to who has it, until it is another one', async () => {
  manyTags(25);
  // Without its own word on caches, fetch would ask for a fresh answer.
  const known = { 'cache-control': 'max-age=0', 'if-none-match': (await ask('gzip')).headers.get('etag') ?? '' };
  expect((await ask('gzip', known)).status).toBe(304);
  manyTags(24);
  expect((await ask('gzip', known)).status).toBe(200);
});
