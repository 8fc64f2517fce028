import Database from 'libsql'
import { expect, it } from 'vitest'
import { failureOf, failureOfOpening } from '../../../src/store/sqlite/sqlite-failure.js'

const sqlite = (code: string, rawCode: number): Error => new Database.SqliteError('text', code, rawCode)

it.each([
  [sqlite('SQLITE_FULL', 13), 'disk-full'],
  [sqlite('SQLITE_IOERR_SHMSIZE', 4874), 'disk-full'],
  [Object.assign(new Error('text'), { code: 'ENOSPC' }), 'disk-full'],
  [sqlite('a code that libsql has no name for', 1544), 'read-only'],
  [new Error('ConnectionFailed("Unable to open connection to local database /a/b: 14")'), 'read-only'],
  [Object.assign(new Error('text'), { code: 'EROFS' }), 'read-only'],
  [sqlite('SQLITE_CORRUPT_INDEX', 779), 'corrupt'],
  [sqlite('SQLITE_NOTADB', 26), 'corrupt'],
  [sqlite('SQLITE_BUSY_SNAPSHOT', 517), 'locked'],
  [sqlite('SQLITE_IOERR_FSYNC', 1034), 'io'],
  [Object.assign(new Error('text'), { code: 'ENOTDIR' }), 'io'],
])('%o is %s', (error, cause) => {
  const problem = failureOf(error, '/data/homeport.db')
  expect(problem).toMatchObject({ reason: cause, message: expect.stringMatching(/^\/data\/homeport\.db: /) })
  expect(problem?.hint).not.toBe('')
})

it.each([sqlite('SQLITE_CONSTRAINT_CHECK', 275), sqlite('SQLITE_ERROR', 1), new TypeError('a mistake'), 'text'])(
  '%o is a mistake of ours and no problem of the store',
  (error) => expect(failureOf(error, '/data/homeport.db')).toBeUndefined(),
)

it.each([sqlite('SQLITE_ERROR', 1), sqlite('SQLITE_CONSTRAINT_CHECK', 275), sqlite('a code without a name', 20)])(
  '%o of a file that is opened says that it is not what its number says',
  (error) =>
    expect(failureOfOpening(error, '/data/homeport.db')).toMatchObject({
      reason: 'corrupt',
      message: expect.stringMatching(/^\/data\/homeport\.db: its tables .* \(text\)$/),
      hint: expect.stringContaining('put back a backup'),
    }),
)

it('what failureOf knows is the same at the opening, and a mistake of ours stays one', () => {
  const full = sqlite('SQLITE_FULL', 13)
  expect(failureOfOpening(full, '/f')).toEqual(failureOf(full, '/f'))
  expect(failureOfOpening(new TypeError('a mistake'), '/f')).toBeUndefined()
})
