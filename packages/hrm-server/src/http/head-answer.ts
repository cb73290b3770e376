/** HEAD: the headers of the GET, its length among them where the GET has one. @see RFC 9110, 9.3.2 */

/** The same request as a GET. */
export function asGet(request: Request): Request {
  return new Request(request.url, { method: 'GET', headers: request.headers, signal: request.signal });
}

/** An answer without its body. One that would be streamed has none by here, since its handler saw that nobody wants it. */
export async function withoutBody(answer: Response | Promise<Response>): Promise<Response> {
  const { status, headers, body } = await answer;
  if (body === null) return new Response(null, { status, headers });
  const length = String((await new Response(body).arrayBuffer()).byteLength);
  return new Response(null, { status, headers: { ...Object.fromEntries(headers), 'Content-Length': length } });
}
