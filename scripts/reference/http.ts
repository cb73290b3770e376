import { OPERATIONS, type Operation } from '../../packages/hrm-core/src/schemas/operations.js';
import { COMMON_PROBLEMS, KEY_PROBLEMS } from '../../packages/hrm-core/src/schemas/problems.js';
import { openApiDocument } from '../../packages/hrm-server/src/api/openapi.js';
import { codes, fenced, page, table } from './markdown.js';

const INTRO = `A server shows the same at \`/docs\`, and as OpenAPI 3.1 at \`/openapi.json\`. A GET may be asked as HEAD.
[The guide](../guides/http.md) explains the calls, [errors](errors.md) the codes.`;

const REFUSALS = `Scope any: any key will do. Scope none: no key is needed.

Any call may be refused with ${codes(COMMON_PROBLEMS)}. A call that needs a key may also be refused with ${codes(KEY_PROBLEMS)}. A call
that needs a scope may be refused with \`scope_missing\`. The tables below list the other codes.`;

const STATED = new Set<string>([...COMMON_PROBLEMS, ...KEY_PROBLEMS, 'scope_missing']);

/** Of JSON Schema, what is used here. */
interface Schema {
  readonly type?: string;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];
  readonly anyOf?: readonly Schema[];
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
}

interface Content {
  readonly schema: Schema & { readonly allOf?: unknown };
}

interface Described {
  readonly summary: string;
  readonly description: string;
  readonly parameters?: readonly { name: string; in: string; required: boolean; description: string; schema: Schema }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, Content>> };
  readonly responses: Readonly<Record<string, { description: string; content?: Readonly<Record<string, Content>> }>>;
}

/** The page of the calls. */
export function httpPage(): string {
  const { paths } = openApiDocument('') as { paths: Record<string, Record<string, Described>> };
  const operations = Object.values<Operation>(OPERATIONS).map((operation) => {
    const described = paths[operation.path]?.[operation.method.toLowerCase()];
    if (described === undefined) throw new Error(`${operation.path} is not in the OpenAPI document`);
    return { operation, described, title: `${operation.method} ${operation.path}` };
  });
  const rows = operations.map(({ operation: { scope }, described, title }) => {
    return [
      `[\`${title}\`](#${anchorOf(title)})`,
      described.summary,
      scope === 'none' || scope === 'any' ? scope : `\`${scope}\``,
    ];
  });
  return page(
    '# HTTP calls',
    INTRO,
    table(['call', 'what it does', 'scope of the key'], rows),
    REFUSALS,
    ...operations.map(({ described, title }) => section(title, described)),
  );
}

function anchorOf(title: string): string {
  return title
    .toLowerCase()
    .replace(/[^a-z0-9_ -]/g, '')
    .replaceAll(' ', '-');
}

function section(title: string, { summary, description, parameters = [], requestBody, responses }: Described): string {
  const bodies = Object.entries(requestBody?.content ?? {});
  const answers = Object.entries(responses).filter(([, { content = {} }]) => !('application/problem+json' in content));
  const problems = Object.entries(responses).flatMap(([status, { content = {} }]) => {
    const schema = content['application/problem+json']?.schema;
    const all = (schema?.properties?.code?.enum ?? []) as readonly string[];
    const names = all.filter((code) => !STATED.has(code));
    return names.length === 0 ? [] : [[status, codes(names)]];
  });
  return page(
    `## ${title}`,
    `${summary}. ${description}`.trim(),
    parameters.length === 0
      ? ''
      : table(
          ['parameter', 'in', 'required', 'what'],
          parameters.map((one) => [
            `\`${one.name}\``,
            one.in,
            one.required ? 'yes' : 'no',
            one.description + allowedOf(one.schema),
          ]),
        ),
    ...bodies.map(([type, { schema }]) => `Body, \`${type}\`${shownShape(type, schema)}`),
    ...answers.flatMap(([status, { description: about, content = {} }]) => [
      `**${status}** ${about}`,
      ...Object.entries(content).map(([type, { schema }]) => `\`${type}\`${shownShape(type, schema)}`),
    ]),
    problems.length === 0 ? '' : table(['status', 'codes'], problems),
  ).trimEnd();
}

function allowedOf({ enum: values }: Schema): string {
  return values === undefined ? '' : ` One of ${codes(values.map(String))}.`;
}

/** Only JSON has a form that a schema tells. */
function shownShape(type: string, schema: Schema): string {
  if (type !== 'application/json' || shapeOf(schema, '') === '{}') return '';
  return `\n\n${fenced('text', shapeOf(schema, ''))}`;
}

/** A schema as the JSON that it stands for. */
function shapeOf(schema: Schema, margin: string): string {
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) return schema.enum.map((value) => JSON.stringify(value)).join(' | ');
  if (schema.anyOf !== undefined) return schema.anyOf.map((one) => shapeOf(one, margin)).join(' | ');
  if (schema.type === 'array') return `[${shapeOf(schema.items ?? {}, margin)}, …]`;
  if (schema.type !== 'object') return schema.type ?? 'any';
  const entries = Object.entries(schema.properties ?? {});
  if (entries.length === 0) return '{}';
  const inner = `${margin}  `;
  const lines = entries.map(([name, one]) => {
    const mark = schema.required?.includes(name) === true ? '' : '?';
    return `${inner}${name}${mark}: ${shapeOf(one, inner)}`;
  });
  return `{\n${lines.join(',\n')}\n${margin}}`;
}
