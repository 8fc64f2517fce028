import { describe, expect, it } from 'vitest'
import { configOf, parseText } from './parse-text.js'

const proxyProtocol = { from: [], timeout: 10_000, maxWaiting: 4096 }

describe('an empty configuration', () => {
  it.each(['', '\n', '# nothing yet\n', '---\n', '{}', 'devices:\nusers: ~\nroles:\nlink:\ncall-home: { ssh: }\n'])(
    'has every default: %j',
    (text) => {
      expect(configOf(text)).toEqual({
        callHome: {
          ssh: { address: '::', port: 4334, proxyProtocol, algorithms: [] },
          initiationTimeout: 10_000,
          handshakeTimeout: 20_000,
          maxConcurrentHandshakes: 6,
          maxHandshakes: 512,
          maxQueuedHandshakes: 16_384,
          maxFamiliar: 100_000,
          queueTimeout: 90_000,
        },
        endpoint: {
          ssh: {
            address: '::',
            port: 830,
            furtherPorts: [],
            proxyProtocol,
            hostKeys: [],
            hostCertificates: [],
            hostNames: [],
            hostCertificateLifetime: 86_400_000,
            trustedUserCaKeys: [],
            revokedKeys: [],
            minimumKeyExchange: 'classical',
            loginTimeout: 60_000,
            maxLoginAttempts: 10,
            maxConnections: 1000,
            maxUnauthenticated: 1000,
            maxConcurrentHandshakes: 6,
            maxHandshakeLoad: 0.3,
            maxFamiliar: 10_000,
            maxSessionsPerConnection: 10,
            refusalsInNetconf: true,
            maxInspectedRequest: 16 * 1024 * 1024,
            maxInspectedTotal: 256 * 1024 * 1024,
            maxWaitingRefusals: 100,
            maxJumpsPerConnection: 10,
            keepaliveInterval: 0,
            keepaliveCountMax: 30,
          },
          http: {
            address: '127.0.0.1',
            port: 8080,
            names: [],
            selfSigned: false,
            trustedProxies: [],
            proxyHeader: 'x-forwarded',
            proxyProtocol,
            maxPipelinedRequests: 100,
            maxConnections: 1000,
            headersTimeout: 10_000,
            requestTimeout: 30_000,
            idleTimeout: 60_000,
            metrics: 'token',
            maxTokens: 1000,
            rpcTimeout: 60_000,
            maxRpcTimeout: 3_600_000,
            maxRequestSize: 16 * 1024 ** 2,
            maxJobRequestSize: 1024 ** 2,
            maxJsonReplySize: 8 * 1024 ** 2,
            maxConversions: 16,
            conversionTimeout: 30_000,
            conversionMemory: 2048 * 1024 ** 2,
            maxRequestElements: 1_000_000,
            maxSelectorPatterns: 4096,
            maxRequestTotal: 256 * 1024 ** 2,
            maxCalls: 500,
            maxCallsPerDevice: 64,
            warmSessions: 2,
            warmSessionPipeline: 4,
            warmSessionIdle: 60_000,
            maxWarmSessions: 1000,
            sessionIdle: 300_000,
            sessionLifetime: 3_600_000,
            maxSessions: 200,
            maxSessionsPerUser: 8,
            idempotencyWindow: 1_800_000,
            maxIdempotencyKeys: 100_000,
            maxIdempotencyKeysPerUser: 20_000,
            maxKeptAnswersPerUser: 16 * 1024 ** 2,
            maxWait: 300_000,
            maxStreams: 200,
            maxStreamBacklog: 1000,
            maxJobs: 10_000,
            maxJobsPerUser: 1000,
            jobLifetime: 86_400_000,
            maxJobLifetime: 604_800_000,
            jobRetention: 86_400_000,
          },
        },
        link: {
          keepaliveInterval: 15_000,
          keepaliveCountMax: 3,
          maxReplyWait: 3_600_000,
          maxConnections: 1,
          maxSessions: 10,
          maxQueuedSessions: 32,
          maxForwards: 16,
          maxForwardsPerUser: 8,
          sessionWait: 10_000,
          reconnectWait: 15_000,
          reconnectWindow: 120_000,
          startWait: 60_000,
          channelOpenTimeout: 30_000,
          channelCloseTimeout: 3_000,
          maxLostChannels: 10,
          replaceWait: 2_000,
          idleTimeout: 180_000,
        },
        trust: {
          revoked: [],
          firstUse: 'pend',
          hmac: 'keeps-pins',
          pendingTimeout: 60_000,
          pendingLifetime: 86_400_000,
          maxPending: 256,
          maxPendingPerSource: 16,
        },
        algorithmSets: new Map(),
        credentials: new Map(),
        devices: [],
        users: [],
        sources: {
          unlimited: [],
          penalties: {
            exempt: ['127.0.0.0/8', '::1'],
            garbage: 10_000,
            timeout: 10_000,
            unfinished: 1_000,
            failedLogin: 1_000,
            minimum: 15_000,
            maximum: 600_000,
            maxTracked: 65_536,
          },
        },
        loginLimits: {
          failuresPerUserAndAddress: 5,
          failuresPerAddress: 100,
          failuresPerKnownLogin: 2000,
          window: 600_000,
          block: 300_000,
          slowDown: 500,
          checkWhileBlocked: 10_000,
          rememberLogins: 86_400_000,
          loggedFailuresPerAddress: 100,
          maxTracked: 20_000,
          checksAtOnce: 2,
          maxQueuedChecks: 64,
        },
        roles: new Map([
          [
            'operator',
            {
              devices: ['*'],
              operations: [{ name: '*' }],
              deniedOperations: [],
              credentials: [],
              channels: ['netconf'],
              forwards: [],
              api: ['read', 'rpc'],
            },
          ],
        ]),
        audit: {
          maxSize: 64 * 1024 * 1024,
          maxFiles: 10,
          flushInterval: 250,
          maxWaiting: 16 * 1024 * 1024,
          whenFull: 'refuse',
          keep: 90 * 24 * 3_600_000,
          maxRows: 1_000_000,
          maxReadLinesPerUser: 10_000,
          full: {
            users: [],
            devices: [],
            maxSizePerSession: 64 * 1024 * 1024,
            maxSize: 1024 * 1024 * 1024,
            maxMessageSize: 1024 * 1024,
            redact: [],
          },
        },
        webhooks: [],
        dataDir: '/srv/config/data',
        drainTimeout: 30_000,
        log: { level: 'info', format: 'auto' },
      })
    },
  )

  it('warns that nobody is known yet', () => {
    expect(parseText('')).toMatchObject({
      ok: true,
      warnings: [
        {
          key: '',
          message: 'no devices are configured, so devices that call are pending until approved',
          hint: 'add `devices`, or approve with `homeport devices approve`',
        },
        { key: '', message: 'no users are configured, so nobody can log in' },
      ],
    })
  })
})

describe('what is derived from other keys', () => {
  it('are the principals of credentials, and how long their certificates are good for', () => {
    const config = configOf('credentials: { default: { username: netconf, password: x } }')
    expect(config.credentials.get('default')).toEqual({
      username: 'netconf',
      password: 'x',
      principals: ['netconf'],
      certificateLifetime: 300_000,
      perUser: false,
      perUserPort: 22,
    })
  })

  it('are what is read of a JWT', () => {
    const oidc = 'endpoint: { http: { oidc: { issuer: "https://idp.example.net/realms/a", audience: homeport } } }'
    expect(configOf(oidc).endpoint.http.oidc).toEqual({
      issuer: 'https://idp.example.net/realms/a',
      audience: 'homeport',
      userClaim: 'preferred_username',
      rolesClaim: 'roles',
      algorithms: ['RS256', 'PS256', 'ES256', 'EdDSA'],
      clockSkew: 30_000,
      fetchTimeout: 5_000,
    })
  })

  it('are what is said of traces', () => {
    expect(configOf('traces: { endpoint: "http://127.0.0.1:4318/v1/traces" }').traces).toEqual({
      endpoint: 'http://127.0.0.1:4318/v1/traces',
      headers: {},
      sampleRatio: 1,
      serviceName: 'homeport',
      timeout: 2_000,
      maxQueued: 5_000,
    })
  })

  it('are the principals of a user', () => {
    const users = 'users:\n  - { name: ops@example.net, principals: [] }\n  - { name: b, principals: [netadmin, b] }\n'
    expect(configOf(users).users).toEqual([
      { name: 'ops@example.net', authorizedKeys: [], principals: ['ops@example.net'], roles: [] },
      { name: 'b', authorizedKeys: [], principals: ['netadmin', 'b'], roles: [] },
    ])
  })
})
