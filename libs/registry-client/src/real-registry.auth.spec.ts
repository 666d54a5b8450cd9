import { createSign, randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { Reference, RepositoryName } from '@dtm/oci';
import { type RunningRegistry, startRegistry } from '@dtm/testing';
import { OciAdapter } from './adapters/oci/oci-adapter.ts';
import { parseDockerConfig } from './credentials/docker-config.ts';
import { readFacts } from './facts/manifest-facts.ts';
import type { RegistryAccess } from './registry-access.ts';
import type { RegistryClient } from './registry-client.ts';
import { clientOf, failureOf, scanOf, selfSignedCertificate } from './testing/index.ts';

const username = 'someone';
const password = 'testpassword';
/** bcrypt of the password above. */
const HTPASSWD = `${username}:$2b$05$abcdefghijklmnopqrstuuumdHvtDbXLiMUnSzTg5m4tpQDY2nJOK\n`;
const basic = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;

describe('a real registry with htpasswd', () => {
  let registry: RunningRegistry;
  const client = (credentials?: RegistryAccess['credentials']): RegistryClient =>
    clientOf({ insecure: { [registry.host]: credentials === undefined ? {} : { credentials } } });

  beforeAll(async () => {
    registry = await startRegistry({
      auth: {
        kind: 'htpasswd',
        settings: { realm: 'test' },
        file: { setting: 'path', content: HTPASSWD },
        authorization: basic,
      },
    });
  });

  afterAll(() => registry.stop());

  it('opens to the user of a Docker configuration, and keeps the way in mind', async () => {
    const pushed = await registry.pushImage('team/app', '1.0');
    const config = parseDockerConfig(
      JSON.stringify({ auths: { [registry.host]: { auth: basic.slice('Basic '.length) } } }),
      'config.json',
    );
    const asking = client(config.credentials.get(registry.host));
    const reference = Reference.of(registry.host, 'team/app', '1.0');
    expect(await asking.observe(reference)).toMatchObject({ digest: pushed.digest, requests: 2 });
    expect(await asking.observe(reference)).toMatchObject({ digest: pushed.digest, requests: 1 });
    expect(await asking.listTags(reference.name)).toMatchObject({ tags: ['1.0'], complete: true });
    await asking.close();
  });

  it.each([['nobody'], ['the wrong password']])('is closed to %s', async (whom) => {
    const asking = client(whom === 'nobody' ? undefined : { username, password: 'wrong' });
    const failure = await failureOf(asking.observe(Reference.of(registry.host, 'team/app', '1.0')));
    expect(failure.code).toBe('unauthorized');
    expect(failure.message).not.toContain('wrong');
    await asking.close();
  });
});

describe('a real registry with a token service', () => {
  const issuer = 'docker-tag-monitor tests';
  const certificate = selfSignedCertificate();
  let service: Server;
  let registry: RunningRegistry;
  let asked: { method: string; authorization: string | undefined; scopes: string[] }[];

  /** A token as the distribution registry wants it: signed by a key whose certificate comes along. */
  const tokenFor = (scopes: string[]): string => {
    const now = Math.floor(Date.now() / 1000);
    const x5c = [certificate.cert.replace(/-----[^-]+-----|\s/g, '')];
    const access = scopes.map((scope) => {
      const [type, name, actions = ''] = scope.split(':');
      return { type, name, actions: actions.split(',') };
    });
    const claims = {
      iss: issuer,
      sub: '',
      aud: 'tests',
      exp: now + 300,
      nbf: now - 60,
      iat: now,
      jti: randomUUID(),
      access,
    };
    const parts = [{ typ: 'JWT', alg: 'ES256', x5c }, claims].map((part) =>
      Buffer.from(JSON.stringify(part)).toString('base64url'),
    );
    const signature = createSign('sha256')
      .update(parts.join('.'))
      .sign({ key: certificate.key, dsaEncoding: 'ieee-p1363' });
    return `${parts.join('.')}.${signature.toString('base64url')}`;
  };
  const realmHost = (): string => `127.0.0.1:${(service.address() as AddressInfo).port}`;

  beforeAll(async () => {
    asked = [];
    service = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const form = new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
        const query = new URL(request.url ?? '', 'http://service').searchParams;
        const scopes = request.method === 'POST' ? (form.get('scope') ?? '').split(' ') : query.getAll('scope');
        const { authorization } = request.headers;
        asked.push({ method: request.method ?? '', authorization, scopes });
        const known = authorization === basic || form.get('refresh_token') === 'IDENTITY';
        if ((authorization !== undefined || request.method === 'POST') && !known) {
          response.writeHead(401).end('{}');
          return;
        }
        // Whoever is not known may see what is public.
        const granted = scopes.filter((scope) => known || scope.startsWith('repository:public/'));
        response.writeHead(200, { 'content-type': 'text/plain' });
        response.end(JSON.stringify({ access_token: tokenFor(granted), expires_in: 300 }));
      });
    });
    await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
    const pushing = ['public/app', 'secret/app'].map((name) => `repository:${name}:pull,push`);
    registry = await startRegistry({
      auth: {
        kind: 'token',
        settings: { realm: `http://${realmHost()}/token`, service: 'tests', issuer },
        file: { setting: 'rootcertbundle', content: certificate.cert },
        authorization: `Bearer ${tokenFor(pushing)}`,
      },
    });
    for (const tag of ['1.0', '2.0', '3.0']) await registry.pushIndex('public/app', tag);
    await registry.pushImage('secret/app', '1.0');
  });

  afterAll(async () => {
    await registry.stop();
    service.closeAllConnections();
    await new Promise((resolve) => service.close(resolve));
  });

  const client = (credentials?: RegistryAccess['credentials']): RegistryClient => {
    asked.length = 0;
    const access = credentials === undefined ? {} : { credentials };
    return clientOf({ insecure: { [registry.host]: access, [realmHost()]: {} } });
  };

  it('is scanned with one token for a repository', async () => {
    const asking = client();
    const name = RepositoryName.of(registry.host, 'public/app');
    const scan = await scanOf(new OciAdapter(asking), name, { tags: ['1.0', '2.0', '3.0', 'missing'] });
    expect(Object.values(scan.tags).filter((words) => words.startsWith('observed sha256:'))).toHaveLength(3);
    expect(scan.tags['missing']).toBe('absent');
    expect(scan.summary.requests).toBe(6);
    expect(asked).toEqual([{ method: 'GET', authorization: undefined, scopes: ['repository:public/app:pull'] }]);
    expect((await asking.listTags(name)).tags.sort()).toEqual(['1.0', '2.0', '3.0']);
    expect(asked).toHaveLength(1);
    await asking.close();
  });

  it('tells what an image is by three requests and a token', async () => {
    const asking = client();
    const reference = Reference.of(registry.host, 'public/app', '1.0');
    const observation = await asking.observe(reference);
    if (observation.outcome !== 'present') throw new Error('it is not there');
    const facts = await readFacts(asking, reference.name, observation.digest);
    expect(facts.requests).toBeLessThanOrEqual(3);
    expect(facts.platforms.map(({ os, architecture }) => `${os}/${architecture}`)).toEqual([
      'linux/amd64',
      'linux/arm64',
    ]);
    expect(facts.size).toBeGreaterThan(0);
    await asking.close();
  });

  it.each<[string, RegistryAccess['credentials'], 'GET' | 'POST']>([
    ['a password', { username, password }, 'GET'],
    ['an identity token, by OAuth2', { identityToken: 'IDENTITY' }, 'POST'],
  ])('opens what is private to whoever has %s', async (_words, credentials, method) => {
    const asking = client(credentials);
    expect(await asking.observe(Reference.of(registry.host, 'secret/app', '1.0'))).toMatchObject({
      outcome: 'present',
    });
    expect(asked).toEqual([
      { method, authorization: method === 'GET' ? basic : undefined, scopes: ['repository:secret/app:pull'] },
    ]);
    await asking.close();
  });

  it.each<[string, RegistryAccess['credentials'] | undefined]>([
    ['nobody', undefined],
    ['a wrong password', { username, password: 'wrong' }],
    ['a wrong identity token', { identityToken: 'wrong' }],
  ])('keeps it from %s', async (_words, credentials) => {
    const asking = client(credentials);
    const failure = await failureOf(asking.observe(Reference.of(registry.host, 'secret/app', '1.0')));
    expect(failure.code).toBe('unauthorized');
    expect(failure.message).not.toContain('wrong');
    await asking.close();
  });
});
