import { type Login, runPython, sshCommand } from './clients.js'

/**
 * What a person at a terminal does: wait for something (a regular expression of Python), type, or make the window
 * another size.
 */
export type TerminalStep =
  | { readonly expect: string }
  | { readonly type: string }
  | { readonly resize: readonly [columns: number, rows: number] }

/** The terminal that `ssh` is started on; its erase character is control-H. */
export const terminalSize = { columns: 97, rows: 31 } as const

/**
 * OpenSSH's `ssh` on a real terminal, with a person's steps; without a command it asks for a shell.
 * Rejects when something that is expected does not come. A password would be asked for on that terminal: the login must
 * be by key.
 */
export async function runOnTerminal(
  login: Login,
  steps: readonly TerminalStep[],
  {
    command,
    args = ['-tt'],
    environment = {},
  }: {
    readonly command?: string
    readonly args?: readonly string[]
    readonly environment?: Readonly<Record<string, string>>
  } = {},
): Promise<{ readonly status: number; readonly output: string }> {
  const ssh = sshCommand(login, { args, ask: command === undefined ? 'shell' : { exec: command } })
  const task = { command: ssh, steps, environment: { TERM: 'xterm-256color', ...environment }, ...terminalSize }
  return (await runPython('terminal_session.py', login, task)) as Awaited<ReturnType<typeof runOnTerminal>>
}
