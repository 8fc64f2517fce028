import { connect } from 'node:net'

/** What came of dialling a port. */
export type Dialled =
  | {
      readonly open: true
      /** The first line that the other side sent by itself; empty where it said nothing. */
      readonly greeting: string
    }
  | { readonly open: false; readonly code: string }

/** Milliseconds to connect, and those that a greeting may take: an SSH server greets at once. */
const [CONNECT_TIMEOUT, GREETING_TIMEOUT] = [2_000, 1_000]
/** Characters of a greeting. */
const LONGEST_GREETING = 200

/** Dials a port, hears what is said there, and hangs up without a word. */
export function dial(host: string, port: number, signal: AbortSignal): Promise<Dialled> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, signal })
    let heard: string | undefined
    const end = (dialled: Dialled): void => {
      clearTimeout(timer)
      socket.removeAllListeners('data').destroy()
      resolve(dialled)
    }
    const onTime = (): void => {
      if (heard === undefined) end({ open: false, code: 'ETIMEDOUT' })
      else end({ open: true, greeting: (heard.split(/\r?\n/)[0] ?? '').slice(0, LONGEST_GREETING) })
    }
    let timer = setTimeout(onTime, CONNECT_TIMEOUT)
    socket.on('error', ({ code, message }: NodeJS.ErrnoException) => end({ open: false, code: code ?? message }))
    socket.once('connect', () => {
      heard = ''
      clearTimeout(timer)
      timer = setTimeout(onTime, GREETING_TIMEOUT)
    })
    socket.once('end', onTime)
    socket.on('data', (bytes: Buffer) => {
      heard = `${heard ?? ''}${bytes.toString('latin1')}`
      if (heard.includes('\n') || heard.length > LONGEST_GREETING) onTime()
    })
  })
}
