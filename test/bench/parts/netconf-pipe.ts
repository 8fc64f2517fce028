import { spawn } from 'node:child_process'
import type { Readable, Writable } from 'node:stream'
import { dyingWithUs, gone } from '../../e2e/parts/processes.js'

/** A base:1.0 NETCONF session as bytes: one request at a time, the reply's end awaited. */
export interface NetconfPipe {
  /** Sends one `<rpc>` around this operation and resolves once its reply has ended. */
  readonly rpc: (operation: string) => Promise<void>
}

const delimiter = Buffer.from(']]>]]>')
const hello =
  '<hello xmlns="urn:ietf:params:xml:ns:netconf:base:1.0"><capabilities><capability>urn:ietf:params:netconf:base:1.0</capability></capabilities></hello>]]>]]>'

/** Greets on a channel; resolves once the server's hello was read. */
export async function greet(input: Writable, output: Readable): Promise<NetconfPipe> {
  let tail: Buffer = Buffer.alloc(0)
  let ended: (() => void) | undefined
  let failed: ((error: Error) => void) | undefined
  output.on('data', (bytes: Buffer) => {
    // A delimiter may straddle two reads: the last few bytes are looked at again.
    const seen = tail.length === 0 ? bytes : Buffer.concat([tail, bytes])
    if (seen.includes(delimiter)) {
      tail = Buffer.alloc(0)
      ended?.()
    } else tail = seen.subarray(Math.max(0, seen.length - delimiter.length + 1))
  })
  output.once('close', () => failed?.(new Error('the session ended')))
  const reply = (): Promise<void> =>
    new Promise((resolve, reject) => {
      ended = resolve
      failed = reject
    })
  const greeting = reply()
  input.write(hello)
  await greeting
  let id = 0
  return {
    rpc: (operation) => {
      const replied = reply()
      id += 1
      input.write(`<rpc xmlns="urn:ietf:params:xml:ns:netconf:base:1.0" message-id="${id}">${operation}</rpc>]]>]]>`)
      return replied
    },
  }
}

/** A session by OpenSSH's client. */
export async function openPipe(ssh: readonly string[]): Promise<NetconfPipe & { readonly stop: () => Promise<void> }> {
  const [name, args] = dyingWithUs(ssh)
  const child = spawn(name, args, { stdio: ['pipe', 'pipe', 'inherit'] })
  child.stdin.on('error', () => undefined)
  const pipe = await greet(child.stdin, child.stdout)
  return {
    ...pipe,
    stop: async () => {
      child.kill('SIGKILL')
      await gone(child)
    },
  }
}
