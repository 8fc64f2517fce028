import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'

/** In a clone, and beside the program that npm has installed. */
const EXAMPLE = 'config/homeport.example.yaml'

/** Where it may be, from the nearest on: this module is in `dist` once it is built, and in `src/config` before. */
const PLACES = [
  EXAMPLE,
  ...['..', '../..'].map((up) => join(import.meta.dirname, up, EXAMPLE)),
  '/usr/share/doc/homeport/examples/homeport.example.yaml',
]

/** Words for the annotated example of the configuration that end a hint: its path where this machine has it. */
export function annotatedExample(cwd: string, places: readonly string[] = PLACES): string {
  return places.find((place) => existsSync(resolve(cwd, place))) ?? `${EXAMPLE} of the source`
}
