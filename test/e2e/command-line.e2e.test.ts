import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { collectLines, type Lines } from './parts/lines.js'
import { makeTempDir, type TempDir } from './parts/temp-dir.js'
import { byteSubsystem } from './parts/byte-subsystem.js'
import { deviceLogin, startAttachedDevice } from './support/attached-device.js'
import { startBridge } from './support/bridge.js'
import { endAfterEach } from './support/resources.js'
import { login, openNetconf } from './support/test-client.js'
import { opsUser } from './support/users.js'

const main = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
const own = endAfterEach()

type Ended = { readonly status: number | null; readonly stdout: string; readonly stderr: string }

/** Runs a program to its end; standard input is given at once. */
function run(
  program: string,
  words: readonly string[],
  { cwd, input = '' }: { cwd?: string; input?: string } = {},
): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(program, words, { cwd, timeout: 30_000 }, (_error, stdout, stderr) =>
      resolve({ status: child.exitCode, stdout, stderr }),
    )
    child.stdin?.end(input)
  })
}

/** Ends a process that may have ended already. */
async function ended(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill(signal)
  await once(child, 'exit')
}

const homeport = (...words: readonly string[]): Promise<Ended> => run(process.execPath, [main, ...words])

describe('homeport serve', () => {
  let directory: TempDir
  beforeAll(async () => {
    directory = await makeTempDir('serve')
  })
  afterAll(() => directory?.remove())

  async function configFile(content: string): Promise<string> {
    const file = join(directory.path, 'homeport.yaml')
    await writeFile(file, content)
    return file
  }

  it('warns of a configuration with secrets that everybody may read, and where it runs as root', async () => {
    const bridge = own(
      await startBridge({ credentials: { default: { username: 'netconf', password: 'written-here' } } }),
    )
    const { mode } = await stat(join(bridge.directory, 'homeport.yaml'))
    const warned = (words: string) => bridge.log().some(({ level, msg }) => level === 'warn' && msg.includes(words))
    expect(warned('everybody on this machine may read it')).toBe((mode & 0o004) !== 0)
    expect(warned('runs as root')).toBe(process.getuid?.() === 0)
    expect(bridge.lines.all.join('\n')).not.toContain('written-here')
  })

  it('makes its host keys at the first start, for its owner alone, and keeps them', async () => {
    const config = { users: [opsUser()], 'data-dir': join(directory.path, 'kept') }
    const fingerprints: unknown[] = []
    for (let start = 0; start < 2; start += 1) {
      const bridge = await startBridge(config)
      fingerprints.push(
        bridge
          .log()
          .filter(({ msg }) => msg === 'host key')
          .map((line) => line['fingerprint']),
      )
      await bridge.stop()
    }
    expect(fingerprints[0]).toHaveLength(3)
    expect(fingerprints[1]).toEqual(fingerprints[0])
    for (const name of ['ssh_host_ed25519_key', 'ssh_host_ecdsa_key', 'ssh_host_rsa_key'])
      expect((await stat(join(directory.path, 'kept', name))).mode & 0o777).toBe(0o600)
  })

  it('without the right to port 830 it names the ways out and ends with status 1', async () => {
    const file = await configFile(`{ call-home: { ssh: { port: 0 } }, data-dir: ${directory.path}/d }`)
    // A network namespace of its own has the kernel's default for unprivileged ports, whatever this machine has.
    const words = [
      '--user',
      '--map-root-user',
      '--net',
      'setpriv',
      '--bounding-set',
      '-net_bind_service',
      '--inh-caps',
      '-net_bind_service',
    ]
    const { status, stderr } = await run('unshare', [...words, process.execPath, main, 'serve', '--config', file])
    expect(stderr).toMatch(/^homeport: endpoint\.ssh: not permitted to listen on \[::\]:830/m)
    for (const way of [
      'setcap cap_net_bind_service',
      'sysctl net.ipv4.ip_unprivileged_port_start=830',
      'socket activation',
      'set endpoint.ssh.port',
    ])
      expect(stderr).toContain(way)
    expect(status).toBe(1)
  })

  it('takes a socket that systemd hands over instead of binding one', async () => {
    const file = await configFile(
      `{ call-home: { ssh: { address: 127.0.0.1, port: 0 } }, endpoint: { ssh: { port: 1 }, http: { port: none } }, data-dir: ${directory.path}/d, log: { format: json } }`,
    )
    // What sd_listen_fds(3) describes: descriptor 3, its name, and the process id of whom it is for.
    const activate = [
      'import os, socket, sys',
      'listening = socket.create_server(("127.0.0.1", 0))',
      'os.dup2(listening.fileno(), 3)',
      'os.set_inheritable(3, True)',
      'os.write(2, b"port %d\\n" % listening.getsockname()[1])',
      'os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1", LISTEN_FDNAMES="endpoint-ssh")',
      'os.execv(sys.argv[1], sys.argv[1:])',
    ].join('\n')
    const words = ['-c', activate, process.execPath, main, 'serve', '--config', file]
    const child = spawn('/usr/bin/python3', words, { stdio: ['ignore', 'ignore', 'pipe'] })
    own({ stop: () => ended(child) })
    const lines = collectLines('the bridge')
    lines.add(child.stderr)
    const port = (await lines.match(/^port \d+$/)).slice('port '.length)
    expect(await lines.match(/"msg":"ready"/)).toContain(`"endpoint":"127.0.0.1:${port}"`)
  })

  it('a port that is taken is named, with the way to find out by whom', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    const { port } = taken.address() as { port: number }
    const file = await configFile(
      `{ call-home: { ssh: { address: 127.0.0.1, port: ${port} } }, endpoint: { ssh: { port: 0 }, http: { port: none } }, data-dir: ${directory.path}/d }`,
    )
    const { status, stderr } = await homeport('serve', '--config', file)
    taken.close()
    expect(stderr).toMatch(new RegExp(`^homeport: call-home\\.ssh: 127\\.0\\.0\\.1:${port} is already in use$`, 'm'))
    // There were none.
    expect(stderr).not.toContain('cut off')
    expect(stderr).not.toMatch(/cut off/)
    expect(status).toBe(1)
  })

  it('a broken configuration ends it with status 2 and every place that is wrong', async () => {
    const file = await configFile('endpont: {}\nendpoint:\n  ssh:\n    port: 99999\n')
    const { status, stderr } = await homeport('serve', '--config', file)
    expect(stderr).toMatch(/homeport\.yaml:1:1: .*unknown key.*did you mean `endpoint`/)
    expect(stderr).toMatch(/homeport\.yaml:4:\d+: endpoint\.ssh\.port: /)
    expect(status).toBe(2)
  })

  it('on a terminal the log is readable', async () => {
    const file = await configFile(
      `{ call-home: { ssh: { address: 127.0.0.1, port: 0 } }, endpoint: { ssh: { address: 127.0.0.1, port: 0 }, http: { address: 127.0.0.1, port: 0 } }, data-dir: ${directory.path}/d }`,
    )
    const child = spawn('script', ['-qec', `${process.execPath} ${main} serve --config ${file}`, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    own({ stop: () => ended(child) })
    const lines = collectLines('the bridge')
    lines.add(child.stdout)
    const line = await lines.match(/ready/)
    expect(line).toMatch(/INFO.*ready/)
    expect(line).not.toMatch(/^\{/)
  })
})

describe('a signal while the bridge starts', () => {
  let directory: TempDir
  beforeAll(async () => {
    directory = await makeTempDir('signals')
  })
  afterAll(() => directory.remove())

  const start = async (content: string) => {
    const file = join(directory.path, 'homeport.yaml')
    await writeFile(file, content)
    const child = spawn(process.execPath, [main, 'serve', '--config', file], { stdio: ['ignore', 'ignore', 'pipe'] })
    const lines = collectLines('the bridge')
    lines.add(child.stderr)
    const exited = once(child, 'exit')
    own({ stop: () => ended(child, 'SIGKILL') })
    await lines.match(/"msg":"configuration read"/)
    return { file, child, lines, exited }
  }
  const free = (data: string): string =>
    `{ call-home: { ssh: { port: 0 } }, endpoint: { ssh: { port: 0 }, http: { port: none } }, data-dir: ${directory.path}/${data} }`

  it('that reloads is heeded once it runs', async () => {
    const { file, child, lines, exited } = await start(free('hung-up'))
    await writeFile(file, free('hung-up').replace('{ call-home', '{ drain-timeout: 1s, call-home'))
    child.kill('SIGHUP')
    await lines.match(/"msg":"ready"/)
    await lines.match(/configuration reloaded/)
    child.kill('SIGTERM')
    expect(await exited).toEqual([0, null])
  })

  it('that stops is heeded once it runs, in order', async () => {
    const { child, lines, exited } = await start(free('stopped'))
    child.kill('SIGTERM')
    expect(await exited).toEqual([0, null])
    expect(lines.all.join('\n')).toMatch(/"msg":"ready"[^]*"msg":"stopping"/)
  })
})

describe('SIGHUP', () => {
  it('takes new users at once and keeps listening; a broken file changes nothing', async () => {
    const device = { id: 'router1', secret: 'a' }
    const credentials = { default: { username: 'netconf', password: 'x' } }
    const bridge = own(await startBridge({ credentials, devices: [device], users: [opsUser({ name: 'old' })] }))
    await bridge.reload({ credentials, devices: [device], users: [opsUser()] })
    const client = own(await login(bridge, 'router1'))
    const told = once((await openNetconf(client)).stderr, 'data')
    expect(String(await told)).toMatch(/"router1" is not connected/)

    await bridge.reload('users: [ { nam: ops } ]')
    expect(bridge.lines.all.join('\n')).toMatch(/homeport\.yaml:1:\d+: .*unknown key.*did you mean `name`/)
    expect(bridge.log().at(-1)?.msg).toMatch(/^configuration not reloaded/)
    own(await login(bridge, 'router1'))
  })
})

describe('SIGHUP with a live link', () => {
  it('keeps the link and its sessions, and ends them when the device is removed', async () => {
    const attached = own(await startAttachedDevice({ netconf: byteSubsystem.echo() }))
    const { bridge, secret, hostKey } = attached
    const client = own(await login(bridge, 'router1'))
    const channel = await openNetconf(client)
    const credentials = { default: { username: deviceLogin.user, password: deviceLogin.password } }
    const router1 = { id: 'router1', secret, 'host-keys': [hostKey.publicKey] }

    await bridge.reload({ credentials, devices: [router1, { id: 'router2', secret: 'x' }], users: [opsUser()] })
    const echoed = once(channel, 'data')
    channel.write('over the reload')
    expect(String(await echoed)).toBe('over the reload')
    expect(bridge.log().filter(({ msg }) => msg.startsWith('link detached'))).toEqual([])

    const told = once(channel.stderr, 'data')
    await bridge.reload({ credentials, devices: [{ id: 'router2', secret: 'x' }], users: [opsUser()] })
    expect(String(await told)).toMatch(/the device was removed from the configuration/)
  })

  it('ends a link that the new configuration no longer trusts', async () => {
    const { bridge } = own(await startAttachedDevice({ netconf: byteSubsystem.echo() }))
    const credentials = { default: { username: deviceLogin.user, password: deviceLogin.password } }
    await bridge.reload({ credentials, devices: [{ id: 'router1', secret: 'another' }], users: [opsUser()] })
    await bridge.logged(/^link detached/, { deviceId: 'router1', reason: 'no-longer-proven' })
  })
})

describe('wrong usage ends with status 2', () => {
  it.each([
    ['an unknown command', ['sreve'], /unknown command 'sreve'.*\(Did you mean serve\?\)/s],
    ['an unknown option', ['serve', '--prot', '1'], /unknown option '--prot'/],
    ['simulate without a count', ['simulate', '--to', '127.0.0.1:1'], /--count/],
    ['simulate to nowhere', ['simulate', '--count', '1', '--to', 'nowhere'], /--to/],
    [
      'a command without what it is about',
      ['devices', 'show'],
      /missing required argument.*homeport devices show --help/s,
    ],
    ['a demo on no port', ['demo', '--port', 'http'], /port/],
    ['a configuration file that is not there', ['serve', '--config', '/nonexistent.yaml'], /there is no such file/],
  ])('%s', async (_name, words, message) => {
    const { status, stderr } = await homeport(...words)
    expect(stderr).toMatch(message)
    expect(status).toBe(2)
  })
})

describe('homeport user hash-password and check-config', () => {
  it('the hash that is printed lets its user in', async () => {
    const { stdout, status } = await run(process.execPath, [main, 'user', 'hash-password'], { input: 'pw-ops\n' })
    expect(status).toBe(0)
    const bridge = own(await startBridge({ users: [opsUser({ 'password-hash': stdout.trim() })] }))
    own(await login(bridge, 'any'))
  })

  it('the annotated example is a valid configuration with the example environment', async () => {
    const example = fileURLToPath(new URL('../../config/homeport.example.yaml', import.meta.url))
    const environment = await readFile(fileURLToPath(new URL('../../config/.env.example', import.meta.url)), 'utf8')
    const directory = await makeTempDir('example')
    await writeFile(join(directory.path, '.env'), environment, { mode: 0o600 })
    const { status, stdout, stderr } = await run(process.execPath, [main, 'check-config', '--config', example], {
      cwd: directory.path,
    })
    await directory.remove()
    expect(stderr).toBe('')
    expect(stdout).toMatch(/: ok \(\d+ devices, \d+ users\)/)
    expect(status).toBe(0)
  })
})

describe('a command whose output nobody reads', () => {
  it.each(['--help', 'devices --help', 'version', 'completion bash'])('%s ends quietly', async (words) => {
    // The reader is gone before anything is written.
    const script = `{ sleep 0.1; "$0" "$1" ${words}; echo "status $?" >&2; } | :`
    const { stderr } = await run('bash', ['-c', script, process.execPath, main])
    expect(stderr).toBe('status 0\n')
  })
})

describe('homeport demo where there is IPv6 alone', () => {
  it('runs, and its lines reach it', async () => {
    const script = `
      ip link set lo up && ip address delete 127.0.0.1/8 dev lo
      exec 3< <(exec "$0" "$1" demo)
      demo=$!
      while read -r line <&3; do
        case $line in
          'ssh '*) ssh=$line ;;
          'curl '*) curl=$line ;;
          'export '*) eval "$line" ;;
          'Stop with'*) break ;;
        esac
      done
      eval "$ssh" </dev/null
      eval "$curl -sS"
      "$0" "$1" devices list
      kill -INT $demo
      cat <&3 >/dev/null`
    const words = ['--user', '--map-root-user', '--net', 'bash', '-c', script, process.execPath, main]
    const { stdout } = await run('unshare', words)
    expect(stdout).toMatch(/<hello[^]*"id":"router1"[^]*router2 +configured/)
  })
})

describe('homeport demo', () => {
  let lines: Lines
  let stop: () => Promise<void>
  beforeAll(async () => {
    const child = spawn(process.execPath, [main, 'demo'], { stdio: ['ignore', 'pipe', 'inherit'] })
    lines = collectLines('the demo')
    lines.add(child.stdout)
    stop = () => ended(child, 'SIGINT')
    await lines.match(/Stop with Ctrl-C/)
  })
  afterAll(() => stop?.())

  const printed = (pattern: RegExp): string => lines.all.find((line) => pattern.test(line))?.trim() ?? 'false'

  it('the ssh line works as printed', async () => {
    const { stdout } = await run('bash', ['-c', printed(/^ {2}ssh /)], { input: '' })
    expect(stdout).toMatch(/<hello/)
  })

  it('the line with a whole session works as printed', async () => {
    const { stdout, status } = await run('bash', ['-c', printed(/^ {2}printf /)])
    expect(stdout).toMatch(/<hostname>router1<\/hostname>/)
    expect(status).toBe(0)
  })

  it('the ncclient line works as printed', async () => {
    const { stdout, stderr } = await run('bash', ['-c', printed(/ncclient import/)])
    expect(stderr).toBe('')
    expect(stdout).toMatch(/<hostname>router2<\/hostname>/)
  })

  it('the curl line works as printed', async () => {
    const { stdout } = await run('bash', ['-c', `${printed(/^ {2}curl /)} -sS`])
    expect(stdout).toMatch(/"id":"router1"/)
  })

  it('the commands of homeport work with the variables that are printed', async () => {
    // A clone has no command of this name, so the demo prints what makes one; it works in any directory.
    const script = [/^ {2}export /, /^ {2}homeport\(\)/, /^ {2}homeport devices list$/].map(printed).join('\n')
    const { stdout, stderr } = await run('bash', ['-c', `cd /\n${script}`])
    expect(stderr).toBe('')
    expect(stdout).toMatch(/router1[^]*router2/)
  })
})
