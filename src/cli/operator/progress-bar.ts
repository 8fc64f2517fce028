import type { CommandIo } from '../command-io.js'

/** A line at the bottom of a terminal that tells how far a command is; nothing where standard error is no terminal. */
export interface ProgressBar {
  readonly advance: (ok: boolean) => void
  /** Takes the line away, for something that is written above it. */
  readonly clear: () => void
  readonly end: () => void
}

const WIDTH = 30
const ERASE_LINE = '\r\u001b[K'

/** @param total 0 where it is not known, which shows no bar */
export function createProgressBar({ stderr }: Pick<CommandIo, 'stderr'>, total: number): ProgressBar {
  if (stderr.isTTY !== true || total === 0) return { advance: () => {}, clear: () => {}, end: () => {} }
  let done = 0
  let failed = 0
  return {
    advance: (ok) => {
      done += 1
      if (!ok) failed += 1
      const filled = Math.round((Math.min(done, total) / total) * WIDTH)
      const bar = `${'█'.repeat(filled)}${'·'.repeat(WIDTH - filled)}`
      stderr.write(`${ERASE_LINE}${bar} ${done}/${total}${failed === 0 ? '' : `, ${failed} failed`}`)
    },
    clear: () => void stderr.write(ERASE_LINE),
    end: () => void stderr.write(ERASE_LINE),
  }
}
