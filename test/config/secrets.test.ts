import { describe, expect, it } from 'vitest'
import { formatProblem } from '../../src/config/problem.js'
import { ED25519, OTHER_ED25519 } from './keys.js'
import { parseText } from './parse-text.js'

const SECRET = 'hunter2'

describe('no problem and no warning shows a secret', () => {
  it.each([
    ['in another kind', `devices: [{ id: a, secret: [${SECRET}] }]`],
    ['as a key of a mapping', `devices: [{ id: a, secret: { x: ${SECRET} } }]`],
    ['after a comma inside { }', `credentials: { default: { username: a, password: ab, ${SECRET} } }`],
    ['as a tag', `credentials: { default: { username: a, password: !${SECRET} } }`],
    ['as a tag with a value', `credentials: { default: { username: a, password: !${SECRET} x } }`],
    ['as an alias', `credentials:\n  default:\n    username: a\n    password: *${SECRET}\n`],
    ['after @', `credentials:\n  default:\n    username: a\n    password: @${SECRET}\n`],
    ['after %', `credentials:\n  default:\n    username: a\n    password: %${SECRET}\n`],
    ['after a quote', `credentials:\n  default:\n    username: a\n    password: "a" ${SECRET}\n`],
    ['with a colon', `credentials:\n  default:\n    username: a\n    password: x: ${SECRET}\n`],
    ['with a bad escape', `credentials:\n  default:\n    username: a\n    password: "\\${SECRET}"\n`],
    ['with a bad ${', `credentials:\n  default:\n    username: a\n    password: 'x\${${SECRET}'\n`],
    ['on the next line', `credentials:\n  default:\n    username: a\n    password:\n    ${SECRET}\n`],
    ['of a user CA', `credentials: { a: { username: a, password: b, user-ca-passphrase: ${SECRET} } }`],
    ['of a user CA in another kind', `credentials: { a: { username: a, user-ca-passphrase: [${SECRET}] } }`],
    ['as a hash', `users: [{ name: a, password-hash: ${SECRET} }]`],
    ['as a hash of another kind', `users: [{ name: a, password-hash: $2b$10$${SECRET} }]`],
    ['as a key line', `devices: [{ id: a, host-keys: [${SECRET}, ssh-rsa ${SECRET}, ${SECRET} ssh-rsa] }]`],
    ['as a header that no header can be', `traces: { endpoint: "https://c", headers: { A: "\u00e9${SECRET}" } }`],
    ['after a comma in a header', `traces: { endpoint: "https://c", headers: { A: x, ${SECRET} } }`],
    ['as the name of a header', `traces: { endpoint: "https://c", headers: { "${SECRET} x": y } }`],
    ['as headers', `traces: { endpoint: "https://c", headers: ${SECRET} }`],
    ['as headers that anybody could read', `traces: { endpoint: "http://c", headers: { A: ${SECRET} } }`],
    ['in a URL', `traces: { endpoint: "https://a:${SECRET}@c" }`],
  ])('%s', (_, text) => {
    expectHidden(text)
  })

  it.each([
    'endpoint: { ssh: { port: ${S}, address: "=${S}", login-timeout: ${S}, host-keys: ["${S}"] } }',
    'log: { level: ${S}, format: ${S} }',
    'devices: [{ id: "@${S}", credentials: ${S} }]',
    'devices: [{ id: ${S}, secret: x }, { id: ${S}, secret: x }]',
    'users: [{ name: ${S}, roles: [${S}] }, { name: ${S}, password-hash: ${S}, authorized-keys: ["${S}"] }]',
    'roles: { a: { devices: ["=${S}"], operations: ["<${S}"], denied-operations: ["{${S}}", "${S}:${S}:"], channels: [${S}] } }',
    'credentials: { default: { username: a, private-key: ${S}, passphrase: ${S} } }',
    'credentials: { default: { username: a, user-ca: ${S}, user-ca-passphrase: ${S}, certificate: ${S} } }',
    'credentials: { default: { username: a, user-ca: x, certificate-lifetime: ${S}, principals: ["${S},"] } }',
    'trust: { known-hosts: ${S}, revoked: ["${S}"], first-use: ${S}, pending-timeout: ${S}, max-pending: ${S} }',
    'endpoint: { ssh: { host-certificates: ["${S}"], trusted-user-ca-keys: ["${S}"], revoked-keys: ["${S}"] } }',
    'devices: [{ id: ${S} }, { id: b, aliases: ["${S}", "${S} x"] }]',
    'devices: ${S}\nlink: ${S}\ncredentials: ${S}',
    'traces: { endpoint: ${S}, headers: ${S}, sample-ratio: ${S}, timeout: ${S}, max-queued: ${S} }',
  ])('that came from the environment: %s', (text) => {
    expectHidden(text)
  })

  it('in a warning', () => {
    const parsed = parseText(
      `credentials: { default: { username: a, password: b } }
devices:
  - { id: a, secret: ${SECRET}, host-keys: ["${ED25519}"] }
  - { id: b, secret: ${SECRET}, host-keys: ["${ED25519}"] }
`,
    )
    const warnings = parsed.ok ? parsed.warnings.map(formatProblem) : []
    expect(warnings).toEqual([
      expect.stringContaining('no users'),
      'config/homeport.yaml:4:14: devices[1].secret: the same secret as another device (2 share it), so it proves none of them',
      'config/homeport.yaml:4:31: devices[1].host-keys: the same host key as another device (2 share it), so each can pose as the other',
    ])
    expect(warnings.join('\n')).not.toContain(SECRET)
  })
})

it('that two devices share several host keys is told once', () => {
  const keys = [ED25519, OTHER_ED25519].map((key) => `"${key}"`).join(', ')
  const parsed = parseText(`credentials: { default: { username: a, password: b } }
devices:
  - { id: a, host-keys: [${keys}] }
  - { id: b, host-keys: [${keys}] }
`)
  expect(parsed.ok && parsed.warnings.map(({ message }) => message).filter((told) => /host key/.test(told))).toEqual([
    'the same host key as another device (2 share it), so each can pose as the other',
  ])
})

function expectHidden(text: string): void {
  const parsed = parseText(text, { S: SECRET })
  expect(parsed.ok).toBe(false)
  if (parsed.ok) return
  expect(parsed.problems.length).toBeGreaterThan(0)
  expect(parsed.problems.map(formatProblem).join('\n')).not.toContain(SECRET)
  expect(JSON.stringify(parsed.problems)).not.toContain(SECRET)
}
