import { describe, expect, it } from 'vitest'
import { configOf, parseText, printed, problemsOf } from './parse-text.js'
import { ED25519, OTHER_ED25519 } from './keys.js'

const credentials = 'credentials: { default: { username: netconf, password: x } }\n'
const device = (fields: string): string => `${credentials}devices:\n  - ${fields}\n`

describe('devices', () => {
  it('have ids that differ, also in more than case', () => {
    expect(
      problemsOf(
        `${credentials}devices:\n  - { id: a, secret: x }\n  - { id: A, secret: y }\n  - { id: a, secret: z }\n`,
      ),
    ).toEqual([
      '4:7: devices[1].id: a second device id `A`, the first is on line 3, which differs only in upper and lower case',
      '5:7: devices[2].id: a second device id `a`, the first is on line 3',
    ])
  })

  it.each(['router 1', 'a/b', 'rack-7:slot 3 (spare)', 'JN1234AFB', 'ルーター', 'a=b', "'0'"])(
    'may be called %s',
    (id) => {
      expect(problemsOf(device(`{ id: ${id}, secret: x }`))).toEqual([])
    },
  )

  it.each([
    ['a@b', 'a device id has no `@`'],
    ['"a\\tb"', 'a device id has printable characters only'],
    ['"a\\u202Eb"', 'a device id has printable characters only'],
    ['"a "', 'a device id does not start or end with a space'],
    ['é'.repeat(128), 'a device id has at most 255 bytes'],
  ])('may not be called %s', (id, problem) => {
    expect(problemsOf(device(`{ id: ${id}, secret: x }`))).toEqual([`3:7: devices[0].id: ${problem}`])
  })

  it('without an id are told at the item', () => {
    expect(problemsOf(device('secret: x'))).toEqual(['3:5: devices[0].id: is missing'])
  })

  it('that nothing could prove are refused', () => {
    expect(printed(`${device('{ id: a, host-keys: [] }')}trust: { first-use: refuse }`)).toBe(
      'config/homeport.yaml:3:5: devices[0]: nothing could prove that a connection comes from this device\n' +
        '    add its `host-keys`, or the `secret` that it signs its host key with (Junos: `outbound-ssh … secret`), ' +
        'or set `trust.known-hosts`, or `trust.first-use: pend` to approve its key when it calls',
    )
  })

  it.each(['', 'trust: { first-use: pend }', 'trust: { first-use: accept }'])(
    'that are judged at their first call need no proof of their own: %j',
    (trust) => {
      expect(problemsOf(`${device('{ id: a }')}${trust}`)).toEqual([])
    },
  )

  it('that a known_hosts file may prove need no proof of their own', () => {
    const trust = 'trust: { first-use: refuse, known-hosts: /dev/null }'
    expect(problemsOf(`${device('{ id: a }')}${trust}`)).toEqual([
      '4:29: trust.known-hosts: /dev/null cannot be read (not a file)',
    ])
  })

  it('have aliases that no other device has', () => {
    expect(
      problemsOf(
        `${credentials}devices:
  - { id: a, aliases: [a, a.example.net, B, shared] }
  - { id: b, aliases: [Shared, "\${NAME}", own] }
`,
        { NAME: 'a.example.net' },
      ),
    ).toEqual([
      '3:42: devices[0].aliases[2]: the name `B` is that of another device already, the one on line 4',
      '4:24: devices[1].aliases[0]: the name `Shared` is that of another device already, the one on line 3',
      '4:32: devices[1].aliases[1]: the name is that of another device already, the one on line 3',
    ])
  })

  it('without credentials, or with unknown ones, are refused', () => {
    expect(problemsOf('devices:\n  - { id: a, secret: x }\n')).toEqual([
      '2:5: devices[0]: no credentials to log in to this device with',
    ])
    expect(problemsOf(device('{ id: a, secret: x, credentials: defualt }'))).toEqual([
      '3:25: devices[0].credentials: unknown credentials `defualt`; did you mean `default`?',
    ])
    expect(problemsOf(device('{ id: a, secret: x, credentials: toString }'))).toEqual([
      '3:25: devices[0].credentials: unknown credentials `toString`',
    ])
  })

  it('may have several credentials, each once and all of them there', () => {
    const listed = (written: string) => device(`{ id: a, secret: x, max-connections: 2, credentials: ${written} }`)
    const two = 'credentials: { default: { username: u, password: p }, other: { username: v, password: p } }\n'
    const one = `${two}devices: [{ id: a, secret: x, credentials: [other, default] }]\n`
    expect(configOf(one).devices[0]?.credentials).toEqual(['other', 'default'])
    expect(configOf(device('{ id: a, secret: x, credentials: default }')).devices[0]?.credentials).toEqual(['default'])
    expect(configOf(device('{ id: a, secret: x }')).devices[0]?.credentials).toEqual(['default'])
    expect(problemsOf(listed('[default, defualt]'))).toEqual([
      '3:68: devices[0].credentials[1]: unknown credentials `defualt`; did you mean `default`?',
    ])
    expect(problemsOf(listed('[default, default]'))).toEqual(['3:68: devices[0].credentials[1]: is named twice'])
    expect(problemsOf(listed('[]'))).toEqual(['3:45: devices[0].credentials: is empty'])
    expect(problemsOf(listed('{ a: b }'))).toHaveLength(1)
    expect(problemsOf(listed('[[default]]'))).toHaveLength(1)
  })

  it('may have a limit and labels of their own', () => {
    const config = configOf(device('{ id: a, secret: x, max-sessions: 3, labels: { constructor: b } }'))
    expect(config.devices).toEqual([
      {
        id: 'a',
        aliases: [],
        secret: 'x',
        spareChannels: 0,
        connection: 'persistent',
        hostKeys: [],
        credentials: ['default'],
        labels: { constructor: 'b' },
        maxSessions: 3,
      },
    ])
  })
})

describe('ports and addresses of devices’ own', () => {
  const two = (one: string, other: string): string =>
    `${credentials}devices:\n  - { id: a, secret: x, endpoint: ${one} }\n  - { id: b, secret: y, endpoint: ${other} }\n`

  it('are read, addresses as sockets tell them', () => {
    const { devices } = configOf(two('{ port: 8301, address: 2001:DB8:0::0001 }', '{ address: 10.99.0.1 }'))
    expect(devices.map(({ endpoint }) => endpoint)).toEqual([
      { port: 8301, address: '2001:db8::1' },
      { address: '10.99.0.1' },
    ])
  })

  it('are one device’s each', () => {
    expect(problemsOf(two('{ port: 8301, address: 2001:db8::1 }', '{ port: 8301, address: 2001:DB8:0::1 }'))).toEqual([
      '4:37: devices[1].endpoint.port: is that of another device already, on line 3',
      '4:49: devices[1].endpoint.address: is that of another device already, on line 3',
    ])
  })

  it.each([
    ['{ port: 0 }', 'expected a whole number from 1 to 65535'],
    ['{ port: 830 }', 'the bridge itself listens on port 830'],
    ['{ port: 22 }', 'the bridge itself listens on port 22'],
    ['{ port: 4334 }', 'the bridge itself listens on port 4334'],
    ['{ port: 8080 }', 'the bridge itself listens on port 8080'],
    ['{ address: "::" }', 'is every address of this machine, not one of a device'],
    ['{ address: 10.0.0.1 }', 'is the address where all devices are reached, `endpoint.ssh.address`'],
    ['{ address: router1 }', 'expected an IP address'],
    ['{ address: fe80::1%eth0 }', 'expected a plain IP address'],
    ['{ address: "::ffff:10.0.0.2" }', 'expected a plain IP address'],
  ])('may not be %s', (own, problem) => {
    const text = `endpoint: { ssh: { address: 10.0.0.1, further-ports: [22] } }\n${device(`{ id: a, secret: x, endpoint: ${own} }`)}`
    expect(problemsOf(text)).toEqual([expect.stringContaining(problem) as string])
  })

  it.each([
    ['127.1.0.0/16', { family: 'ipv4', network: 0x7f010000n, bits: 16 }],
    ['10.0.0.0/30', { family: 'ipv4', network: 0x0a000000n, bits: 30 }],
    ['2001:db8:1::/64', { family: 'ipv6', network: 0x20010db8000100000000000000000000n, bits: 64 }],
    ['fd00::1:0/127', { family: 'ipv6', network: 0xfd000000000000000000000000010000n, bits: 127 }],
  ])('are given out of the prefix %s', (written, prefix) => {
    const { endpoint } = configOf(`endpoint: { ssh: { device-addresses: "${written}" } }`)
    expect(endpoint.ssh.deviceAddresses).toEqual(prefix)
  })

  it.each([
    ['127.1.0.0', 'expected a prefix of addresses'],
    ['127.1.0.1/16', 'has bits behind the first 16'],
    ['2001:db8::1/64', 'has bits behind the first 64'],
    ['10.0.0.0/31', 'a prefix with addresses to give has a length from 1 to 30 here'],
    ['2001:db8::/128', 'a prefix with addresses to give has a length from 1 to 127 here'],
    ['0.0.0.0/0', 'a prefix with addresses to give has a length from 1 to 30 here'],
    ['router/16', 'expected a prefix of addresses'],
    ['fe80::%eth0/64', 'expected a prefix of addresses'],
  ])('are not given out of %s', (written, problem) => {
    expect(problemsOf(`endpoint: { ssh: { device-addresses: "${written}" } }`)).toEqual([
      expect.stringContaining(problem) as string,
    ])
  })

  it('are given out of a range of ports', () => {
    const { endpoint } = configOf('endpoint: { ssh: { device-ports: 20000-29999 } }')
    expect(endpoint.ssh.devicePorts).toEqual({ first: 20_000, last: 29_999 })
    for (const wrong of ['20000', '0-10', '20000-70000', '3-2', 'a-b'])
      expect(problemsOf(`endpoint: { ssh: { device-ports: "${wrong}" } }`)).toHaveLength(1)
  })
})

describe('a host CA', () => {
  it.each(['host-ca-passphrase: x', 'host-names: [bridge]', 'host-certificate-lifetime: 1h'])(
    'is what %s is about',
    (key) => {
      expect(problemsOf(`endpoint: { ssh: { ${key} } }`)).toEqual([
        expect.stringContaining('means nothing without a host CA that certifies the host keys'),
      ])
    },
  )
})

describe('credentials', () => {
  it.each([
    ['{ username: a }', '1:16: credentials.a: nothing to log in with, neither a key nor a password'],
    ['{ password: a }', '1:16: credentials.a.username: is missing'],
    [
      '{ username: a, password: b, passphrase: c }',
      '1:47: credentials.a.passphrase: a passphrase without a private key',
    ],
    ['{ username: a, private-key: k }', '1:34: credentials.a.private-key: /srv/config/k cannot be read (ENOENT)'],
    ['{ username: a, private-key: / }', '1:34: credentials.a.private-key: / cannot be read (not a file)'],
    ['{ username: a, user-ca: k }', '1:34: credentials.a.user-ca: /srv/config/k cannot be read (ENOENT)'],
    [
      '{ username: a, agent: /s, certificate: k }',
      '1:45: credentials.a.certificate: /srv/config/k cannot be read (ENOENT)',
    ],
    [
      '{ username: a, password: b, user-ca-passphrase: c }',
      '1:47: credentials.a.user-ca-passphrase: a passphrase without a user CA',
    ],
    [
      '{ username: a, agent: /s, principals: [c] }',
      '1:45: credentials.a.principals: principals without a user CA that certifies them',
    ],
    [
      '{ username: a, password: x, agent-key: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEB" }',
      '1:47: credentials.a.agent-key: the key of an agent without the agent',
    ],
    [
      '{ username: a, agent: /s, agent-key: nowhere.pub }',
      '1:45: credentials.a.agent-key: /srv/config/nowhere.pub cannot be read (ENOENT)',
    ],
    ['{ username: a, agent: /s, agent-key: "ssh-ed25519 x" }', '1:45: credentials.a.agent-key: the key is not base64'],
    [
      '{ username: a, agent: /s, certificate-lifetime: 1m }',
      '1:45: credentials.a.certificate-lifetime: a lifetime without a user CA that certifies it',
    ],
  ])('%s', (text, problem) => {
    expect(problemsOf(`credentials: { a: ${text} }`)).toEqual([problem])
  })

  it.each(['', 'password: x', 'user-ca: keys/user_ca'])('with a certificate need its private key: %j', (others) => {
    expect(problemsOf(`credentials:\n  a: { username: a, certificate: /etc/passwd, ${others} }`)[0]).toBe(
      '2:21: credentials.a.certificate: a certificate without its private key',
    )
  })

  it.each(['agent: /run/agent', 'agent: true', 'password: x'])('are good with one way to log in: %s', (way) => {
    expect(problemsOf(`credentials: { a: { username: a, ${way} } }`, { SSH_AUTH_SOCK: '/run/other' })).toEqual([])
  })

  it('may have an agent that is not there yet', () => {
    const text = 'credentials: { a: { username: a, agent: ../agent }, b: { username: b, agent: true } }'
    const config = configOf(text, { SSH_AUTH_SOCK: '/run/user/agent' })
    expect([...config.credentials.values()].map(({ agent }) => agent)).toEqual(['/srv/agent', '/run/user/agent'])
  })

  it.each([{}, { SSH_AUTH_SOCK: '' }])('need the environment to name the agent: %j', (variables) => {
    expect(printed('credentials:\n  a:\n    username: a\n    agent: true\n', variables)).toBe(
      'config/homeport.yaml:4:5: credentials.a.agent: the environment variable SSH_AUTH_SOCK is not set\n' +
        '    set it in the environment or in .env, or write the path of the socket instead of `true`',
    )
  })
})

describe('trust', () => {
  it('names files that can be read', () => {
    expect(problemsOf('trust:\n  known-hosts: known_hosts\n  revoked: [/, revoked_keys]\n')).toEqual([
      '2:3: trust.known-hosts: /srv/config/known_hosts cannot be read (ENOENT)',
      '3:13: trust.revoked[0]: / cannot be read (not a file)',
      '3:16: trust.revoked[1]: /srv/config/revoked_keys cannot be read (ENOENT)',
    ])
  })

  it('is doubted when it believes everybody', () => {
    const parsed = parseText('trust:\n  first-use: accept\n')
    expect(parsed.ok && parsed.warnings.map(({ line, key, message }) => [line, key, message]).slice(0, 3)).toEqual([
      [undefined, '', 'no devices are configured, so devices that call are believed at their first call'],
      [undefined, '', 'no users are configured, so nobody can log in'],
      [2, 'trust.first-use', 'whoever calls first with a device id is believed, and gets credentials to log in with'],
    ])
  })

  it('says what becomes of devices that nobody configured', () => {
    const warnings = (text: string): readonly string[] => {
      const parsed = parseText(text)
      return parsed.ok ? parsed.warnings.map(({ message }) => message) : []
    }
    expect(warnings('trust: { first-use: refuse }')).toContain(
      'no devices are configured, so devices that call are refused unless they were approved before',
    )
    expect(warnings(`trust: { known-hosts: ${import.meta.filename} }`)).toContain(
      'no devices are configured, so devices that call and are not in known-hosts are pending until approved',
    )
  })
})

describe('the endpoint', () => {
  it('names files that can be read', () => {
    expect(
      problemsOf(`endpoint:
  ssh:
    host-keys: [a]
    host-certificates: [b]
    trusted-user-ca-keys: [c]
    revoked-keys:
      - d
`),
    ).toEqual([
      '3:17: endpoint.ssh.host-keys[0]: /srv/config/a cannot be read (ENOENT)',
      '4:25: endpoint.ssh.host-certificates[0]: /srv/config/b cannot be read (ENOENT)',
      '5:28: endpoint.ssh.trusted-user-ca-keys[0]: /srv/config/c cannot be read (ENOENT)',
      '7:9: endpoint.ssh.revoked-keys[0]: /srv/config/d cannot be read (ENOENT)',
    ])
  })
})

describe('users', () => {
  it('have names that differ, without spaces', () => {
    expect(
      problemsOf('users:\n  - name: ops@example.net\n  - name: OPS@example.net\n  - name: a b\n  - name: "a\\n"\n'),
    ).toEqual([
      '3:5: users[1].name: a second user name `OPS@example.net`, the first is on line 2, which differs only in upper and lower case',
      '4:5: users[2].name: a user name has no spaces or control characters',
      '5:5: users[3].name: a user name has no spaces or control characters',
    ])
  })

  it('have roles that exist', () => {
    const text = 'users:\n  - name: a\n    roles: [operator, viewer]\n'
    expect(problemsOf(text)).toEqual(['3:23: users[0].roles[1]: unknown role `viewer`'])
    const roles = 'roles: { Viewer: { devices: ["*"], operations: ["*"] } }\n'
    expect(problemsOf(roles + text)).toEqual([
      '4:13: users[0].roles[0]: unknown role `operator`',
      '4:23: users[0].roles[1]: unknown role `viewer`; did you mean `Viewer`?',
    ])
  })

  it('are warned about when they can do nothing', () => {
    const parsed = parseText('users:\n  - name: a\n')
    expect(parsed.ok && parsed.warnings.map(({ line, key, message }) => [line, key, message]).slice(1)).toEqual([
      [2, 'users[0]', 'this user has neither password nor key, and can act by tokens alone'],
      [2, 'users[0]', 'this user may open no device'],
    ])
  })

  it('may log in with certificates alone', () => {
    const endpoint = `endpoint: { ssh: { trusted-user-ca-keys: [${import.meta.filename}] } }\n`
    const parsed = parseText(`${endpoint}users:\n  - name: a\n    roles: [operator]\n`)
    expect(parsed.ok && parsed.warnings.filter(({ key }) => key !== '')).toEqual([])
  })

  it.each([
    ['x', 'not a password hash'],
    ['$2b$10$abcdefghijklmnopqrstuv', 'only scrypt hashes are supported'],
    ['"$argon2id$v=19$m=65536,t=2,p=1$c2FsdA$aGFzaA"', 'only scrypt hashes are supported'],
    [
      '"$scrypt$ln=31,r=8,p=1$aaaaaaaaaaaaaaaa$aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"',
      'the cost of this password hash is out of bounds',
    ],
    ['"$scrypt$ln=15,r=8,p=1$aaaaaaaaaaaaaaaa$"', 'not a password hash'],
  ])('have a hash of ours, not %s', (hash, problem) => {
    expect(problemsOf(`users:\n  - name: a\n    password-hash: ${hash}\n`)).toEqual([
      `3:5: users[0].password-hash: ${problem}`,
    ])
  })
})

describe('roles', () => {
  it('name operations by namespace, pattern and datastore', () => {
    const text = `roles:
  viewer:
    devices: ["site=tokyo"]
    operations: [get, edit-config:candidate, "{urn:acme:ns}reset-*", "*-config:url", "{urn:a:b}x:candidate", "*"]
    denied-operations: [kill-session, "*:startup"]
    channels: [netconf, exec]
`
    expect(configOf(text).roles.get('viewer')).toEqual({
      devices: ['site=tokyo'],
      operations: [
        { name: 'get' },
        { name: 'edit-config', datastore: 'candidate' },
        { namespace: 'urn:acme:ns', name: 'reset-*' },
        { name: '*-config', datastore: 'url' },
        { namespace: 'urn:a:b', name: 'x', datastore: 'candidate' },
        { name: '*' },
      ],
      deniedOperations: [{ name: 'kill-session' }, { name: '*', datastore: 'startup' }],
      channels: ['netconf', 'exec'],
      forwards: [],
      api: ['read', 'rpc'],
      credentials: [],
    })
  })

  it('list credentials that are there', () => {
    const text = `credentials: { edge: { username: u, password: p } }
roles: { r: { devices: ["*"], operations: ["*"], credentials: [edge, egde] } }
`
    expect(problemsOf(text)).toEqual(['2:70: roles.r.credentials[1]: unknown credentials `egde`; did you mean `edge`?'])
  })

  it('name an account that there is', () => {
    const text = (as: string): string => `credentials: { edge: { username: u, password: p } }
roles: { r: { devices: ["*"], operations: ["*"], as: ${as} } }
`
    expect(configOf(text('edge')).roles.get('r')?.as).toBe('edge')
    expect(problemsOf(text('egde'))).toEqual(['2:50: roles.r.as: unknown credentials `egde`; did you mean `edge`?'])
  })

  it.each([
    ['""', 'is empty'],
    ['"get config"', 'the name of the operation is missing or is no XML name'],
    ['"<get/>"', 'the name of the operation is missing or is no XML name'],
    ['"{urn:x}"', 'the name of the operation is missing or is no XML name'],
    ['"{}get"', 'the namespace in `{}` is not a URI'],
    ['"{urn:*}get"', 'the namespace in `{}` is not a URI'],
    ['"{urn:x"', 'not an operation'],
    ['"nc:get:running"', 'the datastore after `:` is missing or is no XML name'],
    ['"nc:get"', 'this operation names no datastore, only '],
    ['"edit-config:"', 'the datastore after `:` is missing or is no XML name'],
    ['"edit-config:*"', 'the datastore after `:` is missing or is no XML name'],
    ['"get:running"', 'this operation names no datastore, only '],
    ['commit:running', 'this operation names no datastore, only '],
  ])('cannot name %s', (written, problem) => {
    for (const keys of [`operations: [${written}]`, `operations: [get], denied-operations: [${written}]`])
      expect(problemsOf(`roles:\n  a: { devices: ["*"], ${keys} }\n`)).toEqual([expect.stringContaining(problem)])
  })

  it('need no operations where they have no NETCONF', () => {
    expect(problemsOf('roles:\n  a: { devices: ["*"], channels: [sftp] }\n')).toEqual([])
    expect(problemsOf('roles:\n  a: { devices: ["*"], channels: [sftp, netconf] }\n')).toEqual([
      '2:3: roles.a.operations: is missing or empty',
    ])
    expect(problemsOf('roles:\n  a: { devices: ["*"], operations: [get], channels: [telnet] }\n')).toEqual([
      '2:54: roles.a.channels[0]: expected one of netconf, exec, shell, sftp, ssh',
    ])
  })

  it('say all they allow', () => {
    expect(
      problemsOf(
        'roles:\n  a: { devices: [], operations: [] }\n  b: {}\n  c: { devices: ["=x"], operations: ["*"] }\n',
      ),
    ).toEqual([
      '2:8: roles.a.devices: is missing or empty',
      '2:21: roles.a.operations: is missing or empty',
      '3:3: roles.b.devices: is missing or empty',
      '3:3: roles.b.operations: is missing or empty',
      '4:18: roles.c.devices[0]: a selector by label lacks the name of the label',
    ])
  })
})

/** The problems of a host key line of a device. */
const failureOf = (line: string): readonly string[] =>
  problemsOf(device(`id: a\n    host-keys:\n      - ${JSON.stringify(line)}`)).map((text) =>
    text.replace('5:9: devices[0].host-keys[0]: ', ''),
  )

/** A key in its wire form, in base64. */
const wire = (...fields: readonly (string | Buffer)[]): string =>
  Buffer.concat(
    fields.flatMap((field) => {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(Buffer.from(field).length)
      return [length, Buffer.from(field)]
    }),
  ).toString('base64')

describe('public key lines', () => {
  const [type = '', base64 = ''] = ED25519.split(' ')
  it('are parsed', () => {
    const config = configOf(device(`id: a\n    host-keys:\n      - "${ED25519} in rack 7"\n      - ${OTHER_ED25519}`))
    expect(config.devices[0]?.hostKeys).toEqual([
      { type, blob: Buffer.from(base64, 'base64'), comment: 'router1 in rack 7' },
      { type, blob: Buffer.from(OTHER_ED25519.split(' ')[1] ?? '', 'base64'), comment: '' },
    ])
  })

  it.each([
    `ecdsa-sha2-nistp256 ${wire('ecdsa-sha2-nistp256', 'nistp256', 'point')}`,
    `ssh-rsa ${wire('ssh-rsa', 'e', 'n')} old`,
    `ssh-dss ${wire('ssh-dss', 'p', 'q', 'g', 'y')}`,
  ])('%s', (line) => {
    expect(failureOf(line)).toEqual([])
  })

  it.each([
    ['ssh-ed25519', 'expected one OpenSSH public key line'],
    [`${ED25519}\n${ED25519}`, 'expected one OpenSSH public key line'],
    [`ssh-ed25519 ${base64.slice(0, -8)}`, 'the key is cut off or damaged'],
    [`ssh-ed25519 ${wire('ssh-ed25519', 'short')}`, 'the key is cut off or damaged'],
    [`ssh-rsa ${wire('ssh-rsa', 'e')}`, 'the key is cut off or damaged'],
    ['ssh-ed25519 AAAA', 'the key is cut off or damaged'],
    ['ssh-ed25519 A…A', 'the key is not base64'],
    [`ssh-rsa ${base64}`, 'the type before the key is not the type inside it'],
    [`router1 ${ED25519}`, 'something stands before the key type'],
    [`from="10.0.0.1" ${ED25519}`, 'something stands before the key type'],
    [`command="a b" ${ED25519}`, 'options before a key are not supported by this version'],
    [`cert-authority ${ED25519}`, 'a certificate authority does not belong here'],
    [`@cert-authority * ${ED25519}`, 'a certificate authority does not belong here'],
    [`@revoked * ${ED25519}`, 'a revoked key does not belong here'],
    [`ssh-ed25519-cert-v01@openssh.com ${base64}`, 'a certificate instead of a public key'],
    ['sk-ssh-ed25519@openssh.com AAAA', 'keys of security tokens (sk-…) are not supported by this version'],
    ['constructor AAAA', 'not a known key type'],
  ])('not %s', (line, problem) => {
    expect(failureOf(line)).toEqual([problem])
  })
})

describe('many problems', () => {
  it('are all told, in file order, whatever finds them', () => {
    expect(
      problemsOf(`users:
  - name: a b
    roles: [oprator]
endpont: {}
devices:
  - id: a
  - { id: a, secret: \${NONE} }
link: { max-sessions: 0 }
link: {}
trust: { first-use: refuse }
`),
    ).toEqual([
      '2:5: users[0].name: a user name has no spaces or control characters',
      '3:13: users[0].roles[0]: unknown role `oprator`; did you mean `operator`?',
      '4:1: endpont: unknown key `endpont`; did you mean `endpoint`?',
      '6:5: devices[0]: nothing could prove that a connection comes from this device',
      '6:5: devices[0]: no credentials to log in to this device with',
      '7:5: devices[1]: no credentials to log in to this device with',
      '7:7: devices[1].id: a second device id `a`, the first is on line 6',
      '7:14: devices[1].secret: the environment variable NONE is not set',
      '8:9: link.max-sessions: expected a whole number from 1 to 1000000',
      '9:1: link: the key `link` is here a second time, it is already on line 8',
    ])
  })
})
