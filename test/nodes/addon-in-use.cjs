// Run by the Node of a test, with `--expose-gc`: exits with 0 where ssh2's addon is there and survives what ends a process
// whose addon has the wrong hooks, a collection of its ciphers while no JavaScript runs; with 3 where there is none.
const { CIPHER_INFO, bindingAvailable, createCipher } = require('ssh2/lib/protocol/crypto.js')

if (!bindingAvailable) process.exit(3)
const cipherInfo = CIPHER_INFO['aes128-gcm@openssh.com']
for (let n = 0; n < 100; n += 1)
  createCipher({
    outbound: {
      seqno: 0,
      onWrite: () => undefined,
      cipherInfo,
      cipherKey: Buffer.alloc(cipherInfo.keyLen),
      cipherIV: Buffer.alloc(cipherInfo.ivLen),
    },
  })
setImmediate(() => {
  globalThis.gc({ execution: 'async' }).then(
    () => process.exit(0),
    () => process.exit(1),
  )
})
