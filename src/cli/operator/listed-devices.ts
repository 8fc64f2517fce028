import { z } from '@hono/zod-openapi'
import { parsedJson } from './parsed-json.js'

/** As much of a device in the bridge's list as helps to name one. */
export type ListedDevice = z.infer<typeof listSchema>['devices'][number]

const listSchema = z.object({
  devices: z.array(z.object({ id: z.string(), linkState: z.object({ state: z.string() }).optional() })),
})

/** The devices in an answer to `GET /api/v1/devices`; undefined where it is none that is understood. */
export function listedDevices(text: string): readonly ListedDevice[] | undefined {
  return listSchema.safeParse(parsedJson(text)).data?.devices
}
