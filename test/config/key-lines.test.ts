import { describe, expect, it } from 'vitest'
import { authorizedKey } from '../../src/config/key-lines.js'
import { parseAuthorizedKeyLine } from '../../src/ssh/authorized-keys.js'
import { ED25519 } from './keys.js'
import { configOf, problemsOf } from './parse-text.js'

/** What the configuration takes a line for, or the message of why it cannot be. */
function read(line: string): unknown {
  const result = authorizedKey().safeParse(line)
  return result.success ? result.data : result.error.issues[0]?.message
}

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

/** What only the configuration refuses: it can be read, and would then be of no use. */
const useless = [
  ['from="nms.example.net"', /host name/],
  ['from="*,!*.example.net"', /host name/],
  ['command="/bin/sh"', /not run here/],
  ['command="netconf; reboot"', /not run here/],
] as const

describe('options of an authorized key', () => {
  it.each(kept)('%s', (options) => {
    expect(read(lineWith(options))).toMatchObject({ type: 'ssh-ed25519', comment: 'router1' })
  })

  it.each([...refused, ...useless])('not %s', (options, message) => {
    expect(read(lineWith(options))).toMatch(message)
  })

  it.each(useless)('are read all the same where no use of them is asked for: %s', (options) => {
    expect(parseAuthorizedKeyLine(lineWith(options)).ok).toBe(true)
  })

  it.each([ED25519, ...kept.map(lineWith), `  ${ED25519}  `])('leave the key what it is: %s', (line) => {
    expect(read(line)).toMatchObject({ blob: Buffer.from(ED25519.split(' ')[1] ?? '', 'base64') })
  })

  it('are told at their place, and not shown where they came from the environment', () => {
    const text = (key: string): string => `users:\n  - name: a\n    authorized-keys:\n      - '${key}'\n`
    expect(problemsOf(text(lineWith('permitopen="a:1"')))).toEqual([
      expect.stringMatching(/^4:9: users\[0\]\.authorized-keys\[0\]: the option `permitopen`/),
    ])
    for (const key of ['${S} ssh-ed25519 AAAA', `\${S} ${ED25519}`, 'from="${S}" ssh-ed25519 AAAA'])
      expect(problemsOf(text(key), { S: 'hunter2' }).join('\n'), key).not.toContain('hunter2')
    expect(configOf(text(lineWith('no-pty'))).users[0]?.authorizedKeys).toMatchObject([
      { comment: 'router1', options: { noTerminal: true } },
    ])
  })

  it.each([
    ['router1 ' + ED25519, /an option before the key is not known/],
    ['ssh-ed25519 AAAA', /cut off or damaged/],
    ['from="10.0.0.1" ssh-ed25519 AAAA', /cut off or damaged/],
    ['from="10.0.0.1 ' + ED25519, /.+/],
    ['', /expected one OpenSSH public key line/],
  ])('a line that is none: %s', (line, message) => {
    expect(read(line)).toMatch(message)
  })

  it.each([
    ['netconf', true],
    [' netconf ', true],
    ['xml-mode  netconf\tneed-trailer', true],
    ['netconf -x', false],
    ['xml-mode netconf', false],
    ['sh', false],
    ['', false],
  ])('the command %j', (command, isKept) => {
    expect(typeof read(lineWith(`command="${command}"`))).toBe(isKept ? 'object' : 'string')
  })
})

describe('a network in from=', () => {
  it.each([
    '10.0.0.0/8',
    '0.0.0.0/0',
    '192.0.2.7/32',
    '2001:db8::/32',
    '::/0',
    '2001:db8:8000::/33',
    '64:ff9b::192.0.2.0/120',
  ])('is %s', (network) => {
    expect(read(lineWith(`from="${network}"`))).toMatchObject({ options: { from: [network] } })
  })

  it.each([
    '10.0.0.1/8',
    '10.0.0.0/33',
    '10.0.0/8',
    '2001:db8:8000::/32',
    '64:ff9b::192.0.2.1/120',
    '2001:db8::/129',
    'x/8',
    '/8',
  ])('is not %s', (network) => {
    expect(read(lineWith(`from="${network}"`))).toMatch(/malformed network/)
  })
})
