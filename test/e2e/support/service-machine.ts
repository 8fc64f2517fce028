import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { collectLines, type Lines } from '../parts/lines.js'
import { type Ended, main } from './homeport-command.js'

/** Nothing that says where a bridge is, or that names a file of /etc. */
const ENVIRONMENT = { PATH: process.env['PATH'] ?? '/usr/bin:/bin' }

/**
 * What the package lays down, in a mount namespace of its own: /etc/homeport with a secret that only the service has,
 * /run/homeport and /var/lib/homeport of the user of the service (here: daemon). It ends with the shell.
 */
const LAID_DOWN = `
set -e
mount -t tmpfs tmpfs /run
mount -t tmpfs tmpfs /var/lib
cp -a /etc/passwd /etc/group /run/
mount -t tmpfs tmpfs /etc
mv /run/passwd /run/group /etc/
mkdir /etc/homeport && chown root:daemon /etc/homeport && chmod 750 /etc/homeport
install -d -o daemon -g daemon -m 750 /run/homeport
install -d -o daemon -g daemon -m 700 /var/lib/homeport
cat > /etc/homeport/homeport.yaml <<'END'
call-home: { ssh: { address: 127.0.0.1, port: 0 } }
endpoint: { ssh: { address: 127.0.0.1, port: 0 }, http: { port: none } }
credentials: { default: { username: netconf, password: "\${ONLY_OF_THE_SERVICE}" } }
log: { format: json }
drain-timeout: 0s
data-dir: /var/lib/homeport
END
chown root:daemon /etc/homeport/homeport.yaml && chmod 640 /etc/homeport/homeport.yaml
`

const AS_SERVICE = 'setpriv --reuid daemon --regid daemon --clear-groups'
const SERVE = `cd /var/lib/homeport && ONLY_OF_THE_SERVICE=pw-of-service RUNTIME_DIRECTORY=/run/homeport exec ${AS_SERVICE} "$@" serve`

/** Commands that become what they are given to run, as another user. */
export const AS = {
  root: [],
  service: AS_SERVICE.split(' '),
  member: ['setpriv', '--reuid', 'nobody', '--regid', 'nogroup', '--groups', 'daemon'],
  stranger: ['setpriv', '--reuid', 'nobody', '--regid', 'nogroup', '--clear-groups'],
} as const

/** A machine on which the bridge runs as a service. */
export interface ServiceMachine {
  /** Of its log. */
  readonly lines: Lines
  /** Runs a command of `homeport` there, in the directory that was given. */
  readonly run: (as: readonly string[], ...words: readonly string[]) => Promise<Ended>
  readonly stop: () => Promise<void>
}

/** Starts the service, and waits until it is ready. @param directory where commands are run */
export async function startServiceMachine(directory: string): Promise<ServiceMachine> {
  const words = ['--mount', 'sh', '-c', `${LAID_DOWN}${SERVE}`, 'sh']
  const child = spawn('unshare', [...words, process.execPath, main], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: ENVIRONMENT,
  })
  const lines = collectLines('the service')
  lines.add(child.stderr)
  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  try {
    await lines.match(/"msg":"ready"/, { timeoutMs: 30_000 })
  } catch (error) {
    await stop()
    throw error
  }
  const enter = ['--mount', `--target=${child.pid}`, 'sh', '-c', `cd ${directory} && exec "$@"`, 'sh']
  const run: ServiceMachine['run'] = (as, ...typed) =>
    new Promise((resolve) => {
      const command = execFile(
        'nsenter',
        [...enter, ...as, process.execPath, main, ...typed],
        { timeout: 30_000, env: ENVIRONMENT },
        (_, stdout, stderr) => resolve({ status: command.exitCode, stdout, stderr }),
      )
    })
  return { lines, run, stop }
}
