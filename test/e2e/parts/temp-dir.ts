import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export type TempDir = { readonly path: string; readonly remove: () => Promise<void> }

/** A new directory of its own under the system's temporary directory; `remove` deletes it with all that is in it. */
export async function makeTempDir(name: string): Promise<TempDir> {
  const path = await mkdtemp(join(tmpdir(), `homeport-${name}-`))
  // Dying processes may still write their last file while the tree is deleted.
  return { path, remove: () => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 }) }
}
