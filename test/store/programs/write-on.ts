import { writeSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { openSqliteStore } from '../../../src/store/sqlite/sqlite-store.js'
import { generationOf, ofGeneration, SEEN_FROM } from '../generation.js'

const [, , directory = ''] = process.argv
const opened = await openSqliteStore({ directory, touchInterval: 1, onProblem: () => {} })
if (!opened.ok) throw new Error(opened.failure.message)
const { enrolments } = opened.store

// Approvals and their withdrawals in turn, of a few devices again and again.
for (let round = 0; ; round++) {
  const id = `router${round % 7}`
  const result = await enrolments.update(id, (current) => ofGeneration(id, generationOf(current) + 1))
  if (!result.ok) throw new Error(result.failure.message)
  // Written before the next change begins, so that a kill cannot take it back.
  writeSync(1, `${id} ${generationOf(result.value)}\n`)
  enrolments.touch(id, { at: new Date(), address: SEEN_FROM })
  if (round % 10 === 0) await setImmediate()
}
