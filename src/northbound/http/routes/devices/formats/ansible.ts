import { createHash } from 'node:crypto'
import type { DeviceView } from '../device.js'
import type { BridgePlace } from './device-formats.js'

/** Who logs in, as far as that is known. */
export interface AnsibleLogin {
  readonly bridge: BridgePlace
  /** The user of the bridge; where it is not known, the inventory's reader sets the variable `homeport_user`. */
  readonly user: string | undefined
}

/** A dynamic inventory of Ansible, as `ansible-inventory --list` prints one. */
export interface AnsibleInventory {
  readonly [group: string]: { readonly hosts: readonly string[] } | { readonly hostvars: object } | object
}

/**
 * The devices as Ansible's hosts, in a group for each label (`site_tokyo`) and each link state (`homeport_attached`).
 * @param devices those that clients may reach
 */
export function ansibleInventory(devices: readonly DeviceView[], login: AnsibleLogin): AnsibleInventory {
  const hostvars = new Map<string, object>()
  const groups = new Map<string, string[]>()
  // A host that is named like a group has Ansible refuse the whole inventory.
  const taken = new Set([...OF_ANSIBLE, ...devices.flatMap(groupsOf)])
  for (const device of devices) {
    const host = hostOf(device.id, taken)
    taken.add(host)
    hostvars.set(host, variablesOf(device, login))
    for (const group of groupsOf(device)) {
      const hosts = groups.get(group)
      if (hosts === undefined) groups.set(group, [host])
      else hosts.push(host)
    }
  }
  return {
    _meta: { hostvars: Object.fromEntries(hostvars) },
    all: { hosts: [...hostvars.keys()], children: [...groups.keys()].toSorted() },
    ...Object.fromEntries([...groups].map(([group, hosts]) => [group, { hosts }])),
  }
}

/** Names that mean something to Ansible itself. */
const OF_ANSIBLE: readonly string[] = ['all', 'ungrouped', 'localhost', '127.0.0.1']

/**
 * The id itself where Ansible takes it for a name in patterns and files. Any other id loses what it may not have, and
 * gets a hash of the whole in its place, so that a device keeps its name whoever else comes.
 */
function hostOf(id: string, taken: ReadonlySet<string>): string {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(id) && !taken.has(id)) return id
  const plain = id.replace(/[^A-Za-z0-9._-]+/g, '-').replace(/^[-._]+|[-.]+$/g, '')
  return `${plain === '' ? 'device' : plain}-${createHash('sha256').update(id).digest('hex').slice(0, 12)}`
}

function variablesOf({ id, standing, labels, endpoint, linkState, vendor }: DeviceView, login: AnsibleLogin): object {
  const { bridge, user } = login
  const own = endpoint !== null && (endpoint.address !== null || endpoint.port !== null)
  const port = endpoint?.address === null ? endpoint.port : undefined
  return {
    homeport_id: unsafe(id),
    homeport_standing: standing,
    homeport_link: linkState.state,
    homeport_labels: Object.fromEntries(Object.entries(labels).map(([name, value]) => [name, unsafe(value)])),
    ansible_connection: 'ansible.netcommon.netconf',
    ansible_host: endpoint?.address ?? bridge.host,
    ansible_port: port ?? bridge.port,
    ansible_user: loginName(user, own ? undefined : id),
    ...(vendor === 'junos' ? { ansible_network_os: 'junipernetworks.junos.junos' } : {}),
  }
}

/** The login name, by which the bridge tells the device where it has no port or address of its own. */
function loginName(user: string | undefined, id: string | undefined): unknown {
  if (user === undefined) return id === undefined ? '{{ homeport_user }}' : '{{ homeport_user }}@{{ homeport_id }}'
  return unsafe(id === undefined ? user : `${user}@${id}`)
}

/** Text of others, which Ansible is not to read as an expression of Jinja. */
function unsafe(text: string): string | { readonly __ansible_unsafe: string } {
  return /\{[{%#]/.test(text) ? { __ansible_unsafe: text } : text
}

function groupsOf({ labels, linkState, standing }: DeviceView): readonly string[] {
  const names = Object.entries(labels).map(([name, value]) => groupName(`${name}_${value}`))
  return [...new Set([...names, `homeport_${linkState.state}`, `homeport_${standing}`])]
}

/** A valid name of a group: letters, digits and underscores, no digit first, and none of Ansible's own. */
function groupName(text: string): string {
  const plain = text.replace(/[^A-Za-z0-9_]/g, '_')
  return /^\d|^_meta$/.test(plain) ? `label_${plain}` : plain
}
