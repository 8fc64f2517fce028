import { describe, expect, it } from 'vitest'
import { parseText } from './parse-text.js'

const warningsOf = (roles: Record<string, object>, held: readonly string[]): readonly string[] => {
  const parsed = parseText(
    JSON.stringify({
      trust: { 'first-use': 'accept' },
      users: [{ name: 'u', principals: ['u'], roles: held }],
      roles: Object.fromEntries(Object.entries(roles).map(([name, role]) => [name, { devices: ['*'], ...role }])),
    }),
  )
  if (!parsed.ok) throw new Error(parsed.problems.map(({ message }) => message).join())
  return parsed.warnings.flatMap(({ key, message }) =>
    /channels|forwards|users\[0\]\.roles/.test(key) ? [`${key}: ${message}`] : [],
  )
}

const viewer = { operations: ['get'] }
const operator = { operations: ['*'] }

describe('commands that go around rules on operations', () => {
  it('are told in a role with both', () => {
    expect(warningsOf({ viewer: { ...viewer, channels: ['netconf', 'exec', 'shell'] } }, ['viewer'])).toEqual([
      'roles.viewer.channels: with exec and shell its users can do on the devices what its operations forbid',
    ])
    const denying = { operations: ['*'], 'denied-operations': ['commit'], channels: ['netconf', 'shell'] }
    expect(warningsOf({ denying }, ['denying']).length).toBe(1)
  })

  it('are told of a user with a role for each', () => {
    const roles = { viewer, commands: { channels: ['exec'] } }
    expect(warningsOf(roles, ['viewer', 'commands'])).toEqual([
      'users[0].roles: where the roles viewer and commands include the same device, exec of the one goes around the operations of the other',
    ])
    expect(warningsOf(roles, ['viewer'])).toEqual([])
  })

  it.each<[string, Record<string, object>]>([
    ['where there are no rules', { a: { ...operator, channels: ['netconf', 'exec', 'shell'] } }],
    ['where there is no NETCONF', { a: { channels: ['exec', 'shell'] } }],
    ['where there are files alone', { a: { ...viewer, channels: ['netconf', 'sftp'] } }],
    ['where another role allows every operation', { a: viewer, b: { ...operator, channels: ['netconf', 'exec'] } }],
  ])('are not told of %s', (_name, roles) => {
    expect(warningsOf(roles, Object.keys(roles))).toEqual([])
  })
})

describe('ports of devices that nobody can use', () => {
  it('are told in a role with rules on operations', () => {
    const message = 'its users are under rules on operations, and reach no port of the device itself'
    expect(warningsOf({ a: { ...viewer, forwards: [443] } }, ['a'])).toEqual([`roles.a.forwards: ${message}`])
    expect(warningsOf({ a: { ...viewer, channels: ['netconf', 'ssh'] } }, ['a'])).toEqual([
      `roles.a.channels: ${message}`,
    ])
  })

  it('are told of a user with a role for each', () => {
    const roles = { viewer, ports: { channels: [], forwards: [22] } }
    expect(warningsOf(roles, ['viewer', 'ports'])).toEqual([
      'users[0].roles: where the roles ports and viewer include the same device, the operations of the one close the ports of the other',
    ])
    expect(warningsOf(roles, ['ports'])).toEqual([])
  })

  it.each<[string, Record<string, object>]>([
    ['with every operation', { a: { ...operator, channels: ['netconf', 'ssh'], forwards: [443] } }],
    ['of a role for ports alone', { a: { channels: ['ssh'], forwards: [443] } }],
    ['where another role allows every operation', { a: viewer, b: { channels: ['ssh'] }, c: operator }],
  ])('are not told %s', (_name, roles) => {
    expect(warningsOf(roles, Object.keys(roles))).toEqual([])
  })
})
