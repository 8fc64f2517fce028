import { once } from 'node:events'
import type { Client } from 'ssh2'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { netconfChannel } from './support/bridge-stand-in.js'
import { beginCallHomeTest, type CallHomeTest, session } from './support/call-home-test.js'
import { openTestClient } from './support/netconf-client.js'

let home: CallHomeTest
beforeEach(async () => {
  home = await beginCallHomeTest()
})
afterEach(() => home.end())

describe('channels', () => {
  test('several sessions on one connection, up to the limit, and again when one has ended', async () => {
    home.start({ maxSessions: 3 })
    const client = await home.bridge.logIn()
    const sessions = [await session(client), await session(client), await session(client)]
    expect(new Set(sessions.map((one) => one.session.sessionId)).size).toBe(3)
    await expect(netconfChannel(client)).rejects.toThrow(/open failure/)
    const [first] = sessions
    await first?.session.close()
    const again = await netconfChannelOnceFree(client)
    again.destroy()
    client.end()
  })

  test('a session that has ended leaves no listener on the socket of its connection', async () => {
    const warnings: string[] = []
    const hear = (warning: Error): void => void warnings.push(warning.message)
    process.on('warning', hear)
    home.start({ maxSessions: 1 })
    const client = await home.bridge.logIn()
    // More than Node lets pass without a warning on a socket of one session at a time.
    for (let past = 0; past < 30; past += 1) {
      const channel = await netconfChannelOnceFree(client)
      await (await openTestClient(channel)).session.close()
    }
    process.off('warning', hear)
    expect(warnings).toEqual([])
    client.end()
  })

  test.each(['netconf', 'xml-mode netconf need-trailer'])('exec "%s" is NETCONF too', async (command) => {
    home.start()
    const client = await home.bridge.logIn({})
    const channel = await new Promise<Parameters<typeof openTestClient>[0]>((resolve, reject) => {
      client.exec(command, { env: { LANG: 'C' } }, (error, opened) =>
        error === undefined ? resolve(opened) : reject(error),
      )
    })
    expect((await (await openTestClient(channel)).ask('<commit/>')).ok).toBe(true)
    client.end()
  })

  test('another exec fails with a reason, another subsystem is refused', async () => {
    home.start()
    const client = await home.bridge.logIn()
    const [reason, status] = await new Promise<[string, number]>((resolve, reject) => {
      client.exec('reboot', (error, channel) => {
        if (error !== undefined) return reject(error)
        let text = ''
        channel.stderr.on('data', (bytes: Buffer) => (text += bytes.toString()))
        channel.resume()
        channel.on('close', (code: number) => resolve([text, code]))
      })
    })
    expect([reason, status]).toEqual(['unknown command: reboot\n', 127])
    await new Promise<void>((resolve) => {
      client.subsys('sftp', (error) => {
        expect(error).toBeInstanceOf(Error)
        resolve()
      })
    })
    client.end()
  })

  test('close-session ends the channel with exit status 0, kill-session with 1', async () => {
    home.start()
    const client = await home.bridge.logIn()
    const channels = [await netconfChannel(client), await netconfChannel(client)]
    const statuses = channels.map((channel) => once(channel, 'exit').then(([status]) => status as number))
    const [killed, killer] = await Promise.all(channels.map((channel) => openTestClient(channel)))
    const reply = await killer?.ask(
      `<kill-session><session-id>${killed?.session.sessionId}</session-id></kill-session>`,
    )
    expect(reply?.ok).toBe(true)
    await killer?.ask('<close-session/>')
    expect(await Promise.all(statuses)).toEqual([1, 0])
    client.end()
  })
})

/** The device frees the place of a channel a moment after its end was seen here. */
async function netconfChannelOnceFree(client: Client): ReturnType<typeof netconfChannel> {
  return netconfChannel(client).catch(() => netconfChannelOnceFree(client))
}
