import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, it } from 'vitest'
import { formatProblem } from '../../src/config/problem.js'
import { configOf, parseText, printed, problemsOf } from './parse-text.js'

const credentials = 'credentials: { default: { username: netconf, password: x } }\n'
const device = (algorithms: string): string =>
  `${credentials}devices:\n  - { id: old1, secret: x, algorithms: ${algorithms} }\n`

describe('algorithms of a device', () => {
  it.each([
    'legacy',
    'default',
    '{ set: legacy }',
    '{ kex-algorithms: +diffie-hellman-group14-sha1, host-key-algorithms: +ssh-rsa }',
    '{ ciphers: "^aes128-cbc,aes256-ctr", macs: "-*etm*" }',
    '{ set: legacy, ciphers: -*-cbc }',
    '{ kex-algorithms: -mlkem* }',
    '{ kex-algorithms: "^curve25519-sha256,mlkem768x25519-sha256" }',
    '{ pubkey-accepted-algorithms: "ssh-rsa, rsa-sha2-512", compression: none }',
  ])('may be %s', (algorithms) => {
    expect(problemsOf(device(algorithms))).toEqual([])
  })

  it.each([
    ['legasy', 'algorithms: unknown set of algorithms `legasy`; did you mean `legacy`?'],
    ['{ set: legasy }', 'algorithms.set: unknown set of algorithms `legasy`; did you mean `legacy`?'],
    [
      '{ kex-algorithms: +diffie-helman-group14-sha1 }',
      'algorithms.kex-algorithms: unknown key exchange algorithm `diffie-helman-group14-sha1`; did you mean `diffie-hellman-group14-sha1`?',
    ],
    ['{ ciphers: +none }', 'algorithms.ciphers: never used as cipher `none`: it protects nothing'],
    ['{ macs: none }', 'algorithms.macs: never used as MAC `none`: it protects nothing'],
    [
      '{ compression: +zlib }',
      'algorithms.compression: never used as compression `zlib`: a few octets could become as many as fill the memory',
    ],
    [
      '{ host-key-algorithms: +ssh-dss }',
      'algorithms.host-key-algorithms: never used as host key `ssh-dss`: DSA keys have 1024 bits',
    ],
    ['{ ciphers: -* }', 'algorithms.ciphers: leaves no cipher algorithm'],
    ['{ ciphers: "aes128-ctr,,aes256-ctr" }', 'algorithms.ciphers: an empty name in the list'],
    ['{ ciphers: + }', 'algorithms.ciphers: an empty name in the list'],
    ['{ cipher: aes128-ctr }', 'algorithms.cipher: unknown key `cipher`; did you mean `ciphers`?'],
    [
      '{ kex-algorithms: sntrup761x25519-sha512 }',
      'algorithms.kex-algorithms: leaves no key exchange algorithm: sntrup761x25519-sha512 is for clients only',
    ],
    ['[legacy]', 'algorithms: expected keys and values, found a list'],
  ])('may not be %s', (algorithms, problem) => {
    expect(problemsOf(device(algorithms)).map((each) => each.replace(/^\d+:\d+: devices\[0\]\./, ''))).toContain(
      problem,
    )
  })

  it('name line and key of what is wrong, and what is known', () => {
    expect(printed(device('{ ciphers: rot13 }'))).toBe(
      'config/homeport.yaml:3:42: devices[0].algorithms.ciphers: unknown cipher algorithm `rot13`\n' +
        '    known are aes128-gcm@openssh.com, aes256-gcm@openssh.com, chacha20-poly1305@openssh.com, aes128-ctr, ' +
        'aes192-ctr, aes256-ctr, aes256-cbc, aes192-cbc, aes128-cbc, 3des-cbc',
    )
  })

  it('do not show what came from the environment', () => {
    expect(problemsOf(device('{ ciphers: "${SECRET}" }'), { SECRET: 'hunter2' })).toEqual([
      '3:42: devices[0].algorithms.ciphers: unknown cipher algorithm',
    ])
  })
})

describe('sets of algorithms', () => {
  it('are used by their names', () => {
    const text = `${device('old-junos')}algorithm-sets: { old-junos: { set: legacy, ciphers: +3des-cbc } }`
    expect(problemsOf(text)).toEqual([])
  })

  it.each([
    ['{ legacy: { ciphers: +3des-cbc } }', 'algorithm-sets.legacy: the set `legacy` is there already'],
    ['{ a: { set: legacy }, b: { set: a } }', 'algorithm-sets.b.set: unknown set of algorithms `a`'],
    ['{ a: { ciphers: +3des } }', 'algorithm-sets.a.ciphers: unknown cipher algorithm `3des`'],
  ])('%s are refused', (sets, problem) => {
    expect(problemsOf(`algorithm-sets: ${sets}`).map((each) => each.replace(/^\d+:\d+: /, ''))).toEqual([problem])
  })
})

describe('algorithms by source network', () => {
  const callHome = (items: string): string => `call-home: { ssh: { algorithms: ${items} } }`

  it('have networks', () => {
    expect(configOf(callHome('[{ from: [10.1.0.0/16], set: legacy }]')).callHome.ssh.algorithms).toEqual([
      { from: ['10.1.0.0/16'], set: 'legacy' },
    ])
    expect(problemsOf(callHome('[{ set: legacy }]'))).toEqual([
      '1:34: call-home.ssh.algorithms[0].from: is missing or empty',
    ])
    expect(problemsOf(callHome('[{ from: [10.1], set: lecacy }]'))).toEqual([
      '1:43: call-home.ssh.algorithms[0].from[0]: expected an address or a network such as `10.0.0.0/8`',
      '1:50: call-home.ssh.algorithms[0].set: unknown set of algorithms `lecacy`; did you mean `legacy`?',
    ])
  })
})

describe('weak algorithms', () => {
  const warnings = (text: string): readonly string[] => {
    const parsed = parseText(text)
    if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join('\n'))
    return parsed.warnings.map(formatProblem).filter((warning) => warning.includes('weak'))
  }

  it('are warned of, once for all devices that have the same', () => {
    const [first, ...others] = warnings(
      `${credentials}devices:\n` +
        ['a', 'b'].map((id) => `  - { id: ${id}, secret: x-${id}, algorithms: legacy }\n`).join('') +
        '  - { id: c, secret: x-c, algorithms: { ciphers: +3des-cbc } }\n',
    )
    expect(first).toMatch(
      /^config\/homeport\.yaml:3:\d+: devices\[0\]\.algorithms: 2 devices, of which this is the first, may use weak algorithms: diffie-hellman-group14-sha1, .*ssh-rsa, .*aes128-cbc, .*hmac-sha1\n/,
    )
    expect(others).toEqual([
      expect.stringMatching(/:5:\d+: devices\[2\]\.algorithms: this device may use weak algorithms: 3des-cbc\n/),
    ])
  })

  it('are none where a list only takes away, or takes them away', () => {
    expect(warnings(device('{ ciphers: -aes128-gcm* }'))).toEqual([])
    const none =
      '{ set: legacy, kex-algorithms: "-*-sha1", host-key-algorithms: -ssh-rsa, pubkey-accepted-algorithms: -ssh-rsa, ciphers: -*-cbc, macs: -hmac-sha1* }'
    expect(warnings(device(none))).toEqual([])
  })

  it('by source network are warned of', () => {
    expect(warnings('call-home: { ssh: { algorithms: [{ from: [10.1.0.0/16], set: legacy }] } }')).toEqual([
      expect.stringMatching(/call-home\.ssh\.algorithms\[0\]: whoever calls from there/),
    ])
  })
})

describe('the listener for old clients', () => {
  const legacy = (keys: string, more = ''): string =>
    `users: [{ name: nms, authorized-keys: [] }]\nendpoint: { ssh: { legacy: ${keys} } }\n${more}`
  const told = (text: string): readonly string[] => problemsOf(text).map((each) => each.replace(/^\d+:\d+: /, ''))

  it('has port, devices and algorithms of its own unless told otherwise', () => {
    expect(configOf(legacy('{ users: [nms] }')).endpoint.ssh.legacy).toEqual({
      port: 8830,
      users: ['nms'],
      devices: ['*'],
      algorithms: { set: 'legacy' },
    })
    expect(configOf('').endpoint.ssh.legacy).toBeUndefined()
  })

  it.each([
    ['{}', 'endpoint.ssh.legacy.users: is missing or empty'],
    ['{ users: [] }', 'endpoint.ssh.legacy.users: is missing or empty'],
    ['{ users: [nmz] }', 'endpoint.ssh.legacy.users[0]: unknown user `nmz`; did you mean `nms`?'],
    ['{ users: [nms], port: 830 }', 'endpoint.ssh.legacy.port: clients log in over SSH on port 830 already'],
    ['{ users: [nms], algorithms: { macs: -* } }', 'endpoint.ssh.legacy.algorithms.macs: leaves no MAC algorithm'],
    [
      '{ users: [nms], algorithms: { kex-algorithms: diffie-hellman-group-exchange-sha1 } }',
      'endpoint.ssh.legacy.algorithms.kex-algorithms: leaves no key exchange algorithm: group exchange is for devices only',
    ],
    ['{ users: [nms], algorithms: leg }', 'endpoint.ssh.legacy.algorithms: unknown set of algorithms `leg`'],
    [
      '{ users: [nms], devices: ["=x"] }',
      'endpoint.ssh.legacy.devices[0]: a selector by label lacks the name of the label',
    ],
  ])('may not be %s', (keys, problem) => {
    expect(told(legacy(keys))).toEqual([problem])
  })

  const warned = (text: string): readonly string[] => {
    const parsed = parseText(text)
    if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join('\n'))
    return parsed.warnings.map(({ key, message }) => `${key}: ${message}`)
  }

  it('is warned of with what it really offers: group exchange is for devices', () => {
    const weak = warned(legacy('{ users: [nms] }')).filter((each) => each.includes('weak'))
    expect(weak).toEqual([expect.stringContaining('diffie-hellman-group14-sha1') as string])
    expect(weak.join()).not.toContain('group-exchange')
  })

  it.each([
    ['+diffie-hellman-group-exchange-sha1', 'legacy', 'diffie-hellman-group-exchange-sha1'],
    ['^diffie-hellman-group-exchange-sha256,curve25519-sha256', 'legacy', 'diffie-hellman-group-exchange-sha256'],
    ['curve25519-sha256,sntrup761x25519-sha512', 'device', 'sntrup761x25519-sha512'],
    ['+sntrup761x25519-sha512', 'source', 'sntrup761x25519-sha512'],
  ])('is told that %s is in vain, as are those of the %s', (list, where, name) => {
    const algorithms = `{ set: legacy, kex-algorithms: "${list}" }`
    const text = {
      legacy: legacy(`{ users: [nms], algorithms: ${algorithms} }`),
      device: device(algorithms),
      source: `call-home: { ssh: { algorithms: [{ from: [10.0.0.0/8], kex-algorithms: "${list}" }] } }`,
    }[where as 'legacy' | 'device' | 'source']
    const told = warned(text).filter((each) => each.includes('however it stands here'))
    expect(told).toEqual([expect.stringContaining(`kex-algorithms: \`${name}\`: not offered to `) as string])
  })

  it.each(['-diffie-hellman-group-exchange-*', '+diffie-hellman-group14-sha1'])(
    'has nothing in vain with %s',
    (list) => {
      const text = legacy(`{ users: [nms], algorithms: { set: legacy, kex-algorithms: "${list}" } }`)
      expect(warned(text).filter((each) => each.includes('however it stands here'))).toEqual([])
    },
  )

  it('warns of devices that nobody in the file is', () => {
    const devices =
      'credentials: { default: { username: u, password: p } }\ndevices: [{ id: old1, secret: x, labels: { site: tokyo } }]\n'
    const of = (selectors: string, more = devices): readonly string[] =>
      warned(legacy(`{ users: [nms], devices: ${selectors} }`, more)).filter((each) => each.includes('legacy.devices'))
    expect(of('[old*, site=tokio]')).toEqual([
      'endpoint.ssh.legacy.devices[1]: none of the devices in this file is meant by it',
    ])
    expect(of('["*", OLD1, site=tok*]')).toEqual([])
    // Whoever enrols later is meant.
    expect(of('[site=tokio]', '')).toEqual([])
  })

  it('warns of host keys without an RSA key, unless nobody asks for one', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'homeport-legacy-'))
    try {
      const key = async (type: string): Promise<string> => {
        const file = join(directory, type)
        await promisify(execFile)('ssh-keygen', ['-q', '-t', type, '-N', '', '-f', file])
        return file
      }
      const [ed25519, rsa] = [await key('ed25519'), await key('rsa')]
      const of = (files: readonly string[], algorithms = 'legacy'): readonly string[] =>
        warned(
          `users: [{ name: nms, authorized-keys: [] }]\nendpoint: { ssh: { host-keys: [${files.join()}], ` +
            `legacy: { users: [nms], algorithms: ${algorithms} } } }`,
        ).filter((each) => each.includes('RSA'))
      expect(of([ed25519])).toEqual([
        'endpoint.ssh.host-keys: there is no RSA key among them for `endpoint.ssh.legacy`, and the oldest clients know no other',
      ])
      expect(of([ed25519, rsa])).toEqual([])
      expect(of([])).toEqual([])
      expect(of([ed25519], '{ set: legacy, host-key-algorithms: -ssh-rsa }')).toEqual([])
    } finally {
      await rm(directory, { recursive: true, force: true })
    }
  })

  it('may name users whom the file does not have where others can bring them', () => {
    expect(told(legacy('{ users: [other] }', 'authentication-hook: { url: "https://aaa.example.net/" }'))).toEqual([])
  })

  it.each([
    ['legacy', 'endpoint.ssh.legacy: old clients are refused there, too'],
    ['{ set: legacy, kex-algorithms: "-mlkem*,sntrup*" }', 'endpoint.ssh.legacy.algorithms: nobody can log in there'],
  ])('with %s is warned of where clients are held to post-quantum key exchange', (algorithms, warning) => {
    const warnings = (minimum: string): readonly string[] => {
      const parsed = parseText(
        `users: [{ name: nms, authorized-keys: [] }]\nendpoint: { ssh: { ${minimum} legacy: { users: [nms], algorithms: ${algorithms} } } }\n`,
      )
      if (!parsed.ok) throw new Error(parsed.problems.map(formatProblem).join('\n'))
      return parsed.warnings.map(formatProblem).filter((each) => each.includes('minimum-key-exchange'))
    }
    expect(warnings('')).toEqual([])
    expect(warnings('minimum-key-exchange: post-quantum,')).toEqual([expect.stringContaining(warning)])
  })
})
