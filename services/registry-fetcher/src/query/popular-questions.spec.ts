import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { AdapterChooser, type RegistryClient } from '@dtm/registry-client';
import { clientOf, ScriptedRegistry, type ScriptedStep } from '@dtm/registry-client/testing';
import { PopularQuestions } from './popular-questions.ts';

describe('PopularQuestions', () => {
  let hub: ScriptedRegistry;
  let client: RegistryClient;
  let questions: PopularQuestions;
  beforeEach(async () => {
    hub = await ScriptedRegistry.start();
    client = clientOf({ insecure: { [hub.host]: {} } });
    questions = new PopularQuestions(
      new AdapterChooser(client, { hosts: { dockerHub: new URL(`http://${hub.host}`) } }),
    );
  });
  afterEach(async () => {
    await client.close();
    await hub.close();
    hub.verify();
  });

  const list = (step: Partial<ScriptedStep>): ScriptedStep => ({
    method: 'GET',
    path: '/v2/repositories/library/?page_size=100&ordering=pull_count',
    ...step,
  });

  it('names the most pulled images with their newest 25 tags that are images and worth tracking', async () => {
    const tags = Array.from({ length: 30 }, (_, i) => ({ name: `1.${i}`, content_type: i === 3 ? 'helm' : 'image' }));
    const images = { nginx: 30, redis: 20, httpd: 10 };
    const results = Object.entries(images).map(([name, pulls]) => ({ name, namespace: 'library', pull_count: pulls }));
    hub.expect(list({ body: JSON.stringify({ results }) }));
    for (const name of ['nginx', 'redis']) {
      hub.expect({
        method: 'GET',
        path: `/v2/repositories/library/${name}/tags/?page=1&page_size=100&ordering=last_updated`,
        body: JSON.stringify({ results: [...tags, { name: 'a'.repeat(40), content_type: 'image' }] }),
      });
    }
    const answer = await questions.popularImages({ count: 2 });
    expect(answer.failure).toBeNull();
    expect(answer.images.map(({ registry, repository }) => `${registry}/${repository}`)).toEqual([
      'docker.io/library/nginx',
      'docker.io/library/redis',
    ]);
    const newest = tags.filter(({ content_type: type }) => type === 'image').map(({ name }) => name);
    expect(answer.images[0]?.tags).toEqual(newest.slice(0, 25));
  });

  it.each<[string, Partial<ScriptedStep>, string]>([
    ['is gone', { status: 404 }, 'not-found'],
    ['has changed', { body: '{"other":1}' }, 'bad-answer'],
    ['is refused', { status: 429, headers: { 'retry-after': '60' } }, 'throttled'],
  ])('names none, and why, where the list %s', async (_what, step, code) => {
    hub.expect(list(step));
    expect(await questions.popularImages({ count: 50 })).toEqual({
      images: [],
      failure: { code, reason: expect.any(String) },
    });
  });

  it('names none, and why, where there is no Docker Hub', async () => {
    const away = await ScriptedRegistry.start();
    await away.close();
    const chooser = new AdapterChooser(clientOf({ insecure: { [away.host]: {} } }), {
      hosts: { dockerHub: new URL(`http://${away.host}`) },
    });
    expect(await new PopularQuestions(chooser).popularImages({ count: 50 })).toMatchObject({
      images: [],
      failure: { code: 'unreachable' },
    });
  });
});
