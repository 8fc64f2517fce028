import type { TestProject } from 'vitest/node'
import { podman } from '../parts/container.js'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The name of the image that all files of a run share; `builtImage` builds it for the first that asks. */
    readonly image: string
  }
}

/** One that is there already, for whoever works on these tests and not on the image: `npm run image` first. */
const GIVEN = process.env['HOMEPORT_TEST_IMAGE']
const IMAGE = GIVEN ?? `localhost/homeport-test:${process.pid}`

export function setup({ provide }: TestProject): void {
  provide('image', IMAGE)
}

export async function teardown(): Promise<void> {
  if (GIVEN === undefined) await podman('rmi', '--force', IMAGE)
}
