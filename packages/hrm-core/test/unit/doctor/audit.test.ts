import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { openAuditPlace, openAuditWriter } from '../../../src/audit/index.js';
import { checkAudit } from '../../../src/doctor/check-audit.js';
import { eventOf, logPath } from '../../support/audit.js';

it('what is looked at in an audit log', async () => {
  const auditLog = logPath();
  const codes = async () => (await checkAudit({ auditLog })).map(({ level, code }) => `${level} ${code}`);
  expect(await checkAudit({ auditLog: '' })).toMatchObject([{ level: 'ok', code: 'none' }]);
  expect(await codes()).toEqual(['ok audit']);
  const writer = openAuditWriter({ place: openAuditPlace(auditLog) }, { maxBytes: 1_000_000 });
  await writer.write(eventOf(1));
  await writer.close();
  expect(await codes()).toEqual(['ok audit']);
  chmodSync(auditLog, 0o644);
  expect(await codes()).toEqual(['warning permissions']);
  chmodSync(auditLog, 0o600);
  const text = readFileSync(auditLog, 'utf8');
  writeFileSync(auditLog, text.replace('user 1', 'user 2'));
  expect(await codes()).toEqual(['problem audit_broken']);
  rmSync(auditLog);
  mkdirSync(auditLog);
  expect(await codes()).toEqual(['problem audit_unavailable']);
});
