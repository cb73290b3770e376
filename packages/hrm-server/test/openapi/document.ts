/**
 * The OpenAPI document as a client has it, and what it says of an answer.
 */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';

export type Json = Readonly<Record<string, unknown>>;

export interface DocumentedParameter {
  readonly name: string;
  readonly in: 'query' | 'path' | 'header';
  readonly required: boolean;
  readonly schema: Json;
}

type Content = Readonly<Record<string, { readonly schema: Json }>>;

interface DocumentedResponse {
  readonly content?: Content;
  readonly headers?: Readonly<Record<string, { readonly required?: boolean; readonly schema: Json }>>;
}

export interface DocumentedOperation {
  readonly operationId: string;
  readonly security: readonly unknown[];
  readonly parameters?: readonly DocumentedParameter[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, DocumentedResponse>>;
}

export interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, DocumentedOperation>>>>;
  readonly components: Json & { readonly responses: { readonly NotFound: DocumentedResponse } };
}

/** An answer as it came. */
export interface Given {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly text: string;
}

/** Every operation of a document with its path and method. */
export function operationsOf({ paths }: Document) {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
}

/** What is answered where there is nothing. */
export function nowhere({ components }: Document): DocumentedOperation {
  return { operationId: 'nothing', security: [], responses: { 404: components.responses.NotFound } };
}

/** Whether a call says that it refuses parameters which it does not know. */
export function isStrict({ responses }: DocumentedOperation): boolean {
  return JSON.stringify(responses['400'] ?? null).includes('"invalid_query"');
}

/** Makes what tells in which way an answer is not what the document says; `null`: it is. */
export function createConformance(document: Document) {
  const ajv = new Ajv2020({ strict: false, allErrors: false, validateFormats: false });
  const validators = new Map<Json, ValidateFunction>();

  /** With the components beside it, where its references point. */
  function validatorOf(schema: Json): ValidateFunction {
    const known = validators.get(schema);
    if (known !== undefined) return known;
    const validator = ajv.compile({ ...schema, components: document.components });
    validators.set(schema, validator);
    return validator;
  }

  return (operation: DocumentedOperation, { status, headers, text }: Given, isHead = false): string | null => {
    const documented = operation.responses[status];
    if (documented === undefined)
      return `${operation.operationId} answered ${status}, which is not documented: ${text}`;
    for (const [name, { required, schema }] of Object.entries(documented.headers ?? {})) {
      const value = headers[name.toLowerCase()];
      if (required === true && value === undefined) return `${status} without ${name}`;
      if (value !== undefined && !validatorOf(schema)(value)) return `${status} with ${name}: ${value}`;
    }
    if (isHead || documented.content === undefined) return text === '' ? null : `${status} with a body`;
    const type = String(headers['content-type'] ?? '').split(';')[0] ?? '';
    const content = documented.content[type];
    if (content === undefined) return `${operation.operationId} ${status} came as ${type}, which is not documented`;
    if (!/[/+]json$/.test(type)) return null;
    const validate = validatorOf(content.schema);
    return validate(JSON.parse(text)) ? null : `${status} ${text}: ${ajv.errorsText(validate.errors)}`;
  };
}
