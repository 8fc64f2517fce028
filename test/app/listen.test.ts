import { once } from 'node:events'
import { createServer, type Server } from 'node:net'
import { describe, expect, it } from 'vitest'
import { inheritedDescriptor, listen } from '../../src/app/listen.js'
import { endAfterEach } from '../e2e/support/resources.js'

const own = endAfterEach()

function makeServer(): Server {
  const server = createServer()
  own({ stop: () => void server.close() })
  return server
}

const target = (address: string, port: number) => ({ key: 'call-home.ssh', socketName: 'call-home-ssh', address, port })

describe('a socket that systemd hands over', () => {
  const env = (names: string | undefined, count: string | undefined, pid: string | undefined = '42') => ({
    LISTEN_PID: pid,
    LISTEN_FDS: count,
    LISTEN_FDNAMES: names,
  })

  it.each([
    ['alone', env('call-home-ssh', '1'), 3],
    ['first of two', env('call-home-ssh:endpoint-ssh', '2'), 3],
    ['second of two', env('endpoint-ssh:call-home-ssh', '2'), 4],
    ['third, after one without a name', env('endpoint-ssh::call-home-ssh', '3'), 5],
    ['twice, of which the first counts', env('call-home-ssh:call-home-ssh', '2'), 3],
    ['under another name', env('endpoint-ssh', '1'), undefined],
    ['under a name that only starts alike', env('call-home-ssh2', '1'), undefined],
    ['named but not there', env('endpoint-ssh:call-home-ssh', '1'), undefined],
    ['named but none there', env('call-home-ssh', '0'), undefined],
    ['named but uncounted', env('call-home-ssh', undefined), undefined],
    ['without names', env(undefined, '1'), undefined],
    ['to another process', env('call-home-ssh', '1', '43'), undefined],
    ['to nobody', env('call-home-ssh', '1', ''), undefined],
    ['not at all', {}, undefined],
  ])('is found by its name: %s', (_name, environment, descriptor) => {
    expect(inheritedDescriptor('call-home-ssh', environment, 42)).toBe(descriptor)
  })
})

describe('a listener', () => {
  it('tells the port that it was given', async () => {
    const server = makeServer()
    const bound = await listen(server, target('127.0.0.1', 0), { env: {}, pid: 1 })
    expect(bound).toBe(`127.0.0.1:${(server.address() as { port: number }).port}`)
    expect(server.listenerCount('error')).toBe(0)
  })

  it('listens on all addresses, whether there is IPv6 or not', async () => {
    expect(await listen(makeServer(), target('::', 0), { env: {}, pid: 1 })).toMatch(/^(\[::\]|0\.0\.0\.0):\d+$/)
  })

  it('on a port that is taken names the key and who could tell by whom', async () => {
    const first = makeServer()
    first.listen(0, '127.0.0.1')
    await once(first, 'listening')
    const { port } = first.address() as { port: number }
    await expect(listen(makeServer(), target('127.0.0.1', port), { env: {}, pid: 1 })).rejects.toMatchObject({
      name: 'StartProblem',
      message: `call-home.ssh: 127.0.0.1:${port} is already in use`,
      hint: `find out by whom with \`ss -ltnp 'sport = :${port}'\`, or set call-home.ssh.port to another one`,
    })
  })

  it('on a further port that is taken names the list it is in', async () => {
    const first = makeServer()
    first.listen(0, '127.0.0.1')
    await once(first, 'listening')
    const { port } = first.address() as { port: number }
    const further = { key: 'endpoint.ssh.further-ports', address: '127.0.0.1', port }
    await expect(listen(makeServer(), further, { env: {}, pid: 1 })).rejects.toMatchObject({
      message: `endpoint.ssh.further-ports: 127.0.0.1:${port} is already in use`,
      hint: expect.stringMatching(/, or set endpoint\.ssh\.further-ports to another one$/) as string,
    })
  })

  it('on an address that this machine does not have names the key and the address', async () => {
    await expect(listen(makeServer(), target('192.0.2.1', 0), { env: {}, pid: 1 })).rejects.toMatchObject({
      message: 'call-home.ssh: this machine has no address 192.0.2.1',
      hint: 'set call-home.ssh.address to one that `ip address` shows, or to "::" for all',
    })
  })

  it('on an address that is none says what the system says', async () => {
    await expect(listen(makeServer(), target('999.1.1.1', 0), { env: {}, pid: 1 })).rejects.toMatchObject({
      name: 'StartProblem',
      message: expect.stringMatching(/^call-home\.ssh: cannot listen on 999\.1\.1\.1:0: E[A-Z_]+$/) as string,
      hint: 'check call-home.ssh',
    })
  })
})
