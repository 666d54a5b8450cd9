import { describe, expect, it } from '@jest/globals';
import { unlisted } from '../testing/index.ts';
import { apiUrlOf } from './endpoint.ts';

describe('apiUrlOf', () => {
  it.each([
    ['docker.io', false, 'https://registry-1.docker.io/'],
    ['ghcr.io', false, 'https://ghcr.io/'],
    ['registry.example.com:8443', false, 'https://registry.example.com:8443/'],
    ['registry.example.com:443', false, 'https://registry.example.com/'],
    ['localhost:5000', true, 'http://localhost:5000/'],
    ['[::1]:5000', true, 'http://[::1]:5000/'],
    ['8.8.8.8', false, 'https://8.8.8.8/'],
  ])('%s, insecure: %s, is at %s', (registry, plainHttp, url) => {
    expect(apiUrlOf(registry, { ...unlisted, plainHttp }).href).toBe(url);
  });

  it.each(['1.2.3.4.5', '0x1ffffffff:80', '256.1.1.1', '-:5000x', 'a b', 'user@host', 'host/path', ''])(
    '%s is no host',
    (registry) => {
      expect(() => apiUrlOf(registry, unlisted)).toThrow('is not a host that can be asked');
    },
  );
});
