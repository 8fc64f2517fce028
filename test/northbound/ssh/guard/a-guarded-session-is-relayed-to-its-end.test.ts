import { once } from 'node:events'
import type { ServerChannel } from 'ssh2'
import { describe, expect, it } from 'vitest'
import { encodeFrame } from '../../../../src/netconf/framing/frame-encoder.js'
import { NETCONF_NS as ns } from '../../../../src/netconf/xml/namespaces.js'
import { governFlow } from '../../../../src/ssh/ssh2/flow-control.js'
import { sendEof, sendExit } from '../../../../src/ssh/ssh2/channels.js'
import { endAfterEach } from '../../../e2e/support/resources.js'
import { grant } from '../../../ssh/support/ssh-pair.js'
import { guardStart, helloFor, inEndOfMessage, repliesIn, serverHello } from '../support/guarded-conversation.js'
import { openRelayedSession, readToClose, type RelayedSessionOptions } from '../../../relay/support/relayed-session.js'

const own = endAfterEach()
const MiB = 1024 * 1024

const rpc = (id: number, content: string): string => `<rpc xmlns="${ns}" message-id="${id}">${content}</rpc>`
const framed = (...messages: readonly string[]): Buffer =>
  Buffer.concat(messages.map((message) => encodeFrame('chunked', message)))
const reply = (id: number): Buffer => framed(`<rpc-reply xmlns="${ns}" message-id="${id}"><ok/></rpc-reply>`)
const clientHello = inEndOfMessage(helloFor('chunked'))

/** A relayed session of somebody who may only `get`, with a device that has greeted. */
async function open(options: RelayedSessionOptions = {}) {
  const session = await openRelayedSession({ guard: guardStart({ rules: ['get'] }), ...options })
  const heard: Buffer[] = []
  session.device.on('data', (bytes: Buffer) => heard.push(bytes))
  session.device.write(inEndOfMessage(serverHello))
  return { ...own(session), heard: () => Buffer.concat(heard) }
}

/** Settles once a device has heard a text. */
async function hears(device: ServerChannel, heard: () => Buffer, text: string): Promise<void> {
  while (!heard().includes(text)) await once(device, 'data')
}

describe('under rules', () => {
  it('a session with its EOF, its replies, its refusals and its exit status passes', async () => {
    const { client, device, heard, end } = await open()
    const read = readToClose(client)
    const eof = once(device, 'end')
    client.end(Buffer.concat([clientHello, framed(rpc(1, '<get/>'), rpc(2, '<commit/>'), rpc(3, '<close-session/>'))]))
    await eof
    expect(heard().equals(Buffer.concat([clientHello, framed(rpc(1, '<get/>'), rpc(3, '<close-session/>'))]))).toBe(
      true,
    )
    device.write(Buffer.concat([reply(1), reply(3)]), () => {
      sendExit(device, { status: 7 })
      device.close()
    })
    const { output, exit } = await read
    expect(repliesIn(output, 'chunked')).toEqual(['ok 1', 'access-denied 2', 'ok 3'])
    expect(exit).toEqual([7])
    expect(await end).toMatchObject({ by: 'device', exit: { status: 7 } })
  })

  it('the end of what a device sends reaches the client, who may still send', async () => {
    const { client, device, heard } = await open()
    client.resume()
    const eof = once(client, 'end')
    sendEof(device)
    await eof
    client.write(Buffer.concat([clientHello, framed(rpc(1, '<get/>'))]))
    await hears(device, heard, '<get/>')
  })

  it('what cannot be judged is answered, then explained, and both sides are closed', async () => {
    const { client, device, heard, end } = await open()
    const read = readToClose(client)
    const closed = once(device, 'close')
    client.write(Buffer.concat([clientHello, framed(rpc(1, '<get/>'), '<rpc><get></rpc>', rpc(3, '<get/>'))]))
    await hears(device, heard, '<get/>')
    device.write(reply(1))
    const { output, errors, exit } = await read
    expect(repliesIn(output, 'chunked')).toEqual(['ok 1', 'malformed-message'])
    expect([errors.toString(), exit]).toEqual(['breached: malformed-request\n', [1]])
    await closed
    expect(heard().equals(Buffer.concat([clientHello, framed(rpc(1, '<get/>'))]))).toBe(true)
    expect(await end).toMatchObject({ by: 'guard', violation: { reason: 'malformed-request' } })
  })

  it.each([
    ['after its last reply', [reply(1)], ['ok 1', 'malformed-message']],
    ['without a reply', [], []],
  ])(
    'what cannot be judged is explained, too, where the device ends at the client’s EOF, %s',
    async (_, last, told) => {
      const { client, device, end } = await open()
      const read = readToClose(client)
      const eof = once(device.resume(), 'end')
      client.end(Buffer.concat([clientHello, framed(rpc(1, '<get/>'), '<rpc><get></rpc>')]))
      await eof
      device.write(Buffer.concat(last))
      sendEof(device)
      sendExit(device, { status: 0 })
      device.close()
      const { output, errors, exit } = await read
      expect([errors.toString(), exit]).toEqual(['breached: malformed-request\n', [1]])
      expect(repliesIn(output, 'chunked')).toEqual(told)
      expect(await end).toMatchObject({ by: 'guard', violation: { reason: 'malformed-request' } })
    },
  )

  it('what cannot be judged ends the session of a client that reads nothing, too', async () => {
    const { client, device, end } = await open({ clientWindow: 0 })
    const closed = once(device, 'close')
    client.write('no hello]]>]]>')
    expect(await end).toMatchObject({ by: 'guard', violation: { reason: 'bad-hello' } })
    await closed
  }, 15_000)

  it('all that a device wrote before it closed reaches a client that takes it slowly', async () => {
    const { client, clientSide, device, heard } = await open({ clientWindow: 0 })
    const read = readToClose(client)
    governFlow(device)
    client.write(Buffer.concat([clientHello, framed(rpc(1, '<get/>'))]))
    await hears(device, heard, '<get/>')
    const large = framed(`<rpc-reply xmlns="${ns}" message-id="1"><data>${'x'.repeat(MiB)}</data></rpc-reply>`)
    device.write(large, () => {
      sendExit(device, { status: 0 })
      device.close()
    })
    for (let granted = 0; granted < MiB + 10_000; granted += 50_000) {
      grant(clientSide.client, client, 50_000)
      await new Promise((resolve) => setImmediate(resolve))
    }
    const { output, exit } = await read
    expect([output.length, exit]).toEqual([inEndOfMessage(serverHello).length + large.length, [0]])
  })

  it('what a client sent just before it left reaches the device', async () => {
    const { client, device, heard, end } = await open()
    const eof = once(device, 'end')
    const requests = Array.from({ length: 500 }, (_, id) => rpc(id, id % 2 === 0 ? '<get/>' : '<commit/>'))
    client.write(Buffer.concat([clientHello, framed(...requests)]))
    client.end()
    client.close()
    await eof
    expect(
      heard()
        .toString()
        .match(/<get\/>/g),
    ).toHaveLength(250)
    expect(heard().toString()).not.toContain('<commit/>')
    expect(await end).toMatchObject({ by: 'client' })
  })

  it('the end of the link is explained', async () => {
    const { client, link, end } = await open()
    const read = readToClose(client)
    await once(client, 'data')
    link.end({ reason: 'removed', message: 'gone' })
    expect((await read).errors.toString()).toBe('the link ended: gone\n')
    expect(await end).toMatchObject({ by: 'link' })
  })

  it('an operator kills a session', async () => {
    const { client, kill, end } = await open()
    const read = readToClose(client)
    kill('ops')
    expect((await read).errors.toString()).toBe('killed by ops\n')
    expect(await end).toMatchObject({ by: 'operator', killedBy: 'ops' })
  })
})
