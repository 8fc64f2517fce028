import { once } from 'node:events'
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it, vi } from 'vitest'
import { openPostgresStore } from '../../../src/store/postgres/postgres-store.js'
import type { SoleNode } from '../../../src/store/postgres/sole-node.js'
import type { StoreFailure } from '../../../src/store/store.js'
import { collectLines } from '../../e2e/parts/lines.js'
import { type PostgresServer, startPostgresServer } from '../../e2e/parts/postgres-server.js'
import { makePostgresRoom, type PostgresRoom } from '../postgres-room.js'
import { full, put, written } from '../store-room.js'
import { type CuttingProxy, startCuttingProxy } from './cutting-proxy.js'

let server: PostgresServer
let proxy: CuttingProxy
let room: PostgresRoom
let replaced: StoreFailure[]

beforeAll(async () => {
  server = await startPostgresServer()
  proxy = await startCuttingProxy(server)
}, 60_000)
afterAll(async () => {
  await proxy.stop()
  await server.remove()
})
beforeEach(async () => {
  proxy.heal()
  room = await makePostgresRoom(server)
  replaced = []
})
afterEach(() => room.remove())

function node(id: string, lease = 5_000): SoleNode {
  return { id, lease, heartbeat: 100, onReplaced: (failure) => replaced.push(failure) }
}

async function refusalOf(alone: SoleNode): Promise<unknown> {
  const opened = await openPostgresStore({ ...room.options, alone })
  if (opened.ok) await opened.store.close()
  return opened.ok ? undefined : opened.failure
}

it('refuses a second node while the first lives, also one of the same name, and says what to do', async () => {
  const active = await room.open({ alone: node('a') })
  expect(await refusalOf(node('b'))).toEqual({
    reason: 'in-use',
    message: expect.stringMatching(/^postgres:\/\/.*: node "a" uses it$/),
    hint: expect.stringContaining('one node at a time'),
  })
  expect(await refusalOf(node('a'))).toMatchObject({
    reason: 'in-use',
    message: expect.stringContaining('another process uses it as node "a"'),
  })
  await put(active, full('router1'))
  expect(replaced).toEqual([])
})

it('lets the standby in at once when the first has been stopped, with all that it knew', async () => {
  const active = await room.open({ alone: node('a', 60_000) })
  await put(active, full('router1'))
  active.attached.note('router1', true)
  written(await active.close())
  const standby = await room.open({ alone: node('b', 60_000) })
  expect(await standby.enrolments.list()).toStrictEqual([full('router1')])
  expect(standby.attached.before.deviceIds).toEqual(['router1'])
})

it('lets one of two in that start at once', async () => {
  const [one, other] = await Promise.all(
    ['a', 'b'].map((id) => openPostgresStore({ ...room.options, alone: node(id) })),
  )
  const opened = [one, other].flatMap((each) => (each?.ok === true ? [each.store] : []))
  expect(opened).toHaveLength(1)
  await opened[0]?.close()
})

it('lets the standby in when the lease of one that was killed is over', async () => {
  const program = fileURLToPath(new URL('../programs/stand-alone.ts', import.meta.url))
  const key = room.options.keys[0]?.toString('base64') ?? ''
  const active = spawn(process.execPath, ['--import', 'tsx', program, room.url, key], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = collectLines('the active one')
  lines.add(active.stdout)
  await lines.match(/standing/, { timeoutMs: 20_000 })
  expect(await refusalOf(node('b'))).toMatchObject({ reason: 'in-use' })
  active.kill('SIGKILL')
  await once(active, 'exit')
  // The same command waits for the lease of the dead one instead of being refused.
  const standby = await room.open({ alone: node('b', 3_000) })
  expect(await standby.enrolments.list()).toStrictEqual([full('router1')])
}, 60_000)

it('tells one that was cut off and replaced meanwhile, so that it ends', async () => {
  await room.open({ url: proxy.through(room.url), alone: node('a', 1_000) })
  proxy.cut()
  await room.open({ alone: node('b', 1_000) })
  expect(replaced).toEqual([])
  proxy.heal()
  await vi.waitFor(() => expect(replaced).toHaveLength(1), 10_000)
  expect(replaced[0]).toEqual({
    reason: 'locked',
    message: expect.stringContaining('node "b" has taken over from "a"'),
    hint: expect.stringContaining('standby'),
  })
})

it('goes on where the database was away and nobody came', async () => {
  const active = await room.open({ url: proxy.through(room.url), alone: node('a', 500) })
  proxy.cut()
  const seen = await room.sql('SELECT seen_at FROM node')
  await vi.waitFor(async () => {
    const [late] = (await room.sql(`SELECT now() - '${seen}' > interval '1 second'`)).split('\n')
    expect(late).toBe('t')
  }, 5_000)
  proxy.heal()
  await vi.waitFor(async () => expect(await room.sql(`SELECT seen_at > '${seen}' FROM node`)).toBe('t'), 10_000)
  await put(active, full('router1'))
  expect(replaced).toEqual([])
})
