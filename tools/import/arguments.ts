import { parseArgs } from 'node:util';
import type { ImportSource } from './row.ts';
import { originalSource } from './sources/original.ts';
import { repoInfoSource } from './sources/repo-info.ts';
import { tableSource } from './sources/table.ts';

/** What `npm run import` says when it is asked, or asked wrongly. */
export const USAGE = `npm run import -- --from <source>

  --from csv --file <path>              image,tag,digest,observed_at with a header line; .gz is unpacked
  --from ndjson --file <path>           the same fields, one JSON object a line
  --from repo-info --path <checkout>    the git log of a checkout of docker-library/repo-info
  --from original --database-url <url>  the PostgreSQL database of MShekow/docker-tag-monitor

It may be interrupted and run again: what was imported is not imported twice.`;

/** The source that the command line names, or what is wrong with it. */
export function sourceOf(args: string[]): ImportSource | { fault: string } {
  let values: Record<string, string | undefined>;
  try {
    const option = { type: 'string' } as const;
    values = parseArgs({
      args,
      options: { from: option, file: option, path: option, 'database-url': option },
    }).values;
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) };
  }
  const needed = (name: string): string | { fault: string } =>
    values[name] ?? { fault: `--from ${values['from'] ?? ''} needs --${name}` };
  switch (values['from']) {
    case 'csv':
    case 'ndjson': {
      const file = needed('file');
      return typeof file === 'string' ? tableSource(values['from'], file) : file;
    }
    case 'repo-info': {
      const path = needed('path');
      return typeof path === 'string' ? repoInfoSource(path) : path;
    }
    case 'original': {
      const url = needed('database-url');
      return typeof url === 'string' ? originalSource(url) : url;
    }
    default:
      return { fault: values['from'] === undefined ? '--from is missing' : `--from ${values['from']} is not a source` };
  }
}
