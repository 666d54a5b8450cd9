// The import itself; import.mjs prepares the machine, finds or starts the stores and runs this.
import { connectNats, ensureStreams } from '@dtm/jetstream';
import { sourceOf, USAGE } from './arguments.ts';
import { HistoryImport } from './history-import.ts';
import { Progress } from './progress.ts';

const source = sourceOf(process.argv.slice(2));
if ('fault' in source) {
  process.stderr.write(`${source.fault}\n\n${USAGE}\n`);
  process.exit(2);
}
const nc = await connectNats({ url: process.env['NATS_URL'] ?? '', name: 'import' });
await ensureStreams(nc);
const progress = new Progress();
const startedAt = Date.now();
process.stderr.write(`Reading ${source.name} ...\n`);
const report = await new HistoryImport(nc, source).run((done, all) => progress.update(done, all));
progress.end();
await nc.close();

const seconds = Math.round((Date.now() - startedAt) / 1000);
process.stdout.write(
  [
    `${report.rows} rows of ${report.tags} tags read in ${seconds} s: ${report.imported} imported,`,
    `${report.knownBefore} known from an earlier import, ${report.repeated} that only repeat the digest before,`,
    `${report.refused} refused; ${report.tracked} tags are tracked from now on.`,
  ].join(' ') + '\n',
);
for (const { text, reason } of report.refusals) process.stdout.write(`  refused: ${text}: ${reason}\n`);
if (report.refused > report.refusals.length) {
  process.stdout.write(`  and ${report.refused - report.refusals.length} more\n`);
}
process.stdout.write(`Peak memory ${Math.round(process.resourceUsage().maxRSS / 1024)} MB.\n`);
