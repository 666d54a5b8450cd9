import { describe, expect, it } from '@jest/globals';
import { deny, type Grant, HostAuthorization, pullScope } from './host-authorization.ts';

const bearer = (repository: string): { scheme: string; params: Record<string, string> } => ({
  scheme: 'bearer',
  params: { realm: 'https://auth.example.com/token', service: 's', scope: `repository:${repository}:pull` },
});

const withToken = (grant: Grant | null, refreshAt: number): Grant => {
  if (grant === null) throw new Error('no grant');
  grant.header = 'Bearer T';
  grant.refreshAt = refreshAt;
  return grant;
};

describe('HostAuthorization', () => {
  it('keeps a token to its repository', () => {
    const host = new HostAuthorization('quay.io', undefined);
    const first = withToken(host.challenged(bearer('a/b'), pullScope('a/b')), 1000);
    expect(host.grantFor(pullScope('a/b'), 0)).toBe(first);
    expect(host.grantFor(pullScope('c/d'), 0)).toMatchObject({
      header: null,
      request: { scope: 'repository:c/d:pull' },
    });
  });

  it('uses one anonymous token of GHCR for all repositories, while it lives', () => {
    const host = new HostAuthorization('ghcr.io', undefined);
    const first = withToken(host.challenged(bearer('a/b'), pullScope('a/b')), 1000);
    expect(host.grantFor(pullScope('a/b'), 0)).toBe(first);
    expect(host.grantFor(pullScope('c/d'), 0)).toBe(first);
    expect(host.grantFor(pullScope('c/d'), 2000)).toMatchObject({
      header: null,
      request: { scope: 'repository:c/d:pull' },
    });
  });

  it('does not lend a denied repository the token of others, nor its denial to them', () => {
    const host = new HostAuthorization('ghcr.io', undefined);
    const first = withToken(host.challenged(bearer('a/b'), pullScope('a/b')), 1000);
    host.grantFor(pullScope('a/b'), 0);
    const secret = host.challenged(bearer('a/secret'), pullScope('a/secret'));
    if (secret === null) throw new Error('no grant');
    deny(secret, 0);
    expect(host.grantFor(pullScope('a/secret'), 10)).toBe(secret);
    expect(host.grantFor(pullScope('c/d'), 10)).toBe(first);
  });

  it('shares nothing where there are credentials', () => {
    const host = new HostAuthorization('ghcr.io', { username: 'me', password: 'secret' });
    withToken(host.challenged(bearer('a/b'), pullScope('a/b')), 1000);
    host.grantFor(pullScope('a/b'), 0);
    expect(host.grantFor(pullScope('c/d'), 0)).toMatchObject({ header: null });
  });

  it('does not guess scopes of hosts that use others', () => {
    const host = new HostAuthorization('codeberg.org', undefined);
    host.challenged(
      { scheme: 'bearer', params: { realm: 'https://codeberg.org/v2/token', scope: '*' } },
      pullScope('a/b'),
    );
    expect(host.grantFor(pullScope('c/d'), 0)).toBeNull();
  });

  it('remembers a bounded number of repositories', () => {
    const host = new HostAuthorization('quay.io', undefined);
    const first = host.challenged(bearer('a/0'), pullScope('a/0'));
    for (let i = 1; i <= 10_001; i++) host.grantFor(pullScope(`a/${i}`), 0);
    expect(host.grantFor(pullScope('a/0'), 0)).not.toBe(first);
  });
});
