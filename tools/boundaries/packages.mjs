// The packages of this repository, as their manifests describe them.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { SCOPES } from './rules.mjs';

const ROOT = new URL('../../', import.meta.url);

/** `{folder, name, scopes, manifest}` of each package; `folder` is relative to the root and ends in a slash. */
export const PACKAGES = readManifest('')
  .workspaces.flatMap((pattern) => (pattern.endsWith('/*') ? foldersIn(pattern.slice(0, -1)) : [`${pattern}/`]))
  .filter((folder) => existsSync(new URL(`${folder}package.json`, ROOT)))
  .map((folder) => {
    const manifest = readManifest(folder);
    const scopes = (manifest.nx?.tags ?? []).filter((tag) => tag.startsWith('scope:')).map((tag) => tag.slice(6));
    return { folder, name: manifest.name, scopes, scope: scopes[0], manifest };
  });

/** What is wrong with the manifests, in words: tags that the table does not know, dependencies that it forbids. */
export function manifestFaults(packages = PACKAGES) {
  const faults = [];
  const scopeOf = new Map(packages.map(({ name, scope }) => [name, scope]));
  for (const { name, scopes, manifest } of packages) {
    if (scopes.length !== 1 || !Object.hasOwn(SCOPES, scopes[0])) {
      faults.push(`${name} has the tags ${JSON.stringify(scopes)}: one scope of tools/boundaries/rules.mjs is needed`);
      continue;
    }
    const { uses } = SCOPES[scopes[0]];
    for (const [kind, extra] of [
      ['dependencies', []],
      ['devDependencies', ['testing']],
    ]) {
      for (const dependency of Object.keys(manifest[kind] ?? {})) {
        const scope = scopeOf.get(dependency);
        if (dependency.startsWith('@dtm/') && ![...uses, ...extra].includes(scope)) {
          faults.push(`${name} has ${dependency} in its ${kind}, which the table forbids`);
        }
      }
    }
  }
  const unused = Object.keys(SCOPES).filter((scope) => !packages.some(({ scopes }) => scopes.includes(scope)));
  return [...faults, ...unused.map((scope) => `the table has ${scope}, which no package is`)];
}

function foldersIn(folder) {
  return readdirSync(new URL(folder, ROOT), { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => `${folder}${entry.name}/`);
}

function readManifest(folder) {
  return JSON.parse(readFileSync(new URL(`${folder}package.json`, ROOT), 'utf8'));
}
