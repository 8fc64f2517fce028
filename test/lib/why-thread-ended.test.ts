import Database from 'libsql'
import { expect, it } from 'vitest'
import { whyThreadEnded } from '../../src/lib/why-thread-ended.js'

it.each([
  ['an error', new TypeError('x is not a function'), 'x is not a function'],
  ['an error of libsql that came out of a thread', { code: 'SQLITE_ERROR', rawCode: 1 }, 'SQLITE_ERROR'],
  ['an error of libsql', new Database.SqliteError('no such table', 'SQLITE_ERROR', 1), 'no such table'],
  ['an error that says nothing', new Error(), 'it did not say why'],
  ['a text', 'out of luck', 'out of luck'],
  ['nothing', undefined, 'it did not say why'],
])('%s', (_, error, why) => expect(whyThreadEnded(error)).toBe(why))
