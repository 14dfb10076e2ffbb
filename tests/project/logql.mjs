// Says of each query on stdin (a JSON list of texts) where Grafana's own grammar of LogQL does not hold.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

const require = createRequire(`${process.argv[2]}/`);
const { parser } = await import(pathToFileURL(require.resolve("@grafana/lezer-logql")).href);

const answers = JSON.parse(readFileSync(0, "utf8")).map((query) => {
  const errors = [];
  parser.parse(query).iterate({
    enter: (node) => {
      if (node.type.isError) errors.push(`at ${node.from}: ${query.slice(node.from, node.from + 20)}`);
    },
  });
  return errors;
});
console.log(JSON.stringify(answers));
