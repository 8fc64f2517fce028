import { writeFileSync } from 'node:fs'
import { readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fillDisk, mountOwn, unmountOwn } from '../store/own-file-system.js'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { runNcclient, runSsh, startSsh } from './parts/clients.js'
import { type Netconfd, startNetconfd } from './parts/netconfd.js'
import { makeTempDir } from './parts/temp-dir.js'
import { waitFor } from './parts/wait-for.js'
import { startAttachedDevice } from './support/attached-device.js'
import { askBridge } from './support/ask-bridge.js'
import type { RunningBridge } from './support/bridge.js'
import { clientLogin } from './support/client-login.js'
import { operate } from './support/homeport-command.js'
import { type AuditLine, auditedOnce, auditFileOf, auditLines } from './support/audit-lines.js'
import { metricsOf } from './support/metrics.js'
import { endAfterEach } from './support/resources.js'
import { opsUser } from './support/users.js'

const own = endAfterEach()
const base = 'urn:ietf:params:xml:ns:netconf:base:1.0'
const hello = (version: string): string =>
  `<hello xmlns="${base}"><capabilities><capability>urn:ietf:params:netconf:base:${version}</capability></capabilities></hello>]]>]]>`
const rpc = (id: string | number, operation = '<get/>'): string =>
  `<rpc message-id="${id}" xmlns="${base}">${operation}</rpc>`
const chunked = (message: string): string => `\n#${Buffer.byteLength(message)}\n${message}\n##\n`
const closed = (lines: readonly AuditLine[], count: number): boolean =>
  lines.filter(({ event }) => event === 'session-closed').length === count

describe('against the log of a real NETCONF server', () => {
  let netconfd: Netconfd
  beforeAll(async () => {
    netconfd = await startNetconfd({ parameters: ['--log-level=debug'] })
  })
  afterAll(() => netconfd?.stop())

  it('the audit log of a run is complete: each RPC of ncclient and ssh, in both framings, pipelined and denied ones too', async () => {
    const { bridge } = own(await startAttachedDevice({ netconf: netconfd.subsystem }))
    const login = clientLogin(bridge, 'router1')
    await runNcclient(login)

    // Two sessions by hand: one holds a lock, the other one asks for it with pipelined requests.
    const first = startSsh(login)
    await first.write(hello('1.0'))
    await first.output('</hello>]]>]]>')
    await first.write(`${rpc('one', '<lock><target><running/></target></lock>')}]]>]]>`)
    await first.output('<ok/>')
    const second = startSsh(login)
    await second.write(hello('1.1'))
    await second.output('</hello>]]>]]>')
    const wanted = [rpc('two', '<lock><target><running/></target></lock>'), rpc('three'), rpc('four', '<nonsense/>')]
    await second.write([...wanted, rpc('five', '<close-session/>')].map(chunked).join(''))
    await second.ended()
    await first.kill()

    const lines = await auditedOnce(auditFileOf(bridge), 'three sessions to end', (all) => closed(all, 3))
    const numbers = new Map(
      lines.flatMap(({ event, sessionId, netconfSessionId }) =>
        event === 'session-closed' ? [[sessionId, netconfSessionId]] : [],
      ),
    )
    const rpcs = lines.filter(({ event }) => event === 'rpc')
    const ours = rpcs.map(({ sessionId, operation, messageId }) =>
      [numbers.get(sessionId), operation, messageId].join(' '),
    )
    const theirs = await waitFor('the log of netconfd', () => {
      const found = netconfd.log.all.flatMap((line) => {
        const [, operation, session, id] = /^agt_rpc: <(\S+)> for (\d+)=.* \(m:(.*)\) \[/.exec(line) ?? []
        return operation === undefined ? [] : [`${session} ${operation} ${id}`]
      })
      return found.length >= ours.length ? found : undefined
    })
    expect(ours.toSorted()).toEqual(theirs.toSorted())
    expect(rpcs).toHaveLength(8 + 1 + 4)

    const byId = new Map(rpcs.map((line) => [line['messageId'], line]))
    expect(byId.get('two')).toMatchObject({
      user: 'ops',
      via: 'ssh',
      deviceId: 'router1',
      operation: 'lock',
      namespace: base,
      datastore: 'running',
      bytesFromClient: rpc('two', '<lock><target><running/></target></lock>').length,
      outcome: 'lock-denied',
    })
    expect(byId.get('four')?.['outcome']).not.toBe('ok')
    expect(byId.get('three')).toMatchObject({ operation: 'get', outcome: 'ok' })
    expect(byId.get('five')).toMatchObject({ operation: 'close-session', outcome: 'ok' })

    // The same lines are found by the operator.
    const { stdout, status } = await operate(
      bridge,
      'audit',
      '--device',
      'router1',
      '--event',
      'rpc',
      '--since',
      '1h',
      '--json',
    )
    expect(status).toBe(0)
    expect(
      stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual(rpcs)
    const table = await operate(bridge, 'audit', '--outcome', 'lock-denied')
    expect(table.stdout).toMatch(/^TIME .*\n\S+ \S+ +ops +127\.0\.0\.1:\d+ +router1 +\S+ +lock running +lock-denied /)
  })
})

describe('a session that ends before its reply', () => {
  it('leaves its RPC as aborted', async () => {
    const { bridge, device } = own(await startAttachedDevice({ netconf: byteSubsystem.replies(60_000) }))
    const ssh = startSsh(clientLogin(bridge, 'router1'))
    await ssh.write(`${hello('1.0')}${rpc(1, '<edit-config><target><running/></target></edit-config>')}]]>]]>`)
    await ssh.output('</hello>]]>]]>')
    await device.stop()
    await ssh.ended()
    const lines = await auditedOnce(auditFileOf(bridge), 'the session to end', (all) => closed(all, 1))
    expect(lines.map(({ event, outcome, endedBy }) => [event, outcome, endedBy])).toEqual([
      ['session-opened', undefined, undefined],
      ['rpc', 'aborted', undefined],
      ['session-closed', undefined, 'link'],
    ])
  })

  it('is written down by a bridge that is stopped', async () => {
    const { bridge } = own(await startAttachedDevice({ netconf: byteSubsystem.replies(60_000) }))
    const file = auditFileOf(bridge)
    const ssh = startSsh(clientLogin(bridge, 'router1'))
    await ssh.write(`${hello('1.0')}${rpc(1)}]]>]]>`)
    await ssh.output('</hello>]]>]]>')
    const exited = new Promise((resolve) => bridge.process.once('exit', resolve))
    bridge.process.kill('SIGTERM')
    await exited
    expect((await auditLines(file)).map(({ event, outcome, endedBy }) => [event, outcome ?? endedBy])).toEqual([
      ['session-opened', undefined],
      ['rpc', 'aborted'],
      ['session-closed', 'shutdown'],
    ])
  })
})

it('a bridge that is killed has written every line but those of the last second', async () => {
  const { bridge } = own(await startAttachedDevice({ netconf: byteSubsystem.replies() }))
  const ssh = startSsh(clientLogin(bridge, 'router1'))
  const count = 500
  await ssh.write(hello('1.0') + Array.from({ length: count }, (_, id) => `${rpc(id)}]]>]]>`).join(''))
  await ssh.output(`message-id="${count - 1}"`)
  // The promise itself: what is a second old is on the disk.
  await sleep(1000)
  const exited = new Promise((resolve) => bridge.process.once('exit', resolve))
  bridge.process.kill('SIGKILL')
  await exited
  const lines = await auditLines(auditFileOf(bridge))
  expect(lines.flatMap(({ event, messageId }) => (event === 'rpc' ? [Number(messageId)] : []))).toEqual(
    Array.from({ length: count }, (_, id) => id),
  )
})

it('rotation under load: each of thousands of RPCs is there once, over all files', async () => {
  const { bridge } = own(
    await startAttachedDevice({
      netconf: byteSubsystem.replies(),
      config: { users: [opsUser()], audit: { 'max-size': '16KiB', 'max-files': 1000, 'flush-interval': '20ms' } },
    }),
  )
  const sessions = 4
  const each = 1000
  const login = clientLogin(bridge, 'router1')
  await Promise.all(
    Array.from({ length: sessions }, (_, session) =>
      runSsh(login, hello('1.0') + Array.from({ length: each }, (__, n) => `${rpc(`${session}-${n}`)}]]>]]>`).join('')),
    ),
  )
  const lines = await auditedOnce(auditFileOf(bridge), 'the sessions to end', (all) => closed(all, sessions))
  const ids = lines.flatMap(({ event, messageId }) => (event === 'rpc' ? [String(messageId)] : []))
  expect(ids).toHaveLength(sessions * each)
  expect(new Set(ids).size).toBe(sessions * each)
  expect(lines.filter(({ outcome }) => outcome !== undefined && outcome !== 'ok')).toEqual([])
  const files = (await readdir(join(bridge.directory, 'data'))).filter((name) => name.startsWith('record.jsonl'))
  expect(files.length).toBeGreaterThan(30)
})

describe('on a disk that is full', () => {
  const room = async () => {
    const directory = await makeTempDir('small-disk')
    await mountOwn(directory.path, '128k')
    own({
      stop: async () => {
        await unmountOwn(directory.path)
        await directory.remove()
      },
    })
    const file = join(directory.path, 'record.jsonl')
    const ballast = join(directory.path, 'ballast')
    const attached = own(
      await startAttachedDevice({
        netconf: byteSubsystem.replies(),
        config: { users: [opsUser()], audit: { file } },
      }),
    )
    return { ...attached, file, ballast, login: clientLogin(attached.bridge, 'router1') }
  }
  /** What /readyz says. */
  const ready = async (bridge: RunningBridge) => {
    const { status, body } = await askBridge(bridge, '/readyz')
    return { status, unready: (JSON.parse(body) as { readonly unready?: unknown[] }).unready ?? [] }
  }
  /** Runs a session with one RPC. */
  const session = (login: ReturnType<typeof clientLogin>, id: string) =>
    runSsh(login, `${hello('1.0')}${rpc(id)}]]>]]>`)

  it('no new session begins, one that runs goes on, and nothing is missing once there is room again', async () => {
    const { bridge, file, ballast, login } = await room()
    const running = startSsh(login)
    await running.write(hello('1.0'))
    await running.output('</hello>]]>]]>')
    await auditedOnce(file, 'the session', (lines) => lines.length === 1)
    await fillDisk(ballast)
    let asked = 0
    const ask = async (): Promise<void> => {
      await running.write(`${rpc(`running-${asked}`)}]]>]]>`)
      await waitFor('the reply', () => running.stdout().includes(`message-id="running-${asked}"`))
      asked += 1
    }
    // What is left of the file's last page takes some lines still.
    while (bridge.log().every(({ msg }) => !msg.startsWith('record not written'))) await ask()
    await ask()
    const refused = await session(login, 'refused')
    expect(refused.stderr).toContain('the bridge cannot write its record, and takes no new sessions meanwhile')
    expect(refused.status).toBe(1)
    await bridge.logged(/^session refused/, { reason: 'record-not-written' })
    const message = 'it cannot be written (disk-full), so no new session is taken; the log says more'
    expect(await ready(bridge)).toEqual({ status: 503, unready: [{ part: 'audit', message }] })
    const failing = await metricsOf(bridge)
    expect([failing.get('homeport_ready'), failing.get('homeport_audit_failing')]).toEqual([0, 1])

    await rm(ballast)
    await bridge.logged(/^the record is written again/)
    expect(await ready(bridge)).toEqual({ status: 200, unready: [] })
    const well = await metricsOf(bridge)
    expect([well.get('homeport_ready'), well.get('homeport_audit_failing')]).toEqual([1, 0])
    expect((await session(login, 'after')).stdout.toString()).toContain('message-id="after"')
    running.end()
    await running.ended()
    const lines = await auditedOnce(file, 'both sessions to end', (all) => closed(all, 2))
    expect(lines.flatMap(({ event, messageId }) => (event === 'rpc' ? [messageId] : []))).toEqual([
      ...Array.from({ length: asked }, (_, n) => `running-${n}`),
      'after',
    ])
    expect(lines.filter(({ reason }) => reason === 'record-not-written')).toHaveLength(1)
  })

  it('sessions begin all the same where that is configured, also by a reload', async () => {
    const { bridge, file, ballast, login, hostKey, secret } = await room()
    await session(login, 'before')
    await auditedOnce(file, 'the session to end', (all) => closed(all, 1))
    await fillDisk(ballast)
    while (bridge.log().every(({ msg }) => !msg.startsWith('record not written'))) await session(login, 'filling')
    expect((await session(login, 'refused')).status).toBe(1)
    await bridge.reload({
      credentials: { default: { username: 'netconf', password: 'pw-device' } },
      devices: [{ id: 'router1', secret, 'host-keys': [hostKey.publicKey] }],
      users: [opsUser()],
      audit: { file, 'when-full': 'continue' },
    })
    expect((await session(login, 'continued')).stdout.toString()).toContain('message-id="continued"')
    // It fails, but refuses nobody.
    expect(await ready(bridge)).toEqual({ status: 200, unready: [] })
    expect((await metricsOf(bridge)).get('homeport_audit_failing')).toBe(1)
    await rm(ballast)
    const lines = await auditedOnce(file, 'the lines that waited', (all) =>
      all.some(({ messageId }) => messageId === 'continued'),
    )
    expect(lines.filter(({ event }) => event === 'lines-lost')).toEqual([])
  })
})

it('each way in, and what a role forbids, is in it; what an operation or a command carries is neither in it nor in the log', async () => {
  const { bridge } = own(
    await startAttachedDevice({
      netconf: byteSubsystem.replies(),
      config: {
        users: [opsUser(), opsUser({ name: 'eve', roles: ['viewer'] })],
        roles: {
          operator: { devices: ['*'], operations: ['*'], channels: ['netconf', 'exec'] },
          viewer: { devices: ['*'], operations: ['get'] },
        },
      },
    }),
  )
  const secret = 'S3cr3t-of-the-config'
  const edit = `<edit-config><target><candidate/></target><config><password>${secret}</password></config></edit-config>`
  const long = `<load-configuration><configuration-text>${'x'.repeat(10_000)} secret "${secret}";</configuration-text></load-configuration>`
  const login = clientLogin(bridge, 'router1')
  await runSsh(login, `${hello('1.0')}${rpc(1, edit)}]]>]]>${rpc(2, long)}]]>]]>`)
  await runSsh(login, '', { ask: { exec: `true password ${secret}` } })
  await runSsh({ ...login, user: 'eve@router1' }, `${hello('1.0')}${rpc(3, edit)}]]>]]>${rpc(4)}]]>]]>`)
  expect((await operate(bridge, 'rpc', 'router1', writtenTo(bridge, edit))).status).toBe(0)
  const lines = await auditedOnce(
    auditFileOf(bridge),
    'three sessions to end and a call',
    (all) => closed(all, 3) && all.some(({ event, via }) => event === 'rpc' && via === 'http'),
  )
  expect(
    lines.flatMap(({ event, user, via, operation, datastore, outcome }) =>
      event === 'rpc' ? [[user, via, operation, datastore, outcome].join(' ')] : [],
    ),
  ).toEqual([
    'ops ssh edit-config candidate ok',
    'ops ssh load-configuration  ok',
    'eve ssh edit-config candidate access-denied',
    'eve ssh get  ok',
    'operator http edit-config candidate ok',
  ])
  expect(lines.find(({ command }) => command !== undefined)).toMatchObject({
    event: 'session-opened',
    channel: 'exec',
    request: 'true',
    command: 'true password [secret]',
  })
  await operate(bridge, 'audit')
  expect(await holders(bridge, secret)).toEqual(['edit.xml'])
})

it('a session in full has what was said on both sides, and no secret', async () => {
  const netconfd = own(await startNetconfd())
  const { bridge } = own(
    await startAttachedDevice({
      netconf: netconfd.subsystem,
      config: { users: [opsUser(), opsUser({ name: 'other' })], audit: { full: { users: ['ops'], redact: ['box'] } } },
    }),
  )
  const login = clientLogin(bridge, 'router1')
  await runNcclient(login)
  await runNcclient({ ...login, user: 'other@router1' })
  const directory = join(bridge.directory, 'data', 'transcripts')
  const name = await waitFor('the file', async () => (await readdir(directory).catch(() => []))[0])
  const lines = await auditedOnce(join(directory, name), 'the session to end', (all) =>
    all.some(({ event }) => event === 'session-closed'),
  )
  expect(await readdir(directory)).toHaveLength(1)
  const said = lines.flatMap(({ from, text }) => (typeof text === 'string' ? [`${String(from)}: ${text}`] : []))
  expect(lines.filter(({ leftOut }) => leftOut !== undefined)).toEqual([])
  expect(said.filter((one) => one.includes('<edit-config') || one.includes(':edit-config'))).toHaveLength(1)
  expect(said.filter((one) => /^device: [^]*rpc-reply/.test(one)).length).toBe(8)
  expect(said.filter((one) => /^(client|device): [^]*<(nc:)?hello/.test(one))).toHaveLength(2)
  // netconfd calls its configuration tree `box`: to this bridge all of it is a secret.
  expect(said.filter((one) => one.includes('[secret]')).length).toBeGreaterThan(0)
  expect(said.filter((one) => /<(?:\w+:)?box(?:\s[^>]*)?[^/]>(?!\[secret\])/.test(one))).toEqual([])
})

/** A file beside the bridge's configuration with a text in it. */
function writtenTo({ directory }: RunningBridge, text: string): string {
  const file = join(directory, 'data', 'edit.xml')
  writeFileSync(file, text)
  return file
}

/** The files of a bridge, and its log, in which a text stands. */
async function holders({ directory, lines }: RunningBridge, text: string): Promise<readonly string[]> {
  const data = join(directory, 'data')
  const files = (await readdir(data, { recursive: true, withFileTypes: true })).filter((entry) => entry.isFile())
  const found = await Promise.all(
    files.map(async ({ parentPath, name }) => ((await readFile(join(parentPath, name))).includes(text) ? [name] : [])),
  )
  return [...found.flat(), ...(lines.all.some((line) => line.includes(text)) ? ['log'] : [])]
}
