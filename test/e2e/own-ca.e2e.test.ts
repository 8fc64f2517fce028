import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { caCommand } from '../../src/cli/ca/ca.js'
import { recordedIo } from '../cli/recorded-io.js'
import { type Ended, runSsh } from './parts/clients.js'
import { makeSshKey, type SshKey } from './parts/ssh-keys.js'
import { makeTempDir, type TempDir } from './parts/temp-dir.js'
import { type ListeningSshd, listeningSshd, user } from './support/certificate-peers.js'

// `homeport ca` alone makes what OpenSSH's sshd shows and trusts, and what OpenSSH's ssh trusts and logs in with.

let dir: TempDir
let hostKey: SshKey
beforeAll(async () => {
  dir = await makeTempDir('own-ca')
  hostKey = await makeSshKey(dir.path, 'ed25519', 'ssh_host_ed25519_key')
})
afterAll(() => dir.remove())

let login: SshKey
let attempt = 0
const cleanups: (() => Promise<void>)[] = []
beforeEach(async () => {
  attempt += 1
  login = await makeSshKey(dir.path, 'ed25519', `id_${attempt}`)
})
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup()
})

async function ca(...args: readonly string[]): Promise<string> {
  const { io, output } = recordedIo({ cwd: dir.path })
  await caCommand(io).parseAsync(args, { from: 'user' })
  expect(output).toMatchObject({ status: 0, stderr: '' })
  return output.stdout
}

/** A device whose operator made `homeport ca` certify its host key and pasted what `homeport ca show` prints. */
async function certifiedSshd(directory: string): Promise<ListeningSshd> {
  await ca('sign-host', 'ssh_host_ed25519_key.pub', '--dir', directory, '--principals', 'Router1,edge.example')
  const { user: shown } = JSON.parse(await ca('show', '--dir', directory, '--json')) as {
    user: { trustedUserCaKeyFile: string }
  }
  const file = (name: string): string => join(dir.path, `${name}-${attempt}`)
  await writeFile(file('trusted'), `${shown.trustedUserCaKeyFile}\n`)
  await writeFile(file('principals'), 'netconf-user\n')
  const sshd = await listeningSshd({
    hostKeys: [hostKey],
    login: { user, authorizedKeys: [] },
    subsystems: { netconf: 'echo at your service' },
    config: [
      `HostCertificate ${hostKey.path}-cert.pub`,
      `TrustedUserCAKeys ${file('trusted')}`,
      `AuthorizedPrincipalsFile ${file('principals')}`,
    ],
  })
  cleanups.push(sshd.stop)
  return sshd
}

/** Logs in with the key, and its certificate beside it, as somebody who trusts the host CA alone. */
async function logIn({ port }: ListeningSshd, directory: string, name: string): Promise<Ended> {
  const knownHosts = join(dir.path, `known_hosts-${attempt}`)
  const lines = (await ca('show', '--dir', directory)).split('\n')
  await writeFile(knownHosts, `${lines.filter((line) => line.startsWith('@cert-authority')).join('\n')}\n`)
  const options = {
    UserKnownHostsFile: knownHosts,
    StrictHostKeyChecking: 'yes',
    HostKeyAlias: name,
    // A plain host key would be taken too, if ssh knew it: it knows none.
    HostKeyAlgorithms: 'ssh-ed25519-cert-v01@openssh.com',
  }
  const args = Object.entries(options).flatMap(([option, value]) => ['-o', `${option}=${value}`])
  return runSsh({ host: '127.0.0.1', port, user, key: login }, '', { args })
}

describe('homeport ca', () => {
  it.each(['ed25519', 'ecdsa', 'rsa'])('with %s keys: ssh and sshd prove themselves to each other', async (type) => {
    await ca('init', '--dir', `ca-${type}`, '--type', type)
    const sshd = await certifiedSshd(`ca-${type}`)
    await ca('sign-user', `${login.path}.pub`, '--dir', `ca-${type}`, '--principals', 'lab,netconf-user', '--id', 'nms')
    const { stdout, status, stderr } = await logIn(sshd, `ca-${type}`, 'ROUTER1')
    expect([stdout.toString(), status, stderr]).toEqual(['at your service\n', 0, ''])
    await sshd.log.match(
      new RegExp(`Accepted publickey for ${user} .*ED25519-CERT .* ID nms \\(serial \\d{10,}\\) CA `),
    )
    const shown = JSON.parse(await ca('show', '--dir', `ca-${type}`, '--json')) as { user: { fingerprint: string } }
    expect(sshd.log.all.join('\n')).toContain(shown.user.fingerprint)
  })

  describe('binds', () => {
    beforeAll(async () => {
      await ca('init', '--dir', 'ca')
    })
    const sign = (...options: readonly string[]): Promise<string> =>
      ca('sign-user', `${login.path}.pub`, '--dir', 'ca', ...options)

    it('a host to its names', async () => {
      const sshd = await certifiedSshd('ca')
      await sign('--principals', 'netconf-user')
      expect((await logIn(sshd, 'ca', 'edge.example')).status).toBe(0)
      const refused = await logIn(sshd, 'ca', 'router2')
      expect(refused.status).toBe(255)
      expect(refused.stderr).toMatch(/name is not a listed principal|Host key verification failed/)
    })

    it('a user to principals, to where it comes from, and to its command', async () => {
      const sshd = await certifiedSshd('ca')
      const outcome = async (...options: readonly string[]): Promise<string | null> => {
        await sign(...options)
        const { status, stdout } = await logIn(sshd, 'ca', 'router1')
        return status === 255 ? 'refused' : stdout.toString()
      }
      expect(await outcome('--principals', 'other')).toBe('refused')
      await sshd.log.match(/Certificate invalid|does not contain an authorized principal|not listed/i)
      const from = ['--principals', 'netconf-user', '--source-address']
      expect(await outcome(...from, '192.0.2.0/24')).toBe('refused')
      expect(await outcome(...from, '127.0.0.0/8,192.0.2.1')).toBe('at your service\n')
      expect(await outcome('--principals', 'netconf-user', '--force-command', 'echo forced')).toBe('forced\n')
    })

    it('both to the CA that is trusted', async () => {
      const sshd = await certifiedSshd('ca')
      await ca('init', '--dir', 'other')
      await ca('sign-user', `${login.path}.pub`, '--dir', 'other', '--principals', 'netconf-user')
      expect((await logIn(sshd, 'ca', 'router1')).stderr).toMatch(/Permission denied/)
      await sign('--principals', 'netconf-user')
      expect((await logIn(sshd, 'other', 'router1')).stderr).toMatch(/verification failed/)
      expect(await readFile(`${login.path}-cert.pub`, 'utf8')).toMatch(/^ssh-ed25519-cert-v01@openssh\.com /)
    })
  })
})
