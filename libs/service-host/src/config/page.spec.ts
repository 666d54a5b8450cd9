import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { format, resolveConfig } from 'prettier';
import { configurationPage } from './page.ts';

const PAGE = new URL('../../../../docs/configuration.md', import.meta.url);

describe('docs/configuration.md', () => {
  it('is what tools/configuration/write-page.mjs writes', async () => {
    const options = await resolveConfig(PAGE);
    const page = await format(configurationPage(), { ...options, parser: 'markdown' });
    expect(readFileSync(PAGE, 'utf8')).toBe(page);
  });
});
