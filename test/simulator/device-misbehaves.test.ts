import { createHash } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { textOf } from '../../src/netconf/xml/xml-tree.js'
import { generatedContent } from '../../src/simulator/generated-content.js'
import { netconfChannel } from './support/bridge-stand-in.js'
import { beginCallHomeTest, type CallHomeTest, ended, happens, session } from './support/call-home-test.js'
import { createManualClock } from './support/manual-clock.js'
import { openTestClient } from './support/netconf-client.js'

let home: CallHomeTest
beforeEach(async () => {
  home = await beginCallHomeTest()
})
afterEach(() => home.end())

const generate = (content: string) =>
  `<t:generate-reply xmlns:t="urn:homeport:simulated-device:test">${content}</t:generate-reply>`

describe('misbehaviour', () => {
  test('a large reply comes whole, while another session goes on', async () => {
    home.start()
    const client = await home.bridge.logIn()
    const [large, small] = [await session(client), await session(client)]
    const size = 20_000_000
    const reply = large.ask(generate(`<t:size>${size}</t:size>`))
    expect((await small.ask('<commit/>')).ok).toBe(true)
    const content = (await reply).content[0]
    const expected = createHash('sha256')
    for (const block of generatedContent(size)) expected.update(block)
    expect(
      createHash('sha256')
        .update(content === undefined ? '' : textOf(content))
        .digest('hex'),
    ).toBe(expected.digest('hex'))
    client.end()
  })

  test('a client that stops reading stalls the device without filling it', async () => {
    const device = home.start()
    const client = await home.bridge.logIn()
    const channel = await netconfChannel(client)
    const stalled = await openTestClient(channel)
    const reply = stalled.ask(generate('<t:size>1073741824</t:size>')).catch(() => 'cut')
    channel.pause()
    const other = await session(client)
    for (let round = 0; round < 50; round += 1) await other.ask('<commit/>')
    // Half of the reply at most, were nothing to hold it back; the garbage of other tests is far below.
    expect(process.memoryUsage().arrayBuffers).toBeLessThan(512 * 1024 * 1024)
    const gone = happens(device, 'session-closed')
    await other.ask(`<kill-session><session-id>${stalled.session.sessionId}</session-id></kill-session>`)
    expect(await gone).toMatchObject({ sessionId: stalled.session.sessionId, reason: 'killed' })
    channel.resume()
    expect(await reply).toBe('cut')
    client.end()
  })

  test('a reply is cut off with its connection, and the device dials again', async () => {
    const device = home.start()
    const client = await home.bridge.logIn()
    const cut = (await session(client))
      .ask(generate('<t:size>100000</t:size><t:drop/>'))
      .catch((error: unknown) => error)
    await Promise.all([ended(client), happens(device, 'connection-lost')])
    expect(await cut).toBeInstanceOf(Error)
    const again = await home.bridge.logIn()
    device.netconf.faults.dropNextReply()
    const commit = (await session(again)).ask('<commit/>').catch((error: unknown) => error)
    expect(await commit).toBeInstanceOf(Error)
    const third = await home.bridge.logIn()
    expect((await (await session(third)).ask('<commit/>')).ok).toBe(true)
    third.end()
  })

  test('replies wait as long as they are told', async () => {
    const clock = createManualClock()
    home.start({ clock })
    const client = await home.bridge.logIn()
    const [slow, quick] = [await session(client), await session(client)]
    let answered = false
    const reply = slow.ask(generate('<t:delay>3600000</t:delay>')).then(() => {
      answered = true
      return answered
    })
    await quick.ask('<commit/>')
    await quick.ask('<commit/>')
    expect(answered).toBe(false)
    clock.advance(3_600_000)
    expect(await reply).toBe(true)
    client.end()
  })

  test('a silent device neither answers nor hangs up, and may dial a second time', async () => {
    const device = home.start()
    const client = await home.bridge.logIn()
    const before = await session(client)
    device.goSilent()
    const unanswered = before.ask('<commit/>').catch(() => 'never')
    let over = false
    client.once('close', () => {
      over = true
    })
    device.redial()
    const second = await home.bridge.logIn()
    expect((await (await session(second)).ask('<commit/>')).ok).toBe(true)
    expect(over).toBe(false)
    client.destroy()
    expect(await unanswered).toBe('never')
    second.end()
  })
})
