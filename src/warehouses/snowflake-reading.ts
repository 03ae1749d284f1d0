/** Literals, quoted names and comments: what stands in them is no SQL. */
const ASIDE = /'(?:[^'\\]|''|\\.)*'|"(?:[^"]|"")*"|\$\$.*?\$\$|--[^\n]*|\/\/[^\n]*|\/\*.*?\*\//gs;

const READS = /^[\s(]*(select|with|show|describe|desc|explain|list|ls|values)\b/i;

/**
 * True for a statement that reads and does no more. A session that only reads has the same role as one that writes, so
 * that Snowflake itself would not object. `->>` chains statements, of which the later ones may change something.
 */
export function isReading(sql: string): boolean {
  const bare = sql.replaceAll(ASIDE, ' ').trim().replace(/;\s*$/, '');
  return READS.test(bare) && !bare.includes(';') && !bare.includes('->>');
}
