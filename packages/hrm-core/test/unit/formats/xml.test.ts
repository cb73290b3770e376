import { describe, expect, it } from 'vitest';
import { readXml, type XmlHandler, xmlRootOf } from '../../../src/formats/xml.js';

type Event = readonly (string | undefined)[];

async function* inPieces(bytes: Uint8Array, pieceBytes: number) {
  for (let from = 0; from < bytes.length; from += pieceBytes) yield bytes.subarray(from, from + pieceBytes);
}

/** What is heard, texts joined, and the pieces that come besides. */
async function read(bytes: Uint8Array, pieceBytes = 64, attribute = 'a') {
  const events: Event[] = [];
  let text = '';
  function flush(): void {
    if (text !== '') events.push(['text', text]);
    text = '';
  }
  const handler: XmlHandler = {
    open(name, attributes) {
      flush();
      const value = attributes.get(attribute);
      events.push(value === undefined ? ['open', name] : ['open', name, value]);
    },
    text(more) {
      text += more;
    },
    close(name) {
      flush();
      events.push(['close', name]);
    },
  };
  const pieces: unknown[] = [];
  for await (const piece of readXml(inPieces(bytes, pieceBytes), handler, () => [])) pieces.push(piece);
  flush();
  return {
    events,
    codes: pieces.map((piece) => (piece as { code?: string; kind: string }).code ?? (piece as { kind: string }).kind),
  };
}

const utf8 = (text: string) => new TextEncoder().encode(text);

describe('XML', () => {
  it.each<[string, string, Event[], string[]]>([
    [
      'local names',
      '<ns3:a xmlns:ns3="u"><g:b/></ns3:a>',
      [
        ['open', 'a'],
        ['open', 'b'],
        ['close', 'b'],
        ['close', 'a'],
      ],
      [],
    ],
    [
      'blanks before its declaration',
      '  \n<?xml version="1.0"?><r/>',
      [
        ['text', '  \n'],
        ['open', 'r'],
        ['close', 'r'],
      ],
      [],
    ],
    [
      'entities of its own, and no others',
      '<r a="&lt;&#65;&#x1F600;&quot;&foo;">&amp;&bar; & ;&#xFFFFFF;</r>',
      [
        ['open', 'r', '<A😀"&foo;'],
        ['text', '&&bar; & ;&#xFFFFFF;'],
        ['close', 'r'],
      ],
      [],
    ],
    [
      'CDATA and comments',
      '<r><![CDATA[<a>]]&amp;]]><!-- <b a=">"> --><?p <c> ?></r>',
      [
        ['open', 'r'],
        ['text', '<a>]]&amp;'],
        ['close', 'r'],
      ],
      [],
    ],
    [
      'a > within a value',
      '<r a="1>2"/>',
      [
        ['open', 'r', '1>2'],
        ['close', 'r'],
      ],
      [],
    ],
    [
      'a < within a value',
      '<r a="<<x>, y>" b="1"/>',
      [
        ['open', 'r', '<<x>, y>'],
        ['close', 'r'],
      ],
      [],
    ],
    [
      'a quote that is forgotten',
      '<r><x a="1 b="2"><y a="3"/></r>',
      [
        ['open', 'r'],
        ['open', 'y', '3'],
        ['close', 'y'],
        ['close', 'r'],
      ],
      ['dropped', 'broken_tags'],
    ],
    [
      'a quote that is forgotten last',
      '<r><x a="1>\n<y a="3"/></r>',
      [
        ['open', 'r'],
        ['open', 'y', '3'],
        ['close', 'y'],
        ['close', 'r'],
      ],
      ['dropped', 'broken_tags'],
    ],
    [
      'attributes without values or quotes',
      '<r c a=1 d = "2"/>',
      [
        ['open', 'r', '1'],
        ['close', 'r'],
      ],
      [],
    ],
    [
      'single quotes',
      "<r b='\"' a='2'/>",
      [
        ['open', 'r', '2'],
        ['close', 'r'],
      ],
      [],
    ],
    [
      'tags that do not match',
      '<r><a></b></r>',
      [
        ['open', 'r'],
        ['open', 'a'],
        ['close', 'b'],
        ['close', 'r'],
      ],
      [],
    ],
    [
      'a DTD',
      '<!DOCTYPE r [<!ELEMENT r (a)>\n<!ATTLIST r a CDATA #IMPLIED>]><r a="1"/>',
      [
        ['open', 'r', '1'],
        ['close', 'r'],
      ],
      [],
    ],
    [
      'a DTD with entities that grow',
      '<!DOCTYPE r [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><r>&b;</r>',
      [
        ['open', 'r'],
        ['text', '&b;'],
        ['close', 'r'],
      ],
      [],
    ],
    [
      'a DTD with a declaration that is not closed',
      '<!DOCTYPE r [\n<!ATTLIST r a CDATA #IMPLIED\n<!ATTLIST q b CDATA\n]>\n<r a="1"/>',
      [
        ['text', '\n'],
        ['open', 'r', '1'],
        ['close', 'r'],
      ],
      [],
    ],
    [
      'a DTD without an end',
      '<!DOCTYPE r [\n<!ATTLIST r a CDATA #IMPLIED\n<r a="1"/>',
      [
        ['open', 'r', '1'],
        ['close', 'r'],
      ],
      [],
    ],
    [
      'a DTD by address',
      '<!DOCTYPE r SYSTEM "file:///etc/passwd"><r/>',
      [
        ['open', 'r'],
        ['close', 'r'],
      ],
      [],
    ],
    [
      'several roots, and control characters',
      '<r a="\u000b"/><s>\u0000</s>',
      [
        ['open', 'r', '\u000b'],
        ['close', 'r'],
        ['open', 's'],
        ['text', '\u0000'],
        ['close', 's'],
      ],
      [],
    ],
    [
      'that is cut in a tag',
      '<r><a/><b a="',
      [
        ['open', 'r'],
        ['open', 'a'],
        ['close', 'a'],
      ],
      ['damage'],
    ],
    [
      'that is cut in a text',
      '<r>72',
      [
        ['open', 'r'],
        ['text', '72'],
      ],
      ['damage'],
    ],
  ])('with %s', async (_, text, events, codes) => {
    const bytes = utf8(text);
    for (const pieceBytes of [1, 3, 7, bytes.length]) expect(await read(bytes, pieceBytes)).toEqual({ events, codes });
  });

  it('is read in the encoding that it says, or begins with', async () => {
    const latin1 = Uint8Array.from(
      [...'<?xml version="1.0" encoding="ISO-8859-1"?><r>é</r>'].map((c) => c.charCodeAt(0)),
    );
    expect((await read(latin1)).events[1]).toEqual(['text', 'é']);
    const utf16 = new Uint8Array(new Uint16Array([...'\ufeff<r>é</r>'].map((c) => c.charCodeAt(0))).buffer);
    expect((await read(utf16)).events).toEqual([
      ['open', 'r'],
      ['text', 'é'],
      ['close', 'r'],
    ]);
    expect((await read(utf8('\ufeff<?xml version="1.0" encoding="utf-16"?><r>é</r>'))).events[1]).toEqual([
      'text',
      'é',
    ]);
  });

  it('takes bytes that are no UTF-8 for Windows-1252, and tells it', async () => {
    const bytes = Uint8Array.from([...utf8('<r a="'), 0xff, ...utf8('"/>')]);
    expect(await read(bytes)).toEqual({
      events: [
        ['open', 'r', 'ÿ'],
        ['close', 'r'],
      ],
      codes: ['not_utf8'],
    });
  });

  it('goes on behind a tag that is too long', async () => {
    const { events, codes } = await read(utf8(`<r><x a='${'"'.repeat(600_000)}<y a="1"/></r>`), 65_536);
    expect(events.filter(([kind]) => kind !== 'text').map((event) => event.join(' '))).toEqual([
      'open r',
      'open y 1',
      'close y',
      'close r',
    ]);
    expect(codes).toEqual(['dropped', 'broken_tags']);
  });

  it('has pieces that do not cut what is before the end of a piece', async () => {
    const text = `<r>${'<x a="1&amp;2">é&lt;</x>'.repeat(5_000)}</r>`;
    const { events } = await read(utf8(text), 10_007);
    expect(events.length).toBe(2 + 3 * 5_000);
    expect(new Set(events.map((event) => event.join(' '))).size).toBe(5);
  });
});

describe('the first element', () => {
  it.each([
    ['<?xml version="1.0"?><!-- x --><gpx/>', 'gpx'],
    ['\ufeff \n<ns:TrainingCenterDatabase xmlns:ns="u">', 'TrainingCenterDatabase'],
    [`<!DOCTYPE HealthData [\n<!ELEMENT ${'x'.repeat(9_000)}`, 'HealthData'],
    ['user_id,device_id', undefined],
    ['{"a": "<gpx>"}', undefined],
    ['', undefined],
    ['<?xml version="1.0"?>', undefined],
  ])('of %j is %s', (text, root) => {
    expect(xmlRootOf(utf8(text).subarray(0, 8_192))).toBe(root);
  });
});
