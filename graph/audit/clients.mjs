// Asks the API with Apollo Client, urql, graphql-request and Relay, each as its documentation says, and prints as JSON
// what they read. Arguments: the API's address, a token, and the imp_uid of a payment for each client.
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { ApolloClient, CombinedGraphQLErrors, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';
import { Client, fetchExchange } from '@urql/core';
import { persistedExchange } from '@urql/exchange-persisted';
import { ClientError, GraphQLClient } from 'graphql-request';
import * as relay from './relay.mjs';

const [url, token, ...payments] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${token}` };

const VIEWER = 'query Viewer { viewer { id balance } }';
const CREDIT = 'mutation Credit($impUid: ID!) { createPointTransaction(impUid: $impUid) { id amount } }';
const WRONG = 'query Wrong { viewer { password } }';

const sha256 = (text) => createHash('sha256').update(text).digest('hex');

// Each client is a function (document, variables) → { data } or { error }, the first of errors as the client shows it.
const clients = {
  apollo(...links) {
    const link = [...links, new HttpLink({ uri: url, headers })].reduce((first, next) => first.concat(next));
    const client = new ApolloClient({ link, cache: new InMemoryCache(), clientAwareness: { name: 'audit', version: '1' } });
    return async (text, variables) => {
      const document = gql(text);
      const mutation = text.startsWith('mutation');
      try {
        return await (mutation ? client.mutate({ mutation: document, variables })
          : client.query({ query: document, variables, fetchPolicy: 'network-only' }));
      } catch (failure) {
        if (!CombinedGraphQLErrors.is(failure)) throw failure;
        return { error: failure.errors[0] };
      }
    };
  },
  apolloPersisted() {
    return clients.apollo(new PersistedQueryLink({ sha256 }));
  },
  urql(...exchanges) {
    const client = new Client({ url, fetchOptions: { headers }, exchanges: [...exchanges, fetchExchange] });
    return async (text, variables) => {
      const mutation = text.startsWith('mutation');
      const { data, error } = await (mutation ? client.mutation(text, variables) : client.query(text, variables)).toPromise();
      if (error && error.graphQLErrors.length === 0) throw error;
      return { data, error: error?.graphQLErrors[0] };
    };
  },
  urqlPersisted() {
    return clients.urql(persistedExchange({ enableForMutation: true, generateHash: async (query) => sha256(query) }));
  },
  request() {
    const client = new GraphQLClient(url, { headers });
    return async (text, variables) => {
      try {
        return { data: await client.request(text, variables) };
      } catch (failure) {
        if (!(failure instanceof ClientError)) throw failure;
        return { error: failure.response.errors[0] };
      }
    };
  },
  // Relay's compiler refuses a field that its schema lacks. So the schema of this front end is one that has the password.
  relay() {
    const schema = readFileSync(new URL('../../schema.graphqls', import.meta.url), 'utf8');
    const folder = mkdtempSync(`${tmpdir()}/relay-`);
    const documents = { // the compiler wants a name that ends in the kind of the operation
      Viewer: VIEWER.replace('Viewer', 'ViewerQuery'),
      Credit: CREDIT.replace('Credit', 'CreditMutation'),
      Wrong: WRONG.replace('Wrong', 'WrongQuery'),
    };
    relay.compile(folder, schema.replace('type User {', 'type User { password: String'), documents);
    const compiled = {
      [VIEWER]: relay.load(folder, 'ViewerQuery'),
      [CREDIT]: relay.load(folder, 'CreditMutation'),
      [WRONG]: relay.load(folder, 'WrongQuery'),
    };
    rmSync(folder, { recursive: true });
    const environment = relay.connect(url, headers);
    return (text, variables) => relay.ask(environment, compiled[text], variables);
  },
};

const read = {};
for (const [name, connect] of Object.entries(clients)) {
  const ask = connect();
  const impUid = payments.shift();
  const credited = (await ask(CREDIT, { impUid })).data.createPointTransaction;
  const again = await ask(CREDIT, { impUid });
  const wrong = await ask(WRONG, {});
  read[name] = {
    viewer: (await ask(VIEWER, {})).data.viewer,
    line: credited.id,
    amount: credited.amount,
    repeated: again.error.extensions,
    wrong: wrong.error.extensions,
  };
}
console.log(JSON.stringify(read));
