/** Settles once a stream has handed on everything written so far. */
export function flushed(stream: NodeJS.WritableStream): Promise<void> {
  return new Promise((resolve) => {
    if (stream.writable) stream.write(Buffer.alloc(0), () => resolve())
    else resolve()
  })
}
