import { PassThrough } from 'node:stream'
import type { CommandIo } from '../../src/cli/command-io.js'

/** What a command would read and write, kept for a test. */
export function recordedIo(
  given: Partial<Pick<CommandIo, 'cwd' | 'env'>> & { readonly terminal?: boolean; readonly columns?: number } = {},
) {
  const output = { stdout: '', stderr: '', status: undefined as number | undefined, raw: [] as boolean[] }
  const stdin = Object.assign(new PassThrough(), {
    isTTY: given.terminal === true,
    setRawMode: (raw: boolean) => output.raw.push(raw),
  })
  const io: CommandIo = {
    stdin,
    stdout: {
      write: (text) => (output.stdout += text),
      ...(given.columns === undefined ? {} : { isTTY: true, columns: given.columns }),
    },
    stderr: { write: (text) => (output.stderr += text) },
    cwd: given.cwd ?? '/',
    env: given.env ?? {},
    exit: (status) => {
      output.status = status
    },
  }
  return { io, stdin, output }
}
