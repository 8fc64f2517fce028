import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFailure } from './backup-error.js'

/** A directory that nobody else may open, for what is not finished; it is gone afterwards, whatever happens. */
export interface Workshop {
  readonly path: string
  readonly remove: () => Promise<void>
}

/** How such directories begin; what a killed process has left of one belongs into no backup. */
const PREFIX = '.homeport-'

/** Makes one in `parent`; SIGINT and SIGTERM remove it and end the process. Throws `BackupError`. */
export async function makeWorkshop(parent: string): Promise<Workshop> {
  const path = await mkdtemp(join(parent, PREFIX)).catch((error: unknown) => {
    throw writeFailure(parent, error)
  })
  const abandon = (): void => {
    rmSync(path, { recursive: true, force: true })
    process.exit(1)
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, abandon)
  return {
    path,
    remove: async () => {
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, abandon)
      await rm(path, { recursive: true, force: true })
    },
  }
}
