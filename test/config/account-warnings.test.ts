import { describe, expect, it } from 'vitest'
import { parseText } from './parse-text.js'

const role = (as: string, more: object = {}) => ({ devices: ['*'], operations: ['*'], as, ...more })

function warningsOf(config: object): readonly string[] {
  const parsed = parseText(
    JSON.stringify({
      credentials: { full: { username: 'u', password: 'p' }, ro: { username: 'v', password: 'p' } },
      trust: { 'first-use': 'accept' },
      ...config,
    }),
  )
  if (!parsed.ok) throw new Error(parsed.problems.map(({ message }) => message).join())
  return parsed.warnings.flatMap(({ key, message }) =>
    /credentials|users\[0\]\.roles/.test(key) ? [`${key}: ${message}`] : [],
  )
}

describe('accounts of a device', () => {
  const device = (more: object) => ({ id: 'a', secret: 'x', credentials: ['full', 'ro'], ...more })

  it('that no link will have are told', () => {
    expect(warningsOf({ devices: [device({})] })).toEqual([
      'devices[0].credentials: each link has one of these, and with 1 at a time there is none for `ro`',
    ])
    expect(warningsOf({ devices: [device({ 'max-connections': 2 })] })).toEqual([])
    expect(warningsOf({ devices: [device({})], link: { 'max-connections': 2 } })).toEqual([])
  })
})

describe('a user whose roles name different accounts', () => {
  const warned = (other: object) =>
    warningsOf({
      users: [{ name: 'u', principals: ['u'], roles: ['viewer', 'admin'] }],
      roles: { viewer: role('ro'), admin: { ...role('full'), ...other } },
    })

  it('is told where the roles are seen to meet', () => {
    expect(warned({})).toEqual([
      'users[0].roles: `viewer` names the account `ro` and `admin` the account `full` on the same devices: ' +
        'there, this user gets no session (`ambiguous-account`)',
    ])
    expect(warned({ devices: ['edge-*'] })).toHaveLength(1)
  })

  it.each([
    ['the account is the same', { as: 'ro' }],
    ['one is for other channels', { channels: ['sftp'], operations: [] }],
    ['one names none', { as: undefined }],
  ])('is not where %s', (_, other) => {
    expect(warned(other)).toEqual([])
  })
})
