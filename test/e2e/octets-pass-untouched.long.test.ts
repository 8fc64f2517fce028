import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { byteSubsystem, deterministicBytes, expectedHash } from './parts/byte-subsystem.js'
import { runSsh, startSsh } from './parts/clients.js'
import { startAttachedDevice } from './support/attached-device.js'
import { clientLogin } from './support/client-login.js'
import { endAfterEach } from './support/resources.js'
import { login, openCommand, openNetconf, readAll } from './support/test-client.js'

const MiB = 1024 * 1024
const own = endAfterEach()

describe('octets between a client and its device', () => {
  it('a reply of 64 MiB arrives intact, read by OpenSSH', async () => {
    const { bridge } = own(await startAttachedDevice({ netconf: byteSubsystem.send(64 * MiB) }))
    const { stdout, status } = await startSsh(clientLogin(bridge, 'router1')).ended()
    expect({ bytes: stdout.length, hash: createHash('sha256').update(stdout).digest('hex'), status }).toEqual({
      bytes: 64 * MiB,
      hash: expectedHash(64 * MiB),
      status: 0,
    })
  })

  it('a request of 16 MiB arrives intact, and so does the EOF after it', async () => {
    const { bridge } = own(await startAttachedDevice({ netconf: byteSubsystem.sink() }))
    const ssh = startSsh(clientLogin(bridge, 'router1'))
    for (const chunk of deterministicBytes(16 * MiB)) await ssh.write(chunk)
    ssh.end()
    const { stdout } = await ssh.ended()
    expect(JSON.parse(stdout.toString())).toEqual({ bytes: 16 * MiB, sha256: expectedHash(16 * MiB), eof: true })
  })

  it.each([
    [
      'base:1.0',
      '<rpc message-id="1" a="]]&gt;]]&gt;"><get/></rpc>]]>]]><rpc message-id="2"><close-session/></rpc>]]>]]>',
    ],
    ['base:1.1', '\n#4\n<rpc\n#18\n message-id="102"\n\n#2\n/>\n##\n\n#11\n<rpc>ä</rpc\n#1\n>\n##\n'],
  ])('%s framing passes untouched, split at any octet', async (_name, conversation) => {
    const bytes = Buffer.from(conversation)
    const { bridge } = own(await startAttachedDevice({ netconf: byteSubsystem.echo() }))
    const client = own(await login(bridge, 'router1'))
    for (let at = 1; at < bytes.length; at += 1) {
      const channel = await openNetconf(client)
      const whole = readAll(channel)
      const first = once(channel, 'data')
      channel.write(bytes.subarray(0, at))
      await first
      channel.end(bytes.subarray(at))
      expect((await whole).output.toString('latin1'), `split at ${at}`).toBe(bytes.toString('latin1'))
    }
  })

  it('a whole session piped into ssh, with standard input closed at once, still gets every reply', async () => {
    const { bridge } = own(await startAttachedDevice({ netconf: byteSubsystem.replies(20) }))
    const rpcs = Array.from({ length: 20 }, (_, id) => `<rpc message-id="${id}"><get/></rpc>]]>]]>`)
    const { stdout, status } = await runSsh(clientLogin(bridge, 'router1'), `<hello/>]]>]]>${rpcs.join('')}`)
    expect([...stdout.toString().matchAll(/message-id="(\d+)"/g)].map(([, id]) => Number(id))).toEqual(
      rpcs.map((_, id) => id),
    )
    expect(status).toBe(0)
  })

  it.each(['netconf', 'xml-mode netconf need-trailer'])(
    'the command `%s` serves like the subsystem; its standard error and exit status reach the client',
    async (command) => {
      // sshd carries standard error of commands only, not of subsystems.
      const forced = `ForceCommand ${byteSubsystem.complain('out-of-memory-on-re0', 23)}`
      const { bridge } = own(await startAttachedDevice({ netconf: 'false', device: { config: [forced] } }))
      const { stderr, status } = await runSsh(clientLogin(bridge, 'router1'), '', { ask: { exec: command } })
      expect({ stderr: stderr.trim(), status }).toEqual({ stderr: 'out-of-memory-on-re0', status: 23 })
    },
  )

  it('a signal that ended the device’s command reaches the client as a signal', async () => {
    const { bridge } = own(
      await startAttachedDevice({ netconf: 'false', device: { config: ['ForceCommand kill -TERM $$'] } }),
    )
    const client = own(await login(bridge, 'router1'))
    const channel = await openCommand(client, 'netconf')
    const exit = once(channel, 'exit')
    channel.resume()
    expect((await exit).slice(0, 2)).toEqual([null, 'SIGTERM'])
  })

  it('what a client sent just before it left still reaches the device', async () => {
    const { bridge, device } = own(await startAttachedDevice({ netconf: byteSubsystem.sink('/dev/stderr') }))
    const client = await login(bridge, 'router1')
    const channel = await openNetconf(client)
    channel.write(Buffer.alloc(100_000, 'x'))
    channel.end()
    channel.close()
    const closed = await bridge.logged(/^session closed/)
    expect(closed['bytesFromClient']).toBe(100_000)
    client.end()
    await device.stop()
  })

  it('OpenSSH is told that its answer is a refusal when the device refuses the subsystem', async () => {
    const { bridge } = own(await startAttachedDevice({ netconf: 'true', device: { subsystems: { other: 'true' } } }))
    const { stderr, status } = await runSsh(clientLogin(bridge, 'router1'))
    expect(stderr).toMatch(/subsystem request failed/)
    expect(status).toBe(255)
  })
})
