/**
 * Reads SSH wire data field by field (RFC 4251 §5).
 * The first malformed field makes the reader fail: from then on nothing is left and every read gives an empty value,
 * so that a whole structure is read in one go and its `failure` looked at once, before anything of it is used.
 */
export interface WireReader {
  readonly uint8: () => number
  readonly uint32: () => number
  readonly uint64: () => bigint
  /** The bytes of a `string`, a view of the input. */
  readonly string: () => Buffer
  /** A `string` that is UTF-8 without NUL. */
  readonly text: () => string
  /** The magnitude of an unsigned `mpint` without leading zeros; a negative one is malformed. */
  readonly mpint: () => Buffer
  /** That many bytes as they are. */
  readonly bytes: (count: number) => Buffer
  /** Bytes read so far. */
  readonly position: () => number
  /** What was read since that position, a view of the input. */
  readonly since: (position: number) => Buffer
  /** Bytes not read yet; 0 once the reader has failed. */
  readonly left: () => number
  /** Why a field could not be read, or undefined when all could. */
  readonly failure: () => string | undefined
  /** The same at the end of the structure, where bytes that are left over are malformed too. */
  readonly failureAtEnd: () => string | undefined
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Reads from the first byte on. What it gives are views of the input, not copies. */
export function createWireReader(input: Buffer): WireReader {
  let position = 0
  let failure: string | undefined
  const left = (): number => (failure === undefined ? input.length - position : 0)
  const fail = (why: string): void => {
    failure ??= why
  }
  const bytes = (count: number): Buffer => {
    if (count > left()) {
      fail('it is cut off')
      return Buffer.alloc(0)
    }
    position += count
    return input.subarray(position - count, position)
  }
  const number = <T>(size: number, read: (bytes: Buffer) => T, none: T): T => {
    const field = bytes(size)
    return field.length === size ? read(field) : none
  }
  const uint32 = (): number => number(4, (field) => field.readUInt32BE(), 0)
  const string = (): Buffer => bytes(uint32())
  return {
    uint8: () => number(1, (field) => field.readUInt8(), 0),
    uint32,
    uint64: () => number(8, (field) => field.readBigUInt64BE(), 0n),
    string,
    text: () => {
      const field = string()
      try {
        const text = utf8.decode(field)
        if (!text.includes('\0')) return text
        fail('a text has a NUL in it')
      } catch {
        fail('a text is not UTF-8')
      }
      return ''
    },
    mpint: () => {
      const field = string()
      if ((field[0] ?? 0) >= 0x80) {
        fail('a number is negative')
        return Buffer.alloc(0)
      }
      const first = field.findIndex((byte) => byte !== 0)
      return first === -1 ? Buffer.alloc(0) : field.subarray(first)
    },
    bytes,
    position: () => position,
    since: (start) => input.subarray(start, position),
    left,
    failure: () => failure,
    failureAtEnd: () => failure ?? (left() > 0 ? 'there are octets after its end' : undefined),
  }
}
