import { startBluebricks } from '../../src/demo/bluebricks/server.ts';
import { startIdent } from '../../src/demo/ident/server.ts';
import { startJitsudo } from '../../src/demo/jitsudo/server.ts';

/** The other systems, without a user: what is asked here is whether their views are as the documents say. */
export async function startOthers() {
  const [ident, bluebricks, jitsudo] = await Promise.all([
    startIdent({ users: 0 }),
    startBluebricks({ users: 0 }),
    startJitsudo({ users: 0 }),
  ]);
  return {
    secrets: { IDENT_TOKEN: ident.token, BRICKS: bluebricks.token, JIT: jitsudo.apiKey },
    names: ['product', 'infra', 'staff'],
    connections: [
      `product: { source: ident, base_url: "${ident.url}", token: "\${IDENT_TOKEN}" }`,
      `infra: { source: bluebricks, base_url: "${bluebricks.url}", token: "\${BRICKS}" }`,
      `staff: { source: jitsudo, base_url: "${jitsudo.url}", tenant_id: ${jitsudo.world.tenantId}, api_key: "\${JIT}" }`,
    ],
    close: () => Promise.all([ident.close(), bluebricks.close(), jitsudo.close()]),
  };
}
