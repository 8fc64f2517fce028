import { type SessionRefusal, sessionRefusal } from '../../fleet/refusals/sessions.js'

/** The refusal of a device that nobody knows, with the hint for whoever asked over HTTP or by a command. */
export function unknownOverHttp(deviceId: string): SessionRefusal {
  return {
    ...sessionRefusal('unknown-device', deviceId),
    hint: 'check the spelling; GET /api/v1/devices (homeport devices list) has all of them',
  }
}
