// node receiver.mjs      SECRET is the endpoint's whsec_…
import { createHmac, timingSafeEqual } from "node:crypto";
import { createServer } from "node:http";

function verified(headers, body, secret) {
  const id = headers["webhook-id"];
  const sent = headers["webhook-timestamp"];
  if (!id || !(Math.abs(Date.now() / 1000 - Number(sent)) <= 300)) {
    return false; // too old: somebody may be replaying it
  }
  const key = Buffer.from(secret.replace("whsec_", ""), "base64");
  const want = Buffer.from("v1," + createHmac("sha256", key).update(`${id}.${sent}.`).update(body).digest("base64"));
  return (headers["webhook-signature"] ?? "").split(" ").some((s) => { // two while a secret is being rotated
    const given = Buffer.from(s);
    return given.length === want.length && timingSafeEqual(given, want);
  });
}

createServer(async (req, res) => {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  const body = Buffer.concat(chunks); // the bytes as they came
  if (!verified(req.headers, body, process.env.SECRET)) {
    res.writeHead(401).end();
    return;
  }
  const message = JSON.parse(body);
  // Store the id and do nothing when it is there already; ignore a version older than the last one of this order.
  console.log(req.headers["webhook-id"], message.event, message.order_id, message.version);
  res.writeHead(204).end(); // answer first, work afterwards
}).listen(Number(process.env.PORT ?? 3000), "127.0.0.1");
