import { isInvalid, Reference, RepositoryName } from '@dtm/oci';
import { ProblemError } from '../problem/problem.ts';

/** Express 5 gives a wildcard as its decoded segments. */
export type PathParameter = string | readonly string[];

/** The `{reference}` of a path; a problem with the reason where it is none. */
export function referenceOfPath(parameter: PathParameter): Reference {
  const text = textOf(parameter);
  const parsed = Reference.parse(text);
  if (isInvalid(parsed)) {
    throw new ProblemError('invalid-reference', {
      title: `"${parsed.text}" is not a reference: ${parsed.reason}`,
      errors: [{ field: 'reference', message: parsed.reason }],
    });
  }
  return parsed;
}

/** What lies below a tag, the calls that are not built yet included. */
const SUB_RESOURCES = ['changes', 'frequency', 'served'];

/**
 * The same where the whole rest of the path is the reference: `.../changes` is never a repository of that name, whatever the
 * method, so that nobody untracks what he did not mean. A problem as of a call that is not there.
 */
export function wholeReferenceOfPath(parameter: PathParameter): Reference {
  // With its slashes encoded it is one segment, and no part of it a sub-resource.
  const last = typeof parameter === 'string' || parameter.length < 2 ? '' : (parameter.at(-1) ?? '');
  if (SUB_RESOURCES.includes(last)) {
    throw new ProblemError('not-found', {
      title: `There is no such call: a repository that ends in "${last}" needs its tag written out, as in "${last}:latest"`,
    });
  }
  return referenceOfPath(parameter);
}

/** The `{registry/repository}` of a path; a problem with the reason where it is none. */
export function repositoryOfPath(parameter: PathParameter): RepositoryName {
  const text = textOf(parameter);
  const parsed = RepositoryName.parse(text);
  if (isInvalid(parsed)) {
    throw new ProblemError('invalid-reference', {
      title: `"${parsed.text}" is not a repository: ${parsed.reason}`,
      errors: [{ field: 'repository', message: parsed.reason }],
    });
  }
  return parsed;
}

/** What is answered about a tag that nothing is known of: a look never adds it. */
export function unknownTag(reference: Reference): ProblemError {
  return new ProblemError('unknown-tag', {
    title: `${reference.toString()} is not tracked yet: add it with POST /api/v1/tags`,
    detail: `Send {"references": ["${reference.toString()}"]}, or add it on the overview page.`,
  });
}

function textOf(parameter: PathParameter): string {
  return typeof parameter === 'string' ? parameter : parameter.join('/');
}
