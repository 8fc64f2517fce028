import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { checkPorts } from '../../../../src/cli/doctor/checks/ports.js'
import { configOf } from '../../../config/parse-text.js'
import type { BridgeView, Patient } from '../../../../src/cli/doctor/patient.js'

const ends: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0)) await end()
})

/** A program on a port of its own that greets with this, or says nothing. @returns its address */
async function listen(greeting = ''): Promise<string> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    if (greeting !== '') socket.write(greeting)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  ends.push(async () => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return `127.0.0.1:${(server.address() as { readonly port: number }).port}`
}

async function closedPort(): Promise<string> {
  const address = await listen()
  await ends.pop()?.()
  return address
}

type Addresses = NonNullable<BridgeView['addresses']>

async function check(addresses: Partial<Addresses>, more: Partial<Patient> = {}): Promise<readonly string[]> {
  const facts = { addresses: { callHome: '', endpoint: '', furtherEndpoints: [], http: null, ...addresses } }
  const bridge = { answers: true, facts, unready: [], devices: [], metrics: new Map(), clockAhead: 0 }
  const configuration = { found: false, why: 'there is none', hint: '' }
  const patient = { elsewhere: false, bridge, configuration, ...more } as unknown as Patient
  const findings = await checkPorts(patient, AbortSignal.timeout(20_000))
  return findings.map(({ verdict, message, hint = '' }) => `${verdict}: ${message} → ${hint}`)
}

const OURS = 'SSH-2.0-Homeport\r\n'

describe('the ports of a running bridge', () => {
  it('are well where the clients’ greets and that of devices listens', async () => {
    const [callHome, endpoint, further] = [await listen(), await listen(OURS), await listen(OURS)]
    const found = await check({ callHome, endpoint, furtherEndpoints: [further] })
    expect(found.map((line) => line.split(' ')[0])).toEqual(['ok:', 'ok:', 'ok:'])
  })

  it('are mixed up where the port of devices greets as the clients’ does', async () => {
    const [callHome, endpoint] = [await listen(OURS), await listen()]
    expect(await check({ callHome, endpoint })).toEqual([
      expect.stringMatching(
        /^failed: call-home\.ssh: .* the two are mixed up → compare call-home\.ssh\.port/,
      ) as string,
      expect.stringMatching(/^failed: endpoint\.ssh: .* does not greet .* is it the call-home port\?/) as string,
    ])
  })

  it('are not looked into where this machine is taken for a load balancer', async () => {
    const [callHome, endpoint, http] = [await listen(), await listen(), await listen()]
    const list = '{ proxy-protocol: { from: [127.0.0.0/8] } }'
    const config = configOf(`call-home: { ssh: ${list} }\nendpoint: { ssh: ${list}, http: ${list} }`)
    const configuration = { found: true, loaded: { ok: true, config } } as unknown as Patient['configuration']
    expect(await check({ callHome, endpoint, http: `http://${http}` }, { configuration })).toEqual([
      expect.stringMatching(/^ok: call-home\.ssh: .* takes calls of devices/) as string,
      expect.stringMatching(/^not-checked: endpoint\.ssh: .*, see endpoint\.ssh\.proxy-protocol\.from/) as string,
      expect.stringMatching(/^not-checked: endpoint\.http: .*, see endpoint\.http\.proxy-protocol\.from/) as string,
    ])
  })

  it('belong to another program where that greets', async () => {
    const [callHome, endpoint] = [
      await listen('220 mail ESMTP \u001b[2J\r\n'),
      await listen('SSH-2.0-OpenSSH_9.2p1\r\n'),
    ]
    expect(await check({ callHome, endpoint })).toEqual([
      expect.stringMatching(
        /^failed: call-home\.ssh: .* another program: "220 mail ESMTP \\\\u\{1b\}\[2J" → sudo ss/,
      ) as string,
      expect.stringMatching(
        /^failed: endpoint\.ssh: .* another program: "SSH-2\.0-OpenSSH_9\.2p1" → sudo ss/,
      ) as string,
    ])
  })

  it('are shut where nobody answers, and an HTTP port that is none is told', async () => {
    const http = `http://${await listen('HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n')}`
    const [callHome, endpoint] = [await closedPort(), await closedPort()]
    expect(await check({ callHome, endpoint, http })).toEqual([
      expect.stringMatching(/^failed: call-home\.ssh: .* does not answer \(ECONNREFUSED\)/) as string,
      expect.stringMatching(/^failed: endpoint\.ssh: .* does not answer \(ECONNREFUSED\)/) as string,
      expect.stringMatching(/^failed: endpoint\.http: .* another program: "HTTP\/1\.1 400 Bad Request"/) as string,
    ])
  })

  it('are looked at from elsewhere under the name of the bridge, but for those of its loopback address', async () => {
    const [callHome, endpoint] = [(await listen()).replace('127.0.0.1', '0.0.0.0'), await listen(OURS)]
    const location = { kind: 'url', url: new URL('http://localhost:1/') } as const
    expect(await check({ callHome, endpoint }, { elsewhere: true, location })).toEqual([
      expect.stringMatching(/^ok: call-home\.ssh: localhost port \d+ takes calls/) as string,
      expect.stringMatching(/^not-checked: endpoint\.ssh: .* loopback address of the bridge alone/) as string,
    ])
  })

  it('are told to be on each other’s usual numbers', async () => {
    const found = await check({ callHome: '127.0.0.1:830', endpoint: '127.0.0.1:4334' })
    expect(found.slice(2)).toEqual([
      expect.stringMatching(/^warning: call-home\.ssh: devices call home on 830, a port of clients/) as string,
      expect.stringMatching(/^warning: endpoint\.ssh: clients log in on 4334, a port of devices/) as string,
    ])
  })
})
