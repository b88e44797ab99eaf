import { expect, test } from "../support";

test("the API says that it is well", async ({ request, api }) => {
  const answer = await request.get(`${api}/healthz`);
  expect(answer.status()).toBe(200);
});
