// Writes docs/configuration.md from the table that the services read. Run from the root, no build needed:
//   node --conditions=dtm-source tools/configuration/write-page.mjs
import { writeFileSync } from 'node:fs';
import { configurationPage } from '@dtm/service-host/configuration';
import { format, resolveConfig } from 'prettier';

const page = new URL('../../docs/configuration.md', import.meta.url);
const options = await resolveConfig(page);
writeFileSync(page, await format(configurationPage(), { ...options, parser: 'markdown' }));
console.log('docs/configuration.md');
