/**
 * The API for people: one page made of the OpenAPI document, without a script and without another host. The server makes it, not the
 * browser. swagger-ui-dist would do the same in 1.5 MB of scripts, and its releases since 5.18 install a package that reports the installation.
 */
import { createHash } from 'node:crypto';
import { pageLinks } from './frame.js';

type Json = Readonly<Record<string, unknown>>;

interface Described {
  readonly operationId: string;
  readonly summary: string;
  readonly description: string;
  readonly security: readonly unknown[];
  readonly parameters?: readonly { name: string; in: string; required: boolean; description: string; schema: Json }[];
  readonly requestBody?: { readonly content: Content };
  readonly responses: Readonly<Record<string, { readonly description: string; readonly content?: Content }>>;
}
type Content = Readonly<Record<string, { readonly schema: Json }>>;

const STYLE = `
:root { color-scheme: light dark; --back: #fff; --text: #1b1f27; --link: #0b57b5; font: 16px/1.5 system-ui, sans-serif; }
@media (prefers-color-scheme: dark) { :root { --back: #0e1116; --text: #e8ebf0; --link: #8ab4ff; } }
html { background: var(--back); color: var(--text); }
body { margin: 0 auto; padding: 1rem; max-width: 60rem; overflow-wrap: anywhere; }
a { color: var(--link); }
h2 { margin-top: 2.5rem; font-size: 1.35rem; border-top: 1px solid; padding-top: 1rem; }
code, pre { font: 0.9em/1.4 ui-monospace, monospace; }
pre code { font: inherit; }
h2 code { font-weight: 700; }
h3 { font-size: 1.05rem; }
nav.pages { display: flex; gap: 1rem; }
pre { overflow: auto; padding: 0.75rem; border: 1px solid; border-radius: 0.4rem; }
table { border-collapse: collapse; width: 100%; table-layout: fixed; }
th { width: 4rem; }
th, td { text-align: left; vertical-align: top; padding: 0.3rem 0.75rem 0.3rem 0; border-bottom: 1px solid; }
nav ul { columns: 18rem auto; padding-left: 1.25rem; }
`;
const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/** Answers with the page. */
export function docsPage(document: Json, headers: Readonly<Record<string, string>>): Response {
  return new Response(render(document), {
    headers: {
      ...headers,
      'Content-Type': 'text/html; charset=utf-8',
      'Content-Security-Policy': `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    },
  });
}

function render(document: Json): string {
  const { title, version, description } = document.info as Readonly<Record<string, string>>;
  const operations = Object.entries(document.paths as Record<string, Record<string, Described>>).flatMap(
    ([path, methods]) => Object.entries(methods).map(([method, described]) => ({ path, method, described })),
  );
  const links = operations.map(
    ({ path, method, described }) =>
      `<li><a href="#${described.operationId}"><code>${method.toUpperCase()} ${escapeHtml(path)}</code></a></li>`,
  );
  const { schemas } = document.components as { readonly schemas: Json };
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<link rel="icon" href="assets/icon.svg"><title>${escapeHtml(title ?? '')}: API</title><style>${STYLE}</style></head>
<body><header><nav class="pages" aria-label="Pages">${pageLinks().join('')}</nav><h1>${escapeHtml(title ?? '')}</h1><p>Version ${escapeHtml(version ?? '')}. ${inline(description ?? '')}
For programs: <a href="openapi.json">openapi.json</a>.</p></header>
<nav aria-label="Calls"><ul>${links.join('')}</ul></nav>
<main>${operations.map(renderOperation).join('')}
<h2 id="problem">A problem</h2>${schemaBlock(schemas.Problem as Json)}</main></body></html>
`;
}

function renderOperation({
  path,
  method,
  described,
}: {
  readonly path: string;
  readonly method: string;
  readonly described: Described;
}): string {
  const { operationId, summary, description, security, parameters = [], requestBody, responses } = described;
  const rows = parameters.map(
    ({ name, in: place, required, description: about, schema }) =>
      `<tr><td><code>${escapeHtml(name)}</code></td><td>${place}${required ? ', required' : ''}</td><td>${inline(about)} ${schemaLine(schema)}</td></tr>`,
  );
  const answers = Object.entries(responses).map(
    ([status, { description: about, content }]) =>
      `<tr><th scope="row">${status}</th><td>${inline(about)}${Number(status) < 400 ? contentBlock(content) : ''}</td></tr>`,
  );
  return `<section aria-labelledby="${operationId}"><h2 id="${operationId}"><code>${method.toUpperCase()} ${escapeHtml(path)}</code></h2>
<p><strong>${escapeHtml(summary)}.</strong> ${inline(description)} ${security.length === 0 ? 'Needs no key.' : ''}</p>
${rows.length === 0 ? '' : `<h3>Parameters</h3><table><tbody>${rows.join('')}</tbody></table>`}
${requestBody === undefined ? '' : `<h3>Body</h3>${contentBlock(requestBody.content)}`}
<h3>Answers</h3><table><tbody>${answers.join('')}</tbody></table></section>`;
}

function contentBlock(content: Content = {}): string {
  return Object.entries(content)
    .map(
      ([type, { schema }]) =>
        `<p><code>${escapeHtml(type)}</code></p>${schema.type === 'string' ? '' : schemaBlock(schema)}`,
    )
    .join('');
}

/** Focusable, since it may scroll. */
function schemaBlock(schema: Json): string {
  return `<pre tabindex="0"><code>${escapeHtml(JSON.stringify(schema, null, 2))}</code></pre>`;
}

function schemaLine(schema: Json): string {
  return `<code>${escapeHtml(JSON.stringify(schema))}</code>`;
}

/** Text with the code and the paragraphs of its Markdown, which is all that the document uses. */
function inline(text: string): string {
  return escapeHtml(text)
    .replace(/`([^`]*)`/g, '<code>$1</code>')
    .replaceAll('\n\n', '<br>');
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}
