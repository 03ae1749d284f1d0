import { isObject, type Json, type JsonObject } from '../../contract/json.ts';
import { badRequest } from './reply.ts';
import type { PylonUser } from './user.ts';

/** Says whether a user passes. */
export type Keep = (user: PylonUser) => boolean;

const MAX_DEPTH = 3;

/** Every operator of the API's grammar, so that "not for users" and "no such operator" are told apart. */
const OPERATORS: ReadonlySet<string> = new Set([
  ...['equals', 'not_equals', 'contains', 'does_not_contain', 'in', 'not_in', 'and', 'or'],
  ...['time_is_after', 'time_is_before', 'time_range', 'string_contains', 'string_does_not_contain', 'is_set'],
  ...['is_unset', 'greater_than', 'less_than', 'greater_than_or_equals', 'less_than_or_equals'],
]);

/** The search filter of users as a test. Throws the 400 that names what is wrong with it. */
export function readFilter(filter: Json | undefined, depth = 1): Keep {
  if (filter === undefined || filter === null) return () => true;
  if (!isObject(filter)) throw badRequest('filter: must be an object');
  if (depth > MAX_DEPTH) throw badRequest(`filter: the tree is deeper than the maximum of ${MAX_DEPTH}`);
  const { operator } = filter;
  if (typeof operator !== 'string') throw badRequest('filter: operator is required');
  if (!OPERATORS.has(operator)) throw badRequest(`filter: unknown operator "${operator}"`);
  return operator === 'and' || operator === 'or'
    ? readCompound(filter, operator, depth)
    : readCondition(filter, operator);
}

function readCompound(filter: JsonObject, operator: 'and' | 'or', depth: number): Keep {
  const { subfilters } = filter;
  if (!Array.isArray(subfilters) || subfilters.length === 0) {
    throw badRequest(`filter: operator "${operator}" needs subfilters`);
  }
  const tests = subfilters.map((subfilter) => {
    if (!isObject(subfilter)) throw badRequest('filter: each of the subfilters must be an object');
    return readFilter(subfilter, depth + 1);
  });
  return operator === 'and' ? (user) => tests.every((test) => test(user)) : (user) => tests.some((test) => test(user));
}

function readCondition(filter: JsonObject, operator: string): Keep {
  const { field, subfilters } = filter;
  if (subfilters !== undefined && subfilters !== null) {
    throw badRequest(`filter: subfilters are valid only with "and" or "or", not with "${operator}"`);
  }
  if (typeof field !== 'string') throw badRequest(`filter: operator "${operator}" needs a field`);
  if (field !== 'email') throw badRequest(`filter: field "${field}" is not filterable for users`);
  switch (operator) {
    case 'equals': {
      const { value } = filter;
      if (typeof value !== 'string') throw badRequest('filter: operator "equals" needs a value');
      return (user) => user.email === value;
    }
    case 'in': {
      const wanted = readValues(filter, operator);
      return (user) => wanted.has(user.email ?? '');
    }
    case 'not_in': {
      const unwanted = readValues(filter, operator);
      return (user) => !unwanted.has(user.email ?? '');
    }
    default:
      throw badRequest(`filter: operator "${operator}" is not allowed for field "email"`);
  }
}

function readValues(filter: JsonObject, operator: string): ReadonlySet<string> {
  const { values } = filter;
  if (!Array.isArray(values) || values.length === 0) throw badRequest(`filter: operator "${operator}" needs values`);
  return new Set(
    values.map((value) => {
      if (typeof value !== 'string') throw badRequest('filter: each of the values must be a string');
      return value;
    }),
  );
}
