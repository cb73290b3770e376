/**
 * The audit log: who saw or changed whose data, when, from where, and with what outcome; written so that what is taken out of it is noticed.
 * @module
 */

export { clientAddress } from './address.js';
export { type AuditFile, type AuditPlace, headPathOf, openAuditPlace } from './audit-place.js';
export {
  AUDIT_ACTIONS,
  AUDIT_OUTCOMES,
  type AuditAction,
  type AuditClaim,
  type AuditEvent,
  type AuditLine,
  type AuditLinks,
  type AuditNote,
  type AuditOutcome,
  isAuditEvent,
} from './event.js';
export { readAudit } from './files.js';
export { type AuditSearch, listAudit } from './list.js';
export {
  type AuditedCommand,
  type AuditListener,
  type AuditLog,
  type AuditSettings,
  auditCommand,
  type CommandWords,
  openAuditLog,
  openServiceAudit,
} from './open.js';
export {
  type AuditedCall,
  type AuditRecorder,
  type AuditRecorderSettings,
  type AuditTrail,
  auditedAccess,
  createAuditRecorder,
} from './recorder.js';
export { type AuditedRequest, endAnswered, endFailed, followRequest } from './requests.js';
export { auditPieces, verificationText, verificationToWire } from './texts.js';
export {
  type AuditFault,
  type AuditFaultCode,
  type AuditVerification,
  type VerifyAuditOptions,
  verifyAudit,
} from './verify.js';
export {
  type AuditState,
  type AuditWriter,
  type AuditWriterComponents,
  type AuditWriterSettings,
  openAuditWriter,
} from './writer.js';
