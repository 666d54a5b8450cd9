/** Router commands to a reference's record: one per slash, so that none is escaped. */
export function detailsLink(reference: string): string[] {
  return ['/details', ...reference.split('/')];
}
