import { counted } from '../../lib/counted.js'
import type { z } from '@hono/zod-openapi'
import type { IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'
import { strangerText } from '../../lib/stranger-text.js'
import {
  type DeviceAnswer,
  deviceAnswerSchema,
  summarySchema,
} from '../../northbound/http/routes/operations/many-devices.js'
import type { CommandIo } from '../command-io.js'
import { exitWithFailure } from '../command-failure.js'
import { createProgressBar } from './progress-bar.js'
import { callForAnswer, type OperationOptions } from './run-operation.js'

type ManyDevicesSummary = z.output<typeof summarySchema>['summary']

/**
 * One operation on many devices: lines of JSON on standard output, as they come; on a terminal, replies for people and
 * a progress bar. The exit status is 0 only when devices were asked and every one answered without an error.
 */
export async function runOnMany(io: CommandIo, options: OperationOptions, asked: object): Promise<void> {
  await callForAnswer(io, options, {
    path: '/api/v1/rpc',
    contentType: 'application/json',
    accept: 'application/x-ndjson',
    body: JSON.stringify(asked),
    take: (answer) => showAnswers(io, options, answer),
  })
}

/** Writes the answers of devices as they come, then their summary. Rejects when they break off. */
async function showAnswers(
  io: CommandIo,
  options: Pick<OperationOptions, 'json'>,
  answer: IncomingMessage,
): Promise<void> {
  const forPeople = io.stdout.isTTY === true && options.json !== true
  const bar = createProgressBar(io, Number(answer.headers['homeport-devices'] ?? 0))
  let total: ManyDevicesSummary | undefined
  for await (const line of createInterface({ input: answer })) {
    const parsed: unknown = JSON.parse(line)
    const summary = summarySchema.safeParse(parsed)
    if (summary.success) {
      total = summary.data.summary
      bar.end()
      const { devices, ok, failed, milliseconds } = total
      const seconds = milliseconds / 1000
      if (forPeople) io.stderr.write(`${counted(devices, 'device')}: ${ok} ok, ${failed} failed, in ${seconds} s\n`)
      else io.stdout.write(`${line}\n`)
      continue
    }
    const one = deviceAnswerSchema.parse(parsed)
    bar.clear()
    io.stdout.write(forPeople ? shown(one) : `${line}\n`)
    bar.advance(one.problem === undefined)
  }
  if (total === undefined) {
    bar.end()
    return exitWithFailure(
      { message: 'the answer broke off before its summary', hint: 'look at the log of the bridge', status: 1 },
      io,
    )
  }
  if (total.devices === 0)
    return exitWithFailure(
      { message: 'no device was asked', hint: 'homeport devices list has those that you may use', status: 1 },
      io,
    )
  io.exit(total.failed === 0 ? 0 : 1)
}

function shown({ device, milliseconds, reply, problem }: DeviceAnswer): string {
  const id = strangerText(device)
  if (problem !== undefined) return `${id}: failed: ${strangerText(problem.detail)}\n`
  const text = typeof reply === 'string' ? reply : JSON.stringify(reply)
  return `${id}: answered in ${milliseconds} ms\n${text
    .split('\n')
    .map((line) => strangerText(line, Infinity))
    .join('\n')}\n`
}
