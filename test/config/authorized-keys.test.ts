import { describe, expect, it } from 'vitest'
import { readAuthorizedKeyLine } from '../../src/config/authorized-key-line.js'
import { isNetwork } from '../../src/config/network-form.js'
import { isNetconfCommand } from '../../src/northbound/ssh/channel-request.js'
import { parseNetwork } from '../../src/net/ip.js'
import { parseAuthorizedKeyLine } from '../../src/ssh/authorized-keys.js'
import { ED25519 } from './keys.js'
import { configOf, problemsOf } from './parse-text.js'

const lineWith = (options: string): string => `${options} ${ED25519}`

const kept = [
  'from="192.0.2.7"',
  'from="192.0.2.*,!192.0.2.9, 2001:db8::/32"',
  'FROM="10.0.0.0/8"',
  'expiry-time="20300101"',
  'expiry-time="203001011200"',
  'expiry-time="20300101120000Z"',
  'cert-authority',
  'cert-authority,principals="a,b"',
  'principals="a"',
  'command="netconf"',
  'command="xml-mode netconf need-trailer"',
  'restrict',
  'restrict,pty,port-forwarding',
  'no-pty,no-port-forwarding,no-agent-forwarding,no-x11-forwarding,no-user-rc',
  'no-X11-forwarding',
  'from="10.0.0.0/8",restrict,command="netconf",expiry-time="20300101"',
]

/** What nobody could keep, with a word of the problem. */
const refused = [
  ['permitopen="192.0.2.1:22"', /`permitopen` before the key is not known/],
  ['environment="A=b"', /`environment`/],
  ['tunnel="0"', /`tunnel`/],
  ['verify-required', /`verify-required`/],
  ['from', /`from`/],
  ['restrict="yes"', /`restrict`/],
  ['hunter2', /^an option before the key is not known/],
  ['from="a",,restrict', /malformed/],
  ['from="10.0.0.1"restrict', /malformed/],
  ['from="10.0.0.1",from="10.0.0.2"', /`from` is here twice/],
  ['from=""', /empty item/],
  ['from="10.0.0.0/33"', /malformed network/],
  ['from="10.0.0.1/8"', /malformed network/],
  ['from="*,!2001:db8::1/64"', /malformed network/],
  ['principals="a,,b"', /empty item/],
  ['expiry-time="soon"', /no time/],
  ['expiry-time="20301332"', /no time/],
] as const

/** What only the configuration refuses: it would be read, and then be of no use. */
const useless = [
  ['from="nms.example.net"', /host name/],
  ['from="*,!*.example.net"', /host name/],
  ['command="/bin/sh"', /not run here/],
  ['command="netconf; reboot"', /not run here/],
] as const

describe('options of an authorized key', () => {
  it.each(kept)('%s', (options) => {
    const reading = readAuthorizedKeyLine(lineWith(options))
    expect(reading).toMatchObject({ ok: true, value: { type: 'ssh-ed25519', line: lineWith(options) } })
    expect(parseAuthorizedKeyLine(lineWith(options)).ok).toBe(true)
  })

  it.each([...refused, ...useless])('not %s', (options, message) => {
    expect(readAuthorizedKeyLine(lineWith(options))).toMatchObject({
      ok: false,
      message: expect.stringMatching(message),
    })
  })

  it.each(refused)('are refused by both readers: %s', (options) => {
    expect(parseAuthorizedKeyLine(lineWith(options)).ok).toBe(false)
  })

  it('and the key are what the line is taken for by both readers', () => {
    for (const line of [ED25519, ...kept.map(lineWith), `  ${ED25519}  `]) {
      const [one, other] = [readAuthorizedKeyLine(line), parseAuthorizedKeyLine(line.trim())]
      expect(one.ok && one.value.blob, line).toEqual(other.ok && other.authorized.key.blob)
    }
  })

  it('are told at their place, and not shown where they came from the environment', () => {
    const text = (key: string): string => `users:\n  - name: a\n    authorized-keys:\n      - '${key}'\n`
    expect(problemsOf(text(lineWith('permitopen="a:1"')))).toEqual([
      expect.stringMatching(/^4:9: users\[0\]\.authorized-keys\[0\]: the option `permitopen`/),
    ])
    for (const key of ['${S} ssh-ed25519 AAAA', `\${S} ${ED25519}`, 'from="${S}" ssh-ed25519 AAAA'])
      expect(problemsOf(text(key), { S: 'hunter2' }).join('\n'), key).not.toContain('hunter2')
    expect(configOf(text(ED25519)).users[0]?.authorizedKeys).toMatchObject([{ comment: 'router1', line: ED25519 }])
  })

  it.each([
    ['router1 ' + ED25519, /an option before the key is not known/],
    ['ssh-ed25519 AAAA', /cut off or damaged/],
    ['from="10.0.0.1" ssh-ed25519 AAAA', /cut off or damaged/],
    ['from="10.0.0.1 ' + ED25519, /.+/],
    ['', /expected one OpenSSH public key line/],
  ])('a line that is none: %s', (line, message) => {
    expect(readAuthorizedKeyLine(line)).toMatchObject({ ok: false, message: expect.stringMatching(message) })
    expect(parseAuthorizedKeyLine(line).ok).toBe(false)
  })
})

describe('the two readers agree on', () => {
  it.each([
    '10.0.0.0/8',
    '0.0.0.0/0',
    '192.0.2.7/32',
    '10.0.0.1/8',
    '10.0.0.0/33',
    '10.0.0/8',
    '2001:db8::/32',
    '::/0',
    '2001:db8:8000::/33',
    '2001:db8:8000::/32',
    '::ffff:0:0/96',
    '64:ff9b::192.0.2.0/120',
    '64:ff9b::192.0.2.1/120',
    '2001:db8::/129',
    'x/8',
    '/8',
  ])('the network %s', (text) => {
    // An IPv4 address in IPv6 form is the IPv4 address for the other reader, which nobody writes with a prefix.
    if (!text.startsWith('::ffff')) expect(isNetwork(text)).toBe(parseNetwork(text) !== null)
  })

  it.each(['netconf', ' netconf ', 'xml-mode  netconf\tneed-trailer', 'netconf -x', 'xml-mode netconf', 'sh', ''])(
    'the command %j',
    (command) => {
      expect(readAuthorizedKeyLine(lineWith(`command="${command}"`)).ok).toBe(isNetconfCommand(command))
    },
  )
})
