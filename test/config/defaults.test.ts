import { describe, expect, it } from 'vitest'
import { configOf, parseText } from './parse-text.js'

describe('an empty configuration', () => {
  it.each(['', '\n', '# nothing yet\n', '---\n', '{}', 'devices:\nusers: ~\nroles:\nlink:\ncall-home: { ssh: }\n'])(
    'has every default: %j',
    (text) => {
      expect(configOf(text)).toEqual({
        callHome: {
          ssh: { address: '::', port: 4334 },
          initiationTimeout: 10_000,
          handshakeTimeout: 20_000,
          maxHandshakes: 512,
        },
        endpoint: {
          ssh: {
            address: '::',
            port: 830,
            hostKeys: [],
            loginTimeout: 60_000,
            maxLoginAttempts: 10,
            maxConnections: 1000,
            maxSessionsPerConnection: 10,
            keepaliveInterval: 30_000,
            keepaliveCountMax: 3,
          },
        },
        link: {
          keepaliveInterval: 15_000,
          keepaliveCountMax: 3,
          maxSessions: 10,
          maxQueuedSessions: 32,
          sessionWait: 10_000,
          reconnectWait: 15_000,
          reconnectWindow: 120_000,
        },
        credentials: new Map(),
        devices: [],
        users: [],
        roles: new Map([['operator', { devices: ['*'], operations: ['*'] }]]),
        dataDir: '/srv/config/data',
        log: { level: 'info', format: 'auto' },
      })
    },
  )

  it('warns that it is good for nobody', () => {
    expect(parseText('')).toMatchObject({
      ok: true,
      warnings: [
        { key: '', message: expect.stringContaining('no devices') },
        { key: '', message: expect.stringContaining('no users') },
      ],
    })
  })
})
