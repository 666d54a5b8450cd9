import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { RegistryClient } from '../../registry-client.ts';
import { clientOf, ScriptedRegistry, type ScriptedStep } from '../../testing/index.ts';
import { AdapterChooser } from '../chooser/adapter-chooser.ts';

describe('popular images', () => {
  let hub: ScriptedRegistry;
  let client: RegistryClient;
  let chooser: AdapterChooser;

  const list = (ordering: string, images: Record<string, number>): ScriptedStep => ({
    method: 'GET',
    path: `/v2/repositories/library/?page_size=100&ordering=${ordering}`,
    body: JSON.stringify({
      results: Object.entries(images).map(([name, pulls]) => ({ name, namespace: 'library', pull_count: pulls })),
    }),
  });
  const tags = (image: string, rows: { name: string; content_type?: string }[]): ScriptedStep => ({
    method: 'GET',
    path: `/v2/repositories/library/${image}/tags/?page=1&page_size=100&ordering=last_updated`,
    body: JSON.stringify({ count: rows.length, next: null, results: rows }),
  });
  const names = (rows: string[]): { name: string }[] => rows.map((name) => ({ name }));

  beforeEach(async () => {
    hub = await ScriptedRegistry.start();
    client = clientOf({ insecure: { [hub.host]: {} } });
    chooser = new AdapterChooser(client, { hosts: { dockerHub: new URL(`http://${hub.host}`) } });
  });

  afterEach(async () => {
    await client.close();
    await hub.close();
    hub.verify();
  });

  it('are the most pulled, with their newest tags that are worth tracking', async () => {
    hub.expect(list('pull_count', { alpine: 20, nginx: 30, redis: 10 }));
    const many = Array.from({ length: 40 }, (_, i) => `1.${i}`);
    hub.expect(
      tags('nginx', [
        { name: 'latest', content_type: 'image' },
        { name: 'chart', content_type: 'helm' },
        { name: `sha256-${'a'.repeat(64)}.sig`, content_type: 'image' },
        { name: 'b'.repeat(40), content_type: 'image' },
        { name: '-no-tag', content_type: 'image' },
        { name: '1.27', content_type: 'image' },
      ]),
    );
    hub.expect(tags('alpine', names(many)));
    const { images, failure, requests } = await chooser.listPopular(2);
    expect(failure).toBeNull();
    expect(requests).toBe(3);
    expect(images.map(({ repository, tags: newest }) => [repository.toString(), newest])).toEqual([
      ['docker.io/library/nginx', ['latest', '1.27']],
      ['docker.io/library/alpine', many.slice(0, 25)],
    ]);
  });

  it('come from both ends of the list where more than a hundred are wanted', async () => {
    hub.expect(list('pull_count', { nginx: 30, alpine: 20 }), list('-pull_count', { hello: 1, alpine: 20 }));
    for (const image of ['nginx', 'alpine', 'hello']) hub.expect(tags(image, names(['latest'])));
    const { images } = await chooser.listPopular(150);
    expect(images.map(({ repository }) => repository.repository)).toEqual([
      'library/nginx',
      'library/alpine',
      'library/hello',
    ]);
  });

  it('are none where the list is gone', async () => {
    hub.expect({ ...list('pull_count', {}), status: 404 });
    expect(await chooser.listPopular(50)).toMatchObject({ images: [], failure: { code: 'not-found' }, requests: 1 });
    hub.expect({ ...list('pull_count', {}), body: '{"other":1}' });
    expect(await chooser.listPopular(50)).toMatchObject({ images: [], failure: { code: 'bad-answer' } });
  });

  it('leave out an image whose tags cannot be listed, and end where the registry is halted', async () => {
    hub.expect(list('pull_count', { nginx: 30, alpine: 20, redis: 10, httpd: 5 }));
    hub.expect({ ...tags('nginx', []), status: 500 });
    hub.expect(tags('alpine', names(['latest'])));
    hub.expect({ ...tags('redis', []), status: 429, headers: { 'retry-after': '60' } });
    const { images, failure, requests } = await chooser.listPopular(50);
    expect(images.map(({ repository }) => repository.repository)).toEqual(['library/alpine']);
    expect(failure?.code).toBe('throttled');
    expect(requests).toBe(4);
  });

  it('are not looked for where none are wanted', async () => {
    expect(await chooser.listPopular(0)).toEqual({ images: [], failure: null, requests: 0 });
  });
});
