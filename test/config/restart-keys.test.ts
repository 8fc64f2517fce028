import { describe, expect, it } from 'vitest'
import { keysThatWait, restartKeys, untilRestart } from '../../src/config/restart-keys.js'
import type { Config } from '../../src/config/schema.js'
import { configOf } from './parse-text.js'

const running = configOf('endpoint: { ssh: { port: 8830 } }\nlink: { max-sessions: 3 }')

describe('what needs a restart', () => {
  it('is marked at the keys of the schema', () => {
    const keys = restartKeys()
    expect(keys).toContainEqual({ key: 'endpoint.ssh.port', waits: 'value' })
    expect(keys).toContainEqual({ key: 'endpoint.http.certificate', waits: 'presence' })
    expect(keys).toContainEqual({ key: 'data-dir', waits: 'value' })
    expect(keys).toContainEqual({ key: 'log.format', waits: 'value' })
    expect(keys.map(({ key }) => key)).not.toContain('log.level')
  })

  it('is named where it has changed, in the order of the schema', () => {
    const next = configOf(
      'data-dir: elsewhere\nendpoint: { ssh: { port: 9830, further-ports: [22] } }\nlink: { max-sessions: 9 }',
    )
    expect(keysThatWait(running, next)).toEqual(['endpoint.ssh.port', 'endpoint.ssh.further-ports', 'data-dir'])
    expect(keysThatWait(running, running)).toEqual([])
  })

  it('stays as it runs, and all else changes', () => {
    const next = configOf('endpoint: { ssh: { port: 9830, further-ports: [22] } }\nlink: { max-sessions: 9 }')
    const applied = untilRestart(running, next)
    expect(applied).toEqual(configOf('endpoint: { ssh: { port: 8830 } }\nlink: { max-sessions: 9 }'))
    expect(applied.endpoint.ssh).toMatchObject({ port: 8830, furtherPorts: [] })
    expect(next.endpoint.ssh.port).toBe(9830)
  })

  it('is for some keys whether they are there at all: another certificate is taken at once', () => {
    const plain = configOf('')
    const withPair = (name: string): Config => {
      const http = { ...plain.endpoint.http, certificate: `/etc/${name}.crt`, key: `/etc/${name}.key` }
      return { ...plain, endpoint: { ...plain.endpoint, http } }
    }
    const [tls, renamed] = [withPair('a'), withPair('b')]
    expect(keysThatWait(tls, renamed)).toEqual([])
    expect(untilRestart(tls, renamed)).toEqual(renamed)
    expect(keysThatWait(plain, tls)).toEqual(['endpoint.http.certificate', 'endpoint.http.key'])
    expect(untilRestart(plain, tls)).toEqual(plain)
    expect(keysThatWait(tls, plain)).toEqual(['endpoint.http.certificate', 'endpoint.http.key'])
    expect(untilRestart(tls, plain)).toEqual(tls)
  })
})

describe('the listener for old clients', () => {
  const users = 'users: [{ name: nms }, { name: old }]\n'
  const without = configOf(users)
  const withIt = (keys: string) => configOf(`${users}endpoint: { ssh: { legacy: { ${keys} } } }`)

  it('comes and goes at a start, and so does its port; who may use it changes at once', () => {
    const there = withIt('users: [nms]')
    expect(keysThatWait(without, there)).toEqual(['endpoint.ssh.legacy', 'endpoint.ssh.legacy.port'])
    expect(untilRestart(without, there).endpoint.ssh.legacy).toBeUndefined()
    expect(untilRestart(there, without).endpoint.ssh.legacy).toEqual(there.endpoint.ssh.legacy)
    const moved = withIt('users: [old], port: 9000, algorithms: default')
    expect(keysThatWait(there, moved)).toEqual(['endpoint.ssh.legacy.port'])
    expect(untilRestart(there, moved).endpoint.ssh.legacy).toMatchObject({
      port: 8830,
      users: ['old'],
      algorithms: { set: 'default' },
    })
  })
})
