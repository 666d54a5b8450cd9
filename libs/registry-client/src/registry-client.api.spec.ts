import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MEDIA_TYPES, RepositoryName } from '@dtm/oci';
import type { RegistryClient } from './registry-client.ts';
import { clientOf, failureOf, ScriptedRegistry, type ScriptedStep } from './testing/index.ts';
import type { Throttle } from './throttle.ts';

const now = new Date('2026-11-20T12:00:00Z');
const credentials = { username: 'me', password: 'secret' };
const basic = `Basic ${Buffer.from('me:secret').toString('base64')}`;

/** Remembers whose budget is asked, and what is halted. */
class WatchedThrottle implements Throttle {
  readonly acquired: string[] = [];
  readonly halts: string[] = [];

  acquire(registry: string): Promise<void> {
    this.acquired.push(registry);
    return Promise.resolve();
  }

  halt(registry: string, until: Date): Promise<void> {
    this.halts.push(`${registry} ${until.toISOString()}`);
    return Promise.resolve();
  }
}

describe('RegistryClient.ask', () => {
  let registry: ScriptedRegistry;
  let api: ScriptedRegistry;
  let throttle: WatchedThrottle;
  let client: RegistryClient;
  let name: RepositoryName;

  const step = (more: Partial<ScriptedStep> = {}): ScriptedStep => ({ method: 'GET', path: '/api/x?y=1', ...more });
  const ask = (target: string | URL, more: Partial<Parameters<RegistryClient['ask']>[1]> = {}): Promise<unknown> =>
    client.ask(name, { operation: 'ask about', target, ...more }, (answer) => answer.json());

  beforeEach(async () => {
    registry = await ScriptedRegistry.start();
    api = await ScriptedRegistry.start();
    throttle = new WatchedThrottle();
    client = clientOf({
      insecure: { [registry.host]: { credentials }, [api.host]: { credentials } },
      throttle,
      now: () => now,
    });
    name = RepositoryName.of(registry.host, 'team/app');
  });

  afterEach(async () => {
    await client.close();
    await Promise.all([registry.close(), api.close()]);
    registry.verify();
    api.verify();
  });

  it("pays an API at another host out of the registry's budget, and shows it no credentials", async () => {
    api.expect(step({ authorization: null, body: '{"a":1}' }));
    expect(await ask(new URL(`http://${api.host}/api/x?y=1`))).toEqual({ a: 1 });
    api.expect(step({ authorization: null, body: '{"a":2}' }));
    expect(await ask(new URL(`http://${api.host}/api/x?y=1`), { authorization: 'credentials' })).toEqual({ a: 2 });
    expect(throttle.acquired).toEqual([registry.host, registry.host]);
  });

  it('sends a header to the host that it is for, and not where that redirects to', async () => {
    const target = new URL(`http://${api.host}/api/x?y=1`);
    const elsewhere = { location: `http://${registry.host}/elsewhere` };
    api.expect(step({ authorization: 'Bearer T', status: 302, headers: { location: '/api/other' } }));
    api.expect({ method: 'GET', path: '/api/other', authorization: 'Bearer T', status: 302, headers: elsewhere });
    registry.expect({ method: 'GET', path: '/elsewhere', authorization: null, body: '{}' });
    expect(await ask(target, { authorization: { header: 'Bearer T' } })).toEqual({});
  });

  it('shows the registry its credentials at once where it is told to', async () => {
    registry.expect(step({ authorization: basic, body: '{}' }));
    await ask('/api/x?y=1', { authorization: 'credentials' });
    registry.expect(step({ authorization: null, body: '{}' }));
    await ask('/api/x?y=1', { authorization: 'none' });
  });

  it('answers a 401 only where it may', async () => {
    const headers = { 'www-authenticate': 'Basic realm="x"' };
    registry.expect(step({ authorization: null, status: 401, headers }));
    expect(await failureOf(ask('/api/x?y=1', { authorization: 'none' }))).toMatchObject({ code: 'unauthorized' });
    registry.expect(step({ authorization: null, status: 401, headers }), step({ authorization: basic, body: '{}' }));
    expect(await ask('/api/x?y=1')).toEqual({});
  });

  it('posts JSON, and not to where it is sent on', async () => {
    const post = { method: 'POST', path: '/api/x?y=1', sent: '{"q":1}' } as const;
    registry.expect({ ...post, body: '{}' });
    expect(await ask('/api/x?y=1', { post: { q: 1 } })).toEqual({});
    registry.expect({ ...post, status: 307, headers: { location: '/elsewhere' } });
    expect(await failureOf(ask('/api/x?y=1', { post: { q: 1 } }))).toMatchObject({
      code: 'bad-answer',
      operation: 'ask about',
      reference: name.toString(),
    });
  });

  it.each<[number, string, string]>([
    [404, '', 'not-found'],
    [403, '', 'unauthorized'],
    [502, '', 'server-error'],
    [200, '<html>', 'bad-answer'],
  ])('names a failure: %d %s', async (status, body, code) => {
    registry.expect(step({ status, body }));
    expect(await failureOf(ask('/api/x?y=1'))).toMatchObject({ code, requests: 1 });
  });

  it('breaks off an answer that is too large, zipped or not', async () => {
    registry.expect(step({ body: `"${'x'.repeat(2000)}"` }));
    expect(await failureOf(ask('/api/x?y=1', { maxBytes: 1000 }))).toMatchObject({ code: 'bad-answer' });
  });

  it('halts the registry where an answer says that it was the last one for now', async () => {
    const headers = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(now.getTime() / 1000 + 60) };
    api.expect(step({ body: '{}', headers }));
    expect(await ask(new URL(`http://${api.host}/api/x?y=1`))).toEqual({});
    expect(throttle.halts).toEqual([`${registry.host} 2026-11-20T12:01:00.000Z`]);
  });

  it('does not halt it for an API that counts by itself', async () => {
    const headers = { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(now.getTime() / 1000 + 60) };
    api.expect(step({ body: '{}', headers }), step({ status: 429, headers: { 'retry-after': '60' } }));
    const target = new URL(`http://${api.host}/api/x?y=1`);
    const statusOf = (): Promise<number> =>
      client.ask(name, { operation: 'ask about', target, ownLimits: true }, ({ status }) => status);
    expect([await statusOf(), await statusOf()]).toEqual([200, 429]);
    expect(throttle.halts).toEqual([]);
  });

  it('does not halt Docker Hub for pulls that are used up, as HEAD is none', async () => {
    const headers = {
      'docker-content-digest': `sha256:${'a'.repeat(64)}`,
      'content-type': MEDIA_TYPES.ociIndex,
      'ratelimit-limit': '100;w=21600',
      'ratelimit-remaining': '0;w=21600',
    };
    registry.expect({ method: 'HEAD', path: '/v2/team/app/manifests/1.0', headers });
    await client.observe(name.tag('1.0'));
    expect(throttle.halts).toEqual([]);
  });

  it.each(['http://169.254.169.254/', 'https://127.0.0.1:1/', 'https://localhost/'])(
    'does not ask an API at %s',
    async (target) => {
      expect(await failureOf(ask(new URL(target)))).toMatchObject({ code: 'refused', requests: 0 });
    },
  );
});

describe('identity tokens', () => {
  let registry: ScriptedRegistry;
  let client: RegistryClient;

  beforeEach(async () => {
    registry = await ScriptedRegistry.start();
  });

  afterEach(async () => {
    await client.close();
    await registry.close();
    registry.verify();
  });

  it.each([404, 405])('fall back to GET for their user where a service answers %d to OAuth2', async (status) => {
    const username = '00000000-0000-0000-0000-000000000000';
    client = clientOf({ insecure: { [registry.host]: { credentials: { username, password: 'IDENTITY' } } } });
    const challenge = `Bearer realm="http://${registry.host}/token",service="s"`;
    const head = { method: 'HEAD', path: '/v2/team/app/manifests/1.0' } as const;
    registry.expect({ ...head, authorization: null, status: 401, headers: { 'www-authenticate': challenge } });
    registry.expect({ method: 'POST', path: '/token', status });
    registry.expect({
      method: 'GET',
      path: '/token?service=s&scope=repository%3Ateam%2Fapp%3Apull',
      authorization: `Basic ${Buffer.from(`${username}:IDENTITY`).toString('base64')}`,
      body: '{"access_token":"T"}',
    });
    registry.expect({ ...head, authorization: 'Bearer T', status: 404 });
    const name = RepositoryName.of(registry.host, 'team/app');
    expect(await client.observe(name.tag('1.0'))).toMatchObject({ outcome: 'absent', requests: 4 });
  });

  it('are never shown to a registry itself, nor named where they are refused', async () => {
    client = clientOf({ insecure: { [registry.host]: { credentials: { identityToken: 'IDENTITY' } } } });
    const headers = { 'www-authenticate': `Bearer realm="http://${registry.host}/token"` };
    const head = { method: 'HEAD', path: '/v2/team/app/manifests/1.0' } as const;
    registry.expect({ ...head, authorization: null, status: 401, headers });
    registry.expect({ method: 'POST', path: '/token', status: 401, body: 'IDENTITY' });
    const name = RepositoryName.of(registry.host, 'team/app');
    const failure = await failureOf(client.observe(name.tag('1.0')));
    expect(failure.code).toBe('unauthorized');
    expect(failure.message).not.toContain('IDENTITY');
    expect(failure.message).toContain('configured credentials');
  });
});
