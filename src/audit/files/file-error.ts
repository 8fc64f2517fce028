/** Why a file cannot be written, and what to do about it. */
export interface FileFailure {
  readonly reason: 'disk-full' | 'not-permitted' | 'io'
  readonly message: string
  readonly hint: string
}

/** What an error of the file system means for whoever runs the bridge. */
export function fileFailure(error: unknown, path: string): FileFailure {
  const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return {
      reason: 'disk-full',
      message: `${path}: no space is left to write it`,
      hint: 'make room on its file system; it goes on by itself then',
    }
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS' || code === 'EISDIR' || code === 'ENOTDIR')
    return {
      reason: 'not-permitted',
      message: `${path}: cannot be written (${code})`,
      hint: 'name a file that the user of the bridge may write, on a file system that is mounted writable',
    }
  return {
    reason: 'io',
    message: `${path}: cannot be written (${code})`,
    hint: 'check its file system and its disk; the kernel log may say more',
  }
}
