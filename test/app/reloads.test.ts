import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import type { Bridge } from '../../src/app/bridge.js'
import { createConfigRecord } from '../../src/app/config-record.js'
import { createReloads } from '../../src/app/reloads.js'
import { loadConfig } from '../../src/config/load.js'
import type { UserConfig } from '../../src/config/schema.js'
import { recordedLog } from '../northbound/http/recorded-log.js'

let directory: string

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'homeport-reloads-'))
  vi.useFakeTimers()
})
afterEach(async () => {
  vi.useRealTimers()
  await rm(directory, { recursive: true, force: true })
})

const usersNamed = (...names: string[]): string => JSON.stringify({ users: names.map((name) => ({ name })) })

it('a users file that changes while the bridge starts is read once it runs, and so is each change after', async () => {
  const file = (name: string) => join(directory, name)
  await writeFile(file('homeport.yaml'), 'users-file: users.yaml')
  await writeFile(file('users.yaml'), usersNamed('ann'))
  const load = () => loadConfig({ path: 'homeport.yaml', cwd: directory, env: {} })
  const loaded = load()
  if (!loaded.ok) throw new Error('the configuration has problems')
  const record = createConfigRecord(file('homeport.yaml'), loaded.sources)
  const manager = { reloading: () => undefined, reloaded: () => undefined }
  const reloads = createReloads({ loaded, load, record, manager, log: recordedLog().log })

  const applied: string[][] = []
  const configureUsers = async (users: readonly UserConfig[]) => void applied.push(users.map(({ name }) => name))
  await writeFile(file('users.yaml'), usersNamed('ann', 'bob'))
  await vi.advanceTimersByTimeAsync(15_000)
  expect(applied).toEqual([])
  reloads.follow({ configureUsers } as unknown as Bridge)
  await vi.waitFor(() => expect(applied).toEqual([['ann', 'bob']]))

  await writeFile(file('users.yaml'), usersNamed('bob'))
  await vi.advanceTimersByTimeAsync(15_000)
  await vi.waitFor(() => expect(applied.at(-1)).toEqual(['bob']))

  await writeFile(file('users.yaml'), 'users: 1')
  await vi.advanceTimersByTimeAsync(15_000)
  await vi.waitFor(async () =>
    expect((await record.facts()).failedReloads).toMatchObject([{ what: 'users-file', problems: [{}] }]),
  )
  await writeFile(file('users.yaml'), usersNamed('ann'))
  await vi.advanceTimersByTimeAsync(15_000)
  await vi.waitFor(() => expect(applied.at(-1)).toEqual(['ann']))
  expect((await record.facts()).failedReloads).toEqual([])
  reloads.close()
})
