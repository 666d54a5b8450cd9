import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRegistry, type RunningRegistry } from '@dtm/testing';
import { LocalThrottle, RegistryClient, type RegistryAccess } from '@dtm/registry-client';
import { ScriptedTags } from '../testing/scripted-tags.ts';
import { RegistryQuestions } from './registry-questions.ts';

describe('RegistryQuestions', () => {
  let registry: RunningRegistry;
  let scripted: ScriptedTags;
  const clients: RegistryClient[] = [];
  beforeAll(async () => void ([registry, scripted] = await Promise.all([startRegistry(), ScriptedTags.start()])));
  afterAll(async () => {
    await Promise.all(clients.map((client) => client.close()));
    await Promise.all([registry.stop(), scripted.close()]);
    scripted.verify();
  });

  function questions(access: RegistryAccess = { plainHttp: true, privateAddresses: true }): RegistryQuestions {
    const client = new RegistryClient({
      accessOf: () => access,
      throttle: new LocalThrottle({ requestsPerSecond: 1000 }),
      retry: { maxOnRateLimit: 0, sleepMs: 0, cooldownMs: 60_000 },
    });
    clients.push(client);
    return new RegistryQuestions(client);
  }

  it('knows whether a tag exists, and which there are', async () => {
    await registry.pushImage('team/app', '1.0');
    await registry.pushImage('team/app', '1.1');
    const asked = questions();
    const name = { registry: registry.host, repository: 'team/app' };
    expect(await asked.tagExists({ ...name, tag: '1.0' })).toEqual({ outcome: 'exists' });
    expect(await asked.tagExists({ ...name, tag: '2.0' })).toEqual({
      outcome: 'not-found',
      reason: `${registry.host} has no tag ${registry.host}/team/app:2.0`,
    });
    expect(await asked.availableTags(name)).toEqual({ outcome: 'listed', tags: ['1.0', '1.1'] });
    expect(await asked.availableTags({ ...name, repository: 'team/none' })).toMatchObject({ outcome: 'not-found' });
  });

  it('says refused where configuration does not list a private address', async () => {
    const asked = questions({ plainHttp: false, privateAddresses: false });
    const name = { registry: registry.host, repository: 'team/app' };
    const refusal = { outcome: 'refused', reason: expect.stringContaining('INSECURE_REGISTRIES') };
    expect(await asked.tagExists({ ...name, tag: '1.0' })).toEqual(refusal);
    expect(await asked.availableTags(name)).toEqual(refusal);
  });

  it('says unreachable where nobody listens, and where the registry fails', async () => {
    const closed = await ScriptedTags.start();
    await closed.close();
    const unreachable = { outcome: 'unreachable', reason: expect.any(String) };
    expect(await questions().tagExists({ registry: closed.host, repository: 'a', tag: 'b' })).toEqual(unreachable);
    expect(await questions().availableTags({ registry: closed.host, repository: 'a' })).toEqual(unreachable);
    scripted.tags.set('team/app:broken', { status: 500 });
    expect(await questions().tagExists({ registry: scripted.host, repository: 'team/app', tag: 'broken' })).toEqual(
      unreachable,
    );
  });

  it('says not-found for a private repository, since registries do not tell it from a missing one', async () => {
    scripted.tags.set('team/private:a', { status: 401 });
    const answer = await questions().tagExists({ registry: scripted.host, repository: 'team/private', tag: 'a' });
    expect(answer).toEqual({ outcome: 'not-found', reason: expect.stringContaining('missing or private') });
  });

  it('says throttled and until when, at once while the registry is halted', async () => {
    scripted.tags.set('team/app:limited', { status: 429, headers: { 'retry-after': '120' } });
    const asked = questions();
    const question = { registry: scripted.host, repository: 'team/app', tag: 'limited' };
    const first = await asked.tagExists(question);
    expect(first).toMatchObject({ outcome: 'throttled', retryAt: expect.stringMatching(/Z$/) });
    const before = scripted.seen.length;
    expect(await asked.tagExists(question)).toMatchObject({ outcome: 'throttled', retryAt: expect.any(String) });
    expect(scripted.seen).toHaveLength(before);
  });

  it('sends the newest tags of a list that is too long for a message', async () => {
    const tags = Array.from({ length: 20_000 }, (_, i) => `${i}.0.0-${'x'.repeat(100)}`);
    scripted.listings.set('team/long', { status: 200, body: JSON.stringify({ tags }) });
    const answer = await questions().availableTags({ registry: scripted.host, repository: 'team/long' });
    if (answer.outcome !== 'listed') throw new Error(answer.reason);
    expect(JSON.stringify({ answer }).length).toBeLessThan(1024 * 1024);
    expect(answer.tags[0]).toBe(tags.at(-1));
    expect(answer.tags.length).toBeGreaterThan(5000);
  });

  it('makes nothing of a list that only a hostile registry sends', async () => {
    const tags = Array.from({ length: 500_000 }, (_, i) => i.toString(36));
    scripted.listings.set('team/hostile', { status: 200, body: JSON.stringify({ tags }) });
    expect(await questions().availableTags({ registry: scripted.host, repository: 'team/hostile' })).toEqual({
      outcome: 'unreachable',
      reason: expect.stringContaining('too large'),
    });
  });

  it('throws on a question that names no tag', async () => {
    await expect(questions().tagExists({ registry: 'docker.io', repository: 'nginx', tag: 'x' })).rejects.toThrow(
      'not a canonical repository',
    );
  });
});
