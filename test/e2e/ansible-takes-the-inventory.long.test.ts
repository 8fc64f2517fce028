/* oxlint-disable no-underscore-dangle -- Ansible names it so */
import { writeFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AnsibleInventory, listInventory, runAnsibleOn } from './parts/ansible.js'
import { type Netconfd, startNetconfd } from './parts/netconfd.js'
import { type AttachedDevice, startAttachedDevice } from './support/attached-device.js'
import { operate } from './support/homeport-command.js'
import { socketOf } from './support/http-api.js'
import { ops, opsUser } from './support/users.js'

const plugins = fileURLToPath(new URL('../../deploy/ansible/plugins/inventory', import.meta.url))
const hostile = [
  "{{ lookup('pipe', 'touch /tmp/owned') }}",
  '東京 1',
  'a: b [x]',
  'all',
  'site_evil',
  'localhost',
  '__proto__',
]

interface Listed {
  readonly _meta: { readonly hostvars: Readonly<Record<string, Readonly<Record<string, unknown>>>> }
  readonly [group: string]: { readonly hosts?: readonly string[] } | object
}

describe("Debian's Ansible, with the devices of the bridge as its inventory", () => {
  let netconfd: Netconfd
  let attached: AttachedDevice
  let token: string

  beforeAll(async () => {
    netconfd = await startNetconfd()
    attached = await startAttachedDevice({
      netconf: netconfd.subsystem,
      config: { users: [opsUser()], roles: { operator: { devices: ['*'], operations: ['*'] } } },
    })
    const { bridge } = attached
    for (const id of hostile)
      await operate(bridge, 'devices', 'import', '--format', 'yaml', await written(bridge.directory, id))
    token = (await operate(bridge, 'token', 'create', '--user', ops.name, '--scope', 'read')).stdout.trim()
  })
  afterAll(async () => {
    await attached?.stop()
    await netconfd?.stop()
  })

  const inventory = (options: object, environment: Readonly<Record<string, string>> = {}): AnsibleInventory => ({
    name: 'homeport.yml',
    text: JSON.stringify({ plugin: 'homeport', ...options }),
    environment: { ANSIBLE_INVENTORY_PLUGINS: plugins, ANSIBLE_INVENTORY_ENABLED: 'homeport', ...environment },
  })
  const byToken = (options: object = {}): AnsibleInventory =>
    inventory({ url: attached.bridge.httpUrl, ...options }, { HOMEPORT_TOKEN: token })

  it('has hosts, variables and groups, and evaluates no text of a device', async () => {
    const { stdout, stderr } = await listInventory(byToken())
    const listed = JSON.parse(stdout === '' ? stderr : stdout) as Listed
    const { hostvars } = listed._meta
    expect(hostvars['router1']).toMatchObject({
      ansible_host: attached.bridge.host,
      ansible_port: attached.bridge.endpointPort,
      ansible_user: 'ops@router1',
      ansible_connection: 'ansible.netcommon.netconf',
      homeport_id: 'router1',
      homeport_link: 'attached',
    })
    const ids = Object.values(hostvars).map(({ homeport_id: id }) => plain(id))
    expect(new Set(ids)).toEqual(new Set(['router1', ...hostile]))
    expect(listed['homeport_attached']).toEqual({ hosts: ['router1'] })
    expect((listed['site_evil'] as { hosts: string[] }).hosts).toHaveLength(hostile.length)
  }, 60_000)

  it('takes filters, further groups and variables, and the socket of a bridge on this host', async () => {
    const socket = socketOf(attached.bridge)
    const constructed = {
      compose: { seen: "homeport_link ~ '!'" },
      groups: { here: "homeport_link == 'attached'" },
      keyed_groups: [{ key: 'homeport_standing', prefix: 'by' }],
    }
    const { stdout } = await listInventory(
      inventory({ socket, link: ['attached'], bridge: 'b.example', ...constructed }),
    )
    const listed = JSON.parse(stdout) as Listed
    expect(listed._meta.hostvars['router1']).toMatchObject({ ansible_host: 'b.example', seen: 'attached!' })
    expect(Object.keys(listed._meta.hostvars)).toEqual(['router1'])
    expect(listed['here']).toEqual({ hosts: ['router1'] })
    expect(listed['by_configured']).toEqual({ hosts: ['router1'] })
  }, 60_000)

  it('reaches the devices through the bridge in a play', async () => {
    const play = {
      hosts: 'homeport_attached',
      gather_facts: false,
      vars: { ansible_password: ops.password },
      tasks: [
        {
          name: 'get',
          'ansible.netcommon.netconf_get': { source: 'running', filter: '<box xmlns="urn:homeport:test"/>' },
        },
        { name: 'id', 'ansible.builtin.debug': { var: 'homeport_id' } },
      ],
    }
    const { results } = await runAnsibleOn(byToken({ link: ['attached'] }), [play])
    expect(results['get']?.['router1']).toMatchObject({ stdout: expect.stringContaining('<data') })
  }, 120_000)

  it('hands an id with braces to a task as it is', async () => {
    const socket = socketOf(attached.bridge)
    const play = {
      hosts: 'site_evil',
      gather_facts: false,
      vars: { homeport_user: 'ops' },
      tasks: [{ name: 'user', 'ansible.builtin.debug': { msg: '{{ ansible_user }}' } }],
    }
    const { results } = await runAnsibleOn(inventory({ socket }), [play])
    const users = Object.values(results['user'] ?? {}).map(({ msg }) => msg)
    expect(new Set(users)).toEqual(new Set(hostile.map((id) => `ops@${id}`)))
  }, 120_000)

  it.each([
    ['a token in the URL', { url: 'http://u:p@localhost:1' }, /has a user or password in it/],
    ['a token without TLS', { url: 'http://bridge.example:1' }, /would send the token without TLS/],
    ['no bridge', { url: 'http://127.0.0.1:1' }, /no bridge answers on http:\/\/127\.0\.0\.1:1/],
    ['a wrong filter', { selectors: ['x'.repeat(300)] }, /refuses: #\/selector/],
  ])(
    'says what is wrong: %s',
    async (_what, options, message) => {
      const { stderr } = await listInventory(byToken(options))
      expect(stderr.replace(/\s+/g, ' ')).toMatch(message)
      expect(stderr).not.toContain(token)
    },
    60_000,
  )
})

function plain(value: unknown): unknown {
  return typeof value === 'object' && value !== null && '__ansible_unsafe' in value ? value.__ansible_unsafe : value
}

async function written(directory: string, id: string): Promise<string> {
  const file = `${directory}/import.yaml`
  await writeFile(file, JSON.stringify([{ id, labels: { site: 'evil', note: '{{ 7 * 7 }}' } }]))
  return file
}
