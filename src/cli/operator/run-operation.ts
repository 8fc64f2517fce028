import type { IncomingMessage } from 'node:http'
import { StringDecoder } from 'node:string_decoder'
import { strangerText } from '../../lib/stranger-text.js'
import { problemSchema } from '../../northbound/http/problem.js'
import { nearerRefusal, notReached, readText, refusal } from './bridge-client.js'
import { callBridge } from './bridge-stream.js'
import type { CommandIo } from '../command-io.js'
import { exitWithFailure } from '../command-failure.js'
import { type BridgeChoice, type BridgeLocation, findBridge } from './find-bridge.js'

/** How an operation on a device is asked for, whichever it is. */
export interface OperationOptions extends BridgeChoice {
  readonly json?: true
  readonly timeout?: string
}

/** One call of the API that carries an operation. */
export interface OperationCall {
  readonly path: string
  readonly contentType: 'application/xml' | 'application/json'
  readonly body: string
  /** What is asked for besides XML and JSON. */
  readonly accept?: string
}

/** Sends an operation; the device's reply goes to standard output as it comes, what is wrong to standard error. */
export async function runOperation(io: CommandIo, options: OperationOptions, call: OperationCall): Promise<void> {
  const accept = options.json === true ? 'application/json' : (call.accept ?? 'application/xml')
  await callForAnswer(io, options, {
    ...call,
    accept,
    take: async (answer) => {
      await passOn(io, answer)
      io.exit(0)
    },
  })
}

/** Posts to the bridge and hands its answer on where it is a success; whatever else comes is told on standard error. */
export async function callForAnswer(
  io: CommandIo,
  options: OperationOptions,
  {
    path,
    contentType,
    accept,
    body,
    take,
  }: OperationCall & {
    readonly accept: string
    readonly take: (answer: IncomingMessage) => Promise<void>
  },
): Promise<void> {
  const found = findBridge(io, options)
  if (!found.ok) return exitWithFailure(found.problem, io)
  const { location } = found
  const query = options.timeout === undefined ? '' : `?timeout=${encodeURIComponent(options.timeout)}`
  try {
    const answer = await callBridge(location, {
      method: 'POST',
      path: path + query,
      headers: { Accept: accept, 'Content-Type': contentType },
      body: Buffer.from(body),
    })
    if (answer.statusCode !== 200) return await tellRefusal(io, location, { answer, path, json: options.json === true })
    await take(answer)
  } catch (error) {
    exitWithFailure(await notReached(location, error as Error), io)
  }
}

/** What the bridge, a rule or the device had against it; the errors of the device one a line. */
async function tellRefusal(
  io: CommandIo,
  location: BridgeLocation,
  { answer, path, json }: { readonly answer: IncomingMessage; readonly path: string; readonly json: boolean },
): Promise<void> {
  const told = refusal(location, answer.statusCode ?? 0, await readText(answer))
  const refused = await nearerRefusal(location, { method: 'POST', path }, told)
  if (refused.ok) return
  if (json && refused.text !== undefined) {
    io.stdout.write(`${refused.text}\n`)
    return io.exit(refused.problem.status)
  }
  exitWithFailure(refused.problem, io)
  for (const line of rpcErrorLines(refused.text)) io.stderr.write(`${strangerText(line)}\n`)
}

function rpcErrorLines(text: string | undefined): readonly string[] {
  if (text === undefined) return []
  const problem = problemSchema.safeParse(JSON.parse(text))
  if (!problem.success) return []
  return (problem.data['rpc-errors'] ?? []).map(({ tag, severity, path, message }) => {
    const parts = [severity === 'warning' ? 'rpc-warning' : 'rpc-error', tag, path, message]
    return parts.filter((part) => part !== undefined).join(': ')
  })
}

/** Writes an answer out, no faster than it is read. Rejects when it breaks off. */
async function passOn(io: CommandIo, answer: IncomingMessage): Promise<void> {
  const decoder = new StringDecoder('utf8')
  let last = '\n'
  for await (const bytes of answer as AsyncIterable<Buffer>) {
    const text = decoder.write(bytes)
    if (text === '') continue
    last = text
    if (io.stdout.write(text) === false) await drained(io)
  }
  if (!last.endsWith('\n')) io.stdout.write('\n')
}

function drained({ stdout }: CommandIo): Promise<void> {
  return new Promise((resolve) => {
    if (stdout.once === undefined) resolve()
    else stdout.once('drain', resolve)
  })
}
