/** One way from a client to a NETCONF session on a device. */
export interface Path {
  readonly name: string
  /** The words of an OpenSSH client that opens a session on standard input and output. */
  readonly ssh: readonly string[]
  /** The same for an SSH library; absent where only OpenSSH's client can go this way. */
  readonly login?: {
    readonly host: string
    readonly port: number
    readonly username: string
    readonly privateKey: Buffer
  }
  /** Root processes of what stands between client and device; none where nothing does. */
  readonly middle: readonly number[]
}
