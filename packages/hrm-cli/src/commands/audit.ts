/** `hrm audit …`: who saw or changed whose data. */
import { auditPieces, verificationText, verificationToWire, verifyAudit } from 'hrm-core/audit';
import type { Command } from '../command.js';
import { visibleId, writePieces } from '../output/output.js';

/** `hrm audit verify` */
export const verifyCommand: Command = {
  name: 'audit verify',
  about:
    'Says whether the audit log is whole: that no line was changed, put in or taken out. It ends with 0 only where it is, else with 5. ' +
    'Whoever may write the file can make all of it anew. So keep the word that this prints as the head elsewhere, and give it back with --head later.',
  options: [{ name: 'head', value: 'WORD', about: 'The head as it was told before.', repeatable: true }],
  settings: ['auditLog'],
  examples: ['hrm audit verify', 'hrm audit verify --json'],
  async run({ args, settings, json, output }) {
    const found = await verifyAudit(settings.auditLog, { heads: args.values('head') });
    await output.write(json ? `${JSON.stringify(verificationToWire(found))}\n` : verificationText(found, visibleId));
    return found.isWhole ? 'done' : 'data';
  },
};

/** `hrm audit list` */
export const listCommand: Command = {
  name: 'audit list',
  about:
    'Lists events of the audit log, oldest first. With --user those about one user, and those about everybody. With --key those of an API key, and those that ' +
    'made or revoked it.',
  options: [
    { name: 'user', value: 'U', about: 'About this user.' },
    { name: 'key', value: 'ID', about: 'With this API key, by its id.' },
    { name: 'from', value: 'A', about: 'From this instant on, like 2024-01-15T10:00:00Z.' },
    { name: 'to', value: 'B', about: 'Before this instant.' },
  ],
  settings: ['auditLog'],
  examples: ['hrm audit list --user ana', 'hrm audit list --key ID --from 2024-01-15T00:00:00Z --json'],
  async run({ args, settings, json: isJson, output }) {
    const [userId, key, from, to] = ['user', 'key', 'from', 'to'].map(args.value);
    const pieces = auditPieces(settings.auditLog, { userId, key, from, to }, { isJson, visible: visibleId });
    await writePieces(output, pieces);
    return 'done';
  },
};
