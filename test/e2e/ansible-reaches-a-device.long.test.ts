import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AnsibleRun, runAnsible } from './parts/ansible.js'
import { boxConfig } from './parts/clients.js'
import { type Netconfd, startNetconfd } from './parts/netconfd.js'
import { makeSshKey } from './parts/ssh-keys.js'
import { makeTempDir, type TempDir } from './parts/temp-dir.js'
import { type AttachedDevice, startAttachedDevice } from './support/attached-device.js'
import { ops, opsUser } from './support/users.js'

const filter = '<box xmlns="urn:homeport:test"/>'

describe("Debian's Ansible, through the bridge to a real sshd with a real NETCONF server", () => {
  let room: TempDir
  let netconfd: Netconfd
  let attached: AttachedDevice
  let run: AnsibleRun

  beforeAll(async () => {
    room = await makeTempDir('ansible-device')
    const key = await makeSshKey(room.path, 'ecdsa', 'client')
    netconfd = await startNetconfd()
    attached = await startAttachedDevice({
      netconf: netconfd.subsystem,
      device: {
        subsystems: { netconf: netconfd.subsystem, sftp: 'exec /usr/lib/openssh/sftp-server' },
        profile: "PS1='netconf@device> '\n",
      },
      config: {
        devices: [
          { id: 'router1', secret: 'secret-of-the-device' },
          { id: 'away', secret: 'another-secret' },
        ],
        users: [opsUser({ 'authorized-keys': [key.publicKey] }), opsUser({ name: 'shell', roles: ['everything'] })],
        roles: {
          operator: { devices: ['*'], operations: ['*'] },
          everything: { devices: ['*'], operations: ['*'], channels: ['netconf', 'exec', 'shell', 'sftp'] },
        },
      },
    })
    const bridge = { ansible_host: attached.bridge.host, ansible_port: attached.bridge.endpointPort }
    const netconf = { ...bridge, ansible_connection: 'ansible.netcommon.netconf', ansible_user: 'ops@router1' }
    const byPassword = { ansible_user: 'shell@router1', ansible_password: ops.password }
    const hosts = {
      'by-password': { ...netconf, ansible_password: ops.password },
      away: { ...netconf, ansible_user: 'ops@away', ansible_password: ops.password },
      'by-key': { ...netconf, ansible_ssh_private_key_file: key.path },
      commands: { ...bridge, ...byPassword, ansible_connection: 'ssh', ansible_python_interpreter: '/usr/bin/python3' },
      'commands-refused': { ...bridge, ...byPassword, ansible_connection: 'ssh', ansible_user: 'ops@router1' },
      'command-line': {
        ...bridge,
        ...byPassword,
        ansible_connection: 'ansible.netcommon.network_cli',
        ansible_network_os: 'junipernetworks.junos.junos',
        ansible_network_cli_ssh_type: 'paramiko',
      },
    }
    run = await runAnsible(hosts, [
      {
        hosts: 'by-password,by-key,away',
        gather_facts: false,
        tasks: [{ name: 'get', 'ansible.netcommon.netconf_get': { source: 'running', filter } }],
      },
      {
        hosts: 'by-password',
        gather_facts: false,
        tasks: [
          {
            name: 'edit and commit',
            'ansible.netcommon.netconf_config': {
              target: 'candidate',
              content: boxConfig('set by Ansible'),
            },
          },
          { name: 'get what was set', 'ansible.netcommon.netconf_get': { source: 'running', filter } },
          {
            name: 'rpc',
            'ansible.netcommon.netconf_rpc': {
              rpc: 'get-schema',
              xmlns: 'urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring',
              content: '<identifier>homeport-test</identifier>',
            },
          },
        ],
      },
      {
        hosts: 'commands,commands-refused',
        gather_facts: false,
        tasks: [
          {
            name: 'raw',
            'ansible.builtin.raw': 'echo raw $((40+2)); echo odd >&2; exit 3',
            failed_when: false,
            ignore_unreachable: true,
          },
        ],
      },
      {
        hosts: 'commands',
        gather_facts: false,
        tasks: [
          { name: 'copy', 'ansible.builtin.copy': { content: 'copied by Ansible', dest: join(room.path, 'copy') } },
        ],
      },
      {
        hosts: 'command-line',
        gather_facts: false,
        tasks: [{ name: 'cli', 'ansible.netcommon.cli_command': { command: 'echo command line $((40+2))' } }],
      },
    ])
  }, 120_000)
  afterAll(async () => {
    await attached?.stop()
    await netconfd?.stop()
    await room?.remove()
  })

  it.each(['by-password', 'by-key'])('netconf_get, %s', (host) => {
    expect(run.results['get']?.[host]).toMatchObject({ changed: false, stdout: expect.stringContaining('<data') })
  })

  it('netconf_get of a device that is not connected, which says so', () => {
    expect(run.results['get']?.['away']).toMatchObject({
      failed: true,
      msg: expect.stringContaining('Homeport: device "away" is not connected: it has not called home'),
    })
  })

  it('netconf_config with a commit, and netconf_rpc', () => {
    expect(run.results['edit and commit']?.['by-password']).toMatchObject({ changed: true })
    expect(run.results['get what was set']?.['by-password']?.['stdout']).toContain('<name>set by Ansible</name>')
    expect(run.results['rpc']?.['by-password']?.['stdout']).toContain('module homeport-test')
  })

  it('raw commands over ssh, where the role allows commands', () => {
    expect(run.results['raw']?.['commands']).toMatchObject({ rc: 3, stdout: expect.stringContaining('raw 42') })
  })

  it('raw commands over ssh are refused where it does not', async () => {
    // It wants them on a terminal, and the client that is refused one leaves without the rest.
    expect(run.results['raw']?.['commands-refused']).toMatchObject({ rc: 1, stdout: '' })
    const refused = { user: 'ops', reason: 'channel-not-allowed' }
    const { msg } = await attached.bridge.logged(/^session refused/, refused)
    expect(msg).toMatch(/user "ops" may not have this command run on device "router1"/)
  })

  it('files and modules over ssh', async () => {
    expect(run.results['copy']?.['commands']).toMatchObject({ changed: true })
    expect(await readFile(join(room.path, 'copy'), 'utf8')).toBe('copied by Ansible')
  })

  it('a command line by network_cli', () => {
    expect(run.results['cli']?.['command-line']).toMatchObject({ stdout: 'command line 42' })
  })
})
