import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MEDIA_TYPES, Reference } from '@dtm/oci';
import type { RegistryClient } from './registry-client.ts';
import { clientOf, failureOf, ScriptedRegistry, type ScriptedStep } from './testing/index.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const found = { headers: { 'docker-content-digest': digest, 'content-type': MEDIA_TYPES.ociIndex } };
const credentials = { username: 'me', password: 'pässword' };
const basic = `Basic ${Buffer.from('me:pässword').toString('base64')}`;
const head = (repository: string, tag = '1.0'): Pick<ScriptedStep, 'method' | 'path'> => ({
  method: 'HEAD',
  path: `/v2/${repository}/manifests/${tag}`,
});

describe('RegistryClient, tokens', () => {
  let registry: ScriptedRegistry;
  let tokens: ScriptedRegistry;
  let client: RegistryClient;
  let clock: Date;

  const start = (access: object = {}): void => {
    client = clientOf({ insecure: { [registry.host]: access, [tokens.host]: {} }, now: () => clock });
  };
  const reference = (repository: string, tag = '1.0'): Reference => Reference.of(registry.host, repository, tag);
  const challenge = (scope?: string): Record<string, string> => ({
    'www-authenticate': `Bearer realm="http://${tokens.host}/token",service="the registry"${scope === undefined ? '' : `,scope="${scope}"`}`,
  });
  const tokenPath = (repository: string): string =>
    `/token?service=the+registry&scope=${encodeURIComponent(`repository:${repository}:pull`)}`;

  beforeEach(async () => {
    registry = await ScriptedRegistry.start();
    tokens = await ScriptedRegistry.start();
    clock = new Date('2026-01-01T00:00:00Z');
    start();
  });

  afterEach(async () => {
    await client.close();
    await Promise.all([registry.close(), tokens.close()]);
    registry.verify();
    tokens.verify();
  });

  it('fetches a token once for all tags of a repository', async () => {
    registry.expect(
      { ...head('a/b'), authorization: null, status: 401, headers: challenge('repository:a/b:pull') },
      { ...head('a/b'), authorization: 'Bearer T1', ...found },
      { ...head('a/b', '2.0'), authorization: 'Bearer T1', ...found },
    );
    tokens.expect({ method: 'GET', path: tokenPath('a/b'), authorization: null, body: '{"token":"T1"}' });
    expect(await client.observe(reference('a/b'))).toMatchObject({ digest, requests: 3 });
    expect(await client.observe(reference('a/b', '2.0'))).toMatchObject({ digest, requests: 1 });
  });

  it("asks for the next repository's token without being told to", async () => {
    registry.expect(
      { ...head('a/b'), status: 401, headers: challenge('repository:a/b:pull'), authorization: null },
      { ...head('a/b'), authorization: 'Bearer T1', ...found },
      { ...head('c/d'), authorization: 'Bearer T2', ...found },
    );
    tokens.expect(
      { method: 'GET', path: tokenPath('a/b'), body: '{"token":"T1"}' },
      { method: 'GET', path: tokenPath('c/d'), body: '{"token":"T2"}' },
    );
    await client.observe(reference('a/b'));
    expect(await client.observe(reference('c/d'))).toMatchObject({ digest, requests: 2 });
  });

  it('fetches one token for many operations at once', async () => {
    registry.expect(
      { ...head('a/b'), authorization: null, status: 401, headers: challenge(), times: 'any' },
      { ...head('a/b'), authorization: 'Bearer T1', ...found, times: 20 },
    );
    tokens.expect({
      method: 'GET',
      path: tokenPath('a/b'),
      answer: (_request, response) => void setTimeout(() => response.end('{"token":"T1"}'), 50),
    });
    await Promise.all(Array.from({ length: 20 }, () => client.observe(reference('a/b'))));
    expect(tokens.seen).toHaveLength(1);
  });

  it('fetches a new token before the old one ends', async () => {
    registry.expect(
      { ...head('a/b'), authorization: null, status: 401, headers: challenge() },
      { ...head('a/b'), authorization: 'Bearer T1', ...found, times: 2 },
      { ...head('a/b'), authorization: 'Bearer T2', ...found },
    );
    tokens.expect(
      { method: 'GET', path: tokenPath('a/b'), body: '{"token":"T1","expires_in":300}' },
      { method: 'GET', path: tokenPath('a/b'), body: '{"token":"T2"}' },
    );
    await client.observe(reference('a/b'));
    clock = new Date(clock.getTime() + 240_000);
    await client.observe(reference('a/b'));
    clock = new Date(clock.getTime() + 20_000);
    expect(await client.observe(reference('a/b'))).toMatchObject({ digest, requests: 2 });
  });

  it.each([
    ['access_token alone', '{"access_token":"T1"}', 'application/json'],
    ['text/plain', '{"token":"T1","expires_in":300}', 'text/plain'],
    ['an empty token beside access_token', '{"token":"","access_token":"T1"}', 'application/json'],
    ['odd fields', '{"token":"T1","expires_in":"300","issued_at":7}', 'application/json'],
    ['a lifetime of a second', '{"token":"T1","expires_in":1}', 'application/json'],
  ])('reads a token from %s', async (_name, body, type) => {
    registry.expect(
      { ...head('a/b'), authorization: null, status: 401, headers: challenge() },
      { ...head('a/b'), authorization: 'Bearer T1', ...found, times: 2 },
    );
    tokens.expect({ method: 'GET', path: tokenPath('a/b'), body, headers: { 'content-type': type } });
    await client.observe(reference('a/b'));
    expect(await client.observe(reference('a/b'))).toMatchObject({ requests: 1 });
  });

  it.each([
    ['HTML', '<html></html>', 'not JSON'],
    ['no token', '{"details":"none"}', 'without a token'],
    ['a token with a line break', '{"token":"a\\r\\nx-evil: 1"}', 'cannot be sent'],
    ['a huge answer', `{"token":"${'t'.repeat(70_000)}"}`, 'too large'],
    ['JSON that is no object', '7', 'without a token'],
  ])('does not use %s from a token service', async (_name, body, words) => {
    registry.expect({ ...head('a/b'), status: 401, headers: challenge() });
    tokens.expect({ method: 'GET', path: tokenPath('a/b'), body });
    const failure = await failureOf(client.observe(reference('a/b')));
    expect(failure).toMatchObject({ code: 'bad-answer', requests: 2 });
    expect(failure.reason).toContain(words);
  });

  it.each([
    [401, 'unauthorized'],
    [403, 'unauthorized'],
    [404, 'bad-answer'],
    [302, 'bad-answer'],
    [500, 'server-error'],
  ] as const)('says what a token service means by %d', async (status, code) => {
    registry.expect({ ...head('a/b'), status: 401, headers: challenge() });
    tokens.expect({ method: 'GET', path: tokenPath('a/b'), status, headers: { location: 'http://127.0.0.1:1/' } });
    expect(await failureOf(client.observe(reference('a/b')))).toMatchObject({ code, requests: 2 });
  });

  it('takes a second 401 as final, and spares the other tags', async () => {
    registry.expect(
      { ...head('a/b'), authorization: null, status: 401, headers: challenge() },
      { ...head('a/b'), authorization: 'Bearer T1', status: 401, headers: challenge() },
      { ...head('a/b', '2.0'), authorization: 'Bearer T1', status: 401, headers: challenge() },
    );
    tokens.expect({ method: 'GET', path: tokenPath('a/b'), body: '{"token":"T1"}' });
    expect(await failureOf(client.observe(reference('a/b')))).toMatchObject({
      code: 'unauthorized',
      reason: 'the registry denies access: the repository is missing or private',
      requests: 3,
    });
    expect(await failureOf(client.observe(reference('a/b', '2.0')))).toMatchObject({
      code: 'unauthorized',
      requests: 1,
    });
  });

  it('replaces a token that the registry no longer takes', async () => {
    registry.expect(
      { ...head('a/b'), authorization: null, status: 401, headers: challenge() },
      { ...head('a/b'), authorization: 'Bearer T1', ...found },
      { ...head('a/b'), authorization: 'Bearer T1', status: 401, headers: challenge() },
      { ...head('a/b'), authorization: 'Bearer T2', ...found },
    );
    tokens.expect(
      { method: 'GET', path: tokenPath('a/b'), body: '{"token":"T1"}' },
      { method: 'GET', path: tokenPath('a/b'), body: '{"token":"T2"}' },
    );
    await client.observe(reference('a/b'));
    expect(await client.observe(reference('a/b'))).toMatchObject({ digest, requests: 3 });
  });

  it('sends credentials to the token service and not to the registry that wants Bearer', async () => {
    await client.close();
    start({ credentials });
    registry.expect(
      { ...head('a/b'), authorization: null, status: 401, headers: challenge() },
      { ...head('a/b'), authorization: 'Bearer T1', ...found },
    );
    tokens.expect({ method: 'GET', path: tokenPath('a/b'), authorization: basic, body: '{"token":"T1"}' });
    expect(await client.observe(reference('a/b'))).toMatchObject({ digest });
  });

  it('answers a Basic challenge, and from then on unasked', async () => {
    await client.close();
    start({ credentials });
    registry.expect(
      { ...head('a/b'), authorization: null, status: 401, headers: { 'www-authenticate': 'basic realm="x"' } },
      { ...head('a/b'), authorization: basic, ...found },
      { ...head('c/d'), authorization: basic, ...found },
    );
    expect(await client.observe(reference('a/b'))).toMatchObject({ requests: 2 });
    expect(await client.observe(reference('c/d'))).toMatchObject({ requests: 1 });
  });

  it('says that Basic needs credentials, and that the configured ones are refused', async () => {
    const wantsBasic = { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } };
    registry.expect({ ...head('a/b'), authorization: null, ...wantsBasic });
    expect(await failureOf(client.observe(reference('a/b')))).toMatchObject({
      code: 'unauthorized',
      reason: 'the registry wants a user name and password, and none are configured',
    });
    await client.close();
    start({ credentials });
    registry.expect(
      { ...head('a/b'), authorization: null, ...wantsBasic },
      { ...head('a/b'), authorization: basic, ...wantsBasic },
    );
    const failure = await failureOf(client.observe(reference('a/b')));
    expect(failure.code).toBe('unauthorized');
    expect(failure.message).toContain('configured credentials');
    expect(failure.message).not.toContain('pässword');
  });

  it('sends a configured token as it is, and does not exchange it', async () => {
    await client.close();
    start({ credentials: { token: 'FIXED' } });
    registry.expect(
      { ...head('a/b'), authorization: 'Bearer FIXED', ...found },
      { ...head('c/d'), authorization: 'Bearer FIXED', status: 401, headers: challenge() },
    );
    await client.observe(reference('a/b'));
    expect(await failureOf(client.observe(reference('c/d')))).toMatchObject({ code: 'unauthorized', requests: 1 });
  });

  it.each<[string, (realm: string) => string | string[]]>([
    [
      'several schemes in one header',
      (realm) => `Negotiate, Basic realm="x", Bearer realm="${realm}",service="the registry"`,
    ],
    [
      'a scheme glued to the one before',
      (realm) => `Bearer realm="${realm}",service="the registry",scope="",Basic realm="x"`,
    ],
    ['a repeated header', (realm) => ['Basic realm="x"', `Bearer realm="${realm}", service="the registry"`]],
    ['capitals and spaces', (realm) => `BEARER  Realm = "${realm}" ,  SERVICE = "the registry"`],
    ['an unquoted address', (realm) => `Bearer realm=${realm},service="the registry"`],
    ['escapes', (realm) => `Bearer realm="${realm}",service="the \\registry",error="a \\"b\\""`],
  ])('understands %s', async (_name, write) => {
    registry.expect(
      {
        ...head('a/b'),
        authorization: null,
        status: 401,
        headers: { 'www-authenticate': write(`http://${tokens.host}/token`) },
      },
      { ...head('a/b'), authorization: 'Bearer T1', ...found },
    );
    tokens.expect({ method: 'GET', path: tokenPath('a/b'), body: '{"token":"T1"}' });
    expect(await client.observe(reference('a/b'))).toMatchObject({ digest, requests: 3 });
  });

  it('keeps what a realm brings along, and asks for each scope by itself', async () => {
    const header = `Bearer realm="http://${tokens.host}/token?a=1",scope="repository:a/b:pull registry:catalog:*"`;
    registry.expect(
      { ...head('a/b'), authorization: null, status: 401, headers: { 'www-authenticate': header } },
      { ...head('a/b'), authorization: 'Bearer T1', ...found },
    );
    tokens.expect({
      method: 'GET',
      path: '/token?a=1&scope=repository%3Aa%2Fb%3Apull&scope=registry%3Acatalog%3A*',
      body: '{"token":"T1"}',
    });
    await client.observe(reference('a/b'));
  });

  it('goes on without a token where the registry answers 401 and names no way in', async () => {
    registry.expect({ ...head('a/b'), status: 401, headers: { 'www-authenticate': 'Bearer realm=""' } });
    expect(await failureOf(client.observe(reference('a/b')))).toMatchObject({ code: 'unauthorized', requests: 1 });
  });

  it("follows a redirect to another host without credentials, and gets that host's own token", async () => {
    const mirror = await ScriptedRegistry.start();
    await client.close();
    client = clientOf({
      insecure: { [registry.host]: { credentials }, [mirror.host]: { credentials }, [tokens.host]: {} },
    });
    registry.expect(
      { ...head('a/b'), authorization: null, status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } },
      {
        ...head('a/b'),
        authorization: basic,
        status: 307,
        headers: { location: `http://${mirror.host}/v2/a/b/manifests/1.0` },
        times: 2,
      },
    );
    mirror.expect(
      { ...head('a/b'), authorization: null, status: 401, headers: challenge() },
      { ...head('a/b'), authorization: 'Bearer T1', ...found, times: 2 },
    );
    tokens.expect({ method: 'GET', path: tokenPath('a/b'), authorization: null, body: '{"token":"T1"}' });
    expect(await client.observe(reference('a/b'))).toMatchObject({ digest, requests: 5 });
    expect(await client.observe(reference('a/b'))).toMatchObject({ digest, requests: 2 });
    await mirror.close();
    mirror.verify();
  });

  it('does not take credentials up again when a redirect leads back', async () => {
    const mirror = await ScriptedRegistry.start();
    await client.close();
    client = clientOf({ insecure: { [registry.host]: { credentials: { token: 'FIXED' } }, [mirror.host]: {} } });
    registry.expect(
      { ...head('a/b'), authorization: 'Bearer FIXED', status: 302, headers: { location: `http://${mirror.host}/x` } },
      { method: 'HEAD', path: '/v2/other/secret/manifests/1.0', authorization: null, ...found },
    );
    mirror.expect({
      method: 'HEAD',
      path: '/x',
      authorization: null,
      status: 302,
      headers: { location: `http://${registry.host}/v2/other/secret/manifests/1.0` },
    });
    await client.observe(reference('a/b'));
    await mirror.close();
    mirror.verify();
  });

  it('keeps credentials on a redirect within the host', async () => {
    await client.close();
    start({ credentials: { token: 'FIXED' } });
    registry.expect(
      {
        ...head('a/b'),
        authorization: 'Bearer FIXED',
        status: 308,
        headers: { location: '/v2/x/y/manifests/1.0?q=1' },
      },
      { method: 'HEAD', path: '/v2/x/y/manifests/1.0?q=1', authorization: 'Bearer FIXED', ...found },
    );
    expect(await client.observe(reference('a/b'))).toMatchObject({ digest, requests: 2 });
  });
});
