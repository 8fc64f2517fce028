import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { promisify } from 'node:util'

/** OpenSSH's agent, with no key in it at first. */
export interface SshAgent {
  readonly socket: string
  /** Runs `ssh-add -q`: with the file of a key adds it, with `-D` removes all. */
  readonly add: (...args: readonly string[]) => Promise<unknown>
  readonly stop: () => Promise<void>
}

/** Starts an agent that listens on a Unix socket at this path. */
export async function startSshAgent(socket: string): Promise<SshAgent> {
  const agent = spawn('ssh-agent', ['-D', '-a', socket], { stdio: ['ignore', 'pipe', 'ignore'] })
  // It says where it listens once it does.
  await once(agent.stdout, 'data')
  const exited = once(agent, 'exit')
  const env = { ...process.env, SSH_AUTH_SOCK: socket }
  return {
    socket,
    add: (...args) => promisify(execFile)('ssh-add', ['-q', ...args], { env }),
    stop: async () => {
      agent.kill()
      await exited
    },
  }
}
