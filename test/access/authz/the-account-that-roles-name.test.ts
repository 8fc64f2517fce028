import { describe, expect, it } from 'vitest'
import { accountFor, type SessionUse } from '../../../src/access/authz/granted-account.js'
import { permissionOn } from '../../../src/access/authz/permission.js'
import type { ChannelKind, Role } from '../../../src/access/authz/role.js'

const all: Role['operations'] = [{ effect: 'allow', name: '*' }] as unknown as Role['operations']
const role = (as: string | undefined, more: Partial<Role> = {}): Role => ({
  devices: ['*'],
  operations: all,
  channels: ['netconf'],
  api: ['rpc'],
  as,
  ...more,
})

/** What the roles of a user, by name and in this order, say of a session on `r1`. */
function choose(roles: Readonly<Record<string, Role>>, use: SessionUse = ['netconf']) {
  const decision = permissionOn({ name: 'u', roles: Object.keys(roles) }, new Map(Object.entries(roles)), {
    id: 'r1',
    labels: {},
  })
  if (!decision.allowed) throw new Error(decision.reason)
  const choice = accountFor(decision.permission.accounts ?? [], use)
  return choice.ok ? (choice.account ?? 'any') : choice.accounts.map(({ role: name, name: as }) => `${name} ${as}`)
}

describe('the account of a session', () => {
  it('is any where no role names one, and the one that a role names', () => {
    expect(choose({ one: role(undefined) })).toBe('any')
    expect(choose({ one: role('ro') })).toBe('ro')
    expect(choose({ one: role(undefined), other: role('ro'), third: role('ro') })).toBe('ro')
  })

  it('is nobody’s where roles name different ones, in whatever order', () => {
    expect(choose({ viewer: role('ro'), admin: role('root') })).toEqual(['viewer ro', 'admin root'])
    expect(choose({ admin: role('root'), viewer: role('ro') })).toEqual(['admin root', 'viewer ro'])
  })

  it('is named by roles alone that select the device and grant the session', () => {
    expect(choose({ viewer: role('ro'), admin: role('root', { devices: ['r2'] }) })).toBe('ro')
    const files = role('root', { channels: ['sftp'], operations: [] })
    expect(choose({ viewer: role('ro'), files })).toBe('ro')
    expect(choose({ viewer: role('ro'), files }, ['sftp'] satisfies ChannelKind[])).toBe('root')
    expect(choose({ viewer: role('ro'), files }, 'operations')).toBe('ro')
    expect(choose({ files }, 'operations')).toBe('any')
  })
})
