import type { StoreFailure } from '../store.js'

/**
 * What an error of SQLite or of the file system means for whoever runs the bridge; undefined when it is a mistake of
 * ours.
 */
export function failureOf(error: unknown, file: string): StoreFailure | undefined {
  const code = codeOf(error)
  const kind = KINDS.find(({ codes }) => codes.test(code))
  return kind && { reason: kind.reason, message: `${file}: ${kind.message(code)}`, hint: kind.hint }
}

/**
 * As `failureOf`, for a file that is opened, so it may hold anything: tables that its schema number promises and that
 * are not there, or those of another program, are damage as well, though SQLite calls them a mistake.
 */
export function failureOfOpening(error: unknown, file: string): StoreFailure | undefined {
  const failure = failureOf(error, file)
  if (failure !== undefined || !(error instanceof Error) || !UNEXPECTED_TABLES.test(codeOf(error))) return failure
  return {
    reason: 'corrupt',
    message: `${file}: its tables are not those that its schema number stands for (${error.message})`,
    hint: CORRUPT_HINT,
  }
}

interface Kind {
  readonly reason: StoreFailure['reason']
  readonly codes: RegExp
  readonly message: (code: string) => string
  readonly hint: string
}

const CORRUPT_HINT =
  'put back a backup of it together with its -wal file, or move both away: the bridge then starts with no enrolments'

const KINDS: readonly Kind[] = [
  {
    reason: 'disk-full',
    codes: /^(SQLITE_FULL|ENOSPC|EDQUOT)/,
    message: () => 'no space is left to write it',
    hint: 'make room on its file system; until then nothing new is remembered across a restart',
  },
  {
    reason: 'read-only',
    codes: /^(SQLITE_(READONLY|PERM|CANTOPEN)|EROFS|EACCES|EPERM)/,
    message: (code) => `cannot be written (${code})`,
    hint:
      'data-dir and the files in it must belong to the user that runs the bridge, ' +
      'on a file system that is mounted writable',
  },
  {
    reason: 'corrupt',
    codes: /^SQLITE_(CORRUPT|NOTADB)/,
    message: (code) => `is damaged or not a database (${code})`,
    hint: CORRUPT_HINT,
  },
  {
    reason: 'locked',
    codes: /^SQLITE_(BUSY|LOCKED)/,
    message: () => 'another process is using it',
    hint: 'one data-dir serves one bridge: stop the other one, or give this one a data-dir of its own',
  },
  {
    reason: 'io',
    codes: /^(SQLITE_(IOERR|NOMEM|PROTOCOL|NOLFS)|E[A-Z0-9]+$)/,
    message: (code) => `cannot be used (${code})`,
    hint: 'check data-dir, its file system and its disk; the kernel log may say more',
  },
]

/** SQL that does not fit the tables, and rows that do not fit them. */
const UNEXPECTED_TABLES = /^SQLITE_(ERROR|CONSTRAINT|MISMATCH)/

// By number, since libsql has no name for some of SQLite's extended codes; the low byte is the kind.
const primaryCodes: Readonly<Record<number, string>> = {
  1: 'SQLITE_ERROR',
  3: 'SQLITE_PERM',
  5: 'SQLITE_BUSY',
  6: 'SQLITE_LOCKED',
  7: 'SQLITE_NOMEM',
  8: 'SQLITE_READONLY',
  10: 'SQLITE_IOERR',
  11: 'SQLITE_CORRUPT',
  13: 'SQLITE_FULL',
  14: 'SQLITE_CANTOPEN',
  15: 'SQLITE_PROTOCOL',
  19: 'SQLITE_CONSTRAINT',
  20: 'SQLITE_MISMATCH',
  22: 'SQLITE_NOLFS',
  26: 'SQLITE_NOTADB',
}

// The -shm file could not grow: SQLite calls a full disk so.
const IOERR_SHMSIZE = 4874

// libsql reports a failed open as text alone, with SQLite's number for it at the end.
const FAILED_OPEN = /^ConnectionFailed\(.*: (\d+)"\)$/s

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return ''
  if ('rawCode' in error && typeof error.rawCode === 'number') return sqliteCode(error.rawCode)
  if ('code' in error && typeof error.code === 'string') return error.code
  return sqliteCode(Number(FAILED_OPEN.exec(error.message)?.[1] ?? 0))
}

function sqliteCode(number: number): string {
  if (number === IOERR_SHMSIZE) return 'SQLITE_FULL'
  const name = primaryCodes[number & 0xff]
  return name === undefined ? '' : `${name} ${number}`
}
