import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { type AnsibleHosts, runAnsible } from './parts/ansible.js'
import { type Ended, run } from './parts/clients.js'
import { freePort } from './parts/free-port.js'
import { collectLines } from './parts/lines.js'
import { makeTempDir, type TempDir } from './parts/temp-dir.js'
import { homeport, main } from './support/homeport-command.js'
import { opsUser } from './support/users.js'

/** What `homeport onboard --json` prints for an NMS. */
interface Stanzas {
  readonly knownHosts: readonly string[]
  readonly sshConfig: string
  readonly ncclient: string
  readonly pyez: string
  readonly ansible: string
}

const user = { name: 'ops', password: 'demo' }

describe('what homeport onboard prints for tools works, as it stands, against homeport demo', () => {
  let room: TempDir
  let nms: Stanzas
  let stopDemo = async (): Promise<void> => undefined

  beforeAll(async () => {
    room = await makeTempDir('onboard-lines')
    const port = await freePort()
    const demo = spawn(process.execPath, [main, 'demo', '--port', String(port)], { stdio: ['ignore', 'pipe', 'pipe'] })
    const ended = once(demo, 'exit')
    stopDemo = async () => {
      demo.kill('SIGTERM')
      await ended
    }
    const lines = collectLines('the demo')
    lines.add(demo.stdout)
    lines.add(demo.stderr)
    await lines.match(/Stop with Ctrl-C/, { timeoutMs: 45_000 })
    const directory = dirname(/-i (\S+id_ed25519)/.exec(lines.all.join('\n'))?.[1] ?? '')

    // The demo has no file: this one says of it what onboard asks for.
    const config = {
      'data-dir': directory,
      endpoint: { ssh: { port } },
      credentials: { default: { username: 'netconf', password: 'demo-device' } },
      devices: [{ id: 'router1', secret: 'demo-secret' }],
      users: [opsUser()],
    }
    await writeFile(join(room.path, 'homeport.yaml'), JSON.stringify(config))
    const words = [
      'onboard',
      'router1',
      '--bridge',
      '127.0.0.1',
      '--json',
      '--config',
      join(room.path, 'homeport.yaml'),
    ]
    const { stdout, stderr, status } = await homeport(...words)
    expect([stderr, status]).toEqual(['', 0])
    nms = (JSON.parse(stdout) as { readonly nms: Stanzas }).nms
    await mkdir(join(room.path, '.ssh'), { mode: 0o700 })
    await writeFile(join(room.path, '.ssh/known_hosts'), nms.knownHosts.map((line) => `${line}\n`).join(''))
    await writeFile(join(room.path, '.ssh/config'), nms.sshConfig)
  }, 90_000)
  afterAll(async () => {
    await stopDemo()
    await room.remove()
  })

  /** Runs a program in the home of a user who has the lines of known_hosts; the password is typed where it asks. */
  function atHome(...command: readonly string[]): Promise<Ended> {
    const ran = run(command, { HOME: room.path, SSHPASS: user.password })
    ran.process.stdin.end(`${user.password}\n`)
    return ran.ended(60_000)
  }

  it('ssh_config and known_hosts', async () => {
    const files = [
      '-F',
      join(room.path, '.ssh/config'),
      '-o',
      `UserKnownHostsFile=${join(room.path, '.ssh/known_hosts')}`,
    ]
    const ended = await atHome(
      'sshpass',
      '-e',
      'ssh',
      ...files,
      '-o',
      'StrictHostKeyChecking=yes',
      '-s',
      'router1',
      'netconf',
    )
    expect(ended.stdout.toString()).toContain('<hello')
  })

  it('ncclient', async () => {
    const { stdout, stderr, status } = await atHome('/usr/bin/python3', '-W', 'ignore', '-c', nms.ncclient)
    expect([stdout.toString(), status], stderr).toEqual([expect.stringContaining('<hostname>router1</hostname>'), 0])
  })

  it('PyEZ, and all facts that a Junos has', async () => {
    const { stdout, stderr, status } = await atHome('/usr/bin/python3', '-W', 'ignore', '-c', nms.pyez)
    expect(status, stderr).toBe(0)
    const facts = stdout.toString()
    for (const [name, value] of Object.entries({
      hostname: 'router1',
      model: 'VMX',
      version: '21.4R1.12',
      serialnumber: 'router1',
      master: 'RE0',
      fqdn: 'router1.simulated.example',
      HOME: '/var/home/netconf',
      personality: 'MX',
    }))
      expect(facts).toContain(`'${name}': '${value}'`)
  })

  it("the inventory of Ansible, with Juniper's modules", async () => {
    const { hosts } = (parse(nms.ansible) as { readonly all: { readonly hosts: AnsibleHosts } }).all
    const known = { ansible_password: user.password }
    const withPassword = Object.entries(hosts).map(([name, words]) => [name, { ...words, ...known }])
    const { results } = await runAnsible(Object.fromEntries(withPassword) as AnsibleHosts, [
      {
        hosts: 'all',
        gather_facts: false,
        tasks: [
          { name: 'facts', 'junipernetworks.junos.junos_facts': { gather_subset: 'all' } },
          { name: 'command', 'junipernetworks.junos.junos_command': { commands: 'show version' } },
          { name: 'rpc', 'junipernetworks.junos.junos_rpc': { rpc: 'get-software-information' } },
        ],
      },
    ])
    expect(results['facts']?.['router1']).toMatchObject({
      ansible_facts: {
        ansible_net_version: '21.4R1.12',
        ansible_net_model: 'vmx',
        ansible_net_serialnum: 'router1',
        ansible_net_memtotal_mb: expect.any(Number),
        ansible_net_interfaces: expect.objectContaining({ 'ge-0/0/0': expect.anything() }),
      },
    })
    expect(results['command']?.['router1']?.['stdout']).toEqual([expect.stringContaining('Junos: 21.4R1.12')])
    expect(JSON.stringify(results['rpc']?.['router1'])).toContain('<junos-version>21.4R1.12</junos-version>')
  })
})
