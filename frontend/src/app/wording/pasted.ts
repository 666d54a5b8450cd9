/** What people have at hand is seldom a bare reference: a command, a line of a file, the address of a page. */
const AROUND: readonly RegExp[] = [
  // Of a command line the reference is the last word; what follows `&&` or a pipe is another command.
  /^(?:(?:docker|podman|nerdctl)(?:\s+image)?|crictl|ctr\s+images?)\s+pull\s+(?:[^\s&|;]+\s+)*([^\s&|;-][^\s&|;]*)$/i,
  /^FROM\s+(?:--\S+\s+)*([^\s-]\S*)(?:\s+AS\s+\S+)?$/i,
  /^(?:-\s+)?["']?image["']?\s*:\s+["']?([^\s"',]+)["']?,?(?:\s+#.*)?$/,
];
const PROMPT = /^(?:(?:[$#>%]|sudo)\s+)+/;
const HUB_OFFICIAL = /^https?:\/\/hub\.docker\.com\/_\/([^/?#]+)/;
const HUB = /^https?:\/\/hub\.docker\.com\/r\/([^/?#]+\/[^/?#]+)/;
const HUB_LAYERS = /^https?:\/\/hub\.docker\.com\/layers\/([^/?#]+\/[^/?#]+)\/([^/?#]+)/;
const QUAY = /^https?:\/\/quay\.io\/repository\/([^?#]+?)\/?(?:\?.*)?(?:#.*)?$/;

/** The reference in one pasted line, without what stood around it; the trimmed line where nothing of the kind did. */
export function pastedReference(line: string): string {
  const text = line.trim();
  const page = HUB_OFFICIAL.exec(text)?.[1] ?? HUB.exec(text)?.[1];
  if (page !== undefined) return page;
  const layers = HUB_LAYERS.exec(text);
  if (layers !== null) return `${layers[1]}:${layers[2]}`;
  const quay = QUAY.exec(text)?.[1];
  if (quay !== undefined) return `quay.io/${quay}`;
  const command = text.replace(PROMPT, '');
  for (const around of AROUND) {
    const reference = around.exec(command)?.[1];
    if (reference !== undefined) return reference;
  }
  return text;
}
