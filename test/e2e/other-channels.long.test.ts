import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { byteSubsystem } from './parts/byte-subsystem.js'
import {
  type Ended,
  type Login,
  openssh,
  run,
  runPython,
  runSsh,
  sshCommand,
  sshEnvironment,
  startSsh,
} from './parts/clients.js'
import { makeSshKey, type SshKey } from './parts/ssh-keys.js'
import { makeTempDir, type TempDir } from './parts/temp-dir.js'
import { runOnTerminal } from './parts/terminal.js'
import { type AttachedDevice, startAttachedDevice } from './support/attached-device.js'
import { clientLogin } from './support/client-login.js'
import { login as loginWithSsh2, openCommand } from './support/test-client.js'
import { opsUser } from './support/users.js'

const MiB = 1024 * 1024

describe('channels other than NETCONF, through the bridge to a real sshd', () => {
  let room: TempDir
  let key: SshKey
  let attached: AttachedDevice

  beforeAll(async () => {
    room = await makeTempDir('other-channels')
    key = await makeSshKey(room.path, 'ed25519', 'client')
    const user = (name: string, ...roles: string[]) => opsUser({ name, roles, 'authorized-keys': [key.publicKey] })
    attached = await startAttachedDevice({
      netconf: byteSubsystem.echo(),
      device: {
        subsystems: { netconf: byteSubsystem.echo(), sftp: 'exec /usr/lib/openssh/sftp-server' },
        profile: "PS1='device# '\n",
        config: ['MaxSessions 20', 'AcceptEnv LANG LC_*'],
      },
      config: {
        endpoint: { ssh: { 'further-ports': [0, 0] } },
        users: [
          user('ops', 'operator'),
          user('every', 'everything'),
          user('sheller', 'shells'),
          user('runner', 'commands'),
          user('copier', 'files'),
          user('both', 'commands', 'files'),
        ],
        roles: {
          operator: { devices: ['*'], operations: ['*'] },
          everything: { devices: ['*'], operations: ['*'], channels: ['netconf', 'exec', 'shell', 'sftp'] },
          shells: { devices: ['*'], operations: ['*'], channels: ['shell'] },
          commands: { devices: ['*'], operations: ['*'], channels: ['exec'] },
          files: { devices: ['*'], operations: ['*'], channels: ['sftp'] },
        },
      },
    })
  })
  afterAll(async () => {
    await attached?.stop()
    await room?.remove()
  })

  const as = (user: string): Login => {
    const { password: _, ...login } = clientLogin(attached.bridge, 'router1', { user })
    return { ...login, key }
  }
  const runClient = (command: readonly string[], login: Login): Promise<Ended> => {
    const client = run(command, { ...sshEnvironment(login), HOME: room.path })
    client.end()
    return client.ended()
  }
  const scp = (login: Login, args: readonly string[], from: string, to: string): Promise<Ended> =>
    runClient(openssh('scp', login, ['-q', ...args], [from, to]), login)

  describe('a shell', () => {
    it('has the terminal of its client: type, size, modes, echo, control-C, a new size, and its exit status', async () => {
      const { status, output } = await runOnTerminal(
        as('every'),
        [
          { expect: 'device# ' },
          { type: 'echo terminal=$TERM size=$(stty size) language=$LANG\n' },
          { expect: 'terminal=xterm-256color size=31 97 language=xx_YY.UTF-8\r\n' },
          { type: 'stty -a\n' },
          { expect: 'erase = \\^H' },
          { expect: 'device# ' },
          { resize: [132, 43] },
          { type: 'until [ "$(stty size)" = "43 132" ]; do sleep 0.05; done; echo resized=$((1+1))\n' },
          { expect: 'resized=2\r\n' },
          { type: "sh -c 'echo asleep=$((2+2)); exec sleep 100'\n" },
          { expect: 'asleep=4\r\n' },
          { type: '\x03' },
          { expect: '\\^C\r\ndevice# ' },
          { type: 'echo status=$?\n' },
          { expect: 'status=130\r\n' },
          { type: 'exit 7\n' },
        ],
        { args: ['-tt', '-o', 'SendEnv=LANG'], environment: { LANG: 'xx_YY.UTF-8' } },
      )
      expect(status).toBe(7)
      expect(output).toContain('echo status=$?\r\n')
      await attached.bridge.logged(/^session closed/, { user: 'every', channel: 'shell' })
    })

    it('without a terminal reads commands from standard input up to its end', async () => {
      const { stdout, status } = await runSsh(as('sheller'), 'echo one; tty; exit 4\n', { ask: 'shell', args: ['-T'] })
      expect(stdout.toString()).toBe('one\nnot a tty\n')
      expect(status).toBe(4)
    })
  })

  describe('a command', () => {
    it('has standard input up to its end, output, errors and status of its own', async () => {
      const command = 'cat; echo odd >&2; exit 3'
      const { stdout, stderr, status } = await runSsh(as('runner'), 'in and out\n', { ask: { exec: command } })
      expect([stdout.toString(), stderr, status]).toEqual(['in and out\n', 'odd\n', 3])
      const line = await attached.bridge.logged(/^session closed/, { user: 'runner', channel: 'exec' })
      expect(line).toMatchObject({ exit: { status: 3 }, bytesFromClient: 11, bytesFromDevice: 11 })
      expect(attached.bridge.lines.all.join('\n')).not.toContain('echo odd')
    })

    it('runs on a terminal where one is asked for', async () => {
      const { status, output } = await runOnTerminal(as('runner'), [{ expect: 'size=31 97' }], {
        command: 'echo size=$(stty size); exit 5',
      })
      expect([status, output]).toEqual([5, 'size=31 97\r\n'])
    })

    it('is signalled, and its end by a signal is told', async () => {
      const client = await loginWithSsh2(attached.bridge, 'router1', { username: 'every@router1' })
      const trapping = await openCommand(
        client,
        'trap "echo trapped; exit 9" USR1; echo ready; while :; do sleep 0.1; done',
      )
      const [heard, exited] = [once(trapping, 'data'), once(trapping, 'exit')]
      expect(String(await heard)).toBe('ready\n')
      const trapped = once(trapping, 'data')
      trapping.signal('USR1')
      expect(String(await trapped)).toBe('trapped\n')
      expect(await exited).toEqual([9])
      const killed = await openCommand(client, 'kill -KILL $$')
      killed.resume()
      expect(await once(killed, 'exit')).toEqual([null, 'SIGKILL', false, expect.any(String)])
      client.stop()
    })

    it('that leaves a process behind which holds its output open ends when that does', async () => {
      const { stdout, status } = await runSsh(as('runner'), '', {
        ask: { exec: '(sleep 0.3; echo late) & echo early' },
      })
      expect([stdout.toString(), status]).toEqual(['early\nlate\n', 0])
    })

    it('ends on the device when its client leaves', async () => {
      const ssh = startSsh(as('runner'), { ask: { exec: 'echo $$; exec cat' } })
      const line = await ssh.output('\n')
      const pid = Number(ssh.stdout().subarray(0, line).toString())
      await ssh.kill()
      await attached.bridge.logged(/^session closed/, { user: 'runner', endedBy: 'client' })
      await expect.poll(() => readFile(`/proc/${pid}/cmdline`).catch(() => 'gone'), { timeout: 5000 }).toBe('gone')
    })
  })

  describe('files of 100 MiB', () => {
    const file = () => join(room.path, '100-MiB')
    let hash: string
    beforeAll(async () => {
      const block = randomBytes(MiB)
      await writeFile(
        file(),
        Buffer.concat(Array.from({ length: 100 }, (_, index) => (block.writeUInt32BE(index), Buffer.from(block)))),
      )
      hash = await hashOf(file())
    })

    it.each([
      ['SFTP, by scp', 'copier', []],
      ["scp's own protocol, scp -O", 'copier', ['-O']],
    ])(
      'arrive whole, both ways, with memory as flat as before: %s',
      async (_name, user, args) => {
        const login = as(user)
        const [there, back] = ['there', 'back'].map((name) => join(room.path, `${name}${args.join('')}`)) as [
          string,
          string,
        ]
        const before = await attached.bridge.residentMemory()
        const upload = await scp(login, args, file(), `${login.user}@${login.host}:${there}`)
        expect([upload.stderr, upload.status]).toEqual(['', 0])
        const download = await scp(login, args, `${login.host}:${there}`, back)
        expect([download.stderr, download.status]).toEqual(['', 0])
        expect(await hashOf(back)).toBe(hash)
        expect(((await attached.bridge.residentMemory()) - before) / MiB).toBeLessThan(64)
      },
      60_000,
    )
  })

  it('sftp works through a batch of commands', async () => {
    const directory = join(room.path, 'sftp')
    await mkdir(directory)
    await writeFile(join(directory, 'put'), 'put')
    await writeFile(
      join(directory, 'batch'),
      `cd ${directory}\nlcd ${directory}\nput put got\nchmod 600 got\nls -l got\nget got got-back\n`,
    )
    const login = as('copier')
    const { stdout, status } = await runClient(
      openssh('sftp', login, ['-b', join(directory, 'batch')], [`${login.user}@${login.host}`]),
      login,
    )
    expect(stdout.toString()).toMatch(/-rw------- .+ got\n/)
    expect(status).toBe(0)
    expect(await readFile(join(directory, 'got-back'), 'utf8')).toBe('put')
  })

  describe('what no role of the user allows is refused, with what would allow it', () => {
    it.each<[string, string, Parameters<typeof runSsh>[2], RegExp]>([
      [
        'a shell',
        'ops',
        { ask: 'shell', args: ['-T'] },
        /^homeport: user "ops" may not have a shell on device "router1": the channels of role operator are netconf; it takes a role with `shell` among its `channels`; for NETCONF .+\n$/,
      ],
      [
        'a shell',
        'both',
        { ask: 'shell', args: ['-T'] },
        /the channels of role commands, files are exec, sftp; it takes a role with `shell` among its `channels`\n$/,
      ],
      [
        'a command',
        'sheller',
        { ask: { exec: 'true' } },
        /may not have this command run .+ it takes a role with `exec` among/,
      ],
      [
        'a copy by scp -O',
        'ops',
        { ask: { exec: 'scp -t /tmp' } },
        /may not have this command run .+ it takes a role with `exec` or `sftp` among/,
      ],
      [
        'more than a copy',
        'copier',
        { ask: { exec: 'scp -t /tmp; id' } },
        /may not have this command run .+ it takes a role with `exec` among/,
      ],
      [
        'SFTP',
        'runner',
        { ask: { subsystem: 'sftp' } },
        /may not have the subsystem "sftp" .+ it takes a role with `sftp` among/,
      ],
      [
        'NETCONF',
        'both',
        { ask: { subsystem: 'netconf' } },
        /may not have NETCONF on device "router1": .+ it takes a role with `netconf` among its `channels`\n$/,
      ],
      [
        'NETCONF as a command',
        'runner',
        { ask: { exec: 'xml-mode netconf need-trailer' } },
        /it takes a role with `netconf` among/,
      ],
      [
        'another subsystem',
        'every',
        { ask: { subsystem: 'junoscript' } },
        /the subsystem "junoscript" is not carried to devices/,
      ],
    ])('%s, to %s', async (_name, user, options, line) => {
      const { stdout, stderr, status } = await runSsh(as(user), '', options)
      expect(stderr).toMatch(line)
      expect([stdout.length, status]).toEqual([0, 1])
    })

    it.each([['ops'], ['copier']])('a terminal, to %s', async (user) => {
      const { status, output } = await runOnTerminal(
        as(user),
        [{ expect: 'PTY allocation request failed' }, { expect: 'may not have a shell' }],
        { args: [] },
      )
      expect([status, output]).toEqual([1, expect.stringMatching(/it takes a role with `shell`/)])
      await attached.bridge.logged(/^session refused/, { user, reason: 'channel-not-allowed' })
    })

    it('a command that is not UTF-8, which would reach the device as another one', async () => {
      const ssh = sshCommand(as('every'), { ask: 'shell' })
      const { stderr, status } = await runClient(
        ['sh', '-c', 'exec "$@" "$(printf \'echo \\377\')"', 'sh', ...ssh],
        as('every'),
      )
      expect(stderr).toMatch(/^homeport: the command is not UTF-8/)
      expect(status).toBe(1)
    })

    it('forwarding of ports, agents and X11, to anybody', async () => {
      const client = await loginWithSsh2(attached.bridge, 'router1', { username: 'every@router1' })
      await expect(
        new Promise((resolve, reject) =>
          client.forwardIn('127.0.0.1', 0, (error, port) => (error ? reject(error) : resolve(port))),
        ),
      ).rejects.toThrow(/Unable to bind/)
      await expect(
        new Promise((resolve, reject) =>
          client.shell(false, { x11: true }, (error, channel) => (error ? reject(error) : resolve(channel))),
        ),
      ).rejects.toThrow(/X11/)
      client.stop()
    })
  })

  describe('tools that are written in Python', () => {
    const tool = (script: string, user: string): Promise<unknown> =>
      // PyEZ dials port 22 of every other host than this one.
      runPython(
        script,
        { ...clientLogin(attached.bridge, 'router1', { user }), host: 'localhost' },
        { directory: room.path },
      )

    it("PyEZ's StartShell and SCP", async () => {
      expect(await tool('pyez_shell_and_scp.py', 'every')).toEqual({
        ok: true,
        output: 'from the shell',
        copied: 'copied twice',
      })
    })

    it("PyEZ's SCP, by a user whose roles allow files and no commands", async () => {
      expect(await tool('pyez_scp.py', 'copier')).toEqual({ copied: 'copied twice' })
    })

    it("netmiko's command line", async () => {
      expect(await tool('netmiko_commands.py', 'sheller')).toEqual({ output: 'netmiko 42', prompt: 'device' })
    })
  })

  it('further ports have the same endpoint', async () => {
    expect(attached.bridge.furtherPorts.length).toBe(2)
    for (const port of attached.bridge.furtherPorts) {
      const { stdout } = await runSsh({ ...as('every'), port }, '', { ask: { exec: 'echo here too' } })
      expect(stdout.toString()).toBe('here too\n')
    }
    expect(
      (await runSsh({ ...as('ops'), port: attached.bridge.furtherPorts[0] ?? 0 }, 'octets')).stdout.toString(),
    ).toBe('octets')
  })

  it('a user with NETCONF alone has NETCONF as before', async () => {
    const { stdout, status } = await runSsh(as('ops'), 'octets', { args: ['-o', 'SendEnv=LANG'] })
    expect([stdout.toString(), status]).toEqual(['octets', 0])
  })
})

describe('what the device itself refuses', () => {
  let attached: AttachedDevice
  let login: Login

  beforeAll(async () => {
    const channels = ['netconf', 'exec', 'shell', 'sftp']
    attached = await startAttachedDevice({
      netconf: byteSubsystem.echo(),
      device: { config: ['PermitTTY no', 'MaxSessions 2'] },
      config: { link: { 'session-wait': '0s' }, roles: { operator: { devices: ['*'], operations: ['*'], channels } } },
    })
    login = clientLogin(attached.bridge, 'router1')
  })
  afterAll(() => attached?.stop())

  it('is refused to the client, as by the device: SFTP', async () => {
    const { stderr, status } = await runSsh(login, '', { ask: { subsystem: 'sftp' } })
    expect([stderr, status]).toEqual(['subsystem request failed on channel 0\r\n', 255])
    const { msg } = await attached.bridge.logged(/^session refused/, { reason: 'refused-by-device' })
    expect(msg).toMatch(/refused the subsystem sftp/)
  })

  it('is told, and the rest goes on: a terminal', async () => {
    const { stdout, stderr, status } = await runSsh(login, '', { ask: { exec: 'tty; exit 6' }, args: ['-tt'] })
    expect([stdout.toString(), stderr, status]).toEqual(['not a tty\n', 'homeport: the device gave no terminal\r\n', 6])
  })

  it('is a session too many, of whatever kind', async () => {
    const held = [startSsh(login, { ask: { exec: 'echo up; cat' } }), startSsh(login, { ask: 'shell', args: ['-T'] })]
    held[1]?.process.stdin.write('echo up\n')
    for (const each of held) await each.output('up\n')
    const { stderr, status } = await runSsh(login)
    expect(stderr).toMatch(/^homeport: device "router1" has no free session/)
    expect(status).toBe(1)
    for (const each of held) each.end()
    await Promise.all(held.map((each) => each.ended()))
  })
})

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
  return hash.digest('hex')
}
