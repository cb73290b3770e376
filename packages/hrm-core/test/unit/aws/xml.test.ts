import { describe, expect, it } from 'vitest';
import { elementsOf, escapeXml, textOf } from '../../../src/drivers/aws/xml.js';

describe('the XML of answers', () => {
  it('gives elements in order, and texts without escapes', () => {
    const xml = '<R><C><K>a&amp;b</K></C><C><K>&#x41;&#66;&lt;&gt;&quot;&apos;</K></C></R>';
    const blocks = elementsOf(xml, 'C');
    expect(blocks.map((block) => textOf(block, 'K'))).toEqual(['a&b', 'AB<>"\'']);
    expect(textOf(xml, 'none')).toBe('');
    expect(textOf('<K>&amp;lt; &nope; &#9999999;</K>', 'K')).toBe('&lt; &nope; &#9999999;');
    expect(textOf(`<K>${escapeXml('a<b>&c')}</K>`, 'K')).toBe('a<b>&c');
  });

  it('of what is none gives nothing, in time that grows with its length', () => {
    for (const broken of ['', '<K>', '<K>a', '</K>', '<C><C>']) {
      expect(elementsOf(broken, 'C')).toEqual([]);
      expect(textOf(broken, 'K')).toBe('');
    }
    const opened = '<C>'.repeat(200_000);
    expect(elementsOf(opened, 'C')).toEqual([]);
    expect(elementsOf(`${opened}</C>`.repeat(2), 'C')).toHaveLength(2);
  });
});
