import { afterEach } from 'vitest'

/** Something that a test started and must end. */
export type Stoppable = { readonly stop: () => Promise<void> | void }

/**
 * Ends, after each test of a file and in reverse order, whatever the test handed to the returned function,
 * also when the test failed half way.
 */
export function endAfterEach(): <T extends Stoppable>(resource: T) => T {
  const started: Stoppable[] = []
  afterEach(async () => {
    for (const resource of started.splice(0).toReversed()) await resource.stop()
  })
  return (resource) => {
    started.push(resource)
    return resource
  }
}
