/** Bytes of one block of generated content. */
const BLOCK = 64 * 1024

const PATTERN = Buffer.alloc(BLOCK, '0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.\n')

/**
 * What `generate-reply` puts into `<content>`: `size` bytes, the same every time, each block numbered so that none
 * can be lost or swapped unnoticed.
 */
export function* generatedContent(size: number): Generator<Buffer> {
  for (let start = 0; start < size; start += BLOCK) {
    const block = Buffer.from(PATTERN.subarray(0, Math.min(BLOCK, size - start)))
    block.write(`block ${String(start / BLOCK).padStart(8, '0')} `)
    yield block
  }
}
