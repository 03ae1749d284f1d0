/** Types of our columns; each dialect has a name for each. */
export type ColumnType = 'text' | 'json' | 'boolean' | 'integer' | 'timestamp';

/**
 * How a warehouse writes SQL: what differs between warehouses, as small renderings and flags. The statements themselves
 * are in src/sql, once for all. Each member takes and returns SQL text.
 */
export interface Dialect {
  readonly types: Readonly<Record<ColumnType, string>>;
  /** Quotes a table, view or column name (lower case in; Snowflake folds it up). */
  name(identifier: string): string;
  /** A table of ours, qualified where the warehouse needs it. */
  table(identifier: string): string;
  /** A text literal. For constants of ours; everything else is a parameter. */
  literal(text: string): string;
  /** Text to a type; null (not an error) where it does not convert. */
  tryCast(expression: string, type: ColumnType): string;
  /** Null-safe inequality of two values of a type. */
  differs(left: string, right: string, type: ColumnType): string;
  /** JSON array of texts, from SQL text expressions that may be null (nulls left out). */
  jsonArray(expressions: readonly string[]): string;
  /** Text at a path of a JSON value, null where there is none or it is JSON null. */
  jsonText(json: string, path: readonly string[]): string;
  /** JSON at a path of a JSON value. */
  jsonAt(json: string, path: readonly string[]): string;
  /** The part of a text before the first occurrence of a separator (all of it where there is none). */
  before(expression: string, separator: string): string;
  /** The part of a text after the first occurrence of a separator. */
  after(expression: string, separator: string): string;
  /** FROM clause that yields one row per element of a JSON array: `element` names the JSON value in expressions. */
  unnest(from: string, json: string): { readonly from: string; readonly element: string };
  /** Aggregate: JSON array of objects with these keys and SQL values. */
  jsonObjects(pairs: readonly (readonly [key: string, value: string])[], orderBy: string): string;
  /** RFC 3339 text with Z of a timestamp. */
  instant(timestamp: string): string;
  /** Physical layout appended to CREATE TABLE: clustering, options. */
  cluster(columns: readonly string[]): string;
  /** Statements that add those columns that are missing: few, for clouds limit how often a table's metadata may change. */
  addColumns(table: string, columns: readonly { readonly name: string; readonly type: ColumnType }[]): string[];
}
