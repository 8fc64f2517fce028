import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { inject } from 'vitest'
import { podman } from '../parts/container.js'

/** How long a test may wait for it: the first time on a machine a Debian is made as well. */
export const IMAGE_TIMEOUT_MS = 900_000

/** The name of the image that `npm run image` builds, once for all tests of a run. */
export async function builtImage(): Promise<string> {
  const image = inject('image')
  if ((await podman('image', 'exists', image)).status === 0) return image
  const cwd = join(import.meta.dirname, '../../..')
  await promisify(execFile)('npm', ['run', '--silent', 'image', '--', '--tag', image], { cwd, maxBuffer: 2 ** 26 })
  return image
}
