import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { chmod, readdir, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { doctorReportSchema } from '../../src/cli/doctor/doctor.js'
import { makeTempDir, type TempDir } from './parts/temp-dir.js'
import { type Ended, main } from './support/homeport-command.js'
import { endAfterEach } from './support/resources.js'
import { AS, startServiceMachine } from './support/service-machine.js'

const own = endAfterEach()

let elsewhere: TempDir
beforeEach(async () => {
  elsewhere = await makeTempDir('elsewhere')
  await chmod(elsewhere.path, 0o755)
})
afterEach(() => elsewhere.remove())

const machine = async () => own(await startServiceMachine(elsewhere.path))

describe('on a machine with the service', () => {
  it('commands find it from any directory, without its secrets, as root and as a member of its group', async () => {
    const { lines, run } = await machine()
    expect(await lines.match(/"msg":"configuration read"/)).toContain('"file":"/etc/homeport/homeport.yaml"')
    for (const as of [AS.root, AS.member]) {
      expect(await run(as, 'devices', 'list')).toMatchObject({ status: 0, stderr: '' })
      expect(await run(as, 'sessions', 'list')).toMatchObject({ status: 0, stderr: '' })
    }
    const made = await run(AS.root, 'ca', 'init')
    expect(made).toMatchObject({ status: 0, stdout: expect.stringContaining('/var/lib/homeport/ca/host_ca') as string })
    expect(await run(AS.service, 'ca', 'show')).toMatchObject({ status: 0, stderr: '' })

    const checked = await run(AS.root, 'check-config')
    expect(checked.status).toBe(2)
    expect(checked.stderr).toContain('/etc/homeport/homeport.yaml:3:')
    const onboarded = await run(AS.root, 'onboard', 'router1')
    expect(onboarded).toMatchObject({ status: 2, stdout: '' })
    expect(await readdir(elsewhere.path)).toEqual([])
  })

  it('whoever may not ask it is told so, and what they may not read is no reason to take something else', async () => {
    const { run } = await machine()
    const denied = await run(AS.stranger, 'devices', 'list')
    expect(denied.status).toBe(1)
    expect(denied.stderr).toMatch(
      /not permitted to open \/run\/homeport\/homeport\.sock: .* belongs to user daemon\n.*sudo -u daemon/,
    )
    expect(denied.stderr).toMatch(/\/etc\/homeport\/homeport\.yaml: not permitted to read it \(EACCES\)/)
    for (const command of [['check-config'], ['ca', 'init'], ['onboard', 'router1'], ['serve']]) {
      const { status, stderr, stdout } = await run(AS.stranger, ...command)
      expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
      expect(stderr).toMatch(/\/etc\/homeport\/homeport\.yaml: not permitted to read it \(EACCES\)\n.*sudo/)
    }
    expect(await readdir(elsewhere.path)).toEqual([])
  })

  it('the doctor finds nothing wrong as root and as the service, and tells others what they may not see', async () => {
    const { run } = await machine()
    for (const as of [AS.root, AS.service, AS.member]) {
      const { status, stdout, stderr } = await run(as, 'doctor', '--json')
      expect(stderr).toBe('')
      expect(stdout).not.toContain('pw-of-service')
      const { findings } = doctorReportSchema.parse(JSON.parse(stdout))
      expect(findings.filter(({ verdict }) => verdict === 'failed')).toEqual([])
      expect(status).toBe(0)
      // The secret is in the environment of the service, which a member of its group may not look at.
      const [configuration] = findings
      expect(configuration?.verdict).toBe(as === AS.member ? 'not-checked' : 'ok')
      expect(findings).toContainEqual(expect.objectContaining({ check: 'ports', verdict: 'ok' }))
    }
    const { status, stdout } = await run(AS.stranger, 'doctor')
    expect(status).toBe(1)
    expect(stdout).toMatch(/^not checked +configuration +\/etc\/homeport\/homeport\.yaml: not permitted to/m)
    expect(stdout).toMatch(/^FAILED +bridge +not permitted to open/m)
  })
})

describe('on a machine without a configuration', () => {
  it('nothing is served, checked, signed or made: status 2, and where it was looked for', async () => {
    for (const command of [['serve'], ['check-config'], ['ca', 'init'], ['ca', 'show'], ['onboard', 'router1']]) {
      const { status, stderr, stdout } = await new Promise<Ended>((resolve) => {
        const child = execFile(
          process.execPath,
          [main, ...command],
          { cwd: elsewhere.path, timeout: 20_000 },
          (_, out, err) => resolve({ status: child.exitCode, stdout: out, stderr: err }),
        )
      })
      expect({ command, status, stdout }).toEqual({ command, status: 2, stdout: '' })
      expect(stderr).toContain(join(elsewhere.path, 'config/homeport.yaml'))
      expect(stderr).toContain('/etc/homeport/homeport.yaml')
    }
    expect(await readdir(elsewhere.path)).toEqual([])
  })
})

describe('where nothing answers', () => {
  it('the doctor is done in ten seconds, though the bridge is silent and the name server too', async () => {
    const socket = join(elsewhere.path, 'silent.sock')
    const silent = createServer(() => undefined).listen(socket)
    await once(silent, 'listening')
    own({ stop: async () => void silent.close() })
    await writeFile(join(elsewhere.path, 'resolv.conf'), 'nameserver 192.0.2.1\n')
    const hook = '{ url: "https://aaa.example.net/login" }'
    await writeFile(join(elsewhere.path, 'homeport.yaml'), `authentication-hook: ${hook}\n`)
    // Packets to that name server go nowhere.
    const nowhere = 'ip link set lo up; ip route add default dev lo; mount --bind resolv.conf /etc/resolv.conf'
    const words = ['--mount', '--net', 'sh', '-c', `${nowhere}; exec "$@"`, 'sh']
    const begun = performance.now()
    const { status, stdout } = await new Promise<Ended>((resolve) => {
      const child = execFile(
        'unshare',
        [...words, process.execPath, main, 'doctor', '--socket', socket],
        { cwd: elsewhere.path, timeout: 60_000 },
        (_, out, err) => resolve({ status: child.exitCode, stdout: out, stderr: err }),
      )
    })
    expect(performance.now() - begun).toBeLessThan(10_000)
    expect(status).toBe(1)
    expect(stdout).toMatch(/^FAILED +bridge +the bridge on/m)
    expect(stdout).toMatch(/^FAILED +names +authentication-hook\.url: the name aaa\.example\.net/m)
  })
})
