import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { Principal } from '../../src/access/authz/principal.js'
import { createSessionPool, type PoolLimits, type SessionPool } from '../../src/rpc/session-pool.js'
import type { Asked } from '../../src/rpc/dispatcher.js'
import { NETCONF_NS } from '../../src/netconf/xml/namespaces.js'
import { element } from '../../src/netconf/xml/xml-tree.js'
import { type DeviceInMemory, deviceInMemory } from '../northbound/http/rpc/support/device-in-memory.js'

let device: DeviceInMemory
let pool: SessionPool
let limits: PoolLimits

beforeEach(() => {
  device = deviceInMemory()
  limits = { warmSessions: 2, warmSessionPipeline: 4, warmSessionIdle: 60_000, maxWarmSessions: 1000 }
  pool = createSessionPool(device.fleet, () => limits)
})

afterEach(async () => {
  vi.useRealTimers()
  device.stop()
  await pool.close()
})

const place = { deviceId: 'router1', roles: ['operator'] }

interface More {
  readonly repeatable?: boolean
  readonly signal?: AbortSignal
  readonly roles?: readonly string[]
  readonly account?: string
  readonly user?: Principal
}

function ask(token: string, more: More = {}) {
  const { repeatable = true, signal = new AbortController().signal, roles = place.roles, account, user } = more
  const at = { ...place, roles, account, ...(user === undefined ? {} : { user }) }
  const operation = element(NETCONF_NS, 'get', [element('', 'token', token)])
  return pool.at(at).ask(operation, { repeatable, deadline: { signal, time: signal } })
}

async function textOf(answer: Promise<Asked>): Promise<string> {
  const got = await answer
  if (!got.ok) return got.failure.cause
  return Buffer.concat((await got.reply.body.toArray()) as Buffer[]).toString()
}

/** Settles once the streams in memory have carried what was written. */
async function carried(): Promise<void> {
  for (let turn = 0; turn < 10; turn += 1) await nextTurn()
}

const tokenIn = ({ text }: { readonly text: string }): string => /<token[^>]*>(.*?)</.exec(text)?.[1] ?? ''

describe('warm sessions', () => {
  it('serve many calls with few sessions, each call with its own reply', async () => {
    const serving = (async () => {
      for (let number = 0; number < 40; number += 1) {
        const asked = await device.next()
        asked.answer(`<token>${tokenIn(asked)}</token>`)
      }
    })()
    const texts = await Promise.all(Array.from({ length: 40 }, (_, number) => textOf(ask(`t${number}`))))
    expect(texts).toEqual(Array.from({ length: 40 }, (_, number) => `<token>t${number}</token></rpc-reply>`))
    await serving
    expect(device.clients).toHaveLength(2)
    expect(device.clients[0]).toEqual({ user: 'homeport', source: 'warm', via: 'http' })
  })

  it('send no more behind each other than the bound, the rest waits here', async () => {
    limits = { ...limits, warmSessions: 1, warmSessionPipeline: 3 }
    const answers = Array.from({ length: 5 }, (_, number) => textOf(ask(`t${number}`)))
    const first = await device.next()
    await carried()
    expect(device.waiting.map(tokenIn)).toEqual(['t1', 't2'])
    first.answer()
    await answers[0]
    await carried()
    expect(device.waiting.map(tokenIn)).toEqual(['t1', 't2', 't3'])
    for (let number = 1; number < 5; number += 1) (await device.next()).answer()
    await Promise.all(answers)
  })

  it('are not shared by callers whose sessions are on other accounts, also where the roles are the same', async () => {
    const answers = [
      textOf(ask('a')),
      textOf(ask('b', { account: 'read-only' })),
      textOf(ask('c', { account: 'full' })),
    ]
    const sessions = [await device.next(), await device.next(), await device.next()]
    expect(new Set(sessions.map(({ session }) => session)).size).toBe(3)
    expect(device.accounts).toEqual([undefined, 'read-only', 'full'])
    for (const asked of sessions) asked.answer()
    await Promise.all(answers)
  })

  it('are those of one user alone where the device knows its users, also of two who are called the same', async () => {
    const users: readonly Principal[] = [
      { realm: 'local', name: 'noc1' },
      { realm: 'local', name: 'noc2' },
      { realm: 'hook', name: 'noc1' },
    ]
    for (const user of [...users, ...users]) {
      const answer = textOf(ask('t', { user }))
      const asked = await device.next()
      asked.answer()
      await answer
    }
    expect(device.clients.map(({ user }) => user)).toEqual(['noc1', 'noc2', 'noc1'])
  })

  it('are not shared by callers with other roles', async () => {
    const answers = [textOf(ask('a')), textOf(ask('b', { roles: ['viewer'] }))]
    const sessions = [await device.next(), await device.next()]
    expect(new Set(sessions.map(({ session }) => session)).size).toBe(2)
    for (const asked of sessions) asked.answer()
    await Promise.all(answers)
  })

  it('that died are replaced, and a read is sent again once', async () => {
    const answer = textOf(ask('a'))
    ;(await device.next()).die()
    const again = await device.next()
    expect(tokenIn(again)).toBe('a')
    again.answer('<second/>')
    expect(await answer).toBe('<second/></rpc-reply>')

    const failing = textOf(ask('b'))
    ;(await device.next()).die()
    ;(await device.next()).die()
    expect(await failing).toBe('link-lost')
  })

  it('that died under what may have had an effect: it is not sent again, and the caller is told', async () => {
    const answer = ask('a', { repeatable: false })
    ;(await device.next()).die()
    expect(await answer).toMatchObject({ failure: { cause: 'outcome-unknown', mayHaveHappened: true } })
    await carried()
    expect(device.waiting).toEqual([])
  })

  it('take what cannot be repeated only when they are idle', async () => {
    limits = { ...limits, warmSessions: 1 }
    const first = textOf(ask('a'))
    const asked = await device.next()
    const second = textOf(ask('b', { repeatable: false }))
    await carried()
    expect(device.waiting).toEqual([])
    asked.answer()
    await first
    ;(await device.next()).answer()
    await second
  })

  it('of a device that is not connected: every call hears so', async () => {
    device.disconnect()
    const answers = await Promise.all([ask('a'), ask('b'), ask('c')])
    expect(answers.map((answer) => (answer.ok ? '' : answer.failure.cause))).toEqual(Array(3).fill('not-connected'))
  })

  it('of a link that ended: reads go to the next one, whichever session they were on', async () => {
    const warmUp = [textOf(ask('a')), textOf(ask('b'))]
    for (const _ of warmUp) (await device.next()).answer()
    await Promise.all(warmUp)
    const answers = [textOf(ask('c')), textOf(ask('d'))]
    await device.next()
    await device.next()
    device.disconnect()
    device.connect()
    const serving = [await device.next(), await device.next()]
    for (const asked of serving) asked.answer()
    expect(await Promise.all(answers)).toEqual(['<ok/></rpc-reply>', '<ok/></rpc-reply>'])
  })
})

describe('a reader that is slow', () => {
  it('keeps its session, and what was sent behind it goes to another', async () => {
    limits = { ...limits, warmSessions: 1 }
    const long = ask('long')
    const asked = await device.next()
    const behind = textOf(ask('behind'))
    await carried()
    expect(device.waiting.map(tokenIn)).toEqual(['behind'])
    asked.write(`<rpc-reply xmlns="${NETCONF_NS}" message-id="1">${'x'.repeat(1024 * 1024)}`)
    const got = await long
    const first = await device.next()
    const moved = await device.next()
    expect([tokenIn(moved), moved.session]).toEqual(['behind', 2])
    moved.answer('<moved/>')
    expect(await behind).toBe('<moved/></rpc-reply>')
    // Its reader comes back: the rest is there, and what was taken back is dropped as it comes.
    asked.write('</rpc-reply>]]>]]>')
    first.answer('<too-late/>')
    const rest = got.ok ? Buffer.concat((await got.reply.body.toArray()) as Buffer[]).toString() : ''
    expect(rest).toBe(`${'x'.repeat(1024 * 1024)}</rpc-reply>`)
    await vi.waitFor(() => expect(device.open.size).toBe(1))
  })
})

describe('a call that is given up', () => {
  it('while it waits is not sent at all', async () => {
    limits = { ...limits, warmSessions: 1, warmSessionPipeline: 1 }
    const first = textOf(ask('a'))
    const asked = await device.next()
    const given = new AbortController()
    const second = ask('b', { signal: given.signal })
    given.abort()
    expect(await second).toMatchObject({ failure: { cause: 'client-gone' } })
    asked.answer()
    await first
    await carried()
    expect(device.waiting).toEqual([])
  })

  it('after it was sent: its reply is dropped, and the session goes on', async () => {
    limits = { ...limits, warmSessions: 1 }
    const given = new AbortController()
    const first = ask('a', { signal: given.signal })
    const asked = await device.next()
    given.abort()
    expect(await first).toMatchObject({ failure: { cause: 'client-gone' } })
    asked.answer('<nobody/>')
    const second = textOf(ask('b'))
    const next = await device.next()
    expect(next.session).toBe(1)
    next.answer('<mine/>')
    expect(await second).toBe('<mine/></rpc-reply>')
  })
})

describe('sessions that nobody uses', () => {
  async function useBoth(): Promise<void> {
    const answers = [textOf(ask('a')), textOf(ask('b'))]
    for (const asked of [await device.next(), await device.next()]) asked.answer()
    await Promise.all(answers)
    await vi.waitFor(() => expect(device.open.size).toBe(2))
  }

  it('are closed after a while', async () => {
    limits = { ...limits, warmSessionIdle: 20 }
    const answer = textOf(ask('a'))
    ;(await device.next()).answer()
    await answer
    await vi.waitFor(() => expect(device.open.size).toBe(0))
    expect(pool.count()).toBe(0)
  })

  it('make room as soon as somebody waits for a session of that device', async () => {
    await useBoth()
    device.emit('session-wanted', { deviceId: 'another' })
    expect(pool.count()).toBe(2)
    device.emit('session-wanted', { deviceId: 'router1' })
    await vi.waitFor(() => expect(device.open.size).toBe(0))
  })

  it('make room where as many as may be are open in all', async () => {
    await useBoth()
    limits = { ...limits, maxWarmSessions: 2 }
    const answer = textOf(ask('c', { roles: ['viewer'] }))
    ;(await device.next()).answer()
    expect(await answer).toBe('<ok/></rpc-reply>')
    expect(pool.count()).toBeLessThanOrEqual(2)
  })

  it('go at once when the bridge is stopping, the others after their replies', async () => {
    await useBoth()
    const answer = textOf(ask('c'))
    const asked = await device.next()
    pool.drain()
    await vi.waitFor(() => expect(device.open.size).toBe(1))
    asked.answer()
    expect(await answer).toBe('<ok/></rpc-reply>')
    await vi.waitFor(() => expect(device.open.size).toBe(0))
  })
})
