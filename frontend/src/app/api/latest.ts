import { computed, linkedSignal, type Resource, type ResourceStatus, type Signal } from '@angular/core';
import { troubleOf, type Trouble } from './problem.ts';

/** A resource as pages show it: what was there stays until the next answer has come. */
export interface Latest<T> {
  /** Undefined before the first answer. */
  value: Signal<T | undefined>;
  /** Of the last call; null where it succeeded, and where something else is asked. */
  trouble: Signal<Trouble | null>;
  /** No answer yet at all: time for a skeleton. */
  waiting: Signal<boolean>;
  /** A call is under way. */
  busy: Signal<boolean>;
}

/**
 * Keeps the last value while a resource asks for the next, so that a list holds its place. `subject` names what is
 * shown: when it changes, the value of the former one is dropped.
 */
export function latest<T>(resource: Resource<T | undefined>, subject: () => unknown = () => null): Latest<T> {
  const trouble = linkedSignal<ResourceStatus, Trouble | null>({
    source: resource.status,
    // While the same is asked again, what went wrong stays, so that nothing flickers.
    computation: (status, before) =>
      status === 'error' ? troubleOf(resource.error()) : status === 'reloading' ? (before?.value ?? null) : null,
  });
  const value = linkedSignal<{ subject: unknown; value: T | undefined }, T | undefined>({
    source: () => ({ subject: subject(), value: resource.hasValue() ? resource.value() : undefined }),
    computation: (now, before) =>
      now.value ?? (before !== undefined && before.source.subject === now.subject ? before.value : undefined),
  });
  return {
    value: value.asReadonly(),
    trouble: trouble.asReadonly(),
    waiting: computed(() => value() === undefined && trouble() === null),
    busy: resource.isLoading,
  };
}
