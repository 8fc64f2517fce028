import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { collectLines, type Lines } from './lines.js'
import { privateHome } from './private-home.js'
import { dyingWithUs, killGroup } from './processes.js'
import { makeTempDir } from './temp-dir.js'

export type Netconfd = {
  /**
   * The subsystem command for sshd that gives a session of this netconfd. Replies are complete even after early end of
   * input.
   */
  readonly subsystem: string
  /**
   * The same with Debian's own netconf-subsystem, which ends at end of input whatever is still unanswered, and with
   * which netconfd now and then leaves a request unanswered that comes close behind the client's hello.
   */
  readonly debianSubsystem: string
  readonly log: Lines
  readonly stop: () => Promise<void>
}

export type NetconfdOptions = {
  /** What its hello offers. Default both. */
  readonly protocols?: readonly ('netconf1.0' | 'netconf1.1')[]
  /** More command line parameters of netconfd. */
  readonly parameters?: readonly string[]
}

const sessionProgram = fileURLToPath(new URL('../../.build/netconfd-session', import.meta.url))

/** The module with the configuration tree `box` that both real servers have. */
export const testModule = fileURLToPath(new URL('./yang/homeport-test.yang', import.meta.url))

/**
 * A real NETCONF server, yuma123's netconfd, on paths of its own: candidate, confirmed-commit, validate, kill-session,
 * notifications. It starts with an empty configuration and serves ietf-interfaces, ietf-system and homeport-test.
 */
export async function startNetconfd({ protocols, parameters = [] }: NetconfdOptions = {}): Promise<Netconfd> {
  const dir = await makeTempDir('netconfd')
  const socket = join(dir.path, 'ncxserver.sock')
  const subsystem = `exec ${sessionProgram} ${socket}`
  // It accepts a session only where SSH_CONNECTION names the port that belongs to the server's socket.
  const debianSubsystem = `SSH_CONNECTION='127.0.0.1 1 127.0.0.1 830' exec /usr/sbin/netconf-subsystem --ncxserver-sockname=830@${socket}`

  const log = collectLines('netconfd')
  const [command, args] = dyingWithUs([
    '/usr/sbin/netconfd',
    '--no-startup',
    '--module=ietf-interfaces',
    '--module=ietf-system',
    `--module=${testModule}`,
    '--target=candidate',
    '--access-control=off',
    '--max-burst=0',
    `--ncxserver-sockname=${socket}`,
    ...(protocols ? [`--protocols=${protocols.join(' ')}`] : []),
    ...parameters,
  ])
  const child = spawn(command, args, {
    cwd: dir.path,
    env: { ...process.env, ...(await privateHome(dir.path)) },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  })
  log.add(child.stdout)
  log.add(child.stderr)
  const stop = async () => {
    await killGroup(child)
    await dir.remove()
  }
  try {
    await log.match(/^Running netconfd server/)
  } catch (error) {
    await stop()
    throw error
  }
  return { subsystem, debianSubsystem, log, stop }
}
