// The import itself; import.mjs prepares the machine, finds or starts the stores and runs this.
import { connectNats, ensureStreams, type NatsConnection } from '@dtm/jetstream';
import { sourceOf, USAGE, type RegistrySource } from './arguments.ts';
import { HistoryImport, type ImportReport } from './history-import.ts';
import { Progress } from './progress.ts';
import type { ImportSource } from './row.ts';

const say = (line: string): void => void process.stderr.write(`${line}\n`);

const asked = sourceOf(process.argv.slice(2));
if ('fault' in asked) {
  say(`${asked.fault}\n\n${USAGE}`);
  process.exit(2);
}
const startedAt = Date.now();
const nc = await connectNats({ url: process.env['NATS_URL'] ?? '', name: 'import' });
await ensureStreams(nc);
const report = typeof asked === 'function' ? await importFromRegistries(nc, asked) : await importAll(nc, asked);
await nc.close();
tell(report);
process.exitCode = report.failures.length > 0 ? 1 : 0;

async function importAll(nc: NatsConnection, source: ImportSource): Promise<ImportReport> {
  say(`Reading ${source.name} ...`);
  const progress = new Progress();
  const report = await new HistoryImport(nc, source).run((done, all) => progress.update(done, all));
  progress.end();
  return report;
}

/** What is written is little beside what is asked for, of which the source tells itself. */
async function importFromRegistries(nc: NatsConnection, open: RegistrySource): Promise<ImportReport> {
  const { Registries } = await import('./registries.ts');
  const registries = await Registries.open(nc, process.env, say).catch((error: unknown) => {
    say(error instanceof Error ? error.message : String(error));
    process.exit(1);
  });
  try {
    return await new HistoryImport(nc, await open(registries)).run(() => undefined);
  } finally {
    await registries.close();
  }
}

function tell(report: ImportReport): void {
  const seconds = Math.round((Date.now() - startedAt) / 1000);
  const lines = [
    [
      `${report.rows} rows of ${report.tags} tags read in ${seconds} s: ${report.imported} imported,`,
      `${report.knownBefore} known from an earlier import, ${report.repeated} that only repeat the digest before,`,
      `${report.refused} refused; ${report.tracked} tags are tracked from now on.`,
    ].join(' '),
    ...report.refusals.map(({ text, reason }) => `  refused: ${text}: ${reason}`),
    ...(report.refused > report.refusals.length ? [`  and ${report.refused - report.refusals.length} more`] : []),
    ...report.failures.map((failure) => `  failed: ${failure}`),
    `Peak memory ${Math.round(process.resourceUsage().maxRSS / 1024)} MB.`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}
