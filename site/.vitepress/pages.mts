/**
 * The pages in their order. One that stands nowhere here fails the build, so that none is written and never found.
 */
export const GROUPS: readonly { readonly text: string; readonly pages: readonly (readonly [page: string, text: string])[] }[] = [
  {
    text: 'Start',
    pages: [
      ['docs/README.md', 'Where to find what'],
      ['README.md', 'What it is'],
      ['docs/getting-started.md', 'Getting started'],
      ['docs/containers.md', 'Containers'],
      ['docs/supported.md', 'Devices and clients, as tried'],
      ['docs/interoperability.md', 'Every SSH that was tried'],
      ['docs/why.md', 'Why not …'],
    ],
  },
  {
    text: 'Bring devices in',
    pages: [
      ['docs/onboarding.md', 'Onboarding'],
      ['docs/junos.md', 'Junos, step by step'],
      ['docs/firewall.md', 'Firewall'],
    ],
  },
  {
    text: 'Reach devices',
    pages: [
      ['docs/reaching-a-device.md', 'Reaching a device'],
      ['docs/devices.md', 'Devices'],
      ['docs/tools.md', 'Tools through the bridge'],
      ['docs/users.md', 'Users'],
      ['docs/roles.md', 'Roles'],
      ['docs/other-channels.md', 'Shells, SFTP, scp'],
      ['docs/the-devices-own-ports.md', 'The device’s own ports'],
      ['docs/sessions-as-their-users.md', 'Sessions as their users'],
      ['docs/post-quantum.md', 'Post-quantum key exchange'],
      ['docs/http.md', 'HTTP API'],
      ['docs/http-serving.md', 'Serving HTTP'],
      ['docs/datastores.md', 'Datastores'],
    ],
  },
  {
    text: 'Operate',
    pages: [
      ['docs/troubleshooting.md', 'Troubleshooting'],
      ['docs/monitoring.md', 'Monitoring'],
      ['docs/audit.md', 'Audit log'],
      ['docs/backup.md', 'Backup and restore'],
      ['docs/upgrade.md', 'Upgrade and roll-back'],
      ['docs/postgresql.md', 'A database, and a bridge that stands by'],
      ['docs/cluster.md', 'Several bridges that are one'],
      ['docs/sizing.md', 'Sizing'],
    ],
  },
  {
    text: 'Reference',
    pages: [
      ['docs/configuration.md', 'Every key'],
      ['docs/performance.md', 'Performance'],
      ['docs/simulator.md', 'Simulated devices'],
      ['CHANGELOG.md', 'Changes'],
      ['SECURITY.md', 'Security'],
    ],
  },
  {
    text: 'Inside',
    pages: [
      ['docs/how-it-works.md', 'How it works'],
      ['docs/internals.md', 'Internals'],
      ['CONTRIBUTING.md', 'Contributing'],
    ],
  },
]
