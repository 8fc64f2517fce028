import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { openSqliteStore } from '../../../src/store/sqlite/sqlite-store.js'
import type { Store } from '../../../src/store/store.js'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'homeport-attached-'))
})
afterEach(async () => {
  vi.useRealTimers()
  await rm(directory, { recursive: true, force: true })
})

async function open(): Promise<Store> {
  const opened = await openSqliteStore({
    directory,
    touchInterval: 60_000,
    onProblem: (problem) => expect.fail(problem.message),
  })
  if (!opened.ok) throw new Error(opened.failure.message)
  return opened.store
}

it('writes a moment later all that came together, and nothing after its end', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'Date'] })
  const store = await open()
  for (let index = 0; index < 120; index += 1) store.attached.note(`device-${index}`, true)
  await vi.advanceTimersByTimeAsync(1_000)
  await vi.runAllTimersAsync()
  expect(vi.getTimerCount()).toBe(0)
  await store.close()
  store.attached.note('late', true)
  expect(vi.getTimerCount()).toBe(0)
  const next = await open()
  expect(next.attached.before.deviceIds).toHaveLength(120)
  await next.close()
})
