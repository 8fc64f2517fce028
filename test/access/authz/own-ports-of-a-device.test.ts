import { describe, expect, it } from 'vitest'
import { ownPortsOn } from '../../../src/access/authz/own-ports.js'
import type { OperationRules } from '../../../src/access/authz/operation-rule.js'
import type { Role } from '../../../src/access/authz/role.js'

const router1 = { id: 'router1', labels: { site: 'tokyo' } }
const all: OperationRules = [{ effect: 'allow', name: '*' }]
const get: OperationRules = [{ effect: 'allow', name: 'get' }]
const allButCommit: OperationRules = [...all, { effect: 'deny', name: 'commit' }]

const role = (more: Partial<Role>): Role => ({ devices: ['*'], operations: [], channels: [], api: [], ...more })

const own = (...roles: readonly Role[]) => {
  const named = new Map(roles.map((each, at) => [`r${at}`, each]))
  return ownPortsOn({ name: 'u', roles: [...named.keys(), 'gone'] }, named, router1)
}

describe("the ports of a device's own that a user may reach", () => {
  it('are none by default, whatever else the roles allow', () => {
    expect(own(role({ operations: all, channels: ['netconf', 'exec', 'shell', 'sftp'] })).ports).toEqual([])
    expect(own()).toEqual({ roles: [], ports: [], underRules: false })
  })

  it('are 22 and 830 by `ssh`, and those of `forwards`, of all roles that select the device', () => {
    const { roles, ports } = own(
      role({ channels: ['ssh'] }),
      role({ forwards: [443, 22] }),
      role({ devices: ['router2', 'site=osaka'], forwards: [23] }),
    )
    expect(ports).toEqual([22, 443, 830])
    expect(roles).toEqual(['r0', 'r1'])
  })

  it.each<[string, readonly Role[], boolean]>([
    ['a role for ports alone', [role({ forwards: [22] })], false],
    ['a role with every operation', [role({ operations: all, channels: ['netconf'] })], false],
    ['a role with some operations', [role({ operations: get, channels: ['netconf'] })], true],
    ['a role that denies one', [role({ operations: allButCommit, channels: ['netconf'] })], true],
    ['some operations over HTTP alone', [role({ operations: get, channels: ['ssh'] })], true],
    [
      'some operations, and a role for ports with all of them but no NETCONF',
      [role({ operations: get, channels: ['netconf'] }), role({ operations: all, channels: ['ssh'] })],
      true,
    ],
    [
      'some operations, and a role with all of them',
      [role({ operations: get, channels: ['netconf'] }), role({ operations: all, channels: ['netconf', 'ssh'] })],
      false,
    ],
    [
      'some operations elsewhere',
      [role({ devices: ['router2'], operations: get, channels: ['netconf'] }), role({ forwards: [22] })],
      false,
    ],
  ])('under rules with %s', (_what, roles, underRules) => {
    expect(own(...roles).underRules).toBe(underRules)
  })
})
