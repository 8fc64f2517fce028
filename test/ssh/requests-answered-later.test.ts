import { once } from 'node:events'
import type { ServerChannel } from 'ssh2'
import { describe, expect, it } from 'vitest'
import { type HeldChannel, holdAnswer } from '../../src/ssh/ssh2/channels.js'
import { openSessionChannel } from '../../src/ssh/ssh2/open-session.js'
import { endAfterEach } from '../e2e/support/resources.js'
import { openSshPair, type SshPair } from './support/ssh-pair.js'

const own = endAfterEach()

/** A server that holds its answer to every request, and hands what it holds to the test. */
async function openHoldingPair(): Promise<{ pair: SshPair; held: () => Promise<HeldChannel> }> {
  const arrived: HeldChannel[] = []
  const waiting: ((held: HeldChannel) => void)[] = []
  const pair = own(
    await openSshPair({
      serve: (connection, accept) => {
        const held = holdAnswer(connection, accept)
        if (held === undefined) return undefined
        const next = waiting.shift()
        if (next === undefined) arrived.push(held)
        else next(held)
        return held.channel
      },
    }),
  )
  return {
    pair,
    held: () =>
      new Promise((resolve) => {
        const held = arrived.shift()
        if (held === undefined) waiting.push(resolve)
        else resolve(held)
      }),
  }
}

const outcome = (opening: Promise<unknown>): Promise<string> =>
  opening.then(
    () => 'taken',
    (error: Error) => error.message,
  )

describe('a request whose answer is held back', () => {
  it('is answered when it is confirmed, and not before', async () => {
    const { pair, held } = await openHoldingPair()
    const opening = pair.open()
    let answered = false
    void outcome(opening).then(() => {
      answered = true
    })
    const request = await held()
    // A second request is answered in between, so the first would have been.
    const second = pair.open()
    ;(await held()).confirm()
    await second
    expect(answered).toBe(false)
    request.confirm()
    expect((await opening).server).toBe(request.channel)
  })

  it('is answered once', async () => {
    const { pair, held } = await openHoldingPair()
    const opening = pair.open()
    const request = await held()
    request.confirm()
    request.confirm()
    const { client, server } = await opening
    const heard = once(client, 'data')
    server.write('hello')
    expect(String(await heard)).toBe('hello')
  })

  it('fails when it is refused, its channel is closed, and others go on', async () => {
    const { pair, held } = await openHoldingPair()
    const opening = outcome(pair.open())
    const request = await held()
    const closed = once(request.channel, 'close')
    request.channel.resume()
    request.refuse()
    expect(await opening).toBe('the request was refused')
    await closed
    // Whoever confirms it now does no harm.
    request.confirm()
    const next = pair.open()
    ;(await held()).confirm()
    expect(await outcome(next)).toBe('taken')
  })

  it('of a client that is gone is answered to nobody', async () => {
    const { pair, held } = await openHoldingPair()
    const opening = outcome(pair.open())
    const request = await held()
    const closed = once(pair.connection, 'close')
    pair.stop()
    await closed
    request.confirm()
    request.refuse()
    expect(await opening).not.toBe('taken')
  })

  it('does not hold the answers that ssh2 gives later by itself', async () => {
    let channel: ServerChannel | undefined
    const pair = own(
      await openSshPair({
        serve: (connection, accept, _reject) => {
          if (channel === undefined) {
            const held = holdAnswer(connection, accept)
            held?.confirm()
            channel = held?.channel
            return channel
          }
          return accept()
        },
      }),
    )
    await pair.open()
    expect(await outcome(pair.open())).toBe('taken')
  })
})

describe('a session channel that is opened on a link', () => {
  const open = (pair: SshPair) =>
    new Promise<string>((resolve) => {
      openSessionChannel(pair.client, { kind: 'subsystem', name: 'netconf' }, (refusal, channel) =>
        resolve(channel === undefined ? `${refusal?.step}: ${refusal?.message}` : 'opened'),
      )
    })

  it('is given when the device takes the request', async () => {
    expect(await open(own(await openSshPair()))).toBe('opened')
  })

  it('is closed again when the device refuses the request, so that it does not use up its sessions', async () => {
    let sessions = 0
    const closed: Promise<unknown>[] = []
    const pair = own(await openSshPair())
    pair.connection.removeAllListeners('session')
    pair.connection.on('session', (accept) => {
      sessions += 1
      const session = accept()
      closed.push(once(session, 'close'))
      session.on('subsystem', (_take, reject) => reject())
    })
    expect(await open(pair)).toBe('request: the device refused the request')
    await Promise.all(closed)
    expect(sessions).toBe(1)
  })

  it('is told apart when the device opens no channel', async () => {
    const pair = own(await openSshPair())
    pair.connection.removeAllListeners('session')
    pair.connection.on('session', (_accept, reject) => reject())
    expect(await open(pair)).toMatch(/^open: /)
  })

  it('is refused on a link that is closed, or closes while the device thinks', async () => {
    const silent = own(await openSshPair({ serve: () => undefined }))
    const opening = open(silent)
    const gone = once(silent.client, 'close')
    silent.stop()
    expect(await opening).not.toBe('opened')
    await gone
    expect(await open(silent)).toBe('open: the link is closed')
  })
})
