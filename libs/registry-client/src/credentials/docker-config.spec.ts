import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parseDockerConfig, readDockerConfig } from './docker-config.ts';

const auth = (text: string): { auth: string } => ({ auth: Buffer.from(text).toString('base64') });
const parse = (config: unknown): ReturnType<typeof parseDockerConfig> =>
  parseDockerConfig(JSON.stringify(config), 'config.json');

describe('Docker configuration', () => {
  it('names registries in every way that Docker ever did', () => {
    const { credentials, faults } = parse({
      auths: {
        'https://index.docker.io/v1/': auth('hub:secret:with:colons'),
        'registry.example.com:5000': auth('me:pässword'),
        'https://Quay.io': { username: 'robot', password: 'secret' },
        'example.azurecr.io': { ...auth('00000000-0000-0000-0000-000000000000:'), identitytoken: 'IDENTITY' },
        'token.example.com': { registrytoken: 'BEARER' },
      },
      HttpHeaders: { 'User-Agent': 'x' },
    });
    expect(Object.fromEntries(credentials)).toEqual({
      'docker.io': { username: 'hub', password: 'secret:with:colons' },
      'registry.example.com:5000': { username: 'me', password: 'pässword' },
      'quay.io': { username: 'robot', password: 'secret' },
      'example.azurecr.io': { identityToken: 'IDENTITY' },
      'token.example.com': { token: 'BEARER' },
    });
    expect(faults).toEqual([]);
  });

  it.each([[['quay.io/team', 'quay.io']], [['quay.io', 'quay.io/team']]])(
    'takes those of the whole registry where there are some of a namespace too: %j',
    (keys) => {
      const entries = keys.map((key) => [key, auth(key === 'quay.io' ? 'whole:x' : 'team:x')] as const);
      const { credentials } = parse({ auths: Object.fromEntries(entries) });
      expect(credentials.get('quay.io')).toEqual({ username: 'whole', password: 'x' });
    },
  );

  it('tells what a helper keeps, which is not run', () => {
    const config = parse({
      auths: { 'https://index.docker.io/v1/': {}, 'quay.io': auth('a:b') },
      credsStore: 'desktop',
      credHelpers: { 'gcr.io': 'gcloud', 'quay.io': 'other' },
    });
    expect([...config.credentials.keys()]).toEqual(['quay.io']);
    expect([...config.elsewhere].sort()).toEqual(['docker.io', 'gcr.io']);
  });

  it('leaves out what cannot be read, and says so without secrets', () => {
    const { credentials, faults } = parse({
      auths: {
        'no host at all': auth('a:b'),
        'one.example.com': auth('no colon, so secret'),
        'two.example.com': 'secret',
        'three.example.com': {},
      },
    });
    expect(credentials.size).toBe(0);
    expect(faults).toHaveLength(3);
    expect(faults.join()).not.toContain('secret');
  });

  it.each(['{"auths":{"quay.io":{"auth":"c2VjcmV0"', '[]', '{"auths":"c2VjcmV0"}', 'null'])(
    'refuses what is none, without repeating it: %s',
    (content) => {
      const parsing = (): unknown => parseDockerConfig(content, 'config.json');
      expect(parsing).toThrow(/^the Docker configuration config\.json is not/);
      expect(parsing).not.toThrow(/c2VjcmV0/);
    },
  );

  it('is read from a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'docker-config-'));
    const path = join(folder, 'config.json');
    await writeFile(path, JSON.stringify({ auths: { 'quay.io': auth('a:b') } }));
    expect(readDockerConfig(path).credentials.get('quay.io')).toEqual({ username: 'a', password: 'b' });
    await rm(folder, { recursive: true });
    expect(() => readDockerConfig(path)).toThrow(`the Docker configuration ${path} cannot be read`);
  });
});
