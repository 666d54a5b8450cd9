// Makes the head of the web UI's page a place that nginx fills in: what the api says of a tag, where it says something, else
// what the page says itself (infra/web/nginx.conf). The elements are those of services/api/src/static/page-head.ts.
import { readFileSync, writeFileSync } from 'node:fs';

const [path] = process.argv.slice(2);
if (path === undefined) throw new Error('preview-head.mjs <index.html>');

const ELEMENTS = [
  /<title>[^<]*<\/title>/,
  /<meta\s+name="description"\s[^>]*>/,
  /<meta\s+property="og:title"\s[^>]*>/,
  /<meta\s+property="og:description"\s[^>]*>/,
  /<meta\s+property="og:image"\s[^>]*>/,
];

let html = readFileSync(path, 'utf8');
const own = ELEMENTS.map((element) => {
  const found = element.exec(html)?.[0];
  if (found === undefined) throw new Error(`${path} has no ${element}`);
  html = html.replace(found, '');
  return found.replace('content="/', 'content="<!--# echo var="origin" -->/');
});
const place = [
  '<!--# include virtual="/page-head" set="head" -->',
  '<!--# if expr="$head" --><!--# echo var="head" encoding="none" -->',
  `<!--# else -->${own.join('')}<!--# endif -->`,
].join('');
if (!html.includes('<base ')) throw new Error(`${path} has no <base>`);
writeFileSync(
  path,
  html.replace('<base ', () => `${place}<base `),
);
