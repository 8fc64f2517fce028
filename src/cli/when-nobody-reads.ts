/** What is done to this process; a test gives another. */
type Process = Pick<NodeJS.Process, 'stdout' | 'stderr' | 'listenerCount' | 'kill' | 'pid'> & {
  readonly exit: (code?: number | string) => unknown
}

/**
 * Ends a command quietly once nobody reads its output any more, as in `homeport audit | head`. One that has to clean up
 * after itself, the demo for example, is told as by `kill`. What it says is wrong may be lost: it goes on.
 */
export function endWhenNobodyReads(own: Process = process): void {
  own.stdout.on('error', ({ code, message }: NodeJS.ErrnoException) => {
    if (code !== 'EPIPE') {
      own.stderr.write(`homeport: standard output cannot be written: ${code ?? message}\n`)
      own.exit(1)
    } else if (own.listenerCount('SIGTERM') > 0) own.kill(own.pid, 'SIGTERM')
    else own.exit()
  })
  own.stderr.on('error', () => undefined)
}
