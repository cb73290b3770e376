const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Two characters that no id is without, and that XML 1.0 has no place for. */
const NO_CHARACTERS = /[\ufffe\uffff]/g;

/** A text as XML has it, between tags or in quotes. Control characters it must not have: no id has any. */
export function xmlText(text: string): string {
  return text.replace(NO_CHARACTERS, '\ufffd').replace(/[&<>"]/g, (character) => ENTITIES[character] ?? '');
}
