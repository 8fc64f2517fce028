import { createHash } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { byteSubsystem, deterministicBytes, expectedHash } from './parts/byte-subsystem.js'
import { type Login, runNcclient, runSsh, startSsh } from './parts/clients.js'
import { type Netconfd, startNetconfd } from './parts/netconfd.js'
import { askBridge } from './support/ask-bridge.js'
import type { RunningBridge } from './support/bridge.js'
import { operate } from './support/homeport-command.js'
import { endAfterEach } from './support/resources.js'
import { allReached, nodesOf, severalNodes, type SeveralNodes } from './support/several-nodes.js'
import { ops } from './support/users.js'

const own = endAfterEach()
const BYTES = 3_000_000

let netconfd: Netconfd
beforeAll(async () => {
  netconfd = await startNetconfd()
})
afterAll(() => netconfd?.stop())

const at = ({ host, endpointPort: port }: RunningBridge): Login => ({
  host,
  port,
  user: `${ops.name}@router1`,
  password: ops.password,
})

async function twoNodes(): Promise<{
  readonly nodes: SeveralNodes
  readonly a: RunningBridge
  readonly b: RunningBridge
}> {
  const nodes = await severalNodes(own)
  const a = await nodes.start('a')
  const b = await nodes.start('b')
  await allReached(a, b)
  return { nodes, a, b }
}

/** A device at node a, and nowhere else. */
async function deviceAtA({ nodes, a }: Pick<Awaited<ReturnType<typeof twoNodes>>, 'nodes' | 'a'>) {
  const calls = { port: a.callHomePort }
  const device = await nodes.device(calls, {
    subsystems: { netconf: netconfd.subsystem, sink: byteSubsystem.sink(), source: byteSubsystem.send(BYTES) },
  })
  await a.logged(/^link attached/, { deviceId: 'router1' })
  return { calls, device }
}

const echo = (bridge: RunningBridge, words: string) => runSsh(at(bridge), '', { ask: { exec: `echo ${words}` } })

describe('two nodes with one database', () => {
  it('serve a device of one through the other: NETCONF, commands, and 3 MB each way', async () => {
    const { nodes, a, b } = await twoNodes()
    await deviceAtA({ nodes, a })

    const { replies } = await runNcclient(at(b), { steps: [{ do: 'get-config', source: 'running' }, { do: 'close' }] })
    expect(replies.map(({ error }) => error)).toEqual([undefined, undefined])

    const command = await runSsh(at(b), 'in\n', { ask: { exec: 'cat; echo odd >&2; exit 7' } })
    expect([command.stdout.toString(), command.stderr, command.status]).toEqual(['in\n', 'odd\n', 7])

    const over = await operate(b, 'get-config', 'router1')
    expect([over.status, over.stderr]).toEqual([0, ''])

    const there = await runSsh(at(b), Buffer.concat([...deterministicBytes(BYTES)]), { ask: { exec: 'sha256sum' } })
    expect(there.stdout.toString()).toContain(expectedHash(BYTES))
    const back = await runSsh(at(b), '', { ask: { exec: byteSubsystem.send(BYTES) } })
    expect(createHash('sha256').update(back.stdout).digest('hex')).toBe(expectedHash(BYTES))
  })

  it('tell where it is, and each of the other', async () => {
    const { nodes, a, b } = await twoNodes()
    await deviceAtA({ nodes, a })
    await expect
      .poll(() => nodesOf(b))
      .toMatchObject([
        { id: 'b', self: true, state: 'up', devices: 0, reached: true },
        { id: 'a', self: false, state: 'up', devices: 1, reached: true },
      ])
    const list = await operate(b, 'nodes', 'list')
    expect(list.stdout).toMatch(/^b +up +reached +0 .*\n^a +up +reached +1 /m)
    expect(JSON.parse((await operate(b, 'nodes', 'list', '--json')).stdout)).toMatchObject({
      nodes: [{ id: 'b' }, { id: 'a' }],
    })
    const { body } = await askBridge(b, '/api/v1/devices/router1')
    expect(JSON.parse(body)).toMatchObject({ link: null, node: 'a', linkState: { state: 'attached' } })
    expect((await operate(b, 'devices', 'list')).stdout).toMatch(/^router1 .*at node a/m)
    expect((await operate(b, 'devices', 'show', 'router1')).stdout).toMatch(/at node a/)
    const metrics = (await askBridge(b, '/metrics')).body
    expect(metrics).toMatch(/^homeport_cluster_peers\{state="reached"\} 1$/m)
    expect(metrics).toMatch(/^homeport_cluster_engine_up 1$/m)
  })

  it('hand it on when it calls the other: sessions there end, and new ones find it', async () => {
    const { nodes, a, b } = await twoNodes()
    const { calls, device } = await deviceAtA({ nodes, a })
    const open = startSsh(at(b), { ask: { exec: 'echo on; cat' } })
    await open.output('on\n')
    calls.port = b.callHomePort
    await device.dialAgain()
    await b.logged(/^link attached/, { deviceId: 'router1' })
    const { stderr } = await open.ended()
    expect(stderr).toMatch(/homeport: the link to "router1" ended: .*node b/)
    expect((await echo(a, 'found')).stdout.toString()).toBe('found\n')
    expect((await echo(b, 'here')).stdout.toString()).toBe('here\n')
    await a.logged(/^link detached/, { deviceId: 'router1', reason: 'replaced' })
  })

  it('of which the one with the device is killed: it is served as soon as it has dialled the other', async () => {
    const { nodes, a, b } = await twoNodes()
    const { calls } = await deviceAtA({ nodes, a })
    const open = startSsh(at(b), { ask: { exec: 'echo on; cat' } })
    await open.output('on\n')
    calls.port = b.callHomePort
    await a.kill()
    expect((await open.ended()).stderr).toContain('homeport: ')
    // It is held until the device is there again.
    expect((await echo(b, 'again')).stdout.toString()).toBe('again\n')
    // The killed one comes back, and is one of them again.
    const again = await nodes.start('a')
    await allReached(again, b)
    expect((await echo(again, 'through a')).stdout.toString()).toBe('through a\n')
  })

  it('go on while the database is away: sessions, and new ones here and there', async () => {
    const { nodes, a, b } = await twoNodes()
    await deviceAtA({ nodes, a })
    const open = startSsh(at(b), { ask: { exec: 'cat' } })
    await open.write('before\n')
    await open.output('before\n')
    await nodes.server.kill()
    await b.logged(/^the database of the cluster does not answer/, { level: 'error' })
    await a.logged(/^the database of the cluster does not answer/, { level: 'error' })
    await open.write('meanwhile\n')
    await open.output('meanwhile\n')
    expect((await echo(b, 'there')).stdout.toString()).toBe('there\n')
    expect((await echo(a, 'here')).stdout.toString()).toBe('here\n')
    const ready = await fetch(`${b.httpUrl}/readyz`)
    expect(ready.status).toBe(200)
    await nodes.server.start()
    await b.logged(/^the database of the cluster answers again/)
    await a.logged(/^the database of the cluster answers again/)
    open.end()
    expect((await open.ended()).stdout.toString()).toBe('before\nmeanwhile\n')
    expect((await echo(b, 'after')).stdout.toString()).toBe('after\n')
  })

  it('follow what was decided at the other: a device that waits at one is approved at the other', async () => {
    const nodes = await severalNodes(own, { trust: { 'first-use': 'pend' } })
    const a = await nodes.start('a')
    const b = await nodes.start('b')
    await allReached(a, b)
    await nodes.device({ port: a.callHomePort })
    const pending = await a.logged(/^device pending/, { deviceId: 'router1' })
    const print = String(pending['hostKeyFingerprint'])
    await expect
      .poll(async () => (await operate(b, 'devices', 'approve', 'router1', '--fingerprint', print)).status)
      .toBe(0)
    await a.logged(/^link attached/, { deviceId: 'router1' })
    expect((await echo(b, 'approved')).stdout.toString()).toBe('approved\n')
  })

  it('follow tokens: what was made at one is good at the other, and an open stream ends where it was revoked', async () => {
    const { a, b } = await twoNodes()
    const made = await operate(a, 'token', 'create', '--user', ops.name, '--scope', 'read')
    const token = made.stdout.trim()
    const headers = { authorization: `Bearer ${token}` }
    expect((await fetch(`${b.httpUrl}/api/v1/devices`, { headers })).status).toBe(200)
    const stream = await fetch(`${b.httpUrl}/api/v1/events`, { headers })
    expect(stream.status).toBe(200)
    const id = String(token.split('_')[1])
    expect((await operate(a, 'token', 'revoke', id)).status).toBe(0)
    expect(await stream.text()).toContain('revoked-token')
    expect((await fetch(`${b.httpUrl}/api/v1/devices`, { headers })).status).toBe(401)
  })

  it('are stopped in order: what the one had is free for the other at once', async () => {
    const { nodes, a, b } = await twoNodes()
    const { calls } = await deviceAtA({ nodes, a })
    calls.port = b.callHomePort
    a.process.kill('SIGTERM')
    await b.logged(/^link attached/, { deviceId: 'router1' })
    expect((await echo(b, 'moved')).stdout.toString()).toBe('moved\n')
    await expect.poll(async () => (await nodesOf(b)).map(({ id }) => id)).toEqual(['b'])
    expect(a.log().filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([])
  })
})
