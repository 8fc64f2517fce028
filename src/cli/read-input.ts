import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { CommandIo } from './command-io.js'
import type { CommandFailure } from './command-failure.js'

export type Input =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly problem: CommandFailure }

/**
 * The content of a file, of standard input where the file is `-` or none is named. `what` says in an error what is
 * missing.
 */
export async function readInput(io: CommandIo, file: string | undefined, what: string): Promise<Input> {
  if (file === undefined && io.stdin.isTTY === true)
    return refused(`no ${what} is given`, `name a file, or - to read it from standard input`, 2)
  try {
    const text =
      file === undefined || file === '-' ? await readAll(io.stdin) : await readFile(resolve(io.cwd, file), 'utf8')
    if (text.trim() !== '') return { ok: true, text }
    return refused(`the ${what} is empty`, `give it in a file, or on standard input`, 2)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    return refused(
      `${file ?? 'standard input'} cannot be read (${code ?? String(error)})`,
      'check its name and its mode',
      2,
    )
  }
}

async function readAll(stream: NodeJS.ReadableStream): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(Buffer.from(chunk))
  return Buffer.concat(chunks).toString('utf8')
}

function refused(message: string, hint: string, status: 1 | 2): Input {
  return { ok: false, problem: { message, hint, status } }
}
