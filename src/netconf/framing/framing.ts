/** How messages are told apart on a NETCONF channel (RFC 6242 §4): `]]>]]>` after each, or length-prefixed chunks. */
export type Framing = 'end-of-message' | 'chunked'

/** What ends a message under `end-of-message` framing (RFC 6242 §4.3). */
export const END_OF_MESSAGE = Buffer.from(']]>]]>')

/** What ends a message under `chunked` framing (RFC 6242 §4.2). */
export const END_OF_CHUNKS = Buffer.from('\n##\n')

/** The largest length a chunk header can name (RFC 6242 §4.2). */
export const MAX_CHUNK_LENGTH = 4_294_967_295

/** Why bytes could not be cut into messages; nothing after it on the channel means anything. */
export type FramingError =
  | { readonly kind: 'invalid-chunk'; readonly cause: string; readonly hint: string }
  | { readonly kind: 'message-too-big'; readonly limit: number; readonly cause: string; readonly hint: string }
