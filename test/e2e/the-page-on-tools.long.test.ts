import { once } from 'node:events'
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { createNetconfServer } from '../../src/simulator/netconf-server.js'
import { serveOn } from '../simulator/support/netconf-client.js'
import { sectionsOf } from '../support/page-blocks.js'
import { type AnsibleHosts, type AnsiblePlay, runAnsible } from './parts/ansible.js'
import { type Ended, run } from './parts/clients.js'
import { makeTempDir, type TempDir } from './parts/temp-dir.js'
import { type AttachedDevice, startAttachedDevice } from './support/attached-device.js'
import { ops, opsUser } from './support/users.js'

// The lines of docs/tools.md, read from the page, for the tools that are here.

const sections = sectionsOf('tools.md')
const tried = new Set<string>()

/** A command line of Junos, as far as the tools type at it, and what sshd needs a shell for besides. */
const JUNOS_SHELL = `#!/bin/sh
answer() {
  case "$1" in
    'show version'*) printf 'Hostname: router1\\nModel: vmx\\nJunos: 21.4R1.12\\n' ;;
    'show configuration'*) printf 'system {\\n    host-name router1;\\n}\\n' ;;
    'set cli '* | '') ;;
    exit*) exit 0 ;;
    *) printf 'unknown command: %s\\n' "$1" ;;
  esac
}
if [ "$1" = -c ]; then
  case "$2" in show\\ *) answer "$2" ;; *) exec /bin/sh -c "$2" ;; esac
  exit
fi
printf 'netconf@router1> '
while IFS= read -r line; do answer "$line"; printf 'netconf@router1> '; done
`

describe('the lines of the page on tools', () => {
  let room: TempDir
  let attached: AttachedDevice
  let stopNetconf = (): void => undefined

  beforeAll(async () => {
    room = await makeTempDir('tools')
    // A simulated Junos behind the subsystem of a real sshd.
    const junos = createNetconfServer({ deviceId: 'router1', dialect: 'junos' })
    const server = createServer((socket) => {
      socket.on('error', () => socket.destroy())
      serveOn(junos, socket)
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    stopNetconf = () => {
      junos.stop()
      server.close()
    }
    const { port } = server.address() as { readonly port: number }
    attached = await startAttachedDevice({
      netconf: `exec socat - TCP:127.0.0.1:${port}`,
      device: {
        subsystems: {
          netconf: `exec socat - TCP:127.0.0.1:${port}`,
          sftp: 'exec /usr/lib/openssh/sftp-server',
        },
        shell: JUNOS_SHELL,
      },
      config: {
        users: [opsUser({ roles: ['command-line'] })],
        ...(parse(blocksOf('Tools through the bridge', 'yaml')[0] ?? '') as object),
      },
    })
    for (const directory of ['bin', 'home/.ssh', 'var/tmp'])
      await mkdir(join(room.path, directory), { recursive: true, mode: 0o700 })
    // Who types the password, and looks for known hosts where this user has them.
    for (const program of ['ssh', 'sftp']) {
      const shim = join(room.path, 'bin', program)
      const known = `-o UserKnownHostsFile='${join(room.path, 'home/.ssh/known_hosts')}' -o StrictHostKeyChecking=yes`
      await writeFile(shim, `#!/bin/sh\nexec sshpass -e /usr/bin/${program} ${known} "$@"\n`)
      await chmod(shim, 0o755)
    }
    await pasted('bash', blocksOf('Tools through the bridge', 'sh')[0] ?? '')
  })
  afterAll(async () => {
    await attached?.stop()
    stopNetconf()
    await room?.remove()
  })

  function blocksOf(heading: string, language: string): readonly string[] {
    tried.add(heading)
    const blocks = sections.find((section) => section.heading === heading)?.blocks ?? []
    return blocks.filter((block) => block.language === language).map(({ text }) => text)
  }

  /** The bridge of this test in the place of the page's. */
  function placed(text: string): string {
    const { host, endpointPort } = attached.bridge
    return text
      .replaceAll('bridge.example.net', host)
      .replaceAll(/\b830\b/g, String(endpointPort))
      .replaceAll('/var/tmp/', `${room.path}/var/tmp/`)
  }

  /** Runs a block by a program that takes it as the operand of its `-c` or `-e`; the password is typed. */
  async function pasted(program: 'bash' | 'python3' | 'ruby', block: string): Promise<Ended> {
    const commands = {
      bash: ['bash', '-e', '-o', 'pipefail', '-c'],
      python3: ['/usr/bin/python3', '-W', 'ignore', '-c'],
      ruby: ['ruby', '-W0', '-e'],
    }
    const client = run([...commands[program], placed(block)], {
      HOME: join(room.path, 'home'),
      PATH: `${join(room.path, 'bin')}:${process.env['PATH'] ?? ''}`,
      SSHPASS: ops.password,
    })
    client.process.stdin.end(`${ops.password}\n`)
    const ended = await client.ended(60_000)
    expect(ended.status, ended.stderr).toBe(0)
    return ended
  }

  it('OpenSSH', async () => {
    const { stdout } = await pasted('bash', ['cd', ...blocksOf('OpenSSH', 'sh')].join('\n'))
    expect(stdout.toString()).toContain('<hello')
    expect(stdout.toString()).toContain('Junos: 21.4R1.12')
    expect(await readFile(join(room.path, 'var/tmp/note'), 'utf8')).toBe('brought by sftp\n')
  })

  it('ncclient', async () => {
    const { stdout } = await pasted('python3', blocksOf('ncclient', 'python').join('\n'))
    expect(stdout.toString()).toContain('<hostname>router1</hostname>')
    expect(stdout.toString()).toContain('Junos: 21.4R1.12')
  })

  it('PyEZ', async () => {
    const { stdout } = await pasted('python3', blocksOf('PyEZ', 'python').join('\n'))
    expect(stdout.toString()).toMatch(/^router1 21\.4R1\.12\n[^]*hostname router1;/)
  })

  it('Ansible', async () => {
    const [inventory = '', play = ''] = blocksOf('Ansible', 'yaml').map(placed)
    const { hosts } = (parse(inventory) as { readonly all: { readonly hosts: AnsibleHosts } }).all
    process.env['OPS_PASSWORD'] = ops.password
    const { results } = await runAnsible(hosts, parse(play) as readonly AnsiblePlay[]).finally(
      () => delete process.env['OPS_PASSWORD'],
    )
    expect(results['facts']?.['router1']).toMatchObject({ ansible_facts: { ansible_net_version: '21.4R1.12' } })
    expect(results['command']?.['router1']?.['stdout']).toEqual([expect.stringContaining('Junos: 21.4R1.12')])
    expect(results['configuration']?.['router1']?.['stdout']).toContain('<hostname>router1</hostname>')
  })

  it('netmiko', async () => {
    const { stdout } = await pasted('python3', blocksOf('netmiko', 'python').join('\n'))
    expect(stdout.toString()).toContain('Junos: 21.4R1.12')
  })

  it("Net::SSH, as Oxidized's model of Junos uses it", async () => {
    const { stdout } = await pasted('ruby', blocksOf('Oxidized', 'ruby').join('\n'))
    expect(stdout.toString()).toContain('Junos: 21.4R1.12')
    expect(stdout.toString()).toContain('host-name router1;')
    const [line = ''] = blocksOf('Oxidized', 'text')
    const config = parse(blocksOf('Oxidized', 'yaml')[0] ?? '', { customTags: [rubyPattern] }) as {
      readonly source: {
        readonly csv: { readonly map: Record<string, number>; readonly vars_map: Record<string, number> }
      }
    }
    const fields = line.split(':')
    const named = Object.entries({ ...config.source.csv.map, ...config.source.csv.vars_map })
    expect(Object.fromEntries(named.map(([name, at]) => [name, fields[at]]))).toMatchObject({
      ip: 'bridge.example.net',
      username: 'ops@router1',
      ssh_port: '830',
    })
  })

  it('are all tried but for those that the page says are not', () => {
    const end = sections.findIndex(({ heading }) => heading === 'Not tried here')
    expect(end).toBeGreaterThan(0)
    const untried = sections.slice(0, end).filter(({ heading, blocks }) => blocks.length > 0 && !tried.has(heading))
    expect(untried.map(({ heading }) => heading)).toEqual([])
    const table = sections[0]?.text.split('\n').filter((line) => line.startsWith('| [')) ?? []
    for (const line of table) {
      const [, anchor] = /\(#([^)]+)\)/.exec(line) ?? []
      const at = sections.findIndex((section) => section.anchor === anchor)
      const saysTried = / yes[^|]*\|$/.test(line) && !/\| no/.test(line)
      expect([line, saysTried || anchor === 'oxidized']).toEqual([line, at < end])
    }
  })
})

const rubyPattern = { tag: '!ruby/regexp', resolve: (text: string) => text }
