import { inWords, standingOf } from '../../../config/certificate-warnings.js'
import { certificatesNamedIn, type NamedCertificate } from '../../../config/certificates.js'
import { formatPath } from '../../../config/yaml/value-path.js'
import { failed, fewOf, type Finding, notChecked, ok, orWell, warning } from '../finding.js'
import { type Patient, usableConfig } from '../patient.js'

const RENEW = 'have it signed again; `homeport check-config` says how each is renewed'

/** Which certificates have expired, or will soon: those that the bridge shows, logs in with and believes. */
export function checkCertificates(patient: Patient): readonly Finding[] {
  const config = usableConfig(patient)
  if (config === undefined) return ofMetrics(patient)
  const { certificates, useless } = certificatesNamedIn(config)
  const findings = [
    ...useless.map(({ path, file, message, hint }) => failed(`${formatPath(path)}: ${file}: ${message}`, hint)),
    ...certificates.flatMap((certificate) => ofCertificate(certificate, patient.now)),
  ]
  const [first] = certificates
    .flatMap(({ validUntil }) => validUntil ?? [])
    .toSorted((one, other) => one.getTime() - other.getTime())
  if (certificates.length === 0 && useless.length === 0) return [ok('the configuration names none')]
  const until = first === undefined ? 'none expires' : `the first expires at ${first.toISOString()}`
  return fewOf(orWell(findings, `${certificates.length} of them: ${until}`), 'certificates')
}

function ofCertificate(certificate: NamedCertificate, now: Date): readonly Finding[] {
  const told = inWords(certificate, now)
  if (told === undefined) return []
  const message = `${formatPath(certificate.path)}: ${certificate.file}: ${certificate.name} ${told}`
  return [standingOf(certificate, now) === 'expires-soon' ? warning(message, RENEW) : failed(message, RENEW)]
}

/** A bridge elsewhere tells by its metrics how long each kind has left. */
function ofMetrics({ bridge, now }: Patient): readonly Finding[] {
  const samples = bridge.answers ? [...bridge.metrics] : []
  const left = samples.flatMap(([name, seconds]) => {
    const [, what] = /^homeport_certificate_expiry_seconds\{what="([a-z-]+)"\}$/.exec(name) ?? []
    return what === undefined ? [] : [{ what, validUntil: new Date(now.getTime() + seconds * 1000) }]
  })
  if (left.length === 0) return [notChecked('no configuration that can be read says which there are')]
  const findings = left.flatMap(({ what, validUntil }) => {
    const told = inWords({ validFrom: undefined, validUntil }, now)
    const message = `${what}: the certificate ${told ?? ''}`
    if (told === undefined) return []
    return [validUntil > now ? warning(message, RENEW) : failed(message, RENEW)]
  })
  return orWell(findings, `${left.map(({ what }) => what).join(', ')}: none expires soon`)
}
