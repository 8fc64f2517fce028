import { isDenial } from '../../lib/is-denial.js'

/** Why a backup cannot be made or put back. `status` 2 says that another command line may help. */
export class BackupError extends Error {
  constructor(
    message: string,
    readonly hint: string,
    readonly status: 1 | 2 = 1,
  ) {
    super(message)
  }
}

/** A file that belongs into the backup and cannot be read. */
export function readFailure(path: string, error: unknown): BackupError {
  const code = codeOf(error)
  if (code === 'ENOENT')
    return new BackupError(
      `${path}: there is no such file, and the configuration names it`,
      '`homeport check-config` tells what the configuration lacks',
    )
  const hint = isDenial(code)
    ? 'a backup holds all secrets: make it as root (sudo), or as the user of the bridge'
    : 'check the file and its file system'
  return new BackupError(`${path} cannot be read (${code})`, hint)
}

/** A file that cannot be written. */
export function writeFailure(path: string, error: unknown): BackupError {
  const code = codeOf(error)
  const hints: Readonly<Record<string, string>> = {
    ENOSPC: 'make room on that file system, or name another one',
    EACCES: 'name a place where you may write, or run it as root (sudo)',
    EROFS: 'that file system is mounted read-only: name another one',
    ENOENT: 'make its directory first',
  }
  return new BackupError(`${path} cannot be written (${code})`, hints[code] ?? 'check the path and its file system')
}

/** The code of a system error, else its text. */
export function codeOf(error: unknown): string {
  return error instanceof Error ? ((error as NodeJS.ErrnoException).code ?? error.message) : String(error)
}
