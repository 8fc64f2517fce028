/**
 * An answer as text, for whoever has to hold it whole; undefined for one of more than `most` bytes, of which no more is
 * read.
 */
export async function readBoundedAnswer(response: Response, most: number): Promise<string | undefined> {
  const parts: Uint8Array[] = []
  let bytes = 0
  const reader = response.body?.getReader()
  for (;;) {
    const part = await reader?.read()
    if (part === undefined || part.done) return Buffer.concat(parts).toString('utf8')
    bytes += part.value.length
    if (bytes > most) {
      await reader?.cancel()
      return undefined
    }
    parts.push(part.value)
  }
}
