/** What vouches for a key being that of a device. */
export type Evidence = 'certificate' | 'pin' | 'known-hosts' | 'hmac' | 'first-use'
