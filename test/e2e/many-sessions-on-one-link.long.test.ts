import { once } from 'node:events'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { runNcclient, startSsh } from './parts/clients.js'
import { type Netconfd, startNetconfd } from './parts/netconfd.js'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { startAttachedDevice } from './support/attached-device.js'
import { clientLogin } from './support/client-login.js'
import { endAfterEach } from './support/resources.js'
import { login, openNetconf, readAll } from './support/test-client.js'

const base = 'urn:ietf:params:xml:ns:netconf:base:1.0'
const hello = `<hello xmlns="${base}"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>]]>]]>`
const own = endAfterEach()

describe('many sessions on one link', () => {
  let netconfd: Netconfd

  beforeAll(async () => {
    netconfd = await startNetconfd()
  })
  afterAll(() => netconfd?.stop())

  /** A session held open by a real ssh; answers with the device's own session-id. */
  async function openSession(bridge: Parameters<typeof clientLogin>[0]) {
    const ssh = startSsh(clientLogin(bridge, 'router1'))
    own({ stop: ssh.kill })
    await ssh.write(hello)
    await ssh.output('</hello>]]>]]>')
    return { ssh, id: /<session-id>(\d+)</.exec(ssh.stdout().toString())?.[1] ?? '' }
  }

  it('eight at once have eight session-ids of the device, and one connection', async () => {
    const { bridge, device } = own(await startAttachedDevice({ netconf: netconfd.subsystem }))
    const sessions = await Promise.all(Array.from({ length: 8 }, () => openSession(bridge)))
    expect(new Set(sessions.map(({ id }) => id)).size).toBe(8)
    expect(device.dials()).toBe(1)
  })

  it('a spare one is the device’s own, and the next is ready when it was taken', async () => {
    const device = { id: 'router1', 'spare-channels': 1 }
    const { bridge, device: sshd } = own(
      await startAttachedDevice({
        netconf: netconfd.subsystem,
        config: { devices: [device], trust: { 'first-use': 'accept' } },
      }),
    )
    await sshd.log.match(/Starting session: subsystem 'netconf'/)
    const sessions = [await openSession(bridge), await openSession(bridge), await openSession(bridge)]
    expect(new Set(sessions.map(({ id }) => id)).size).toBe(3)
    expect(
      (await runNcclient(clientLogin(bridge, 'router1'))).replies.filter(({ error }) => error !== undefined),
    ).toEqual([])
  })

  it('kill-session from one ends the other, and only that one', async () => {
    const { bridge } = own(await startAttachedDevice({ netconf: netconfd.subsystem }))
    const victim = await openSession(bridge)
    const bystander = await openSession(bridge)
    await runNcclient(clientLogin(bridge, 'router1'), {
      steps: [{ do: 'kill-session', sessionId: victim.id }, { do: 'close' }],
    })
    await victim.ssh.ended()
    await bystander.ssh.write(`<rpc message-id="7" xmlns="${base}"><close-session/></rpc>]]>]]>`)
    expect((await bystander.ssh.ended()).stdout.toString()).toContain('message-id="7"')
  })

  it('one more than the device allows waits for a free session, and gets it', async () => {
    const config = { link: { 'max-sessions': 2, 'session-wait': '20s' } }
    const { bridge } = own(await startAttachedDevice({ netconf: netconfd.subsystem, config: { ...config } }))
    const [first] = await Promise.all([openSession(bridge), openSession(bridge)])
    const third = openSession(bridge)
    await bridge.logged(
      /^client authenticated/,
      {},
      { from: bridge.lines.all.findLastIndex((line) => line.includes('session opened')) },
    )
    await first.ssh.write(`<rpc message-id="1" xmlns="${base}"><close-session/></rpc>]]>]]>`)
    expect((await third).id).toMatch(/^\d+$/)
  })

  it('one more than the queue holds is refused with a reason', async () => {
    const { bridge } = own(
      await startAttachedDevice({
        netconf: byteSubsystem.echo(),
        config: { link: { 'max-sessions': 1, 'max-queued-sessions': 0 } },
      }),
    )
    const client = own(await login(bridge, 'router1'))
    await openNetconf(client)
    const { errors, status } = await readAll(await openNetconf(client))
    expect(errors).toMatch(
      /^homeport: device "router1" has no free session: the bridge opens 1 at a time .*; .*link\.max-sessions .*link\.max-queued-sessions/,
    )
    expect(status).toBe(1)
  })

  it('a device that allows fewer than the bridge thinks is asked again until it has a free session', async () => {
    const { bridge } = own(
      await startAttachedDevice({ netconf: byteSubsystem.echo(), device: { config: ['MaxSessions 2'] } }),
    )
    const client = own(await login(bridge, 'router1'))
    const first = await openNetconf(client)
    await openNetconf(client)
    const third = openNetconf(client)
    first.end()
    const channel = await third
    const echoed = once(channel, 'data')
    channel.write('still here')
    expect(String(await echoed)).toBe('still here')
  })

  it('a client that opens a thousand channels gets ten, and everybody else goes on', async () => {
    const { bridge } = own(await startAttachedDevice({ netconf: byteSubsystem.echo() }))
    const greedy = own(await login(bridge, 'router1'))
    const outcomes = await Promise.allSettled(Array.from({ length: 1000 }, () => openNetconf(greedy)))
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(10)
    greedy.end()
    await once(greedy, 'close')
    const other = own(await login(bridge, 'router1'))
    const channel = await openNetconf(other)
    const echoed = once(channel, 'data')
    channel.write('hello')
    expect(String(await echoed)).toBe('hello')
  })
})
