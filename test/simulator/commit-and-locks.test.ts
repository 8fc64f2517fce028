import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createNetconfServer, type NetconfServer } from '../../src/simulator/netconf-server.js'
import { createManualClock, type ManualClock } from './support/manual-clock.js'
import { configText, connectTo, type TestClient, tags } from './support/netconf-client.js'

let clock: ManualClock
let server: NetconfServer
let one: TestClient
let two: TestClient
let closed: number[]
let onClosed: (() => void) | undefined

beforeEach(async () => {
  clock = createManualClock()
  closed = []
  server = createNetconfServer({
    deviceId: 'r1',
    clock,
    onSession: (news) => {
      if (news.kind !== 'closed') return
      closed.push(news.actor.sessionId)
      onClosed?.()
    },
  })
  one = await connectTo(server)
  two = await connectTo(server)
})

afterEach(() => {
  onClosed = undefined
  one.drop()
  two.drop()
  server.stop()
})

async function untilClosed(sessionId: number): Promise<void> {
  while (!closed.includes(sessionId)) {
    await new Promise<void>((resolve) => {
      onClosed = resolve
    })
  }
}

const setHostname = (client: TestClient, name: string, target = 'candidate') =>
  client.ask(
    `<edit-config><target><${target}/></target><config><d:system><d:hostname>${name}</d:hostname></d:system></config></edit-config>`,
  )
const hostname = async (source: 'running' | 'candidate' = 'running') =>
  /<hostname>(.*?)</.exec(await configText(two, source))?.[1]

test('the candidate becomes running when it is committed', async () => {
  await setHostname(one, 'new')
  expect(await hostname()).toBe('r1')
  expect(await hostname('candidate')).toBe('new')
  expect((await one.ask('<commit/>')).ok).toBe(true)
  expect(await hostname()).toBe('new')
})

describe('confirmed commit', () => {
  const confirmed = async (more = '') => {
    await setHostname(one, 'new')
    expect((await one.ask(`<commit><confirmed/>${more}</commit>`)).ok).toBe(true)
    expect(await hostname()).toBe('new')
  }

  test('is taken back after 600 seconds', async () => {
    await confirmed()
    clock.advance(599_999)
    expect(await hostname()).toBe('new')
    clock.advance(1)
    expect(await hostname()).toBe('r1')
    expect(clock.timers()).toBe(0)
  })

  test('is taken back after its own timeout', async () => {
    await confirmed('<confirm-timeout>5</confirm-timeout>')
    clock.advance(5_000)
    expect(await hostname()).toBe('r1')
  })

  test('stays when it is confirmed', async () => {
    await confirmed()
    expect((await one.ask('<commit/>')).ok).toBe(true)
    clock.advance(600_000)
    expect(await hostname()).toBe('new')
    expect(clock.timers()).toBe(0)
  })

  test('a second one extends the time, and both are taken back', async () => {
    await confirmed('<confirm-timeout>10</confirm-timeout>')
    clock.advance(9_000)
    await setHostname(one, 'newer')
    expect((await one.ask('<commit><confirmed/><confirm-timeout>10</confirm-timeout></commit>')).ok).toBe(true)
    clock.advance(9_000)
    expect(await hostname()).toBe('newer')
    clock.advance(1_000)
    expect(await hostname()).toBe('r1')
  })

  test('is taken back by cancel-commit, of its own session only', async () => {
    await confirmed()
    expect(tags(await two.ask('<cancel-commit/>'))).toEqual(['in-use'])
    expect(tags(await two.ask('<commit/>'))).toEqual(['in-use'])
    expect(tags(await two.ask('<lock><target><running/></target></lock>'))).toEqual(['lock-denied'])
    expect((await one.ask('<cancel-commit/>')).ok).toBe(true)
    expect(await hostname()).toBe('r1')
    expect(tags(await one.ask('<cancel-commit/>'))).toEqual(['operation-failed'])
  })

  test('is taken back when its session is lost', async () => {
    await confirmed()
    one.drop()
    await untilClosed(one.session.sessionId)
    expect(await hostname()).toBe('r1')
    expect(clock.timers()).toBe(0)
  })

  test('with persist it outlives its session, and the id confirms or cancels it', async () => {
    await confirmed('<persist>id-1</persist>')
    one.drop()
    await untilClosed(one.session.sessionId)
    expect(await hostname()).toBe('new')
    expect(tags(await two.ask('<commit/>'))).toEqual(['in-use'])
    expect(tags(await two.ask('<commit><persist-id>id-2</persist-id></commit>'))).toEqual(['invalid-value'])
    expect(tags(await two.ask('<cancel-commit><persist-id>id-2</persist-id></cancel-commit>'))).toEqual([
      'invalid-value',
    ])
    expect((await two.ask('<commit><persist-id>id-1</persist-id></commit>')).ok).toBe(true)
    clock.advance(600_000)
    expect(await hostname()).toBe('new')
  })

  test('with persist it is cancelled from another session', async () => {
    await confirmed('<persist>id-1</persist>')
    expect((await two.ask('<cancel-commit><persist-id>id-1</persist-id></cancel-commit>')).ok).toBe(true)
    expect(await hostname()).toBe('r1')
  })

  test('bad parameters are refused', async () => {
    expect(tags(await one.ask('<commit><confirmed/><confirm-timeout>0</confirm-timeout></commit>'))).toEqual([
      'invalid-value',
    ])
    expect(tags(await one.ask('<commit><persist-id>none</persist-id></commit>'))).toEqual(['invalid-value'])
  })
})

describe('locks', () => {
  const lock = (client: TestClient, name = 'candidate') => client.ask(`<lock><target><${name}/></target></lock>`)
  const unlock = (client: TestClient, name = 'candidate') => client.ask(`<unlock><target><${name}/></target></unlock>`)

  test('are held by one session, each datastore its own', async () => {
    expect((await lock(one)).ok).toBe(true)
    const denied = await lock(two)
    expect(denied.errors[0]).toMatchObject({
      tag: 'lock-denied',
      type: 'protocol',
      info: [{ name: 'session-id', children: [String(one.session.sessionId)] }],
    })
    expect(tags(await lock(one))).toEqual(['lock-denied'])
    expect((await lock(two, 'running')).ok).toBe(true)
    expect(tags(await unlock(two))).toEqual(['operation-failed'])
    expect((await unlock(one)).ok).toBe(true)
    expect((await lock(two)).ok).toBe(true)
  })

  test('keep others from writing', async () => {
    await lock(one)
    await lock(one, 'running')
    expect(tags(await setHostname(two, 'x'))).toEqual(['in-use'])
    expect(tags(await setHostname(two, 'x', 'running'))).toEqual(['in-use'])
    expect(tags(await two.ask('<discard-changes/>'))).toEqual(['in-use'])
    expect(tags(await two.ask('<commit/>'))).toEqual(['in-use', 'in-use'])
    expect(tags(await two.ask('<delete-config><target><candidate/></target></delete-config>'))).toEqual(['in-use'])
    expect((await setHostname(one, 'x')).ok).toBe(true)
    expect((await one.ask('<commit/>')).ok).toBe(true)
  })

  test('are refused on a candidate that was changed', async () => {
    await setHostname(two, 'x')
    expect((await lock(one)).errors[0]).toMatchObject({ tag: 'lock-denied', info: [{ children: ['0'] }] })
    await two.ask('<discard-changes/>')
    expect((await lock(one)).ok).toBe(true)
  })

  test('end with their session, and the changes under them', async () => {
    await lock(one)
    await setHostname(one, 'x')
    one.drop()
    await untilClosed(one.session.sessionId)
    expect(await hostname('candidate')).toBe('r1')
    expect((await lock(two)).ok).toBe(true)
  })

  test('end with close-session', async () => {
    await lock(one)
    await one.session.close()
    await untilClosed(one.session.sessionId)
    expect((await lock(two)).ok).toBe(true)
  })

  test('are shown in the state', async () => {
    await lock(one)
    const state = await two.askText(
      '<get><filter><s:netconf-state xmlns:s="urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring"><s:datastores/></s:netconf-state></filter></get>',
    )
    expect(state).toContain(`<locked-by-session>${one.session.sessionId}</locked-by-session>`)
  })
})

describe('kill-session', () => {
  const kill = (sessionId: string | number) =>
    two.ask(`<kill-session><session-id>${sessionId}</session-id></kill-session>`)

  test('ends another session and what it held', async () => {
    await one.ask('<lock><target><running/></target></lock>')
    expect((await kill(one.session.sessionId)).ok).toBe(true)
    expect((await one.session.closed).code).toBe('session-closed')
    expect((await two.ask('<lock><target><running/></target></lock>')).ok).toBe(true)
    expect(server.sessions().map((actor) => actor.sessionId)).toEqual([two.session.sessionId])
  })

  test('not its own, not one that is not there', async () => {
    expect(tags(await kill(two.session.sessionId))).toEqual(['invalid-value'])
    expect(tags(await kill(4711))).toEqual(['invalid-value'])
    expect(tags(await kill('x'))).toEqual(['invalid-value'])
    expect(tags(await two.ask('<kill-session/>'))).toEqual(['missing-element'])
  })
})
