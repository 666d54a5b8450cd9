import { createHash } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { MANIFEST_ACCEPT, MEDIA_TYPES, Reference, RepositoryName } from '@dtm/oci';
import type { RegistryClient } from './registry-client.ts';
import { clientOf, failureOf, ScriptedRegistry, type ScriptedStep, selfSignedCertificate } from './testing/index.ts';

const manifest = JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.ociIndex, manifests: [] });
const digest = `sha256:${createHash('sha256').update(manifest).digest('hex')}`;
const other = `sha256:${'b'.repeat(64)}`;
const path = '/v2/team/app/manifests/1.0';
const headers = { 'docker-content-digest': digest, 'content-type': MEDIA_TYPES.ociIndex };

describe('RegistryClient.observe', () => {
  let registry: ScriptedRegistry;
  let client: RegistryClient;
  let reference: Reference;

  beforeEach(async () => {
    registry = await ScriptedRegistry.start();
    client = clientOf({ insecure: { [registry.host]: {} } });
    reference = Reference.of(registry.host, 'team/app', '1.0');
  });

  afterEach(async () => {
    await client.close();
    await registry.close();
    registry.verify();
  });

  it('takes the digest from HEAD, asked with the complete Accept list', async () => {
    registry.expect({
      method: 'HEAD',
      path,
      headers: { ...headers, 'content-type': `${MEDIA_TYPES.ociIndex}; charset=utf-8` },
    });
    const before = Date.now();
    const observation = await client.observe(reference);
    expect(observation).toMatchObject({
      outcome: 'present',
      digest,
      mediaType: MEDIA_TYPES.ociIndex,
      source: 'head',
      requests: 1,
    });
    expect(observation.sentAt.getTime()).toBeGreaterThanOrEqual(before);
    expect(observation.receivedAt.getTime()).toBeGreaterThanOrEqual(observation.sentAt.getTime());
    expect(registry.seen[0]?.headers.accept).toBe(MANIFEST_ACCEPT);
    expect(registry.seen[0]?.headers['user-agent']).toContain('docker-tag-monitor');
    expect(registry.seen[0]?.headers['accept-encoding']).toBeUndefined();
  });

  it('keeps connections over many HEADs', async () => {
    registry.expect({ method: 'HEAD', path, headers, times: 100 });
    for (let i = 0; i < 100; i++) await client.observe(reference);
    // undici frees a connection one turn of the event loop after its answer, so that the next request opens a second one.
    expect(registry.connections).toBeLessThanOrEqual(2);
    expect(registry.seen[0]?.headers.connection).toBe('keep-alive');
  });

  it('opens no more connections than allowed', async () => {
    await client.close();
    client = clientOf({ insecure: { [registry.host]: {} }, connectionsPerRegistry: 4 });
    registry.expect({ method: 'HEAD', path, headers, times: 200 });
    await Promise.all(Array.from({ length: 200 }, () => client.observe(reference)));
    expect(registry.connections).toBeLessThanOrEqual(4);
  });

  it.each<[string, Record<string, string | string[]>]>([
    ['missing', { 'content-type': MEDIA_TYPES.ociIndex }],
    ['no digest', { ...headers, 'docker-content-digest': 'latest' }],
    ['cut off', { ...headers, 'docker-content-digest': 'sha256:abc' }],
    ['repeated', { ...headers, 'docker-content-digest': [digest, other] }],
    ['of an answer without a media type', { 'docker-content-digest': digest }],
    ['of a page of HTML', { ...headers, 'content-type': 'text/html' }],
  ])('fetches and hashes the manifest where the digest header is %s', async (_name, odd) => {
    registry.expect(
      { method: 'HEAD', path, headers: odd },
      { method: 'GET', path, body: manifest, headers: { 'content-type': MEDIA_TYPES.ociIndex } },
    );
    expect(await client.observe(reference)).toMatchObject({ outcome: 'present', digest, source: 'get', requests: 2 });
  });

  it.each([405, 501])('fetches the manifest where HEAD is answered by %d', async (status) => {
    registry.expect({ method: 'HEAD', path, status }, { method: 'GET', path, body: manifest, headers });
    expect(await client.observe(reference)).toMatchObject({ digest, source: 'get' });
  });

  it('reads the media type from the manifest where the header does not tell', async () => {
    registry.expect(
      { method: 'HEAD', path },
      { method: 'GET', path, body: manifest, headers: { 'content-type': 'application/json' } },
    );
    expect(await client.observe(reference)).toMatchObject({ digest, mediaType: MEDIA_TYPES.ociIndex });
  });

  it('checks a sha512 digest by its own algorithm', async () => {
    const sha512 = `sha512:${createHash('sha512').update(manifest).digest('hex')}`;
    registry.expect(
      { method: 'HEAD', path },
      { method: 'GET', path, body: manifest, headers: { ...headers, 'docker-content-digest': sha512 } },
    );
    expect(await client.observe(reference)).toMatchObject({ digest: sha512, source: 'get' });
  });

  it.each<[string, Partial<ScriptedStep>, string]>([
    [
      'another digest than its own',
      { body: manifest, headers: { ...headers, 'docker-content-digest': other } },
      'names digest',
    ],
    [
      'a digest of unknown kind',
      { body: manifest, headers: { ...headers, 'docker-content-digest': 'md6:abc' } },
      'unknown kind',
    ],
    ['HTML', { body: '<html>Sign in</html>', headers: { 'content-type': 'text/html' } }, 'not JSON'],
    ['JSON that is no manifest', { body: '{"status":"ok"}' }, 'no manifest'],
    ['a JSON array', { body: '[]' }, 'no manifest'],
    ['a manifest of no known shape', { body: '{"schemaVersion":2}' }, 'no manifest'],
    ['nothing', { body: '' }, 'not JSON'],
    ['compressed bytes', { body: manifest, headers: { ...headers, 'content-encoding': 'gzip' } }, 'encoded as "gzip"'],
  ])('does not believe %s', async (_name, step, words) => {
    registry.expect({ method: 'HEAD', path }, { method: 'GET', path, ...step });
    const failure = await failureOf(client.observe(reference));
    expect(failure).toMatchObject({
      code: 'bad-answer',
      operation: 'HEAD',
      reference: reference.toString(),
      requests: 2,
    });
    expect(failure.message).toContain(words);
  });

  it('calls a 404 absent', async () => {
    registry.expect({ method: 'HEAD', path, status: 404 });
    expect(await client.observe(reference)).toMatchObject({ outcome: 'absent', requests: 1 });
  });

  it.each([
    [500, 'server-error', 'the registry answered 500 Internal Server Error'],
    [503, 'server-error', 'the registry answered 503 Service Unavailable'],
    [400, 'bad-answer', 'the registry answered 400 Bad Request'],
    [401, 'unauthorized', 'the registry denies access: the repository is missing or private'],
    [403, 'unauthorized', 'the registry answered 403 Forbidden: the repository is missing or private'],
  ] as const)('says what a %d means', async (status, code, reason) => {
    registry.expect({ method: 'HEAD', path, status });
    const failure = await failureOf(client.observe(reference));
    expect(failure).toMatchObject({ code, reason, requests: 1 });
    expect(failure.message).toBe(`HEAD ${registry.host}/team/app:1.0: ${reason}`);
  });

  it('asks again where a kept connection had just been closed', async () => {
    registry.expect(
      { method: 'HEAD', path, answer: (request) => request.socket.destroy() },
      { method: 'HEAD', path, headers },
    );
    expect(await client.observe(reference)).toMatchObject({ digest, requests: 2 });
  });

  it('gives up where connections are closed again and again', async () => {
    registry.expect({ method: 'HEAD', path, times: 2, answer: (request) => request.socket.destroy() });
    expect(await failureOf(client.observe(reference))).toMatchObject({ code: 'unreachable', requests: 2 });
  });

  it('copes with a server that sends a body after HEAD', async () => {
    const rude = (request: Parameters<NonNullable<ScriptedStep['answer']>>[0]): void => {
      request.socket.write(`HTTP/1.1 200 OK\r\ndocker-content-digest: ${digest}\r\n`);
      request.socket.write(
        `content-type: ${MEDIA_TYPES.ociIndex}\r\ncontent-length: ${manifest.length}\r\n\r\n${manifest}`,
      );
    };
    registry.expect({ method: 'HEAD', path, times: 'any', answer: rude });
    for (let i = 0; i < 5; i++) expect(await client.observe(reference)).toMatchObject({ digest, source: 'head' });
  });

  it('says that a registry refuses connections', async () => {
    await registry.close();
    const failure = await failureOf(client.observe(reference));
    expect(failure).toMatchObject({
      code: 'unreachable',
      reason: `${registry.host} cannot be asked: it refuses connections`,
    });
    registry = await ScriptedRegistry.start();
  });

  it('says that a name does not resolve', async () => {
    const resolving = clientOf({
      resolve: (name, _options, callback) =>
        callback(Object.assign(new Error(`no ${name}`), { code: 'ENOTFOUND' }), ''),
    });
    const failure = await failureOf(resolving.observe(Reference.of('registry.example.com', 'team/app', '1.0')));
    expect(failure).toMatchObject({
      code: 'unreachable',
      reason: 'registry.example.com cannot be asked: its name does not resolve',
    });
    await resolving.close();
  });

  it('says that what answers is not HTTP', async () => {
    registry.expect({
      method: 'HEAD',
      path,
      times: 2,
      answer: (request) => request.socket.end('220 mail.example.com ESMTP\r\n'),
    });
    expect(await failureOf(client.observe(reference))).toMatchObject({ code: 'bad-answer' });
  });

  it('speaks TLS with an authority of the configuration, and only then', async () => {
    const tls = selfSignedCertificate();
    const secure = await ScriptedRegistry.start({ tls });
    secure.expect({ method: 'HEAD', path, headers });
    const access = { plainHttp: false, privateAddresses: true };
    const trusting = clientOf({ accessOf: () => ({ ...access, ca: tls.cert }) });
    const doubting = clientOf({ accessOf: () => access });
    const target = Reference.of(secure.host, 'team/app', '1.0');
    expect(await trusting.observe(target)).toMatchObject({ digest });
    const failure = await failureOf(doubting.observe(target));
    expect(failure.code).toBe('unreachable');
    expect(failure.reason).toContain('certificate is not trusted');
    await Promise.all([trusting.close(), doubting.close(), secure.close()]);
    secure.verify();
  });

  it('says that a registry speaks plain HTTP where TLS is wanted', async () => {
    const secure = clientOf({ accessOf: () => ({ plainHttp: false, privateAddresses: true }) });
    const failure = await failureOf(secure.observe(reference));
    expect(failure.code).toBe('unreachable');
    expect(failure.reason).toContain('it does not speak TLS: list it in INSECURE_REGISTRIES if plain HTTP is meant');
    await secure.close();
  });

  it('reports each request for metrics', async () => {
    await client.close();
    const infos: unknown[] = [];
    client = clientOf({
      insecure: { [registry.host]: {} },
      onRequest: (name, info) => infos.push([name, info.method, info.status]),
    });
    registry.expect({ method: 'HEAD', path }, { method: 'GET', path, body: manifest });
    await client.observe(reference);
    expect(infos).toEqual([
      [registry.host, 'HEAD', 200],
      [registry.host, 'GET', 200],
    ]);
  });

  it('ends with the reason of an aborted signal', async () => {
    const abort = new AbortController();
    registry.expect({ method: 'HEAD', path, answer: () => abort.abort(new Error('enough')) });
    await expect(client.observe(reference, { signal: abort.signal })).rejects.toThrow('enough');
    await expect(client.observe(reference, { signal: abort.signal })).rejects.toThrow('enough');
  });
});

describe('RegistryClient.getManifest', () => {
  it('checks bytes against the digest they were asked by', async () => {
    const registry = await ScriptedRegistry.start();
    const client = clientOf({ insecure: { [registry.host]: {} } });
    const name = RepositoryName.of(registry.host, 'team/app');
    registry.expect(
      { method: 'GET', path: `/v2/team/app/manifests/${digest}`, body: manifest },
      { method: 'GET', path: `/v2/team/app/manifests/${other}`, body: manifest },
      { method: 'GET', path: '/v2/team/app/manifests/gone', status: 404 },
    );
    const found = await client.getManifest(name, digest);
    expect(found).toMatchObject({
      outcome: 'present',
      digest,
      mediaType: MEDIA_TYPES.ociIndex,
      content: { schemaVersion: 2 },
    });
    const failure = await failureOf(client.getManifest(name, other));
    expect(failure).toMatchObject({ code: 'bad-answer', reference: `${registry.host}/team/app@${other}` });
    expect(await client.getManifest(name, 'gone')).toMatchObject({ outcome: 'absent' });
    await client.close();
    await registry.close();
    registry.verify();
  });
});
