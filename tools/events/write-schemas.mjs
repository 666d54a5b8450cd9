// Writes docs/events/*.schema.json from the schemas of libs/events. Run from the root, no build needed:
//   node --conditions=dtm-source tools/events/write-schemas.mjs
import { mkdirSync, writeFileSync } from 'node:fs';
import { jsonSchemas } from '@dtm/events';

const folder = new URL('../../docs/events/', import.meta.url);
mkdirSync(folder, { recursive: true });
for (const [file, schema] of jsonSchemas()) {
  writeFileSync(new URL(file, folder), `${JSON.stringify(schema, null, 2)}\n`);
  console.log(`docs/events/${file}`);
}
