import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { governFlow } from '../../src/ssh/ssh2/flow-control.js'
import { sendEof, sendExit } from '../../src/ssh/ssh2/channels.js'
import type { Exit } from '../../src/ssh/session-channel.js'
import { socketOf } from '../../src/ssh/ssh2/connections.js'
import { endAfterEach } from '../e2e/support/resources.js'
import { openSshPair } from './support/ssh-pair.js'

const own = endAfterEach()

describe('the end of a command', () => {
  it('is EOF first, with the other direction still open', async () => {
    const { open } = own(await openSshPair())
    const { server, client } = await open()
    client.resume()
    const eof = once(client, 'end')
    sendEof(server)
    sendEof(server)
    await eof
    const heard = once(server, 'data')
    client.write('still here')
    expect(String(await heard)).toBe('still here')
  })

  it.each<[string, Exit, unknown[]]>([
    ['a status', { status: 3 }, [3]],
    ['no failure', { status: 0 }, [0]],
    ['the highest status', { status: 2 ** 32 - 1 }, [2 ** 32 - 1]],
    ['a signal', { signal: 'TERM', message: 'gone' }, [null, 'SIGTERM', false, 'gone']],
    ['a signal of another name', { signal: 'SYS', message: '', coreDumped: true }, [null, 'SIGSYS', true, '']],
  ])('tells %s, also after EOF', async (_name, exit, told) => {
    const { open } = own(await openSshPair())
    const { server, client } = await open()
    client.resume()
    const [ended, exited, closed] = [once(client, 'end'), once(client, 'exit'), once(client, 'close')]
    sendEof(server)
    sendExit(server, exit)
    server.close()
    await ended
    expect(await exited).toEqual(told)
    await closed
  })

  it('comes after what was written before it', async () => {
    const { open } = own(await openSshPair())
    const { server, client } = await open()
    governFlow(server)
    const chunks: Buffer[] = []
    client.on('data', (bytes: Buffer) => chunks.push(bytes))
    const ended = once(client, 'end')
    server.write(Buffer.alloc(100_000, 1), () => sendEof(server))
    await ended
    expect(Buffer.concat(chunks).length).toBe(100_000)
  })

  it('is told to nobody on a closed channel or a lost connection', async () => {
    const pair = own(await openSshPair())
    const { server, client } = await pair.open()
    client.resume()
    server.resume()
    const closed = once(server, 'close')
    client.close()
    await closed
    sendExit(server, { status: 1 })
    sendEof(server)
    const other = await pair.open()
    socketOf(pair.connection).destroy()
    sendExit(other.server, { status: 1 })
    sendEof(other.server)
  })
})
