import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { ConfigError, loadConfig, registrySettings } from './config.ts';

const NATS = { NATS_URL: 'nats://127.0.0.1:4222' };
const ALL = { ...NATS, DATABASE_URL: 'postgres://a:secretpassword@127.0.0.1/b' };

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'dtm-config-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function file(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function faults(env: NodeJS.ProcessEnv): readonly string[] {
  try {
    loadConfig('api', { ...ALL, ...env });
  } catch (error) {
    if (error instanceof ConfigError) return error.faults;
    throw error;
  }
  return [];
}

describe('loadConfig', () => {
  it('takes the defaults of the contract', () => {
    const config = loadConfig('api', ALL);
    expect(config).toMatchObject({
      service: 'api',
      port: 8080,
      dataDir: '.data',
      databaseUrl: ALL.DATABASE_URL,
      natsUrl: NATS.NATS_URL,
      natsReplicas: 1,
      scrapeInterval: { ms: 7_200_000, text: '2h' },
      imageRefreshInterval: { text: '1d' },
      popularImagesMaxCount: 50,
      imageUpdateMaxAge: null,
      imageLastAccessedMaxAge: { text: '2y' },
      imageLastViewedUpdateThreshold: { text: '1d' },
      autoMonitorNewTags: true,
      refreshDigestLastPushedCutoff: { text: '6mm' },
      maxRequestsPerSecond: 10,
      maxRetriesOnRateLimit: 10,
      sleepIntervalOnRateLimit: { text: '1s' },
      digestRefreshCooldownInterval: { text: '5s' },
      dockerHubUsername: null,
      adminToken: null,
      staticDir: null,
      logLevel: 'info',
      logFormat: 'json',
    });
    expect(config.registries.size).toBe(0);
  });

  it('gives each service its port, and PostgreSQL only to those that may know it', () => {
    expect(loadConfig('scheduler', ALL)).toMatchObject({ port: 8081 });
    expect(loadConfig('scheduler', ALL)).not.toHaveProperty('databaseUrl');
    expect(loadConfig('scheduler', { ...ALL, DATABASE_READ_URL: ALL.DATABASE_URL })).not.toHaveProperty(
      'databaseReadUrl',
    );
    const replica = 'postgres://a:b@replica/b';
    expect(loadConfig('api', ALL).databaseReadUrl).toBe(ALL.DATABASE_URL);
    expect(loadConfig('api', { ...ALL, DATABASE_READ_URL: replica }).databaseReadUrl).toBe(replica);
    expect(loadConfig('registry-fetcher', { ...NATS, PORT: '9000' })).toMatchObject({ port: 8082 });
    expect(loadConfig('history-projector', { ...ALL, SERVICE_PORT: '0' })).toMatchObject({ port: 0 });
    expect(loadConfig('api', { ...ALL, PORT: '9000', SERVICE_PORT: '1' })).toMatchObject({ port: 9000 });
  });

  it.each([
    [true, ['true', '1', 'yes', 'on', 'True', 'YES', 'On']],
    [false, ['false', '0', 'no', 'off', 'False', 'NO', 'Off']],
  ])('reads as %s what the original reads so', (expected, words) => {
    for (const word of words) {
      const { autoMonitorNewTags } = loadConfig('api', { ...ALL, AUTO_MONITOR_NEW_TAGS: word });
      expect([word, autoMonitorNewTags]).toEqual([word, expected]);
    }
  });

  it('names every wrong variable at once, with its value and what is allowed', () => {
    expect(
      faults({ PORT: '70000', SCRAPE_INTERVAL: '2x', AUTO_MONITOR_NEW_TAGS: 'perhaps', LOG_LEVEL: 'loud' }),
    ).toEqual([
      'PORT is "70000": allowed is a whole number from 0 to 65535',
      'SCRAPE_INTERVAL is "2x": allowed is a duration such as 90s, 1h30m, 2h, 1d, 2w, 6mm (months) or 1y, 1s or more',
      'AUTO_MONITOR_NEW_TAGS is "perhaps": allowed is true or false (also 1 or 0, yes or no, on or off)',
      'LOG_LEVEL is "loud": allowed is one of fatal, error, warn, info, debug, trace, silent',
    ]);
  });

  it('never repeats a secret', () => {
    const told = faults({
      DATABASE_URL: 'mysql://u:hunter2@h/d',
      NATS_URL: 'http://u:hunter2@h',
      DOCKERHUB_PASSWORD: 'hunter2',
    });
    expect(told).toHaveLength(3);
    expect(told.join()).not.toContain('hunter2');
    for (const wrong of ['u:hunter2@', 'postgres://u:hunter2', 'postgres://h?password=hunter2', 'http://hunter2@h'])
      for (const name of ['DATABASE_URL', 'NATS_URL'])
        expect(faults({ [name]: wrong }).join()).not.toContain('hunter2');
  });

  it('takes no address for that of a database that names none', () => {
    const allowed = 'allowed is an address such as postgres://user:password@host:5432/database';
    for (const wrong of ['foo', 'postgres://host', 'postgres://host/'])
      expect(faults({ DATABASE_URL: wrong })).toEqual([`DATABASE_URL is "${wrong}": ${allowed}`]);
  });

  it('says which stores are missing', () => {
    expect(() => loadConfig('api', {})).toThrow(/NATS_URL is not set.*\nDATABASE_URL is not set/);
    expect(() => loadConfig('scheduler', {})).toThrow(/^NATS_URL is not set[^\n]*$/);
  });

  it('reads a value from NAME_FILE, and counts an empty value as unset', () => {
    const config = loadConfig('api', { ...ALL, ADMIN_TOKEN_FILE: file('token', 'let me in\n'), SCRAPE_INTERVAL: '' });
    expect(config.adminToken).toBe('let me in');
    expect(config.scrapeInterval.text).toBe('2h');
    expect(faults({ ADMIN_TOKEN_FILE: join(folder, 'missing') })).toEqual([
      expect.stringMatching(/^ADMIN_TOKEN_FILE is ".*missing": this file cannot be read$/),
    ]);
    expect(faults({ ADMIN_TOKEN: 'a', ADMIN_TOKEN_FILE: 'b' })).toEqual([
      'ADMIN_TOKEN and ADMIN_TOKEN_FILE are both set: set one of them',
    ]);
  });

  it('takes NATS addresses of a cluster, with or without scheme', () => {
    expect(loadConfig('scheduler', { NATS_URL: 'nats://a:4222, b:4222' }).natsUrl).toBe('nats://a:4222,b:4222');
  });
});

describe('TRUST_PROXY', () => {
  it('takes addresses, networks and their names', () => {
    const proxies = (text: string): string[] => loadConfig('api', { ...ALL, TRUST_PROXY: text }).trustProxy;
    expect(proxies('loopback, 10.0.0.0/8,fd00::1')).toEqual(['loopback', '10.0.0.0/8', 'fd00::1']);
    expect(loadConfig('api', ALL).trustProxy).toEqual([]);
    for (const wrong of ['true', '10.0.0.0/33', 'proxy.example.com'])
      expect(faults({ TRUST_PROXY: wrong })).toHaveLength(1);
  });
});

describe('registries', () => {
  it('opens plain HTTP and private addresses only to those of INSECURE_REGISTRIES', () => {
    const config = loadConfig('registry-fetcher', { ...NATS, INSECURE_REGISTRIES: '127.0.0.1:5000, LOCALHOST' });
    expect(registrySettings(config, '127.0.0.1:5000')).toMatchObject({ plainHttp: true, privateAddresses: true });
    expect(registrySettings(config, 'localhost')).toMatchObject({ plainHttp: true, privateAddresses: true });
    expect(registrySettings(config, '127.0.0.1:5001')).toMatchObject({ plainHttp: false, privateAddresses: false });
    expect(faults({ INSECURE_REGISTRIES: 'a/b' })).toEqual([
      'INSECURE_REGISTRIES is "a/b": allowed is registries as host[:port], parted by commas',
    ]);
  });

  it('reads REGISTRIES_FILE, aliases folded and files relative to it', () => {
    file('ca.pem', '-----BEGIN CERTIFICATE-----');
    file('password', 'hunter2\n');
    const path = file(
      'registries.yaml',
      `index.docker.io: {credentials: {username: someone, passwordFile: password}, requestsPerSecond: 0.5}
ghcr.io: {credentials: {token: abc}}
harbor.internal:8443: {ca: ca.pem, privateAddresses: true}
`,
    );
    const config = loadConfig('registry-fetcher', { ...NATS, REGISTRIES_FILE: path, MAX_REQUESTS_PER_SECOND: '3' });
    expect(registrySettings(config, 'docker.io')).toEqual({
      credentials: { username: 'someone', password: 'hunter2' },
      requestsPerSecond: 0.5,
      ca: null,
      plainHttp: false,
      privateAddresses: false,
    });
    expect(registrySettings(config, 'ghcr.io').credentials).toEqual({ token: 'abc' });
    expect(registrySettings(config, 'harbor.internal:8443')).toMatchObject({
      ca: '-----BEGIN CERTIFICATE-----',
      plainHttp: false,
      privateAddresses: true,
      requestsPerSecond: 3,
    });
  });

  it('takes the Docker Hub account from its own variables, but not from two places', () => {
    const account = { DOCKERHUB_USERNAME: 'someone', DOCKERHUB_PASSWORD: 'hunter2' };
    const config = loadConfig('registry-fetcher', { ...NATS, ...account });
    expect(registrySettings(config, 'docker.io').credentials).toEqual({ username: 'someone', password: 'hunter2' });
    expect(faults({ DOCKERHUB_USERNAME: 'someone' })).toEqual([
      'DOCKERHUB_USERNAME and DOCKERHUB_PASSWORD go together: set both or none',
    ]);
    const path = file('two.yaml', 'docker.io: {credentials: {token: abc}}\n');
    expect(faults({ ...account, REGISTRIES_FILE: path })).toEqual([
      'DOCKERHUB_USERNAME is set, but REGISTRIES_FILE has credentials of docker.io too: keep one',
    ]);
  });

  it.each([
    ['a: [', /^REGISTRIES_FILE: line \d+ of ".*" is not YAML$/],
    ['a b: {}', /^REGISTRIES_FILE: "a b" is not a registry: write host\[:port\]$/],
    ['ghcr.io: {plainHTTP: true}', /^REGISTRIES_FILE: ghcr\.io: plainHTTP is not a setting of a registry$/],
    [
      'ghcr.io: {credentials: {username: a}}',
      /^REGISTRIES_FILE: ghcr\.io\.credentials: give either username and one of/,
    ],
    ['ghcr.io: {requestsPerSecond: 0}', /^REGISTRIES_FILE: ghcr\.io\.requestsPerSecond: /],
    ['ghcr.io: {ca: missing.pem}', /^REGISTRIES_FILE: ghcr\.io\.ca: cannot read the file "missing\.pem"$/],
    ['- ghcr.io', /^REGISTRIES_FILE: the file: /],
    ['docker.io: {}\nindex.docker.io: {}', /^REGISTRIES_FILE: "index\.docker\.io" is there twice \(as docker\.io\)$/],
  ])('refuses %j with the place', (content, message) => {
    expect(faults({ REGISTRIES_FILE: file('wrong.yaml', content) })).toEqual([expect.stringMatching(message)]);
  });

  it('says so where the file is missing', () => {
    expect(faults({ REGISTRIES_FILE: join(folder, 'none.yaml') })).toEqual([
      expect.stringContaining('cannot read the file'),
    ]);
  });
});
