import { describe, expect, it } from 'vitest'
import type { ChannelOpening } from '../../src/fleet/link.js'
import { makeLink } from './support/hand-made-link.js'
import { answerOf, client, makeFleet, settled, type TestFleet } from './support/test-fleet.js'

const no = (cause: Extract<ChannelOpening, { ok: false }>['cause']): Promise<ChannelOpening> =>
  Promise.resolve({ ok: false, cause, message: 'no' })

/** Asks for port 443 of `router1` itself. */
const portOf = ({ fleet }: Pick<TestFleet, 'fleet'>, user = 'ops', signal?: AbortSignal) =>
  fleet.openSession({ deviceId: 'router1', request: { kind: 'tcp', port: 443 }, client: { ...client, user } }, signal)

describe("a connection to a device's own port", () => {
  it('takes none of its sessions, and waits for none', async () => {
    const test = makeFleet()
    test.fleet.attach(makeLink())
    expect(answerOf(await test.open())).toBe('ok')
    expect(answerOf(await test.open())).toBe('ok')
    expect(answerOf(await portOf(test))).toBe('ok')
    expect((await test.fleet.device('router1'))?.link?.sessions).toBe(2)
    expect((await test.fleet.sessions()).map(({ request }) => request)).toContainEqual({ kind: 'tcp', port: 443 })
  })

  it('is one of so many on the device, and of so many of a user there', async () => {
    const test = makeFleet()
    const link = makeLink()
    test.fleet.attach(link)
    const asked = ['ops', 'ops', 'ops', 'nms', 'eve']
    const answers = []
    for (const user of asked) answers.push(answerOf(await portOf(test, user)))
    expect(answers).toEqual(['ok', 'ok', 'too-many-forwards-of-user', 'ok', 'too-many-forwards'])
    link.closeChannel(0)
    await settled()
    expect(answerOf(await portOf(test, 'ops'))).toBe('ok')
  })

  it('asks all at once for no more than there are places', async () => {
    const test = makeFleet()
    const link = makeLink()
    test.fleet.attach(link)
    const answers = await Promise.all(Array.from({ length: 50 }, (_, at) => portOf(test, `user${at}`)))
    expect(answers.filter(({ ok }) => ok)).toHaveLength(3)
    expect(link.requests).toHaveLength(3)
  })

  it.each([
    ['prohibited', 'forwarding-refused'],
    ['unknown-type', 'forwarding-unknown'],
    ['connect-failed', 'port-closed'],
  ] as const)('that is %s is refused at once, for good, and its place is free', async (cause, reason) => {
    const test = makeFleet(undefined, { sessionWait: 3_600_000 })
    const link = makeLink({ answer: () => no(cause) })
    test.fleet.attach(link)
    for (let round = 0; round < 5; round += 1) expect(answerOf(await portOf(test))).toBe(reason)
    expect(link.requests).toHaveLength(5)
  })

  it('that the device does not answer keeps its place until it does', async () => {
    const test = makeFleet()
    const answers: (() => void)[] = []
    const unanswered = (): Promise<ChannelOpening> =>
      Promise.resolve({
        ok: false,
        cause: 'unanswered',
        message: 'it did not answer',
        answered: new Promise((resolve) => void answers.push(resolve)),
      })
    test.fleet.attach(makeLink({ answer: unanswered }))
    expect(answerOf(await portOf(test))).toBe('channel-unanswered')
    expect(answerOf(await portOf(test))).toBe('channel-unanswered')
    expect(answerOf(await portOf(test))).toBe('too-many-forwards-of-user')
    answers[0]?.()
    await settled()
    expect(answerOf(await portOf(test))).toBe('channel-unanswered')
    test.fleet.attach(makeLink())
    await settled()
    expect(answerOf(await portOf(test))).toBe('ok')
  })

  it('that is killed keeps its place until the device has closed it', async () => {
    const test = makeFleet()
    const link = makeLink()
    test.fleet.attach(link)
    await portOf(test)
    await portOf(test)
    const [session] = await test.fleet.sessions()
    expect(await test.fleet.endSession(session?.id ?? '', 'ops')).toBe(true)
    expect(answerOf(await portOf(test))).toBe('too-many-forwards-of-user')
    link.closeChannel(0)
    await settled()
    expect(answerOf(await portOf(test))).toBe('ok')
  })

  it('whose link is replaced while it is asked for is had on the newer one', async () => {
    const test = makeFleet()
    const older = makeLink({ answer: (_request, link) => link.ended.then(() => no('link-closed')) })
    test.fleet.attach(older)
    const opening = portOf(test)
    await settled()
    test.fleet.attach(makeLink())
    expect(answerOf(await opening)).toBe('ok')
    expect(answerOf(await portOf(test))).toBe('ok')
    expect(answerOf(await portOf(test))).toBe('too-many-forwards-of-user')
  })

  it('whose client goes away while it is asked for is closed', async () => {
    const test = makeFleet()
    const link = makeLink()
    test.fleet.attach(link)
    const gone = new AbortController()
    const opening = portOf(test, 'ops', gone.signal)
    gone.abort()
    expect(answerOf(await opening)).toBe('cancelled')
    expect(await test.fleet.sessions()).toEqual([])
    link.closeChannel(0)
    await settled()
    expect(answerOf(await portOf(test))).toBe('ok')
    expect(answerOf(await portOf(test))).toBe('ok')
  })

  it('of a connection that carries NETCONF alone is refused', async () => {
    const test = makeFleet()
    test.fleet.attach(makeLink({ capacity: { channels: 1, subsystems: ['netconf'] } }))
    expect(answerOf(await portOf(test))).toBe('refused-by-device')
  })

  it('is had of none while the bridge stops, nor of a device that is away', async () => {
    const test = makeFleet(undefined, { reconnectWait: 0, startWait: 0 })
    expect(answerOf(await portOf(test))).toBe('not-connected')
    test.fleet.attach(makeLink())
    void test.fleet.drain()
    expect(answerOf(await portOf(test))).toBe('shutting-down')
  })
})
