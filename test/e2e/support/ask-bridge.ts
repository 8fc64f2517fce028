import { request } from 'node:http'
import { join } from 'node:path'
import type { RunningBridge } from './bridge.js'

export type Answer = { readonly status: number; readonly body: string }

/** Asks the HTTP API on the bridge's own socket, as the operator. */
export function askBridge(
  { directory }: Pick<RunningBridge, 'directory'>,
  path: string,
  method: 'GET' | 'DELETE' = 'GET',
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ socketPath: join(directory, 'data/homeport.sock'), path, method, agent: false })
    asked.once('error', reject)
    asked.once('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }),
      )
    })
    asked.end()
  })
}
