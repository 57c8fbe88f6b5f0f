// Builds and runs what a front end with Relay consists of: documents that relay-compiler compiles against the schema, and
// relay-runtime with the network function of Relay's guide.
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import relay from 'relay-runtime';

const require = createRequire(import.meta.url);
const compiler = require('relay-compiler');

// compile writes a module for each document (by its name) into a folder, and with persist also persisted.json, which has the
// documents by their SHA-256.
export function compile(folder, schema, documents, persist = false) {
  mkdirSync(`${folder}/src/__generated__`, { recursive: true });
  writeFileSync(`${folder}/schema.graphql`, schema);
  for (const [name, text] of Object.entries(documents)) {
    writeFileSync(`${folder}/src/${name}.js`, `graphql\`${text}\`;\n`);
  }
  const config = { src: 'src', schema: 'schema.graphql', language: 'javascript', eagerEsModules: false };
  if (persist) {
    writeFileSync(`${folder}/persisted.json`, '{}');
    config.persistConfig = { file: 'persisted.json', algorithm: 'SHA256' };
  }
  writeFileSync(`${folder}/relay.config.json`, JSON.stringify(config));
  execFileSync(compiler, ['relay.config.json'], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
}

export const load = (folder, name) => require(`${folder}/src/__generated__/${name}.graphql.js`);

// connect returns an environment that sends the text of a document, or the id of a persisted one.
export function connect(url, headers) {
  const fetchDocument = async ({ id, text }, variables) => {
    const response = await fetch(url, {
      method: 'POST',
      headers: {
        ...headers,
        Accept: 'application/graphql-response+json; charset=utf-8, application/json; charset=utf-8',
        'Content-Type': 'application/json',
      },
      body: JSON.stringify(id ? { documentId: id, variables } : { query: text, variables }),
    });
    return response.json();
  };
  return new relay.Environment({
    network: relay.Network.create(fetchDocument),
    store: new relay.Store(new relay.RecordSource()),
  });
}

// ask returns { data } or { error }, the first of errors as Relay shows it.
export async function ask(environment, document, variables) {
  try {
    if (document.params.operationKind === 'mutation') {
      const data = await new Promise((onCompleted, onError) => {
        relay.commitMutation(environment, { mutation: document, variables, onCompleted, onError });
      });
      return { data };
    }
    return { data: await relay.fetchQuery(environment, document, variables).toPromise() };
  } catch (failure) {
    if (!failure.source) throw failure;
    return { error: failure.source.errors[0] };
  }
}

const APP = {
  Order: 'mutation OrderMutation($product: ID!) { createChargeOrder(productId: $product) { merchantUid price } }',
  Credit: 'mutation CreditMutation($impUid: ID!) { createPointTransaction(impUid: $impUid) { id amount } }',
  Lines: `query LinesQuery { ...Lines_page }
    fragment Lines_page on Query @refetchable(queryName: "LinesPageQuery")
      @argumentDefinitions(first: { type: "Int", defaultValue: 1 }, after: { type: "String" }) {
      viewer { pointTransactions(first: $first, after: $after) @connection(key: "Lines_pointTransactions") {
        edges { node { amount } } } } }`,
};

// charge opens an order, pays it at the pretend Iamport, and turns the payment into points.
async function charge(environment, folder, origin, product) {
  const opened = await ask(environment, load(folder, 'OrderMutation'), { product });
  const { merchantUid, price } = opened.data.createChargeOrder;
  const paid = await fetch(`${origin}/sandbox/sandbox-payments`, {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ merchant_uid: merchantUid, amount: price }),
  });
  const { response: { imp_uid: impUid } } = await paid.json();
  const { data } = await ask(environment, load(folder, 'CreditMutation'), { impUid });
  return data.createPointTransaction.amount;
}

// readLines reads the ledger line by line until Relay knows of no more, as usePaginationFragment does, and returns the
// amounts in the list that Relay has joined.
async function readLines(environment, folder) {
  const query = load(folder, 'LinesQuery');
  const operation = relay.createOperationDescriptor(query, {});
  environment.retain(operation);
  const { data, error } = await ask(environment, query, {});
  if (error) throw new Error(error.message);
  const selector = relay.getSingularSelector(load(folder, 'Lines_page'), data);
  const list = () => environment.lookup(selector).data.viewer.pointTransactions;
  while (list().pageInfo.hasNextPage) {
    const more = relay.createOperationDescriptor(load(folder, 'LinesPageQuery'), { first: 1, after: list().pageInfo.endCursor });
    environment.retain(more);
    await environment.execute({ operation: more }).toPromise();
  }
  return list().edges.map(({ node }) => node.amount);
}

// "compile FOLDER SCHEMA" builds the app with persisted documents; "run FOLDER ORIGIN TOKEN" charges twice, reads the lines,
// and prints the amounts as JSON.
const [command, folder, place, token] = process.argv.slice(2);
if (process.argv[1] === import.meta.filename && command === 'compile') {
  compile(folder, readFileSync(place, 'utf8'), APP, true);
} else if (process.argv[1] === import.meta.filename && command === 'run') {
  const environment = connect(`${place}/graphql`, { Authorization: `Bearer ${token}` });
  const charged = [await charge(environment, folder, place, 'points-5000'), await charge(environment, folder, place, 'points-30000')];
  console.log(JSON.stringify({ charged, lines: await readLines(environment, folder) }));
}
