import { readFileSync } from 'node:fs';
import { z } from 'zod';

/** The version of this system: that of its packages, which are released together. */
export const VERSION = z
  .object({ version: z.string() })
  .parse(JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8'))).version;
