/**
 * The OpenAPI 3.1 document, made of the table of calls and the valibot schemas of their bodies.
 * @see https://spec.openapis.org/oas/v3.1.0
 */
import { STATUS_CODES } from 'node:http';
import { toJsonSchema } from '@valibot/to-json-schema';
import { READING_TYPES } from 'hrm-core';
import {
  type Answer,
  type BodySchema,
  CLIENT_PROBLEMS,
  COMMON_PROBLEMS,
  KEY_PROBLEMS,
  methodsOf,
  OPERATIONS,
  type Operation,
  type Parameter,
  ProblemAnswer,
  type ProblemCode,
} from 'hrm-core/schemas';
import type * as v from 'valibot';

type Json = Readonly<Record<string, unknown>>;

/** @param version - of the service. */
export function openApiDocument(version: string): Json {
  const paths: Record<string, Record<string, Json>> = {};
  for (const [id, operation] of Object.entries<Operation>(OPERATIONS)) {
    const described = { [operation.method.toLowerCase()]: describeOperation(id, operation) };
    paths[operation.path] = { ...paths[operation.path], ...described };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Heart Rate Monitor System',
      version,
      description:
        'Takes heart-rate readings without losing one, and answers minute by minute. A GET may be asked as HEAD. Errors are RFC 9457 problems; `code` is stable. A path that is neither here nor of the dashboard is 404 `not_found`; a path that is here, by another method, is 405 `method_not_allowed`, and `Allow` names those that it has.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: { Problem: jsonSchema(ProblemAnswer) },
      // Of paths that are not here, so that nothing points to it.
      responses: { NotFound: describeStatus(404, ['not_found']) },
      securitySchemes: {
        key: {
          type: 'http',
          scheme: 'bearer',
          description:
            'An API key, `hrm_…`: needed from the first key on that the server has. Without keys it takes calls from its own machine only, unless it was told otherwise.',
        },
      },
    },
  };
}

function describeOperation(id: string, operation: Operation): Json {
  const { scope, summary, about, parameters = [], body, answers, ignoresParameters } = operation;
  const isOpen = scope === 'none';
  const needs = isOpen
    ? []
    : [`Where there are keys, it needs one${scope === 'any' ? '' : ` with the scope \`${scope}\``}.`];
  const ignores = ignoresParameters === true ? ['It ignores unknown query parameters.'] : [];
  return {
    operationId: id,
    summary,
    description: [about, ...needs, ...ignores].filter(Boolean).join(' '),
    // The empty one: none is needed before there are keys.
    security: isOpen ? [] : [{ key: [] }, {}],
    ...(parameters.length === 0 ? {} : { parameters: parameters.map(describeParameter) }),
    ...(body === undefined ? {} : { requestBody: { required: true, content: describeContent(body) } }),
    responses: {
      ...Object.fromEntries(answers.map((answer) => [answer.status, describeAnswer(answer)])),
      ...describeProblems(operation),
    },
  };
}

function describeParameter({ name, in: place, required, schema, about }: Parameter): Json {
  return { name, in: place, required, description: about, schema: jsonSchema(schema) };
}

function describeAnswer({ about, types, headers = {} }: Answer): Json {
  const described = Object.entries(headers).map(([name, text]) => [
    name,
    { description: text, schema: { type: 'string' } },
  ]);
  return {
    description: about,
    ...(described.length === 0 ? {} : { headers: Object.fromEntries(described) }),
    ...(Object.keys(types).length === 0 ? {} : { content: describeContent(types) }),
  };
}

function describeContent(types: Readonly<Record<string, BodySchema>>): Json {
  return Object.fromEntries(
    Object.entries(types).map(([type, schema]) => [
      type,
      { schema: schema === null ? { type: 'string' } : jsonSchema(schema) },
    ]),
  );
}

/** The codes of a call's refusals. */
function problemCodesOf({ scope, path, ignoresParameters, problems = [] }: Operation): readonly ProblemCode[] {
  const ofKey: readonly ProblemCode[] = scope === 'none' ? [] : KEY_PROBLEMS;
  const ofScope: readonly ProblemCode[] = scope === 'none' || scope === 'any' ? [] : ['scope_missing'];
  // What is about all users is not for a key that is bound to some.
  const ofAll: readonly ProblemCode[] = scope === 'admin' ? ['foreign_user'] : [];
  const ofParameters: readonly ProblemCode[] = ignoresParameters === true ? [] : ['invalid_query'];
  // Without anything in the place of a name there is no such path.
  const ofPath: readonly ProblemCode[] = path.includes('{') ? ['not_found'] : [];
  return [...new Set([...COMMON_PROBLEMS, ...ofKey, ...ofScope, ...ofAll, ...ofParameters, ...ofPath, ...problems])];
}

const UNAVAILABLE = 'The service cannot do this now; `Retry-After` says when to try again.';
const UNAVAILABLE_FOR_READINGS = `${UNAVAILABLE} With \`queue_full\` or \`too_busy\` nothing was kept. With \`queue_unavailable\` the readings may be kept or not: send them again, which is harmless.`;

/** What is refused before it is known that a call is FHIR's is a problem there, too. */
function describeProblems(operation: Operation): Json {
  const described = describeRefusals(operation);
  if (operation.isFhir !== true) return described;
  const outcome = { [READING_TYPES.fhir]: { schema: { type: 'object', required: ['resourceType', 'issue'] } } };
  return Object.fromEntries(
    Object.entries(described).map(([status, one]) => [
      status,
      { ...one, content: { ...(one.content as Json), ...outcome } },
    ]),
  );
}

function describeRefusals(operation: Operation): Readonly<Record<string, Json>> {
  const codes = problemCodesOf(operation);
  const statuses = [...new Set(codes.map((code) => CLIENT_PROBLEMS[code].status))].sort((a, b) => a - b);
  const own = statuses.map((status) => {
    const those = codes.filter((code) => CLIENT_PROBLEMS[code].status === status);
    return [status, describeStatus(status, those, status === 405 ? { Allow: methodsOf(operation.path) } : {})];
  });
  const isAnswered503 = operation.answers.some(({ status }) => status === 503);
  return {
    ...Object.fromEntries(own),
    500: describeProblem(500, 'The service failed: the operator finds the cause in the log.'),
    ...(isAnswered503
      ? {}
      : { 503: describeProblem(503, operation.method === 'POST' ? UNAVAILABLE_FOR_READINGS : UNAVAILABLE) }),
  };
}

/** A status by its codes. @param values - headers of one value. */
function describeStatus(
  status: number,
  codes: readonly ProblemCode[],
  values: Readonly<Record<string, string>> = {},
): Json {
  const lines = codes.map((code) => `\`${code}\`: ${CLIENT_PROBLEMS[code].about}`);
  return describeProblem(status, lines.join('\n\n'), codes, values);
}

function describeProblem(
  status: number,
  description: string,
  codes: readonly string[] = [],
  values: Readonly<Record<string, string>> = {},
): Json {
  const code = codes.length === 0 ? {} : { code: { enum: codes } };
  const problem = {
    allOf: [{ $ref: '#/components/schemas/Problem' }],
    properties: { status: { const: status }, ...code },
  };
  const headers = Object.fromEntries([
    ...(HEADERS_BY_STATUS[status] ?? []).map((name) => [name, { schema: { type: 'string' }, required: true }]),
    ...Object.entries(values).map(([name, value]) => [name, { schema: { const: value }, required: true }]),
  ]);
  return {
    description: description || STATUS_CODES[status],
    ...(Object.keys(headers).length === 0 ? {} : { headers }),
    content: { 'application/problem+json': { schema: problem } },
  };
}

/** What comes with every answer of a status. */
const HEADERS_BY_STATUS: Readonly<Record<number, readonly string[]>> = {
  401: ['WWW-Authenticate'],
  429: ['Retry-After'],
  503: ['Retry-After'],
};

/** Without what JSON Schema cannot say: well-formed Unicode, that control characters are refused. */
function jsonSchema(schema: v.GenericSchema): Json {
  const { $schema: _, ...described } = toJsonSchema(schema, {
    errorMode: 'ignore',
    // The valibot schema is stricter than this format; tools draw a field for a time by it.
    overrideAction: ({ valibotAction, jsonSchema }) => {
      if (valibotAction.type !== 'metadata') return undefined;
      return { ...jsonSchema, ...(valibotAction as v.MetadataAction<unknown, { format: string }>).metadata };
    },
  });
  return described as Json;
}
