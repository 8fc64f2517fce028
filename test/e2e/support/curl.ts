import { execFile } from 'node:child_process'

/** What curl got for an answer, or why it got none. */
export type CurlAnswer = {
  /** curl's own exit status. */
  readonly exit: number | null
  /** 0 where there was no answer. */
  readonly status: number
  /** By lower-case name; several of one name are joined by a comma. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  readonly stderr: string
}

/** Runs curl to its end; `through` is a command that runs it, such as nsenter. */
export function curlThrough(through: readonly string[], ...words: readonly string[]): Promise<CurlAnswer> {
  const [program = '', ...rest] = [...through, 'curl', '-sS', '-i', '--max-time', '20', ...words]
  return new Promise((resolve) => {
    const child = execFile(program, rest, { timeout: 30_000 }, (_error, stdout, stderr) => {
      const [, head = '', body = ''] = /^((?:HTTP\/.*\r\n(?:.*\r\n)*?\r\n)*)([^]*)$/.exec(stdout) ?? []
      const [status = '', ...lines] = (head.trimEnd().split('\r\n\r\n').at(-1) ?? '').split('\r\n')
      const headers: Record<string, string> = {}
      for (const line of lines) {
        const [name = '', ...value] = line.split(':')
        const known = headers[name.toLowerCase()]
        headers[name.toLowerCase()] = (known === undefined ? '' : `${known}, `) + value.join(':').trim()
      }
      resolve({ exit: child.exitCode, status: Number(status.split(' ')[1] ?? 0), headers, body, stderr })
    })
    child.stdin?.end()
  })
}

export function curl(...words: readonly string[]): Promise<CurlAnswer> {
  return curlThrough([], ...words)
}

/** The last word of a problem detail's `type`, with the status. */
export function failureOf({ status, body }: CurlAnswer): string {
  const { type } = JSON.parse(body) as { readonly type: string }
  return `${status} ${type.split(':').at(-1) ?? ''}`
}

export const bearer = (token: string): string => `Authorization: Bearer ${token}`
