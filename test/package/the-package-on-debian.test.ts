import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bootDebian, type BootedDebian } from '../e2e/parts/booted-debian.js'
import type { Release } from '../e2e/parts/debian-root.js'
import { runNcclient } from '../e2e/parts/clients.js'
import { type Netconfd, startNetconfd } from '../e2e/parts/netconfd.js'
import { makeSshKey } from '../e2e/parts/ssh-keys.js'
import { type SshdDevice, startSshdDevice } from '../e2e/parts/sshd-device.js'
import { makeTempDir, type TempDir } from '../e2e/parts/temp-dir.js'
import { waitFor } from '../e2e/parts/wait-for.js'
import { typedIn, yamlIn } from './support/guide.js'
import { layOutPackages, VERSION_BEFORE } from './support/packages.js'
import { type Service, serviceOf } from './support/service.js'

/** Of `systemd-analyze security`; 0 is nothing to do harm with, 10 is root. */
const MOST_EXPOSURE = 1.9

const PASSWORDS = { user: 'pw-ops', device: 'pw-device' } as const
const SECRET = 's3cret-router1'
const RELEASES: readonly Release[] = ['bookworm', 'trixie']

const root = join(import.meta.dirname, '../..')

let packages: TempDir
let netconfd: Netconfd
beforeAll(async () => {
  packages = await makeTempDir('packages')
  await layOutPackages(packages.path)
  netconfd = await startNetconfd()
}, 120_000)
afterAll(async () => {
  await netconfd?.stop()
  await packages?.remove()
})

/**
 * The life of the package on one Debian, in order: each step goes on from where the one before has left it. What is
 * typed is what docs/getting-started.md says.
 */
describe.each(RELEASES)('the Debian package on %s', (release) => {
  let debian: BootedDebian
  let service: Service
  let device: SshdDevice
  /** The host keys of the bridge, before it was removed. */
  let keys: string
  beforeAll(async () => {
    const program = join(root, 'build/program')
    debian = await bootDebian(release, { '/packages': packages.path, '/source': root, '/program': program })
    service = serviceOf(debian)
  }, 600_000)
  afterAll(async () => {
    await device?.stop()
    await debian?.stop()
  })

  /** Types lines of a section, in the directory of a package; what asks is answered by Return alone. */
  async function type(lines: readonly string[], directory = 'now'): Promise<string> {
    const answers: string[] = []
    for (const line of lines) answers.push(await debian.must(`cd /packages/${directory}; yes '' | { ${line}; }`))
    return answers.join('\n')
  }

  async function write(file: string, text: string): Promise<void> {
    await debian.must(`cat >${file} <<'END OF FILE'\n${text}\nEND OF FILE`)
  }

  /** A session by ncclient, from this machine. */
  function ncclient(): ReturnType<typeof runNcclient> {
    const login = { host: debian.address, port: 830, user: 'ops@router1', password: PASSWORDS.user }
    return runNcclient(login, { steps: [{ do: 'get-config', source: 'running' }, { do: 'close' }] })
  }

  async function servesNcclient(): Promise<void> {
    const { replies, capabilities } = await ncclient()
    expect(replies[0]?.error).toBeUndefined()
    expect(replies[0]?.reply).toContain('rpc-reply')
    expect(capabilities.join()).toContain('urn:homeport:test')
  }

  const hostKeys = (): Promise<string> =>
    debian.must('ssh-keyscan -p 830 127.0.0.1 2>/dev/null | cut -d" " -f2- | sort')

  it('runs once it is installed, where no Node is', async () => {
    expect((await debian.shell('command -v node')).status).not.toBe(0)
    const told = await type(typedIn('## 1. Install'), 'before')
    expect(told).toContain('homeport: it runs.')
    expect(told).toMatch(/Active: active \(running\)/)
    expect(await debian.must('systemctl is-enabled homeport')).toBe('enabled')
    expect(await debian.must('homeport --version')).toMatch(/^\d+\.\d+\.\d+/)
    const log = (await service.journal()).join('\n')
    expect(log).toMatch(/"endpoint":"\[::\]:830".*"msg":"ready"/)
    expect(log).not.toContain('without its compiled addon')
    expect(await service.property('NRestarts')).toBe('0')
  })

  it('gives the account what it needs, and others nothing', async () => {
    const files = '/etc/homeport /etc/homeport/homeport.yaml /etc/homeport/.env /var/lib/homeport /run/homeport'
    expect((await debian.must(`stat -c '%U:%G %a %n' ${files}`)).split('\n')).toEqual([
      'root:homeport 750 /etc/homeport',
      'root:homeport 640 /etc/homeport/homeport.yaml',
      'root:homeport 640 /etc/homeport/.env',
      'homeport:homeport 700 /var/lib/homeport',
      'homeport:homeport 750 /run/homeport',
    ])
    expect(await debian.must('getent passwd homeport')).toMatch(/:\/usr\/sbin\/nologin$/)
  })

  it('takes commands from root and from who is in the group, without a configuration, and from nobody else', async () => {
    await debian.must('useradd --groups homeport insider; useradd outsider')
    await debian.must('homeport devices list')
    await debian.must('sudo -u insider homeport devices list')
    const refused = await debian.shell('sudo -u outsider homeport devices list')
    expect(refused.status).not.toBe(0)
    expect((await debian.shell('sudo -u outsider cat /etc/homeport/.env')).status).not.toBe(0)
  })

  it('serves the documentation of its API', async () => {
    const script = `for (const path of ['docs', 'docs/swagger-ui-bundle.js', 'readyz'])
      console.log(path, (await fetch('http://127.0.0.1:8080/' + path)).status)`
    const answers = await debian.must(`/usr/lib/homeport/bin/node --input-type=module -e "${script}"`)
    expect(answers.split('\n')).toEqual(['docs 200', 'docs/swagger-ui-bundle.js 200', 'readyz 200'])
  })

  it('is configured as the guide says', async () => {
    const hash = await debian.must(`echo ${PASSWORDS.user} | homeport user hash-password`)
    const configuration = yamlIn('## 2. Configure').replace(/\$scrypt[^"]*/, () => hash)
    expect(configuration).toContain(hash)
    await write('/etc/homeport/homeport.yaml', `${configuration}drain-timeout: 2s`)
    await write('/etc/homeport/.env', `DEVICE_PASSWORD=${PASSWORDS.device}\nROUTER1_SECRET=${SECRET}`)
    const seen = await service.linesSoFar()
    const lines = typedIn('## 2. Configure').filter((line) => line.startsWith('sudo '))
    expect(lines).toHaveLength(2)
    await type(lines)
    await service.logged(/"devices":1.*configuration reloaded/, seen)
  })

  it('serves a real device that calls home to ncclient', async () => {
    const seen = await service.linesSoFar()
    device = await startSshdDevice({
      deviceId: 'router1',
      bridge: { host: debian.address, port: 4334 },
      preamble: 'junos-secret',
      secret: SECRET,
      hostKeys: [await makeSshKey(packages.path, 'rsa', `host-${release}`)],
      login: { user: 'netconf-user', password: PASSWORDS.device },
      subsystems: { netconf: netconfd.subsystem },
      redialDelay: 2_000,
    })
    await service.logged(/link attached/, seen)
    await servesNcclient()
    expect(await type(typedIn('## 4. Watch it arrive'))).toMatch(/router1 .*attached/)
  })

  it('does what the README says', async () => {
    const lines = typedIn('## Run it', 'README.md')
    expect(lines[0]).toBe(typedIn('## 1. Install')[0])
    const told = await type(lines.filter((line) => /^sudo (systemctl|homeport) /.test(line)))
    expect(told).toContain('outbound-ssh client homeport device-id router1')
    expect(told).toMatch(/router1 .*attached/)
  })

  it('has nothing wrong with it, as homeport doctor sees it', async () => {
    // Which every Debian has but the smallest.
    await write('/etc/hosts', '127.0.0.1 localhost\n::1 localhost')
    const { stdout } = await debian.shell('homeport doctor router1')
    expect(stdout).toMatch(/^ok +service/m)
    expect(stdout.split('\n').filter((line) => line.startsWith('FAILED'))).toEqual([])
  })

  it('is as little exposed as it can be', async () => {
    const answer = await debian.must('systemd-analyze security --no-pager homeport | tail -1')
    expect(Number(/level for homeport.service: ([\d.]+)/.exec(answer)?.[1])).toBeLessThanOrEqual(MOST_EXPOSURE)
  })

  it('reads its configuration again, and goes on with the old one where the new one is wrong', async () => {
    await debian.must('cp -p /etc/homeport/homeport.yaml /root/; echo "unknown-key: 1" >>/etc/homeport/homeport.yaml')
    const seen = await service.linesSoFar()
    expect((await debian.shell('systemctl reload homeport')).status).not.toBe(0)
    await service.logged(/homeport\.yaml:\d+:\d+: unknown-key: /, seen)
    await service.became('ActiveState', 'active')
    // Whoever asks the bridge itself.
    await debian.must('systemctl kill --signal=HUP --kill-who=main homeport')
    await service.became('StatusText', 'configuration not reloaded, see the log')
    await service.became('ActiveState', 'active')
    await debian.must('cp -p /root/homeport.yaml /etc/homeport/; systemctl reload homeport')
    await service.became('StatusText', '')
    await servesNcclient()
  })

  it('is restarted under the hands of a client, and another one is held until the device has called again', async () => {
    const login = { host: debian.address, port: 830, user: 'ops@router1', password: PASSWORDS.user }
    const rpc = '<get xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"/>'
    const endless = runNcclient(login, { steps: Array.from({ length: 10_000 }, () => ({ do: 'rpc', xml: rpc })) })
    const cut = expect(endless).rejects.toThrow()
    await waitFor(
      'the session of the client',
      async () => /\bops\b/.test(await debian.must('homeport sessions list')),
      30_000,
    )
    const [seen, dials] = [await service.linesSoFar(), device.dials()]
    await type(typedIn('### The service').filter((line) => line.includes('restart')))
    // The device pauses for two seconds before it dials again.
    expect(device.dials()).toBe(dials)
    await servesNcclient()
    await cut
    await service.logged(/"msg":"stopping"/, seen)
    expect(await service.property('Result')).toBe('success')
  })

  it('may give devices addresses, for which it has to know those of this machine', async () => {
    const seen = await service.linesSoFar()
    await debian.must(`echo 'endpoint: { ssh: { device-addresses: 127.1.0.0/16 } }' >>/etc/homeport/homeport.yaml
      systemctl restart homeport`)
    await service.logged(/link attached/, seen)
    const since = (await service.journal()).slice(seen)
    expect(since.join('\n')).not.toContain('addresses of this machine are not known')
    await debian.must('cp -p /root/homeport.yaml /etc/homeport/; systemctl restart homeport')
  })

  it('is started anew by the watchdog where its event loop hangs', async () => {
    const override = '/run/systemd/system/homeport.service.d/test.conf'
    await debian.must(`mkdir -p $(dirname ${override}); printf '[Service]\\nWatchdogSec=2\\nTimeoutAbortSec=1\\n' >${override}
      systemctl daemon-reload; systemctl restart homeport`)
    const before = await service.property('MainPID')
    // Longer than the watchdog: it is fed.
    await debian.must('sleep 4')
    expect(await service.property('MainPID')).toBe(before)
    const seen = await service.linesSoFar()
    await debian.must(`kill -STOP ${before}`)
    await service.became('NRestarts', '1')
    await service.logged(/"msg":"ready"/, seen)
    await debian.must(`rm ${override}; systemctl daemon-reload; systemctl restart homeport`)
  })

  it('is upgraded while it runs: what was changed and what was learnt stays, and it is the new one that runs', async () => {
    const [configuration, pid, keys] = [
      await debian.must('cat /etc/homeport/homeport.yaml /etc/homeport/.env'),
      await service.property('MainPID'),
      await hostKeys(),
    ]
    expect(keys).not.toBe('')
    expect(await debian.must("dpkg-query -W -f '${Version}' homeport")).toBe(VERSION_BEFORE)
    const seen = await service.linesSoFar()
    await type(typedIn('### Upgrade and remove'))
    expect(await debian.must("dpkg-query -W -f '${Version}' homeport")).not.toBe(VERSION_BEFORE)
    expect(await service.property('MainPID')).not.toBe(pid)
    expect(await debian.must('cat /etc/homeport/homeport.yaml /etc/homeport/.env')).toBe(configuration)
    expect(await debian.must('stat -c "%U:%G %a" /etc/homeport/homeport.yaml')).toBe('root:homeport 640')
    expect(await hostKeys()).toBe(keys)
    await service.logged(/link attached/, seen)
    await servesNcclient()
  })

  it('goes back to the version before as docs/upgrade.md says, which refuses the newer store without the restore', async () => {
    const page = 'docs/upgrade.md'
    const [backUp = '', ...forward] = typedIn('## By the package', page).filter((line) => line.startsWith('sudo '))
    const [stop = '', install = '', ...restore] = typedIn('### Back to the version before', page)
    await type([backUp])
    // As if the version that runs had changed the schema.
    await type([stop])
    await debian.must(`cd /usr/lib/homeport; bin/node -e "
      const store = new (require('libsql'))('/var/lib/homeport/homeport.db')
      store.exec('PRAGMA user_version = 9999')"`)
    await type([install], 'before')
    expect(await debian.must("dpkg-query -W -f '${Version}' homeport")).toBe(VERSION_BEFORE)
    expect(await service.property('ActiveState')).toBe('inactive')
    const refused = await service.linesSoFar()
    expect((await debian.shell('systemctl start homeport')).status).not.toBe(0)
    await service.logged(/was written by a newer Homeport \(schema 9999, /, refused)
    await type([stop])
    const seen = await service.linesSoFar()
    await type(restore, 'before')
    await service.logged(/link attached/, seen)
    await servesNcclient()
    // And forward again: the page's lines, and what looks at the configuration before.
    const looking = typedIn('## By the package', page).filter((line) => line.includes('homeport-new'))
    expect(looking).toHaveLength(2)
    expect(await type(looking)).toContain('ok')
    await type(forward.filter((line) => line.includes(' apt ')))
    expect(await debian.must("dpkg-query -W -f '${Version}' homeport")).not.toBe(VERSION_BEFORE)
    await servesNcclient()
  })

  it('runs on through an upgrade where the configuration has come to be wrong, and says so', async () => {
    const pid = await service.property('MainPID')
    await debian.must("echo 'unknown-key: 1' >>/etc/homeport/homeport.yaml")
    const told = await debian.must("cd /packages/now; yes '' | apt install --reinstall ./homeport_*.deb 2>&1")
    expect(told).toContain('unknown-key')
    expect(told).toContain('the version before runs on')
    expect(await service.property('MainPID')).toBe(pid)
    await servesNcclient()
    await debian.must('cp -p /root/homeport.yaml /etc/homeport/; systemctl restart homeport')
  })

  it('is handed its port by systemd where the socket unit is enabled, upgrades included', async () => {
    const lines = await debian.must('sed -n "s/^#     //p" /usr/lib/systemd/system/homeport-endpoint.socket')
    await debian.must(lines)
    await servesNcclient()
    expect(await debian.must('systemctl show --value -p Sockets,TriggeredBy homeport')).toContain('endpoint.socket')
    await type(['apt install --reinstall ./homeport_*.deb'])
    expect(await debian.must('systemctl is-active homeport-endpoint.socket homeport')).toBe('active\nactive')
    await servesNcclient()
    await debian.must('systemctl disable --now homeport-endpoint.socket; systemctl restart homeport')
  })

  it('stops in order, and an upgrade leaves it stopped', async () => {
    const seen = await service.linesSoFar()
    await debian.must('systemctl stop homeport')
    await service.logged(/"msg":"stopping"/, seen)
    expect(await service.property('Result')).toBe('success')
    expect(await service.property('ExecMainStatus')).toBe('0')
    await type(['apt install --reinstall ./homeport_*.deb'])
    expect(await service.property('ActiveState')).toBe('inactive')
  })

  it('does not start with a wrong configuration, and does not try again', async () => {
    await debian.must("echo 'unknown-key: 1' >>/etc/homeport/homeport.yaml")
    expect((await debian.shell('systemctl start homeport')).status).not.toBe(0)
    expect(await service.property('ActiveState')).toBe('failed')
    expect(await service.property('ExecMainStatus')).toBe('2')
    // Longer than RestartSec.
    await debian.must('sleep 3')
    expect(await service.property('ActiveState')).toBe('failed')
    expect(await service.property('NRestarts')).toBe('0')
    expect((await service.journal()).slice(-20).join('\n')).toContain('unknown-key')
    await debian.must('cp -p /root/homeport.yaml /etc/homeport/; systemctl start homeport')
  })

  it('is removed without configuration and data, and purged without the data', async () => {
    keys = await hostKeys()
    await type(['sudo apt remove homeport'])
    expect((await debian.shell('command -v homeport; systemctl is-active homeport')).stdout).toBe('inactive\n')
    await debian.must('test -e /etc/homeport/.env -a -e /var/lib/homeport/homeport.db')
    const told = await debian.must('DEBIAN_FRONTEND=noninteractive apt purge --yes homeport 2>&1')
    expect(told).toMatch(/^ {4}sudo rm -rf \/var\/lib\/homeport/m)
    await debian.must('test ! -e /etc/homeport/.env -a ! -e /etc/homeport/homeport.yaml')
    await debian.must('test -e /var/lib/homeport/homeport.db')
  })

  it('is what it was when it is installed again, and purged with its data where that is wanted', async () => {
    expect(await type(typedIn('## 1. Install').slice(0, 1))).toContain('homeport: it runs.')
    expect(await hostKeys()).toBe(keys)
    await debian.must(`echo 'homeport homeport/remove-data boolean true' | debconf-set-selections
      DEBIAN_FRONTEND=noninteractive apt purge --yes homeport`)
    await debian.must('test ! -e /etc/homeport -a ! -e /var/lib/homeport -a ! -e /run/homeport')
    expect(await debian.must("find /usr /etc/systemd /lib/systemd -name '*homeport*' | head")).toBe('')
  })

  it('says what is next where another server has its port', async () => {
    await debian.must('systemd-run --unit=other --socket-property=ListenStream=830 sleep infinity')
    const told = await type(typedIn('## 1. Install').slice(0, 1))
    expect(told).toContain('homeport: it does not run yet.')
    const next = [...told.matchAll(/^ {4}(\w.*)$/gm)].map(([, line = '']) => line)
    expect(next).toHaveLength(2)
    expect(await type(next.slice(0, 1))).toContain('endpoint.ssh: [::]:830 is already in use')
    await debian.must('systemctl stop other.socket')
    await type(next.slice(1))
    expect(await service.property('ActiveState')).toBe('active')
    await debian.must('DEBIAN_FRONTEND=noninteractive apt purge --yes homeport')
  })

  it('has a unit that runs as well what was installed from source', async () => {
    await debian.must(`printf '#!/bin/sh\\nexec /program/bin/node /program/dist/main.js "$@"\\n' >/usr/local/bin/homeport
      chmod 755 /usr/local/bin/homeport`)
    const lines = typedIn('## From source').filter((line) => /deploy|system(d|ctl)/.test(line))
    expect(lines.length).toBeGreaterThan(5)
    for (const line of lines) await debian.must(`cd /source; ${line}`)
    expect(await service.property('ActiveState')).toBe('active')
    await debian.must('homeport devices list')
  })
})
