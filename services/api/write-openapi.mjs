// Writes openapi.json, the checked-in golden of the HTTP contract. Run `npm run openapi -w services/api`.
import { writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import { openApiDocument } from './dist/openapi/document.js';

const file = new URL('openapi.json', import.meta.url);
const options = await resolveConfig(file);
writeFileSync(file, await format(JSON.stringify(openApiDocument()), { ...options, parser: 'json' }));
