import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from '@jest/globals';
import { CONFIG_VARIABLES } from '@dtm/service-host/configuration';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const namesIn = (text: string): string[] => [...text.matchAll(/`([A-Z][A-Z_]+)`/g)].map(([, name]) => name ?? '');

describe('a file .env beside compose.yml', () => {
  const page = read('docs/deployment.md');
  const passedOn = new Set([...read('compose.yml').matchAll(/\$\{([A-Z_]+):-/g)].map(([, name]) => name ?? ''));
  const notTaken = namesIn(/Not taken from there.*?\n\n/s.exec(page)?.[0] ?? '');

  it('has every variable of docs/configuration.md taken, but for those that docs/deployment.md names', () => {
    const names = CONFIG_VARIABLES.map(({ name }) => name);
    expect(names.filter((name) => !passedOn.has(name) && !notTaken.includes(name))).toEqual([]);
  });

  it('has none taken of which that page says that it is not', () => {
    // Whose own name and file are meant by what follows them.
    const others = ['TRUSTED_PROXIES', 'REGISTRIES_FILE', 'DOCKER_CONFIG_FILE'];
    expect(notTaken.filter((name) => passedOn.has(name) && !others.includes(name))).toEqual([]);
    expect(notTaken).toContain('ADMIN_TOKEN');
  });
});
