import { describe, expect, test } from 'vitest';
import { isExact, parseJson } from '../../src/http/json.ts';

const again = (text: string): string => JSON.stringify(parseJson(text));

describe('numbers', () => {
  test.each([
    '9007199254740993',
    '12345678901234567890',
    '-12345678901234567891',
    '0.1000000000000000055511151231257827',
    '1e400',
    '-1E-400',
    '3.141592653589793238462643',
  ])('%s is kept as it was received', (number) => {
    expect(again(`{"id":${number},"a":[${number} ],"s":"x"}`)).toBe(`{"id":${number},"a":[${number}],"s":"x"}`);
    expect(again(`[\n    ${number}\n]`)).toBe(`[${number}]`);
    expect(again(number)).toBe(number);
  });

  test.each(['1', '-0.5', '9007199254740991', '1e5', '1.50', '1e21', '0.1', '1234567890.12345', '-1E-7', '0e99', '-0'])(
    '%s is an ordinary number',
    (number) => {
      expect(isExact(number)).toBe(true);
      expect(parseJson(`{"n":${number}}`)).toEqual(JSON.parse(`{"n":${number}}`));
    },
  );

  test('digits and exponents inside strings stay strings', () => {
    const text = '{"id":"12345678901234567890","uuid":"2489e9ad-2ee2-4e00-8ec9-32d5f69181c0","s":"9e999, x"}';
    expect(again(text)).toBe(text);
  });
});

test('a key __proto__ stays a key and reaches no prototype, with and without long numbers', () => {
  for (const text of ['{"__proto__":{"admin":true}}', '{"__proto__":{"admin":true},"n":12345678901234567890}']) {
    const body = parseJson(text);
    expect(Object.hasOwn(Object(body), '__proto__')).toBe(true);
    expect(Reflect.get(Object(body), 'admin')).toBeUndefined();
    expect(JSON.stringify(body)).toBe(text);
  }
});

test('text that is no JSON is refused', () => {
  expect(() => parseJson('{"n":12345678901234567890')).toThrow(SyntaxError);
  expect(() => parseJson('')).toThrow(SyntaxError);
});
