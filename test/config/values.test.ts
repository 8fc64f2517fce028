import { describe, expect, it } from 'vitest'
import { ED25519 } from './keys.js'
import { configOf, parseText, problemsOf } from './parse-text.js'

const credentials = 'credentials: { default: { username: netconf, password: x } }\n'
const account = (fields: string): string => `credentials: { default: { username: netconf, ${fields} } }\n`

describe('durations', () => {
  it.each([
    ['500ms', 500],
    ['10s', 10_000],
    ['2m', 120_000],
    ['1h', 3_600_000],
    ['24h', 86_400_000],
  ])('%s', (text, milliseconds) => {
    expect(configOf(`call-home: { initiation-timeout: ${text} }`).callHome.initiationTimeout).toBe(milliseconds)
  })

  it.each(['10', '1.5s', '-1s', '10 s', '1h30m', 'soon', '""', '[1s]', '0s', '25h', '9999999999999h'])(
    'not %s',
    (text) => {
      expect(problemsOf(`call-home:\n  initiation-timeout: ${text}`)).toEqual([
        expect.stringMatching(/^2:3: call-home\.initiation-timeout: expected /),
      ])
    },
  )

  it.each([
    ['1m', 60_000],
    ['90s', 90_000],
    ['1h', 3_600_000],
  ])('%s of a certificate', (text, milliseconds) => {
    const config = configOf(account(`user-ca: ${import.meta.filename}, certificate-lifetime: ${text}`))
    expect(config.credentials.get('default')).toMatchObject({ certificateLifetime: milliseconds })
  })

  it.each([
    ['59s', 'at least 1m'],
    ['61m', 'at most 1h'],
  ])('not %s of a certificate', (text, bound) => {
    expect(problemsOf(account(`certificate-lifetime: ${text}, user-ca: ${import.meta.filename}`))).toEqual([
      `1:46: credentials.default.certificate-lifetime: expected a duration of ${bound}`,
    ])
  })

  it('in days, where that makes sense', () => {
    expect(configOf('audit: { keep: 400d }').audit.keep).toBe(400 * 86_400_000)
  })

  it('of nothing, where waiting may be switched off', () => {
    expect(configOf('link: { session-wait: 0s }').link.sessionWait).toBe(0)
  })
})

describe('sizes', () => {
  it.each([
    ['2048B', 2048],
    ['1KiB', 1024],
    ['3MiB', 3 * 1024 * 1024],
    ['1GiB', 1024 ** 3],
  ])('%s', (text, bytes) => {
    expect(configOf(`audit: { max-size: ${text} }`).audit.maxSize).toBe(bytes)
  })

  it.each(['64', '64MB', '1.5GiB', '-1KiB', '64 MiB', 'large', '1023B', '2000TiB'])('not %s', (text) => {
    expect(problemsOf(`audit:\n  max-size: ${text}`)).toEqual([
      expect.stringMatching(/^2:3: audit\.max-size: expected a size /),
    ])
  })
})

describe('traces', () => {
  const traces = (fields: string) => `traces: { endpoint: "https://collector.example.net/v1/traces", ${fields} }`

  it.each([
    ['sample-ratio: 0.25', { sampleRatio: 0.25 }],
    ['sample-ratio: 0', { sampleRatio: 0 }],
    [
      'headers: { Authorization: "Bearer ${TOKEN}", x-scope: a }',
      { headers: { Authorization: 'Bearer t', 'x-scope': 'a' } },
    ],
    ['service-name: bridge-2', { serviceName: 'bridge-2' }],
  ])('%s', (fields, expected) => {
    expect(configOf(traces(fields), { TOKEN: 't' }).traces).toMatchObject(expected)
  })

  it.each([
    ['sample-ratio: 1.5', 'traces.sample-ratio: expected a number from 0 to 1'],
    ['sample-ratio: -1', 'traces.sample-ratio: expected a number from 0 to 1'],
    ['headers: [a]', 'traces.headers: expected names and values of headers'],
    ['headers: { "a b": c }', 'traces.headers: there is a name that no header can have'],
    ['headers: { a: }', 'traces.headers: there is a header without a value'],
    ['headers: { a: [b] }', 'traces.headers: there is a header without a value'],
    ['timeout: 2m', 'traces.timeout: expected a duration of at most 1m'],
  ])('not %s', (fields, problem) => {
    expect(problemsOf(traces(fields))).toEqual([expect.stringContaining(problem)])
  })

  it('go in plain to another machine, but not with headers', () => {
    const plain = (fields: string) => `traces: { endpoint: "http://collector:4318/v1/traces", ${fields} }`
    expect(configOf(plain('timeout: 5s')).traces).toMatchObject({ headers: {}, timeout: 5000 })
    expect(problemsOf(plain('headers: { a: b }'))).toEqual([
      expect.stringContaining('traces.headers: over plain HTTP anybody on the way could read these headers'),
    ])
    expect(configOf('traces: { endpoint: "http://127.0.0.1:4318", headers: { a: b } }').traces?.headers).toEqual({
      a: 'b',
    })
  })

  it.each(['ftp://c', 'collector:4318', 'https://a:b@c', 'https://c#d'])('not %s', (endpoint) => {
    expect(problemsOf(`traces: { endpoint: "${endpoint}" }`)).toEqual([
      expect.stringContaining('traces.endpoint: expected a URL'),
    ])
  })
})

describe('the HTTP API', () => {
  const http = (fields: string) => `endpoint: { http: { ${fields} } }`

  it.each([
    ['port: none', { port: 'none' }],
    ['port: 0', { port: 0 }],
    ['self-signed: true', { selfSigned: true }],
    ['names: [Bridge.Example.NET, b]', { names: ['bridge.example.net', 'b'] }],
    ['trusted-proxies: [10.0.0.0/8, "::1", 192.0.2.7]', { trustedProxies: ['10.0.0.0/8', '::1', '192.0.2.7'] }],
    ['proxy-header: forwarded', { proxyHeader: 'forwarded' }],
  ])('%s', (fields, read) => {
    expect(configOf(http(fields)).endpoint.http).toMatchObject(read)
  })

  it.each([
    ['port: nothing', 'expected a whole number from 0 to 65535, or `none`'],
    ['port: 65536', 'expected a whole number from 0 to 65535, or `none`'],
    ['port: 4334', 'devices call home on port 4334 already'],
    ['self-signed: maybe', 'expected `true` or `false`'],
    ['names: ["b:8080"]', 'expected a host name'],
    ['names: [127.0.0.1]', 'expected a host name'],
    ['trusted-proxies: [10.0.0.0/33]', 'expected an address or a network such as `10.0.0.0/8`'],
    ['trusted-proxies: [proxy]', 'expected an address or a network such as `10.0.0.0/8`'],
    ['certificate: /etc/hostname', 'a certificate without its private key'],
    ['key: /etc/hostname', 'a private key without its certificate'],
    ['client-ca: /etc/hostname', 'clients can show a certificate only over TLS'],
    ['certificate: /etc/hostname, key: /etc/hostname, self-signed: true', 'there is a `certificate` already'],
    ['oidc: { audience: a, issuer: "http://idp.example.net" }', 'expected an https: URL'],
    ['oidc: { audience: a, issuer: idp }', 'expected an https: URL'],
    ['oidc: { issuer: "https://idp" }', 'is missing'],
    ['oidc: { audience: a, issuer: "https://idp", algorithms: [HS256] }', 'expected one of RS256, RS384'],
  ])('not %s', (fields, problem) => {
    const address = fields === 'port: 4334' ? 'address: "::", ' : ''
    expect(problemsOf(http(address + fields))).toEqual([expect.stringContaining(problem)])
  })

  it('takes an identity provider on this machine without TLS', () => {
    const oidc = 'oidc: { audience: a, issuer: "http://127.0.0.1:9000/x" }'
    expect(configOf(http(oidc)).endpoint.http.oidc?.issuer).toBe('http://127.0.0.1:9000/x')
  })

  it.each([
    ['address: "::"', true],
    ['address: "::", self-signed: true', false],
    ['address: "::", port: none', false],
    ['address: 10.0.0.1, trusted-proxies: [10.0.0.2]', false],
    ['address: 127.0.0.9', false],
  ])('%s: warned that nobody can log in: %s', (fields, warned) => {
    const parsed = parseText(http(fields))
    const keys = parsed.ok ? parsed.warnings.map(({ key }) => key) : []
    expect(keys.includes('endpoint.http.address')).toBe(warned)
  })
})

describe('what a role allows of the HTTP API', () => {
  const api = (text: string) =>
    configOf(`roles: { r: { devices: ["*"], operations: ["*"]${text} } }`).roles.get('r')?.api
  it.each([
    ['', ['read', 'rpc']],
    [', api: [admin]', ['admin']],
    [', api: []', []],
  ])('%j', (text, scopes) => {
    expect(api(text)).toEqual(scopes)
  })
})

describe('numbers', () => {
  it.each(['0', '830', '"830"', '65535'])('port %s', (text) => {
    expect(configOf(`endpoint: { ssh: { port: ${text} } }`).endpoint.ssh.port).toBe(Number(text.replaceAll('"', '')))
  })

  it.each(['-1', '65536', '1e3', '0x10', '8_30', 'http', '830.0', '" 830"'])('not port %s', (text) => {
    expect(problemsOf(`endpoint: { ssh: { port: ${text} } }`)).toEqual([
      '1:20: endpoint.ssh.port: expected a whole number from 0 to 65535',
    ])
  })

  it('leaves ncclient its tries', () => {
    expect(problemsOf('endpoint: { ssh: { max-login-attempts: 5 } }')).toEqual([
      '1:20: endpoint.ssh.max-login-attempts: expected a whole number from 6 to 1000',
    ])
  })
})

describe('listen addresses', () => {
  it.each(['"::"', '0.0.0.0', '"2001:db8::1"', 'fe80::1%eth0', 'localhost', 'bridge.example.net'])('%s', (text) => {
    expect(problemsOf(`call-home: { ssh: { address: ${text} } }`)).toEqual([])
  })

  it.each(['"*"', '"[::]"', '"a b"', '"10.0.0.1:22"', '-x'])('not %s', (text) => {
    expect(problemsOf(`call-home:\n  ssh:\n    address: ${text}\n`)).toEqual([
      '3:5: call-home.ssh.address: expected an IP address or a host name to listen on',
    ])
  })

  it('refuses one port for devices and clients', () => {
    expect(problemsOf('endpoint: { ssh: { port: 4334, address: 127.0.0.1 } }')).toEqual([
      '1:20: endpoint.ssh.port: devices call home on port 4334 already',
    ])
    const apart = 'endpoint: { ssh: { port: 4334, address: 127.0.0.1 } }\ncall-home: { ssh: { address: 127.0.0.2 } }'
    expect(problemsOf(apart)).toEqual([])
    expect(problemsOf('endpoint: { ssh: { port: 0 } }\ncall-home: { ssh: { port: 0 } }')).toEqual([])
  })

  it('refuses a further port that is taken already', () => {
    expect(problemsOf('endpoint: { ssh: { port: 830, further-ports: [22, 830, 4334, 22, 0, 0] } }')).toEqual([
      '1:51: endpoint.ssh.further-ports[1]: clients log in over SSH on port 830 already',
      '1:56: endpoint.ssh.further-ports[2]: devices call home on port 4334 already',
      '1:62: endpoint.ssh.further-ports[3]: clients log in over SSH on port 22 already',
    ])
  })
})

describe('words', () => {
  it('are one of a few, with the nearest named', () => {
    expect(problemsOf('log:\n  level: wran\n  format: xml\ntrust:\n  first-use: pending\n')).toEqual([
      '2:3: log.level: expected one of trace, debug, info, warn, error',
      '3:3: log.format: expected one of auto, json, pretty',
      '5:3: trust.first-use: expected one of refuse, pend, accept',
    ])
  })
})

describe('agents', () => {
  it.each(['false', 'True', 'yes', 'off', '""', '[a]'])('are true or a path, not %s', (text) => {
    expect(problemsOf(account(`agent: ${text}`), { SSH_AUTH_SOCK: '/run/agent' })).toEqual([
      expect.stringMatching(/^1:46: credentials\.default\.agent: (expected|is empty)/),
    ])
  })
})

describe('names in certificates', () => {
  it.each(['ops@example.net', 'router-1.example.net', 'ルーター', "'0'"])('%s', (name) => {
    const config = configOf(`users: [{ name: a, principals: [${name}] }]`)
    expect(config.users[0]?.principals).toEqual([name.replaceAll("'", '')])
  })

  it.each(['"a,b"', '"a b"', '"a\\n"', '""', '[a]', 'x'.repeat(256)])('not %s', (name) => {
    const text = `${credentials}devices:\n  - { id: a, aliases: [${name}] }\nusers:\n  - { name: a, principals: [${name}] }\n`
    expect(problemsOf(text)).toEqual([
      expect.stringMatching(/^3:24: devices\[0\]\.aliases\[0\]: /),
      expect.stringMatching(/^5:29: users\[0\]\.principals\[0\]: /),
    ])
  })
})

describe('texts', () => {
  it('keep what was written, whatever YAML 1.1 would make of it', () => {
    const config = configOf(`${credentials}devices:
  - { id: 007, secret: 0123, labels: { rack: 1_2, up: yes, none: "null", version: 1.10 } }
`)
    expect(config.devices[0]).toMatchObject({
      id: '007',
      secret: '0123',
      labels: { rack: '1_2', up: 'yes', none: 'null', version: '1.10' },
    })
  })

  it.each(['', ' ~', ' null'])('a key without a value is an error: secret:%s', (nothing) => {
    expect(
      problemsOf(`${credentials}devices:\n  - id: a\n    host-keys: [${ED25519}]\n    secret:${nothing}\n`),
    ).toEqual(['5:5: devices[0].secret: has no value'])
  })

  it('an empty text is an error', () => {
    expect(problemsOf(`${credentials}devices:\n  - id: ""\n    secret: ''\n`)).toEqual([
      '3:5: devices[0].id: is empty',
      '4:5: devices[0].secret: is empty',
    ])
  })
})

describe('paths', () => {
  it('are relative to the file', () => {
    expect(configOf('data-dir: ../state').dataDir).toBe('/srv/state')
    expect(configOf('data-dir: /var/lib/homeport').dataDir).toBe('/var/lib/homeport')
  })
})

describe('kinds', () => {
  it.each([
    ['devices: router1', '1:1: devices: expected a list such as [a, b], found a single value'],
    ['devices: { id: router1 }', '1:1: devices: expected a list such as [a, b], found keys and values'],
    ['devices: [router1]', '1:11: devices[0]: expected keys and values, found a single value'],
    ['link: [10]', '1:1: link: expected keys and values, found a list'],
    ['credentials: []', '1:1: credentials: expected names and what they stand for, found a list'],
    ['data-dir: { a: b }', '1:1: data-dir: expected a single value, found keys and values'],
    ['- a\n- b', 'expected keys and values, found a list'],
    ['homeport', 'expected keys and values, found a single value'],
  ])('%j', (text, problem) => {
    expect(problemsOf(text)[0]).toBe(problem)
  })
})
