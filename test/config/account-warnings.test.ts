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
    /credentials|users\[0\]\.roles|roles\.staff\.as/.test(key) ? [`${key}: ${message}`] : [],
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

describe('the account that a role names', () => {
  const roles = (as: string, devices: readonly string[] = ['*']) => ({ roles: { staff: { ...role(as), devices } } })
  const devices = [
    { id: 'a', secret: 'x', credentials: ['full'] },
    { id: 'b', secret: 'y', credentials: ['full', 'ro'], 'max-connections': 2 },
  ]
  const told = (config: object): readonly string[] =>
    warningsOf(config).filter((each) => each.startsWith('roles.staff.as'))

  it('and no device of it has is told', () => {
    expect(told({ ...roles('ro', ['a']), devices })).toEqual([
      'roles.staff.as: no device of this role has the account `ro`, so its users get none (`no-link-with-account`)',
    ])
    expect(told({ ...roles('ro'), devices })).toEqual([])
    expect(told({ ...roles('full', ['a']), devices })).toEqual([])
  })

  it('may be that of devices that enrol, or be for devices that nobody has written down', () => {
    const credentials = { default: { username: 'd', password: 'p' }, full: { username: 'u', password: 'p' } }
    const named = devices.map((device) => ({ ...device, credentials: ['full'] }))
    expect(told({ ...roles('default'), credentials, devices: named })).toEqual([])
    expect(told(roles('ro'))).toEqual([])
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
