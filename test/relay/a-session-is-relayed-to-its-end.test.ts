import { once } from 'node:events'
import { Readable } from 'node:stream'
import type { ServerChannel } from 'ssh2'
import { describe, expect, it } from 'vitest'
import { governFlow } from '../../src/ssh/ssh2/flow-control.js'
import { sendEof, sendExit } from '../../src/ssh/ssh2/channels.js'
import { endAfterEach } from '../e2e/support/resources.js'
import { grant } from '../ssh/support/ssh-pair.js'
import { openRelayedSession, readToClose } from './support/relayed-session.js'

const own = endAfterEach()
const MiB = 1024 * 1024

describe('the end of what a client sends', () => {
  it('reaches the device, whose answer still comes', async () => {
    const { client, device, end } = own(await openRelayedSession())
    const read = readToClose(client)
    const heard: Buffer[] = []
    device.on('data', (bytes: Buffer) => heard.push(bytes))
    const eof = once(device, 'end')
    client.end('<rpc/>')
    await eof
    expect(Buffer.concat(heard).toString()).toBe('<rpc/>')
    device.write('<rpc-reply/>', () => {
      sendExit(device, { status: 0 })
      device.close()
    })
    const { output, exit } = await read
    expect(output.toString()).toBe('<rpc-reply/>')
    expect(exit).toEqual([0])
    expect(await end).toEqual({ by: 'device', exit: { status: 0 }, fromClient: 6, fromDevice: 12 })
  })
})

describe('the end of what a device sends', () => {
  it('reaches the client, who may still send', async () => {
    const { client, device } = own(await openRelayedSession())
    client.resume()
    const eof = once(client, 'end')
    sendEof(device)
    await eof
    const heard = once(device, 'data')
    client.write('still here')
    expect(String(await heard)).toBe('still here')
  })

  it.each([
    ['a status', { status: 7 }, [7]],
    ['a signal', { signal: 'KILL', message: 'no memory' }, [null, 'SIGKILL', false, 'no memory']],
  ] as const)('is told with %s', async (_name, exit, told) => {
    const { client, device, end } = own(await openRelayedSession())
    const read = readToClose(client)
    sendExit(device, exit)
    device.close()
    expect((await read).exit).toEqual(told)
    expect(await end).toEqual({ by: 'device', exit, fromClient: 0, fromDevice: 0 })
  })

  it.each<[string, (device: ServerChannel) => void]>([
    ['before its end', (device) => (sendExit(device, { status: 7 }), sendEof(device))],
    ['behind its end', (device) => (sendEof(device), setImmediate(() => sendExit(device, { status: 7 })))],
  ])('is told behind its exit, which it told %s, as some clients leave at the end', async (_when, endDevice) => {
    const { client, device } = own(await openRelayedSession())
    const heard: string[] = []
    for (const event of ['exit', 'end']) client.on(event, () => heard.push(event))
    client.resume()
    device.resume().once('end', () => endDevice(device))
    client.end()
    await once(client, 'end')
    expect(heard).toEqual(['exit', 'end'])
    device.close()
  })

  it('is told to a client that has ended, although the device neither tells an exit nor closes', async () => {
    const { client, device } = own(await openRelayedSession())
    client.resume()
    device.resume().once('end', () => sendEof(device))
    client.end()
    await once(client, 'end')
  })

  it('is told without a status where the device told none', async () => {
    const { client, device, end } = own(await openRelayedSession())
    const read = readToClose(client)
    device.write('bye', () => device.close())
    expect(await read).toMatchObject({ exit: [] })
    expect(await end).toEqual({ by: 'device', fromClient: 0, fromDevice: 3 })
  })

  it('comes after all that it wrote, to a client that takes it slowly', async () => {
    const { client, clientSide, device } = own(await openRelayedSession({ clientWindow: 0 }))
    const read = readToClose(client)
    governFlow(device)
    device.stderr.write(Buffer.alloc(10_000, 'e'))
    device.write(Buffer.alloc(MiB, 'o'), () => {
      sendExit(device, { status: 0 })
      device.close()
    })
    for (let granted = 0; granted < MiB + 10_000; granted += 50_000) {
      grant(clientSide.client, client, 50_000)
      await new Promise((resolve) => setImmediate(resolve))
    }
    const { output, errors, exit } = await read
    expect([output.length, errors.length, exit]).toEqual([MiB, 10_000, [0]])
  })

  it('comes after all that it wrote to standard error, also when that is more than a window', async () => {
    const { client, clientSide, device } = own(await openRelayedSession({ clientWindow: 0 }))
    const read = readToClose(client)
    governFlow(device)
    device.resume()
    const closed = once(device, 'close')
    device.stderr.write(Buffer.alloc(3.5 * MiB, 'e'), () => {
      sendExit(device, { status: 1 })
      device.close()
    })
    // The device has sent everything and closed before the client takes any of it, and then only part of it.
    await closed
    let taken = 0
    const half = new Promise<void>((resolve) => {
      client.stderr.on('data', (bytes: Buffer) => {
        taken += bytes.length
        if (taken === 2 * MiB) resolve()
      })
    })
    grant(clientSide.client, client, 2 * MiB)
    await half
    grant(clientSide.client, client, 2 * MiB)
    const { errors, exit } = await read
    expect([errors.length, exit]).toEqual([3.5 * MiB, [1]])
  })
})

describe('the end of a link', () => {
  it('is explained to the client on standard error, with a status of failure', async () => {
    const { client, device, deviceSocket, end } = own(await openRelayedSession())
    const read = readToClose(client)
    const heard = once(client, 'data')
    device.write('<rpc-re')
    await heard
    deviceSocket.resetAndDestroy()
    const { output, errors, exit } = await read
    expect(output.toString()).toBe('<rpc-re')
    expect(errors.toString()).toMatch(/^the link ended: .+\n$/)
    expect(exit).toEqual([1])
    expect(await end).toMatchObject({ by: 'link', linkEnd: { reason: 'lost' } })
  })

  it('is explained by what the bridge ended it for', async () => {
    const { client, link, end } = own(await openRelayedSession())
    const read = readToClose(client)
    link.end({ reason: 'replaced', message: 'the device dialled in again from x' })
    expect((await read).errors.toString()).toBe('the link ended: the device dialled in again from x\n')
    expect(await end).toMatchObject({ by: 'link', linkEnd: { reason: 'replaced' } })
  })

  it('is not explained in a session that has told its exit', async () => {
    const { client, device, deviceSocket, end } = own(await openRelayedSession())
    const read = readToClose(client)
    const eof = once(client, 'end')
    sendExit(device, { status: 0 })
    sendEof(device)
    await eof
    deviceSocket.destroy()
    const { errors, exit } = await read
    expect(errors.length).toBe(0)
    expect(exit).toEqual([0])
    expect(await end).toMatchObject({ exit: { status: 0 } })
  })
})

describe('a client that leaves', () => {
  it.each([
    ['by closing its channel', 'channel'],
    ['by dropping its connection', 'connection'],
  ])('%s takes its session on the device with it, which gets what it had sent', async (_name, what) => {
    const { client, clientSide, device, end } = own(await openRelayedSession())
    const heard: Buffer[] = []
    device.on('data', (bytes: Buffer) => heard.push(bytes))
    const [eof, closed] = [once(device, 'end'), once(device, 'close')]
    const got = once(device, 'data')
    client.write('last words')
    await got
    if (what === 'channel') client.close()
    else clientSide.stop()
    await eof
    await closed
    expect(Buffer.concat(heard).toString()).toBe('last words')
    expect(await end).toEqual({ by: 'client', fromClient: 10, fromDevice: 0 })
  })

  it('while the device sends without end holds nobody up', async () => {
    const { client, device, end } = own(await openRelayedSession())
    governFlow(device)
    const endless = new Readable({
      read() {
        setImmediate(() => this.push(Buffer.alloc(64 * 1024)))
      },
    })
    own({ stop: () => void endless.destroy() })
    endless.pipe(device)
    device.resume()
    const closed = once(device, 'close')
    const heard = once(client, 'data')
    await heard
    client.close()
    await closed
    expect(await end).toMatchObject({ by: 'client' })
  })
})

describe('a session that an operator kills', () => {
  it('is closed on the device, and its client told who did it, after what the device had sent', async () => {
    const { client, device, end, kill } = own(await openRelayedSession())
    const read = readToClose(client)
    const closed = once(device, 'close')
    device.resume()
    const heard = once(client, 'data')
    device.write('<rpc-re')
    await heard
    kill('alice')
    const { output, errors, exit } = await read
    expect([output.toString(), errors.toString(), exit]).toEqual(['<rpc-re', 'killed by alice\n', [1]])
    await closed
    expect(await end).toEqual({ by: 'operator', killedBy: 'alice', fromClient: 0, fromDevice: 7 })
  })

  it('ends on the device although its client reads nothing', async () => {
    const { client, device, end, kill } = own(await openRelayedSession({ clientWindow: 0 }))
    device.resume()
    const closed = once(device, 'close')
    governFlow(device)
    device.write(Buffer.alloc(MiB))
    kill('alice')
    await closed
    const gone = once(client, 'close')
    client.resume()
    expect(await end).toMatchObject({ by: 'operator' })
    await gone
  })
})

describe('a session to which its client has lost the right', () => {
  const why = { reason: 'no-rights', message: 'no role', hint: 'ask' } as const

  it('is closed on the device at once, and its client told why', async () => {
    const { client, device, end, endRight } = own(await openRelayedSession())
    const read = readToClose(client)
    const closed = once(device, 'close')
    device.resume()
    endRight(why)
    const { errors, exit } = await read
    expect([errors.toString(), exit]).toEqual(['right ended: no-rights\n', [1]])
    await closed
    expect(await end).toMatchObject({ by: 'rights', why })
  })

  it('ends on the device although its client reads nothing', async () => {
    const { client, device, end, endRight } = own(await openRelayedSession({ clientWindow: 0 }))
    device.resume()
    const closed = once(device, 'close')
    governFlow(device)
    device.write(Buffer.alloc(MiB))
    endRight(why)
    await closed
    const gone = once(client, 'close')
    client.resume()
    expect(await end).toMatchObject({ by: 'rights' })
    await gone
  })
})
