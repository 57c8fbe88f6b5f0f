// Runs the audits of GraphQL over HTTP (npm graphql-http) against the address in the first argument. Prints a line for each
// that failed, with the answer it did not like, and last how many there were and how many passed.
import { auditServer } from 'graphql-http';

const results = await auditServer({ url: process.argv[2] });
const failed = results.filter(({ status }) => status !== 'ok');
for (const { id, name, reason, response } of failed) {
  console.log(`${id} ${name}: ${reason}: ${response.status} ${await response.text().catch((error) => error)}`);
}
console.log(`${results.length} audits, ${results.length - failed.length} passed`);
