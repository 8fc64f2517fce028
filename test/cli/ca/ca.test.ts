import { mkdtempSync, rmSync } from 'node:fs'
import { chmod, chown, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Command } from 'commander'
import { caCommand } from '../../../src/cli/ca/ca.js'
import { entriesFor, parseKnownHosts } from '../../../src/ssh/known-hosts.js'
import { type Certificate, parseCertificateLine } from '../../../src/ssh/certificate.js'
import { type KeyPair, type KeyRoom, makeKeyRoom } from '../../ssh/ssh-keygen.js'
import { recordedIo } from '../recorded-io.js'

let room: KeyRoom
let cwd = ''
beforeAll(async () => {
  room = await makeKeyRoom()
})
afterAll(() => room.remove())
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'homeport-ca-'))
})
afterEach(() => rmSync(cwd, { recursive: true }))

/** A moment at which ssh-keygen would begin validity a whole minute and more ago. */
const now = new Date('2026-03-04T05:06:07Z')

async function ca(args: readonly string[], env: Record<string, string> = {}) {
  const { io, output } = recordedIo({ cwd, env })
  const command = caCommand(io, () => now)
  throwOnWrongUsage(command, output)
  await command.parseAsync(args, { from: 'user' }).catch((error: { exitCode?: number }) => {
    if (error.exitCode === undefined) throw error
    // As `createProgram` ends on wrong usage.
    output.status = error.exitCode === 0 ? 0 : 2
  })
  return output
}

function throwOnWrongUsage(command: Command, output: { stderr: string }): void {
  command.exitOverride().configureOutput({ writeErr: (text) => (output.stderr += text) })
  for (const sub of command.commands) throwOnWrongUsage(sub, output)
}

/** A public key in the working directory, as it was copied from a device. */
async function subject(pair: KeyPair, name = 'id.pub'): Promise<string> {
  await writeFile(join(cwd, name), `${pair.line}\n`)
  return name
}

async function certificateOf(file: string): Promise<Certificate> {
  const parsed = parseCertificateLine(await readFile(join(cwd, file), 'utf8'))
  if (!parsed.ok) throw new Error(parsed.failure.message)
  return parsed.certificate
}

/** What `ssh-keygen -L` prints of a certificate file, without its name, in UTC. */
async function described(path: string): Promise<string> {
  process.env['TZ'] = 'UTC'
  const [first = '', ...rest] = (await room.run('-L', '-f', path)).split('\n')
  expect(first).toBe(`${path}:`)
  return rest.join('\n')
}

describe('ca init', () => {
  it.each([
    ['ed25519', 'ssh-ed25519'],
    ['ecdsa', 'ecdsa-sha2-nistp256'],
    ['rsa', 'ssh-rsa'],
  ])('makes two %s keys that ssh-keygen reads, private to their owner', async (type, name) => {
    expect(await ca(['init', '--dir', 'x/ca', '--type', type])).toMatchObject({ status: 0, stderr: '' })
    expect((await readdir(join(cwd, 'x/ca'))).toSorted()).toEqual(['host_ca', 'host_ca.pub', 'user_ca', 'user_ca.pub'])
    const lines = []
    for (const role of ['host', 'user']) {
      const path = join(cwd, `x/ca/${role}_ca`)
      expect((await stat(path)).mode & 0o777).toBe(0o600)
      const line = await readFile(`${path}.pub`, 'utf8')
      expect(line).toMatch(new RegExp(`^${name} \\S+ homeport ${role} CA\n$`))
      expect(await room.run('-y', '-P', '', '-f', path)).toBe(line)
      lines.push(line)
    }
    expect(lines[0]).not.toBe(lines[1])
  })

  it('keeps what is there, and makes what is missing', async () => {
    await ca(['init', '--dir', 'ca'])
    const kept = await readFile(join(cwd, 'ca/host_ca'), 'utf8')
    const again = await ca(['init', '--dir', 'ca', '--type', 'rsa'])
    expect(again).toMatchObject({ status: 1 })
    expect(again.stdout).toMatch(/host CA {2}kept .*ssh-ed25519 SHA256:/)
    expect(again.stderr).toMatch(/both CAs are there already.*\n.*--dir/)
    await rm(join(cwd, 'ca/user_ca'))
    // The private half may be kept offline.
    expect((await ca(['init', '--dir', 'ca'])).status).toBe(1)
    await rm(join(cwd, 'ca/user_ca.pub'))
    expect((await ca(['init', '--dir', 'ca'])).stdout).toMatch(/host CA {2}kept[^]*user CA {2}made/)
    await rm(join(cwd, 'ca/host_ca.pub'))
    expect((await ca(['init', '--dir', 'ca'])).stdout).toContain('ssh-keygen -y -f host_ca > host_ca.pub')
    expect(await readFile(join(cwd, 'ca/host_ca'), 'utf8')).toBe(kept)
  })

  it('uses the data-dir of the configuration, and says what is wrong with it', async () => {
    await writeFile(join(cwd, 'bridge.yaml'), 'data-dir: state\n')
    expect((await ca(['init', '--config', 'bridge.yaml'])).status).toBe(0)
    expect(await readdir(join(cwd, 'state/ca'))).toHaveLength(4)
    const wrong = await ca(['init', '--config', 'none.yaml'])
    expect(wrong).toMatchObject({ status: 2, stdout: '' })
    expect(wrong.stderr).toMatch(/none\.yaml: there is no such file[^]*--dir/)
  })

  it('makes no keys in the working directory when no configuration is found', async () => {
    for (const words of [['init'], ['show'], ['sign-host', 'a.pub', '--principals', 'a']]) {
      const { status, stderr } = await ca(words)
      expect(status).toBe(2)
      expect(stderr).toMatch(/no configuration file is found[^]*--dir/)
    }
    expect(await readdir(cwd)).toEqual([])
  })

  it('needs of the configuration nothing but its data-dir', async () => {
    await writeFile(join(cwd, 'homeport.yaml'), 'devices: [{ id: a, secret: "${UNSET}" }]\ndata-dir: state\n')
    expect((await ca(['init'])).status).toBe(0)
    expect(await readdir(join(cwd, 'state/ca'))).toHaveLength(4)
  })

  it('made by root belongs to the owner of the directory around it, as a bridge has to read it', async () => {
    const me = process.getuid?.() ?? 0
    const owner = me === 0 ? 54_321 : me
    await mkdir(join(cwd, 'state'))
    if (me === 0) await chown(join(cwd, 'state'), owner, owner)
    expect((await ca(['init', '--dir', 'state/ca'])).status).toBe(0)
    for (const name of ['', 'host_ca', 'host_ca.pub', 'user_ca', 'user_ca.pub'])
      expect((await stat(join(cwd, 'state/ca', name))).uid, name).toBe(owner)
  })

  it('says where it cannot write', async () => {
    await writeFile(join(cwd, 'file'), '')
    const output = await ca(['init', '--dir', 'file/ca'])
    expect(output).toMatchObject({ status: 1 })
    expect(output.stderr).toMatch(/file\/ca: cannot be written \(ENOTDIR\)\n.*--dir/)
  })
})

describe('ca init --cluster', () => {
  it('makes the CA of a cluster beside the two others, an Ed25519 one whatever type those are', async () => {
    const made = await ca(['init', '--cluster', '--dir', 'ca', '--type', 'ecdsa'])
    expect(made).toMatchObject({ status: 0, stderr: '' })
    const names = ['cluster_ca', 'cluster_ca.pub', 'host_ca', 'host_ca.pub', 'user_ca', 'user_ca.pub']
    expect((await readdir(join(cwd, 'ca'))).toSorted()).toEqual(names)
    expect(await readFile(join(cwd, 'ca/cluster_ca.pub'), 'utf8')).toMatch(/^ssh-ed25519 \S+ homeport cluster CA\n$/)
    expect((await stat(join(cwd, 'ca/cluster_ca'))).mode & 0o777).toBe(0o600)
  })

  it('is shown by ca show, where there is one', async () => {
    await ca(['init', '--dir', 'ca'])
    expect((await ca(['show', '--dir', 'ca'])).stdout).not.toContain('Cluster CA')
    await ca(['init', '--cluster', '--dir', 'ca'])
    const line = (await readFile(join(cwd, 'ca/cluster_ca.pub'), 'utf8')).trim()
    expect((await ca(['show', '--dir', 'ca'])).stdout).toContain(`cluster.ca of every node names:\n\n${line}\n`)
    const json = JSON.parse((await ca(['show', '--dir', 'ca', '--json'])).stdout) as { cluster: { publicKey: string } }
    expect(json.cluster.publicKey).toBe(line)
  })

  it('adds it to those that are there, and keeps it', async () => {
    await ca(['init', '--dir', 'ca'])
    const added = await ca(['init', '--cluster', '--dir', 'ca'])
    expect(added.status).toBe(0)
    expect(added.stdout).toMatch(/host CA {2}kept[^]*user CA {2}kept[^]*cluster CA {2}made/)
    const again = await ca(['init', '--cluster', '--dir', 'ca'])
    expect(again.status).toBe(1)
    expect(again.stderr).toContain('all CAs are there already')
  })
})

describe('ca sign-node', () => {
  it('certifies one key for both ends of connections between nodes, as ssh-keygen reads it', async () => {
    await ca(['init', '--cluster', '--dir', 'ca'])
    const pair = await room.key('node')
    const file = await subject(pair, 'node.pub')
    const signed = await ca(['sign-node', file, '--dir', 'ca', '--node', 'node-a.1', '--validity', '4w'])
    expect(signed).toMatchObject({ status: 0, stderr: '' })
    expect(signed.stdout).toMatch(/^node-cert\.pub: host certificate\n[^]*node-cert\.pub: user certificate\n/)
    const lines = (await readFile(join(cwd, 'node-cert.pub'), 'utf8')).trimEnd().split('\n')
    const certificates = lines.map((line) => {
      const parsed = parseCertificateLine(line)
      if (!parsed.ok) throw new Error(parsed.failure.message)
      return parsed.certificate
    })
    expect(certificates.map(({ role }) => role)).toEqual(['host', 'user'])
    const caLine = await readFile(join(cwd, 'ca/cluster_ca.pub'), 'utf8')
    for (const { principals, key, extensions, ca: by } of certificates) {
      expect(principals).toEqual(['node:node-a.1'])
      expect(key.blob).toEqual(pair.publicKey.blob)
      expect([...extensions.keys()]).toEqual([])
      expect(caLine).toContain(by.blob.toString('base64'))
    }
    const shown = await room.run('-L', '-f', join(cwd, 'node-cert.pub'))
    expect(shown).toMatch(/host certificate[^]*node:node-a\.1[^]*user certificate[^]*node:node-a\.1/)
  })

  it('refuses a key that nodes do not use, and an id that is none', async () => {
    await ca(['init', '--cluster', '--dir', 'ca'])
    const file = await subject(await room.key('node', 'ecdsa-256'), 'node.pub')
    const wrongKey = await ca(['sign-node', file, '--dir', 'ca', '--node', 'a'])
    expect(wrongKey.status).toBe(1)
    expect(wrongKey.stderr).toMatch(/node\.pub: .*ecdsa-sha2-nistp256.*Ed25519.*\n.*ssh-keygen -t ed25519/)
    for (const id of ['', 'A', '-a', 'a b', 'a'.repeat(64)]) {
      const { status, stderr } = await ca(['sign-node', file, '--dir', 'ca', '--node', id])
      expect(status).toBe(2)
      expect(stderr).toContain('1 to 63 lower-case letters')
    }
    expect(await readdir(cwd)).toEqual(['ca', 'node.pub'])
  })

  it('says how the CA is made where there is none', async () => {
    await ca(['init', '--dir', 'ca'])
    const file = await subject(await room.key('node'), 'node.pub')
    const { status, stderr } = await ca(['sign-node', file, '--dir', 'ca', '--node', 'a'])
    expect(status).toBe(1)
    expect(stderr).toMatch(/ca\/cluster_ca: there is no such file\n.*`homeport ca init --cluster`/)
  })
})

describe('ca show', () => {
  it('prints what known_hosts and devices need', async () => {
    await ca(['init', '--dir', 'ca'])
    const json = JSON.parse((await ca(['show', '--dir', 'ca', '--json'])).stdout) as Record<
      'host' | 'user',
      Record<string, string>
    >
    const text = await ca(['show', '--dir', 'ca'])
    expect(text).toMatchObject({ status: 0, stderr: '' })
    for (const role of ['host', 'user'] as const) {
      const line = (await readFile(join(cwd, `ca/${role}_ca.pub`), 'utf8')).trim()
      const fingerprint = (await room.run('-l', '-f', join(cwd, `ca/${role}_ca.pub`))).split(' ')[1]
      expect(json[role]).toMatchObject({ publicKey: line, fingerprint })
      expect(text.stdout).toContain(fingerprint)
    }
    const [entry] = entriesFor(parseKnownHosts(json.host['knownHosts'] ?? '').entries, 'router1', 830)
    expect(entry).toMatchObject({ marker: 'cert-authority' })
    expect(text.stdout.split('\n')).toContain(json.host['knownHosts'])
    expect(text.stdout.split('\n')).toContain(json.user['trustedUserCaKeyFile'])
    expect(`${json.user['publicKey']}`).toContain(json.user['trustedUserCaKeyFile'])
  })

  it('says what to do when there is no CA', async () => {
    const output = await ca(['show', '--dir', 'ca'])
    expect(output).toMatchObject({ status: 1, stdout: '' })
    expect(output.stderr).toMatch(/host_ca\.pub: there is no such file\n.*homeport ca init/)
  })
})

describe('ca sign-host and sign-user', () => {
  it.each([
    [
      'host',
      ['--principals', 'router1,router1.example', '--id', 'the router', '--serial', '7'],
      ['-h', '-I', 'the router', '-n', 'router1,router1.example', '-z', '7'],
    ],
    [
      'user',
      ['--principals', 'lab,netconf-user', '--serial', '18446744073709551615'],
      ['-I', 'lab', '-n', 'lab,netconf-user', '-z', '18446744073709551615'],
    ],
    [
      'user',
      [
        '--principals',
        'nms',
        '--serial',
        '1',
        '--force-command',
        'netconf',
        '--source-address',
        '192.0.2.0/24, 2001:db8::1',
      ],
      [
        '-I',
        'nms',
        '-n',
        'nms',
        '-z',
        '1',
        '-O',
        'force-command=netconf',
        '-O',
        'source-address=192.0.2.0/24,2001:db8::1',
      ],
    ],
  ])('%s: what ssh-keygen -L prints is as if ssh-keygen had signed', async (role, ours, theirs) => {
    await ca(['init', '--dir', 'ca'])
    const file = await subject(await room.key('subject'))
    expect(await ca([`sign-${role}`, file, '--dir', 'ca', ...ours])).toMatchObject({ status: 0, stderr: '' })
    const { validAfter, validBefore } = await certificateOf('id-cert.pub')
    // ssh-keygen begins a minute ago, at a whole minute.
    expect(new Date(Number(validAfter) * 1000)).toEqual(new Date('2026-03-04T05:05:00Z'))
    expect(Number(validBefore)).toBe(now.getTime() / 1000 + 52 * 7 * 86_400)
    const path = join(cwd, 'id-cert.pub')
    const line = await readFile(path, 'utf8')
    const printed = await described(path)
    const stamp = (seconds: bigint): string =>
      new Date(Number(seconds) * 1000).toISOString().replace(/[-:T]|\.\d+/g, '')
    const period = ['-V', `${stamp(validAfter)}:${stamp(validBefore)}`]
    await room.run('-q', '-s', join(cwd, `ca/${role}_ca`), ...period, ...theirs, join(cwd, file))
    expect(printed).toBe(await described(path))
    // The comment too.
    expect(line.split(' ').slice(2)).toEqual((await readFile(path, 'utf8')).split(' ').slice(2))
  })

  it.each([
    ['12h', 43_200],
    ['+1w2d', 777_600],
    ['30m', 1800],
  ])('is valid for %s', async (validity, seconds) => {
    await ca(['init', '--dir', 'ca'])
    const file = await subject(await room.key('subject'))
    await ca(['sign-user', file, '--dir', 'ca', '--principals', 'a', '--validity', validity])
    expect(Number((await certificateOf('id-cert.pub')).validBefore)).toBe(now.getTime() / 1000 + seconds)
  })

  it('is valid always when asked, with a serial of its own', async () => {
    await ca(['init', '--dir', 'ca'])
    const file = await subject(await room.key('subject'))
    const serials = new Set<bigint>()
    for (const out of ['one', 'two']) {
      await ca(['sign-user', file, '--dir', 'ca', '--principals', 'a', '--validity', 'always', '--out', out])
      const { serial, validAfter } = await certificateOf(out)
      expect(validAfter).toBe(0n)
      expect(serial > 0n && serial < 1n << 63n).toBe(true)
      serials.add(serial)
    }
    expect(serials.size).toBe(2)
    expect((await readdir(cwd)).toSorted()).toEqual(['ca', 'id.pub', 'one', 'two'])
  })

  it('writes names of hosts in lower case and says so; names of users stay', async () => {
    await ca(['init', '--dir', 'ca'])
    const file = await subject(await room.key('subject'))
    const host = await ca(['sign-host', file, '--dir', 'ca', '--principals', 'Router1,router1,edge'])
    expect((await certificateOf('id-cert.pub')).principals).toEqual(['router1', 'edge'])
    expect(host.stdout).toMatch(/lower case.*: router1\n/)
    const plain = await ca(['sign-host', file, '--dir', 'ca', '--principals', 'edge'])
    expect(plain.stdout).not.toContain('lower case')
    await ca(['sign-user', file, '--dir', 'ca', '--principals', 'Ops'])
    expect((await certificateOf('id-cert.pub')).principals).toEqual(['Ops'])
  })

  it.each(['ecdsa-384', 'rsa'] as const)('signs %s keys, and signs with a CA that ssh-keygen made', async (kind) => {
    const theirs = await room.key('ca', kind)
    await ca(['init', '--dir', 'ca'])
    await writeFile(join(cwd, 'ca/user_ca'), await readFile(theirs.path))
    const file = await subject(await room.key('subject', kind))
    expect((await ca(['sign-user', file, '--dir', 'ca', '--principals', 'a'])).status).toBe(0)
    // ssh-keygen -L checks the signature.
    expect(await described(join(cwd, 'id-cert.pub'))).toContain('Signing CA')
  })

  it('takes the passphrase that ssh-keygen -p gave the CA from the environment', async () => {
    await ca(['init', '--dir', 'ca'])
    await room.run('-q', '-p', '-P', '', '-N', 'open sesame', '-f', join(cwd, 'ca/host_ca'))
    const file = await subject(await room.key('subject'))
    const sign = (env: Record<string, string>) => ca(['sign-host', file, '--dir', 'ca', '--principals', 'a'], env)
    for (const env of [{}, { HOMEPORT_CA_PASSPHRASE: 'wrong-pass' }]) {
      const refused = await sign(env)
      expect(refused).toMatchObject({ status: 1, stdout: '' })
      expect(refused.stderr).toMatch(/ca\/host_ca: .*\n.*HOMEPORT_CA_PASSPHRASE/)
      expect(refused.stderr).not.toContain('wrong-pass')
    }
    expect((await sign({ HOMEPORT_CA_PASSPHRASE: 'open sesame' })).status).toBe(0)
  })

  it('fails with what, where and what to do', async () => {
    await ca(['init', '--dir', 'ca'])
    const pair = await room.key('subject')
    const file = await subject(pair)
    await writeFile(join(cwd, 'private'), await readFile(pair.path))
    await writeFile(join(cwd, 'other'), 'not a key\n')
    const failing = async (...args: readonly string[]) => {
      const output = await ca(['sign-host', ...args, '--principals', 'a'])
      expect(output).toMatchObject({ status: 1, stdout: '' })
      return output.stderr
    }
    expect(await failing('none.pub', '--dir', 'ca')).toMatch(/none\.pub: there is no such file\n.+/)
    expect(await failing('private', '--dir', 'ca')).toMatch(/private: it is a private key\n.*private\.pub/)
    expect(await failing('other', '--dir', 'ca')).toMatch(/other: not an OpenSSH public key.*\n.+/)
    expect(await failing(file, '--dir', 'elsewhere')).toMatch(/elsewhere\/host_ca: there is no such file\n.*ca init/)
    expect(await failing(file, '--dir', 'ca', '--out', 'no/cert.pub')).toMatch(/no\/cert\.pub: .*ENOENT.*\n.*--out/)
    await ca(['sign-host', file, '--dir', 'ca', '--principals', 'a'])
    expect(await failing('id-cert.pub', '--dir', 'ca')).toMatch(/id-cert\.pub: .*not supported\n.*plain/)
  })

  it('replaces a certificate whole, and leaves nothing behind', async () => {
    await ca(['init', '--dir', 'ca'])
    const file = await subject(await room.key('subject'))
    await ca(['sign-host', file, '--dir', 'ca', '--principals', 'a'])
    await chmod(join(cwd, 'id-cert.pub'), 0o444)
    await ca(['sign-host', file, '--dir', 'ca', '--principals', 'b'])
    expect((await certificateOf('id-cert.pub')).principals).toEqual(['b'])
    expect((await readdir(cwd)).toSorted()).toEqual(['ca', 'id-cert.pub', 'id.pub'])
  })

  it.each([
    [['sign-host', 'id.pub']],
    [['sign-host', 'id.pub', '--principals', 'a,,b']],
    [['sign-host', 'id.pub', '--principals', 'a\nb']],
    [['sign-host', '--principals', 'a']],
    [['sign-host', 'id.pub', '--principals', 'a', '--force-command', 'netconf']],
    [['sign-user', 'id.pub', '--principals', 'a', '--validity', '52']],
    [['sign-user', 'id.pub', '--principals', 'a', '--validity', '0s']],
    [['sign-user', 'id.pub', '--principals', 'a', '--validity', '9999w']],
    [['sign-user', 'id.pub', '--principals', 'a', '--serial', '-1']],
    [['sign-user', 'id.pub', '--principals', 'a', '--serial', '18446744073709551616']],
    [['sign-user', 'id.pub', '--principals', 'a', '--source-address', '10.0.0.1/8']],
    [['sign-user', 'id.pub', '--principals', 'a', '--id', '']],
    [['init', '--type', 'dsa']],
  ])('is wrong usage: %j', async (args) => {
    const output = await ca([...args, '--dir', 'ca'])
    expect(output.status).toBe(2)
    expect(output.stderr).toMatch(/^error: /)
    expect(await readdir(cwd)).toEqual([])
  })
})
