/* oxlint-disable no-underscore-dangle -- Ansible names it so */
import { describe, expect, it } from 'vitest'
import { createApp } from '../../../src/northbound/http/app.js'
import { attached, enrolment, fleetInMemory } from './fleet-in-memory.js'
import { recordedLog } from './recorded-log.js'

const device = (id: string, more: object = {}) => ({ id, labels: {}, maxSessions: 10, ...more })

function inventory(format: string, query = '&bridge=b.example&port=8300') {
  const room = fleetInMemory({
    statuses: [
      attached('own-port', { labels: { site: 'tokyo', 'rack no': '7' }, endpoint: { port: 20_001 } }),
      device('own-address', { labels: { site: 'tokyo' }, endpoint: { address: '2001:db8::7' } }),
      device('shared'),
      device('東京'),
      device('a/b'),
      device('{{ x }}', { labels: { note: '{% raw %}', '{{x}}': 'y' } }),
      device('all'),
      device('site_tokyo'),
      device('a" \nHost *\n', {}),
    ],
    enrolments: [enrolment('waiting', 'pending'), enrolment('turned-away', 'rejected')],
  })
  return createApp({ ...room, log: recordedLog().log }).request(`/api/v1/devices?format=${format}${query}`)
}

interface Ansible {
  readonly _meta: { readonly hostvars: Readonly<Record<string, Readonly<Record<string, unknown>>>> }
  readonly [group: string]: object
}

describe('an inventory for Ansible', () => {
  it('reaches each device by its address, its port, or its name at the bridge', async () => {
    const { _meta, ...groups } = (await (
      await inventory('ansible', '&bridge=b.example&port=8300&user=ops')
    ).json()) as Ansible
    expect(_meta.hostvars).toMatchObject({
      'own-port': { ansible_host: 'b.example', ansible_port: 20_001, ansible_user: 'ops', homeport_link: 'attached' },
      'own-address': { ansible_host: '2001:db8::7', ansible_port: 8300, ansible_user: 'ops' },
      shared: { ansible_host: 'b.example', ansible_port: 8300, ansible_user: 'ops@shared' },
    })
    expect(groups).toMatchObject({
      site_tokyo: { hosts: ['own-address', 'own-port'] },
      rack_no_7: { hosts: ['own-port'] },
      homeport_attached: { hosts: ['own-port'] },
    })
  })

  it('has a name for every id that Ansible takes, the same whoever else is there, and no text as a template', async () => {
    const { _meta, ...groups } = (await (await inventory('ansible')).json()) as Ansible
    const names = Object.keys(_meta.hostvars)
    expect(names).toHaveLength(9)
    for (const name of names) expect(name).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]*$/)
    for (const group of Object.keys(groups)) {
      expect(group).toMatch(/^[A-Za-z_][A-Za-z0-9_]*$/)
      expect(names).not.toContain(group)
    }
    const braces = Object.values(_meta.hostvars).find(({ homeport_labels: labels }) =>
      Object.hasOwn(labels as object, 'note'),
    )
    expect(braces).toMatchObject({
      homeport_id: { __ansible_unsafe: '{{ x }}' },
      homeport_labels: { note: { __ansible_unsafe: '{% raw %}' } },
      ansible_user: '{{ homeport_user }}@{{ homeport_id }}',
    })
  })
})

describe('an inventory for Prometheus', () => {
  it('has a target for each device, with what is known of it', async () => {
    const answer = await inventory('prometheus-sd')
    expect(answer.headers.get('content-type')).toBe('application/json')
    const targets = (await answer.json()) as unknown[]
    expect(targets).toHaveLength(9)
    expect(targets).toContainEqual({
      targets: ['b.example:20001'],
      labels: {
        __meta_homeport_id: 'own-port',
        __meta_homeport_link: 'attached',
        __meta_homeport_standing: 'configured',
        __meta_homeport_label_site: 'tokyo',
        __meta_homeport_label_rack_no: '7',
      },
    })
    expect(targets).toContainEqual(expect.objectContaining({ targets: ['[2001:db8::7]:8300'] }))
  })
})

describe('ssh_config', () => {
  it('has no line that a device id has made', async () => {
    const text = await (await inventory('ssh-config')).text()
    for (const line of text.split('\n'))
      expect(line).toMatch(/^(Host [a-z0-9._-]+|# .*|    (HostName|Port|ProxyJump|ProxyCommand) .*|)$/)
    expect(text.match(/^Host \*/m)).toBeNull()
    expect(text).toContain('Host shared\n    Port 830\n    ProxyJump b.example:8300\n')
  })
})

describe('every inventory', () => {
  it.each(['ansible', 'prometheus-sd', 'ssh-config', 'hosts', 'zone'])(
    '%s leaves out who may not be reached',
    async (format) => {
      expect(await (await inventory(format)).text()).not.toMatch(/waiting|turned-away/)
      expect(await (await inventory(format, '&link=attached')).text()).not.toMatch(/shared|own-address/)
    },
  )
})
