import { describe, expect, it } from 'vitest';
import { headerValues } from '../src/http/header-values.js';

describe('headerValues', () => {
  const rawHeaders = ['HOST', 'a', '__proto__', 'x', 'Last-Event-ID', '1', 'host', 'b', 'constructor', 'y'];

  it.each([
    ['host', ['a', 'b']],
    ['last-event-id', ['1']],
    ['__proto__', ['x']],
    ['constructor', ['y']],
    ['toString', []],
    ['authorization', []],
  ])('of %s are %j', (name, values) => {
    expect(headerValues({ rawHeaders }, name)).toEqual(values);
  });
});
