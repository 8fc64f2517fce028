import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { bootDebian, type BootedDebian } from './parts/booted-debian.js'
import { waitFor } from './parts/wait-for.js'

/** Of `systemd-analyze security`; 0 is nothing to do harm with, 10 is root. */
const MOST_EXPOSURE = 1.9

const guide = new URL('../../docs/getting-started.md', import.meta.url)

let debian: BootedDebian
beforeAll(async () => {
  debian = await bootDebian()
}, 600_000)
afterAll(() => debian?.stop())

/** The commands of a section of the guide that make something, as root. */
async function commandsOf(heading: string): Promise<string[]> {
  const section = (await readFile(guide, 'utf8')).split(`${heading}\n`)[1]?.split(/^##/m)[0] ?? ''
  const lines = section.split('\n').flatMap((line) => /^ {4}(\S.*?)(?: {4,}#.*)?$/.exec(line)?.[1] ?? [])
  return lines.map((line) => line.replace(/^sudo /, ''))
}

async function property(name: string): Promise<string> {
  return debian.must(`systemctl show --value -p ${name} homeport`)
}

/** Waits until a property of the unit has this value. */
function became(name: string, value: string): Promise<unknown> {
  return waitFor(`${name} of the unit to be ${value}`, async () => (await property(name)) === value, 60_000)
}

/** What the unit wrote into the journal, with what systemd wrote about it. */
async function journal(): Promise<string[]> {
  return (await debian.must('journalctl --sync; journalctl -u homeport -o cat')).split('\n')
}

/** Waits for a line in the journal of the unit, of those after the first `seen`. */
function logged(pattern: RegExp, seen: number): Promise<unknown> {
  const found = async (): Promise<boolean> => (await journal()).slice(seen).some((line) => pattern.test(line))
  return waitFor(`the journal to say ${pattern}`, found, 60_000)
}

/**
 * How many lines the journal of the unit has. They are counted here because `--after-cursor` of systemd 252, where the
 * entry of the cursor is another unit's, leaves out the first entry behind it.
 */
async function linesSoFar(): Promise<number> {
  return (await journal()).length
}

function configuration(more = ''): string {
  return `cat >/etc/homeport/homeport.yaml <<'END'
credentials: { default: { username: netconf, password: "\${DEVICE_PASSWORD}" } }
devices: [{ id: sim-1, secret: "\${ROUTER1_SECRET}" }${more}]
users: [{ name: ops, authorized-keys: ["$(cat /root/key.pub)"], roles: [operator] }]
drain-timeout: 2s
data-dir: /var/lib/homeport
END`.replace(/\$\(cat .*?\)/, '%KEY%')
}

async function configure(more = ''): Promise<void> {
  await debian.must(configuration(more))
  await debian.must(`sed -i "s|%KEY%|$(cat /root/key.pub)|" /etc/homeport/homeport.yaml`)
}

/** A request through the endpoint on port 830, as a client sends it. */
function requestOverSsh(): Promise<string> {
  const hello =
    '<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>]]>]]>'
  const close = '<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="1"><close-session/></rpc>]]>]]>'
  return debian.must(
    `printf '%s' '${hello}${close}' | ssh -i /root/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -p 830 -s ops@sim-1@127.0.0.1 netconf`,
  )
}

describe('the service, set up as the guide says', () => {
  it('starts, and is ready when systemctl returns', async () => {
    await debian.must(`ssh-keygen -q -t ed25519 -N '' -f /root/key
      ln -s /opt/homeport/dist/main.js /usr/local/bin/homeport
      mkdir -p /etc/homeport
      printf 'DEVICE_PASSWORD=pw-device\\nROUTER1_SECRET=s3cret-sim-1\\n' >/etc/homeport/.env
      chmod 600 /etc/homeport/.env`)
    await configure()
    // As root first, which the guide does to try it: what that leaves is the service's afterwards.
    await debian.must(`timeout --preserve-status -s INT 5 homeport serve --config /etc/homeport/homeport.yaml`)
    for (const command of await commandsOf('### As a service')) await debian.must(`cd /opt/homeport; ${command}`)
    // The last command of the guide is a reload.
    await became('ActiveState', 'active')
    expect(await debian.must('journalctl -u homeport -o cat')).toMatch(/"endpoint":"\[::\]:830".*"msg":"ready"/)
    expect(await property('NRestarts')).toBe('0')
  })

  it('is as little exposed as it can be', async () => {
    const answer = await debian.must('systemd-analyze security --no-pager homeport | tail -1')
    expect(Number(/level for homeport.service: ([\d.]+)/.exec(answer)?.[1])).toBeLessThanOrEqual(MOST_EXPOSURE)
  })

  it('serves a device and its clients', async () => {
    const seen = await linesSoFar()
    await debian.must(
      `systemd-run --unit=device homeport simulate --count 1 --to 127.0.0.1:4334 --secret 's3cret-{id}' --password pw-device --redial-delay 200ms --retry-delay 200ms`,
    )
    await logged(/link attached/, seen)
    expect(await requestOverSsh()).toMatch(/<ok\/>/)
    expect(await debian.must(`homeport devices list --config /etc/homeport/homeport.yaml`)).toContain('sim-1')
  })

  it('reads its configuration again, and goes on with the old one where the new one is wrong', async () => {
    await configure(', { id: sim-2, secret: another }')
    let seen = await linesSoFar()
    await debian.must('systemctl reload homeport')
    await logged(/"devices":2.*configuration reloaded/, seen)
    seen = await linesSoFar()
    await debian.must(`echo 'unknown-key: 1' >>/etc/homeport/homeport.yaml; systemctl reload homeport`)
    await became('StatusText', 'configuration not reloaded, see the log')
    await became('ActiveState', 'active')
    await configure()
    await debian.must('systemctl reload homeport')
    await became('StatusText', '')
    expect(await requestOverSsh()).toMatch(/<ok\/>/)
  })

  it('may give devices addresses, for which it has to know those of this machine', async () => {
    await debian.must(
      `sed -i '$a endpoint: { ssh: { device-addresses: 127.1.0.0/16 } }' /etc/homeport/homeport.yaml; systemctl restart homeport`,
    )
    await debian.must(`mkdir -p /run/systemd/system/homeport.service.d
      printf '[Service]\\nRestrictAddressFamilies=\\nRestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX\\n' >/run/systemd/system/homeport.service.d/test.conf
      systemctl daemon-reload`)
    const seen = await linesSoFar()
    await debian.must('systemctl restart homeport')
    await logged(/addresses of this machine are not known/, seen)
    await logged(/link attached/, seen)
    await debian.must('rm /run/systemd/system/homeport.service.d/test.conf; systemctl daemon-reload')
    await configure()
  })

  it('is restarted under the hands of a client, who then reaches the device again', async () => {
    // A session that would never end by itself.
    await debian.must(
      `systemd-run --unit=client -p StandardInput=null sh -c 'sleep 1000 | ssh -i /root/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -p 830 -s ops@sim-1@127.0.0.1 netconf'`,
    )
    await waitFor(
      'the session of the client',
      async () => /\bops\b/.test(await debian.must(`homeport sessions list --config /etc/homeport/homeport.yaml`)),
      30_000,
    )
    const seen = await linesSoFar()
    await debian.must('systemctl restart homeport')
    // At once, whether the device has called again or not: clients are held for it.
    expect(await requestOverSsh()).toMatch(/<ok\/>/)
    await logged(/"msg":"stopping"/, seen)
    expect(await property('Result')).toBe('success')
  })

  it('is started anew by the watchdog where its event loop hangs', async () => {
    await debian.must(`printf '[Service]\\nWatchdogSec=2\\nTimeoutAbortSec=1\\n' >/run/systemd/system/homeport.service.d/test.conf
      systemctl daemon-reload; systemctl restart homeport`)
    const before = await property('MainPID')
    // Longer than the watchdog: it is fed.
    await debian.must('sleep 4')
    expect(await property('MainPID')).toBe(before)
    const seen = await linesSoFar()
    await debian.must(`kill -STOP ${before}`)
    await became('NRestarts', '1')
    await logged(/"msg":"ready"/, seen)
    await debian.must(`rm /run/systemd/system/homeport.service.d/test.conf; systemctl daemon-reload`)
    await debian.must('systemctl restart homeport')
  })

  it('stops in order', async () => {
    const seen = await linesSoFar()
    await debian.must('systemctl stop homeport')
    await logged(/"msg":"stopping"/, seen)
    expect(await property('ActiveState')).toBe('inactive')
    expect(await property('Result')).toBe('success')
    expect(await property('ExecMainStatus')).toBe('0')
  })

  it('does not start with a wrong configuration, and does not try again', async () => {
    await debian.must(`echo 'unknown-key: 1' >>/etc/homeport/homeport.yaml`)
    expect((await debian.shell('systemctl start homeport')).status).not.toBe(0)
    expect(await property('ActiveState')).toBe('failed')
    expect(await property('ExecMainStatus')).toBe('2')
    // Longer than RestartSec.
    await debian.must('sleep 3')
    expect(await property('ActiveState')).toBe('failed')
    expect(await property('NRestarts')).toBe('0')
    expect(await debian.must('journalctl -u homeport -o cat -n 20')).toContain('unknown-key')
  })
})
