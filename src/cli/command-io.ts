/** What a command reads and writes; a test gives it another. */
export interface CommandIo {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean; setRawMode?: (raw: boolean) => unknown }
  readonly stdout: {
    write: (text: string) => unknown
    readonly isTTY?: boolean
    /** Of a terminal: how wide it is, in characters. */
    readonly columns?: number
    /** Tells once when what was written has gone out; where `write` answered false. */
    once?: (event: 'drain', listener: () => void) => unknown
  }
  readonly stderr: { write: (text: string) => unknown; readonly isTTY?: boolean }
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** Sets the exit status: 0 done, 1 failed, 2 wrong usage or configuration. The process ends by itself. */
  readonly exit: (status: 0 | 1 | 2) => void
}

/** The process itself. Standard input is touched only by a command that reads it. */
export function processIo(): CommandIo {
  return {
    get stdin() {
      return process.stdin
    },
    stdout: process.stdout,
    stderr: process.stderr,
    cwd: process.cwd(),
    env: process.env,
    exit: (status) => {
      process.exitCode = status
    },
  }
}
