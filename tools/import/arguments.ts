import { parseArgs } from 'node:util';
import { DOCKER_HUB, RepositoryName } from '@dtm/oci';
import type { Registries } from './registries.ts';
import type { ImportSource } from './row.ts';
import { originalSource } from './sources/original.ts';
import { repoInfoSource } from './sources/repo-info.ts';
import { tableSource } from './sources/table.ts';

/** What `npm run import` says when it is asked, or asked wrongly. */
export const USAGE = `npm run import -- --from <source>

  --from csv --file <path>                image,tag,digest,observed_at with a header line; .gz is unpacked
  --from ndjson --file <path>             the same fields, one JSON object a line
  --from repo-info --path <checkout>      the git log of a checkout of docker-library/repo-info
  --from original --database-url <url>    the PostgreSQL database of MShekow/docker-tag-monitor
  --from quay <repository...>             what Quay remembers of these, such as quay.io/prometheus/node-exporter
  --from chainguard <repository...>       what Chainguard remembers of these, such as cgr.dev/chainguard/python

  --tags <glob>                           quay and chainguard: only tags such as 'v1.*'; quote it

It may be interrupted and run again: what was imported is not imported twice.`;

/** A source that registries are asked for; what that needs is loaded with it, as files need it not. */
export type RegistrySource = (registries: Registries) => Promise<ImportSource>;

interface Fault {
  fault: string;
}

const EXAMPLES = { quay: 'quay.io/prometheus/node-exporter', chainguard: 'cgr.dev/chainguard/python' } as const;

/** The source that the command line names, or what is wrong with it. */
export function sourceOf(args: string[]): ImportSource | RegistrySource | Fault {
  let values: Record<string, string | undefined>;
  let positionals: string[];
  try {
    const option = { type: 'string' } as const;
    ({ values, positionals } = parseArgs({
      args,
      allowPositionals: true,
      options: { from: option, file: option, path: option, 'database-url': option, tags: option },
    }));
  } catch (error) {
    return { fault: error instanceof Error ? error.message : String(error) };
  }
  const { from } = values;
  if (from === 'quay' || from === 'chainguard') return registrySourceOf(from, positionals, values['tags']);
  if (positionals[0] !== undefined) return { fault: `${positionals[0]} is one argument too many` };
  if (values['tags'] !== undefined) return { fault: '--tags is for --from quay and --from chainguard' };
  const needed = (name: string): string | Fault => values[name] ?? { fault: `--from ${from ?? ''} needs --${name}` };
  switch (from) {
    case 'csv':
    case 'ndjson': {
      const file = needed('file');
      return typeof file === 'string' ? tableSource(from, file) : file;
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
      return { fault: from === undefined ? '--from is missing' : `--from ${from} is not a source` };
  }
}

function registrySourceOf(
  from: keyof typeof EXAMPLES,
  texts: readonly string[],
  glob: string | undefined,
): RegistrySource | Fault {
  const names = new Map<string, RepositoryName>();
  if (texts.length === 0) return { fault: `--from ${from} needs a repository, such as ${EXAMPLES[from]}` };
  for (const text of texts) {
    const name = RepositoryName.parse(text);
    if (!(name instanceof RepositoryName)) return { fault: `"${name.text}" is not a repository: ${name.reason}` };
    // What names no registry is read as `docker pull` does.
    if (name.registry === DOCKER_HUB)
      return { fault: `${name.toString()} is at Docker Hub: name the registry too, as in ${EXAMPLES[from]}` };
    names.set(name.toString(), name);
  }
  const wants = glob === undefined ? null : matcherOf(glob);
  return async (registries) => {
    const open =
      from === 'quay'
        ? (await import('./sources/quay.ts')).quaySource
        : (await import('./sources/chainguard.ts')).chainguardSource;
    return open(registries, [...names.values()], wants);
  };
}

/** `*` is any text, `?` any character, everything else itself. */
function matcherOf(glob: string): (tag: string) => boolean {
  const pattern = glob
    .replace(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  const matcher = new RegExp(`^${pattern}$`);
  return (tag) => matcher.test(tag);
}
