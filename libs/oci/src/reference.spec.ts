import { describe, expect, it } from '@jest/globals';
import { isInvalid, isTag, Reference, RepositoryName } from './reference.ts';

function reasonOf(parsed: object): string | null {
  return isInvalid(parsed) ? parsed.reason : null;
}

describe('Reference.parse, what docker pull accepts', () => {
  it.each([
    ['nginx', 'docker.io/library/nginx:latest'],
    ['nginx:1.27', 'docker.io/library/nginx:1.27'],
    ['  nginx:1.27  ', 'docker.io/library/nginx:1.27'],
    ['grafana/grafana', 'docker.io/grafana/grafana:latest'],
    ['library/nginx', 'docker.io/library/nginx:latest'],
    ['docker.io/nginx', 'docker.io/library/nginx:latest'],
    ['docker.io/library/nginx:latest', 'docker.io/library/nginx:latest'],
    ['index.docker.io/library/nginx:latest', 'docker.io/library/nginx:latest'],
    ['registry-1.docker.io/nginx', 'docker.io/library/nginx:latest'],
    ['registry.hub.docker.com/library/nginx', 'docker.io/library/nginx:latest'],
    ['registry.docker.io/acme/app', 'docker.io/acme/app:latest'],
    ['Docker.IO/nginx', 'docker.io/library/nginx:latest'],
    ['docker.io:443/nginx', 'docker.io/library/nginx:latest'],
    ['docker.io:5000/nginx', 'docker.io:5000/nginx:latest'],
    ['quay.io/prometheus/node-exporter:v1.8.2', 'quay.io/prometheus/node-exporter:v1.8.2'],
    ['ghcr.io/a/b/c/d:x', 'ghcr.io/a/b/c/d:x'],
    ['GHCR.io/owner/app', 'ghcr.io/owner/app:latest'],
    ['localhost/app', 'localhost/app:latest'],
    ['localhost:5000/app:1', 'localhost:5000/app:1'],
    ['127.0.0.1:5000/team/app:1.0', '127.0.0.1:5000/team/app:1.0'],
    ['registry:5000/app', 'registry:5000/app:latest'],
    ['localhost:5000', 'docker.io/library/localhost:5000'],
    ['foo/bar', 'docker.io/foo/bar:latest'],
    ['a__b-c--d/e.f_g:_T', 'docker.io/a__b-c--d/e.f_g:_T'],
    ['xn--bcher-kva.example/app', 'xn--bcher-kva.example/app:latest'],
    ['[::1]/app', '[::1]/app:latest'],
    ['[::1]:5000/team/app:1', '[::1]:5000/team/app:1'],
    ['[0:0:0:0:0:0:0:1]:5000/app', '[::1]:5000/app:latest'],
    ['[2001:DB8::A]/app', '[2001:db8::a]/app:latest'],
    ['[::ffff:10.0.0.1]/app', '[::ffff:a00:1]/app:latest'],
    ['nginx:__proto__', 'docker.io/library/nginx:__proto__'],
  ])('%s is %s', (text, canonical) => {
    expect(Reference.parse(text).toString()).toBe(canonical);
  });
});

describe('Reference.parse, what it refuses and why', () => {
  it.each([
    ['', 'it is empty'],
    ['   ', 'it is empty'],
    ['nginx:', 'there is a colon but no tag behind it'],
    [':1.0', 'it is empty'],
    ['UPPER/case', '"UPPER" has capital letters: a repository name is lower case'],
    ['UPPER_X/case', '"UPPER_X" has capital letters: a repository name is lower case'],
    ['Nginx', '"Nginx" has capital letters: a repository name is lower case'],
    ['quay.io/Team/app', '"Team" has capital letters: a repository name is lower case'],
    [`nginx:${'x'.repeat(300)}`, 'the tag is longer than 128 characters'],
    ['http://x', 'it starts with a scheme: write the registry without "https://"'],
    ['https://quay.io/a/b:1', 'it starts with a scheme: write the registry without "https://"'],
    ['nginx@sha256:zz', 'it names a digest, which never changes: name a tag instead'],
    [`nginx:1@sha256:${'a'.repeat(64)}`, 'it names a digest, which never changes: name a tag instead'],
    ['quay.io/', 'it names no repository'],
    ['/nginx', 'it has an empty part between slashes'],
    ['nginx/', 'it has an empty part between slashes'],
    ['quay.io//nginx', 'it has an empty part between slashes'],
    ['nginx:1.0:2', '"1.0:2" is not a tag: letters, digits, "_", "." and "-", not starting with "." or "-"'],
    ['nginx:-1', '"-1" is not a tag: letters, digits, "_", "." and "-", not starting with "." or "-"'],
    ['nginx:.1', '".1" is not a tag: letters, digits, "_", "." and "-", not starting with "." or "-"'],
    ['nginx: 1', '" 1" is not a tag: letters, digits, "_", "." and "-", not starting with "." or "-"'],
    ['./nginx', '"." is not a registry host'],
    ['-x.io/nginx', '"-x.io" is not a registry host'],
    ['127.1/app', '"127.1" is not a registry host'],
    ['0x7f.0.0.1/app', '"0x7f.0.0.1" is not a registry host'],
    ['999.1.1.1/app', '"999.1.1.1" is not a registry host'],
    ['a..b/app', '"a..b" is not a registry host'],
    ['[::1/app', '"[:" is not a registry host'],
    ['[:::]/app', '"[:::]" is not a registry host'],
    ['[fe80::1%25eth0]/app', '"[fe80::1%25eth0]" is not a registry host'],
    ['localhost:0/app', 'the registry port "0" is not a number from 1 to 65535'],
    ['localhost:65536/app', 'the registry port "65536" is not a number from 1 to 65535'],
    ['localhost:05000/app', 'the registry port "05000" is not a number from 1 to 65535'],
    ['localhost:http/app', 'the registry port "http" is not a number from 1 to 65535'],
    ['localhost:/app', 'the registry port "" is not a number from 1 to 65535'],
    [`nginx:${'x'.repeat(700)}`, 'it is longer than 700 characters'],
  ])('%j: %s', (text, reason) => {
    expect(reasonOf(Reference.parse(text))).toBe(reason);
  });

  it.each([
    'a/../b',
    '../a',
    'a/./b',
    'a/b..c',
    'a/-b',
    'a/b-',
    'a/b___c',
    'a/b._c',
    'a/b?c',
    'a/b%2fc',
    'a/b\\c',
    'a/b*',
  ])('%s, which is no repository path', (text) => {
    expect(reasonOf(Reference.parse(text))).toMatch(/is not part of a repository name|is not a registry host/);
  });

  it.each([
    ['a line break behind', 'nginx\n'],
    ['a line break in a header-like way', 'nginx\r\nX-Evil: 1'],
    ['a tab', '\tnginx'],
    ['NUL', 'ngi\u0000nx'],
    ['escape', '\u001b[31mnginx'],
    ['DEL', 'nginx\u007f'],
    ['a no-break space', '\u00a0nginx'],
    ['a byte order mark', '\ufeffnginx'],
    ['right-to-left override', 'nginx\u202exnign'],
    ['a bidi isolate', 'ngi\u2066nx'],
    ['a zero-width space', 'ngi\u200bnx'],
    ['Cyrillic look-alikes', 'ng\u0456nx'],
    ['the Kelvin sign', 'doc\u212aer.io/library/nginx'],
    ['a blank inside', 'nginx :1.0'],
    ['a lone surrogate', 'nginx\ud800'],
    ['an emoji', 'nginx\u{1f433}'],
  ])('%s', (_what, text) => {
    expect(reasonOf(Reference.parse(text))).toBe('it has spaces, control characters or letters outside ASCII');
  });

  it.each([
    ['right-to-left override', 'nginx:1.0\u202e'],
    ['a line break', 'nginx:1.0\n'],
    ['NUL', 'nginx:\u0000'],
  ])('%s in the tag, never repeated in the reason', (_what, text) => {
    const reason = reasonOf(Reference.parse(text));
    expect(reason).toContain('is not a tag');
    expect(reason).toMatch(/^[\x20-\x7e]+$/);
  });

  it('repeats the text only shortened and without what could hide in it', () => {
    const parsed = Reference.parse(`\u202e${'x'.repeat(10_000_000)}`);
    expect(isInvalid(parsed) && parsed.text).toBe(`?${'x'.repeat(60)}...`);
  });
});

describe('bounds on lengths', () => {
  it('a tag has 128 characters at most', () => {
    expect(isInvalid(Reference.parse(`nginx:${'t'.repeat(128)}`))).toBe(false);
    expect(reasonOf(Reference.parse(`nginx:${'t'.repeat(129)}`))).toBe('the tag is longer than 128 characters');
    expect(isTag('t'.repeat(128))).toBe(true);
    expect(isTag('t'.repeat(129))).toBe(false);
    expect(isTag('')).toBe(false);
  });

  it('a repository has 255 characters at most, library/ counted', () => {
    expect(isInvalid(Reference.parse(`quay.io/${'r'.repeat(255)}`))).toBe(false);
    expect(reasonOf(Reference.parse(`quay.io/${'r'.repeat(256)}`))).toBe(
      'the repository is longer than 255 characters',
    );
    expect(isInvalid(Reference.parse('r'.repeat(247)))).toBe(false);
    expect(reasonOf(Reference.parse('r'.repeat(248)))).toBe('the repository is longer than 255 characters');
  });

  it('a registry name has 253 characters at most, its parts 63', () => {
    const label = 'h'.repeat(63);
    const longest = `${label}.${label}.${label}.${'h'.repeat(61)}`;
    expect(Reference.parse(`${longest}:65535/${'r'.repeat(255)}:${'t'.repeat(128)}`).toString()).toHaveLength(644);
    expect(reasonOf(Reference.parse(`${longest}h/app`))).toBe('the registry name is longer than a host name can be');
    expect(reasonOf(Reference.parse(`${label}h.io/app`))).toMatch(/is not a registry host$/);
  });
});

describe('Reference.of and RepositoryName.of take canonical parts only', () => {
  it('accept what parse gives', () => {
    expect(Reference.of('docker.io', 'library/nginx', '1.27').toString()).toBe('docker.io/library/nginx:1.27');
    expect(RepositoryName.of('[::1]:5000', 'app').toString()).toBe('[::1]:5000/app');
  });

  it.each([
    ['docker.io', 'nginx', '1', 'not a canonical repository: docker.io/nginx'],
    ['index.docker.io', 'library/nginx', '1', 'not a canonical repository: index.docker.io/library/nginx'],
    ['foo', 'bar', '1', 'not a canonical repository: foo/bar'],
    ['quay.io', 'a/../b', '1', 'not a repository: quay.io/a/../b'],
    ['quay.io', 'a', '-1', 'not a tag: "-1"'],
    ['quay.io', 'a', '', 'not a tag: there is a colon'],
    [' quay.io', 'a', '1', 'not a repository:  quay.io/a'],
  ])('%j %j %j throws', (registry, repository, tag, message) => {
    expect(() => Reference.of(registry, repository, tag)).toThrow(message);
  });
});

describe('RepositoryName.parse', () => {
  it.each([
    ['nginx', 'docker.io/library/nginx'],
    ['index.docker.io/library/nginx', 'docker.io/library/nginx'],
    [' ghcr.io/a/b ', 'ghcr.io/a/b'],
    ['localhost:5000/app', 'localhost:5000/app'],
  ])('%s is %s', (text, canonical) => {
    expect(RepositoryName.parse(text).toString()).toBe(canonical);
  });

  it.each([
    ['', 'it is empty'],
    ['nginx:1.27', '"nginx:1.27" is not part of a repository name'],
    [`${' '.repeat(700)}nginx`, 'it is longer than 700 characters'],
    ['https://quay.io/a', 'it starts with a scheme'],
  ])('%j is refused', (text, reason) => {
    expect(reasonOf(RepositoryName.parse(text))).toContain(reason);
  });

  it('names its tags, and a reference knows its repository', () => {
    const reference = RepositoryName.of('ghcr.io', 'a/b').tag('v1');
    expect(reference.toString()).toBe('ghcr.io/a/b:v1');
    expect(reference.name.toString()).toBe('ghcr.io/a/b');
    expect(() => RepositoryName.of('ghcr.io', 'a/b').tag('v1:')).toThrow('not a tag');
  });
});
