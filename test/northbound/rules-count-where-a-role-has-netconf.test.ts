import { expect, it } from 'vitest'
import type { Role } from '../../src/access/authz/role.js'
import { accountsOverSsh, authorise } from '../../src/northbound/authorise.js'

it('a role for files adds no operations to those of a viewer over SSH', async () => {
  const everything: Role = {
    devices: ['*'],
    operations: [{ effect: 'allow', name: '*' }],
    channels: ['sftp'],
    api: ['read', 'rpc'],
  }
  const get = [{ effect: 'allow', name: 'get' }] as const
  const accounts = {
    find: (name: string) => ({ name, roles: ['files', 'viewer'], authorizedKeys: [], principals: [name] }),
    roles: () =>
      new Map([
        ['files', everything],
        ['viewer', { ...everything, operations: get, channels: ['netconf'] as const }],
      ]),
  }
  const device = { id: 'router1', labels: {}, maxSessions: 1 }
  const fleet = { device: async () => device }
  expect(await authorise({ fleet, accounts: accountsOverSsh(accounts) }, 'ops', 'router1')).toEqual({
    allowed: true,
    device,
    permission: {
      roles: ['files', 'viewer'],
      operations: { kind: 'rules', roles: [[], get] },
      channels: new Set(['sftp', 'netconf']),
    },
  })
})
