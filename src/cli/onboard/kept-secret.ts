import { createHash, randomBytes } from 'node:crypto'
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { giveToOwnerOf } from '../give-to-owner.js'
import { plainName } from '../quoting.js'

/** The secret of a device that no bridge knows yet, in a file of `data-dir` that its owner alone may read. */
export interface KeptSecret {
  readonly file: string
  readonly read: () => Promise<string | undefined>
  /**
   * Keeps a secret unless there is one, of another run at the same time, and gives the one that is kept. Throws what
   * the file system says.
   */
  readonly keep: (secret: string) => Promise<string>
  /** Once the bridge knows the device, or the configuration does. */
  readonly remove: () => Promise<void>
}

/** Where `onboard` keeps what it has made for a device until a bridge takes it. */
export function keptSecret(dataDir: string, deviceId: string): KeptSecret {
  const directory = join(dataDir, 'onboarding')
  const id = deviceId.toLowerCase()
  // Two ids may have one plain name; the hash keeps them apart.
  const hash = createHash('sha256').update(id).digest('hex').slice(0, 12)
  const file = join(directory, `${plainName(id).slice(0, 100)}-${hash}.secret`)
  const read = async (): Promise<string | undefined> => {
    const text = await readFile(file, 'utf8').catch(() => '')
    return text.endsWith('\n') ? text.slice(0, -1) : undefined
  }
  return {
    file,
    read,
    keep: async (secret) => {
      await mkdir(directory, { recursive: true, mode: 0o700 })
      await giveToOwnerOf(dataDir, directory)
      // Whole or not at all: a half-written secret would be pasted into a device.
      const unfinished = `${file}.${randomBytes(4).toString('hex')}`
      await writeFile(unfinished, `${secret}\n`, { mode: 0o600 })
      try {
        await giveToOwnerOf(dataDir, unfinished)
        await link(unfinished, file)
        return secret
      } catch (error) {
        const kept = (error as NodeJS.ErrnoException).code === 'EEXIST' ? await read() : undefined
        if (kept === undefined) throw error
        return kept
      } finally {
        await rm(unfinished, { force: true })
      }
    },
    remove: () => rm(file, { force: true }).catch(() => undefined),
  }
}
