/** What ssh2's ciphers are made with, as far as it matters here. */
interface CipherConfig {
  readonly outbound: { readonly onWrite: (bytes: Buffer) => void }
}

interface Cipher {
  encrypt: (packet: Buffer) => void
}

/** ssh2's file of ciphers, whose functions the rest of it takes as it loads. */
export interface Ciphers {
  createCipher: (config: CipherConfig) => Cipher
}

/**
 * Has ciphers write each packet whole and last, as those of the compiled addon do. Those in JavaScript write in the
 * midst of a packet, while chacha20's counter is in a buffer that all connections share: whoever encrypts on another
 * connection in that moment, as a connection inside a channel does, spoils the packet.
 */
export function writeWholePackets(ciphers: Ciphers): void {
  const { createCipher } = ciphers
  ciphers.createCipher = (config) => {
    const { onWrite } = config.outbound
    let parts: Buffer[] = []
    const gather = (part: Buffer): void => void parts.push(part)
    const cipher = createCipher({ ...config, outbound: { ...config.outbound, onWrite: gather } })
    const encrypt = cipher.encrypt.bind(cipher)
    cipher.encrypt = (packet) => {
      parts = []
      encrypt(packet)
      // Nothing comes of a packet after the end of the connection.
      if (parts.length > 0) onWrite(Buffer.concat(parts))
    }
    return cipher
  }
}
