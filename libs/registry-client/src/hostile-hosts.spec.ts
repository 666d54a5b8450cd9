import type { LookupFunction } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { Reference, RepositoryName } from '@dtm/oci';
import type { RegistryClient } from './registry-client.ts';
import { clientOf, failureOf, ScriptedRegistry } from './testing/index.ts';
import { apiUrlOf } from './transport/endpoint.ts';

const path = '/v2/team/app/manifests/1.0';
/** A resolver for hosts that must be refused before they are looked up. */
const neverAsked: LookupFunction = (name) => {
  throw new Error(`${name} was looked up`);
};
const answering = (...addresses: string[]): LookupFunction => {
  return (_name, _options, callback) =>
    callback(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    );
};

/** Registries that people may type. */
const HOSTS = [
  '127.0.0.1:5000',
  '127.0.0.1',
  '127.8.8.8:80',
  '0.0.0.0:5000',
  'localhost',
  'localhost:5000',
  'registry.localhost:5000',
  '[::1]',
  '[::1]:5000',
  '[::]:5000',
  '[::ffff:127.0.0.1]:5000',
  '[::ffff:7f00:1]:5000',
  '[::127.0.0.1]:5000',
  '[64:ff9b::7f00:1]:5000',
  '[2002:7f00:1::]:5000',
  '[fe80::1]:5000',
  '[fd00::1]:5000',
  '[fd00:ec2::254]',
  '[ff02::1]:5000',
  '10.0.0.1',
  '10.1.2.3:5000',
  '172.16.0.1:5000',
  '192.168.0.1:5000',
  '169.254.169.254',
  '169.254.169.254:80',
  '168.63.129.16:80',
  '100.100.100.200:80',
  '100.64.0.1:5000',
  '224.0.0.1:5000',
  '255.255.255.255:5000',
  '198.18.0.1:5000',
];

/** Addresses in a dress: URL parsers and resolvers read them as IPv4, so even listing them does not help. */
const DISGUISED = [
  '0x7f.1:5000',
  '0x7f000001:5000',
  '0x7f.0x0.0x0.0x1:5000',
  '2130706433:5000',
  '017700000001:5000',
  '0177.0.0.1',
  '0177.0.0.01:5000',
  '127.1',
  '127.0.1:5000',
  '127.000.000.001',
  '0:5000',
  '0x0:5000',
  '2852039166:80',
  '0xa9fea9fe:80',
  '0251.0376.0251.0376:80',
  '169.254.43518:80',
  '10.1:5000',
  '012.0.0.1:5000',
  '3232235777:5000',
  '010.8.8.8:5000',
];

/** Hosts that can be named by what a registry sends: realms and redirects. */
const SENT = [
  'https://127.0.0.1/',
  'https://127.0.0.1:6443/api',
  'https://localhost/',
  'https://localhost./',
  'https://LOCALHOST:10250/pods',
  'https://a.localhost/',
  'https://2130706433/',
  'https://0x7f.1/',
  'https://0177.0.0.1/',
  'https://127.1/',
  'https://127.0.0.1./',
  'https://①②⑦.⓪.⓪.①/',
  'https://%31%32%37.0.0.1/',
  'https://[::1]/',
  'https://[::ffff:127.0.0.1]/',
  'https://[0:0:0:0:0:ffff:a9fe:a9fe]/',
  'https://[64:ff9b::10.0.0.1]/',
  'https://169.254.169.254/latest/meta-data/',
  'http://169.254.169.254/latest/meta-data/',
  'http://metadata.google.internal/computeMetadata/v1/',
  'https://10.0.0.1/',
  'https://192.168.1.1/',
  'https://100.100.100.200/',
  'http://registry.example.com/plain',
  'ftp://registry.example.com/',
  'file:///etc/passwd',
  'gopher://127.0.0.1:6379/_FLUSHALL',
  'data:application/json,{"token":"x"}',
  'javascript:alert(1)',
  'https://user:password@registry.example.com/',
];

/** What a name server answers, to the first question or a later one. */
const REBINDING = [
  ['127.0.0.1'],
  ['8.8.8.8', '127.0.0.1'],
  ['8.8.8.8', '10.0.0.1'],
  ['2606:4700::1', '::1'],
  ['::1'],
  ['::ffff:127.0.0.1'],
  ['::ffff:10.0.0.1'],
  ['0.0.0.0'],
  ['169.254.169.254'],
  ['fe80::1'],
  ['fd00:ec2::254'],
  ['100.64.0.1'],
  ['64:ff9b::a00:1'],
  ['2002:a00:1::'],
  ['192.168.0.1'],
  ['224.0.0.1'],
];

describe('hostile hosts', () => {
  let canary: ScriptedRegistry;
  let registry: ScriptedRegistry;
  let client: RegistryClient;

  beforeEach(async () => {
    canary = await ScriptedRegistry.start();
    registry = await ScriptedRegistry.start();
    client = clientOf({ insecure: { [registry.host]: {} }, resolve: neverAsked });
  });

  afterEach(async () => {
    await client.close();
    await Promise.all([canary.close(), registry.close()]);
    registry.verify();
    canary.verify();
    expect(canary.connections).toBe(0);
  });

  it.each(HOSTS)('a registry at %s is refused', async (host) => {
    const failure = await failureOf(client.observe(Reference.of(canonical(host), 'team/app', '1.0')));
    expect(failure).toMatchObject({ code: 'refused', requests: 0 });
    expect(failure.reason).toMatch(
      / is (?:the|an?) .* (?:address|form of IPv6|service): list it in INSECURE_REGISTRIES to allow it$/,
    );
  });

  it('says it so that a user knows what to do', async () => {
    const failure = await failureOf(client.observe(Reference.of('127.0.0.1:5000', 'team/app', '1.0')));
    expect(failure.message).toBe(
      'HEAD 127.0.0.1:5000/team/app:1.0: 127.0.0.1:5000 is a loopback address: list it in INSECURE_REGISTRIES to allow it',
    );
  });

  // The grammar of references refuses these already; the client does not rely on it.
  it.each(DISGUISED)('a registry at %s is refused, listed or not', (host) => {
    for (const listed of [true, false]) {
      const access = { plainHttp: listed, privateAddresses: listed };
      expect(() => apiUrlOf(host, access)).toThrow(expect.objectContaining({ code: 'refused' }));
      expect(() => apiUrlOf(host, access)).toThrow('another spelling of');
    }
  });

  it('a port is not part of what is listed for another', async () => {
    expect(await failureOf(client.observe(Reference.of(canary.host, 'team/app', '1.0')))).toMatchObject({
      code: 'refused',
    });
  });

  it.each(SENT)('a redirect to %s is refused', async (location) => {
    await client.close();
    client = clientOf({ insecure: { [registry.host]: {} }, resolve: answering('169.254.169.254') });
    registry.expect({ method: 'HEAD', path, status: 302, headers: { location: ascii(location) } });
    expect(await failureOf(client.observe(Reference.of(registry.host, 'team/app', '1.0')))).toMatchObject({
      code: 'refused',
      requests: 1,
    });
  });

  it.each(SENT)('a token service at %s is refused', async (realm) => {
    await client.close();
    const credentials = { username: 'me', password: 'secret' };
    client = clientOf({ insecure: { [registry.host]: { credentials } }, resolve: answering('169.254.169.254') });
    const challenge = `Bearer realm="${ascii(realm).replaceAll('"', '\\"')}"`;
    registry.expect({ method: 'HEAD', path, status: 401, headers: { 'www-authenticate': challenge } });
    const failure = await failureOf(client.observe(Reference.of(registry.host, 'team/app', '1.0')));
    expect(failure).toMatchObject({ code: 'refused', requests: 1 });
    expect(failure.message).not.toContain('secret');
  });

  it('a redirect to another server of the same machine is refused', async () => {
    registry.expect({ method: 'HEAD', path, status: 307, headers: { location: `http://${canary.host}${path}` } });
    const failure = await failureOf(client.observe(Reference.of(registry.host, 'team/app', '1.0')));
    expect(failure.code).toBe('refused');
    expect(failure.reason).toContain(`the redirect target ${canary.host}`);
  });

  it.each(['https', 'http'])('a next page by %s at another server of the same machine is refused', async (scheme) => {
    registry.expect({
      method: 'GET',
      path: '/v2/team/app/tags/list?n=1000',
      body: '{"tags":["1.0"]}',
      headers: { link: `<${scheme}://${canary.host}/v2/team/app/tags/list?last=1.0>; rel="next"` },
    });
    const failure = await failureOf(client.listTags(RepositoryName.of(registry.host, 'team/app')));
    expect(failure).toMatchObject({ code: 'refused', requests: 1 });
    expect(failure.reason).toContain('another host');
  });

  it.each(REBINDING)('a name that resolves to %s %s is refused', async (...addresses) => {
    const asking = clientOf({ resolve: answering(...addresses.filter((address) => address !== undefined)) });
    const failure = await failureOf(asking.observe(Reference.of('registry.example.com', 'team/app', '1.0')));
    expect(failure.code).toBe('refused');
    expect(failure.reason).toMatch(/^registry\.example\.com resolves to .*INSECURE_REGISTRIES/);
    await asking.close();
  });

  it('a name is checked on every connection, not only on the first', async () => {
    const port = canary.host.slice(canary.host.indexOf(':'));
    const answers = [['2001:db8::1'], ['127.0.0.1'], ['::1']];
    let asked = 0;
    const asking = clientOf({
      resolve: (name, options, callback) => answering(...(answers[asked++] ?? []))(name, options, callback),
    });
    while (asked < answers.length) {
      const before = asked;
      const failure = await failureOf(asking.observe(Reference.of(`registry.example.com${port}`, 'team/app', '1.0')));
      expect(failure.code).toBe('refused');
      expect(asked).toBe(before + 1);
    }
    await asking.close();
  });

  it('a listed name may resolve to any address', async () => {
    const port = registry.host.slice(registry.host.indexOf(':'));
    const name = `registry.example.com${port}`;
    const asking = clientOf({ insecure: { [name]: {} }, resolve: answering('127.0.0.1') });
    registry.expect({ method: 'HEAD', path, status: 404 });
    expect(await asking.observe(Reference.of(name, 'team/app', '1.0'))).toMatchObject({ outcome: 'absent' });
    await asking.close();
  });
});

/** Headers hold ASCII only. */
function ascii(url: string): string {
  return url.replace(/[^\x20-\x7e]/g, encodeURIComponent);
}

/** As `parseRegistryHost` writes it: URL form of IPv6. */
function canonical(host: string): string {
  const parsed = RepositoryName.parse(`${host}/team/app`);
  if (!(parsed instanceof RepositoryName)) throw new Error(`${host} is not a registry by the grammar`);
  return parsed.registry;
}
