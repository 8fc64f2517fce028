import { execFileSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { createTarPacker, packTar, type TarEntry, unpackTar } from 'modern-tar'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { backupCommand } from '../../../src/cli/backup/backup.js'
import { restoreCommand } from '../../../src/cli/backup/restore.js'
import { openSqliteStore } from '../../../src/store/sqlite/sqlite-store.js'
import type { Store } from '../../../src/store/store.js'
import { recordedIo } from '../recorded-io.js'

let root = ''
let config = ''
let store: Store | undefined
beforeEach(async () => {
  root = mkdtempSync(join(tmpdir(), 'homeport-backup-'))
  config = join(root, 'config')
  mkdirSync(join(config, 'keys'), { recursive: true })
  mkdirSync(join(root, 'elsewhere'))
  write('config/homeport.yaml', CONFIG)
  write('config/users.yaml', 'users: [{ name: ops, roles: [operator] }]\n')
  write('config/.env', 'DEVICE_PASSWORD=pw of the device\nCA_PASS_FILE=keys/pass\n')
  write('config/keys/id', 'private')
  write('config/keys/id.pub', 'public')
  write('config/keys/pass', 'passphrase')
  write('config/unrelated.txt', 'of nobody')
  write('elsewhere/known_hosts', 'router1 ssh-ed25519 AAAA')
  mkdirSync(join(config, 'data/ca'), { recursive: true })
  write('config/data/ssh_host_ed25519_key', 'host key')
  write('config/data/ca/user_ca', 'ca')
  write('config/data/record.jsonl', '{"new":1}\n')
  write('config/data/record.jsonl.1', '{"old":1}\n')
  mkdirSync(join(config, 'data/transcripts'))
  write('config/data/transcripts/one.jsonl', '{}\n')
  chmodSync(join(config, 'data'), 0o700)
  chmodSync(join(config, '.env'), 0o640)
  await openStore(join(config, 'data'))
  await approve('router1')
})
afterEach(async () => {
  await store?.close()
  rmSync(root, { recursive: true })
})

const CONFIG = `
credentials:
  default: { username: netconf, private-key: keys/id, password: "\${DEVICE_PASSWORD}", passphrase: "\${CA_PASS}" }
trust: { known-hosts: ../elsewhere/known_hosts }
devices: [{ id: router1, secret: "\${ROUTER1_SECRET}" }]
users-file: users.yaml
`

function write(name: string, text: string | Buffer): void {
  writeFileSync(join(root, name), text, { mode: 0o600 })
}

async function openStore(directory: string): Promise<void> {
  const opened = await openSqliteStore({ directory, touchInterval: 1_000, onProblem: () => undefined })
  if (!opened.ok) throw new Error(opened.failure.message)
  store = opened.store
}

async function closeStore(): Promise<void> {
  await store?.close()
  store = undefined
}

async function approve(deviceId: string): Promise<void> {
  await store?.enrolments.update(deviceId, () => ({
    deviceId,
    standing: 'approved',
    pins: [{ type: 'ssh-ed25519', blob: Buffer.from(deviceId), addedAt: new Date(), by: 'operator' }],
    addresses: [],
    labels: {},
  }))
}

async function run(words: readonly string[], env: Readonly<Record<string, string>> = { ROUTER1_SECRET: 's' }) {
  const { io, output } = recordedIo({ cwd: root, env })
  const [name, ...rest] = words
  const command = name === 'backup' ? backupCommand(io) : restoreCommand(io)
  await command.parseAsync(rest, { from: 'user' })
  return output
}

const archive = (): string => join(root, 'b.tar.gz')
const backUp = (...more: readonly string[]) => run(['backup', 'b.tar.gz', ...more])

/** Every file below a directory, with its content. */
/** All but what SQLite keeps beside a database while somebody has it open, and takes away when it likes. */
function contentOf(directory: string, below = ''): Record<string, string> {
  const all = readdirSync(join(directory, below), { withFileTypes: true }).filter(
    ({ name }) => !/\.db-(shm|wal)$/.test(name),
  )
  return Object.assign(
    {},
    ...all.map((entry) => {
      const name = join(below, entry.name)
      return entry.isDirectory()
        ? contentOf(directory, name)
        : { [name]: readFileSync(join(directory, name), 'latin1') }
    }),
  ) as Record<string, string>
}

async function namesInBackup(): Promise<readonly string[]> {
  const { stdout, status } = await run(['restore', 'b.tar.gz', '--list', '--json'])
  expect(status).toBeUndefined()
  const { entries } = JSON.parse(stdout) as { readonly entries: readonly { name: string; type: string }[] }
  return entries.filter(({ type }) => type === 'file').map(({ name }) => name)
}

describe('homeport backup', () => {
  it('names the configuration, and says that the running bridge has another one', async () => {
    const facts = {
      version: '1.0.0',
      node: 'v24.0.0',
      compiledAddon: true,
      startedAt: '2025-06-01T09:00:00Z',
      time: '2025-06-01T09:00:00Z',
      addresses: null,
      openFiles: { limit: null, wanted: 1 },
      process: { pid: 1, uid: 1, config: '/etc/homeport/homeport.yaml', dataDir: '/var/lib/homeport' },
    }
    const bridge = createServer((_, response) => void response.end(JSON.stringify(facts)))
    const socket = join(root, 'bridge.sock')
    bridge.listen(socket)
    await once(bridge, 'listening')
    try {
      const { stdout } = await run(['backup', 'b.tar.gz'], { HOMEPORT_SOCKET: socket })
      expect(stdout).toContain(`  configuration ${join(config, 'homeport.yaml')}\n`)
      expect(stdout).toContain(
        'HAS ANOTHER CONFIGURATION, /etc/homeport/homeport.yaml: ' +
          'homeport backup --config /etc/homeport/homeport.yaml b.tar.gz\n',
      )
      const named = ['backup', '--config', 'config/homeport.yaml', '--force', 'b.tar.gz']
      expect((await run(named, { HOMEPORT_SOCKET: socket })).stdout).not.toContain('ANOTHER')
    } finally {
      bridge.close()
    }
  })

  it('says its own name once where there is no configuration', async () => {
    rmSync(config, { recursive: true })
    expect((await backUp()).stderr).toMatch(/^homeport: no configuration file is found/)
  })

  it('holds the configuration, what it names, and data-dir, and says what is not in it', async () => {
    const { stdout, stderr, status } = await backUp()
    expect({ stderr, status }).toEqual({ stderr: '', status: undefined })
    expect(await namesInBackup()).toEqual([
      'config/.env',
      'config/homeport.yaml',
      'config/keys/id',
      'config/keys/id.pub',
      'config/keys/pass',
      'config/users.yaml',
      'data/ca/user_ca',
      'data/homeport.db',
      'data/record.jsonl',
      'data/record.jsonl.1',
      'data/ssh_host_ed25519_key',
      'data/transcripts/one.jsonl',
      `outside${root}/elsewhere/known_hosts`,
    ])
    expect(stdout).toMatch(
      /^6 files \(.*\) {2}configuration \/.*\/config\/homeport\.yaml\n6 files \(.*\) {2}data-dir\n1 file \(/,
    )
    expect(stdout).toContain('not in it, because they come from the environment of this command: ROUTER1_SECRET\n')
  })

  it('says that it lacks what is in a database', async () => {
    expect((await backUp()).stdout).not.toContain('pg_dump')
    rmSync(archive())
    write('config/homeport.yaml', `${CONFIG}\ncluster: { database: "postgres://homeport@db/homeport", node: a }\n`)
    expect((await backUp()).stdout).toContain('are in the database of `cluster`: devices, tokens and jobs; `pg_dump`')
  })

  it('is read by its owner alone, and leaves nothing beside it', async () => {
    await backUp()
    expect(statSync(archive()).mode & 0o777).toBe(0o600)
    expect(readdirSync(root).toSorted()).toEqual(['b.tar.gz', 'config', 'elsewhere'])
  })

  it('replaces no file unless told to, and is not written into data-dir', async () => {
    write('b.tar.gz', 'mine')
    expect(await backUp()).toMatchObject({ status: 2, stderr: expect.stringContaining('is there already') })
    expect(readFileSync(archive(), 'utf8')).toBe('mine')
    expect(await backUp('--force')).toMatchObject({ status: undefined })
    expect(await run(['backup', 'config/data/b.tar.gz'])).toMatchObject({ status: 2 })
    expect(existsSync(join(config, 'data/b.tar.gz'))).toBe(false)
  })

  it('leaves the audit log out when told to', async () => {
    await backUp('--without-audit')
    expect((await namesInBackup()).filter((name) => name.startsWith('data/'))).toEqual([
      'data/ca/user_ca',
      'data/homeport.db',
      'data/ssh_host_ed25519_key',
    ])
  })

  it('leaves nothing out in silence: a file that is missing or a database that is none ends it', async () => {
    rmSync(join(config, 'keys/id'))
    const missing = await backUp()
    expect(missing).toMatchObject({ status: 1 })
    expect(missing.stderr).toContain(
      `${join(config, 'keys/id')}: there is no such file, and the configuration names it`,
    )
    write('config/keys/id', 'private')
    write('config/data/other.db', 'no database')
    const damaged = await backUp()
    expect(damaged).toMatchObject({ status: 1, stderr: expect.stringContaining('other.db') })
    expect(readdirSync(root)).not.toContain('b.tar.gz')
  })

  it('needs a configuration, and not one that serve accepts', async () => {
    write('config/homeport.yaml', `${CONFIG}no-such-key: 1\n`)
    expect(await backUp()).toMatchObject({ status: undefined })
    rmSync(join(config, 'homeport.yaml'))
    expect(await run(['backup', 'c.tar.gz'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('no configuration'),
    })
  })

  it('follows symbolic links, and says so', async () => {
    write('elsewhere/ca', 'linked')
    symlinkSync(join(root, 'elsewhere/ca'), join(config, 'data/ca/linked'))
    symlinkSync(join(config, 'data'), join(config, 'data/ca/loop'))
    expect((await backUp()).stdout).toMatch(/ca\/linked is a symbolic link/)
    await run(['restore', 'b.tar.gz', '--to', 'look'])
    expect(readFileSync(join(root, 'look/data/ca/linked'), 'utf8')).toBe('linked')
  })

  it('copies the store while it is written, with what has not reached the database file yet', async () => {
    for (let at = 0; at < 50; at += 1) await approve(`busy${at}`)
    await backUp()
    await run(['restore', 'b.tar.gz', '--to', 'look'])
    await closeStore()
    await openStore(join(root, 'look/data'))
    expect(await store?.enrolments.count('approved')).toBe(51)
  })
})

describe('homeport restore', () => {
  it('puts everything back where nothing is, with contents and modes', async () => {
    await backUp()
    await closeStore()
    const before = contentOf(config)
    renameSync(config, join(root, 'gone'))
    const { stdout, stderr, status } = await run(['restore', 'b.tar.gz'])
    expect({ stderr, status }).toEqual({ stderr: '', status: undefined })
    expect(stdout).toContain(`6 files  ${config}\n6 files  ${join(config, 'data')}\n`)
    const kept = ([name]: [string, string]) => name !== 'unrelated.txt' && !name.startsWith('data/homeport.db')
    expect(Object.entries(contentOf(config)).filter(kept)).toEqual(Object.entries(before).filter(kept))
    for (const [name, mode] of [
      ['.env', 0o640],
      ['data', 0o700],
      ['keys/id', 0o600],
      ['data/homeport.db', 0o600],
    ] as const)
      expect([name, statSync(join(config, name)).mode & 0o777]).toEqual([name, mode])
    await openStore(join(config, 'data'))
    expect((await store?.enrolments.get('router1'))?.pins[0]?.blob.toString()).toBe('router1')
  })

  it('overwrites nothing unless told to, keeps what was there, and says what it takes back', async () => {
    await backUp()
    await approve('since')
    await store?.enrolments.update('router1', (current) => current && { ...current, standing: 'rejected' })
    await closeStore()
    write('config/homeport.yaml', `${CONFIG}# edited\n`)
    const refused = await run(['restore', 'b.tar.gz'])
    expect(refused).toMatchObject({ status: 2 })
    expect(refused.stderr).toContain(
      `there is something already: ${join(config, 'homeport.yaml')}, ${join(config, 'data')}`,
    )
    expect(existsSync(join(config, 'data/before-restore'))).toBe(false)

    const { stdout } = await run(['restore', 'b.tar.gz', '--force'])
    expect(stdout).toContain('approved since the backup, unknown again, so their calls will be pending: since\n')
    expect(stdout).toMatch(/rejected or forgotten since the backup, approved again.*: router1\n/)
    expect(readFileSync(join(config, 'homeport.yaml'), 'utf8')).toBe(CONFIG)
    expect(readFileSync(join(config, 'homeport.yaml.before-restore'), 'utf8')).toContain('# edited')
    expect(existsSync(join(config, 'data.before-restore/homeport.db'))).toBe(true)
    await run(['restore', 'b.tar.gz', '--force'])
    expect(existsSync(join(config, 'data.before-restore.1/homeport.db'))).toBe(true)
  })

  it('goes over what the package and the first start have put on a new machine, which is kept, too', async () => {
    await backUp()
    await closeStore()
    renameSync(config, join(root, 'old machine'))
    for (const directory of ['config', 'config/data']) mkdirSync(join(root, directory))
    for (const [name, sample] of [
      ['.env', 'env'],
      ['homeport.yaml', 'homeport.yaml'],
    ] as const) {
      const installed = readFileSync(join('deploy/debian/etc', sample), 'utf8')
      write(`config/${name}`, installed.replace('/var/lib/homeport', 'data'))
    }
    write('config/data/ssh_host_ed25519_key', 'key of the new machine')
    write('config/data/record.jsonl', '{"event":"start"}\n')
    await openStore(join(config, 'data'))
    const running = await run(['restore', 'b.tar.gz'])
    expect(running).toMatchObject({ status: 1, stderr: expect.stringContaining('a bridge runs on') })
    expect(running.stderr).not.toContain('--force')
    await closeStore()
    const { stdout, stderr, status } = await run(['restore', 'b.tar.gz'])
    expect({ stderr, status }).toEqual({ stderr: '', status: undefined })
    expect(stdout).toContain('approved by the backup, where the store that was here knew no device: router1\n')
    expect(stdout).not.toMatch(/since the backup/)
    expect(readFileSync(join(config, 'data/ssh_host_ed25519_key'), 'utf8')).toBe('host key')
    expect(readFileSync(join(config, '.env'), 'utf8')).toContain('DEVICE_PASSWORD=pw')
    expect(readFileSync(join(config, '.env.before-restore'), 'utf8')).toContain('# DEVICE_PASSWORD')
    expect(existsSync(join(config, 'data.before-restore/ssh_host_ed25519_key'))).toBe(true)
  })

  it.each<[string, () => void | Promise<void>, string]>([
    ['a secret', () => write('config/.env', 'A=b\n'), 'config/.env'],
    ['a key of the configuration', () => write('config/homeport.yaml', 'users: []\n'), 'config/homeport.yaml'],
    ['a CA', () => mkdirSync(join(config, 'data/ca')), 'config/data'],
    ['a decision', () => approve('other'), 'config/data'],
  ])('does not go over %s without being told to', async (_what, put, named) => {
    await backUp()
    await closeStore()
    rmSync(config, { recursive: true })
    for (const directory of ['config', 'config/data']) mkdirSync(join(root, directory))
    await openStore(join(config, 'data'))
    await put()
    await closeStore()
    const refused = await run(['restore', 'b.tar.gz'])
    expect(refused.status).toBe(2)
    expect(refused.stderr).toContain(`there is something already: ${join(root, named)}\n`)
  })

  it('keeps off while a bridge runs on that data-dir', async () => {
    await backUp()
    const running = await run(['restore', 'b.tar.gz', '--force'])
    expect(running).toMatchObject({ status: 1, stderr: expect.stringContaining('a bridge runs on') })
    expect(readdirSync(config)).not.toContain('data.before-restore')
  })

  it('goes to another directory, data-dir with it', async () => {
    await backUp()
    const moved = await run(['restore', 'b.tar.gz', '--config', 'new/place/homeport.yaml'])
    expect(moved).toMatchObject({ status: undefined })
    expect(Object.keys(contentOf(join(root, 'new/place')))).toEqual(
      expect.arrayContaining(['homeport.yaml', '.env', 'keys/id', 'data/homeport.db']),
    )
  })

  it('writes files of other directories by their path only when told to', async () => {
    await backUp()
    const file = join(root, 'elsewhere/known_hosts')
    rmSync(file)
    const asked = await run(['restore', 'b.tar.gz', '--config', 'new/homeport.yaml'])
    expect(asked).toMatchObject({ status: 2 })
    expect(asked.stderr).toContain(`holds 1 file of other directories that are not the same here: ${file}`)
    await run(['restore', 'b.tar.gz', '--config', 'new/homeport.yaml', '--without-outside'])
    expect(existsSync(file)).toBe(false)
    await run(['restore', 'b.tar.gz', '--config', 'newer/homeport.yaml', '--with-outside'])
    expect(readFileSync(file, 'utf8')).toBe('router1 ssh-ed25519 AAAA')
  })

  it('believes no backup that names places of its own', async () => {
    await backUp()
    const elsewhere = await rebuilt((entries) => header(entries, { config: '/root/.ssh/homeport.yaml' }))
    expect(await run(['restore', elsewhere])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining(`homeport restore --config /root/.ssh/homeport.yaml ${elsewhere}`),
    })
    const data = await rebuilt((entries) => header(entries, { dataDir: '/root', dataDirAsWritten: '../../root' }))
    expect(await run(['restore', data, '--config', 'new/homeport.yaml'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('--data-dir /root'),
    })
  })

  it('leaves everything as it was when it fails half-way', async () => {
    await backUp()
    await closeStore()
    write('config/users.yaml', 'users: []\n')
    rmSync(join(root, 'elsewhere'), { recursive: true })
    // Where a directory has to be, there is a file.
    write('elsewhere', 'in the way')
    const before = contentOf(root)
    const failed = await run(['restore', 'b.tar.gz', '--force', '--with-outside'])
    expect(failed.status).toBe(1)
    expect(contentOf(root)).toEqual(before)
  })

  it('names what the configuration lacks here', async () => {
    await backUp()
    const { stdout } = await run(['restore', 'b.tar.gz', '--config', 'new/homeport.yaml'], {})
    expect(stdout).toContain('the environment variable ROUTER1_SECRET is not set')
  })
})

type Entries = TarEntry[]

/** A file made of the backup's entries, changed; its manifest is made anew unless `raw`. */
async function rebuilt(change: (entries: Entries) => Entries, { raw = false } = {}): Promise<string> {
  const read = await unpackTar(gunzipSync(readFileSync(archive())))
  const entries = change(read.map(({ header: head, data }) => ({ header: head, body: data ?? new Uint8Array(0) })))
  const bytes = (one: TarEntry): Buffer => Buffer.from(one.body as Uint8Array)
  const sha = (one: TarEntry): string => createHash('sha256').update(bytes(one)).digest('hex')
  const last = entries.findIndex(({ header: head }) => head.name === 'manifest.json')
  if (!raw && last >= 0) {
    const manifest = JSON.parse(bytes(entries[last] as TarEntry).toString()) as { entries: { name: string }[] }
    const known = new Map(manifest.entries.map((entry) => [entry.name, entry]))
    const listed = entries.slice(1, last).map((one) => ({
      mode: 0o600,
      uid: 0,
      gid: 0,
      modified: 0,
      ...known.get(one.header.name.replace(/\/$/, '')),
      name: one.header.name.replace(/\/$/, ''),
      type: one.header.type === 'directory' ? 'directory' : 'file',
      size: bytes(one).length,
      sha256: one.header.type === 'directory' ? '' : sha(one),
    }))
    const text = Buffer.from(JSON.stringify({ header: sha(entries[0] as TarEntry), entries: listed }))
    entries[last] = { header: { name: 'manifest.json', size: text.length }, body: text }
  }
  const name = `changed-${randomBytes(4).toString('hex')}.tar.gz`
  write(name, gzipSync(await packTar(entries)))
  return name
}

function header(entries: Entries, more: Readonly<Record<string, unknown>>): Entries {
  const [first, ...rest] = entries
  const text = JSON.parse(Buffer.from(first?.body as Uint8Array).toString()) as object
  const body = Buffer.from(JSON.stringify({ ...text, ...more }))
  return [{ header: { name: 'homeport-backup.json', size: body.length }, body }, ...rest]
}

function put(entries: Entries, name: string, type: 'file' | 'symlink' | 'link' | 'fifo' = 'file'): Entries {
  const body = Buffer.from('planted')
  const isFile = type === 'file'
  const planted = {
    header: { name, size: isFile ? body.length : 0, type, ...(isFile ? {} : { linkname: '/etc/passwd' }) },
    body: isFile ? body : new Uint8Array(0),
  }
  return [...entries.slice(0, -1), planted, ...entries.slice(-1)]
}

describe('a backup that is none, or not what was written', () => {
  beforeEach(async () => {
    await backUp()
    await closeStore()
    renameSync(config, join(root, 'gone'))
  })

  it.each([
    ['climbs out', (e: Entries) => put(e, 'data/../../../escaped'), /leads elsewhere/],
    ['has an absolute path', (e: Entries) => put(e, '/etc/escaped'), /leads elsewhere/],
    ['is of no place', (e: Entries) => put(e, 'other/escaped'), /leads elsewhere/],
    ['has a control character', (e: Entries) => put(e, 'data/a\u001b[2J'), /leads elsewhere/],
    ['holds a symbolic link', (e: Entries) => put(e, 'data/link', 'symlink'), /neither file nor directory/],
    ['holds a hard link', (e: Entries) => put(e, 'data/link', 'link'), /neither file nor directory/],
    ['holds a fifo', (e: Entries) => put(e, 'data/fifo', 'fifo'), /neither file nor directory/],
    ['holds a file twice', (e: Entries) => put(e, 'data/homeport.db'), /is in it twice/],
    ['has a file where a directory is', (e: Entries) => put(put(e, 'data/x'), 'data/x/y'), /ENOTDIR|EEXIST/],
    ['is of a newer version', (e: Entries) => header(e, { homeport: '99.0.0' }), /newer Homeport \(99\.0\.0/],
    ['is of a newer format', (e: Entries) => header(e, { format: 2 }), /newer Homeport/],
    ['has a newer store', (e: Entries) => header(e, { schema: 10_000 }), /newer Homeport/],
    ['has no header', (e: Entries) => e.slice(1), /is no backup of Homeport/],
    ['has no manifest', (e: Entries) => e.slice(0, -1), /its manifest is missing/],
  ] as const)('that %s is refused, and nothing is written', async (_what, change, words) => {
    const file = await rebuilt((entries) => change(entries))
    const before = contentOf(root)
    const { stderr, status, stdout } = await run(['restore', file])
    expect({ stdout, status: status !== undefined && status > 0 }).toEqual({ stdout: '', status: true })
    expect(stderr).toMatch(words)
    expect(stderr).not.toContain('\u001b')
    expect(contentOf(root)).toEqual(before)
    expect(existsSync(config)).toBe(false)
  })

  it('lists a planted file that is not in its manifest, and one that was changed, as such', async () => {
    const planted = await rebuilt((entries) => put(entries, 'data/planted'), { raw: true })
    expect((await run(['restore', planted])).stderr).toContain('data/planted is not in its manifest')
    const changed = await rebuilt(
      (entries) =>
        entries.map((one) =>
          one.header.name === 'config/.env' ? { ...one, body: Buffer.alloc(one.header.size, 'x') } : one,
        ),
      { raw: true },
    )
    expect((await run(['restore', changed])).stderr).toContain('config/.env is not what its manifest says')
  })

  it('is refused wherever it ends, and at whichever byte it is damaged', async () => {
    const whole = readFileSync(archive())
    for (let share = 0; share < 1; share += 0.1) {
      write('half.tar.gz', whole.subarray(0, Math.floor(whole.length * share)))
      expect(await run(['restore', 'half.tar.gz'])).toMatchObject({ stdout: '' })
      const damaged = Buffer.from(whole)
      const at = 20 + Math.floor((whole.length - 40) * share)
      damaged[at] = (damaged[at] ?? 0) ^ 0xff
      write('damaged.tar.gz', damaged)
      expect(await run(['restore', 'damaged.tar.gz'])).toMatchObject({ stdout: '' })
    }
    expect(existsSync(config)).toBe(false)
  })

  it('is told from what is something else', async () => {
    write('noise', randomBytes(10_000))
    write('empty', '')
    write('text.gz', gzipSync('just text, longer than nothing'))
    execFileSync('tar', ['czf', join(root, 'other.tar.gz'), '-C', join(root, 'gone'), '.'])
    for (const name of ['noise', 'empty', 'text.gz', 'other.tar.gz']) {
      const { stderr, status, stdout } = await run(['restore', name])
      expect({ name, stdout, stderr }).toMatchObject({ stdout: '', stderr: expect.stringMatching(/no backup|damaged/) })
      expect(status).toBeGreaterThan(0)
    }
    expect(await run(['restore', 'nowhere'])).toMatchObject({ status: 2, stderr: expect.stringContaining('ENOENT') })
    expect(await run(['restore', '-'])).toMatchObject({ status: 2 })
  })

  it('that says it is larger than what there is room for is refused before it is read', async () => {
    const { header: first, body } = (await unpackTar(gunzipSync(readFileSync(archive())))).map(
      ({ header: head, data }) => ({ header: head, body: data as Uint8Array }),
    )[0] as { readonly header: TarEntry['header']; readonly body: Uint8Array }
    const { readable, controller } = createTarPacker()
    const writer = controller.add(first).getWriter()
    await writer.write(body)
    await writer.close()
    controller.add({ name: 'data/zeros', size: 2 ** 50 })
    const start: Uint8Array[] = []
    const reader = readable.getReader()
    // A block for the first header, those of its body, and three for a header with a size that tar has no field for.
    const blocks = 1 + Math.ceil(body.length / 512) + 3
    for (let length = 0; length < blocks * 512; ) {
      const { value = new Uint8Array(0) } = await reader.read()
      start.push(value)
      length += value.length
    }
    write('large.tar.gz', gzipSync(Buffer.concat([...start, Buffer.alloc(8 * 1024 * 1024)])))
    expect(await run(['restore', 'large.tar.gz'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('holds more than there is room for, from data/zeros on'),
    })
  })

  it('appended to is refused', async () => {
    appendFileSync(archive(), gzipSync(Buffer.alloc(1024, 1)))
    expect((await run(['restore', 'b.tar.gz'])).status).toBe(1)
  })
})
