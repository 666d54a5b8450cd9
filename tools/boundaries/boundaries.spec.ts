import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { manifestFaults, PACKAGES } from './packages.mjs';
import { ruleNames } from './rules.mjs';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const FOLDER = new URL('fixtures/', import.meta.url);

/** A fixture says in its first two lines as which file it is linted, and what comes of it. */
const fixtures = readdirSync(FOLDER).map((file) => {
  const text = readFileSync(new URL(file, FOLDER), 'utf8');
  const [, path, verdict] = /^\/\/ as (\S+)\n\/\/ (.+)\n/.exec(text) ?? [];
  if (path === undefined || verdict === undefined)
    throw new Error(`${file} does not begin with "// as" and its verdict`);
  return { file, text, path, verdict };
});

const refused = fixtures.filter(({ verdict }) => verdict !== 'accepted');
const accepted = fixtures.filter(({ verdict }) => verdict === 'accepted');

/** Faults of the boundaries alone: what else lint says of a fixture is not its subject. */
let faults: Record<string, string[]>;

beforeAll(() => {
  // ESLint loads its configuration by import(), which Jest's module system cannot give it: it runs in a process of its own.
  const output = execFileSync(process.execPath, ['tools/boundaries/lint-fixtures.mjs'], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  faults = JSON.parse(output) as Record<string, string[]>;
});

describe('lint', () => {
  it.each(refused)('refuses $file as $path', ({ file, verdict }) => {
    const rule = verdict.replace(/^refused: /, '');
    expect(faults[file]).toEqual([expect.stringContaining(`(boundary "${rule}")`)]);
  });

  it.each(accepted)('accepts $file as $path', ({ file }) => {
    expect(faults[file]).toEqual([]);
  });

  it('has a fixture that it refuses for each rule, and no other', () => {
    const proven = new Set(refused.map(({ verdict }) => verdict.replace(/^refused: /, '')));
    expect([...proven].sort()).toEqual(ruleNames().sort());
  });

  it('has a fixture that it accepts for each package', () => {
    const without = PACKAGES.filter(({ folder }) => !accepted.some(({ path }) => path.startsWith(folder)));
    expect(without.map(({ name }) => name)).toEqual([]);
  });
});

describe('the manifests', () => {
  it('obey the table', () => {
    expect(manifestFaults()).toEqual([]);
  });

  const named = (name: string) => {
    const found = PACKAGES.find((each) => each.name === name);
    if (found === undefined) throw new Error(`there is no ${name}`);
    return found;
  };
  const others = (name: string) => PACKAGES.filter((each) => each.name !== name);

  it('are refused where a dependency breaks the table', () => {
    const api = named('@dtm/api');
    const manifest = {
      ...api.manifest,
      dependencies: { ...api.manifest.dependencies, '@dtm/registry-client': '0.1.0' },
    };
    expect(manifestFaults([...others('@dtm/api'), { ...api, manifest }])).toEqual([
      '@dtm/api has @dtm/registry-client in its dependencies, which the table forbids',
    ]);
  });

  it('may have testing among devDependencies, and nowhere else', () => {
    const api = named('@dtm/api');
    const dev = { ...api.manifest, devDependencies: { '@dtm/testing': '0.1.0' } };
    expect(manifestFaults([...others('@dtm/api'), { ...api, manifest: dev }])).toEqual([]);
    const manifest = { ...api.manifest, dependencies: { ...api.manifest.dependencies, '@dtm/testing': '0.1.0' } };
    expect(manifestFaults([...others('@dtm/api'), { ...api, manifest }])).toHaveLength(1);
  });

  it('are refused without a scope that the table knows, and the table with a scope that no package has', () => {
    const oci = named('@dtm/oci');
    expect(manifestFaults([...others('@dtm/oci'), { ...oci, scopes: ['something'] }])).toEqual([
      '@dtm/oci has the tags ["something"]: one scope of tools/boundaries/rules.mjs is needed',
      'the table has oci, which no package is',
    ]);
  });
});
