import { hostWithPort, knownHostsLine } from '../../ssh/known-hosts.js'
import type { Onboarding } from './onboarding.js'
import { ansibleString, plainName, pythonString, sshConfigWord } from '../quoting.js'

/** How tools reach the device through the bridge. */
export interface NmsStanzas {
  readonly knownHosts: readonly string[]
  readonly sshConfig: string
  readonly ncclient: string
  readonly pyez: string
  readonly ansible: string
}

export function nmsStanzas(onboarding: Onboarding, networkOs: string): NmsStanzas {
  const { deviceId, operator, bridge } = onboarding
  const { host, endpointPort: port, hostKeys, hostCa } = bridge
  const login = `${operator}@${deviceId}`
  const name = plainName(deviceId)
  const user = pythonString(login)
  return {
    knownHosts: [
      // For OpenSSH this line alone will do; paramiko, and what is built on it, knows no certificates.
      ...(hostCa === undefined ? [] : [knownHostsLine(['*'], hostCa, 'cert-authority')]),
      ...hostKeys.map((key) => knownHostsLine([hostWithPort(host.toLowerCase(), port)], key)),
    ],
    sshConfig: [
      `Host ${name}`,
      `    HostName ${host}`,
      `    Port ${port}`,
      ...(/%|\$\{/.test(login)
        ? ['    # OpenSSH 10 and later expand % and ${}: write %% for each % of the next line']
        : []),
      `    User ${sshConfigWord(login)}`,
      `# ssh -s ${name} netconf`,
    ].join('\n'),
    ncclient: `from getpass import getpass
from ncclient import manager
with manager.connect(host=${pythonString(host)}, port=${port}, username=${user}, password=getpass()) as m:
    print(m.get_config("running"))`,
    pyez: `from getpass import getpass
from jnpr.junos import Device
with Device(host=${pythonString(host)}, port=${port}, user=${user}, passwd=getpass()) as device:
    print(device.facts)`,
    ansible: `all:
  hosts:
    ${ansibleString(name)}:
      ansible_host: ${ansibleString(host)}
      ansible_port: ${port}
      ansible_user: ${ansibleString(login)}
      ansible_connection: ansible.netcommon.netconf
      ansible_network_os: ${networkOs}`,
  }
}
