import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MEDIA_TYPES, RepositoryName } from '@dtm/oci';
import type { RegistryClient } from '../../registry-client.ts';
import { clientOf, ScriptedRegistry } from '../../testing/index.ts';
import type { TagAnswer } from '../adapter.ts';
import { OciAdapter } from './oci-adapter.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const found = { headers: { 'docker-content-digest': digest, 'content-type': MEDIA_TYPES.ociIndex } };
const path = (tag: string): string => `/v2/team/app/manifests/${tag}`;

describe('OciAdapter', () => {
  let registry: ScriptedRegistry;
  let client: RegistryClient;
  let name: RepositoryName;

  beforeEach(async () => {
    registry = await ScriptedRegistry.start();
    client = clientOf({ insecure: { [registry.host]: {} } });
    name = RepositoryName.of(registry.host, 'team/app');
  });

  afterEach(async () => {
    await client.close();
    await registry.close();
    registry.verify();
  });

  const scan = async (tags: string[], concurrency = 1): Promise<Record<string, string>> => {
    const answers: TagAnswer[] = [];
    for await (const answer of new OciAdapter(client).scan(name, { tags, concurrency })) answers.push(answer);
    expect(answers).toHaveLength(new Set(tags).size);
    return Object.fromEntries(
      answers.map((answer) => [
        answer.tag,
        answer.outcome === 'observed'
          ? answer.observation.outcome
          : answer.outcome === 'failed'
            ? answer.failure.code
            : answer.outcome,
      ]),
    );
  };

  it('answers each tag once, failures among them', async () => {
    registry.expect(
      { method: 'HEAD', path: path('a'), ...found },
      { method: 'HEAD', path: path('b'), status: 404 },
      { method: 'HEAD', path: path('c'), status: 500 },
      { method: 'HEAD', path: path('d'), ...found },
    );
    expect(await scan(['a', 'b', 'c', 'd', 'a'], 3)).toEqual({
      a: 'present',
      b: 'absent',
      c: 'server-error',
      d: 'present',
    });
  });

  it('has no more requests under way than allowed', async () => {
    let running = 0;
    let most = 0;
    const tags = Array.from({ length: 30 }, (_, i) => `t${i}`);
    for (const tag of tags) {
      registry.expect({
        method: 'HEAD',
        path: path(tag),
        answer: (_request, response) => {
          most = Math.max(most, ++running);
          setTimeout(() => {
            running--;
            response.writeHead(200, found.headers).end();
          }, 5);
        },
      });
    }
    await scan(tags, 4);
    expect(most).toBe(4);
  });

  it('asks no further once the registry is throttled', async () => {
    registry.expect(
      { method: 'HEAD', path: path('a'), ...found },
      { method: 'HEAD', path: path('b'), status: 429, headers: { 'retry-after': '60' } },
    );
    expect(await scan(['a', 'b', 'c', 'd'])).toEqual({ a: 'present', b: 'throttled', c: 'throttled', d: 'throttled' });
  });

  it('gives up a registry that does not answer the first tags', async () => {
    registry.expect(...['a', 'b', 'c'].map((tag) => ({ method: 'HEAD' as const, path: path(tag), status: 403 })));
    expect(Object.values(await scan(['a', 'b', 'c', 'd', 'e', 'f']))).toEqual(Array(6).fill('unauthorized'));
  });

  it('goes on where other tags were answered', async () => {
    registry.expect({ method: 'HEAD', path: path('a'), ...found });
    registry.expect(...['b', 'c', 'd', 'e'].map((tag) => ({ method: 'HEAD' as const, path: path(tag), status: 403 })));
    expect((await scan(['a', 'b', 'c', 'd', 'e']))['e']).toBe('unauthorized');
  });

  it('ends with the reason of an aborted signal', async () => {
    const abort = new AbortController();
    registry.expect({ method: 'HEAD', path: path('a'), answer: () => abort.abort(new Error('enough')) });
    const scanning = new OciAdapter(client).scan(name, { tags: ['a', 'b'], concurrency: 1, signal: abort.signal });
    await expect(scanning.next()).rejects.toThrow('enough');
  });
});
