import type { CommandIo } from './command-io.js'

export type EnteredPassword =
  | { readonly ok: true; readonly password: string }
  | { readonly ok: false; readonly message: string }

const LONGEST = 1024

/** Reads a password: one line of standard input, or asked for twice without echo on a terminal. */
export async function readPassword(io: Pick<CommandIo, 'stdin' | 'stderr'>): Promise<EnteredPassword> {
  return io.stdin.isTTY === true ? readFromTerminal(io) : readFromPipe(io.stdin)
}

async function readFromPipe(stdin: CommandIo['stdin']): Promise<EnteredPassword> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of stdin) {
    const bytes = Buffer.from(chunk)
    chunks.push(bytes)
    length += bytes.length
    if (bytes.includes(0x0a) || length > LONGEST + 2) break
  }
  const [line = ''] = Buffer.concat(chunks).toString('utf8').split('\n')
  return checked(line.replace(/\r$/, ''))
}

async function readFromTerminal({ stdin, stderr }: Pick<CommandIo, 'stdin' | 'stderr'>): Promise<EnteredPassword> {
  const keys = typedCharacters(stdin)
  stdin.setRawMode?.(true)
  try {
    const first = await ask('Password: ', keys, stderr)
    const second = first === undefined ? undefined : await ask('Again: ', keys, stderr)
    if (first === undefined || second === undefined) return { ok: false, message: 'no password was entered' }
    return first === second ? checked(first) : { ok: false, message: 'the two passwords differ' }
  } finally {
    stdin.setRawMode?.(false)
    await keys.return()
  }
}

/** One line typed without echo. Undefined when it was given up: Ctrl-C, Ctrl-D on an empty line, the end of input. */
async function ask(
  prompt: string,
  keys: AsyncGenerator<string, void>,
  stderr: CommandIo['stderr'],
): Promise<string | undefined> {
  stderr.write(prompt)
  const typed: string[] = []
  try {
    for (;;) {
      const { done, value: key } = await keys.next()
      if (done === true || key === '\u0003' || (key === '\u0004' && typed.length === 0)) return undefined
      if (key === '\r' || key === '\n') return typed.join('')
      if (key === '\u007f' || key === '\b') typed.pop()
      else if (key === '\u0015') typed.length = 0
      else if (typed.length <= LONGEST) typed.push(key)
    }
  } finally {
    stderr.write('\n')
  }
}

async function* typedCharacters(stdin: CommandIo['stdin']): AsyncGenerator<string, void> {
  const decoder = new TextDecoder()
  for await (const chunk of stdin) {
    // Characters, not UTF-16 units, so that one press of backspace takes one back.
    yield* decoder.decode(Buffer.from(chunk), { stream: true })
  }
}

function checked(password: string): EnteredPassword {
  if (password === '') return { ok: false, message: 'the password is empty' }
  if (Buffer.byteLength(password) > LONGEST)
    return { ok: false, message: `the password has more than ${LONGEST} bytes` }
  return { ok: true, password }
}
