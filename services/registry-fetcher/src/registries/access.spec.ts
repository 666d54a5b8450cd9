import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { RepositoryName } from '@dtm/oci';
import { headOf, ScriptedRegistry } from '@dtm/registry-client/testing';
import { LocalThrottle, RegistryClient, type ConfiguredAccess } from '@dtm/registry-client';
import { ConfigError, loadConfig } from '@dtm/service-host';
import { configuredAccess } from './access.ts';

const auth = (text: string): { auth: string } => ({ auth: Buffer.from(text).toString('base64') });

describe('configuredAccess', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'dtm-access-'));
  });
  const open: { close(): Promise<void> }[] = [];
  afterEach(async () => {
    await Promise.all(open.splice(0).map((one) => one.close()));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const file = (name: string, content: unknown): string => {
    const path = join(folder, name);
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  };
  const accessWith = (dockerConfig: string, env: NodeJS.ProcessEnv = {}): ConfiguredAccess =>
    configuredAccess(
      loadConfig('registry-fetcher', { NATS_URL: 'nats://127.0.0.1', DOCKER_CONFIG_FILE: dockerConfig, ...env }),
    );

  it('takes credentials of a Docker configuration where nothing else has any', () => {
    const dockerConfig = file('config.json', {
      auths: {
        'https://index.docker.io/v1/': auth('docker:x'),
        'quay.io': auth('quay:x'),
        'ghcr.io': auth('ghcr:x'),
      },
    });
    const registries = file(
      'registries.yml',
      'quay.io: { credentials: { username: own, password: y } }\nghcr.io: {}\n',
    );
    const access = accessWith(dockerConfig, { REGISTRIES_FILE: registries });
    expect(access.of('docker.io').credentials).toEqual({ username: 'docker', password: 'x' });
    expect(access.of('quay.io').credentials).toEqual({ username: 'own', password: 'y' });
    expect(access.of('ghcr.io').credentials).toEqual({ username: 'ghcr', password: 'x' });
    expect(access.of('index.docker.io')).not.toHaveProperty('credentials');
    const hub = accessWith(dockerConfig, { DOCKERHUB_USERNAME: 'hub', DOCKERHUB_PASSWORD: 'z' });
    expect(hub.of('docker.io').credentials).toEqual({ username: 'hub', password: 'z' });
    expect(access.complaints).toEqual([]);
  });

  it('shows them to the registry that they are of, and to no other', async () => {
    const [own, other] = [await ScriptedRegistry.start(), await ScriptedRegistry.start()];
    open.push(own, other);
    const access = accessWith(file('two.json', { auths: { [own.host]: auth('me:secret') } }), {
      INSECURE_REGISTRIES: `${own.host},${other.host}`,
    });
    const client = new RegistryClient({
      accessOf: (registry) => access.of(registry),
      throttle: new LocalThrottle({ requestsPerSecond: 1000 }),
      retry: { maxOnRateLimit: 0, sleepMs: 0, cooldownMs: 0 },
    });
    open.push(client);
    const challenge = { status: 401, headers: { 'www-authenticate': 'Basic realm="x"' } };
    const head = headOf('team/app', '1', 'a');
    const shown = `Basic ${auth('me:secret').auth}`;
    own.expect({ method: 'HEAD', path: head.path, authorization: null, ...challenge });
    own.expect({ ...head, authorization: shown });
    own.expect({
      ...headOf('team/moved', '1', 'a'),
      authorization: shown,
      status: 307,
      headers: { location: `http://${other.host}/elsewhere` },
    });
    other.expect({ ...head, path: '/elsewhere', authorization: null });
    other.expect({ method: 'HEAD', path: head.path, authorization: null, ...challenge });
    expect(await client.observe(RepositoryName.of(own.host, 'team/app').tag('1'))).toMatchObject({ requests: 2 });
    await client.observe(RepositoryName.of(own.host, 'team/moved').tag('1'));
    await expect(client.observe(RepositoryName.of(other.host, 'team/app').tag('1'))).rejects.toThrow(
      'none are configured',
    );
    own.verify();
    other.verify();
  });

  it('says which credentials are with a helper, and which entries are none', () => {
    const access = accessWith(
      file('helper.json', {
        auths: { 'https://index.docker.io/v1/': {}, 'broken.example.com': { auth: 'c2VjcmV0' } },
        credsStore: 'desktop',
        credHelpers: { 'gcr.io': 'gcloud', 'quay.io': 'other' },
      }),
      { REGISTRIES_FILE: file('own.yml', 'quay.io: { credentials: { token: t } }') },
    );
    const helper = 'are with a credential helper, which is not run: give them in REGISTRIES_FILE';
    expect(access.complaints).toEqual([
      `the credentials of gcr.io ${helper}`,
      `the credentials of docker.io ${helper}`,
      'an entry is left out: broken.example.com: "auth" is not user name and password in Base64',
    ]);
    expect(accessWith(file('store.json', { credsStore: 'desktop' })).complaints).toEqual([`all credentials ${helper}`]);
  });

  it.each([
    ['that is not there', null, 'cannot be read'],
    ['that is no JSON', '{"auths":{"quay.io":{"auth":"c2VjcmV0"', 'is not JSON'],
    ['that is none', '{"auths":"c2VjcmV0"}', '"auths" is no object'],
  ])('refuses a file %s, without repeating it', (_words, content, reason) => {
    const path = content === null ? join(folder, 'nowhere.json') : file('wrong.json', content);
    const reading = (): unknown => accessWith(path);
    expect(reading).toThrow(ConfigError);
    expect(reading).toThrow(`DOCKER_CONFIG_FILE: the Docker configuration ${path}`);
    expect(reading).toThrow(reason);
    expect(reading).toThrow('allowed is the path of a Docker config.json');
    expect(reading).not.toThrow(/c2VjcmV0/);
  });
});
