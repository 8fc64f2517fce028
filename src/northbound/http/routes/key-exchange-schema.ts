import { z } from '@hono/zod-openapi'

/** How the keys of an SSH connection were exchanged. */
export const keyExchangeSchema = z
  .object({
    name: z.string().openapi({ example: 'mlkem768x25519-sha256' }),
    postQuantum: z.boolean().openapi({
      description: 'whether a quantum computer of later does not help whoever records the connection now',
    }),
  })
  .openapi('KeyExchange')
